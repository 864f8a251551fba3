"""Joins: sums of arrays that are zero but for one part each, as the derivatives of slices are, put together at once.

Where the parts do not overlap, every element of the sum is one number plus zeros, so nothing changes but the work:
`n` arrays of the whole's size are neither made nor added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.autograd.uses import Uses, is_sum
from gradcli.ops._families import Shape
from gradcli.ops.slicing import at_dim, select_backward, slice_backward, slice_bounds

Part = tuple[int, int, Any]
"""Where a part starts and ends in its dimension, and its argument."""


@dataclass(slots=True, eq=False)
class Parts:
    """Disjoint parts, along one dimension, of an array that is zero elsewhere; bit i of `covered` stands for place i."""

    shape: Shape
    dim: int
    covered: int
    found: list[Part]

    def join(self, other: Parts) -> Parts:
        """Return the parts of both; they are not to be used again."""
        more, fewer = sorted((self, other), key=lambda parts: -len(parts.found))
        more.found += fewer.found
        return Parts(self.shape, self.dim, self.covered | other.covered, more.found)

    def fits(self, other: Parts) -> bool:
        """Return whether two arrays can be joined."""
        return (self.shape, self.dim) == (other.shape, other.dim) and not self.covered & other.covered


def joined(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls with every sum of disjoint parts made one call."""
    uses = Uses(calls, wanted)
    parts: dict[int, Parts] = {}
    gone: set[int] = set()
    for call in calls:
        if (one := _part(call)) is not None:
            parts[call.outs[0]] = one
        elif is_sum(call) and all(uses.once(value) and value.slot in parts for value in call.args):
            a, b = (parts[value.slot] for value in call.args)
            if a.fits(b):
                parts[call.outs[0]] = a.join(b)
                gone.update(value.slot for value in call.args)
    kept = (call for call in calls if call.outs[0] not in gone)
    return [_join(call, parts[call.outs[0]]) if is_sum(call) and call.outs[0] in parts else call for call in kept]


def _part(call: Call) -> Parts | None:
    """Return the part that a call puts in an array of zeros, if that is what it does."""
    if call.op is select_backward:
        g, shape, dim, index = call.args
        low, high = index % shape[dim], index % shape[dim] + 1
    elif call.op is slice_backward and call.args[5] == 1:
        g, shape, dim, start, end, _ = call.args
        low, high = slice_bounds(shape[dim], start, end)
    else:
        return None
    if type(g) is not Traced or low == high:
        return None
    return Parts(tuple(shape), dim % len(shape), ((1 << (high - low)) - 1) << low, [(low, high, g)])


def _join(call: Call, parts: Parts) -> Call:
    """Return the call that puts parts together, with zeros in the gaps."""
    shape, dim = parts.shape, parts.dim
    pieces: list[Any] = []
    end = 0
    for low, high, g in sorted(parts.found, key=lambda part: part[:2]):
        pieces += [_zeros(call.dtype, shape, dim, low - end)] * (low > end) + [g]
        end = high
    pieces += [_zeros(call.dtype, shape, dim, shape[dim] - end)] * (shape[dim] > end)
    return replace(call, function=_joining(shape, dim, call.dtype), args=tuple(pieces), symbol=None, elementwise=False, op=None)


@lru_cache(maxsize=256)
def _zeros(dtype: Any, shape: Shape, dim: int, size: int) -> Any:
    return np.broadcast_to(np.zeros((), dtype), (*shape[:dim], size, *shape[dim + 1 :]))


@lru_cache(maxsize=256)
def _joining(shape: Shape, dim: int, dtype: Any) -> Callable[..., Any]:
    """Return the function that joins pieces; adding 0 makes -0 the 0 that it is in a sum with zeros."""
    concatenate, empty, zero, one = np.concatenate, np.empty, np.zeros((), dtype), at_dim(dim, None)

    def join(*pieces: Any) -> Any:
        out = empty(shape, dtype)
        concatenate([piece if piece.ndim == len(shape) else piece[one] for piece in pieces], dim, out)
        out += zero
        return out

    return join
