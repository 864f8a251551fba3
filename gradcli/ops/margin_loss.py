"""Margin losses: of scores that should differ by at least a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, clamping, comparison
from gradcli.ops import reduction as reductions
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape, not_implemented
from gradcli.ops._losses import LEGACY, element_count, mode, reduced, reduced_raw, share, size_text, torch_mode
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, index, real, reals, sample
from gradcli.ops.similarity import distance

SIGNS = index([1, -1, 1])


def _ranking(x: Any, y: Any, target: Any, margin: float, reduction: str) -> Any:
    return reduced(clamping.clamp_min(arithmetic.add_scalar(-target * (x - y), margin), 0.0), reduction)


@composite(
    "nn.functional", f"(input1: Tensor, input2: Tensor, target: Tensor, margin: float=0, {LEGACY})",
    samples=lambda: [sample(real(3), reals(4, 5)(3), SIGNS, 0.5, reduction="none")], latex=r"\max(0, -t (x - y) + m)",
)  # fmt: skip
def margin_ranking_loss(
    x: Any, y: Any, target: Any, margin: float = 0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the loss of x that does not exceed y (target 1), or y that does not exceed x (target -1), by a margin."""
    how = mode(reduction, size_average, reduce)
    if x.ndim != y.ndim or x.ndim != target.ndim:
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {size_text(x.shape)}, input2: {size_text(y.shape)}, target: {size_text(target.shape)} "
        )
    return _ranking(x, y, target, margin, how)


