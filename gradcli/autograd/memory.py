"""Memory: arrays that begin where a cache line does, on which NumPy's vector loops are up to twice as fast."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

LINE = 64
"""Bytes of a cache line, and of the longest vector register."""


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """Return an array without values in order, whose first element is aligned to a cache line."""
    memory = np.empty(prod(shape) * np.dtype(dtype).itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.__array_interface__["data"][0] % LINE)


def aligned(x: Any) -> Any:
    """Return a copy of an array in its memory order, aligned to a cache line."""
    order = sorted(range(x.ndim), key=lambda dim: -abs(x.strides[dim]))
    copy = empty([x.shape[dim] for dim in order], x.dtype).transpose(np.argsort(order))
    copy[...] = x
    return copy
