"""Max pooling: the largest element of every window, and where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from gradcli.ops import rearrange
from gradcli.ops._correlation import padded, windows
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._planes import max_backward
from gradcli.ops._pooling_rules import check_max_pool1d, check_one_dimensional, checked_pool
from gradcli.ops._samples import ErrorSample, distinct, sample

Sizes = Sequence[int]
PART_BYTES = 1 << 22
"""How much of the windows is looked at in one go."""


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _first_taps(out: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Any:
    """Return which tap of each window is the first that lies inside the input."""
    first: Any = np.zeros((1,) * len(out), np.int64)
    for dim, (n, k, s, p, d) in enumerate(zip(out, kernel, stride, padding, dilation, strict=True)):
        along = np.maximum(-((np.arange(n) * s - p) // d), 0)
        first = first * k + along.reshape((n,) + (1,) * (len(out) - dim - 1))
    return np.broadcast_to(first, out)


def _largest(x: Any, out: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> tuple[Any, Any]:
    """Return the largest element of each window and its tap: the first of equals, the last NaN."""
    lead, sizes = x.shape[: x.ndim - len(out)], x.shape[x.ndim - len(out) :]
    reach = ((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(out, kernel, stride, dilation, strict=True))
    high = [max(r - n - p, 0) for r, n, p in zip(reach, sizes, padding, strict=True)]
    x = padded(x, padding, high, _lowest(x.dtype))
    planes = x.reshape(prod(lead), *x.shape[len(lead) :])
    elements = np.moveaxis(windows(planes, kernel, out, stride, dilation), 0, len(kernel))
    best = np.empty((len(planes), *out), x.dtype)
    taps = np.empty(best.shape, np.uint8 if prod(kernel) <= 256 else np.int64)
    step = max(1, PART_BYTES // max(1, prod(kernel) * prod(out) * x.itemsize))
    for start in range(0, len(planes), step):
        part = slice(start, start + step)
        stacked = elements[(slice(None),) * len(kernel) + (part,)].reshape(prod(kernel), -1, *out)
        np.maximum.reduce(stacked, 0, out=best[part])
        taps[part] = _best_taps(stacked, best[part], taps.dtype)
    if any(padding) or any(high):
        np.maximum(taps, _first_taps(out, kernel, stride, padding, dilation), out=taps, casting="unsafe")
    return best.reshape(*lead, *out), taps.reshape(*lead, *out)


def _best_taps(elements: Any, best: Any, dtype: Any) -> Any:
    """Return which of the elements (taps, …) is the best one: all before it are others, and of NaNs it is the last."""
    others = np.not_equal(elements[:-1], best).view(np.uint8)
    taps = np.zeros(best.shape, dtype)
    for other in others[::-1]:
        taps += 1
        taps *= other
    if best.dtype.kind == "f" and np.isnan(np.max(best, initial=_lowest(best.dtype))):
        last = len(elements) - 1 - np.argmax(np.isnan(elements)[::-1], 0)
        return np.where(np.isnan(best), last, taps)
    return taps


def _places(taps: Any, *settings: Shape) -> Any:
    """Return the place in the flattened plane of each window's tap; `settings` are those of `_window_places`."""
    within, corner = _window_places(taps.shape[taps.ndim - len(settings[0]) :], *settings)
    places = np.take(within, taps)
    places += corner
    return places


