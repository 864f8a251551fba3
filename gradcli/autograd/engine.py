"""The engine: walks the backward graph from its roots and brings every cotangent to where it belongs.

It alone sums a cotangent to its input's shape, accumulates, skips what needs no gradient, casts to the input's dtype and frees
saved values. Nodes run in PyTorch's order, the latest recorded first, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from gradcli.autograd.grad_fn import AccumulateGrad, Edge, GradFn
from gradcli.autograd.saved import raw, recorded
from gradcli.autograd.tensor import Tensor, recording
from gradcli.ops import operators
from gradcli.ops._op import RAW
from gradcli.ops.reduction import sum_to_size
from gradcli.progress import WATCHED

Node = GradFn | AccumulateGrad
Root = tuple[Edge, Any]
Cotangents = list[Any]
"""One cotangent per output of a node (None: undefined)."""


def run(
    roots: Sequence[Root], *, keep: bool, record: bool, wanted: Sequence[Edge] | None = None, accumulate: bool = False
) -> list[Any]:  # fmt: skip
    """Run one backward pass from (edge, cotangent) roots.

    Without `wanted` every leaf accumulates its gradient. With it only the nodes on the way to the wanted edges run, and their
    cotangents are returned (None: not reached); with `accumulate` their own nodes run too, and leaves among them
    accumulate. `record` makes the pass itself differentiable.
    """
    with recording(record), operators.formulas(record), np.errstate(all="ignore"):
        targets = {node for node, _ in wanted or ()}
        needed = None
        if wanted is not None:
            needed = _reaching(_below([node for (node, _), _ in roots]), targets) | (targets if accumulate else set())
        one_pass = Pass(keep, record, needed, targets, None if accumulate else wanted)
        for (node, output), g in roots:
            if needed is None or node in needed or node in targets:
                one_pass.start(node, output, g)  # type: ignore[arg-type]
        one_pass.run()
        return [one_pass.found.get(edge) for edge in wanted or ()]


class Pass:
    """One backward pass: the nodes that a cotangent has reached, and what is asked of it.

    A node was recorded after all that it was computed from. So nothing can still reach the latest one of those that
    were reached, and it is the next; no edges are counted. Leaves come last.
    """

    __slots__ = ("found", "keep", "latest", "needed", "reached", "record", "targets", "wanted")

    def __init__(
        self, keep: bool, record: bool, needed: set[Any] | None, targets: set[Any], wanted: Sequence[Edge] | None
    ) -> None:  # fmt: skip
        self.keep, self.record, self.needed, self.targets, self.wanted = keep, record, needed, targets, wanted
        self.reached: dict[Node, Cotangents] = {}
        self.latest: list[tuple[int, GradFn]] = []
        self.found: dict[Edge, Any] = {}

    def start(self, node: Node, output: int, g: Any) -> None:
        """Begin with a cotangent of a root's output."""
        slots = self.reached.get(node)
        if slots is None:
            slots = self._reach(node)
        g = conform(g, *node.meta[output])
        slots[output] = g if slots[output] is None else slots[output] + g

    def run(self) -> None:
        """Run all nodes that are reached, the latest first, then the leaves."""
        needed, targets, latest, reached = self.needed, self.targets, self.latest, self.reached
        keep, record, node = self.keep, self.record, None
        self._watch()
        try:
            while latest:
                node = heappop(latest)[1]
                g = reached.pop(node)
                if node.retained or needed is not None:
                    self.note(node, g)
                    if needed is not None and node not in needed:
                        continue
                for (following, output), cotangent in zip(node.edges, _cotangents(node, g, record), strict=True):
                    if following is None or not (needed is None or following in needed or following in targets):
                        continue
                    slots = reached.get(following)
                    if slots is None:
                        slots = self._reach(following)
                    if cotangent is not None:
                        shape, dtype = following.meta[output]
                        if cotangent.shape != shape or cotangent.dtype is not dtype:
                            cotangent = conform(cotangent, shape, dtype)
                        before = slots[output]
                        slots[output] = cotangent if before is None else before + cotangent
                if not keep:
                    node.free()
        except Exception:
            self._finish(set(_below([node, *(pending for _, pending in latest)])))
            raise
        self._finish(set())

    def _reach(self, node: Node) -> Cotangents:
        """Return the empty places for the cotangents of a node that is reached for the first time."""
        if type(node) is GradFn:
            heappush(self.latest, (-node.sequence, node))
        slots = self.reached[node] = [None] * len(node.meta)
        return slots

    def _watch(self) -> None:
        """Say how many nodes there are at most and how many are done, where somebody watches: nodes are numbered."""
        progress, latest = WATCHED.get(), self.latest
        if progress is not None and latest:
            first, origin = -latest[0][0], progress.origin
            progress.begin("backward", "nodes", first - origin, lambda: first + next((at for at, _ in latest[:1]), -origin))

    def _finish(self, pending: set[Any]) -> None:
        """Note the leaves that no pending node can reach any more."""
        for node, g in self.reached.items():
            if node not in pending:
                self.note(node, g)

    def note(self, node: Node, g: Cotangents) -> None:
        """Hand a complete cotangent to those who asked for it: a leaf's grad, `retain_grad`, the wanted edges."""
        if node.retained:
            for output, tensor in node.retained.items():
                if tensor() is not None and g[output] is not None:
                    tensor().accumulate(g[output])
        if self.wanted is not None:
            self.found.update({(node, output): g[output] for output in range(len(g)) if (node, output) in self.wanted})
        elif type(node) is AccumulateGrad and g[0] is not None:
            node.variable.accumulate(g[0])


