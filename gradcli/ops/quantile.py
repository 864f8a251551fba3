"""Quantiles: values below which a share of the elements lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, comparison, creation, indexing, product, rearrange, reduction, rounding, selection
from gradcli.ops._families import broadcast_shapes, normalize_dim
from gradcli.ops._families import view as view_family
from gradcli.ops._op import composite
from gradcli.ops._promotion import as_dtype, dtype_name
from gradcli.ops._samples import ErrorSample, distinct, reals, sample

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
QUANTILE = "(input: Tensor, q: {}, dim: int?=None, keepdim: bool=False, *, interpolation: str='linear')"

# PyTorch transposes and unsqueezes the result in place, which leaves nodes of their own.
_unsqueeze = view_family(
    "unsqueeze", lambda x, dim: np.expand_dims(x, dim), names="", signature="(input: Tensor, dim: int)",
    grad_fn="UnsqueezeBackward1", shape=lambda x, dim: (1, *x.shape),
    vjp=dict(x=lambda g, dim: rearrange.squeeze_dim(g, dim)),
)  # fmt: skip
_transpose = view_family(
    "transpose", lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1), names="", grad_fn="TransposeBackward1",
    signature="(input: Tensor, dim0: int, dim1: int)",
    shape=lambda x, dim0, dim1: (x.shape[-1], *x.shape[1:-1], x.shape[0]),
    vjp=dict(x=lambda g, dim0, dim1: rearrange.transpose(g, dim0, dim1)),
)  # fmt: skip


def _check(name: str, x: Any, q: Any, interpolation: str) -> None:
    if dtype_name(x) not in ("float32", "float64"):
        raise DtypeError(f"{name}() input tensor must be either float or double dtype")
    if 0 in x.shape:
        raise ShapeError(f"{name}() input tensor must be non-empty")
    if q.ndim > 1:
        raise ShapeError(f"{name}() q must be a scalar or 1D tensor")
    if dtype_name(q) != dtype_name(x):
        raise DtypeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in INTERPOLATIONS:
        raise NumericError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    raw = reduction.raw_of(q)
    if raw is not None and not ((raw >= 0) & (raw <= 1)).all():
        raise NumericError(f"{name}() q values must be in the range [0, 1]")


def _in_rows(x: Any, dim: int | None, keepdim: bool) -> Any:
    """Return the sorted elements with the dimension to reduce at the end."""
    if dim is None:
        ordered = selection.sort(rearrange.flatten(x))[0]
        return rearrange.view(ordered, ((1,) * x.ndim if keepdim else ()) + (-1,))
    at = normalize_dim(dim, x.ndim)
    kept = tuple(1 if d == at else n for d, n in enumerate(x.shape) if keepdim or d != at)
    moved = x if at == x.ndim - 1 else rearrange.transpose(rearrange.unsqueeze(x, -1), at, -1)
    return rearrange.view(selection.sort(moved)[0], (*kept, x.shape[at] if x.ndim else 1))


def _ranks(rows: Any, q: Any, ignore_nan: bool) -> Any:
    """Return how far from the start of each row the quantiles lie."""
    plain = rearrange.detach(rows) if getattr(rows, "requires_grad", False) else rows
    if ignore_nan:
        numbers = reduction.sum_(comparison.eq(plain, plain), -1, True)
        ranks = arithmetic.mul(q, numbers - 1)
        return indexing.masked_fill(ranks, ranks < 0, 0)
    last = rows.shape[-1] - 1
    ranks, has_nan = arithmetic.mul_scalar(q, last), reduction.any_(comparison.ne(plain, plain), -1, True)
    shape = broadcast_shapes(ranks.shape, has_nan.shape)
    return indexing.masked_fill(ranks if ranks.shape == shape else rearrange.expand(ranks, shape), has_nan, last)


_ROUNDINGS: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}


def _long(x: Any) -> Any:
    return creation.to_dtype(rearrange.detach(x) if getattr(x, "requires_grad", False) else x, "int64")


def _between(rows: Any, ranks: Any, interpolation: str) -> Any:
    """Return the elements at the ranks, interpolated between the two nearest."""
    if interpolation in ("lower", "higher", "nearest"):
        nearest = {"lower": rounding.floor, "higher": rounding.ceil, "nearest": rounding.round_}[interpolation]
        return indexing.gather(rows, -1, _long(nearest(ranks)))
    below = _long(ranks)
    weights = arithmetic.zeros(ranks) + 0.5 if interpolation == "midpoint" else arithmetic.sub(ranks, below)
    above = _long(rounding.ceil(rearrange.detach(ranks) if getattr(ranks, "requires_grad", False) else ranks))
    return arithmetic.lerp(indexing.gather(rows, -1, below), indexing.gather(rows, -1, above), weights)


def _quantile(name: str, x: Any, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Any:
    _check(name, x, q, interpolation)
    rows = _in_rows(x, dim, keepdim)
    values = _between(
        rows, _ranks(rows, rearrange.unsqueeze(q, 0) if q.ndim == 0 else q, name == "nanquantile"), interpolation
    )
    if q.ndim == 0:
        return product.squeeze_in_place(values, values.ndim - 1)
    return product.squeeze_in_place(_transpose(_unsqueeze(values, 0), 0, -1), values.ndim)


def _as_tensor(name: str, q: float, x: Any) -> Any:
    if not 0 <= q <= 1:
        raise NumericError(f"{name}() q must be in the range [0, 1] but got {q:g}")
    return as_dtype(dtype_name(x)).type(q) if dtype_name(x) in ("float32", "float64") else np.float64(q)


def _declare(name: str) -> Any:
    of_shares = (sample(distinct(3, 4), reals(0.4, 0.6)(2), 1), sample(distinct(3), reals(0.1, 0.4)()))
    samples = (sample(distinct(3, 4), 0.3, 1), ErrorSample((distinct(3), 2.0), "must be in the range [0, 1]"))

    @composite("torch Tensor", QUANTILE.format("Tensor"), name=name, samples=of_shares)
    def of_tensor(x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
        """Return the values below which the shares q of the elements lie."""
        return _quantile(name, x, q, dim, keepdim, interpolation)

    @composite("torch Tensor", QUANTILE.format("float"), name=name, samples=samples)
    def of_number(x: Any, q: float, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
        """Return the value below which the share q of the elements lies."""
        return _quantile(name, x, _as_tensor(name, q, x), dim, keepdim, interpolation)

    return of_tensor


quantile = _declare("quantile")
nanquantile = _declare("nanquantile")
