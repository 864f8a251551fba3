"""Grid weights: where the points of a sampling grid lie between pixels, and the weights of their neighbours.

A sample is Σ over neighbours of (product of one weight per dimension) · pixel. Derivatives with respect to the grid
only derive the weights, so every derivative of every order is a sample of the same kind: `orders` says how often each
dimension's weight is derived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcli.ops._interpolation import KEYS

Array = NDArray[Any]
ZEROS, BORDER, REFLECTION = 0, 1, 2
BILINEAR, NEAREST, BICUBIC = 0, 1, 2


def _pixels(grid: Array, size: int, align_corners: bool) -> tuple[Array, float]:
    """Return coordinates from -1 … 1 in pixels, and the slope of that."""
    slope = (size - 1) / 2 if align_corners else size / 2
    return (grid + 1) * grid.dtype.type(slope) - grid.dtype.type(0 if align_corners else 0.5), slope


def _clipped(at: Array, size: int) -> tuple[Array, Array]:
    inside = (at > 0) & (at < size - 1)
    return np.minimum(np.maximum(np.nan_to_num(at, nan=0.0), 0), size - 1), inside.astype(at.dtype)


def _reflected(at: Array, size: int, align_corners: bool) -> tuple[Array, Array]:
    """Return coordinates mirrored into the image at its corners, and the slope of that."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span == 0:
        return np.zeros_like(at), np.zeros_like(at)
    offset = at - low
    sign = np.where(offset < 0, -1, 1).astype(at.dtype)
    offset = np.abs(offset)
    rest = np.fmod(offset, at.dtype.type(span))
    even = np.floor(offset / span) % 2 == 0
    return np.where(even, rest + low, span - rest + low).astype(at.dtype), np.where(even, sign, -sign)


def _bounded(at: Array, size: int, padding_mode: int, align_corners: bool) -> tuple[Array, Any]:
    """Return coordinates as the padding mode brings them into the image, and the slope of that."""
    if padding_mode == ZEROS:
        return at, 1.0
    if padding_mode == BORDER:
        return _clipped(at, size)
    mirrored, sign = _reflected(at, size, align_corners)
    clipped, inside = _clipped(mirrored, size)
    return clipped, sign * inside


def _cubic(t: Array, order: int) -> list[Array]:
    """Return the derivatives of this order of the weights of the four neighbours of a point t past the second one."""
    a = KEYS
    near, far = np.poly1d([a + 2, -(a + 3), 0, 1]), np.poly1d([a, -5 * a, 8 * a, -4 * a])
    sign = (-1) ** order
    near, far = (near.deriv(order), far.deriv(order)) if order else (near, far)
    return [far(t + 1), near(t), sign * near(1 - t), sign * far(2 - t)]


def _linear(t: Array, order: int) -> list[Array]:
    if order > 1:
        return [np.zeros_like(t), np.zeros_like(t)]
    return [np.full_like(t, -1), np.full_like(t, 1)] if order else [1 - t, t]


def neighbours(
    grid: Array, size: int, order: int, mode: int, padding_mode: int, align_corners: bool
) -> list[tuple[Array, Array, Array]]:  # fmt: skip
    """Return (place, whether inside, weight derived `order` times) of each neighbour along one dimension."""
    at, slope = _pixels(grid, size, align_corners)
    inner: Any = 1.0
    if mode != BICUBIC:
        at, inner = _bounded(at, size, padding_mode, align_corners)
    lost = ~np.isfinite(at) & (mode != NEAREST)
    at = np.where(np.isfinite(at), np.clip(at, -2e9, 2e9), -100).astype(grid.dtype)
    if mode == NEAREST:
        places, weights = [np.rint(at)], [np.full_like(at, 0 if order else 1)]
    else:
        base = np.floor(at)
        places = [base + k for k in (range(-1, 3) if mode == BICUBIC else range(2))]
        weights = (_cubic if mode == BICUBIC else _linear)(at - base, order)
    if mode == BICUBIC:
        places = [_bounded(place, size, padding_mode, align_corners)[0] for place in places]
    chain = (slope * inner) ** order if order else 1.0
    found = []
    for place, weight in zip(places, weights, strict=True):
        inside = (place >= 0) & (place <= size - 1) | lost
        clipped = np.clip(place, 0, size - 1).astype(np.int64)
        found.append((clipped, inside, np.where(lost, np.nan, weight * chain).astype(grid.dtype)))
    return found


def terms(
    grid: Array, sizes: Sequence[int], orders: Sequence[int], mode: int, padding_mode: int, align_corners: bool
) -> Iterator[tuple[Array, Array, Array]]:  # fmt: skip
    """Yield (place in the flattened image, whether inside, weight) of each neighbour, each (batch, points).

    The grid's last dimension counts from the image's last dimension (x first); `orders` follows the image's dimensions.
    """
    dims = len(sizes)
    flat = grid.reshape(len(grid), -1, dims)
    lists = [
        neighbours(flat[..., dims - 1 - dim], sizes[dim], orders[dim], mode, padding_mode, align_corners)
        for dim in range(dims)
    ]
    for chosen in product(*lists):
        place: Any = 0
        inside: Any = True
        weight: Any = 1
        for size, (at, within, factor) in zip(sizes, chosen, strict=True):
            place, inside, weight = place * size + at, inside & within, weight * factor
        yield place, inside, weight
