"""Interpolation: from which elements, with which weights, each place of a resized dimension is made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcli.ops._axis_map import AxisMap, from_table, picking

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
KEYS = -0.75
"""The parameter of PyTorch's cubic convolution; with antialiasing it is -0.5."""
KEEPING = ("nearest", "linear", "linear-aa", "cubic-aa", "lanczos-aa")
"""Modes that leave a dimension as it is where it keeps its size, whatever the scale factor says."""


@lru_cache(maxsize=256)
def resized(mode: str, size: int, out: int, align_corners: bool, factor: float | None, dtype: str) -> AxisMap:
    """Return the map of one dimension from `size` to `out` elements; `factor` is the scale factor, if given."""
    number = np.float64 if dtype == "float64" else np.float32
    if size == out and mode in KEEPING:
        return picking(size, np.arange(size))
    if mode.startswith("nearest"):
        return picking(size, _nearest(mode, size, out, factor, number))
    scale = _scale(size, out, align_corners, factor)
    if mode.endswith("aa"):
        return _antialiased(mode, size, out, number(scale), number)
    places = np.arange(out).astype(number)
    at = number(scale) * places if align_corners else number(scale) * (places + number(0.5)) - number(0.5)
    return _linear(size, at) if mode == "linear" else _cubic(size, at)


def _scale(size: int, out: int, align_corners: bool, factor: float | None) -> float:
    """Return how far the source moves for one step of the result."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1 / factor if factor is not None and factor > 0 else size / out


def _nearest(mode: str, size: int, out: int, factor: float | None, number: Any) -> Array:
    half = number(0.5 if mode == "nearest-exact" else 0)
    scale = number(_scale(size, out, False, factor))
    return np.minimum(np.floor((np.arange(out).astype(number) + half) * scale).astype(np.int64), size - 1)


def _linear(size: int, at: Array) -> AxisMap:
    """Return the map of two neighbours each."""
    at = np.maximum(at, 0)
    left = np.minimum(at.astype(np.int64), size - 1)
    right = np.minimum(left + 1, size - 1)
    weight = np.clip(at - left, 0, 1)
    return from_table(size, np.stack([left, right], 1), np.stack([1 - weight, weight], 1))


def cubic_near(t: Array, a: Any) -> Array:
    """Return the cubic convolution kernel at distances up to 1."""
    return ((a + 2) * t - (a + 3)) * t * t + 1  # type: ignore[no-any-return]


def cubic_far(t: Array, a: Any) -> Array:
    """Return the cubic convolution kernel at distances from 1 to 2."""
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a  # type: ignore[no-any-return]


def _cubic(size: int, at: Array) -> AxisMap:
    base = np.floor(at)
    t, a = at - base, at.dtype.type(KEYS)
    weights = np.stack([cubic_far(t + 1, a), cubic_near(t, a), cubic_near(1 - t, a), cubic_far(2 - t, a)], 1)
    columns = base.astype(np.int64)[:, None] + np.arange(-1, 3)
    return from_table(size, np.clip(columns, 0, size - 1), weights)


def _filter(mode: str, x: Array) -> Array:
    x = np.abs(x)
    if mode == "linear-aa":
        return np.where(x < 1, 1 - x, 0).astype(x.dtype)
    if mode == "cubic-aa":
        a = x.dtype.type(-0.5)
        return np.where(x < 1, cubic_near(x, a), np.where(x < 2, cubic_far(x, a), 0)).astype(x.dtype)
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype)


def _antialiased(mode: str, size: int, out: int, scale: Any, number: Any) -> AxisMap:
    """Return the map whose kernel is widened by the scale, so that shrinking averages."""
    reach = {"linear-aa": 1, "cubic-aa": 2, "lanczos-aa": 3}[mode]
    support = number(reach) * max(scale, number(1))
    inverse = number(1) / max(scale, number(1))
    center = scale * (np.arange(out).astype(number) + number(0.5))
    first = np.maximum((center - support + number(0.5)).astype(np.int64), 0)
    last = np.minimum((center + support + number(0.5)).astype(np.int64), size)
    counts = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(out), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[rows]
    weights = _filter(mode, (columns - center[rows] + number(0.5)) * inverse)
    totals = np.bincount(rows, weights, out)
    return AxisMap(size, out, rows, columns, weights / np.where(totals == 0, 1, totals)[rows])
