"""Negative log likelihood: losses of log probabilities against the index of the right class, and cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, indexing, softmax, views
from gradcli.ops import reduction as reductions
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape
from gradcli.ops._losses import element_count, mode, refuse_gradient
from gradcli.ops._op import Op, composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, index, real, reals, sample
from gradcli.types.dtype import is_floating

SIGNATURE = "(input: Tensor, target: Tensor, weight: Tensor?, reduction: str, ignore_index: int)"
CLASSES = index([1, 0, 2])
probability = reals(0.1, 0.9)


def _class_axis(x: Any) -> int:
    return min(x.ndim - 1, 1)


def _chosen(x: Any, target: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the target with a class axis and 0 where it is ignored, and where it is not."""
    kept = np.asarray(target != ignore_index)
    classes = x.shape[_class_axis(x)]
    inside = np.asarray((target >= 0) & (target < classes))
    at = np.asarray(target)
    if not inside.all():
        outside = kept & ~inside
        if outside.any():
            raise NumericError(f"Target {target[outside].ravel()[0]} is out of bounds.", code="GC304")
        at = np.where(kept, target, 0)
    return np.expand_dims(at.astype(np.int64, copy=False), _class_axis(x)), kept


def _weights(target: Any, kept: Any, weight: Any, dtype: Any) -> Any:
    """Return the weight of each element: 0 where the target is ignored."""
    return kept.astype(dtype) if weight is None else weight[target] * kept.astype(dtype)


