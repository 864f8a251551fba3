"""Distances: p-norms of the differences between rows of matrices."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import AutogradError, DtypeError, ShapeError
from gradcli.ops import product, rearrange, reduction
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._op import Formula, composite, op
from gradcli.ops._samples import ErrorSample, real, sample

MM_FROM = 25
MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def not_implemented(name: str) -> Formula:
    """Return a formula that raises PyTorch's error: a fused backward has no derivative of its own."""

    def formula(g: Any) -> Any:
        raise AutogradError(f"derivative for aten::{name} is not implemented")

    return formula


def _norm(difference: Any, p: float) -> Any:
    """Return the p-norm over the last dimension; for p = 0 the number of nonzeros."""
    size = np.abs(difference)
    if p == 0:
        return np.count_nonzero(size, -1).astype(size.dtype)
    if np.isinf(p):
        return size.max(-1, initial=0)
    if p == 1:
        return size.sum(-1)
    return np.sqrt((size * size).sum(-1)) if p == 2 else (size**p).sum(-1) ** (1 / p)


def _norm_slope(difference: Any, distance: Any, p: float) -> Any:
    """Return ∂distance/∂difference; it is 0 where the distance is."""
    distance = distance[..., None]
    size, sign = np.abs(difference), np.sign(difference)
    if p == 0:
        return np.zeros_like(difference)
    if p == 1:
        return sign
    if np.isinf(p):
        return sign * (size == distance)
    slope = difference / distance if p == 2 else sign * (size / distance) ** (p - 1)
    undefined = (distance == 0) | ((difference == 0) & (p < 1))
    return np.where(undefined, difference.dtype.type(0), slope)


def _cdist_rule(x: Any, y: Any, p: float) -> Shape:
    return (*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-2])


def _cdist_backward_kernel(g: Any, x: Any, y: Any, p: float, distance: Any) -> Any:
    difference = x[..., :, None, :] - y[..., None, :, :]
    return np.asarray((g[..., None] * _norm_slope(difference, distance, p)).sum(-2))


_cdist_backward = op(
    "_cdist_backward", _cdist_backward_kernel, names="",
    signature="(g: Tensor, x: Tensor, y: Tensor, p: float, distance: Tensor)",
    shape=lambda g, x, y, p, distance: (*g.shape[:-2], *x.shape[-2:]),
    vjp={name: not_implemented("_cdist_backward") for name in ("g", "x", "y", "distance")},
)  # fmt: skip
_cdist = op(
    "_cdist_forward", lambda x, y, p: np.asarray(_norm(x[..., :, None, :] - y[..., None, :, :], p)),
    grad_fn="CdistBackward0",
    names="", signature="(x: Tensor, y: Tensor, p: float)", shape=_cdist_rule,
    vjp=dict(
        x=lambda g, x, y, p, out: _cdist_backward(g, x, y, p, out),
        y=lambda g, x, y, p, out: _cdist_backward(_turned(g), y, x, p, _turned(out)),
    ),
)  # fmt: skip


def _turned(x: Any) -> Any:
    return rearrange.transpose(x, -2, -1)


def _euclidean_kernel(x: Any, y: Any) -> Any:
    squares_x, squares_y = (x * x).sum(-1, keepdims=True), (y * y).sum(-1, keepdims=True)
    left = np.concatenate([-2 * x, squares_x, np.ones_like(squares_x)], -1)
    right = np.concatenate([y, np.ones_like(squares_y), squares_y], -1)
    return np.sqrt(np.maximum(np.matmul(left, right.swapaxes(-1, -2)), 0))


def _ratio_kernel(g: Any, distance: Any) -> Any:
    return np.where(distance == 0, distance.dtype.type(0), g / distance)


_ratio = op(
    "_distance_ratio", _ratio_kernel, names="", grad_fn="DivBackward0", signature="(g: Tensor, distance: Tensor)",
    shape=lambda g, distance: distance.shape,
    vjp=dict(g=lambda g, distance: _ratio(g, distance), distance=lambda g, out, distance: -_ratio(g * out, distance)),
)  # fmt: skip


def _euclidean_slope(g: Any, x: Any, y: Any, out: Any, turned: Callable[[Any], Any]) -> Any:
    ratio = turned(_ratio(g, out))
    return x * reduction.sum_(ratio, -1, True) - product.matmul(ratio, y)


_euclidean = op(
    "_euclidean_dist", _euclidean_kernel, names="", signature="(x: Tensor, y: Tensor)",
    shape=lambda x, y: (*x.shape[:-1], y.shape[-2]),
    vjp=dict(
        x=lambda g, x, y, out: _euclidean_slope(g, x, y, out, lambda ratio: ratio),
        y=lambda g, x, y, out: _euclidean_slope(g, y, x, out, _turned),
    ),
)  # fmt: skip


def _no_half(kernel: str, x: Any) -> None:
    if str(x.dtype) == "float16":
        raise DtypeError(f"\"{kernel}\" not implemented for 'Half'")