@composite(
    "torch", "(input1: Tensor, input2: Tensor, target: Tensor, margin: float=0.0, reduction: int=0)",
    name="margin_ranking_loss",
    samples=lambda: [sample(real(3), real(3), SIGNS, 9.0)],
)  # fmt: skip
def torch_margin_ranking_loss(x: Any, y: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """Return `nn.functional.margin_ranking_loss` with the reduction as a number."""
    return _ranking(x, y, target, margin, torch_mode(reduction))


def _less(number: float, x: Any) -> Any:
    """Return number - x with the node of a difference of two tensors."""
    return arithmetic.sub(number, x)


def _hinge(x: Any, target: Any, margin: float, reduction: str) -> Any:
    nothing = arithmetic.zeros(x)
    apart = comparison.choose(target != 1, clamping.clamp_min(_less(margin, x), 0.0), nothing)
    return reduced(apart + comparison.choose(target != -1, x, nothing), reduction)


@composite(
    "nn.functional", f"(input: Tensor, target: Tensor, margin: float=1.0, {LEGACY})",
    samples=lambda: [sample(reals(-3, 3, 1)(3), SIGNS)],
)  # fmt: skip
def hinge_embedding_loss(
    x: Any, target: Any, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the mean of x where the target is 1, and of max(0, margin - x) where it is -1."""
    return _hinge(x, target, margin, mode(reduction, size_average, reduce))


@composite(
    "torch", "(input: Tensor, target: Tensor, margin: float=1.0, reduction: int=0)", name="hinge_embedding_loss",
    samples=lambda: [sample(reals(-3, 3, 1)(3), SIGNS)],
)  # fmt: skip
def torch_hinge_embedding_loss(x: Any, target: Any, margin: float = 1.0, reduction: int = 0) -> Any:
    """Return `nn.functional.hinge_embedding_loss` with the reduction as a number."""
    return _hinge(x, target, margin, torch_mode(reduction))


def _check_cosine(x: Any, y: Any, target: Any) -> None:
    if target.ndim not in (0, 1):
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.ndim + 1
    if x.ndim != wanted or y.ndim != wanted:
        raise ShapeError(
            f"{target.ndim}D target tensor expects {wanted}D input tensors, but found inputs with sizes "
            f"{list(x.shape)} and "
            f"{list(y.shape)}."
        )


def _cosine(x: Any, y: Any, target: Any, margin: float, reduction: str) -> Any:
    _check_cosine(x, y, target)
    last = (target.ndim,)
    lengths = [arithmetic.add_scalar(reductions.sum_(v * v, last), 1e-12) for v in (x, y)]
    cosine = reductions.sum_(x * y, last) / arithmetic.sqrt(lengths[0] * lengths[1])
    nothing = arithmetic.zeros(cosine)
    together = comparison.choose(target == 1, _less(1.0, cosine), nothing)
    beyond = clamping.clamp_min(arithmetic.sub_scalar(cosine, margin), 0.0)
    return reduced(together + comparison.choose(target == -1, beyond, nothing), reduction)


@composite(
    "nn.functional", f"(input1: Tensor, input2: Tensor, target: Tensor, margin: float=0, {LEGACY})",
    samples=lambda: [
        sample(real(3, 4), real(3, 4), SIGNS, -0.9), ErrorSample((real(3), real(3), SIGNS), "expects 2D input tensors"),
    ],
)  # fmt: skip
def cosine_embedding_loss(
    x: Any, y: Any, target: Any, margin: float = 0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the mean of 1 - cos(x, y) where the target is 1, and of max(0, cos(x, y) - margin) where it is -1."""
    return _cosine(x, y, target, margin, mode(reduction, size_average, reduce))


@composite(
    "torch", "(input1: Tensor, input2: Tensor, target: Tensor, margin: float=0.0, reduction: int=0)",
    name="cosine_embedding_loss",
    samples=lambda: [sample(real(3, 4), real(3, 4), SIGNS)],
)  # fmt: skip
def torch_cosine_embedding_loss(x: Any, y: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """Return `nn.functional.cosine_embedding_loss` with the reduction as a number."""
    return _cosine(x, y, target, margin, torch_mode(reduction))


def _check_triplet(anchor: Any, positive: Any, negative: Any) -> None:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            "anchor "
            f"{anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )


def _check_margin(margin: float) -> None:
    if margin <= 0:
        raise NumericError(f"margin must be greater than 0, got {margin}")


def _distances(
    anchor: Any, positive: Any, negative: Any, swap: bool, p: float = 2.0, eps: float = 1e-6
) -> tuple[Any, Any]:  # fmt: skip
    near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)
    return near, clamping.minimum(far, distance(positive, negative, p, eps)) if swap else far


def _triplet(a: Any, b: Any, c: Any, margin: float, p: float, eps: float, swap: bool, reduction: str) -> Any:
    _check_triplet(a, b, c)
    near, far = _distances(a, b, c, swap, p, eps)
    return reduced(clamping.clamp_min(arithmetic.add_scalar(near, margin) - far, 0.0), reduction)


TRIPLET = (
    "(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float=1.0, p: float=2, eps: float=1e-06, "
    "swap: bool=False, {})"
)


@composite(
    "nn.functional", TRIPLET.format(LEGACY), latex=r"\max(0, \lVert a - p \rVert - \lVert a - n \rVert + m)",
    samples=lambda: [
        sample(real(2, 3), real(2, 3), real(2, 3), 9.0), sample(real(3), real(3), real(3), 9.0, swap=True),
    ],
)  # fmt: skip
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the loss of an anchor that is not nearer, by a margin, to its positive than to its negative."""
    how = mode(reduction, size_average, reduce)
    _check_margin(margin)
    return _triplet(anchor, positive, negative, margin, p, eps, swap, how)


@composite(
    "torch", TRIPLET.format("reduction: int=0"), name="triplet_margin_loss",
    samples=lambda: [sample(real(2, 3), real(2, 3), real(2, 3), 9.0)],
)  # fmt: skip
def torch_triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Any:  # fmt: skip
    """Return `nn.functional.triplet_margin_loss` with the reduction as a number."""
    return _triplet(anchor, positive, negative, margin, p, eps, swap, torch_mode(reduction))


@composite(
    "nn.functional",
    "(anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: any=None, margin: float=1.0, swap: "
    "bool=False, "
    "reduction: str='mean')",
    samples=lambda: [sample(real(2, 3), real(2, 3), real(2, 3), margin=9.0)],
)  # fmt: skip
def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, distance_function: Any = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the triplet margin loss of Euclidean distances; a spec cannot give another distance function."""
    how = mode(reduction)
    _check_margin(margin)
    _check_triplet(anchor, positive, negative)
    near, far = _distances(anchor, positive, negative, swap)
    return reduced(clamping.clamp_min(near + margin - far, 0.0), how)


def _check_rows(x: Any) -> None:
    if x.ndim > 2 or (x.ndim and not x.shape[-1]):
        raise ShapeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}"
        )


