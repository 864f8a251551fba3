"""GradFn: a node of the backward graph, and AccumulateGrad, the node of a leaf."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

from gradcli.errors import AutogradError
from gradcli.ops._op import Op, Plan

if TYPE_CHECKING:
    from gradcli.autograd.tensor import Tensor

Edge = tuple["GradFn | AccumulateGrad | None", int]
Meta = tuple[tuple[int, ...], Any]
NO_EDGE: Edge = (None, 0)
_sequence = count()

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


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

    def environment(self, g: Any, recording: bool) -> list[Any]:
        """Return what the formulas' parameters stand for: g, then the saved values (Tensors while recording)."""
        if self.saved is None:
            raise AutogradError(FREED, code="GC402", hint="write retain_graph: true on the earlier backward step")
        read = _as_tensor if recording else _as_raw
        return [g, *[read(value, self) for value in self.saved]]


class AccumulateGrad:
    """The node of a leaf, which adds what reaches it to the leaf's grad."""

    __slots__ = ("__weakref__", "variable")
    edges: tuple[Edge, ...] = ()
    next_functions: tuple[Edge, ...] = ()
    sequence = 1 << 62
    retained = None

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    @property
    def meta(self) -> tuple[Meta, ...]:
        """Shape and dtype of the leaf."""
        return ((self.variable.shape, self.variable.dtype),)

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


class Output:
    """A saved result, kept without its node so that no cycle arises; `at` is None for all results of a tuple."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw


def _as_raw(value: Any, node: GradFn) -> Any:
    kind = type(value)
    if kind is Output or kind is Cast:
        return value.raw
    if kind is list:
        return [_as_raw(item, node) for item in value]
    return value.data if hasattr(value, "gradient") else value


def _as_tensor(value: Any, node: GradFn) -> Any:
    kind = type(value)
    if kind is Output:
        return _output_tensors(value.raw, node)
    if kind is Cast:
        from gradcli.ops.creation import to_dtype

        return to_dtype(value.tensor, str(value.raw.dtype))
    if kind is list:
        return [_as_tensor(item, node) for item in value]
    return value


def _output_tensors(raw: Any, node: GradFn) -> Any:
    from gradcli.autograd.tensor import Tensor

    if node.op.outputs is None and not isinstance(raw, (list, tuple)):
        return Tensor.of_node(raw, node, 0)
    names = node.op.outputs or ()
    constant = [i < len(names) and names[i] in node.op.constant for i in range(len(raw))]
    return tuple(
        Tensor(r) if fixed else Tensor.of_node(r, node, i)
        for i, (r, fixed) in enumerate(zip(raw, constant, strict=True))
    )