@lru_cache(maxsize=8)
def _window_places(
    out: Shape, sizes: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> tuple[Any, Any]:  # fmt: skip
    """Return the place in the flattened plane of each tap of a window at the origin, and of each window's corner."""
    steps = [prod(sizes[dim + 1 :]) for dim in range(len(sizes))]
    within: Any = sum(np.indices(kernel)[dim] * d * step for dim, (d, step) in enumerate(zip(dilation, steps, strict=True)))
    corner: Any = sum(
        (np.arange(n) * s - p).reshape((n,) + (1,) * (len(out) - dim - 1)) * step
        for dim, (n, s, p, step) in enumerate(zip(out, stride, padding, steps, strict=True))
    )
    within.setflags(write=False)
    corner.setflags(write=False)
    return within, corner


def _max_pool(name: str, x: Any, *settings: Any) -> tuple[Any, Any]:
    kernel, stride, padding, dilation, out = checked_pool(name, x, *settings)
    best, taps = _largest(x, out, kernel, stride, padding, dilation)
    places = _places(taps, x.shape[x.ndim - len(out) :], kernel, stride, padding, dilation)
    return formatted(best, x), formatted(places, x)


def _max_shape(name: str, x: Any, *settings: Any) -> tuple[Shape, Shape]:
    out = checked_pool(name, x, *settings)[-1]
    shape = (*x.shape[: x.ndim - len(out)], *out)
    return shape, shape


def _apart(kernel: Sizes, stride: Sizes | None, dilation: Sizes) -> bool:
    """Return whether no two windows have an element in common."""
    if not stride:
        return all(d == 1 for d in dilation)
    spans = np.broadcast(kernel, stride, dilation)
    return all(s >= d * (k - 1) + 1 for k, s, d in spans)


def _max_pooling(dims: int) -> Op:
    """Declare max_pool2d_with_indices or max_pool3d_with_indices and its backward."""
    name, node = f"max_pool{dims}d", f"MaxPool{dims}DWithIndices"
    one = (1,) * dims
    backward = max_backward(f"{name}_with_indices_backward", f"{node}BackwardBackward0", dims)
    return op(
        f"{name}_with_indices",
        lambda x, kernel, stride=None, padding=(0,) * dims, dilation=one, ceil_mode=False: _max_pool(
            name, x, kernel, stride, padding, dilation, ceil_mode
        ),
        names="", signature=_signature(dims), grad_fn=f"{node}Backward0", outputs=("out", "indices"),
        constant=("indices",),
        shape=lambda x, *settings: _max_shape(name, x, *settings), latex=r"\max_k x_{s i + d k - p}",
        vjp=dict(
            x=lambda g, x_shape, out, kernel, stride, dilation: backward(
                g[0], out[1], x_shape[len(x_shape) - dims :], _apart(kernel, stride, dilation)
            )
        ),
        samples=lambda: [
            sample(distinct(1, 2, *(4,) * dims), (2,)), sample(distinct(2, *(4,) * dims), (3,), (1,), (1,)),
            ErrorSample((distinct(1, 1, *(4,) * dims), (5,)), "Output size is too small"),
        ],
    )  # fmt: skip


def _signature(dims: int, ending: str = "") -> str:
    one, none = (1,) * dims, (0,) * dims
    return (
        f"(input: Tensor, kernel_size: int[{dims}], stride: int[{dims}]?=None, padding: int[{dims}]={none}, "
        f"dilation: int[{dims}]={one}, ceil_mode: bool=False{ending})"
    )


max_pool2d_with_indices, max_pool3d_with_indices = _max_pooling(2), _max_pooling(3)
WITH_INDICES = {2: max_pool2d_with_indices, 3: max_pool3d_with_indices}


def _pool1d(
    x: Any, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Any, Any]:  # fmt: skip
    """Return the maxima of a signal and their indices, by pooling it as an image of one row."""
    check_one_dimensional("max_pool1d", x)
    wide = (1, *stride) if stride else None
    image = rearrange.unsqueeze(x, -2)
    out, at = max_pool2d_with_indices(image, (1, *kernel), wide, (0, *padding), (1, *dilation), ceil_mode)
    return rearrange.squeeze_dim(out, -2), rearrange.squeeze_dim(at, -2)


def _declare(dims: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name, one, none = f"max_pool{dims}d", (1,) * dims, (0,) * dims

    def with_indices(
        x: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = none, dilation: Sizes = one,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Return the largest elements of the windows and their places in the flattened plane."""
        if dims == 1:
            return _pool1d(x, kernel, stride, padding, dilation, ceil_mode)
        return WITH_INDICES[dims](x, kernel, stride, padding, dilation, ceil_mode)  # type: ignore[no-any-return]

    def pool(
        x: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = none, dilation: Sizes = one,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:  # fmt: skip
        """Return the largest element of every window; with return_indices, also its place in the flattened plane."""
        if dims == 1 and not return_indices:
            check_max_pool1d(x, kernel, stride, padding, dilation, ceil_mode)
        found = with_indices(x, kernel, stride, padding, dilation, ceil_mode)
        return found if return_indices else found[0]

    x = (2, *(4,) * dims)
    calls = lambda: [sample(distinct(*x), 2), sample(distinct(*x), 3, 2, 1), sample(distinct(*x), 2, 1, 0, 2, True)]  # noqa: E731
    ending = ", return_indices: bool=False"
    composite("nn.functional", _signature(dims, ending), name=name, samples=calls, outputs=("out", "indices"))(pool)
    composite(f"torch.{name}", _signature(dims), name=name, samples=calls)(pool)
    composite(
        "nn.functional", _signature(dims, ending), name=f"{name}_with_indices", samples=calls, outputs=("out",
        "indices")
    )(with_indices)  # fmt: skip
    if dims == 1:
        composite("torch", _signature(1), name="max_pool1d_with_indices", outputs=("out", "indices"))(with_indices)
    return pool, with_indices


(max_pool1d, max_pool1d_with_indices), (max_pool2d, _), (max_pool3d, _) = map(_declare, (1, 2, 3))
