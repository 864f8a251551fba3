"""Adaptive pooling: windows chosen so that the result has the asked sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import rearrange, reduction
from gradcli.ops._axis_map import AxisMap, apply, apply_transposed
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._planes import max_backward
from gradcli.ops._pooling_rules import check_one_dimensional
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, distinct, real, sample

Sizes = Sequence[int]


def _windows(size: int, out: int) -> tuple[Any, Any]:
    """Return where the windows of a dimension start and end."""
    at = np.arange(out)
    return at * size // max(out, 1), -(-(at + 1) * size // max(out, 1))


@lru_cache(maxsize=256)
def _means(size: int, out: int) -> AxisMap:
    """Return the map that averages the windows of a dimension."""
    start, end = _windows(size, out)
    counts = end - start
    rows = np.repeat(np.arange(out), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + start[rows]
    return AxisMap(size, out, rows, columns, 1 / counts[rows])


def _maps(shape: Shape, out: Shape) -> list[AxisMap]:
    return [_means(size, n) for size, n in zip(shape[len(shape) - len(out) :], out, strict=True)]


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float16 else x


def resolved(x: Any, output_size: Any, dims: int) -> Shape:
    """Return one size per dimension, in which None keeps the input's."""
    sizes = output_size if isinstance(output_size, (list, tuple)) else (output_size,) * dims
    if len(sizes) != dims or x.ndim < dims:
        return tuple(sizes)
    return tuple(own if n is None else n for n, own in zip(sizes, x.shape[x.ndim - dims :], strict=True))


def _adapted_shape(name: str, x: Any, out: Shape) -> Shape:
    """Return the pooled shape; raise PyTorch's error where something does not fit."""
    dims, average = int(name[-2]), "avg" in name
    if len(out) != dims:
        text = (
            f"{name}: output_size must be {dims}"
            if average
            else f"{name}(): internal error: output_size.size() must be {dims}"
        )
        raise ShapeError(text)
    if average and min(out) < 0:
        shown = ", ".join(map(str, out)) if dims == 2 else f"{out[0]}, {out[1]},{out[2]}"
        raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {{{shown}}}")
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got{'' if average else ':'} {list(x.shape)}"
        )
    empty = next((at for at in range(x.ndim - dims, x.ndim) if x.shape[at] == 0), None)
    if empty is not None:
        raise ShapeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(x.shape)} with "
            f"dimension {empty} being empty"
        )
    if not dtype_name(x).startswith("float"):
        raise DtypeError(f"\"{name}\" not implemented for '{SCALAR_TYPES[dtype_name(x)]}'")
    shape = (*x.shape[: x.ndim - dims], *out)
    if min(out) < 0:
        raise ShapeError(f"Trying to create tensor with negative dimension {min(out)}: {list(shape)}")
    return shape


def _adaptive_average(x: Any, out: Shape) -> Any:
    means = apply(_wide(x), _maps(x.shape, out)).astype(x.dtype, copy=False)
    return formatted(means, *[x] * (len(out) == 2))


def _averaging(dims: int) -> Op:
    """Declare adaptive_avg_pool2d or adaptive_avg_pool3d of planes, and its backward."""
    name, node = f"adaptive_avg_pool{dims}d", f"AdaptiveAvgPool{dims}D"
    pool: Op
    backward = op(
        f"{name}_backward",
        lambda dy, x: apply_transposed(_wide(dy), _maps(x.shape, dy.shape[dy.ndim - dims :])).astype(dy.dtype,
        copy=False),
        names="", signature="(grad_output: Tensor, input: Tensor)", grad_fn=f"{node}BackwardBackward0",
        shape=lambda dy, x: x.shape,
        vjp=dict(dy=lambda g, dy_shape: pool(g, dy_shape[len(dy_shape) - dims :])),
    )  # fmt: skip
    pool = op(
        name, lambda x, output_size: _adaptive_average(x, output_size), names="",
        signature="(input: Tensor, output_size: int[])", grad_fn=f"{node}Backward0",
        shape=lambda x, output_size: _adapted_shape(name, x, output_size), vjp=dict(x=lambda g, x: backward(g, x)),
        samples=lambda: [sample(real(2, *(5,) * dims), (2, 3, 4)[:dims])],
    )  # fmt: skip
    return pool


AVERAGE = {2: _averaging(2), 3: _averaging(3)}


def _pooled_average(x: Any, output_size: Any, dims: int) -> Any:
    """Return the averages; a single window is a plain mean, as in PyTorch."""
    out = resolved(x, output_size, dims)
    name = f"adaptive_avg_pool{dims}d"
    if out == (1,) * dims:
        _adapted_shape(name, x, out)
        return reduction.mean(x, tuple(range(-1, -dims - 1, -1)) if dims == 2 else (-1, -2, -3), True)
    return AVERAGE[dims](x, out)


@composite("nn.functional torch", "(input: Tensor, output_size: int[1])", samples=lambda: [sample(real(2, 5), 3)])
def adaptive_avg_pool1d(x: Any, output_size: Sizes) -> Any:
    """Return the means of as many windows of a signal as asked for."""
    check_one_dimensional("adaptive_avg_pool1d", x)
    _check_single("adaptive_avg_pool1d", output_size)
    return rearrange.squeeze_dim(_pooled_average(rearrange.unsqueeze(x, -2), (1, *output_size), 2), -2)


