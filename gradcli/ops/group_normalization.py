"""Group normalization: tensors normalized over groups of channels, instances, roots of squares and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import NumericError, ShapeError
from gradcli.ops import arithmetic, average_pooling, expansion, padding, rearrange, views
from gradcli.ops import reduction as reductions
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape
from gradcli.ops._losses import element_count, size_text
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.ops.creation import to_dtype
from gradcli.ops.normalization import (
    centred,
    check_batch_size,
    check_normalized_shape,
    in_layout_of,
    normalized_batch,
    per_channel,
    statistics,
    times,
    wide,
)  # fmt: skip


def _group_rule(
    x: Any, weight: Any, bias: Any, n: int, channels: int, area: int, group: int, eps: float
) -> tuple[Shape, ...]:  # fmt: skip
    require_floating("GroupNormKernelImpl", x)
    return x.shape, (n, group), (n, group)


def _groups(x: Any, group: int) -> Any:
    """Return x with one row for each group."""
    n = x.shape[0]
    return views.reshape(x, (n, group, element_count(x.shape) // max(n * group, 1)))


def _group_norm(x: Any, weight: Any, bias: Any, n: int, channels: int, area: int, group: int, eps: float) -> Any:
    rows = wide(np.ascontiguousarray(x)).reshape(n, group, max(channels // group * area, 0))
    mean, r = statistics(rows, (2,), eps)
    y = times(((rows - mean) * r).reshape(x.shape), per_channel(weight, x))
    y = y if bias is None else y + per_channel(bias, x)
    return in_layout_of(y.astype(x.dtype, copy=False), x), mean[..., 0].astype(x.dtype), r[..., 0].astype(x.dtype)


def _group_slopes(g: Any, x: Any, weight: Any, group: int, eps: float, needs: Any) -> Any:
    """Return the cotangents of x, weight and bias from those of the result, the means and the inverse deviations."""
    dy, dmean, dr = g
    rows = _groups(x, group)
    mean, r = statistics(rows, (2,), eps)
    xh = (rows - mean) * r
    slopes = []
    if dy is not None:
        slopes.append(r * centred(_groups(times(dy, per_channel(weight, x)), group), xh, (2,)))
    if dmean is not None:
        slopes.append(expansion.expand(views.unsqueeze(dmean, 2), rows.shape) / rows.shape[2])
    if dr is not None:
        slopes.append(views.unsqueeze(dr, 2) * (-r * r * xh / rows.shape[2]))
    dx = views.reshape(sum(slopes[1:], slopes[0]), x.shape)
    if dy is None:
        return dx, None, None
    dims = (0, *range(2, x.ndim))
    dw = reductions.sum_(dy * views.reshape(xh, x.shape), dims) if needs[1] else None
    return dx, dw, reductions.sum_(dy, dims) if needs[2] else None


native_group_norm = op(
    "native_group_norm", _group_norm, names="torch", shape=_group_rule, outputs=("output", "mean", "rstd"),
    signature="(input: Tensor, weight: Tensor?, bias: Tensor?, N: int, C: int, HxW: int, group: int, eps: float)",
    vjp={"x, weight, bias": lambda g, x, weight, group, eps, needs: _group_slopes(g, x, weight, group, eps, needs)},
    samples=lambda: [sample(real(2, 4, 3), real(4), real(4), 2, 4, 3, 2, 1e-5)],
)  # fmt: skip


def _has_layout(x: Any) -> bool:
    """Return whether x lies in memory in order, or with its channels innermost."""
    raw = views.layout_of(x)
    return raw is None or raw.flags.c_contiguous or (
        raw.ndim in (4, 5) and raw.transpose(0, *range(2, raw.ndim), 1).flags.c_contiguous
    )  # fmt: skip


def _grouped(x: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Any:
    channels, shape = x.shape[1], list(x.shape)
    if num_groups <= 0:
        raise NumericError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise ShapeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {shape} and "
            f"num_groups={num_groups}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != (channels,):
            raise ShapeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                "shape "
                f"{list(value.shape)} and input of shape {shape}"
            )
    x = x if _has_layout(x) else views.contiguous(x)
    return native_group_norm(x, weight, bias, x.shape[0], channels, element_count(x.shape[2:]), num_groups, eps)[0]


GROUP = "(input: Tensor, num_groups: int, weight: Tensor?=None, bias: Tensor?=None, eps: float=1e-05{})"


@composite(
    "nn.functional", GROUP.format(""),
    samples=lambda: [
        sample(real(2, 4, 2), 2, real(4), real(4)), ErrorSample((real(2, 4), 3), "to be divisible by num_groups"),
    ],
)  # fmt: skip
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    """Return x brought to mean 0 and variance 1 for each sample and group of channels."""
    if x.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    if num_groups == 0:
        raise NumericError("integer division or modulo by zero")
    size = [x.shape[0] * x.shape[1] // num_groups, num_groups, *x.shape[2:]]
    check_batch_size(size, str(size))
    return _grouped(x, num_groups, weight, bias, eps)


@composite(
    "torch", GROUP.format(", cudnn_enabled: bool=True"), name="group_norm",
    samples=lambda: [sample(real(2, 4, 2), 2, real(4), real(4))],
)  # fmt: skip
def torch_group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05, cudnn_enabled: bool = True
) -> Any:  # fmt: skip
    """Return `nn.functional.group_norm` without its checks of size."""
    return _grouped(x, num_groups, weight, bias, eps)


def _repeated(v: Any, times_: int) -> Any:
    return None if v is None else rearrange.repeat(v, (times_,))


def _per_instance(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float
) -> Any:  # fmt: skip
    if not use_input_stats and (running_mean is None or running_var is None):
        raise ShapeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, channels, *rest = x.shape
    flat = views.view(views.contiguous(x), (1, n * channels, *rest))
    parameters = [_repeated(v, n) for v in (weight, bias, running_mean, running_var)]
    return views.view(normalized_batch(flat, *parameters, use_input_stats, momentum, eps), x.shape)


@composite(
    "nn.functional",
    "(input: Tensor, running_mean: Tensor?=None, running_var: Tensor?=None, weight: Tensor?=None, bias: Tensor?=None, "
    "use_input_stats: bool=True, momentum: float=0.1, eps: float=1e-05)",
    samples=lambda: [
        sample(real(2, 2, 3), None, None, real(2), real(2)),
        ErrorSample((real(2, 2, 1),), "more than 1 spatial element"),
    ],
    notes="running_mean and running_var are read only: gradcli has no in-place operations",
)  # fmt: skip
def instance_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-05,
) -> Any:  # fmt: skip
    """Return x brought to mean 0 and variance 1 for each sample and channel."""
    if use_input_stats and element_count(x.shape[2:]) == 1:
        raise NumericError(f"Expected more than 1 spatial element when training, got input size {size_text(x.shape)}")
    return _per_instance(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


@composite(
    "torch",
    "(input: Tensor, weight: Tensor?, bias: Tensor?, running_mean: Tensor?, running_var: Tensor?, use_input_stats: "
    "bool, "
    "momentum: float, eps: float, cudnn_enabled: bool)",
    name="instance_norm",
    samples=lambda: [sample(real(2, 2, 3), real(2), real(2), None, None, True, 0.1, 1e-5, True)],
)  # fmt: skip
def torch_instance_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float, _: bool
) -> Any:  # fmt: skip
    """Return `nn.functional.instance_norm` without its check of size."""
    return _per_instance(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


@composite(
    "nn.functional torch", "(input: Tensor, normalized_shape: int[1], weight: Tensor?=None, eps: float?=None)",
    samples=lambda: [
        sample(real(2, 3), (3,), real(3)), sample(real(2, 3), (2, 3), None, 0.1),
        ErrorSample((real(2, 3), (2,)), "Given normalized_shape=[2], expected input with shape [*2]"),
    ],
    latex=r"\frac{x}{\sqrt{\overline{x^2} + \epsilon}} w",
)  # fmt: skip
def rms_norm(x: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Any:
    """Return x divided by the root of its mean square over its last dimensions, times a weight."""
    check_normalized_shape(x, normalized_shape, "", weight=weight)
    require_floating("rms_norm", x, complex_too=True)
    dtype = dtype_name(x)
    wider = to_dtype(x, "float32") if dtype == "float16" else x
    eps = float(np.finfo(dtype_name(wider)).eps) if eps is None else eps
    dims = tuple(range(x.ndim - len(normalized_shape), x.ndim))
    r = arithmetic.rsqrt(arithmetic.add_scalar(reductions.mean(arithmetic.pow_number(wider, 2), dims, True), eps))
    y = wider * r
    if weight is not None:
        y = y * weight
    y = to_dtype(y, dtype)
    raw = views.layout_of(y)
    return y if raw is None or raw.flags.c_contiguous else views.contiguous(y)


@composite(
    "nn.functional", "(input: Tensor, size: int, alpha: float=0.0001, beta: float=0.75, k: float=1.0)",
    samples=lambda: [sample(real(1, 3, 2), 2), ErrorSample((real(2, 3), 2), "Expected 3D or higher dimensionality")],
)  # fmt: skip
def local_response_norm(x: Any, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> Any:
    """Return x divided by a power of the mean square of neighbouring channels (Krizhevsky et al., 2012)."""
    if x.ndim < 3:
        raise ShapeError(
            f"Expected 3D or higher dimensionality                          input (got {x.ndim} dimensions)"
        )
    if not element_count(x.shape):
        return x
    before, after = size // 2, (size - 1) // 2
    squares = x * x
    if x.ndim == 3:
        padded = padding.pad(views.unsqueeze(squares, 1), (0, 0, before, after))
        near = views.squeeze_dim(average_pooling.avg_pool2d(padded, (size, 1), (1, 1)), 1)
    else:
        padded = padding.pad(views.view(squares, (x.shape[0], 1, *x.shape[1:3], -1)), (0, 0, 0, 0, before, after))
        near = views.view(views.squeeze_dim(average_pooling.avg_pool3d(padded, (size, 1, 1), (1, 1, 1)), 1), x.shape)
    return x / arithmetic.pow_number(near * alpha + k, beta)
