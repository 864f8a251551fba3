"""Reductions: sums, products, means and extremes over dimensions, and how many elements are true."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import arithmetic, comparison, creation, exponential, joining, rearrange, scan
from gradcli.ops._dtype_text import SCALAR_TYPES, scalar_type
from gradcli.ops._dtypes import taking
from gradcli.ops._families import (
    Shape,
    conj,
    is_integral,
    normalize_dim,
    normalize_dims,
    reduced_shape,
    reduction,
    reduction_rule,
)
from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name, floating
from gradcli.ops._samples import ErrorSample, distinct, nonzero, real, sample

DIMS = "(input: Tensor, dim: int[1]?, keepdim: bool=False, *, dtype: dtype?=None)"
ALL = "(input: Tensor, *, dtype: dtype?=None)"
REAL = "float int bool"
EXTREME = "(input: Tensor, dim: int[1]=(), keepdim: bool=False)"
OUT_OF_RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 2)"


def restored(g: Any, shape: Shape, dim: Any, keepdim: bool) -> Any:
    """Return the cotangent of a reduction with the reduced dimensions put back as ones."""
    if not keepdim:
        for d in sorted(normalize_dims(dim, len(shape))):
            g = rearrange.unsqueeze(g, d)
    return g


def axes(x: Any, dim: Any) -> tuple[int, ...]:
    """Return the dimensions to reduce, counted from the front."""
    return normalize_dims(dim, x.ndim)


def count(shape: Shape, dim: Any) -> int:
    """Return how many elements are reduced to one."""
    size = 1
    for d in normalize_dims(dim, len(shape)):
        size *= shape[d]
    return size


def in_dtype(x: Any, dtype: str | None) -> Any:
    """Return raw values in a dtype; integers and bools become int64 where none is asked for."""
    if dtype is not None:
        return x.astype(dtype) if x.dtype.kind != "c" or dtype.startswith("c") else x.real.astype(dtype)
    return x.astype(np.int64) if x.dtype.kind in "biu" else x


def summed_dtype(x: Any, *values: Any) -> str:
    """Return the dtype of a sum: the one asked for, which is the last value, or int64 for integers."""
    asked = values[-1] if values else None
    name = dtype_name(x)
    return asked or (name if name.startswith(("float", "complex")) else "int64")


def _sum(x: Any, axis: Any, keepdim: bool) -> Any:
    if x.dtype == _HALF:
        return np.sum(x, axis, dtype=np.float32, keepdims=keepdim).astype(np.float16)
    if type(x) is np.ndarray:
        return np.add.reduce(x, axis, x.dtype, None, keepdim)
    return np.sum(x, axis, dtype=x.dtype, keepdims=keepdim)


_HALF = np.dtype(np.float16)


def in_input_dtype(g: Any, dtype: Any) -> Any:
    """Return a cotangent in the dtype of the input that it belongs to."""
    return creation.to_dtype(g, str(dtype)) if dtype_name(g) != str(dtype) else g


sum_all = reduction(
    "sum", r"\sum x", lambda x, *, dtype=None: _sum(in_dtype(x, dtype), None, False), shape=lambda x, dtype=None: (),
    dtype=summed_dtype, grad_fn="SumBackward0", signature=ALL, samples=lambda: [sample(real(2, 3)), sample(real())],
    vjp=dict(x=lambda g, x_shape: rearrange.expand(g, x_shape)),
)  # fmt: skip
sum_ = reduction(
    "sum", r"\sum x", lambda x, dim=None, keepdim=False, dtype=None: _sum(in_dtype(x, dtype), axes(x, dim), keepdim),
    dtype=summed_dtype, grad_fn="SumBackward1", signature=DIMS,
    samples=lambda: [
        sample(real(2, 3), 1), sample(real(2, 3), (0, 1), True), ErrorSample((real(2, 3), 2), OUT_OF_RANGE)
    ],
    vjp=dict(x=lambda g, x_shape, dim, keepdim: rearrange.expand(restored(g, x_shape, dim, keepdim), x_shape)),
)  # fmt: skip


def not_a_number(x: Any) -> Any:
    """Return where the elements are NaN."""
    return comparison.ne(x, x)


def _without_nan(x: Any) -> Any:
    return np.where(np.isnan(x), x.dtype.type(0), x) if x.dtype.kind == "f" else x


def _nansum_rule(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Shape:
    if dtype_name(x).startswith("complex"):
        raise DtypeError("nansum on CPU does not support complex inputs")
    return reduction_rule(x, dim, keepdim)


nansum = reduction(
    "nansum", r"\sum_{x \ne \mathrm{nan}} x", shape=_nansum_rule, dtype=summed_dtype,
    kernel=lambda x, dim=None, keepdim=False, dtype=None: _sum(in_dtype(_without_nan(x), dtype), axes(x, dim), keepdim),
    signature="(input: Tensor, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)",
    vjp=dict(
        x=lambda g, x, x_dtype, dim, keepdim: restored(in_input_dtype(g, x_dtype), x.shape, dim, keepdim)
        * comparison.eq(x, x)
    ),
    samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 1, True)],
)  # fmt: skip


def _mean_dtype(x: Any, *values: Any) -> str:
    asked = values[-1] if values else None
    return asked or dtype_name(x)


def _no_integer_mean(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Shape:
    if not _mean_dtype(x, dtype).startswith(("float", "complex")):
        which, got = ("Input", scalar_type(x)) if dtype is None else ("Optional", SCALAR_TYPES[dtype])
        raise DtypeError(
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            f"Got: {got}"
        )
    return reduction_rule(x, dim, keepdim)


def _mean(x: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    x = in_dtype(x, dtype)
    if x.dtype == _HALF:
        return np.divide(np.sum(x, axes(x, dim), dtype=np.float32, keepdims=keepdim), count(x.shape, dim)).astype(x.dtype)
    return np.divide(_sum(x, axes(x, dim), keepdim), count(x.shape, dim), dtype=x.dtype)


mean_all = reduction(
    "mean", r"\frac{1}{n} \sum x", lambda x, *, dtype=None: _mean(x, None, False, dtype), dtype=_mean_dtype,
    shape=lambda x, dtype=None: _no_integer_mean(x, None, False, dtype), grad_fn="MeanBackward0", signature=ALL,
    vjp=dict(x=lambda g, x_shape: rearrange.expand(g, x_shape) / count(x_shape, None)),
    samples=lambda: [sample(real(2, 3)), sample(real())],
)  # fmt: skip
mean = reduction(
    "mean", r"\frac{1}{n} \sum x", lambda x, dim=None, keepdim=False, dtype=None: _mean(x, dim, keepdim, dtype),
    dtype=_mean_dtype, shape=_no_integer_mean, grad_fn="MeanBackward1", signature=DIMS,
    vjp=dict(
        x=lambda g, x_shape, dim, keepdim: rearrange.expand(restored(g, x_shape, dim, keepdim), x_shape) / count(
            x_shape, dim
        )
    ),
    samples=lambda: [sample(real(2, 3), 1), sample(real(2, 3), (0, 1), True)],
)  # fmt: skip


@composite(
    "torch Tensor", "(input: Tensor, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)",
    samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 1)],
)  # fmt: skip
def nanmean(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the mean of the elements that are numbers."""
    if is_integral(x):
        raise DtypeError(f"nanmean(): expected input to have floating point or complex dtype but got {scalar_type(x)}")
    numbers = sum_(comparison.eq(_detached(x), _detached(x)), dim, keepdim)
    return arithmetic.div(nansum(x, dim, keepdim, dtype), numbers)


