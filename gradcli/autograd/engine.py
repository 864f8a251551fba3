"""The engine: walks the backward graph from its roots and brings every cotangent to where it belongs.

It alone sums a cotangent to its input's shape, accumulates, skips what needs no gradient, casts to the input's dtype and frees
saved values. Nodes run in PyTorch's order, the latest recorded first, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np

from gradcli.autograd.grad_fn import AccumulateGrad, Edge, GradFn
from gradcli.autograd.tensor import Tensor, recording
from gradcli.ops import operators
from gradcli.ops.reduction import sum_to_size

Node = GradFn | AccumulateGrad
Root = tuple[Edge, Any]


def run(
    roots: Sequence[Root], *, keep: bool, record: bool, wanted: Sequence[Edge] | None = None, accumulate: bool = False
) -> list[Any]:  # fmt: skip
    """Run one backward pass from (edge, cotangent) roots.

    Without `wanted` every leaf accumulates its gradient. With it only the nodes on the way to the wanted edges run, and their
    cotangents are returned (None: not reached); with `accumulate` their own nodes run too, and leaves among them
    accumulate. `record` makes the pass itself differentiable.
    """
    with recording(record), operators.formulas(record), np.errstate(all="ignore"):
        waiting = _dependencies([node for (node, _), _ in roots if node is not None])
        targets = {node for node, _ in wanted or ()}
        needed = None if wanted is None else _reaching(waiting, targets) | (targets if accumulate else set())
        found: dict[Edge, Any] = {}
        buffers: dict[Any, list[Any]] = {}
        for (node, output), g in roots:
            _add(buffers, node, output, conform(g, node.meta[output]))  # type: ignore[union-attr]
        order = count()
        ready = [(-node.sequence, next(order), node) for node in buffers if not waiting[node]]
        ready.sort()
        while ready:
            node = heappop(ready)[2]
            g = buffers.pop(node, None) or [None] * len(node.meta)
            if needed is None or node in needed or node in targets:
                _note(node, g, None if accumulate else wanted, found)
            for (following, output), cotangent in zip(
                node.edges, _cotangents(node, g, wanted, needed, record), strict=True
            ):
                if following is None:
                    continue
                if cotangent is not None:
                    _add(buffers, following, output, conform(cotangent, following.meta[output]))
                waiting[following] -= 1
                if not waiting[following]:
                    heappush(ready, (-following.sequence, next(order), following))
            if not keep and type(node) is GradFn and (needed is None or node in needed):
                node.free()
        return [found.get(edge) for edge in wanted or ()]


def _note(node: Node, g: list[Any], wanted: Sequence[Edge] | None, found: dict[Edge, Any]) -> None:
    """Hand a complete cotangent to those who asked for it: a leaf's grad, `retain_grad`, the wanted edges."""
    if node.retained:
        for output, tensor in node.retained.items():
            if tensor() is not None and g[output] is not None:
                tensor().accumulate(g[output])
    if wanted is not None:
        found.update({(node, output): g[output] for output in range(len(g)) if (node, output) in wanted})
    elif type(node) is AccumulateGrad and g[0] is not None:
        node.variable.accumulate(g[0])


def _cotangents(node: Node, g: list[Any], wanted: Any, needed: set[Any] | None, record: bool) -> Sequence[Any]:
    """Return one cotangent per edge (None: undefined or not needed)."""
    if type(node) is AccumulateGrad or all(item is None for item in g) or (needed is not None and node not in needed):
        return [None] * len(node.edges)
    assert isinstance(node, GradFn)
    op = node.op
    if op.zeros:
        g = [
            np.zeros(shape, dtype) if item is None else item for item, (shape, dtype) in zip(g, node.meta, strict=True)
        ]
    several = op.outputs is not None or len(g) > 1
    environment = node.environment(tuple(g) if several else g[0], record)
    results: list[Any] = [None] * len(op.differentiable)
    for inputs, formula, indices in node.plan.formulas:
        value = formula(*[environment[i] for i in indices])
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


def conform(g: Any, meta: tuple[tuple[int, ...], Any]) -> Any:
    """Return a cotangent with the shape and dtype of the tensor that it belongs to."""
    shape, dtype = meta
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


def _add(buffers: dict[Any, list[Any]], node: Any, output: int, g: Any) -> None:
    """Sum a cotangent into the buffer of a node's output."""
    slots = buffers.get(node)
    if slots is None:
        slots = buffers[node] = [None] * len(node.meta)
    slots[output] = g if slots[output] is None else slots[output] + g


def _dependencies(roots: Sequence[Any]) -> dict[Any, int]:
    """Return, for every node below the roots, how many edges lead to it."""
    waiting = dict.fromkeys(roots, 0)
    stack = list(waiting)
    while stack:
        for following, _ in stack.pop().edges:
            if following is None:
                continue
            if following in waiting:
                waiting[following] += 1
            else:
                waiting[following] = 1
                stack.append(following)
    return waiting


def _reaching(nodes: dict[Any, int], targets: set[Any]) -> set[Any]:
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
