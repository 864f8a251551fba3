"""Losses for regression: of differences between numbers, and of numbers under a distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, creation, expansion, exponential, indexing, magnitude, views
from gradcli.ops import reduction as reductions
from gradcli.ops._losses import (
    LEGACY,
    MODES,
    checked_mode,
    difference_loss,
    mode,
    reduced,
    torch_mode,
)  # fmt: skip
from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, positive, real, reals, sample
from gradcli.ops.similarity import raised_clone

WITH_WEIGHT = f"(input: Tensor, target: Tensor, {LEGACY}, weight: Tensor?=None)"
PLAIN = f"(input: Tensor, target: Tensor, {LEGACY})"


def _of_dtype(condition: Any, like: Any) -> Any:
    return creation.to_dtype(condition, dtype_name(like))


mse_of = difference_loss("mse_loss", "mse_cpu", lambda d, b: d * d, lambda d, b: 2 * d, lambda d, b: 2.0)
smooth_l1_of = difference_loss(
    "smooth_l1_loss", "smooth_l1_cpu", lambda d, b: np.where(abs(d) < b, 0.5 * d * d / b, abs(d) - 0.5 * b),
    lambda d, b: np.where(abs(d) < b, d / b, np.sign(d)), lambda d, b: _of_dtype(magnitude.abs_(d) < b, d) / b,
)  # fmt: skip
huber_of = difference_loss(
    "huber_loss", "huber_cpu", lambda d, b: np.where(abs(d) < b, 0.5 * d * d, b * (abs(d) - 0.5 * b)),
    lambda d, b: np.clip(d, -b, b), lambda d, b: _of_dtype(magnitude.abs_(d) < b, d),
)  # fmt: skip


def _weighted(loss: Any, weight: Any, reduction: str, by_weight: bool) -> Any:
    """Return a weighted loss; its mean is over the weights' sum where `by_weight`."""
    weighted = loss * weight
    if reduction not in MODES:
        raise BindError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    if reduction == "mean" and by_weight:
        return reductions.sum_all(weighted) / reductions.sum_all(weight)
    return reduced(weighted, reduction)


def _check_weight(x: Any, weight: Any) -> None:
    if weight.shape != x.shape:
        raise ShapeError("Weights and input must have the same size.")


_ERRORS = (
    ErrorSample((real(3), real(2)), "The size of tensor a (3) must match the size of tensor b (2)"),
    ErrorSample((real(3), real(3)), "average is not a valid value for reduction", {"reduction": "average"}),
)
_PAIR = (
    sample(real(2, 3), real(2, 3)), sample(real(3), real(3), reduction="none"),
    sample(real(2, 1), real(3), reduction="sum"),
)  # fmt: skip