def _multi_rule(x: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Shape:
    _check_rows(x)
    rows, classes = (x.shape[0] if x.ndim == 2 else 1), (x.shape[-1] if x.ndim else 1)
    if target.ndim > 1 or element_count(target.shape) != rows:
        raise ShapeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            "size). "
            f"Expected target size [{rows}], but got {list(target.shape)}. Input has shape {list(x.shape)}."
        )
    if weight is not None and element_count(weight.shape) != classes:
        raise ShapeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    if dtype_name(x) not in ("float32", "float64"):
        require_floating("multi_margin_loss_cpu_kernel", x)
        raise DtypeError("\"multi_margin_loss_cpu_kernel\" not implemented for 'Half'")
    if dtype_name(target) != "int64":
        raise DtypeError(f"expected scalar type Long but found {scalar_type(target)}")
    return target.shape if reduction == "none" else ()


def _violations(x: Any, target: Any, margin: float) -> tuple[Any, Any]:
    """Return by how much each class comes too near to the right one, row by row, and the rows' targets."""
    rows, at = np.atleast_2d(x), np.atleast_1d(target)
    if np.any((at < 0) | (at >= rows.shape[1])):
        raise NumericError("target out of range", code="GC305")
    z = margin - np.take_along_axis(rows, at[:, None], 1) + rows
    np.put_along_axis(z, at[:, None], 0, 1)
    return np.maximum(z, 0), at


