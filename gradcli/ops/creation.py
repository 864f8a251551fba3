"""Creation: new tensors, and tensors in another dtype."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops._budget import allow
from gradcli.ops._layout import copied, filled_like
from gradcli.ops._numbers import fits, no_complex, number_as
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import NUMBERS, as_dtype, dtype_name
from gradcli.ops._samples import index, real, sample
from gradcli.types.dtype import DEFAULT, default_complex, number_dtype, promote_types


def is_complex_value(x: Any) -> bool:
    """Return whether a tensor, array, Symbol or number is complex."""
    return isinstance(x, complex) if getattr(x, "dtype", None) is None else dtype_name(x).startswith("complex")


def values_of(x: Any) -> np.ndarray[Any, Any]:
    """Return the values of a tensor that an op must look at, as an array."""
    if hasattr(x, "__apply__"):
        return np.asarray(x.data if hasattr(x, "data") else x.item())
    return np.asarray(x)


def _convert(x: Any, dtype: str) -> Any:
    target = as_dtype(dtype)
    return copied(x.real if x.dtype.kind == "c" and target.kind != "c" and dtype != "bool" else x, target)


_to_copy = op(
    "_to_copy", _convert, names="", grad_fn="ToCopyBackward0", signature="(input: Tensor, dtype: dtype)",
    dtype=lambda x, dtype: dtype, shape=lambda x, dtype: x.shape,
    vjp=dict(x=lambda g, x_dtype: to_dtype(g, str(x_dtype))),
)  # fmt: skip


def to_dtype(x: Any, dtype: str) -> Any:
    """Return a value in a dtype; a value that has it already is returned as it is."""
    return x if str(x.dtype) == dtype else _to_copy(x, dtype)


def checked(size: Any) -> tuple[int, ...]:
    """Return a size; raise PyTorch's error for a negative one, and LimitError for one beyond the budget."""
    if any(n < 0 for n in size):
        raise ShapeError(
            f"Trying to create tensor with negative dimension {next(n for n in size if n < 0)}: {list(size)}"
        )
    allow(tuple(size))
    return tuple(size)


_SIZE = "(*size: int[], dtype: dtype?=None)"


@composite("torch", _SIZE)
def zeros(size: Any, dtype: str | None = None) -> Any:
    """Return zeros."""
    if any(n < 0 for n in size):
        raise ShapeError("zeros: Dimension size must be non-negative.")
    return np.zeros(checked(size), dtype or DEFAULT.get())


@composite("torch", _SIZE)
def ones(size: Any, dtype: str | None = None) -> Any:
    """Return ones."""
    return np.ones(checked(size), dtype or DEFAULT.get())


@composite("torch", "(size: int[], fill_value: Scalar, *, dtype: dtype?=None)")
def full(size: Any, fill_value: Any, dtype: str | None = None) -> Any:
    """Return a tensor of one value, in the value's own dtype by default."""
    return np.full(checked(size), number_as(fill_value, dtype or number_dtype(fill_value)))


@composite("torch", "(n: int, m: int?=None, *, dtype: dtype?=None)")
def eye(n: int, m: int | None = None, dtype: str | None = None) -> Any:
    """Return the identity matrix."""
    for name, size in (("n", n), ("m", m or 0)):
        if size < 0:
            raise ShapeError(f"{name} must be greater or equal to 0, got {size}")
    checked((n, n if m is None else m))
    return np.eye(n, m, dtype=dtype or DEFAULT.get())


