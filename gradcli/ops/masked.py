"""Masked: reductions and normalizations that leave out the elements where a mask is false."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, ShapeError
from gradcli.ops import arithmetic, clamping, expansion, exponential, indexing, norm, scan, selection, views
from gradcli.ops import reduction as reductions
from gradcli.ops import softmax as softmaxes
from gradcli.ops._families import normalize_dim
from gradcli.ops._losses import element_count
from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import distinct, nonzero, real, sample
from gradcli.ops._samples import mask as booleans
from gradcli.ops.creation import to_dtype
from gradcli.ops.rearrange import conj
from gradcli.types.dtype import BY_NAME, is_differentiable, is_floating, real_of

MASK = booleans([[True, False, True], [True, True, False]])
REDUCTION = "(input: Tensor, dim: int[1]?=None, *, keepdim: bool=False, dtype: dtype?=None, mask: Tensor?=None)"
ALONG = "(input: Tensor, dim: int, *, dtype: dtype?=None, mask: Tensor?=None)"


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Return the dimensions counted from the front, in order; None and () are all of them."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    found: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if d in found:
            raise ShapeError(f"dim={d} appears multiple times in the list of dims", code="GC304")
        found.append(d)
    return tuple(sorted(normalize_dim(d, ndim) for d in found))


def _mask_of(x: Any, mask: Any) -> Any:
    """Return a mask in the shape of x."""
    if mask.ndim > x.ndim:
        raise ShapeError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    mask = to_dtype(mask, "bool")
    return mask if mask.shape == x.shape else expansion.expand(mask, x.shape)


def _least(x: Any, op: str) -> Any:
    name = dtype_name(x)
    if is_floating(name):
        return float("-inf")
    if BY_NAME[name].category != "int":
        raise DtypeError(f"identity of {op} on torch.{name} input")
    return int(np.iinfo(name).min)


def _greatest(x: Any, op: str) -> Any:
    name = dtype_name(x)
    if is_floating(name):
        return float("inf")
    if BY_NAME[name].category != "int":
        raise DtypeError(f"identity of {op} on torch.{name} input")
    return int(np.iinfo(name).max)


def _identity(op: str, x: Any, order: Any = 2) -> Any:
    """Return the number that does not change what an op reduces x to."""
    if op in ("amax", "argmax", "logaddexp"):
        return _least(x, op)
    if op == "logsumexp":
        return complex("-inf") if BY_NAME[dtype_name(x)].category == "complex" else _least(x, op)
    if op in ("amin", "argmin"):
        return _greatest(x, op)
    if op == "median":
        return float("nan")
    if op == "norm" and order == float("-inf"):
        return float("inf")
    return 1 if op == "prod" else 0


def _filled(op: str, x: Any, mask: Any, order: Any = 2) -> Any:
    """Return x with the op's identity where the mask is false."""
    return x if mask is None else indexing.where(_mask_of(x, mask), x, _identity(op, x, order))


def _summed_dtype(x: Any, dtype: str | None) -> str:
    name = dtype_name(x)
    return dtype or ("int64" if BY_NAME[name].category in ("bool", "int") else name)


def _to(x: Any, like: Any, dtype: str | None) -> Any:
    return to_dtype(x, dtype or dtype_name(like))


def _cases(*more: Any, x: Any = real) -> Any:
    """Return the samples of a reduction: all elements, and one dimension that is kept."""
    return lambda: [sample(x(2, 3), *more, mask=MASK), sample(x(2, 3), *more, 1, keepdim=True, mask=MASK)]


