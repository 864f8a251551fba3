"""Families: what groups of ops have in common, so that one op is one line of its own mathematics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradcli.errors import AutogradError, NumericError, ShapeError
from gradcli.ops._dtypes import taking
from gradcli.ops._op import Formula, Op, op
from gradcli.ops._promotion import dtype_name, floating, same

Shape = tuple[int, ...]

BINARY = "(input: Tensor|Scalar, other: Tensor|Scalar)"
TENSORS = "(input: Tensor, other: Tensor)"
WITH_NUMBER = "(input: Tensor, other: Tensor|Scalar)"
NUMBER_FIRST = "(self: Tensor|Scalar, other: Tensor)"


def aliases(*names: str) -> str:
    """Return more names of a function and method: `torch.absolute Tensor.absolute`."""
    return " ".join(f"torch.{name} Tensor.{name}" for name in names)


def conj(x: Any) -> Any:
    """Return the conjugate of a complex value; a real value is its own."""
    if type(x) in _REAL or (type(x) is np.ndarray and x.dtype.kind != "c") or not dtype_name(x).startswith("complex"):
        return x
    from gradcli.ops import rearrange

    return rearrange.conj(x)


_REAL = frozenset((np.float32, np.float64, np.float16, float, int))


def not_implemented(name: str) -> Formula:
    """Return the formula of an op for which PyTorch has a node but no derivative."""

    def formula(g: Any) -> Any:
        raise AutogradError(f"derivative for aten::{name} is not implemented", code="GC410")

    return formula


def is_integral(x: Any) -> bool:
    """Return whether a tensor, array, Symbol or number is a bool or an integer."""
    return not dtype_name(x).startswith(("float", "complex"))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the common shape of tensors of these shapes; raise ShapeError with PyTorch's text where there is none."""
    first = shapes[0]
    for other in shapes[1:]:
        if other != first:
            first = _broadcast_two(first, other)
    return first


@lru_cache(maxsize=4096)
def _broadcast_two(a: Shape, b: Shape) -> Shape:
    size = max(len(a), len(b))
    left, right = (1,) * (size - len(a)) + a, (1,) * (size - len(b)) + b
    for dim in reversed(range(size)):
        if left[dim] != right[dim] and left[dim] != 1 and right[dim] != 1:
            raise ShapeError(
                f"The size of tensor a ({left[dim]}) must match the size of tensor b ({right[dim]}) at non-singleton "
                f"dimension {dim}"
            )
    return tuple(r if l == 1 else l for l, r in zip(left, right, strict=True))


def broadcast_rule(*values: Any) -> Shape:
    """Return the broadcast shape of all tensors among an elementwise op's values."""
    common: Shape | None = None
    for value in values:
        if type(value) in _NUMBERS:
            continue
        shape = getattr(value, "shape", None)
        if shape is not None and shape != common:
            common = shape if common is None else _broadcast_two(common, shape)
    return common or ()


_NUMBERS = frozenset((int, float, bool))


def _all_nonzero(y: Any) -> bool:
    return bool(y.all() if hasattr(y, "all") else y)


def nonzero_divisor(x: Any, y: Any, *_: Any) -> Any:
    """Return the broadcast shape; raise NumericError where an integer is divided by zero."""
    if is_integral(x) and is_integral(y) and not hasattr(y, "__apply__") and not _all_nonzero(y):
        raise NumericError("ZeroDivisionError", hint="an integer cannot be divided by zero")
    return broadcast_rule(x, y)


def elementwise(
    name: str, latex: str, kernel: Callable[..., Any], *, vjp: dict[str, Formula] | None = None,
    promote: Any = floating,
    names: str = "torch Tensor", **record: Any,
) -> Op:  # fmt: skip
    """Declare an op that maps elements to elements of the broadcast shape; integers become the default floating dtype.

    `promote=same` keeps integers; `takes=(kernel, kinds)` refuses dtypes of other kinds in that kernel's name; `by_type` says
    that another shape rule looks at types and shapes only.
    """
    shape = record.pop("shape", broadcast_rule)
    by_type = record.pop("by_type", shape is broadcast_rule and promote in (None, same, floating))
    takes = record.pop("takes", None)
    shape = taking(*takes, shape) if takes else shape
    declared = op(name, kernel, latex=latex, vjp=vjp, promote=promote, shape=shape, names=names, **record)
    declared.elementwise, declared.by_type = True, by_type
    return declared


def comparison(name: str, latex: str, kernel: Callable[..., Any], **record: Any) -> Op:
    """Declare an elementwise op from tensors to booleans, which has no derivative."""
    return elementwise(name, latex, kernel, promote=same, dtype="bool", signature=WITH_NUMBER, **record)


def normalize_dim(dim: int, ndim: int) -> int:
    """Return a dimension counted from the front; raise ShapeError with PyTorch's text where there is none."""
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise ShapeError(
            f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})", code="GC304"
        )
    return dim % size


def normalize_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return the dimensions counted from the front; None and () are all of them."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = tuple(normalize_dim(d, ndim) for d in ([dim] if isinstance(dim, int) else dim))
    if len(set(dims)) < len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise ShapeError(f"dim {twice} appears multiple times in the list of dims", code="GC304")
    return dims if ndim else ()


def reduced_shape(shape: Shape, dims: Sequence[int], keepdim: bool) -> Shape:
    """Return the shape that is left after these dimensions were reduced."""
    if keepdim:
        return tuple(1 if i in dims else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in dims)


def reduction_rule(x: Any, dim: Any = None, keepdim: bool = False, *_: Any) -> Shape:
    """Return the shape of a reduction from (x, dim, keepdim)."""
    return reduced_shape(x.shape, normalize_dims(dim, x.ndim), keepdim)


def reduction(
    name: str, latex: str, kernel: Callable[..., Any], *, shape: Any = reduction_rule, names: str = "torch Tensor",
    **record: Any,
) -> Op:  # fmt: skip
    """Declare an op that reduces dimensions: the kernel's parameters begin with x, dim, keepdim, or `shape` differs."""
    return op(name, kernel, latex=latex, shape=shape, names=names, **record)


def view(name: str, kernel: Callable[..., Any], *, names: str = "torch Tensor", **record: Any) -> Op:
    """Declare an op whose result shares its input's memory: the kernel gives a NumPy view."""
    notes = record.pop("notes", "a view")
    declared = op(name, kernel, names=names, shape=record.pop("shape", None), notes=notes, **record)
    declared.view = True
    return declared