def _check_single(name: str, output_size: Sizes) -> None:
    if len(output_size) != 1:
        raise ShapeError(f"{name}() argument 'output_size' should contain one int (got {len(output_size)})")


@composite("nn.functional", "(input: Tensor, output_size: any)", samples=lambda: [sample(real(1, 2, 5, 4), (3, None))])
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """Return the means of windows of images, so that the result has the asked sizes."""
    return _pooled_average(x, output_size, 2)


@composite(
    "nn.functional", "(input: Tensor, output_size: any)", samples=lambda: [sample(real(2, 4, 5, 3), (3, 2, None))]
)
def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    """Return the means of windows of volumes, so that the result has the asked sizes."""
    return _pooled_average(x, output_size, 3)


def _taps(size: int, out: int) -> Any:
    """Return (out, taps) places of a dimension: every window filled up with its last element."""
    start, end = _windows(size, out)
    longest = int((end - start).max()) if out else 0
    return np.minimum(start[:, None] + np.arange(longest), end[:, None] - 1)


def _adaptive_max(x: Any, out: Shape) -> tuple[Any, Any]:
    """Return the largest element of each window and its place: the first of equals, the last NaN."""
    dims = len(out)
    lead, sizes = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    tables = [_taps(size, n) for size, n in zip(sizes, out, strict=True)]
    steps = [prod(sizes[dim + 1 :]) for dim in range(dims)]
    flat = x.reshape(*lead, prod(sizes))
    best: Any = np.zeros((*lead, *out), x.dtype)
    places = np.zeros((*lead, *out), np.int64)
    for tap in np.ndindex(*(table.shape[1] for table in tables)):
        at = np.zeros(out, np.int64)
        for dim, table in enumerate(tables):
            at += (table[:, tap[dim]] * steps[dim]).reshape((-1,) + (1,) * (dims - dim - 1))
        candidate = np.take(flat, at, -1)
        better = np.True_ if not any(tap) else (candidate > best) | (candidate != candidate)
        np.copyto(best, candidate, where=better)
        np.copyto(places, np.broadcast_to(at, places.shape), where=better)
    images = [x] * (dims == 2)
    return formatted(best, *images), formatted(places, *images)


def _greatest(dims: int) -> Op:
    """Declare adaptive_max_pool2d or adaptive_max_pool3d of planes, and its backward."""
    name, node = f"adaptive_max_pool{dims}d", f"AdaptiveMaxPool{dims}D"
    backward = max_backward(f"{name}_backward", f"{node}BackwardBackward0", dims)
    return op(
        name, lambda x, output_size: _adaptive_max(x, output_size), names="",
        signature="(input: Tensor, output_size: int[])",
        grad_fn=f"{node}Backward0", outputs=("out", "indices"), constant=("indices",),
        shape=lambda x, output_size: (_adapted_shape(name, x, output_size),) * 2,
        vjp=dict(x=lambda g, x_shape, out: backward(g[0], out[1], x_shape[len(x_shape) - dims :], False)),
        samples=lambda: [sample(distinct(2, *(5,) * dims), (2, 3, 4)[:dims])],
    )  # fmt: skip


MAX = {2: _greatest(2), 3: _greatest(3)}


def _declare(dims: int) -> Any:
    name = f"adaptive_max_pool{dims}d"
    kind = "int[1]" if dims == 1 else "any"

    def with_indices(x: Any, output_size: Any, return_indices: bool = False) -> tuple[Any, Any]:
        """Return the largest elements of windows, so that the result has the asked sizes, and their places."""
        if dims > 1:
            return MAX[dims](x, resolved(x, output_size, dims))  # type: ignore[no-any-return]
        check_one_dimensional(name, x)
        _check_single(name, output_size)
        out, at = MAX[2](rearrange.unsqueeze(x, -2), (1, *output_size))
        return rearrange.squeeze_dim(out, -2), rearrange.squeeze_dim(at, -2)

    def pool(x: Any, output_size: Any, return_indices: bool = False) -> Any:
        """Return the largest elements of windows, so that the result has the asked sizes; perhaps with their places."""
        found = with_indices(x, output_size)
        return found if return_indices else found[0]

    text = f"(input: Tensor, output_size: {kind}, return_indices: bool=False)"
    refusal = f"Expected {dims + 1}D or {dims + 2}D tensor, but got: [4]" if dims > 1 else "Expected 2 to 3 dimensions"
    calls = lambda: [  # noqa: E731
        sample(distinct(2, *(5,) * dims), 3), ErrorSample((distinct(4), 2),
        refusal)
    ]  # fmt: skip
    composite("nn.functional", text, name=name, samples=calls, outputs=("out", "indices"))(pool)
    composite("nn.functional", text, name=f"{name}_with_indices", outputs=("out", "indices"))(with_indices)
    if dims == 1:
        composite("torch", "(input: Tensor, output_size: int[1])", name=name, outputs=("out", "indices"))(with_indices)
    return pool


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_declare, (1, 2, 3))
