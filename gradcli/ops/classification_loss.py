"""Losses for classification: of probabilities, logits and log probabilities against classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, clamping, expansion, exponential
from gradcli.ops import reduction as reductions
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._losses import (
    LEGACY,
    element_count,
    mode,
    reduced,
    reduced_raw,
    reduced_shape,
    refuse_gradient,
    share,
    size_text,
    torch_mode,
)  # fmt: skip
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name, same
from gradcli.ops._samples import ErrorSample, index, real, reals, sample
from gradcli.ops.smooth_activation import log_sigmoid_of, logsigmoid
from gradcli.types.dtype import BY_NAME

probability = reals(0.1, 0.9)
WEIGHTED = f"(input: Tensor, target: Tensor, weight: Tensor?=None, {LEGACY})"
LEAST_LOG = -100.0
"""Binary cross entropy holds logarithms to at least this, so that a certain error costs 100."""


def _bce_rule(x: Any, target: Any, weight: Any, reduction: str) -> Shape:
    for other in (target, weight):
        if other is not None and dtype_name(other) != dtype_name(x):
            raise DtypeError(f"Found dtype {scalar_type(other)} but expected {scalar_type(x)}")
    require_floating("binary_cross_entropy", x)
    return reduced_shape(x.shape, reduction)


def _times(loss: Any, weight: Any) -> Any:
    return loss if weight is None else loss * weight


def _bce(x: Any, target: Any, weight: Any, reduction: str) -> Any:
    if not np.all((x >= 0) & (x <= 1)):
        raise NumericError("all elements of input should be between 0 and 1")
    loss = (target - 1) * np.maximum(np.log1p(-x), LEAST_LOG) - target * np.maximum(np.log(x), LEAST_LOG)
    return reduced_raw(_times(loss, weight), reduction)


def _bce_backward(dy: Any, x: Any, target: Any, weight: Any, reduction: str) -> Any:
    slope = (x - target) / np.maximum((1 - x) * x, 1e-12).astype(x.dtype)
    return _times(share(dy, x, reduction) * slope, weight)


def _log(x: Any) -> Any:
    return clamping.clamp_min(exponential.log(x), LEAST_LOG)


def _bce_target(g: Any, x: Any, weight: Any, reduction: str) -> Any:
    return _times(share(g, x, reduction) * (_log(1 - x) - _log(x)), weight)


def _bce_bend(g: Any, dy: Any, x: Any, target: Any, weight: Any, reduction: str) -> Any:
    p = x * (1 - x)
    return _times(share(g * dy, x, reduction) * (p - (x - target) * (1 - x * 2)) / (p * p), weight)


def _bce_bend_target(g: Any, dy: Any, x: Any, weight: Any, reduction: str) -> Any:
    return -_times(share(g * dy, x, reduction) / (x * (1 - x)), weight)


FUSED = "(input: Tensor, target: Tensor, weight: Tensor?, reduction: str)"
bce_backward = op(
    "binary_cross_entropy_backward", _bce_backward, names="",
    signature="(dy: Tensor, input: Tensor, target: Tensor, weight: Tensor?, reduction: str)",
    shape=lambda dy, x, *_: x.shape,
    vjp=dict(
        dy=lambda g, x, target, weight, reduction: bce_backward(g, x, target, weight, reduction),
        x=lambda g, dy, x, target, weight, reduction: _bce_bend(g, dy, x, target, weight, reduction),
        target=lambda g, dy, x, weight, reduction: _bce_bend_target(g, dy, x, weight, reduction),
    ),
)  # fmt: skip
bce = op(
    "binary_cross_entropy", _bce, names="", signature=FUSED, shape=_bce_rule,
    vjp=dict(
        x=lambda g, x, target, weight, reduction: bce_backward(g, x, target, weight, reduction),
        target=lambda g, x, weight, reduction: _bce_target(g, x, weight, reduction),
    ),
)  # fmt: skip


def _broadcast_weight(target: Shape, weight: Shape) -> Shape:
    try:
        return broadcast_shapes(target, weight)
    except ShapeError:
        at = next(d for d in range(1, len(weight) + 1) if weight[-d] not in (1, target[-d]))
        raise ShapeError(
            f"Attempting to broadcast a dimension of length {weight[-at]} at -{at}! Mismatching argument at index 1 "
            f"had {size_text(weight)}; but expected shape should be broadcastable to {list(target)}"
        ) from None


@composite(
    "nn.functional", WEIGHTED, latex=r"-t \ln x - (1 - t) \ln(1 - x)",
    samples=lambda: [
        sample(probability(2, 3), probability(2, 3)), sample(probability(3), probability(3), reduction="none"),
        ErrorSample((probability(2), probability(3)), "Using a target size (torch.Size([3])) that is different"),
    ],
)  # fmt: skip
def binary_cross_entropy(
    x: Any, target: Any, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the mean of -t ln x - (1 - t) ln(1 - x) for probabilities x and targets t."""
    how = mode(reduction, size_average, reduce)
    if target.shape != x.shape:
        raise ShapeError(
            f"Using a target size ({size_text(target.shape)}) that is different to the input size "
            f"({size_text(x.shape)}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        refuse_gradient("binary_cross_entropy", weight=weight)
        weight = expansion.expand(weight, _broadcast_weight(target.shape, weight.shape))
    return bce(x, target, weight, how)


def _logits_rule(x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Shape:
    found, wanted = dtype_name(x), dtype_name(target)
    if wanted == "bool":
        raise DtypeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead.",
            hint="give the target as floats: target.float()",
        )
    if found == wanted or BY_NAME[found].category != "float":
        require_floating("log_sigmoid_cpu", x)
    elif BY_NAME[wanted].category != "float":
        raise DtypeError(
            f"result type {scalar_type(x)} can't be cast to the desired output type {scalar_type(target)}",
            hint="give the target as floats: target.float()",
        )
    shapes = [value.shape for value in (weight, pos_weight) if value is not None]
    return reduced_shape(broadcast_shapes(x.shape, *shapes), reduction)


def _logits_loss(x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    log_s = log_sigmoid_of(x)
    cost = log_s if pos_weight is None else ((pos_weight - 1) * target + 1) * log_s
    return reduced_raw(_times((1 - target) * x - cost, weight).astype(target.dtype), reduction)


def _logits_slope(g: Any, x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    s = exponential.sigmoid(x)
    if pos_weight is None:
        slope = (s - target) * g
    else:
        t = pos_weight * target
        slope = ((t + 1 - target) * s - t) * g
    return _averaged(_times(slope, weight), reduction)


def _logits_target(g: Any, x: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = g * -x if pos_weight is None else (logsigmoid(-x) - pos_weight * logsigmoid(x)) * g
    return _averaged(_times(slope, weight), reduction)


def _averaged(slope: Any, reduction: str) -> Any:
    return arithmetic.div_scalar(slope, element_count(slope.shape)) if reduction == "mean" else slope


logits_loss = op(
    "binary_cross_entropy_with_logits", _logits_loss, names="", shape=_logits_rule,
    dtype=lambda x, target, *_: dtype_name(target),
    signature="(input: Tensor, target: Tensor, weight: Tensor?, pos_weight: Tensor?, reduction: str)",
    vjp=dict(
        x=lambda g, x, target, weight, pos_weight, reduction: _logits_slope(
            g, x, target, weight, pos_weight, reduction
        ),
        target=lambda g, x, weight, pos_weight, reduction: _logits_target(g, x, weight, pos_weight, reduction),
    ),
)  # fmt: skip


def _check_logits(x: Any, target: Any, weight: Any, pos_weight: Any) -> None:
    if target.shape != x.shape:
        raise ShapeError(
            f"Target size ({size_text(target.shape)}) must be the same as input size ({size_text(x.shape)})",
            hint="give input and target one shape",
        )
    refuse_gradient("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)


@composite(
    "nn.functional", f"(input: Tensor, target: Tensor, weight: Tensor?=None, {LEGACY}, pos_weight: Tensor?=None)",
    latex=r"-t \ln \sigma(x) - (1 - t) \ln(1 - \sigma(x))",
    samples=lambda: [
        sample(real(2, 3), probability(2, 3)), sample(real(3), probability(3), reduction="none"),
        ErrorSample((real(3), real(2)), "Target size (torch.Size([2])) must be the same as input size"),
    ],
)  # fmt: skip
def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", pos_weight: Any = None,
) -> Any:  # fmt: skip
    """Return binary cross entropy of sigmoid(x) and targets, stable for large x."""
    how = mode(reduction, size_average, reduce)
    _check_logits(x, target, weight, pos_weight)
    return logits_loss(x, target, weight, pos_weight, how)


@composite(
    "torch", "(input: Tensor, target: Tensor, weight: Tensor?=None, pos_weight: Tensor?=None, reduction: int=0)",
    name="binary_cross_entropy_with_logits", samples=lambda: [sample(real(2, 3), probability(2, 3))],
)  # fmt: skip
def torch_binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Any:  # fmt: skip
    """Return `nn.functional.binary_cross_entropy_with_logits` with the reduction as a number."""
    _check_logits(x, target, weight, pos_weight)
    return logits_loss(x, target, weight, pos_weight, torch_mode(reduction))


soft_margin_backward = op(
    "soft_margin_loss_backward",
    lambda dy, x, target, reduction: -target * share(dy, x, reduction) * (1 - 1 / (1 + np.exp(-target * x))),
    names="", signature="(dy: Tensor, input: Tensor, target: Tensor, reduction: str)", shape=lambda dy, x, *_: x.shape,
    promote=same,
    vjp=dict(
        dy=lambda g, x, target, reduction: soft_margin_backward(g, x, target, reduction),
        x=lambda g, dy, x, target, reduction: _soft_margin_bend(g * dy, x, target, reduction),
    ),
)  # fmt: skip


def _soft_margin_bend(g: Any, x: Any, target: Any, reduction: str) -> Any:
    s = exponential.sigmoid(target * x)
    return share(g, x, reduction) * target * target * (s * (1 - s))


soft_margin = op(
    "soft_margin_loss", lambda x, target, reduction: reduced_raw(np.log1p(np.exp(-target * x)), reduction), names="",
    promote=same,
    signature="(input: Tensor, target: Tensor, reduction: str)",
    shape=lambda x, target, reduction: reduced_shape(broadcast_shapes(x.shape, target.shape), reduction),
    vjp=dict(x=lambda g, x, target, reduction: soft_margin_backward(g, x, target, reduction)),
)  # fmt: skip


@composite(
    "nn.functional", f"(input: Tensor, target: Tensor, {LEGACY})", latex=r"\ln(1 + e^{-t x})",
    samples=lambda: [sample(real(2, 3), index([[1, -1, 1], [-1, 1, 1]]))],
)  # fmt: skip
def soft_margin_loss(
    x: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:  # fmt: skip
    """Return the mean of ln(1 + exp(-t x)) for targets t of -1 and 1."""
    how = mode(reduction, size_average, reduce)
    refuse_gradient("soft_margin_loss", target=target)
    return soft_margin(x, target, how)


@composite(
    "nn.functional", WEIGHTED, samples=lambda: [sample(real(2, 3), index([[1, 0, 1], [0, 1, 1]]))],
)  # fmt: skip
def multilabel_soft_margin_loss(
    x: Any, target: Any, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return binary cross entropy with logits, averaged over the last dimension before it is reduced."""
    if size_average is not None or reduce is not None:
        reduction = mode(reduction, size_average, reduce)
    loss = -(target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    loss = _times(loss, weight)
    loss = reductions.sum_(loss, (x.ndim - 1,)) / x.shape[-1]
    if reduction not in ("none", "mean", "sum"):
        raise BindError(f"{reduction} is not valid", hint="it is 'none', 'mean' or 'sum'")
    return reduced(loss, reduction)
