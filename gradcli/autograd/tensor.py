"""Tensor: values with a place in the backward graph; every op called on one is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from weakref import ref

import numpy as np

from gradcli.autograd.grad_fn import NO_EDGE, AccumulateGrad, Cast, Edge, GradFn
from gradcli.errors import AutogradError
from gradcli.ops import operators
from gradcli.ops._budget import allow
from gradcli.ops._op import RAW, TAPE, Op, Plan
from gradcli.ops._promotion import SCALARS

_recording: ContextVar[bool] = ContextVar("recording", default=True)


class Tensor(operators.Operators):
    """An n-dimensional array that remembers how it was computed.

    `data` is the raw value (an ndarray or a NumPy scalar); `grad` an ndarray of the same shape, or None.
    Raises AutogradError where an integer tensor is asked to require grad.
    """

    __slots__ = (
        "__weakref__",
        "_accumulator",
        "data",
        "grad_fn",
        "gradient",
        "output_nr",
        "requires_grad",
        "retains_grad",
    )
    __array_ufunc__ = None

    def __init__(
        self, data: Any, requires_grad: bool = False, grad_fn: GradFn | None = None, output_nr: int = 0
    ) -> None:  # fmt: skip
        self.data = data
        self.grad_fn = grad_fn
        self.output_nr = output_nr
        self.gradient: Tensor | None = None
        self.retains_grad = False
        self._accumulator: ref[AccumulateGrad] | None = None
        if requires_grad and grad_fn is None and data.dtype.kind not in "fc":
            raise AutogradError("Only Tensors of floating point and complex dtype can require gradients", code="GC408")
        self.requires_grad = requires_grad

    @classmethod
    def of_node(cls, data: Any, node: GradFn, output_nr: int) -> Tensor:
        """Return the tensor that is this output of a node."""
        return cls(data, True, node, output_nr)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all dimensions."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.grad_fn is None

    @property
    def grad(self) -> np.ndarray[Any, Any] | None:
        """The accumulated gradient, or None where none was accumulated."""
        return None if self.gradient is None else self.gradient.numpy()

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the values as an array."""
        return np.asarray(self.data)

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self.data.tolist()

    def item(self) -> Any:
        """Return the value of a tensor of one element as a Python number."""
        if self.data.size != 1:
            raise AutogradError(f"a Tensor with {self.data.size} elements cannot be converted to Scalar", code="GC306")
        return self.data.item()

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor although it is no leaf."""
        if not self.requires_grad:
            raise AutogradError("can't retain_grad on Tensor that has requires_grad=False", code="GC409")
        if self.grad_fn is not None and not self.retains_grad:
            self.retains_grad = True
            self.grad_fn.retain(self.output_nr, self)

    def edge(self) -> Edge:
        """Return the node that made this tensor, or the accumulator of a leaf, with the output's index."""
        if self.grad_fn is not None:
            return self.grad_fn, self.output_nr
        if not self.requires_grad:
            return NO_EDGE
        node = self._accumulator() if self._accumulator is not None else None
        if node is None:
            node = AccumulateGrad(self)
            self._accumulator = ref(node)
        return node, 0

    def accumulate(self, g: Any) -> None:
        """Add a cotangent to the grad: a raw value, or a Tensor where the pass itself was recorded."""
        if self.gradient is None:
            self.gradient = g if isinstance(g, Tensor) else Tensor(_owned(g))
        else:
            total = self.gradient + g if isinstance(g, Tensor) or self.gradient.requires_grad else None
            self.gradient = Tensor(self.gradient.data + g) if total is None else total

    def __apply__(self, op: Op, values: list[Any]) -> Any:
        """Run an op on these values and record it where one of them requires grad."""
        return apply(op, values)

    def __bool__(self) -> bool:
        if self.data.size != 1:
            some = "more than one value" if self.data.size else "no values"
            raise AutogradError(f"Boolean value of Tensor with {some} is ambiguous", code="GC306")
        return bool(self.data)

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self.data)

    def __repr__(self) -> str:
        grad = (
            f", grad_fn=<{self.grad_fn.name()}>"
            if self.grad_fn
            else ", requires_grad=True"
            if self.requires_grad
            else ""
        )
        return f"tensor({np.array2string(self.numpy(), separator=', ')}{grad})"


def _owned(g: Any) -> Any:
    """Return an array that is no broadcast view, so that what users see can be written to."""
    return g.copy() if isinstance(g, np.ndarray) and (0 in g.strides or not g.flags.writeable) else g


def is_recording() -> bool:
    """Return whether ops on tensors that require grad are recorded here."""
    return _recording.get()


class recording:
    """Record ops inside, or not (`torch.set_grad_enabled`)."""

    __slots__ = ("_enabled", "_token")

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __enter__(self) -> None:
        self._token = _recording.set(self._enabled)

    def __exit__(self, *_: object) -> None:
        _recording.reset(self._token)


def detached(value: Any) -> Any:
    """Return the raw values of the tensors in a list, or the value itself."""
    if (type(value) is tuple or type(value) is list) and any(type(item) is Tensor for item in value):
        return [item.data if type(item) is Tensor else item for item in value]
    return value


