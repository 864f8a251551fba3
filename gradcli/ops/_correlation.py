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

CHUNK_BYTES = 1 << 21
"""How much of a batch is unrolled at a time: what stays in a processor's cache."""
SMALL = 1 << 20
"""Multiplications of a matrix product that OpenBLAS does without copying its operands together first."""
MANY = 512
"""Windows of an item from which it makes a matrix by itself; else several items are multiplied at once."""
MUCH = 128
"""Terms of a sum, and uses of each, from which a product of large matrices is better made of small ones."""
FEW = 8
"""Rows or columns of an operand below which a product is mostly overhead."""


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


class _Unrolled:
    """The windows of a batch as matrices (items, groups, taps, windows), where small items lie side by side in one.

    Windows one row apart share their rows. Where an item has many windows, the rows of the kernel are not unrolled: the
    taps of each row of the kernel find their windows in the same matrix, some columns further on.

    rows: how many such views each part has; 1 where the rows are unrolled, too
    together: how many of the batch make one item
    """

    def __init__(self, x: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> None:
        size, row, each = prod(out), prod(out[1:]), x.shape[1] // groups
        shared = stride[0] == 1 and size >= MANY and prod(kernel[1:]) > 1 and each * prod(kernel[1:]) >= FEW
        self.rows = kernel[0] if shared else 1
        if self.rows > 1:
            kernel, out = (1, *kernel[1:]), ((self.rows - 1) * dilation[0] + out[0], *out[1:])
        self.together = 1 if size >= MANY else _divisor(len(x), -(-MANY // size))
        found = windows(x, kernel, out, stride, dilation).reshape(-1, self.together, x.shape[1], *kernel, *out)
        self._view = _moved_back(found, 2 + len(kernel))
        taps, columns = each * prod(kernel), self.together * prod(out)
        if self._view.flags.c_contiguous:
            self.step, self._space = len(found), self._view
        else:
            self.step = min(len(found), max(1, CHUNK_BYTES // (groups * taps * columns * x.itemsize)))
            self._space = np.empty((self.step, *self._view.shape[1:]), x.dtype)
        matrices = self._space.reshape(self.step, groups, taps, columns)
        begins = (r * dilation[0] * row for r in range(self.rows))
        self._matrices = [matrices[..., begin : begin + self.together * size] for begin in begins]

    def parts(self) -> Iterator[tuple[slice, list[Array]]]:
        """Yield parts of the items with their matrices, one for each of the rows; good until the next part."""
        for start in range(0, len(self._view), self.step):
            piece = self._view[start : start + self.step]
            if self._space is not self._view:
                np.copyto(self._space[: len(piece)], piece)
            yield slice(start, start + len(piece)), [m[: len(piece)] for m in self._matrices]

    def weights(self, w: Array, groups: int) -> Array:
        """Return a weight (o, channels, *kernel) as it goes with the matrices: (rows, groups, o / groups, taps)."""
        grouped = w.reshape(groups, w.shape[0] // groups, w.shape[1], self.rows, -1)
        return grouped.transpose(3, 0, 1, 2, 4).reshape(self.rows, groups, w.shape[0] // groups, -1)

    def items(self, x: Array, groups: int) -> Array:
        """Return a batch (n, channels, *out) as it goes with the matrices: (items, groups, each, windows)."""
        each = x.shape[1] // groups
        grouped = x.reshape(len(x) // self.together, self.together, groups, each, -1)
        return _moved_back(grouped, 3).reshape(len(grouped), groups, each, -1)

    def batch(self, items: Array, out: Sizes) -> Array:
        """Return what `items` was made from."""
        if self.together > 1:
            apart = items.reshape(*items.shape[:3], self.together, -1)
            items = np.ascontiguousarray(np.moveaxis(apart, 3, 1))
        return items.reshape(len(items) * self.together, -1, *out)


def _moved_back(x: Array, to: int) -> Array:
    """Return x with its dimension 1 moved behind the following ones, to this place."""
    if x.shape[1] == 1:
        return x.reshape(*x.shape[:1], *x.shape[2 : to + 1], 1, *x.shape[to + 1 :])
    return np.moveaxis(x, 1, to)


def _divisor(number: int, least: int) -> int:
    """Return the smallest divisor of a number that is not less than another one, else the number."""
    return next((d for d in range(max(least, 1), number) if number % d == 0), number)


def correlate(
    x: Array, w: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, bias: Array | None = None
) -> Array:  # fmt: skip
    """Return Σ over taps of w · x at the windows, plus the bias: (n, c, *sizes), (o, c / groups, *kernel) → (n, o, *out)."""
    return _correlate(padded(x, padding, padding), w, stride, dilation, groups, bias)


def _correlate(x: Array, w: Array, stride: Sizes, dilation: Sizes, groups: int, bias: Array | None = None) -> Array:
    """Return the correlation of an input that is padded already."""
    out, each = out_sizes(x.shape[2:], w.shape[2:], stride, dilation), w.shape[0] // groups
    row, taps = prod(out[1:]), prod(w.shape[1:])
    added = None if bias is None else bias.reshape(groups, each, 1)
    if not w.size or not len(x) * prod(out):
        result = np.zeros((len(x), groups, each, prod(out)), x.dtype)
        if added is not None:
            result += added
        return result.reshape(len(x), w.shape[0], *out)
    if row >= FEW and each * taps * row <= SMALL and dilation[0] == 1 and w[0, 0].size > 1:
        return _by_rows(x, w, out, stride, dilation, groups, added)
    unrolled = _Unrolled(x, w.shape[2:], out, stride, dilation, groups)
    first, *others = unrolled.weights(w, groups)
    result = np.empty((len(x) // unrolled.together, groups, each, unrolled.together * prod(out)), x.dtype)
    product = np.empty((unrolled.step, *result.shape[1:]), x.dtype) if others else result
    for part, matrices in unrolled.parts():
        place = result[part]
        np.matmul(first, matrices[0], out=place)
        for weight, matrix in zip(others, matrices[1:], strict=True):
            place += np.matmul(weight, matrix, out=product[: len(place)])
        if added is not None:
            place += added
    return unrolled.batch(result, out)


def _by_rows(
    x: Array, w: Array, out: Sizes, stride: Sizes, dilation: Sizes, groups: int, added: Array | None
) -> Array:  # fmt: skip
    """Return the correlation, a product for each row of windows.

    The windows of a row of the input are unrolled in all dimensions but the first, and the rows lie below each other: what
    a row of windows needs from some rows of the input is one matrix in memory, which the next one overlaps.
    """
    each, channels = w.shape[0] // groups, w.shape[1]
    grouped = x.reshape(len(x), groups, channels, *x.shape[2:])
    view = windows(grouped.swapaxes(2, 3), w.shape[3:], out[1:], stride[1:], dilation[1:])
    step = min(len(x), max(1, CHUNK_BYTES // (prod(view.shape[1:]) * x.itemsize)))
    space = np.empty((step, *view.shape[1:]), x.dtype)
    across = space.reshape(*space.shape[:3], -1, prod(out[1:]))
    item, group, row, tap, column = across.strides
    shape = (step, groups, out[0], prod(w.shape[1:]), across.shape[-1])
    matrices = as_strided(across, shape, (item, group, row * stride[0], tap, column), writeable=False)
    weights = w.reshape(groups, 1, each, channels, w.shape[2], -1).swapaxes(3, 4).reshape(groups, 1, each, -1)
    weights = np.ascontiguousarray(weights.swapaxes(-1, -2)).swapaxes(-1, -2)
    result = np.empty((len(x), groups, each, prod(out)), x.dtype)
    rows = result.reshape(*result.shape[:3], out[0], -1).swapaxes(2, 3)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        count = len(view[part])
        np.copyto(space[:count], view[part])
        np.matmul(weights, matrices[:count], out=rows[part])
        if added is not None:
            result[part] += added
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
    x = padded(x, padding, tuple(u - n - p for u, n, p in zip(used, x.shape[2:], padding, strict=True)))
    unrolled = _Unrolled(x, w_shape[2:], g.shape[2:], stride, dilation, groups)
    slopes, each = unrolled.items(g, groups), w_shape[0] // groups
    shared = each >= FEW and prod(w_shape[1:]) >= MUCH
    pieces = _pieces_of(slopes.shape[3], prod(w_shape[1:]) // unrolled.rows * each) if shared else 0
    total: Any = 0
    for part, matrices in unrolled.parts():
        columns = _cut(slopes[part], pieces or 1).swapaxes(-1, -2)
        columns = np.ascontiguousarray(columns) if pieces else columns
        sums = [np.matmul(_cut(matrix, pieces or 1), columns).sum((0, 2)) for matrix in matrices]
        total = total + np.stack(sums)
    by_tap = total.reshape(unrolled.rows, groups, w_shape[1], -1, each)
    return np.ascontiguousarray(by_tap.transpose(1, 4, 2, 0, 3)).reshape(w_shape)


def _pieces_of(terms: int, products: int) -> int:
    """Return into how many equal pieces sums of products are cut to make small products, 0 where there is no such number."""
    least = -(-terms * products // SMALL)
    return next((n for n in range(least, terms // MUCH + 1) if terms % n == 0), 0)


def _cut(matrix: Array, pieces: int) -> Array:
    """Return matrices (…, rows, columns) cut between columns: (…, pieces, rows, columns / pieces)."""
    return matrix.reshape(*matrix.shape[:-1], pieces, -1).swapaxes(-2, -3)


def correlate_input(
    g: Array, w: Array, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """Return `correlate` transposed for its input: (n, o, *out), (o, c / groups, *kernel) → (n, c, *sizes)."""
    if all(s == 1 for s in stride):
        low = tuple(d * (k - 1) - p for d, k, p in zip(dilation, w.shape[2:], padding, strict=True))
        spans = zip(sizes, g.shape[2:], low, dilation, w.shape[2:], strict=True)
        high = tuple(n + d * (k - 1) - m - p for n, m, p, d, k in spans)
        return _correlate(padded(g, low, high), flipped(w, groups), stride, dilation, groups)
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
