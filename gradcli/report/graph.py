"""The GraphReport: the two DAGs of a spec, forward (what computes what) and backward (grad_fn and next_functions)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from gradcli.report.run import Kind

if TYPE_CHECKING:
    from gradcli.source.diagnostic import Diagnostic

View: TypeAlias = Literal["forward", "backward"]
Edge: TypeAlias = tuple[int, int]
"""The id of the next node and which of its outputs the edge leads to."""


class ForwardNode(NamedTuple):
    """One value: the op that made it (None for leaves and numbers) and the names that it was made from."""

    name: str
    op: str | None
    inputs: tuple[str, ...]
    shape: tuple[int, ...] | None
    dtype: str | None
    requires_grad: bool
    line: int | None
    kind: Kind = "op"


class BackwardNode(NamedTuple):
    """One grad_fn; `tensor` (and its `shape`) is the leaf that an AccumulateGrad fills, a missing edge is None."""

    id: int
    name: str
    tensor: str | None
    next_functions: tuple[Edge | None, ...]
    shape: tuple[int, ...] | None = None


class GraphReport(NamedTuple):
    """Both views of one spec: forward nodes in evaluation order, backward nodes in the order of their ids."""

    spec: str
    description: str | None = None
    forward: tuple[ForwardNode, ...] = ()
    backward: tuple[BackwardNode, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class GradFn(Protocol):
    """What a walk needs to know of a node; equal edges must lead to the identical object each time."""

    def name(self) -> str:
        """PyTorch's name, `AddBackward0`."""
        ...

    @property
    def next_functions(self) -> Sequence[tuple[GradFn | None, int]]:
        """The nodes that it hands gradients to, each with the number of that node's output."""
        ...


Leaf: TypeAlias = tuple[str | None, tuple[int, ...] | None]


def _nameless(node: GradFn) -> Leaf:
    return None, None


def walk_backward(
    roots: Iterable[GradFn | None], leaf: Callable[[GradFn], Leaf] = _nameless
) -> tuple[BackwardNode, ...]:
    """All nodes that the roots reach, depth first, ids in pre-order; `leaf` tells what an AccumulateGrad fills."""
    ids: dict[int, int] = {}
    found: list[tuple[GradFn, Sequence[tuple[GradFn | None, int]]]] = []
    stack = [root for root in reversed(list(roots)) if root is not None]
    while stack:
        node = stack.pop()
        if id(node) in ids:
            continue
        ids[id(node)] = len(found)
        edges = node.next_functions
        found.append((node, edges))
        stack.extend(following for following, _ in reversed(edges) if following is not None)
    return tuple(_backward_node(number, node, edges, ids, leaf) for number, (node, edges) in enumerate(found))


def _backward_node(
    number: int,
    node: GradFn,
    edges: Sequence[tuple[GradFn | None, int]],
    ids: dict[int, int],
    leaf: Callable[[GradFn], Leaf],
) -> BackwardNode:
    name = node.name().removeprefix("torch::autograd::")
    tensor, shape = leaf(node) if name == "AccumulateGrad" else (None, None)
    following = tuple(None if after is None else (ids[id(after)], output) for after, output in edges)
    return BackwardNode(number, name, tensor, following, shape)
