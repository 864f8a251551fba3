"""Memory: arrays that begin where a cache line does, on which NumPy's vector loops are up to twice as fast."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_char
from math import prod
from typing import Any

import numpy as np

LINE = 64
"""Bytes of a cache line, and of the longest vector register."""


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """Return an array without values in order, whose first element is aligned to a cache line."""
    memory = np.empty(prod(shape) * np.dtype(dtype).itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -addressof(c_char.from_buffer(memory)) % LINE)


def aligned(x: Any) -> Any:
    """Return a copy of an array in its memory order, aligned to a cache line."""
    sizes, order = memory_order(x)
    copy = empty(sizes, x.dtype).transpose(order)
    copy[...] = x
    return copy


def memory_order(x: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return an array's sizes from the outermost dimension in memory to the innermost, and which of them each dimension is."""
    outer_first = sorted(range(x.ndim), key=lambda dim: -abs(x.strides[dim]))
    return tuple(x.shape[dim] for dim in outer_first), tuple(map(outer_first.index, range(x.ndim)))
