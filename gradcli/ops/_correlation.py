"""Correlation: the sliding sums of products behind every convolution, and their adjoints, as matrix products.

Windows are strided views, unrolled part by part of the batch into matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
Sizes = Sequence[int]

CHUNK_BYTES = 1 << 19
"""How much of a batch is unrolled at a time."""
SMALL = 512
"""Windows of an item below which several items are multiplied at once."""


def padded(x: Array, low: Sizes, high: Sizes, value: Any = 0) -> Array:
    """Return x with its last dimensions enlarged at both ends; negative numbers cut off."""
    if not any(low) and not any(high):
        return x
    lead = x.ndim - len(low)
    inner = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, a, b in zip(x.shape[lead:], low, high, strict=True))
    x = x[(..., *inner)]
    sizes = tuple(n + max(a, 0) + max(b, 0) for n, a, b in zip(x.shape[lead:], low, high, strict=True))
    shape = x.shape[:lead] + sizes
    out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    out[(..., *(slice(max(a, 0), max(a, 0) + n) for a, n in zip(low, x.shape[lead:], strict=True)))] = x
    return out


def windows(x: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """Return the view (…, *kernel, *out) of the windows over the last dimensions."""
    lead = x.ndim - len(kernel)
    steps = x.strides[lead:]
    taps = tuple(s * d for s, d in zip(steps, dilation, strict=True))
    moves = tuple(s * t for s, t in zip(steps, stride, strict=True))
    return as_strided(x, (*x.shape[:lead], *kernel, *out), (*x.strides[:lead], *taps, *moves), writeable=False)


def out_sizes(sizes: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[int, ...]:
    """Return how many windows fit along each dimension."""
    return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True))


def _grid(sizes: Sizes, out: Sizes, stride: Sizes) -> tuple[int, ...]:
    """Return the windows to unroll: whole rows of the padded input where they are not many more than asked for.

    Windows over whole rows lie one element apart, so that each tap of the kernel reads one long run of memory.
    """
    rows = (out[0], *sizes[1:])
    return rows if set(stride) == {1} and prod(rows) <= 2 * prod(out) else tuple(out)


class _Unrolled:
    """The windows of a batch as matrices (items, groups, taps, windows), where small items lie side by side in one.

    view: the windows (items, channels, *kernel, together, *grid)
    together: how many of the batch make one item
    """

    def __init__(self, x: Array, kernel: Sizes, grid: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> None:
        size, taps = prod(grid), x.shape[1] * prod(kernel)
        self.together = _divisor(len(x), -(-SMALL // size)) if size < SMALL else 1
        found = windows(x, kernel, grid, stride, dilation).reshape(-1, self.together, x.shape[1], *kernel, *grid)
        self.view = np.moveaxis(found, 1, 2 + len(kernel))
        self.step = min(len(found), max(1, CHUNK_BYTES // (self.together * taps * size * x.itemsize)))
        self.space = np.empty((self.step, *self.view.shape[1:]), x.dtype)
        self.matrices = self.space.reshape(self.step, groups, taps // groups, self.together * size)

    def parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield parts of the items with their matrices, which are good until the next one."""
        for start in range(0, len(self.view), self.step):
            part = slice(start, start + self.step)
            piece = self.view[part]
            np.copyto(self.space[: len(piece)], piece)
            yield part, self.matrices[: len(piece)]

    def items(self, x: Array, groups: int) -> Array:
        """Return a batch (n, channels, *sizes) as it goes with the matrices: (items, groups, each, together, *sizes)."""
        grouped = x.reshape(len(x) // self.together, self.together, groups, x.shape[1] // groups, *x.shape[2:])
        return np.moveaxis(grouped, 1, 3)


def _divisor(number: int, least: int) -> int:
    """Return the smallest divisor of a number that is not less than another one, else the number."""
    return next((d for d in range(max(least, 1), number) if number % d == 0), number)


def _framed(x: Array, low: Sizes, high: Sizes) -> Array:
    """Return x padded, and one row more in memory: windows over whole rows reach over the end of the last one."""
    return padded(x, low, (high[0] + 1, *high[1:]))[:, :, :-1]


def correlate(
    x: Array, w: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, bias: Array | None = None
) -> Array:  # fmt: skip
    """Return Σ over taps of w · x at the windows, plus the bias: (n, c, *sizes), (o, c / groups, *kernel) → (n, o, *out)."""
    return _correlate(_framed(x, padding, padding), w, stride, dilation, groups, bias)


def _correlate(x: Array, w: Array, stride: Sizes, dilation: Sizes, groups: int, bias: Array | None = None) -> Array:
    """Return the correlation of a framed input; few outputs are found for each row of the kernel, then added up."""
    out, each = out_sizes(x.shape[2:], w.shape[2:], stride, dilation), w.shape[0] // groups
    result = np.empty((len(x), groups, each, *out), x.dtype)
    added = x.dtype.type(0) if bias is None else bias.reshape(groups, each, *(1,) * (1 + len(out)))
    if not w.size or not result.size:
        result[...] = added if bias is None else bias.reshape(groups, each, *(1,) * len(out))
        return result.reshape(len(x), w.shape[0], *out)
    rows = w.shape[2] if stride[0] == 1 and 2 * w.shape[2] * each <= prod(w.shape[1:]) else 1
    weights = w.reshape(groups, each, w.shape[1], rows, -1).transpose(0, 3, 1, 2, 4).reshape(groups, rows * each, -1)
    kernel, grid = w.shape[2:], _grid(x.shape[2:], out, stride)
    if rows > 1:
        kernel, grid = (1, *kernel[1:]), (x.shape[2], *grid[1:])
    unrolled = _Unrolled(x, kernel, grid, stride, dilation, groups)
    products = np.empty((unrolled.step, groups, len(weights[0]), unrolled.matrices.shape[3]), x.dtype)
    by_row = products.reshape(unrolled.step, groups, rows, each, unrolled.together, *grid)
    inner = tuple(map(slice, out[1:]))
    taken = [by_row[(slice(None), slice(None), r, ..., slice(r * dilation[0], r * dilation[0] + out[0]), *inner)] for r in
             range(rows)]  # fmt: skip
    places = unrolled.items(result.reshape(len(x), -1, *out), groups)
    for part, matrices in unrolled.parts():
        count, place = len(matrices), places[part]
        np.matmul(weights, matrices, out=products[:count])
        np.add(taken[0][:count], added, out=place)
        for row in taken[1:]:
            place += row[:count]
    return result.reshape(len(x), w.shape[0], *out)


def correlate_weight(
    g: Array, x: Array, w_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """Return what `correlate` does to its weight, transposed: (n, o, *out), (n, c, *sizes) → w_shape."""
    if not g.size or not prod(w_shape):
        return np.zeros(w_shape, g.dtype)
    used = tuple(
        (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(g.shape[2:], stride, dilation, w_shape[2:], strict=True)
    )
    x = _framed(x, padding, tuple(u - n - p for u, n, p in zip(used, x.shape[2:], padding, strict=True)))
    settings = (x, w_shape, stride, dilation, groups)
    w = _summed(g, _grid(x.shape[2:], g.shape[2:], stride), *settings)
    return w if np.isfinite(w).all() else _summed(g, g.shape[2:], *settings)


def _summed(g: Array, grid: Sizes, x: Array, w_shape: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> Array:
    """Return Σ over windows of g · x, with g = 0 at windows of the grid that g does not have (where x is finite)."""
    unrolled = _Unrolled(x, w_shape[2:], grid, stride, dilation, groups)
    slopes = unrolled.items(g, groups)
    columns = np.zeros((unrolled.step, *slopes.shape[1:4], *grid), g.dtype)
    inside = columns[(..., *map(slice, g.shape[2:]))]
    right = columns.reshape(*columns.shape[:3], -1).swapaxes(-1, -2)
    total: Any = 0
    for part, matrices in unrolled.parts():
        np.copyto(inside[: len(matrices)], slopes[part])
        total = total + np.sum(np.matmul(matrices, right[: len(matrices)]), 0)
    return np.ascontiguousarray(total.swapaxes(-1, -2)).reshape(w_shape)


def correlate_input(
    g: Array, w: Array, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """Return `correlate` transposed for its input: (n, o, *out), (o, c / groups, *kernel) → (n, c, *sizes)."""
    if all(s == 1 for s in stride):
        low = tuple(d * (k - 1) - p for d, k, p in zip(dilation, w.shape[2:], padding, strict=True))
        spans = zip(sizes, g.shape[2:], low, dilation, w.shape[2:], strict=True)
        high = tuple(n + d * (k - 1) - m - p for n, m, p, d, k in spans)
        return _correlate(_framed(g, low, high), flipped(w, groups), stride, dilation, groups)
    columns = w.reshape(groups, w.shape[0] // groups, prod(w.shape[1:])).swapaxes(-1, -2)
    grouped = g.reshape(len(g), groups, w.shape[0] // groups, prod(g.shape[2:]))
    out = np.empty((len(g), w.shape[1] * groups, *sizes), g.dtype)
    step = max(1, CHUNK_BYTES // max(1, w[0].size * groups * prod(g.shape[2:]) * g.itemsize))
    for start in range(0, len(g), step):
        product = columns @ grouped[start : start + step]
        taps = product.reshape(len(product), out.shape[1], *w.shape[2:], *g.shape[2:])
        out[start : start + step] = overlap_add(taps, sizes, stride, padding, dilation)
    return out


def flipped(w: Array, groups: int) -> Array:
    """Return the weight whose correlation is the transposed one: taps reversed, channel dimensions exchanged."""
    grouped = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    reverse = grouped[(..., *(slice(None, None, -1),) * (w.ndim - 2))]
    return np.ascontiguousarray(reverse).reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])


def overlap_add(taps: Array, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """Return windows (…, *kernel, *out) added up where they came from: (…, *sizes)."""
    n = len(sizes)
    kernel, out, lead = taps.shape[-2 * n : -n], taps.shape[-n:], taps.shape[: -2 * n]
    reach = ((o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(out, stride, dilation, kernel, strict=True))
    whole = tuple(max(size + 2 * p, r) for size, p, r in zip(sizes, padding, reach, strict=True))
    total = np.zeros((*lead, *whole), taps.dtype)
    for tap in np.ndindex(*kernel):
        total[(..., *tap_slices(tap, out, stride, dilation))] += taps[(..., *tap, *(slice(None),) * n)]
    return np.ascontiguousarray(total[(..., *(slice(p, p + size) for p, size in zip(padding, sizes, strict=True)))])


def tap_slices(tap: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[slice, ...]:
    """Return the positions that one tap of the kernel meets, over all windows."""
    begins = (t * d for t, d in zip(tap, dilation, strict=True))
    return tuple(slice(b, b + (o - 1) * s + 1, s) for b, o, s in zip(begins, out, stride, strict=True))
