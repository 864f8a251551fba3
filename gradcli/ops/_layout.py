"""Memory order: how PyTorch lays out a tensor that is made like another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def memory_order(x: Array) -> tuple[int, ...] | None:
    """Return the dimensions of `empty_like(x)` from the outermost to the innermost, None where they are in order.

    Source: `infer_dense_strides` in PyTorch's `aten/src/ATen/ExpandUtils.cpp`.
    """
    if x.ndim < 2 or x.flags.c_contiguous:
        return None
    inner_first = list(range(x.ndim - 1, -1, -1))
    for start in range(1, x.ndim):
        moving = start
        for at in range(start - 1, -1, -1):
            verdict = _compare(x, inner_first[at], inner_first[moving])
            if verdict < 0:
                break
            if verdict > 0:
                inner_first[at], inner_first[moving] = inner_first[moving], inner_first[at]
                moving = at
    order = tuple(reversed(inner_first))
    long = [d for d in order if x.shape[d] != 1]
    return None if long == sorted(long) else order


def filled_like(x: Array, dtype: DTypeLike | None, fill: Callable[[tuple[int, ...], str], Array]) -> Array:
    """Return an array of x's shape and memory order, whose numbers `fill(shape, dtype)` gives as they lie in memory."""
    name = np.dtype(dtype or x.dtype).name
    order = memory_order(x)
    if order is None:
        return fill(x.shape, name)
    return fill(tuple(x.shape[d] for d in order), name).transpose(np.argsort(order))


def copied(x: Any, dtype: DTypeLike | None = None) -> Any:
    """Return a copy of an array or NumPy scalar in its memory order, perhaps in another dtype."""
    kind = x.dtype if dtype is None else np.dtype(dtype)
    order = memory_order(x) if x.ndim else None
    if order is None:
        return x.astype(kind, order="C", copy=True) if x.ndim else x.astype(kind)
    return x.transpose(order).astype(kind, order="C", copy=True).transpose(np.argsort(order))


def _compare(x: Array, a: int, b: int) -> int:
    """Return 1 where dimension a belongs outside b, -1 where inside, 0 where the strides do not say."""
    if x.strides[a] == 0 or x.strides[b] == 0:
        return 0
    if abs(x.strides[a]) != abs(x.strides[b]):
        return 1 if abs(x.strides[a]) > abs(x.strides[b]) else -1
    return 1 if x.shape[a] > x.shape[b] else 0
