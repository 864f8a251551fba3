"""Correlation: the sliding sums of products behind every convolution, and their adjoints, as matrix products.

Windows are strided views. Where the first dimension has stride 1 only the others are unrolled: shifting a window by one
row is then a slice of the same matrix, so one unrolled copy serves all rows of the kernel.
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

CHUNK_BYTES = 2 << 20
"""How much of a batch is unrolled at a time: what fits in a cache."""
DEEP = 16
"""How long the rows of a matrix product are at least, for the kernel's rows to be products of their own."""


def padded(x: Array, low: Sizes, high: Sizes, value: Any = 0) -> Array:
    """Return x with its last dimensions enlarged at both ends; negative numbers cut off."""
    if not any(low) and not any(high):
        return x
    lead = x.ndim - len(low)
    inner = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, a, b in zip(x.shape[lead:], low, high, strict=True))
    x = x[(..., *inner)]
    sizes = tuple(n + max(a, 0) + max(b, 0) for n, a, b in zip(x.shape[lead:], low, high, strict=True))
    out = np.full(x.shape[:lead] + sizes, value, x.dtype)
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


def _by_rows(w: Array, stride: Sizes) -> bool:
    return stride[0] == 1 and w.shape[2] > 1 and w.shape[1] * prod(w.shape[3:]) >= DEEP


def _matrices(
    x: Array, w: Array, out: Sizes, stride: Sizes, dilation: Sizes, groups: int
) -> Iterator[tuple[slice, list[Array]]]:
    """Yield parts of the batch with their matrices (batch, groups, taps, positions), one or one for each kernel row."""
    kernel, positions = w.shape[2:], prod(out)
    by_rows = _by_rows(w, stride)
    rows = prod(out[1:])
    inside = (1, *kernel[1:]), (x.shape[2], *out[1:])
    view = windows(x, *(inside if by_rows else (kernel, out)), stride, dilation)
    step = max(1, CHUNK_BYTES // max(1, prod(view.shape[1:]) * x.itemsize))
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        count = len(view[part])
        columns = rows * x.shape[2] if by_rows else positions
        taps = w.shape[1] * prod(kernel[1:] if by_rows else kernel)
        matrix = view[part].reshape(count, groups, taps, columns)
        if by_rows:
            shifts = (i * dilation[0] * rows for i in range(kernel[0]))
            yield part, [matrix[..., shift : shift + positions] for shift in shifts]
        else:
            yield part, [matrix]


def _weights(w: Array, stride: Sizes, groups: int) -> list[Array]:
    """Return the matrices (groups, out, taps) that belong to those of the windows."""
    g = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    if _by_rows(w, stride):
        return [np.ascontiguousarray(g[:, :, :, i]).reshape(*g.shape[:2], -1) for i in range(w.shape[2])]
    return [g.reshape(*g.shape[:2], prod(w.shape[1:]))]


def correlate(x: Array, w: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Array:
    """Return Σ over taps of w · x at the windows: (n, c, *sizes), (o, c / groups, *kernel) → (n, o, *out)."""
    x = padded(x, padding, padding)
    out = out_sizes(x.shape[2:], w.shape[2:], stride, dilation)
    result = np.zeros((len(x), groups, w.shape[0] // groups, prod(out)), x.dtype)
    if result.size and w.size:
        weights = _weights(w, stride, groups)
        for part, matrices in _matrices(x, w, out, stride, dilation, groups):
            np.matmul(weights[0], matrices[0], out=result[part])
            for weight, matrix in zip(weights[1:], matrices[1:], strict=True):
                result[part] += np.matmul(weight, matrix)
    return result.reshape(len(x), w.shape[0], *out)


def correlate_weight(
    g: Array, x: Array, w_shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """Return what `correlate` does to its weight, transposed: (n, o, *out), (n, c, *sizes) → w_shape."""
    w = np.zeros(w_shape, g.dtype)
    if not g.size or not w.size:
        return w
    used = tuple(
        (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(g.shape[2:], stride, dilation, w_shape[2:], strict=True)
    )
    x = padded(x, padding, tuple(u - n - p for u, n, p in zip(used, x.shape[2:], padding, strict=True)))
    grouped = g.reshape(len(g), groups, w_shape[0] // groups, -1)
    totals: list[Any] = []
    for part, matrices in _matrices(x, w, g.shape[2:], stride, dilation, groups):
        found = [np.matmul(grouped[part], m.swapaxes(-1, -2)).sum(0) for m in matrices]
        totals = [a + b for a, b in zip(totals, found, strict=True)] if totals else found
    if len(totals) == 1:
        return totals[0].reshape(w_shape)  # type: ignore[no-any-return]
    rows = w.reshape(groups, w_shape[0] // groups, *w_shape[1:])
    for i, total in enumerate(totals):
        rows[:, :, :, i] = total.reshape(*rows.shape[:3], *w_shape[3:])
    return w


def correlate_input(
    g: Array, w: Array, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """Return `correlate` transposed for its input: (n, o, *out), (o, c / groups, *kernel) → (n, c, *sizes)."""
    if all(s == 1 for s in stride):
        low = tuple(d * (k - 1) - p for d, k, p in zip(dilation, w.shape[2:], padding, strict=True))
        spans = zip(sizes, g.shape[2:], low, dilation, w.shape[2:], strict=True)
        high = tuple(n + d * (k - 1) - m - p for n, m, p, d, k in spans)
        return correlate(padded(g, low, high), flipped(w, groups), stride, (0,) * len(sizes), dilation, groups)
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
