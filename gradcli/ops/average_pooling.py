"""Average pooling: means of windows, and their power means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import arithmetic, pooling, rearrange
from gradcli.ops._correlation import padded
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._pooling_rules import check_one_dimensional, checked_pool, sized
from gradcli.ops._samples import positive, real, sample

Sizes = Sequence[int]


def _divisor(
    sizes: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Shape, include: bool, override: int | None
) -> Any:
    """Return by what the sum of each window is divided: the size of what it covers."""
    if override is not None:
        return override
    total: Any = 1
    for dim, (size, n, k, s, p) in enumerate(zip(sizes, out, kernel, stride, padding, strict=True)):
        start = np.arange(n) * s - p
        end = np.minimum(start + k, size + p)
        length = end - start if include else np.maximum(np.minimum(end, size) - np.maximum(start, 0), 1)
        total = total * length.reshape((n,) + (1,) * (len(out) - dim - 1))
    return total


def _window_sums(x: Any, out: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Any:
    """Return the sums over windows, one dimension after the other."""
    lead = x.ndim - len(out)
    high = [
        max((n - 1) * s + k - size - p, 0)
        for n, k, s, size, p in zip(out, kernel, stride, x.shape[lead:], padding, strict=True)
    ]
    x = padded(x, padding, high)
    for dim, (n, k, s) in enumerate(zip(out, kernel, stride, strict=True)):
        before = (slice(None),) * (lead + dim)
        pieces = [x[(*before, slice(tap, tap + (n - 1) * s + 1, s))] for tap in range(k)]
        x = pieces[0].copy()
        for piece in pieces[1:]:
            x += piece
    return x


def _spread(g: Any, sizes: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Any:
    """Return cotangents of window sums added up where the windows were."""
    lead = g.ndim - len(sizes)
    for dim, (size, k, s, p) in enumerate(zip(sizes, kernel, stride, padding, strict=True)):
        at = lead + dim
        before, n = (slice(None),) * at, g.shape[at]
        total = np.zeros((*g.shape[:at], max(size + 2 * p, (n - 1) * s + k), *g.shape[at + 1 :]), g.dtype)
        for tap in range(k):
            total[(*before, slice(tap, tap + (n - 1) * s + 1, s))] += g
        g = total[(*before, slice(p, p + size))]
    return np.ascontiguousarray(g)


def _average(
    name: str, x: Any, kernel: Sizes, stride: Any, padding: Sizes, ceil_mode: bool, include: bool, override: Any
) -> Any:
    k, s, p, _, out = checked_pool(name, x, kernel, stride, padding, (1,), ceil_mode)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    sums = _window_sums(wide, out, k, s, p)
    divisor = _divisor(x.shape[x.ndim - len(out) :], out, k, s, p, include, override)
    if x.dtype.kind in "iu":
        means = np.trunc(sums / divisor)
    else:
        means = sums / np.asarray(divisor, sums.dtype)
    return formatted(means.astype(x.dtype, copy=False), *[x] * (len(out) == 2))


def _average_back(
    name: str, dy: Any, x: Any, kernel: Sizes, stride: Any, padding: Sizes, ceil_mode: bool, include: bool,
    override: Any
) -> Any:  # fmt: skip
    k, s, p, _, out = checked_pool(name, x, kernel, stride, padding, (1,), ceil_mode)
    sizes = x.shape[x.ndim - len(out) :]
    wide = dy.astype(np.float32) if dy.dtype == np.float16 else dy
    divisor = np.asarray(_divisor(sizes, out, k, s, p, include, override), wide.dtype)
    return _spread(wide / divisor, sizes, k, s, p).astype(dy.dtype, copy=False)


def _average_shape(
    name: str, x: Any, kernel: Sizes, stride: Any, padding: Sizes, ceil_mode: bool, include: bool, override: Any
) -> Shape:  # fmt: skip
    if override == 0:
        raise ShapeError("divisor must be not zero")
    out = checked_pool(name, x, kernel, stride, padding, (1,), ceil_mode)[-1]
    return (*x.shape[: x.ndim - len(out)], *out)


def _averaging(dims: int) -> Op:
    """Declare avg_pool2d or avg_pool3d and its backward."""
    name, node, none = f"avg_pool{dims}d", f"AvgPool{dims}D", (0,) * dims
    settings = (
        f"kernel_size: int[{dims}], stride: int[{dims}]?=None, padding: int[{dims}]={none}, ceil_mode: bool=False, "
        "count_include_pad: bool=True, divisor_override: int?=None"
    )
    pool: Op
    backward = op(
        f"{name}_backward",
        lambda dy, x, kernel, stride, padding, ceil_mode, include, override: _average_back(
            name, dy, x, kernel, stride, padding, ceil_mode, include, override
        ),
        names="", signature=f"(grad_output: Tensor, input: Tensor, {settings})", grad_fn=f"{node}BackwardBackward0",
        shape=lambda dy, x, *_: x.shape,
        vjp=dict(
            dy=lambda g, kernel, stride, padding, ceil_mode, include, override: pool(
                g, kernel, stride, padding, ceil_mode, include, override
            )
        ),
    )  # fmt: skip
    pool = op(
        name,
        lambda x, kernel, stride=None, padding=none, ceil_mode=False, include=True, override=None: _average(
            name, x, kernel, stride, padding, ceil_mode, include, override
        ),
        names="nn.functional", signature=f"(input: Tensor, {settings})", grad_fn=f"{node}Backward0",
        shape=lambda x, *values: _average_shape(name, x, *values), latex=r"\frac{1}{n} \sum_k x_{s i + k - p}",
        vjp=dict(
            x=lambda g, x, kernel, stride, padding, ceil_mode, include, override: backward(
                g, x, kernel, stride, padding, ceil_mode, include, override
            )
        ),
        samples=lambda: [
            sample(real(2, *(4,) * dims), 2), sample(real(1, 2, *(4,) * dims), 3, 2, 1, True, False),
            sample(real(2, *(4,) * dims), 2, 1, 1, False, True, 3),
        ],
    )  # fmt: skip
    return pool


avg_pool2d, avg_pool3d = _averaging(2), _averaging(3)
LINE = (
    "(input: Tensor, kernel_size: int[1], stride: int[1]?=None, padding: int[1]=(0,), ceil_mode: bool=False, "
    "count_include_pad: bool=True)"
)


@composite(
    "nn.functional torch", LINE, samples=lambda: [sample(real(2, 6), 2), sample(real(1, 2, 5), 3, 2, 1, True, False)]
)
def avg_pool1d(
    x: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = (0,), ceil_mode: bool = False,
    include: bool = True
) -> Any:  # fmt: skip
    """Return the mean of every window of a signal."""
    check_one_dimensional("avg_pool1d", x)
    image = rearrange.unsqueeze(x, -2)
    wide = (1, *stride) if stride else None
    return rearrange.squeeze_dim(avg_pool2d(image, (1, *kernel), wide, (0, *padding), ceil_mode, include), -2)


def _power_pool(dims: int) -> Callable[..., Any]:
    average = (avg_pool1d, avg_pool2d, avg_pool3d)[dims - 1]
    largest = (pooling.max_pool1d, pooling.max_pool2d, pooling.max_pool3d)[dims - 1]

    def pool(x: Any, norm_type: float, kernel: Sizes, stride: Sizes | None = None, ceil_mode: bool = False) -> Any:
        """Return the p-norm of every window."""
        from gradcli.ops import activation, magnitude

        if norm_type == float("inf"):
            return largest(magnitude.abs_(x), kernel, stride, (0,) * dims, (1,) * dims, ceil_mode)
        if norm_type == -float("inf"):
            return -largest(-magnitude.abs_(x), kernel, stride, (0,) * dims, (1,) * dims, ceil_mode)
        mean = average(arithmetic.pow_number(x, norm_type), kernel, stride, (0,) * dims, ceil_mode)
        size = 1
        for k in sized(f"avg_pool{dims}d", "kernel_size", kernel, dims) if dims > 1 else kernel:
            size *= k
        total = magnitude.sign(mean) * activation.relu(magnitude.abs_(mean)) * size
        return arithmetic.pow_number(total, 1.0 / norm_type)

    composite(
        "nn.functional",
        f"(input: Tensor, norm_type: Scalar, kernel_size: int[{dims}], stride: int[{dims}]?=None, ceil_mode: "
        "bool=False)",
        name=f"lp_pool{dims}d", samples=lambda: [sample(positive(1, 2, *(4,) * dims), 2, 2)],
    )(pool)  # fmt: skip
    return pool


lp_pool1d, lp_pool2d, lp_pool3d = map(_power_pool, (1, 2, 3))
