"""Scans: running sums, products and extremes along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops import (
    arithmetic,
    comparison,
    exponential,
    joining,
    magnitude,
    rearrange,
    reduction,
    selection,
)
from gradcli.ops._dtypes import taking
from gradcli.ops._families import Shape, conj, normalize_dim
from gradcli.ops._op import op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, distinct, nonzero, real, sample

ALONG = "(input: Tensor, dim: int, *, dtype: dtype?=None)"


def scan_rule(x: Any, dim: int, dtype: Any = None) -> Shape:
    """Return the shape of a scan: its input's."""
    normalize_dim(dim, x.ndim)
    return x.shape  # type: ignore[no-any-return]


def _scanned_dtype(x: Any, dim: int, dtype: Any = None) -> str:
    return reduction.summed_dtype(x, dtype)


def _along(function: Any, x: Any, dim: int) -> Any:
    """Return a NumPy accumulation along a dimension in C order; a scalar is its own."""
    return np.ascontiguousarray(function(x, axis=normalize_dim(dim, x.ndim), dtype=x.dtype)) if x.ndim else x


def reversed_(x: Any, dim: int) -> Any:
    """Return a tensor with the order along a dimension turned round."""
    return rearrange.flip(x, (dim,)) if x.ndim else x


def sum_from_the_end(g: Any, dim: int) -> Any:
    """Return the running sum from the last element to the first."""
    return reversed_(cumsum(reversed_(g, dim), dim), dim)


cumsum = op(
    "cumsum", lambda x, dim, dtype=None: _along(np.cumsum, reduction.in_dtype(x, dtype), dim), signature=ALONG,
    shape=scan_rule,
    dtype=_scanned_dtype, latex=r"y_i = \sum_{j \le i} x_j",
    vjp=dict(x=lambda g, x_dtype, dim: sum_from_the_end(reduction.in_input_dtype(g, x_dtype), dim)),
    samples=lambda: [
        sample(real(2, 3), 1), sample(real(2, 3), 0), ErrorSample((real(2, 3), 2), "Dimension out of range")
    ],
)  # fmt: skip


def _cumprod_slope(g: Any, x: Any, out: Any, dim: int) -> Any:
    if not x.ndim:
        return g
    if not reduction.has_zeros(x):
        return sum_from_the_end(g * conj(out), dim) / conj(x)
    return _cumprod_slope_with_zeros(g, x, dim)


def _cumprod_slope_with_zeros(g: Any, x: Any, dim: int) -> Any:
    """Return one slice per element: the sum of g times the products that it is part of, itself left out."""
    n = x.shape[dim]
    slices = []
    for i in range(n):
        one = arithmetic.zeros(rearrange.narrow(x, dim, 0, 1)) + 1
        without = joining.cat([rearrange.narrow(x, dim, 0, i), one, rearrange.narrow(x, dim, i + 1, n - i - 1)], dim)
        products = rearrange.narrow(cumprod(without, dim), dim, i, n - i)
        slices.append(reduction.sum_(rearrange.narrow(g, dim, i, n - i) * conj(products), dim, True))
    return joining.cat(slices, dim) if slices else x


cumprod = op(
    "cumprod", lambda x, dim, dtype=None: _along(np.cumprod, reduction.in_dtype(x, dtype), dim), signature=ALONG,
    shape=scan_rule, dtype=_scanned_dtype, latex=r"y_i = \prod_{j \le i} x_j",
    vjp=dict(x=lambda g, x, x_dtype, out, dim: _cumprod_slope(reduction.in_input_dtype(g, x_dtype), x, out, dim)),
    samples=lambda: [sample(nonzero(2, 3), 1), sample(nonzero(2, 3), 0)],
)  # fmt: skip


def _logcumsumexp(x: Any, dim: int) -> Any:
    if not x.ndim:
        return x
    at = normalize_dim(dim, x.ndim)
    if x.dtype.kind != "c":
        return np.ascontiguousarray(np.logaddexp.accumulate(x, at))
    high = np.max(x.real, at, keepdims=True)
    return np.log(np.cumsum(np.exp(x - high), at)) + high


def _logcumsumexp_slope(g: Any, x: Any, out: Any, dim: int) -> Any:
    """Return the gradient in logarithms, for positive and negative cotangents apart."""
    if not x.ndim:
        return g

    def part(log_g: Any) -> Any:
        return exponential.exp(reversed_(logcumsumexp(reversed_(log_g - out, dim), dim), dim) + x)

    if dtype_name(g).startswith("complex"):
        return conj(part(exponential.log(conj(g))))
    log_g, lowest = exponential.log(magnitude.abs_(g)), float(np.finfo(dtype_name(g)).min)
    positive = part(comparison.choose(g > 0, log_g, lowest))
    return positive - part(comparison.choose(g < 0, log_g, lowest))


logcumsumexp = op(
    "logcumsumexp", _logcumsumexp, signature="(input: Tensor, dim: int)",
    shape=taking("logcumsumexp_out_cpu", "float complex", scan_rule),
    latex=r"y_i = \ln \sum_{j \le i} e^{x_j}", vjp=dict(x=_logcumsumexp_slope),
    samples=lambda: [sample(real(2, 3), 1), sample(real(2, 3), 0)],
)  # fmt: skip


def _running(function: Any, x: Any, dim: int) -> Any:
    if not x.ndim:
        return x, np.int64(0)
    at = normalize_dim(dim, x.ndim)
    values = function.accumulate(x, at)
    place = np.arange(x.shape[at]).reshape([-1 if d == at else 1 for d in range(x.ndim)])
    return values, np.maximum.accumulate(np.where((x == values) | np.isnan(x), place, 0), at)


def _running_slope(g: Any, x_shape: Shape, out: Any, dim: int) -> Any:
    return None if g[0] is None else selection.added_at(g[0], dim, out[1], x_shape)


def _running_op(name: str, latex: str, function: Any) -> Any:
    return op(
        name, lambda x, dim: _running(function, x, dim), signature="(input: Tensor, dim: int)", latex=latex,
        shape=taking(f"{name}_cpu", "float int bool", lambda x, dim: (scan_rule(x, dim), x.shape)),
        outputs=("values", "indices"), constant=("indices",),
        vjp=dict(x=_running_slope), samples=lambda: [sample(distinct(2, 3), 1), sample(distinct(2, 3), 0)],
    )  # fmt: skip


cummax = _running_op("cummax", r"y_i = \max_{j \le i} x_j", np.maximum)
cummin = _running_op("cummin", r"y_i = \min_{j \le i} x_j", np.minimum)