def _detached(x: Any) -> Any:
    return rearrange.detach(x) if getattr(x, "requires_grad", False) else x


def raw_of(x: Any) -> Any:
    """Return the numbers behind an array or a Tensor, None where there are none yet."""
    if not hasattr(x, "__apply__"):
        return np.asarray(x)
    return x.numpy() if hasattr(x, "numpy") else None


def has_zeros(x: Any) -> bool:
    """Return whether a tensor has a zero among its elements."""
    raw = raw_of(x)
    return raw is None or not raw.all()


def _others(x: Any, dim: int) -> Any:
    """Return for each element the product of the others along a dimension, zeros or not."""
    n = x.shape[dim] if x.ndim else 1
    if n < 2 or not x.ndim:
        return arithmetic.zeros(x) + 1
    one = arithmetic.zeros(rearrange.narrow(x, dim, 0, 1)) + 1
    before = joining.cat([one, rearrange.narrow(x, dim, 0, n - 1)], dim)
    after = joining.cat([rearrange.narrow(x, dim, 1, n - 1), one], dim)
    backwards = rearrange.flip(scan.cumprod(rearrange.flip(after, (dim,)), dim), (dim,))
    return scan.cumprod(before, dim) * backwards


def _prod(x: Any, axis: Any, keepdim: bool) -> Any:
    return np.prod(x, axis, dtype=x.dtype, keepdims=keepdim)


def _prod_all_slope(g: Any, x: Any, out: Any, dtype: Any) -> Any:
    x = in_input_dtype(x, dtype) if dtype else x
    if not has_zeros(x):
        return g * conj(out / x)
    return g * conj(rearrange.reshape(_others(rearrange.reshape(x, (-1,)), 0), x.shape))