@composite("nn.functional", WITH_WEIGHT, samples=(*_PAIR, *_ERRORS), latex=r"(x - t)^2")
def mse_loss(
    x: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return the mean squared error."""
    a, b = expansion.broadcast_tensors([x, target])
    if weight is None:
        return mse_of(a, b, mode(reduction, size_average, reduce))
    _check_weight(x, weight)
    return _weighted(arithmetic.pow_number(a - b, 2), weight, reduction, True)


def _absolute_error(x: Any, target: Any) -> Any:
    return magnitude.abs_(x - target)


@composite(
    "nn.functional", WITH_WEIGHT, samples=lambda: [sample(real(2, 3), reals(4, 5)(2, 3)), *_ERRORS], latex=r"|x - t|",
)  # fmt: skip
def l1_loss(
    x: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return the mean absolute error."""
    a, b = expansion.broadcast_tensors([x, target])
    if weight is None:
        return reduced(_absolute_error(a, b), mode(reduction, size_average, reduce))
    _check_weight(x, weight)
    return _weighted(_absolute_error(a, b), weight, reduction, True)


@composite("nn.functional", f"(input: Tensor, target: Tensor, {LEGACY}, beta: float=1.0)", samples=(*_PAIR, *_ERRORS))
def smooth_l1_loss(
    x: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """Return the mean of d²/2β where |d| < β, else |d| - β/2, for d = x - target."""
    how = mode(reduction, size_average, reduce)
    if beta < 0:
        raise NumericError("smooth_l1_loss does not support negative values for beta.")
    a, b = expansion.broadcast_tensors([x, target])
    return smooth_l1_of(a, b, how, float(beta)) if beta else reduced(_absolute_error(a, b), how)


@composite(
    "nn.functional", "(input: Tensor, target: Tensor, reduction: str='mean', delta: float=1.0, weight: Tensor?=None)",
    samples=(*_PAIR, *_ERRORS),
)  # fmt: skip
def huber_loss(x: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """Return the mean of d²/2 where |d| < δ, else δ(|d| - δ/2), for d = x - target."""
    if delta <= 0:
        raise NumericError("huber_loss does not support non-positive values for delta.")
    a, b = expansion.broadcast_tensors([x, target])
    if weight is None:
        return huber_of(a, b, mode(reduction), float(delta))
    _check_weight(x, weight)
    return _weighted(huber_of(a, b, "none", float(delta)), weight, reduction, False)


def _variance(x: Any, var: Any) -> Any:
    """Return the variance as a tensor that goes with x."""
    if not hasattr(var, "shape"):
        if var < 0:
            raise NumericError("var has negative entry/entries")
        return creation.ones_like(x) * var
    if var.shape == x.shape:
        return var
    if x.shape[:-1] == var.shape:
        return views.unsqueeze(var, -1)
    differing = [v for n, v in zip(x.shape, var.shape, strict=False) if n != v]
    if x.ndim == var.ndim and sum(differing) == 1:
        return var
    raise ShapeError("var is of incorrect size")


def _require_no_negative(var: Any) -> None:
    values = views.array_of(var)
    if values is not None and np.any(values < 0):
        raise NumericError("var has negative entry/entries")


@composite(
    "nn.functional",
    "(input: Tensor, target: Tensor, var: Tensor|Scalar, full: bool=False, eps: float=1e-06, reduction: str='mean')",
    samples=lambda: [
        sample(real(2, 3), real(2, 3), positive(2, 3)), sample(real(2, 3), real(2, 3), positive(2), full=True),
    ],
)  # fmt: skip
def gaussian_nll_loss(
    x: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-06, reduction: str = "mean"
) -> Any:  # fmt: skip
    """Return the negative log likelihood of targets under normal distributions of mean x and variance `var`."""
    _require_no_negative(var)
    var = raised_clone(_variance(x, var), eps)
    loss = (exponential.log(var) + arithmetic.pow_number(x - target, 2) / var) * 0.5
    loss = loss + 0.5 * math.log(2 * math.pi) if full else loss
    return reduced(loss, checked_mode(reduction))


@composite(
    "nn.functional",
    "(input: Tensor, target: Tensor, log_input: bool=True, full: bool=False, size_average: bool?=None, eps: "
    "float=1e-08, "
    "reduce: bool?=None, reduction: str='mean')",
    samples=lambda: [sample(real(2, 3), positive(2, 3)), sample(positive(2, 3), reals(1.5, 3)(2, 3), False, True)],
)  # fmt: skip
def poisson_nll_loss(
    x: Any, target: Any, log_input: bool = True, full: bool = False, size_average: bool | None = None,
    eps: float = 1e-08,
    reduce: bool | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the negative log likelihood of counts under Poisson distributions, whose rates are exp(x), or x itself."""
    return _poisson_nll(x, target, log_input, full, eps, mode(reduction, size_average, reduce))


@composite(
    "torch",
    "(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int)",
    name="poisson_nll_loss",
    samples=lambda: [sample(real(2, 3), positive(2, 3), True, False, 1e-8, 1)],
)
def torch_poisson_nll_loss(x: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """Return `nn.functional.poisson_nll_loss` with the reduction as a number."""
    return _poisson_nll(x, target, log_input, full, eps, torch_mode(reduction))


def _poisson_nll(x: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: str) -> Any:
    if log_input:
        loss = exponential.exp(x) - target * x
    else:
        loss = x - target * exponential.log(arithmetic.add_scalar(x, eps))
    if full:
        entropy = target * exponential.log(target) - target
        stirling = entropy + arithmetic.mul_scalar(exponential.log(arithmetic.mul_scalar(target, 2 * math.pi)), 0.5)
        loss = loss + indexing.masked_fill(stirling, target <= 1, 0)
    return reduced(loss, reduction)


KL = "(input: Tensor, target: Tensor, {}log_target: bool=False)"


@composite(
    "nn.functional", KL.format(f"{LEGACY}, "), latex=r"t (\ln t - x)",
    samples=lambda: [
        sample(real(2, 3), positive(2, 3)), sample(real(2, 3), real(2, 3), reduction="batchmean", log_target=True),
    ],
)  # fmt: skip
def kl_div(
    x: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    log_target: bool = False,
) -> Any:  # fmt: skip
    """Return the Kullback-Leibler divergence of log probabilities x from a target (`batchmean`: per row)."""
    if size_average is None and reduce is None and reduction == "batchmean":
        total = _kl_div(x, target, "sum", log_target)
        return total / x.shape[0] if x.ndim else total
    return _kl_div(x, target, mode(reduction, size_average, reduce), log_target)


@composite(
    "torch", KL.format("reduction: int=0, *, "), name="kl_div", samples=lambda: [sample(real(2, 3), positive(2, 3), 1)]
)
def torch_kl_div(x: Any, target: Any, reduction: int = 0, log_target: bool = False) -> Any:
    """Return `nn.functional.kl_div` with the reduction as a number."""
    return _kl_div(x, target, torch_mode(reduction), log_target)


def _kl_div(x: Any, target: Any, reduction: str, log_target: bool) -> Any:
    for kind in (dtype_name(x), dtype_name(target)):
        if kind.startswith("complex"):
            raise DtypeError("kl_div: Complex inputs not supported.")
        if not kind.startswith("float"):
            raise DtypeError("kl_div: Integral inputs not supported.")
    if log_target:
        return reduced(exponential.exp(target) * (target - x), reduction)
    return reduced(exponential.xlogy(target, target) - target * x, reduction)
