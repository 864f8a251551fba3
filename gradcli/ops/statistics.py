"""Statistics: variances, covariances and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import (
    arithmetic,
    clamping,
    comparison,
    creation,
    magnitude,
    product,
    rearrange,
    reduction,
)
from gradcli.ops._dtypes import taking
from gradcli.ops._families import Shape, conj, reduction_rule
from gradcli.ops._families import reduction as reducing
from gradcli.ops._op import composite, spelling
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import real, sample
from gradcli.types.dtype import real_of

BY_CORRECTION = "(input: Tensor, dim: int[1]?=None, *, correction: Scalar?=None, keepdim: bool=False)"
BY_UNBIASED = "(input: Tensor, unbiased: bool=True)"
BY_DIM_UNBIASED = "(input: Tensor, dim: int[1]?, unbiased: bool=True, keepdim: bool=False)"


def _spread_rule(x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Shape:
    if not dtype_name(x).startswith(("float", "complex")):
        raise DtypeError("std and var only support floating point and complex dtypes")
    return reduction_rule(x, dim, keepdim)


def _spread_and_mean_rule(name: str) -> Any:
    def rule(x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False) -> tuple[Shape, Shape]:
        shape = reduction_rule(x, dim, keepdim)
        return shape, shape

    return taking(f"{name} only support floating point and complex dtypes", "float complex", rule)


def _real_dtype(x: Any, *_: Any) -> str:
    return real_of(dtype_name(x))


def _freedom(shape: Shape, dim: Any, correction: Any) -> float:
    """Return by what the squared deviations are divided."""
    return reduction.count(shape, dim) - (1 if correction is None else correction)


def _var(x: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    at = reduction.axes(x, dim)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    with np.errstate(all="ignore"):
        off = np.abs(wide - np.sum(wide, at, keepdims=True) / reduction.count(x.shape, dim)) if x.size else wide.real
        total = np.sum(off * off, at, keepdims=keepdim)
        return np.divide(total, max(_freedom(x.shape, dim, correction), 0)).astype(_real_dtype(x))


def _mean(x: Any, dim: Any, keepdim: bool) -> Any:
    return reduction.mean(x, dim, keepdim)


def _var_slope(g: Any, x: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    g = reduction.restored(g, x.shape, dim, keepdim)
    off = x - _mean(x, dim, True)
    freedom = _freedom(x.shape, dim, correction)
    if freedom <= 0:
        return g * comparison.choose(off == 0, float("nan"), float("inf"))
    return (2.0 / freedom) * g * off


def _std_slope(g: Any, x: Any, out: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    return _var_slope(comparison.choose(out == 0, 0.0, g / (out * 2)), x, dim, correction, keepdim)


def _mean_slope(g: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    g = reduction.restored(g, x.shape, dim, keepdim)
    return rearrange.expand(g, x.shape) / reduction.count(x.shape, dim)


def _both(first: Any, second: Any) -> Any:
    return second if first is None else first if second is None else first + second


def _var_mean_slope(g: Any, x: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    var_part = None if g[0] is None else _var_slope(g[0], x, dim, correction, keepdim)
    return _both(var_part, None if g[1] is None else _mean_slope(g[1], x, dim, keepdim))


def _std_mean_slope(g: Any, x: Any, out: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    std_part = None if g[0] is None else _std_slope(g[0], x, out[0], dim, correction, keepdim)
    return _both(std_part, None if g[1] is None else _mean_slope(g[1], x, dim, keepdim))


def _samples() -> list[Any]:
    return [sample(real(2, 3)), sample(real(2, 3), 1, correction=0), sample(real(2, 3), (0, 1), keepdim=True)]


def _std(x: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    return np.sqrt(_var(x, dim, correction, keepdim))


var = reducing(
    "var", r"\frac{1}{n - c} \sum (x - \bar x)^2", shape=_spread_rule, dtype=_real_dtype, signature=BY_CORRECTION,
    names="",
    kernel=lambda x, dim=None, *, correction=None, keepdim=False: _var(x, dim, correction, keepdim),
    vjp=dict(x=_var_slope),
    samples=_samples,
)  # fmt: skip
std = reducing(
    "std", r"\sqrt{\frac{1}{n - c} \sum (x - \bar x)^2}", shape=_spread_rule, dtype=_real_dtype,
    signature=BY_CORRECTION,
    kernel=lambda x, dim=None, *, correction=None, keepdim=False: _std(x, dim, correction, keepdim),
    vjp=dict(x=_std_slope),
    names="", samples=_samples,
)  # fmt: skip
var_mean = reducing(
    "var_mean", r"\operatorname{var} x, \bar x", shape=_spread_and_mean_rule("var_mean"), dtype=_real_dtype,
    signature=BY_CORRECTION,
    kernel=lambda x, dim=None, *, correction=None, keepdim=False: (
        _var(x, dim, correction, keepdim), np.asarray(reduction.mean.kernel(x, dim, keepdim))[()]
    ),
    outputs=("var", "mean"), vjp=dict(x=_var_mean_slope), names="", samples=_samples,
)  # fmt: skip
std_mean = reducing(
    "std_mean", r"\operatorname{std} x, \bar x", shape=_spread_and_mean_rule("std_mean"), dtype=_real_dtype,
    signature=BY_CORRECTION,
    kernel=lambda x, dim=None, *, correction=None, keepdim=False: (
        _std(x, dim, correction, keepdim), np.asarray(reduction.mean.kernel(x, dim, keepdim))[()]
    ),
    outputs=("std", "mean"), vjp=dict(x=_std_mean_slope), names="", samples=_samples,
)  # fmt: skip


def _spell(target: Any, names: str) -> None:
    """Add the three ways to call a variance: by `unbiased`, by `dim` and `unbiased`, by `correction`."""

    @composite(names, BY_UNBIASED, name=target.name, samples=(sample(real(2, 3), False),))
    def of_all(x: Any, unbiased: bool = True) -> Any:
        """Return it over all elements."""
        return target(x, None, correction=int(unbiased))

    @composite(names, BY_DIM_UNBIASED, name=target.name, samples=(sample(real(2, 3), 1, False, True),))
    def by_dim(x: Any, dim: Any, unbiased: bool = True, keepdim: bool = False) -> Any:
        """Return it over dimensions."""
        return target(x, dim, correction=int(unbiased), keepdim=keepdim)

    spelling(names, target)


_spell(var, "torch Tensor")
_spell(std, "torch Tensor")
_spell(var_mean, "torch")
_spell(std_mean, "torch")


def _weights(fweights: Any, aweights: Any) -> Any:
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return arithmetic.mul(fweights, aweights)


def _check_cov(x: Any) -> None:
    if x.ndim > 2:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {x.ndim} dimensions"
        )
    if dtype_name(x) == "bool":
        raise DtypeError("cov(): bool dtype is not supported for input")


def _degrees(x: Any, w: Any, w_sum: Any, aweights: Any, correction: int) -> Any:
    """Return by what the products of deviations are divided."""
    if w is None:
        return max(x.shape[1] - correction, 0)
    if correction == 0:
        return w_sum
    if aweights is None:
        return w_sum - correction
    excess = arithmetic.mul_scalar(reduction.sum_all(arithmetic.mul(w, aweights)), correction)
    return arithmetic.sub(w_sum, arithmetic.div(excess, w_sum))


@composite(
    "torch Tensor", "(input: Tensor, *, correction: int=1, fweights: Tensor?=None, aweights: Tensor?=None)",
    samples=lambda: [sample(real(2, 4)), sample(real(2, 4), correction=0)],
)  # fmt: skip
def cov(x: Any, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Return the covariances of variables in rows, observed in columns."""
    _check_cov(x)
    x = x if x.ndim == 2 else rearrange.view(x, (1, -1))
    w = _weights(fweights, aweights)
    w_sum = x.shape[1] if w is None else reduction.sum_all(w)
    total = reduction.sum_(x if w is None else arithmetic.mul(x, w), 1)
    average = arithmetic.div(total, w_sum)
    freedom = _degrees(x, w, w_sum, aweights, correction)
    off = arithmetic.sub(x, rearrange.unsqueeze(average, 1))
    weighted = off if w is None else arithmetic.mul(off, w)
    products = product.mm(off, conj(rearrange.t(weighted)))
    return rearrange.squeeze(arithmetic.div(products, freedom))


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(real(3, 4))])
def corrcoef(x: Any) -> Any:
    """Return the correlation coefficients of variables in rows, observed in columns."""
    if x.ndim > 2:
        raise ShapeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {x.ndim} dimensions"
        )
    c = cov(x)
    if c.ndim == 0:
        return arithmetic.div(c, c)
    d = rearrange.diagonal(c)
    deviations = arithmetic.sqrt(rearrange.real(d) if creation.is_complex_value(d) else d)
    c = arithmetic.div(c, rearrange.view(deviations, (-1, 1)))
    c = arithmetic.div(c, rearrange.view(deviations, (1, -1)))
    if creation.is_complex_value(c):
        parts = (clamping.clamp(part, -1, 1) for part in (rearrange.real(c), rearrange.imag(c)))
        return magnitude.complex_(*parts)
    return clamping.clamp(c, -1, 1)
