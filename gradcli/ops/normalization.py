"""Normalization: tensors brought to mean 0 and variance 1 over layers or over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, slicing, views
from gradcli.ops import reduction as reductions
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape
from gradcli.ops._losses import element_count, refuse_gradient, size_text
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample

Dims = tuple[int, ...]


def mean_over(x: Any, dims: Dims) -> Any:
    """Return the mean over dimensions, which stay as ones."""
    return reductions.sum_(x, dims, True) / max(element_count(tuple(x.shape[d] for d in dims)), 1)


def statistics(x: Any, dims: Dims, eps: float) -> tuple[Any, Any]:
    """Return the mean over dimensions and the inverse of the standard deviation."""
    mean = mean_over(x, dims)
    d = x - mean
    return mean, arithmetic.rsqrt(mean_over(d * d, dims) + eps)


def centred(v: Any, xh: Any, dims: Dims) -> Any:
    """Return v without its parts along constants and along the standardized values xh."""
    return v - mean_over(v, dims) - xh * mean_over(v * xh, dims)


def times(x: Any, weight: Any) -> Any:
    """Return x times a weight that may be missing."""
    return x if weight is None else x * weight


def curvature(g: Any, dy: Any, x: Any, weight: Any, dims: Dims, eps: float) -> tuple[Any, Any, Any]:
    """Return the cotangents of dy, x and the weight in the backward of standardization over `dims`.

    `g` are the cotangents of that backward's results; they and the weight broadcast against x.
    """
    gx, gw, gb = g
    mean, r = statistics(x, dims, eps)
    xh = (x - mean) * r
    a = times(dy, weight)
    tilted = centred(gx, xh, dims)
    bend = gw * dy - r * (gx * mean_over(a * xh, dims) + a * mean_over(gx * xh, dims))
    spread = mean_over(gx * centred(a, xh, dims), dims)
    return times(r * tilted, weight) + gw * xh + gb, r * centred(bend, xh, dims) - r * r * xh * spread, dy * r * tilted


def is_raw(x: Any) -> bool:
    """Return whether a value is computed with at once, not recorded."""
    return not hasattr(x, "__apply__")


def wide(x: Any) -> Any:
    """Return raw data in the dtype that PyTorch accumulates in."""
    return x.astype(np.float32) if x is not None and x.dtype == np.float16 else x


def _layer_dims(x: Any, normalized_shape: Sequence[int]) -> Dims:
    return tuple(range(x.ndim - len(normalized_shape), x.ndim))


def check_normalized_shape(x: Any, normalized_shape: Sequence[int], star: str = ", ", **parameters: Any) -> None:
    """Raise ShapeError where the normalized shape does not end x's shape or is not its parameters'."""
    size, shape = list(normalized_shape), x.shape
    if not size:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, value in parameters.items():
        if value is not None and list(value.shape) != size:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(value.shape)} and "
                f"normalized_shape = {size}"
            )
    if list(shape[len(shape) - len(size) :]) != size or len(shape) < len(size):
        stars = ", ".join(str(n) for n in size)
        raise ShapeError(
            f"Given normalized_shape={size}, expected input with shape [*{star}{stars}], but got input of "
            f"size{list(shape)}"
        )


def check_parameter_dtype(x: Any, *parameters: Any) -> None:
    """Raise DtypeError where a parameter has neither the input's dtype nor, for a half input, float32."""
    for value in parameters:
        if value is not None and dtype_name(value) != dtype_name(x):
            if dtype_name(value) != "float32":
                raise DtypeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
            if dtype_name(x) != "float16":
                raise DtypeError("mixed dtype (CPU): all inputs must share same datatype.")


def _layer_rule(x: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Shape, ...]:
    check_normalized_shape(x, normalized_shape, weight=weight, bias=bias)
    require_floating("LayerNormKernelImpl", x)
    check_parameter_dtype(x, weight, bias)
    stats = x.shape[: x.ndim - len(normalized_shape)] + (1,) * len(normalized_shape)
    return x.shape, stats, stats


