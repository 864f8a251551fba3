"""Memory order: how PyTorch lays out a tensor that is made like another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = "NDArray[Any]"


def memory_order(x: Array) -> tuple[int, ...] | None:
    """Return the dimensions of `empty_like(x)` from the outermost to the innermost, None where they are in order.

    Source: `infer_dense_strides` in PyTorch's `aten/src/ATen/ExpandUtils.cpp`.
    """
    return None if x.ndim < 2 or x.flags.c_contiguous else common_order(x.shape, (x.strides,))


def common_order(shape: tuple[int, ...], operands: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return the dimensions of a result from the outermost to the innermost, given the strides of what it is made of.

    Source: `TensorIteratorBase::reorder_dimensions` in PyTorch's `aten/src/ATen/TensorIterator.cpp`.
    """
    inner_first = list(range(len(shape) - 1, -1, -1))
    for start in range(1, len(shape)):
        moving = start
        for at in range(start - 1, -1, -1):
            verdict = _compare(shape, operands, inner_first[at], inner_first[moving])
            if verdict < 0:
                break
            if verdict > 0:
                inner_first[at], inner_first[moving] = inner_first[moving], inner_first[at]
                moving = at
    order = tuple(reversed(inner_first))
    long = [d for d in order if shape[d] != 1]
    return None if long == sorted(long) else order


def channels_last(x: Array) -> tuple[int, ...] | None:
    """Return the memory order of images whose channels lie innermost, None for any other array.

    Source: `is_channels_last_strides_2d` and `_3d` in PyTorch's `c10/core/MemoryFormat.h`.
    """
    if x.ndim not in (4, 5) or x.flags.c_contiguous or not x.size or x.strides[1] == 0:
        return None
    least = 0
    for d in (1, *range(x.ndim - 1, 1, -1), 0):
        if x.strides[d] < least or (d == 0 and least == x.strides[1]):
            return None
        least = x.strides[d] * max(x.shape[d], 1)
    return (0, *range(2, x.ndim), 1)


def ordered(x: Array, order: tuple[int, ...] | None) -> Array:
    """Return an array whose dimensions lie in memory in this order, copied where they do not."""
    if order is None:
        return np.ascontiguousarray(x)
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def formatted(out: Array, *sources: Array) -> Array:
    """Return a result with its channels innermost where one of the sources has them there, else in order."""
    return ordered(out, next((order for x in sources if (order := channels_last(x))), None))


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


def _compare(shape: tuple[int, ...], operands: Sequence[tuple[int, ...]], a: int, b: int) -> int:
    """Return 1 where dimension a belongs outside b, -1 where inside, 0 where no strides say."""
    for strides in operands:
        first, second = abs(strides[a]), abs(strides[b])
        if first and second and (first != second or shape[a] > shape[b]):
            return 1 if first > second or first == second else -1
    return 0