def _arange(start: Any, end: Any, step: Any, dtype: str | None) -> Any:
    if step == 0:
        raise ShapeError("step must be nonzero")
    if not all(math.isfinite(value) for value in (start, end)):
        raise ShapeError(f"unsupported range: {start:g} -> {end:g}")
    if dtype is not None and as_dtype(dtype).kind in "iu":
        start, end, step = int(start), int(end), int(step)
    if (step > 0) != (end >= start) and start != end:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    integers = all(isinstance(value, int) for value in (start, end, step))
    kind = dtype or ("int64" if integers else DEFAULT.get())
    count = -((start - end) // step) if integers else math.ceil((end - start) / step)
    (size,) = checked((int(count),))
    return _counted(start, step, size, as_dtype(kind))


_LANES = {"float32": 8, "float64": 4}
"""Numbers that PyTorch's CPU kernel computes at once, from the first of them, which it has rounded."""


def _counted(start: Any, step: Any, size: int, dtype: np.dtype[Any]) -> Any:
    """Return start + i·step for i below `size`, rounded as PyTorch's kernel rounds them."""
    at = np.arange(size)
    if dtype.kind != "f":
        return (start + at * step).astype(dtype)
    lanes = _LANES.get(dtype.name, 1)
    offset = np.where(at < size - size % (2 * lanes), at % lanes, 0)
    wide = np.longdouble if dtype.name == "float64" else np.float64
    first = (wide(start) + wide(step) * (at - offset)).astype(dtype)
    return (first + wide(step) * offset).astype(dtype)


@composite("torch", "(end: Scalar, *, dtype: dtype?=None)", name="arange")
def arange_to(end: Any, dtype: str | None = None) -> Any:
    """Return the numbers 0, 1, … below `end`."""
    return _arange(0, end, 1, dtype)


@composite("torch", "(start: Scalar, end: Scalar, step: Scalar=1, *, dtype: dtype?=None)")
def arange(start: Any, end: Any, step: Any = 1, dtype: str | None = None) -> Any:
    """Return the numbers from `start` on, by `step`, that lie before `end`."""
    return _arange(start, end, step, dtype)


@composite("torch", "(start: Scalar, end: Scalar, step: Scalar=1, *, dtype: dtype?=None)", name="range")
def range_(start: Any, end: Any, step: Any = 1, dtype: str | None = None) -> Any:
    """Return the numbers from `start` to `end`, both included, by `step`."""
    if step == 0:
        raise ShapeError("step must be nonzero")
    (size,) = checked((int((end - start) / step + 1),))
    return (start + np.arange(size) * step).astype(dtype or DEFAULT.get())


def _spaced(start: Any, end: Any, steps: int, dtype: str | None) -> Any:
    """Return evenly spaced numbers, counted from both ends as PyTorch does for symmetry."""
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    complex_ends = any(isinstance(value, complex) for value in (start, end))
    kind = as_dtype(dtype or (default_complex() if complex_ends else DEFAULT.get()))
    (size,) = checked((steps,))
    work = kind.type if kind.kind in "fc" else np.float64
    step = (work(end) - work(start)) / work(max(steps - 1, 1))
    at = np.arange(size)
    up, down = work(start) + step * at.astype(work), work(end) - step * (steps - 1 - at).astype(work)
    return np.where(at < steps // 2 if steps > 1 else at < 1, up, down).astype(kind)


_SPACED = "(start: Scalar, end: Scalar, steps: int, {}*, dtype: dtype?=None)"


@composite("torch", _SPACED.format(""))
def linspace(start: Any, end: Any, steps: int, dtype: str | None = None) -> Any:
    """Return evenly spaced numbers from `start` to `end`."""
    return _spaced(start, end, steps, dtype)


@composite("torch", _SPACED.format("base: float=10.0, "))
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, dtype: str | None = None) -> Any:
    """Return the powers of `base` whose exponents are evenly spaced."""
    kind = as_dtype(dtype or DEFAULT.get())
    work = kind if kind.kind in "fc" else np.dtype("float64")
    return np.power(base, _spaced(start, end, steps, work.name).astype(np.float64)).astype(kind)


@composite("torch", "(s: Scalar, *, dtype: dtype?=None)")
def scalar_tensor(s: Any, dtype: str | None = None) -> Any:
    """Return a tensor of no dimensions, in the default floating dtype by default."""
    return number_as(s, dtype or DEFAULT.get())


def _like(name: str, value: Any) -> Any:
    """Declare zeros_like, ones_like and what else is one value in another tensor's shape and memory order."""
    return op(
        name, lambda x, dtype=None: filled_like(np.asarray(x), dtype, lambda shape, kind: np.full(shape, value, kind)),
        names="torch",
        signature="(input: Tensor, *, dtype: dtype?=None)", shape=lambda x, dtype=None: x.shape,
        dtype=lambda x, dtype=None: dtype or dtype_name(x),
    )  # fmt: skip


zeros_like, ones_like = _like("zeros_like", 0), _like("ones_like", 1)
full_like = op(
    "full_like", lambda x, fill_value, dtype=None: filled_like(
        np.asarray(x), dtype, lambda shape, kind: np.full(shape, number_as(fill_value, kind))),
    names="torch", signature="(input: Tensor, fill_value: Scalar, *, dtype: dtype?=None)",
    shape=lambda x, *_: x.shape, dtype=lambda x, fill_value, dtype=None: dtype or dtype_name(x),
)  # fmt: skip
new_zeros = op(
    "new_zeros", lambda x, size, dtype=None: np.zeros(checked(size), dtype or x.dtype), names="Tensor",
    signature="(input: Tensor, *size: int[], dtype: dtype?=None)", shape=lambda x, size, dtype=None: checked(size),
    dtype=lambda x, size, dtype=None: dtype or dtype_name(x),
)  # fmt: skip
new_ones = op(
    "new_ones", lambda x, size, dtype=None: np.ones(checked(size), dtype or x.dtype), names="Tensor",
    signature="(input: Tensor, *size: int[], dtype: dtype?=None)", shape=lambda x, size, dtype=None: checked(size),
    dtype=lambda x, size, dtype=None: dtype or dtype_name(x),
)  # fmt: skip
new_full = op(
    "new_full",
    lambda x, size, fill_value, dtype=None: np.full(checked(size), number_as(fill_value, dtype or dtype_name(x))),
    names="Tensor", signature="(input: Tensor, size: int[], fill_value: Scalar, *, dtype: dtype?=None)",
    shape=lambda x, size, fill_value, dtype=None: checked(size),
    dtype=lambda x, size, fill_value, dtype=None: dtype or dtype_name(x),
)  # fmt: skip


def _literal_shape(data: Any, depth: int = 0) -> tuple[int, ...]:
    """Return the shape of nested lists; raise PyTorch's error where they are ragged."""
    if not isinstance(data, (list, tuple)):
        return tuple(getattr(data, "shape", ()))
    shapes = [_literal_shape(item, depth + 1) for item in data]
    for shape in shapes[1:]:
        if shape != shapes[0]:
            if not shape:
                raise ShapeError("not a sequence", code="GC307")
            n, m = (s[0] if s else 0 for s in (shapes[0], shape))
            raise ShapeError(f"expected sequence of length {n} at dim {depth + 1} (got {m})", code="GC307")
    return (len(data), *(shapes[0] if shapes else ()))


def _numbers(data: Any) -> Any:
    """Yield the numbers in nested lists."""
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _numbers(item)
    else:
        yield data


@composite("torch.tensor torch.as_tensor torch.asarray", "(data: any, *, dtype: dtype?=None)")
def tensor(data: Any, dtype: str | None = None) -> Any:
    """Return nested lists of numbers as a tensor: floats in the default dtype, ints as int64, booleans as bool."""
    if hasattr(data, "dtype"):
        return to_dtype(data, dtype or dtype_name(data))
    shape = _literal_shape(data)
    values = [value.item() if hasattr(value, "item") else value for value in _numbers(data)]
    wrong = next((v for v in values if type(v) not in NUMBERS), None)
    if wrong is not None:
        raise DtypeError(f"new(): invalid data type '{type(wrong).__name__}'")
    kinds = {number_dtype(value) for value in values} or {DEFAULT.get()}
    kind = dtype or reduce(promote_types, sorted(kinds))
    return _packed(values, kind).reshape(shape)[()]


def _packed(values: Sequence[Any], name: str) -> Any:
    """Return numbers in a dtype; raise PyTorch's errors where one does not fit."""
    dtype = as_dtype(name)
    if dtype.kind not in "bc" and any(isinstance(v, complex) for v in values):
        raise no_complex(dtype)
    if dtype.kind in "iu":
        if not all(fits(v, dtype) for v in values):
            raise DtypeError(f"value cannot be converted to type {name} without overflow", code="GC308")
        return np.array([number_as(v, name) for v in values], dtype)
    return np.array(values, dtype)


@composite("Tensor", "(input: Tensor, data: any, *, dtype: dtype?=None)", samples=lambda: [sample(real(2), [1, 2])])
def new_tensor(x: Any, data: Any, dtype: str | None = None) -> Any:
    """Return nested lists of numbers as a tensor of x's dtype."""
    return tensor(data, dtype or dtype_name(x))


def _triangle(rows: int, columns: int, offset: int, dtype: str | None, upper: bool) -> Any:
    for name, size in (("row", rows), ("col", columns)):
        if size < 0:
            raise ShapeError(f"{name} must be non-negative, got{size}")
    checked((2, rows * columns))
    chosen = np.triu_indices(rows, offset, columns) if upper else np.tril_indices(rows, offset, columns)
    return np.stack(chosen).astype(dtype or "int64")


_CORNER = "(row: int, col: int, offset: int=0, *, dtype: dtype?=None)"


@composite("torch", _CORNER)
def tril_indices(row: int, col: int, offset: int = 0, dtype: str | None = None) -> Any:
    """Return rows and columns of the places on and below a diagonal."""
    return _triangle(row, col, offset, dtype, False)


@composite("torch", _CORNER)
def triu_indices(row: int, col: int, offset: int = 0, dtype: str | None = None) -> Any:
    """Return rows and columns of the places on and above a diagonal."""
    return _triangle(row, col, offset, dtype, True)


@composite(
    "nn.functional", "(tensor: Tensor, num_classes: int=-1)",
    samples=lambda: [sample(index([0, 2])), sample(index([1]), 3)],
)  # fmt: skip
def one_hot(x: Any, num_classes: int = -1) -> Any:
    """Return int64 rows that are 1 at the class each element names, else 0."""
    return _one_hot(x, num_classes)


def _one_hot_kernel(x: Any, num_classes: int) -> Any:
    x = np.asarray(x)
    if x.dtype != np.int64:
        raise DtypeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.size and num_classes <= 0:
        raise ShapeError("Can not infer total number of classes from empty tensor.")
    if x.size and x.min() < 0:
        raise NumericError("Class values must be non-negative.")
    if num_classes == 0:
        raise NumericError("num_classes should be positive")
    count = int(x.max()) + 1 if num_classes < 0 else num_classes
    if x.size and x.max() >= count:
        raise NumericError("Class values must be smaller than num_classes.")
    return (x[..., None] == np.arange(count)).astype(np.int64)


_one_hot = op(
    "one_hot", _one_hot_kernel, names="", signature="(tensor: Tensor, num_classes: int)", dtype="int64",
    shape=lambda x, num_classes: (*x.shape, num_classes) if num_classes >= 0 else None,
)  # fmt: skip