def _nll(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    at, kept = _chosen(x, target, ignore_index)
    axis = _class_axis(x)
    weights = _weights(at.squeeze(axis), kept, weight, x.dtype)
    loss = np.where(kept, -np.take_along_axis(x, at, axis).squeeze(axis) * weights, 0).astype(x.dtype)
    if reduction == "none":
        return loss
    total = np.sum(loss).astype(x.dtype)
    return total if reduction == "sum" else total / np.sum(weights).astype(x.dtype)


def _nll_backward(dy: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    at, kept = _chosen(x, target, ignore_index)
    axis = _class_axis(x)
    weights = _weights(at.squeeze(axis), kept, weight, x.dtype)
    dy = dy / np.sum(weights).astype(x.dtype) if reduction == "mean" else dy
    dx = np.zeros(x.shape, x.dtype)
    np.put_along_axis(dx, at, np.expand_dims(np.where(kept, -dy * weights, 0), axis), axis)
    return dx


def _declare(name: str, grad_fn: str, rule: Any) -> Op:
    backward = op(
        f"{name}_backward", _nll_backward, grad_fn=f"{grad_fn}BackwardBackward0", names="",
        shape=lambda dy, x, *_: x.shape,
        signature=f"(dy: Tensor, {SIGNATURE[1:]}",
        vjp=dict(
            dy=lambda g, target, weight, reduction, ignore_index: forward(g, target, weight, reduction, ignore_index),
            x=lambda g: arithmetic.zeros(g),
        ),
    )  # fmt: skip
    forward = op(
        name, _nll, grad_fn=f"{grad_fn}Backward0", names="", shape=rule, signature=SIGNATURE,
        vjp=dict(
            x=lambda g, x, target, weight, reduction, ignore_index: backward(
                g, x, target, weight, reduction, ignore_index
            )
        ),
    )  # fmt: skip
    return forward


def _check_target(x: Any, target: Any, weight: Any, classes: int) -> None:
    require_floating("nll_loss_out_frame", x)
    if dtype_name(target) not in ("int64", "uint8"):
        raise DtypeError(f"expected target dtype to be Long or Byte, but got {scalar_type(target)}")
    if weight is None:
        return
    if weight.shape != (classes,):
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            "of shape: "
            f"{list(weight.shape)}"
        )
    if dtype_name(weight) != dtype_name(x):
        raise DtypeError(f"expected scalar type {scalar_type(x)} but found {scalar_type(weight)}")


def _rule(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Shape:
    if not (x.ndim == 1 and target.ndim == 0):
        if target.ndim > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        if x.ndim == 1 or target.ndim == 0 or x.shape[0] != target.shape[0]:
            raise ShapeError(f"size mismatch (got input: {list(x.shape)}, target: {list(target.shape)})")
    _check_target(x, target, weight, x.shape[-1])
    return target.shape if reduction == "none" else ()


def _rule_2d(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Shape:
    if target.ndim != 3:
        raise ShapeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    if x.shape[0] != target.shape[0] or x.shape[2:] != target.shape[1:]:
        raise ShapeError(f"size mismatch (got input: {list(x.shape)} , target: {list(target.shape)}")
    _check_target(x, target, weight, x.shape[1])
    return target.shape if reduction == "none" else ()


nll = _declare("nll_loss", "NllLoss", _rule)
nll_2d = _declare("nll_loss2d", "NllLoss2D", _rule_2d)


def nll_nd(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """Return the loss for inputs (C), (N, C), (N, C, H, W), and others that are viewed as the last."""
    if not x.ndim:
        raise ShapeError("Expected 1 or more dimensions (got 0)")
    if x.ndim != 1 and (not target.ndim or x.shape[0] != target.shape[0]):
        found = target.shape[0] if target.ndim else 0
        raise ShapeError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({found}).")
    refuse_gradient("nll_loss_forward", weight=weight)
    if x.ndim == 1 and target.shape == (1,):
        target = views.view(target, ())
    if x.ndim <= 2:
        return nll(x, target, weight, reduction, ignore_index)
    if x.ndim == 4:
        return nll_2d(x, target, weight, reduction, ignore_index)
    size = (x.shape[0], *x.shape[2:])
    if target.shape[1:] != x.shape[2:]:
        raise ShapeError(f"Expected target size {list(size)}, got {list(target.shape)}")
    flat, classes = _flattened(x, x.shape[:2]), _flattened(target, target.shape[:1])
    loss = nll_2d(flat, classes, weight, reduction, ignore_index)
    return views.view(loss, size) if reduction == "none" else loss


def _flattened(x: Any, leading: Shape) -> Any:
    rest = element_count(x.shape[len(leading) :])
    return views.view(views.contiguous(x), (*leading, 1, rest))


CLASS_LOSS = (
    "(input: Tensor, target: Tensor, weight: Tensor?=None, size_average: bool?=None, ignore_index: "
    "int=-100, reduce: bool?=None, reduction: str='mean'{})"
)


@composite(
    "nn.functional", CLASS_LOSS.format(""), latex=r"-x_t",
    samples=lambda: [
        sample(real(3, 4), CLASSES), sample(real(3, 4), CLASSES, reduction="none"),
        sample(real(3, 4), CLASSES, ignore_index=1),
        sample(real(1, 3, 2), index([[2, 0]])), ErrorSample((real(2, 4), CLASSES), "to match target batch_size (3)"),
        ErrorSample((real(3, 2), CLASSES), "Target 2 is out of bounds."),
    ],
)  # fmt: skip
def nll_loss(
    x: Any, target: Any, weight: Any = None, size_average: bool | None = None, ignore_index: int = -100,
    reduce: bool | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the mean of minus the log probability of the target class; x is (N, C, …), the target (N, …)."""
    return nll_nd(x, target, weight, mode(reduction, size_average, reduce), ignore_index)


@composite(
    "nn.functional", CLASS_LOSS.format(", label_smoothing: float=0.0"), latex=r"-x_t + \ln \sum_j e^{x_j}",
    samples=lambda: [
        sample(real(3, 4), CLASSES), sample(real(3, 4), CLASSES, reduction="sum", label_smoothing=0.1),
        sample(real(3, 4), probability(3, 4)), ErrorSample((real(2, 4), CLASSES), "to match target batch_size (3)"),
    ],
)  # fmt: skip
def cross_entropy(
    x: Any, target: Any, weight: Any = None, size_average: bool | None = None, ignore_index: int = -100,
    reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Return the cross entropy of softmax(x) and a target: class indices, or probabilities of x's shape."""
    how = mode(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise NumericError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if x.shape == target.shape:
        return _of_probabilities(x, target, weight, how, ignore_index, label_smoothing)
    log_p = softmax.log_softmax(x, 0 if x.ndim == 1 else 1)
    if label_smoothing:
        return _smoothed(log_p, target, weight, how, ignore_index, label_smoothing)
    return nll_nd(log_p, target, weight, how, ignore_index)


def _over_classes(weight: Any, x: Any) -> Any:
    """Return class weights in a shape that broadcasts over dimension 1 of x."""
    return views.view(weight, tuple(-1 if i == 1 else 1 for i in range(x.ndim))) if x.ndim > 1 else weight


def _of_probabilities(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float) -> Any:
    if not is_floating(dtype_name(target)):
        raise DtypeError(f"Expected floating point type for target with class probabilities, got {scalar_type(target)}")
    if ignore_index >= 0:
        raise DtypeError("ignore_index is not supported for floating point target")
    axis = 0 if x.ndim == 1 else 1
    log_p = softmax.log_softmax(x, axis)
    classes = x.shape[axis]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got "
            "weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if smoothing:
        target = arithmetic.add_scalar(arithmetic.mul_scalar(target, 1 - smoothing), smoothing / classes)
    cost = log_p * target if weight is None else log_p * target * _over_classes(weight, x)
    if reduction == "none":
        return -reductions.sum_(cost, (axis,))
    total = -reductions.sum_all(cost)
    if reduction == "sum":
        return total
    count = element_count(x.shape)
    return arithmetic.div_scalar(total, count / classes if count else float("nan"))


def _smoothed(log_p: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float) -> Any:
    axis = 0 if log_p.ndim == 1 else 1
    nll = nll_nd(log_p, target, weight, reduction, ignore_index)
    cost = log_p if weight is None else log_p * _over_classes(weight, log_p)
    spread = -reductions.sum_(cost, (axis,))
    ignored = target == ignore_index
    spread = indexing.masked_fill(spread, ignored, 0.0)
    if reduction == "mean":
        spread = reductions.sum_all(spread) / total_weight(target, weight, ignore_index, dtype_name(log_p))
    elif reduction == "sum":
        spread = reductions.sum_all(spread)
    share = smoothing / log_p.shape[axis]
    return arithmetic.mul_scalar(nll, 1 - smoothing) + arithmetic.mul_scalar(spread, share)


def _total_weight(target: Any, weight: Any, ignore_index: int, dtype: str) -> Any:
    kept = np.asarray(target != ignore_index)
    return np.sum(_weights(np.where(kept, target, 0), kept, weight, np.dtype(dtype))).astype(dtype)


total_weight = op(
    "total_weight", _total_weight, names="",
    signature="(target: Tensor, weight: Tensor?, ignore_index: int, dtype: str)",
    shape=lambda *_: (), dtype=lambda target, weight, ignore_index, dtype: dtype,
)  # fmt: skip