def _layer_norm(x: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    dtype, shape, values = x.dtype, x.shape, _rows(wide(x), normalized_shape)
    mean = _row_means(values)
    y = values - mean
    r = arithmetic.rsqrt(np.vecdot(y, y)[:, None] / max(y.shape[1], 1) + eps)
    y *= r
    if weight is not None:
        y *= weight.reshape(-1)
    if bias is not None:
        y += bias.reshape(-1)
    stats = shape[: len(shape) - len(normalized_shape)] + (1,) * len(normalized_shape)
    return y.astype(dtype, copy=False).reshape(shape), *(s.astype(dtype).reshape(stats) for s in (mean, r))


def _rows(x: Any, normalized_shape: Any) -> Any:
    """Return raw data as a matrix of one row per normalized part."""
    size = element_count(tuple(normalized_shape))
    return x.reshape(x.size // size if size else element_count(x.shape[: x.ndim - len(normalized_shape)]), size)


def _row_means(values: Any) -> Any:
    """Return the means of a matrix's rows as a column."""
    size = values.shape[1]
    return (values @ np.ones(size, values.dtype))[:, None] / max(size, 1)


def _layer_norm_backward(
    dy: Any, x: Any, mean: Any, r: Any, weight: Any, normalized_shape: Any, eps: float, needs: Any
) -> Any:  # fmt: skip
    g, values = _rows(dy, normalized_shape), _rows(x, normalized_shape)
    xh = values - mean.reshape(-1, 1)
    xh *= r.reshape(-1, 1)
    dw = np.einsum("ri,ri->i", g, xh).reshape(normalized_shape) if needs[1] else None
    db = np.sum(g, 0).reshape(normalized_shape) if needs[2] else None
    return _standardized_back(g, xh, r, weight).reshape(x.shape) if needs[0] else None, dw, db


def _standardized_back(g: Any, xh: Any, r: Any, weight: Any) -> Any:
    """Return r times the rows of g · weight without their parts along constants and along xh, which is overwritten."""
    a = g.copy() if weight is None else g * weight.reshape(-1)
    shift, tilt = _row_means(a), np.vecdot(a, xh)[:, None] / max(a.shape[1], 1)
    a -= shift
    xh *= tilt
    a -= xh
    a *= r.reshape(-1, 1)
    return a


def _layer_curvature(g: Any, dy: Any, x: Any, weight: Any, normalized_shape: Any, eps: float) -> tuple[Any, Any, Any]:
    return curvature(g, dy, x, weight, _layer_dims(x, normalized_shape), eps)


ALL = (True, True, True)
layer_norm_backward = op(
    "native_layer_norm_backward", _layer_norm_backward, names="", outputs=("grad_input", "grad_weight", "grad_bias"),
    zeros=True,
    signature="(dy: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor?, normalized_shape: int[], "
    "eps: float, "
    "needs: any)",
    vjp={
        "dy, x, weight": lambda g, dy, x, weight, normalized_shape, eps: _layer_curvature(
            g, dy, x, weight, normalized_shape, eps
        )
    },
)  # fmt: skip


def _layer_slopes(g: Any, x: Any, normalized_shape: Any, weight: Any, eps: float, out: Any, needs: Any) -> Any:
    if g[0] is None:
        return None
    needs = needs if is_raw(g[0]) and is_raw(x) else ALL
    return layer_norm_backward(g[0], x, out[1], out[2], weight, normalized_shape, eps, needs)


_LAYER = (
    sample(real(2, 3), (3,), real(3), real(3)), sample(real(2, 2, 3), (2, 3)),
    ErrorSample((real(2, 3), (2,)), "Given normalized_shape=[2], expected input with shape [*, 2]"),
)  # fmt: skip
native_layer_norm = op(
    "native_layer_norm", _layer_norm, names="torch", shape=_layer_rule, outputs=("output", "mean", "rstd"),
    constant=("mean", "rstd"),
    signature="(input: Tensor, normalized_shape: int[1], weight: Tensor?, bias: Tensor?, eps: float)",
    vjp={
        "x, weight, bias": lambda g, x, normalized_shape, weight, eps, out, needs: _layer_slopes(
            g, x, normalized_shape, weight, eps, out, needs
        )
    },
    samples=lambda: [sample(real(2, 3), (3,), real(3), real(3), 1e-5)],
)  # fmt: skip


@composite(
    "nn.functional",
    "(input: Tensor, normalized_shape: int[1], weight: Tensor?=None, bias: Tensor?=None, eps: float=1e-05)",
    samples=_LAYER, latex=r"\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} w + b",
)  # fmt: skip
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    """Return x brought to mean 0 and variance 1 over its last dimensions, times a weight, plus a bias."""
    return native_layer_norm(x, normalized_shape, weight, bias, eps)[0]


@composite(
    "torch",
    "(input: Tensor, normalized_shape: int[1], weight: Tensor?=None, bias: Tensor?=None, eps: float=1e-05, "
    "cudnn_enable: bool=True)",
    name="layer_norm", samples=_LAYER,
)  # fmt: skip
def torch_layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05, cudnn_enable: bool = True
) -> Any:  # fmt: skip
    """Return `nn.functional.layer_norm`."""
    return layer_norm(x, normalized_shape, weight, bias, eps)


def batch_dims(x: Any) -> Dims:
    """Return the dimensions over which a batch is normalized: all but the channels'."""
    return tuple(d for d in range(x.ndim) if d != 1)


def per_channel(v: Any, x: Any) -> Any:
    """Return one value per channel in a shape that broadcasts over dimension 1 of x."""
    return None if v is None else views.view(v, tuple(-1 if d == 1 else 1 for d in range(x.ndim)))


def in_layout_of(y: Any, x: Any) -> Any:
    """Return raw y with its channels innermost in memory where x's are, else in order."""
    if x.ndim in (4, 5) and not x.flags.c_contiguous:
        order = (0, *range(2, x.ndim), 1)
        if x.transpose(order).flags.c_contiguous:
            return np.ascontiguousarray(y.transpose(order)).transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
    return np.ascontiguousarray(y)


def _batch_rule(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> tuple[Shape, ...]:  # fmt: skip
    require_floating("batch_norm", x)
    channels = x.shape[1] if x.ndim > 1 else 0
    named = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    for name, value in named.items():
        if value is None:
            if not training and name.startswith("running"):
                raise ShapeError(f"{name} must be defined in evaluation mode")
        elif element_count(value.shape) != channels:
            raise ShapeError(f"{name} should contain {channels} elements not {element_count(value.shape)}")
    check_parameter_dtype(x, *named.values())
    stats = (channels,) if training else (0,)
    return x.shape, stats, stats


def _standard_batch(x: Any, running_mean: Any, running_var: Any, training: bool, eps: float) -> tuple[Any, Any]:
    """Return what a batch is shifted by and scaled with, broadcasting over its channels."""
    if training:
        return statistics(x, batch_dims(x), eps)
    return per_channel(running_mean, x), arithmetic.rsqrt(per_channel(running_var, x) + eps)


def _batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> Any:  # fmt: skip
    values = wide(x)
    mean, r = _standard_batch(values, running_mean, running_var, training, eps)
    y = times((values - mean) * r, per_channel(weight, x))
    y = y if bias is None else y + per_channel(bias, x)
    stats = (mean.reshape(-1), r.reshape(-1)) if training else (np.empty(0, x.dtype), np.empty(0, x.dtype))
    return in_layout_of(y.astype(x.dtype, copy=False), x), *(s.astype(x.dtype) for s in stats)


def _batch_norm_backward(
    dy: Any, x: Any, mean: Any, r: Any, weight: Any, training: bool, eps: float, needs: Any
) -> tuple[Any, Any, Any]:  # fmt: skip
    dims = batch_dims(x)
    mean, r = per_channel(mean, x), per_channel(r, x)
    xh = (x - mean) * r
    a = times(dy, per_channel(weight, x))
    return (
        r * (centred(a, xh, dims) if training else a) if needs[0] else None,
        np.sum(dy * xh, dims) if needs[1] else None,
        np.sum(dy, dims) if needs[2] else None,
    )


def _batch_curvature(g: Any, dy: Any, x: Any, mean: Any, r: Any, weight: Any, training: bool, eps: float) -> Any:
    dims = batch_dims(x)
    gx, gw, gb, w = g[0], per_channel(g[1], x), per_channel(g[2], x), per_channel(weight, x)
    if training:
        to_dy, to_x, to_weight = curvature((gx, gw, gb), dy, x, w, dims, eps)
    else:
        shift, scale = per_channel(mean, x), per_channel(r, x)
        to_dy = times(gx, w) * scale + gw * (x - shift) * scale + gb
        to_x, to_weight = gw * dy * scale, dy * scale * gx
    return to_dy, to_x, reductions.sum_(to_weight, dims)


batch_norm_backward = op(
    "native_batch_norm_backward", _batch_norm_backward, names="", outputs=("grad_input", "grad_weight", "grad_bias"),
    zeros=True,
    signature="(dy: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor?, training: bool, eps: "
    "float, needs: any)",
    vjp={
        "dy, x, weight": lambda g, dy, x, mean, r, weight, training, eps: _batch_curvature(
            g, dy, x, mean, r, weight, training, eps
        )
    },
)  # fmt: skip


def _batch_slopes(
    g: Any, x: Any, weight: Any, running_mean: Any, running_var: Any, training: bool, eps: float, out: Any, needs: Any
) -> Any:  # fmt: skip
    if g[0] is None:
        return None
    needs = needs if is_raw(g[0]) and is_raw(x) else ALL
    mean, r = (out[1], out[2]) if training else (running_mean, arithmetic.rsqrt(running_var + eps))
    return batch_norm_backward(g[0], x, mean, r, weight, training, eps, needs)


native_batch_norm = op(
    "native_batch_norm", _batch_norm, names="torch", shape=_batch_rule, outputs=("output", "save_mean", "save_invstd"),
    constant=("save_mean", "save_invstd"),
    signature="(input: Tensor, weight: Tensor?, bias: Tensor?, running_mean: Tensor?, running_var: Tensor?, "
    "training: bool, "
    "momentum: float, eps: float)",
    vjp={
        "x, weight, bias": lambda g, x, weight, running_mean, running_var, training, eps, out, needs: _batch_slopes(
            g, x, weight, running_mean, running_var, training, eps, out, needs
        )
    },
    samples=lambda: [sample(real(3, 2), real(2), real(2), None, None, True, 0.1, 1e-5)],
    notes="running_mean and running_var are read only: gradcli has no in-place operations",
)  # fmt: skip


def normalized_batch(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> Any:  # fmt: skip
    """Return a normalized batch; an empty one is cloned, with its parameters applied, as in PyTorch."""
    refuse_gradient("native_batch_norm", running_mean=running_mean, running_var=running_var)
    if element_count(x.shape):
        return native_batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)[0]
    y = views.clone(x)
    y = y if weight is None else y * slicing.select(weight, 0, 0)
    return y if bias is None else y + slicing.select(bias, 0, 0)


def check_batch_size(size: Sequence[int], text: str) -> None:
    """Raise NumericError where a channel has one value only, so that it has no variance."""
    if size[0] * element_count(tuple(size[2:])) == 1:
        raise NumericError(f"Expected more than 1 value per channel when training, got input size {text}")


@composite(
    "nn.functional",
    "(input: Tensor, running_mean: Tensor?, running_var: Tensor?, weight: Tensor?=None, bias: Tensor?=None, "
    "training: bool=False, "
    "momentum: float=0.1, eps: float=1e-05)",
    samples=lambda: [
        sample(real(3, 2, 2), None, None, real(2), real(2), True),
        ErrorSample((real(3, 2), None, None), "running_mean must be defined in evaluation mode"),
    ],
    notes="running_mean and running_var are read only: gradcli has no in-place operations",
)  # fmt: skip
def batch_norm(
    x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-05,
) -> Any:  # fmt: skip
    """Return x brought to mean 0 and variance 1 for each channel (dimension 1), or by running statistics."""
    if training:
        check_batch_size(x.shape, size_text(x.shape))
        if eps <= 0.0:
            raise NumericError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise NumericError(f"batch_norm eps must be non-negative, but got {eps}")
    return normalized_batch(x, weight, bias, running_mean, running_var, training, momentum, eps)


@composite(
    "torch",
    "(input: Tensor, weight: Tensor?, bias: Tensor?, running_mean: Tensor?, running_var: Tensor?, training: bool, "
    "momentum: float, "
    "eps: float, cudnn_enabled: bool)",
    name="batch_norm",
    samples=lambda: [sample(real(3, 2), real(2), real(2), None, None, True, 0.1, 1e-5, True)],
)  # fmt: skip
def torch_batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float,
    _: bool
) -> Any:  # fmt: skip
    """Return `nn.functional.batch_norm` without its checks of size and eps."""
    return normalized_batch(x, weight, bias, running_mean, running_var, training, momentum, eps)