def _cotangents(node: GradFn, g: Cotangents, record: bool) -> Sequence[Any]:
    """Return one cotangent per edge (None: undefined)."""
    op, plan, saved = node.op, node.plan, node.saved
    several = op.outputs is not None or len(g) > 1
    if g[0] is None and (not several or all(item is None for item in g)):
        return [None] * len(node.edges)
    if op.zeros:
        g = [
            np.zeros(shape, dtype) if item is None else item for item, (shape, dtype) in zip(g, node.meta, strict=True)
        ]
    known: list[Any] = [tuple(g) if several else g[0]]
    if record or saved is None:
        known += recorded(node)
    elif saved:
        known += [v.data if type(v) is Tensor else v if type(v) in RAW else raw(v) for v in saved]
    if plan.one_each:
        found = [formula(*[known[i] for i in indices]) for _, formula, indices in plan.formulas]
        return found if node.layout is None else _flatten(found, node.layout)
    results: list[Any] = [None] * len(op.differentiable)
    for inputs, formula, indices in plan.formulas:
        value = formula(*[known[i] for i in indices])
        if len(inputs) == 1:
            results[inputs[0]] = value
        elif value is not None:
            for place, item in zip(inputs, value, strict=True):
                results[place] = item
    return results if node.layout is None else _flatten(results, node.layout)


def _flatten(results: list[Any], layout: Sequence[int | None]) -> list[Any]:
    """Return one cotangent per edge where a parameter is a list of tensors."""
    flat: list[Any] = []
    for value, length in zip(results, layout, strict=True):
        if length is None:
            flat.append(value)
        else:
            flat.extend([None] * length if value is None else value)
    return flat


def conform(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a cotangent with the shape and dtype of the tensor that it belongs to."""
    if g.shape != shape:
        g = sum_to_size(g, shape)
    if g.dtype is not dtype and g.dtype != dtype:
        g = _cast(g, dtype)
    return g


def _cast(g: Any, dtype: Any) -> Any:
    if isinstance(g, Tensor):
        from gradcli.ops.creation import to_dtype
        from gradcli.ops.rearrange import real

        return to_dtype(real(g) if g.dtype.kind == "c" and dtype.kind != "c" else g, str(dtype))
    return (g.real if g.dtype.kind == "c" and dtype.kind != "c" else g).astype(dtype)


def _below(roots: Sequence[Any]) -> dict[Any, None]:
    """Return the nodes that can be reached from the roots, and these."""
    found = dict.fromkeys(root for root in roots if root is not None)
    stack = list(found)
    while stack:
        for following, _ in stack.pop().edges:
            if following is not None and following not in found:
                found[following] = None
                stack.append(following)
    return found


def _reaching(nodes: dict[Any, None], targets: set[Any]) -> set[Any]:
    """Return the nodes from which a target can be reached."""
    before: dict[Any, list[Any]] = {}
    for node in nodes:
        for following, _ in node.edges:
            before.setdefault(following, []).append(node)
    reached: set[Any] = set()
    stack = [target for target in targets if target is not None]
    while stack:
        for node in before.get(stack.pop(), ()):
            if node not in reached:
                reached.add(node)
                stack.append(node)
    return reached


def seed(v: Any, output: Tensor, record: bool) -> Any:
    """Return a cotangent as this pass computes with it: a Tensor while recording, else raw."""
    raw_or_tensor = np.ones(output.shape, output.dtype)[()] if v is None else v
    if record:
        return raw_or_tensor if isinstance(raw_or_tensor, Tensor) else Tensor(raw_or_tensor)
    return raw_or_tensor.data if isinstance(raw_or_tensor, Tensor) else raw_or_tensor