def apply(op: Op, values: Sequence[Any]) -> Any:
    """Run an op's kernel on the raw values, and leave a node behind where a gradient may be asked for.

    Raises ShapeError and DtypeError with PyTorch's texts.
    """
    raws: Sequence[Any] = [
        value.data if type(value) is Tensor else value if type(value) in RAW else detached(value) for value in values
    ]
    if not op.by_type or tuple(map(type, raws)) not in op.settled:
        raws = _settled(op, raws)
    tape = TAPE.get()
    result = (op.flat or op.flattened())(*raws) if tape is None else tape.run(op, raws)
    recorded = _recording.get()
    kept = False
    if op.differentiable and (recorded or op.view):
        edges, needs, layout = _edges(op, values)
        if recorded and True in needs:
            plan = op.plans.get(needs) or op.plan(needs)
            saved = _saved(plan, values, raws, result)
            if op.outputs is None and type(result) is not tuple and type(result) is not list:
                dtype = result.dtype
                node = GradFn(op, plan, edges, saved, ((result.shape, dtype),), layout)
                return Tensor(result, True, node) if dtype.kind in "fc" else Tensor(result)
            return _outputs(result, GradFn(op, plan, edges, saved, tuple([(r.shape, r.dtype) for r in result]), layout))
        kept = True in needs  # a view that was not recorded requires grad without a node, as in PyTorch
    if op.outputs is None and type(result) not in (list, tuple):
        return Tensor(result, kept)
    return tuple(Tensor(item, kept) for item in result)


def _settled(op: Op, raws: Sequence[Any]) -> Sequence[Any]:
    """Return the values in one compute dtype, once their shapes fit and the budget allows the result.

    Where an op judges by types alone, scalars of types that needed no change are not looked at again.
    """
    promoted = raws if op.promote is None else op.promote(op, raws)
    shape = op.shape(*promoted) if op.shape is not None else None
    if shape:
        allow(shape)
    elif op.by_type and shape == () and promoted is raws and all(type(raw) in SCALARS for raw in raws):
        op.settled.add(tuple(map(type, raws)))
    return promoted


_Edges = tuple[tuple[Edge, ...], tuple[bool, ...], list[int | None] | None]


def _edges(op: Op, values: Sequence[Any]) -> _Edges:
    """Return the edges of the differentiable parameters, which parameters need a gradient, and the lengths of lists.

    The lengths are None where no parameter is a list.
    """
    edges: list[Edge] = []
    needs: list[bool] = []
    for at in op.differentiable:
        value = values[at]
        if type(value) is Tensor and value.requires_grad:
            node = value.grad_fn
            edges.append(value.edge() if node is None else (node, value.output_nr))
            needs.append(True)
        elif type(value) is list or type(value) is tuple:
            return _edges_of_lists([values[at] for at in op.differentiable])
        else:
            edges.append(NO_EDGE)
            needs.append(False)
    return tuple(edges), tuple(needs), None


def _edges_of_lists(values: Sequence[Any]) -> _Edges:
    lists = [value if type(value) in (list, tuple) else (value,) for value in values]
    edges = [[v.edge() if type(v) is Tensor and v.requires_grad else NO_EDGE for v in items] for items in lists]
    needs = tuple([any(node is not None for node, _ in found) for found in edges])
    lengths = [len(value) if type(value) in (list, tuple) else None for value in values]
    return tuple([edge for found in edges for edge in found]), needs, lengths


def _outputs(results: Sequence[Any], node: GradFn) -> tuple[Tensor, ...]:
    """Return several results as the outputs of their node, those aside that have no derivative."""
    op, names = node.op, node.op.outputs or ()
    return tuple(
        Tensor(out)
        if out.dtype.kind not in "fc" or (i < len(names) and names[i] in op.constant)
        else Tensor.of_node(out, node, i)
        for i, out in enumerate(results)
    )


def _saved(plan: Plan, values: Sequence[Any], raws: Sequence[Any], result: Any) -> list[Any]:
    """Return what a node keeps of one call: inputs as written, results without their node, shapes and dtypes."""
    saved = []
    for kind, at in plan.saved:
        if kind == "out":
            saved.append(result)
        elif kind == "value":
            value, raw = values[at], raws[at]
            saved.append(value if type(value) is Tensor and value.requires_grad and value.data is raw else _kept(value, raw))
        else:
            saved.append(at if kind == "needs" else _property(kind, raws[at]))
    return saved


def _kept(value: Any, raw: Any) -> Any:
    """Return one input as a node keeps it: raw where it needs no gradient, beside its tensor where promotion changed it."""
    if type(value) is Tensor:
        return raw if not value.requires_grad else value if value.data is raw else Cast(value, raw)
    if type(value) in (list, tuple) and type(raw) is list:
        return [_kept(v, r) for v, r in zip(value, raw, strict=True)]
    return raw


def _property(kind: str, raw: Any) -> Any:
    """Return the shape or dtype of an input, of each where it is a list."""
    if type(raw) in (list, tuple):
        return [getattr(item, kind) for item in raw]
    return getattr(raw, kind, () if kind == "shape" else None)