@composite("masked", REDUCTION, name="sum", samples=_cases())
def sum_(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the sum of the elements where the mask is true."""
    return reductions.sum_(_filled("sum", x, mask), _dims(dim, x.ndim), keepdim, _summed_dtype(x, dtype))


@composite("masked", REDUCTION, samples=_cases())
def prod(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the product of the elements where the mask is true."""
    result = to_dtype(_filled("prod", x, mask), _summed_dtype(x, dtype))
    for d in reversed(_dims(dim, x.ndim)):
        result = reductions.prod(result, d, keepdim)
    return result


@composite("masked", ALONG, samples=lambda: [sample(real(2, 3), 1, mask=MASK)])
def cumsum(x: Any, dim: int, dtype: str | None = None, mask: Any = None) -> Any:
    """Return running sums of the elements where the mask is true."""
    return scan.cumsum(_filled("sum", x, mask), _dims(dim, x.ndim)[0], dtype=dtype or dtype_name(x))


@composite("masked", ALONG, samples=lambda: [sample(nonzero(2, 3), 1, mask=MASK)])
def cumprod(x: Any, dim: int, dtype: str | None = None, mask: Any = None) -> Any:
    """Return running products of the elements where the mask is true."""
    return scan.cumprod(_filled("prod", x, mask), _dims(dim, x.ndim)[0], dtype=dtype or dtype_name(x))


@composite("masked", REDUCTION, samples=_cases(x=distinct))
def amax(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the largest of the elements where the mask is true."""
    return _to(reductions.amax(_filled("amax", x, mask), _dims(dim, x.ndim), keepdim), x, dtype)


@composite("masked", REDUCTION, samples=_cases(x=distinct))
def amin(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the smallest of the elements where the mask is true."""
    return _to(reductions.amin(_filled("amin", x, mask), _dims(dim, x.ndim), keepdim), x, dtype)


ONE_DIM = REDUCTION.replace("int[1]?", "int?")


@composite("masked", ONE_DIM, samples=_cases(x=distinct))
def argmax(x: Any, dim: int | None = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return where the largest element is for which the mask is true, in the dtype of x as PyTorch does."""
    return _to(reductions.argmax(_filled("argmax", x, mask), dim, keepdim), x, dtype)


@composite("masked", ONE_DIM, samples=_cases(x=distinct))
def argmin(x: Any, dim: int | None = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return where the smallest element is for which the mask is true, in the dtype of x as PyTorch does."""
    return _to(reductions.argmin(_filled("argmin", x, mask), dim, keepdim), x, dtype)


def _count(x: Any, dim: Any, keepdim: bool, mask: Any) -> Any:
    """Return how many elements are reduced: a number, or a tensor where a mask says it."""
    if mask is not None:
        return reductions.sum_(mask, dim, keepdim)
    return element_count(tuple(x.shape[d] for d in _dims(dim, x.ndim))) if x.ndim else 1


@composite("masked", REDUCTION, samples=_cases())
def mean(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the mean of the elements where the mask is true."""
    found = dtype or dtype_name(x)
    if not is_differentiable(found):
        raise DtypeError(
            f"mean(): Could not infer output dtype. {'Optional' if dtype else 'Input'} dtype must be either a "
            "floating point or "
            f"complex dtype. Got: torch.{found}"
        )
    inside = None if mask is None else _mask_of(x, mask)
    return sum_(x, dim, keepdim, found, inside) / _count(x, dim, keepdim, inside)


@composite(
    "masked", "(input: Tensor, dim: int=-1, *, keepdim: bool=False, dtype: dtype?=None, mask: Tensor?=None)",
    samples=lambda: [sample(distinct(2, 3), 1, mask=MASK)],
)  # fmt: skip
def median(x: Any, dim: int = -1, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the median along a dimension of the elements where the mask is true (the lower of two)."""
    exact = is_floating(dtype_name(x))
    values = x if exact else to_dtype(x, "float32")
    found = selection.nanmedian(_filled("median", values, mask), _dims(dim, x.ndim)[0], keepdim)[0]
    if exact:
        return found
    raw = views.array_of(found)
    if raw is not None and np.isnan(raw).any():
        raise DtypeError("masked median expects no fully masked out rows if dtype is not floating point")
    return _to(found, x, dtype)


@composite("masked", REDUCTION, samples=_cases())
def logsumexp(x: Any, dim: Any = None, keepdim: bool = False, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the logarithm of the sum of exponentials of the elements where the mask is true."""
    return _to(reductions.logsumexp(_filled("logsumexp", x, mask), _dims(dim, x.ndim), keepdim), x, dtype)


@composite(
    "masked",
    "(input: Tensor, other: Tensor, *, dtype: dtype?=None, input_mask: Tensor?=None, other_mask: Tensor?=None)",
    samples=lambda: [sample(real(2, 3), real(2, 3))],
)  # fmt: skip
def logaddexp(x: Any, y: Any, dtype: str | None = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """Return ln(eˣ + eʸ), where a masked element counts as -inf."""
    a, b = _filled("logaddexp", x, input_mask), _filled("logaddexp", y, other_mask)
    return _to(exponential.logaddexp(a, b), x, dtype)


@composite(
    "masked", "(input: Tensor, ord: Scalar?=2.0, " + REDUCTION.partition(", ")[2], name="norm",
    samples=_cases(2.0, x=nonzero),
)  # fmt: skip
def norm_(
    x: Any, ord: Any = 2.0, dim: Any = None, keepdim: bool = False, dtype: str | None = None,
    mask: Any = None
) -> Any:  # fmt: skip
    """Return the p-norm of the elements where the mask is true."""
    order = 2.0 if ord is None else ord
    return norm.vector_norm(_filled("norm", x, mask, order), order, _dims(dim, x.ndim), keepdim, dtype or dtype_name(x))


SPREAD = (
    "(input: Tensor, dim: int[1]?=None, unbiased: bool?=None, *, correction: Scalar?=None, keepdim: bool=False, "
    "dtype: dtype?=None, mask: Tensor?=None)"
)


def _variance(x: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool, dtype: str | None, mask: Any) -> Any:
    if unbiased is not None and correction is not None:
        raise BindError("Only one of unbiased and correction may be given")
    less = float(correction) if correction is not None else 0.0 if unbiased is False else 1.0
    found = dtype or (dtype_name(x) if is_differentiable(dtype_name(x)) else "float32")
    inside = None if mask is None else _mask_of(x, mask)
    centre = sum_(x, dim, True, found, inside) / _count(x, dim, True, inside)
    d = x - centre
    total = sum_(d * conj(d), dim, keepdim, found, inside)
    return to_dtype(total / _freedom(_count(x, dim, keepdim, inside), less, found), found)


def _freedom(count: Any, less: float, dtype: str) -> Any:
    """Return the number of elements less the correction, at least 0."""
    if not less:
        return count
    if isinstance(count, int):
        return max(count - less, 0.0)
    return clamping.clamp_min(to_dtype(count, real_of(dtype)) - less, 0)


@composite("masked", SPREAD, samples=_cases())
def var(
    x: Any, dim: Any = None, unbiased: bool | None = None, correction: Any = None, keepdim: bool = False,
    dtype: str | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """Return the variance of the elements where the mask is true."""
    return _variance(x, dim, unbiased, correction, keepdim, dtype, mask)


@composite("masked", SPREAD, samples=_cases())
def std(
    x: Any, dim: Any = None, unbiased: bool | None = None, correction: Any = None, keepdim: bool = False,
    dtype: str | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """Return the standard deviation of the elements where the mask is true."""
    return arithmetic.sqrt(_variance(x, dim, unbiased, correction, keepdim, dtype, mask))


_ROWS = (sample(real(2, 3), 1, mask=MASK),)


@composite("masked", ALONG, samples=_ROWS)
def softmax(x: Any, dim: int, dtype: str | None = None, mask: Any = None) -> Any:
    """Return softmax over the elements where the mask is true, 0 for the others."""
    return softmaxes.softmax(_filled("amax", x, mask), _dims(dim, x.ndim)[0], dtype)


@composite("masked", ALONG, samples=(sample(real(2, 3), 1),))
def log_softmax(x: Any, dim: int, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the logarithm of softmax over the elements where the mask is true, -inf for the others."""
    return softmaxes.log_softmax(_filled("amax", x, mask), _dims(dim, x.ndim)[0], dtype)


@composite("masked", ALONG, samples=_ROWS)
def softmin(x: Any, dim: int, dtype: str | None = None, mask: Any = None) -> Any:
    """Return the softmax of -x over the elements where the mask is true, 0 for the others."""
    return softmaxes.softmin(_filled("amin", x, mask), _dims(dim, x.ndim)[0], 3, dtype)


@composite(
    "masked", "(input: Tensor, ord: Scalar, dim: int, *, eps: float=1e-12, dtype: dtype?=None, mask: Tensor?=None)",
    samples=lambda: [sample(nonzero(2, 3), 2.0, 1, mask=MASK)],
)  # fmt: skip
def normalize(
    x: Any, ord: Any, dim: int, eps: float = 1e-12, dtype: str | None = None, mask: Any = None
) -> Any:  # fmt: skip
    """Return x divided by the p-norm of the elements where the mask is true, 0 for the others."""
    size = norm_(x, ord, dim, True, dtype, mask)
    return _filled("sum", x, mask) / clamping.maximum(size, eps)
