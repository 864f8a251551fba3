"""GradFn: a node of the backward graph, and AccumulateGrad, the node of a leaf."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

from gradcli.ops._op import Op, Plan

if TYPE_CHECKING:
    from gradcli.autograd.tensor import Tensor

Edge = tuple["GradFn | AccumulateGrad | None", int]
Meta = tuple[tuple[int, ...], Any]
NO_EDGE: Edge = (None, 0)
_sequence = count()


def next_sequence() -> int:
    """Return the number that the next node would have had; that one is left out."""
    return next(_sequence)


class GradFn:
    """The node that an op leaves behind: its edges to the inputs' nodes and what its formulas need.

    `edges` and `counts` follow the differentiable parameters; a list of tensors has as many edges as items. `meta` is
    (shape, dtype) of each output, which the engine holds cotangents to.
    """

    __slots__ = ("__weakref__", "edges", "layout", "meta", "op", "plan", "retained", "saved", "sequence")

    def __init__(
        self, op: Op, plan: Plan, edges: tuple[Edge, ...], saved: list[Any], meta: tuple[Meta, ...], layout: Any
    ) -> None:  # fmt: skip
        self.op, self.plan, self.edges, self.saved, self.meta = op, plan, edges, saved, meta
        self.layout = layout
        self.sequence = next(_sequence)
        self.retained: dict[int, Any] | None = None

    def name(self) -> str:
        """Return PyTorch's name of the node: `AddBackward0`."""
        return self.op.grad_fn

    @property
    def next_functions(self) -> tuple[Edge, ...]:
        """The nodes of the inputs, each with the index of the output that it was."""
        return self.edges

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    def retain(self, output: int, tensor: Tensor) -> None:
        """Give `tensor` the cotangent of this output in every backward pass."""
        self.retained = (self.retained or {}) | {output: ref(tensor)}

    def free(self) -> None:
        """Forget the saved values; a second pass through them is an error."""
        if self.plan.saves_tensors:
            self.saved = None  # type: ignore[assignment]


class AccumulateGrad:
    """The node of a leaf, which adds what reaches it to the leaf's grad."""

    __slots__ = ("__weakref__", "meta", "variable")
    edges: tuple[Edge, ...] = ()
    next_functions: tuple[Edge, ...] = ()
    retained = None

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self.meta: tuple[Meta, ...] = ((variable.shape, variable.dtype),)

    def name(self) -> str:
        """Return `AccumulateGrad`."""
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


class Cast:
    """A saved input that promotion changed: the tensor as written and the raw values that the kernel saw."""

    __slots__ = ("raw", "tensor")

    def __init__(self, tensor: Tensor, raw: Any) -> None:
        self.tensor, self.raw = tensor, raw