def _check_cdist(x: Any, y: Any, p: float, mode: str) -> None:
    for number, v in enumerate((x, y), 1):
        if not str(v.dtype).startswith("float"):
            raise DtypeError(f"cdist only supports floating-point dtypes, X{number} got: {scalar_type(v)}")
    for number, v in enumerate((x, y), 1):
        if v.ndim < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, X{number} got: {v.ndim}D")
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"X1 and X2 must have the same number of columns. X1: {x.shape[-1]} X2: {y.shape[-1]}")
    if p < 0:
        raise ShapeError("cdist only supports non-negative p values", code="GC501")
    if mode not in MODES:
        raise ShapeError(f"{mode} is not a valid value for compute_mode", code="GC501")
    if x.dtype != y.dtype:
        raise DtypeError(f"expected scalar type {scalar_type(x)} but found {scalar_type(y)}")
    _no_half("cdist", x)


@composite("torch", "(x1: Tensor, x2: Tensor, p: float=2.0, compute_mode: str='use_mm_for_euclid_dist_if_necessary')",
    latex=r"\lVert x_i - y_j \rVert_p", samples=lambda: [
    sample(real(3, 2), real(4, 2)), sample(real(3, 2), real(4, 2), 1.0), sample(real(2, 3, 2), real(4, 2), 3.0),
    sample(real(3, 2), real(4, 2), compute_mode="use_mm_for_euclid_dist"),
    ErrorSample((real(2, 3), real(2, 4)), "X1 and X2 must have the same number of columns. X1: 3 X2: 4"),
])  # fmt: skip
def cdist(x: Any, y: Any, p: float = 2.0, mode: str = MODES[0]) -> Any:
    """Return the p-norm distance of every row of x1 from every row of x2; long ones use a matrix product for p = 2."""
    _check_cdist(x, y, p, mode)
    rows_x, rows_y = x.shape[-2], y.shape[-2]
    multiply = mode == MODES[1] or (mode == MODES[0] and max(rows_x, rows_y) > MM_FROM)
    batch = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    count = prod(batch)
    if p != 2 or not multiply or not (count and rows_x and rows_y and x.shape[-1]):
        return _cdist(x, y, p)
    if count != 1:
        x, y = (_flat_batch(v, batch, count) for v in (x, y))
    return rearrange.view(_euclidean(x, y), (*batch, rows_x, rows_y))


def _flat_batch(x: Any, batch: Shape, count: int) -> Any:
    wide = rearrange.contiguous(rearrange.expand(x, (*batch, *x.shape[-2:])))
    return rearrange.view(wide, (count, *x.shape[-2:]))


def _pairs(count: int) -> tuple[Any, Any]:
    return np.triu_indices(count, 1)


def _pdist_kernel(x: Any, p: float = 2.0) -> Any:
    i, j = _pairs(x.shape[0])
    return np.asarray(_norm(x[i] - x[j], p))


def _pdist_backward_kernel(g: Any, x: Any, p: float, distance: Any) -> Any:
    i, j = _pairs(x.shape[0])
    steps = g[..., None] * _norm_slope(x[i] - x[j], distance, p)
    total = np.zeros_like(x)
    np.add.at(total, i, steps)
    np.subtract.at(total, j, steps)
    return total


def _pdist_rule(x: Any, p: float = 2.0) -> Shape:
    return (x.shape[0] * max(x.shape[0] - 1, 0) // 2,)


_pdist_backward = op(
    "_pdist_backward", _pdist_backward_kernel, names="", signature="(g: Tensor, x: Tensor, p: float, distance: Tensor)",
    shape=lambda g, x, p, distance: x.shape,
    vjp={name: not_implemented("_pdist_backward") for name in ("g", "x", "distance")},
)  # fmt: skip
_pdist = op(
    "_pdist_forward", _pdist_kernel, names="", grad_fn="PdistBackward0", signature="(input: Tensor, p: float=2.0)",
    shape=_pdist_rule, vjp=dict(x=lambda g, x, p, out: _pdist_backward(g, x, p, out)),
)  # fmt: skip


@composite("nn.functional torch", "(input: Tensor, p: float=2.0)", latex=r"\lVert x_i - x_j \rVert_p", samples=lambda: [
    sample(real(4, 2)), sample(real(4, 2), 1.0),
    ErrorSample((real(2, 3, 4),), "pdist only supports 2D tensors, got: 3D"),
])  # fmt: skip
def pdist(x: Any, p: float = 2.0) -> Any:
    """Return the p-norm distances between all pairs of rows, (0, 1), (0, 2), … (n-2, n-1)."""
    if x.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if not str(x.dtype).startswith("float"):
        raise DtypeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise ShapeError("pdist only supports non-negative p values", code="GC501")
    _no_half("pdist", x)
    return _pdist(rearrange.contiguous(x), p)