def _prod_slope(g: Any, x: Any, out: Any, dim: int, keepdim: bool, dtype: Any) -> Any:
    x = in_input_dtype(x, dtype) if dtype else x
    g, out = restored(g, x.shape, dim, keepdim), restored(out, x.shape, dim, keepdim)
    if not has_zeros(x):
        return g * conj(out / x)
    return g * conj(_others(x, dim))


prod_all = reduction(
    "prod", r"\prod x", lambda x, *, dtype=None: _prod(in_dtype(x, dtype), None, False), shape=lambda x, dtype=None: (),
    dtype=summed_dtype, grad_fn="ProdBackward0", signature=ALL, vjp=dict(x=_prod_all_slope),
    samples=lambda: [sample(nonzero(2, 3)), sample(nonzero())],
)  # fmt: skip
prod = reduction(
    "prod", r"\prod x", dtype=summed_dtype, grad_fn="ProdBackward1", vjp=dict(x=_prod_slope),
    kernel=lambda x, dim=None, keepdim=False, dtype=None: _prod(in_dtype(x, dtype), axes(x, dim), keepdim),
    signature="(input: Tensor, dim: int, keepdim: bool=False, *, dtype: dtype?=None)",
    samples=lambda: [sample(nonzero(2, 3), 1), sample(nonzero(2, 3), 0, True)],
)  # fmt: skip


def _logsumexp(x: Any, dim: Any, keepdim: bool) -> Any:
    at = axes(x, dim)
    if not x.size:
        return np.log(np.sum(np.exp(x), at, keepdims=keepdim))
    high = np.max(x.real, at, keepdims=True)
    high = np.where(np.isinf(high), high.dtype.type(0), high)
    total = np.log(np.sum(np.exp(x - high), at, keepdims=True)) + high
    return (total if keepdim else np.squeeze(total, at)).astype(x.dtype)[()]


def _exp_difference(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    return restored(g, x.shape, dim, keepdim) * conj(exponential.exp(x - restored(out, x.shape, dim, keepdim)))


logsumexp = reduction(
    "logsumexp", r"\ln \sum e^x", lambda x, dim, keepdim=False: _logsumexp(x, dim, keepdim), promote=floating,
    names="torch Tensor special", signature="(input: Tensor, dim: int[1], keepdim: bool=False)",
    vjp=dict(x=_exp_difference),
    samples=lambda: [sample(real(2, 3), 1), sample(real(2, 3), (0, 1), True), sample(real(), 0)],
)  # fmt: skip


def no_empty_dims(name: str) -> Any:
    """Return the shape rule of a reduction without an identity: it refuses empty dimensions and complex numbers."""

    def rule(x: Any, dim: Any = (), keepdim: bool = False) -> Shape:
        if 0 in x.shape and dim in ((), None):
            raise ShapeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        require_elements(name, x, dim)
        return reduction_rule(x, dim, keepdim)

    return taking(f"{name[1:]}_values_cpu", REAL, rule)


def require_elements(name: str, x: Any, dim: Any) -> None:
    """Raise ShapeError where a dimension to be reduced is empty."""
    for d in normalize_dims(dim, x.ndim):
        if x.shape[d] == 0:
            raise ShapeError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def evenly(g: Any, chosen: Any, dim: Any) -> Any:
    """Return a cotangent shared evenly by the chosen elements."""
    return g * chosen / sum_(chosen, dim, True)


def _extreme_slope(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    chosen = comparison.eq(restored(out, x.shape, dim, keepdim), x)
    return evenly(restored(g, x.shape, dim, keepdim), chosen, dim)


def extreme_samples() -> list[Any]:
    """Return the calls of amax and amin."""
    return [sample(distinct(2, 3)), sample(distinct(2, 3), 1), sample(distinct(2, 3), (0, 1), True)]


amax = reduction(
    "amax", r"\max x", lambda x, dim=(), keepdim=False: np.max(x, axes(x, dim), keepdims=keepdim),
    shape=no_empty_dims("amax"),
    signature=EXTREME, vjp=dict(x=_extreme_slope), samples=extreme_samples,
)  # fmt: skip
amin = reduction(
    "amin", r"\min x", lambda x, dim=(), keepdim=False: np.min(x, axes(x, dim), keepdims=keepdim),
    shape=no_empty_dims("amin"),
    signature=EXTREME, vjp=dict(x=_extreme_slope), samples=extreme_samples,
)  # fmt: skip


def _aminmax_rule(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None and 0 in x.shape:
        raise ShapeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    require_elements("aminmax", x, dim)
    shape = reduced_shape(x.shape, normalize_dims(dim, x.ndim), keepdim)
    return shape, shape


def _aminmax_slope(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    total = None
    for one, extreme in zip(g, out, strict=True):
        if one is not None:
            slope = _extreme_slope(one, x, extreme, dim, keepdim)
            total = slope if total is None else total + slope
    return total


aminmax = reduction(
    "aminmax", r"\min x, \max x", shape=taking("aminmax_cpu", REAL, _aminmax_rule), outputs=("min", "max"),
    vjp=dict(x=_aminmax_slope),
    kernel=lambda x, dim=None, keepdim=False: (
        np.min(x, axes(x, dim), keepdims=keepdim), np.max(x, axes(x, dim), keepdims=keepdim)
    ),
    signature="(input: Tensor, *, dim: int?=None, keepdim: bool=False)",
    samples=lambda: [sample(distinct(2, 3), dim=1)],
)  # fmt: skip


def _truth_dtype(x: Any, *_: Any) -> str:
    return "uint8" if dtype_name(x) == "uint8" else "bool"


def _truth(function: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    return function(x, axes(x, dim), keepdims=keepdim).astype(_truth_dtype(x))


TRUTH = "(input: Tensor, dim: int[1]?=None, keepdim: bool=False)"
all_ = reduction(
    "all", r"\bigwedge x", lambda x, dim=None, keepdim=False: _truth(np.all, x, dim, keepdim), dtype=_truth_dtype,
    signature=TRUTH, samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 1)],
)  # fmt: skip
any_ = reduction(
    "any", r"\bigvee x", lambda x, dim=None, keepdim=False: _truth(np.any, x, dim, keepdim), dtype=_truth_dtype,
    signature=TRUTH, samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 1)],
)  # fmt: skip
count_nonzero = reduction(
    "count_nonzero", r"\#\{x \ne 0\}", lambda x, dim=None: np.sum(np.not_equal(x, 0), axes(x, dim)), dtype="int64",
    signature="(input: Tensor, dim: int[1]?=None)", shape=lambda x, dim=None: reduction_rule(x, dim),
    samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 1)],
)  # fmt: skip