def _multi_margin(x: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    z, at = _violations(x, target, margin)
    loss = np.sum(z if p == 1 else z * z, 1) / z.shape[1]
    loss = loss if weight is None else loss * weight[at]
    return reduced_raw(loss.reshape(target.shape).astype(x.dtype), reduction)


def _multi_margin_backward(dy: Any, x: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    z, at = _violations(x, target, margin)
    slope = ((z > 0).astype(x.dtype) if p == 1 else 2 * z) / z.shape[1]
    slope = slope if weight is None else slope * weight[at][:, None]
    np.put_along_axis(slope, at[:, None], -np.sum(slope, 1, keepdims=True), 1)
    return (slope * np.reshape(share(dy, target, reduction), (-1, 1))).reshape(x.shape)


multi_margin_backward = op(
    "multi_margin_loss_backward", _multi_margin_backward, names="", grad_fn="NotImplemented",
    shape=lambda dy, x, *_: x.shape,
    signature="(dy: Tensor, input: Tensor, target: Tensor, p: int, margin: float, weight: Tensor?, reduction: str)",
    vjp={"dy, x": not_implemented("multi_margin_loss_backward")},
)  # fmt: skip
multi_margin = op(
    "multi_margin_loss", _multi_margin, names="", shape=_multi_rule,
    signature="(input: Tensor, target: Tensor, p: int, margin: float, weight: Tensor?, reduction: str)",
    vjp=dict(
        x=lambda g, x, target, p, margin, weight, reduction: multi_margin_backward(
            g, x, target, p, margin, weight, reduction
        )
    ),
)  # fmt: skip


@composite(
    "nn.functional",
    f"(input: Tensor, target: Tensor, p: Scalar=1, margin: Scalar=1.0, weight: Tensor?=None, {LEGACY})",
    samples=lambda: [
        sample(real(3, 4), index([1, 0, 3])), ErrorSample((real(1, 2), index([2])), "target out of range"),
    ],
)  # fmt: skip
def multi_margin_loss(
    x: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Return the mean over classes of max(0, margin - x_target + x_class)ᵖ: a hinge loss over several classes."""
    how = mode(reduction, size_average, reduce)
    if p not in (1, 2):
        raise NumericError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ShapeError("weight must be one-dimensional")
    return multi_margin(x, target, int(p), margin, weight, how)


def _label_rule(x: Any, target: Any, reduction: str) -> Shape:
    _check_rows(x)
    if x.shape != target.shape:
        raise ShapeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(x.shape)}")
    require_floating("multilabel_margin_loss_forward_out_frame", x)
    if dtype_name(target) != "int64":
        raise DtypeError(f"expected scalar type Long but found {scalar_type(target)}")
    return x.shape[:1] if reduction == "none" and x.ndim == 2 else ()


def _label_margins(x: Any, target: Any) -> tuple[Any, Any, Any]:
    """Return by how much each label (axis 1) fails to exceed each class (axis 2), the labels, and the class count."""
    rows, labels = np.atleast_2d(x), np.atleast_2d(target)
    classes = rows.shape[1]
    if np.any((labels < -1) | (labels >= classes)):
        raise NumericError("argument #2 'target' is out of range", code="GC305")
    listed = np.cumsum(labels < 0, 1) == 0
    at = np.where(listed, labels, 0)
    is_target = np.zeros(rows.shape, np.bool_)
    np.logical_or.at(is_target, (np.arange(len(rows))[:, None], at), listed)
    z = 1 - np.take_along_axis(rows, at, 1)[:, :, None] + rows[:, None, :]
    return np.where(listed[:, :, None] & ~is_target[:, None, :], np.maximum(z, 0), 0), at, classes


def _label_margin(x: Any, target: Any, reduction: str) -> Any:
    z, _, classes = _label_margins(x, target)
    loss = (np.sum(z, (1, 2)) / classes).astype(x.dtype)
    return reduced_raw(loss if x.ndim == 2 else loss[0], reduction)


def _label_margin_backward(dy: Any, x: Any, target: Any, reduction: str) -> Any:
    z, at, classes = _label_margins(x, target)
    active = (z > 0).astype(x.dtype)
    slope = np.sum(active, 1)
    np.subtract.at(slope, (np.arange(len(z))[:, None], at), np.sum(active, 2))
    dy = dy / len(z) if reduction == "mean" else dy
    return (slope / classes * np.reshape(dy, (-1, 1))).astype(x.dtype).reshape(x.shape)


label_margin_backward = op(
    "multilabel_margin_loss_backward", _label_margin_backward, names="", grad_fn="NotImplemented",
    shape=lambda dy, x, *_: x.shape, signature="(dy: Tensor, input: Tensor, target: Tensor, reduction: str)",
    vjp={"dy, x": not_implemented("multilabel_margin_loss_backward")},
)  # fmt: skip
label_margin = op(
    "multilabel_margin_loss", _label_margin, names="", shape=_label_rule,
    signature="(input: Tensor, target: Tensor, reduction: str)",
    vjp=dict(x=lambda g, x, target, reduction: label_margin_backward(g, x, target, reduction)),
)  # fmt: skip


@composite(
    "nn.functional", f"(input: Tensor, target: Tensor, {LEGACY})",
    samples=lambda: [sample(real(2, 3), index([[1, 0, -1], [2, -1, 0]]))],
)  # fmt: skip
def multilabel_margin_loss(
    x: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:  # fmt: skip
    """Return a hinge loss of several labels for each row: their indices, ended by -1."""
    return label_margin(x, target, mode(reduction, size_average, reduce))