def _place_rule(name: str) -> Any:
    def rule(x: Any, dim: Any = None, keepdim: bool = False) -> Shape:
        if dim is None and 0 in x.shape:
            raise ShapeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        require_elements(name, x, dim)
        return reduction_rule(x, dim, keepdim)

    no_bool = taking(f"{name}(): does not support bool input", "float int", rule)
    return taking(f"{name}(): does not support complex input", REAL, no_bool)


def _place(function: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    if not x.ndim:
        return np.int64(0)
    return np.asarray(function(x, None if dim is None else normalize_dim(dim, x.ndim), keepdims=keepdim), np.int64)[()]


PLACE = "(input: Tensor, dim: int?=None, keepdim: bool=False)"
argmax = reduction(
    "argmax", r"\arg\max x", lambda x, dim=None, keepdim=False: _place(np.argmax, x, dim, keepdim), dtype="int64",
    signature=PLACE, shape=_place_rule("argmax"), samples=lambda: [sample(distinct(2, 3)), sample(distinct(2, 3), 1)],
)  # fmt: skip
argmin = reduction(
    "argmin", r"\arg\min x", lambda x, dim=None, keepdim=False: _place(np.argmin, x, dim, keepdim), dtype="int64",
    signature=PLACE, shape=_place_rule("argmin"), samples=lambda: [sample(distinct(2, 3)), sample(distinct(2, 3), 1)],
)  # fmt: skip


@composite(
    "Tensor", "(input: Tensor, *size: int[])", samples=lambda: [sample(real(2, 3), (1, 3)), sample(real(2, 3), (3,))]
)
def sum_to_size(x: Any, size: Shape) -> Any:
    """Return x summed over what broadcasting `size` to its shape had added."""
    if not size:
        return sum_all(x)
    if x.shape == size:
        return x
    extra = x.ndim - len(size)
    dims = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(size) if n == 1 and x.shape[i + extra] != 1)
    if extra < 0 or any(n not in (1, x.shape[i + extra]) for i, n in enumerate(size)):
        raise ShapeError(f"size {{{list(size)}}} is not expandable to size {{{list(x.shape)}}}.")
    if type(x) is np.ndarray and x.dtype.kind in "fc":
        return _sum(x, dims, True).reshape(size) if dims else x
    summed = sum_(x, dims, True) if dims else x
    return rearrange.view(summed, size) if extra else summed
