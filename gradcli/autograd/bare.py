"""Bare calls: views and products written as the function of NumPy that they come down to, since all sizes are known.

Numbers beside arrays become arrays of the result's dtype: NumPy would look up their type and convert them in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter, itemgetter, methodcaller
from typing import Any

import numpy as np

from gradcli.autograd.plan import SYMBOLS, Call, Traced
from gradcli.ops import expansion, product, slicing, views
from gradcli.ops._op import Op
from gradcli.ops.slicing import at_dim


def bared(calls: Sequence[Call], _: Sequence[int]) -> list[Call]:
    """Return the calls with kernels replaced by what NumPy has for them where that is the same and cheaper."""
    return [_with_arrays(call) if call.function in SYMBOLS else _bared(call) for call in calls]


def _with_arrays(call: Call) -> Call:
    """Return a sum, difference, product or quotient with its numbers as arrays, where its dtype is that of an array anyway."""
    numbers = [type(value) in (int, float) for value in call.args]
    if call.dtype.kind not in "fc" or not any(numbers) or not any(_is_array(v) and v.dtype == call.dtype for v in call.args):
        return call
    pairs = zip(call.args, numbers, strict=True)
    return call.replaced(tuple(_array(repr(value), value, call.dtype) if is_number else value for value, is_number in pairs))


@lru_cache(maxsize=256)
def _array(_: str, number: float, dtype: np.dtype[Any]) -> Any:
    """Return a number as an array, one for all calls; as a key, its text tells 0 from -0."""
    with np.errstate(all="ignore"):
        array = np.array(number, dtype)
    array.setflags(write=False)
    return array


def _is_array(value: Any) -> bool:
    return type(value) is Traced and isinstance(value.raw, np.ndarray) and value.ndim > 0


def _bared(call: Call) -> Call:
    if call.op not in BARE or not _is_array(call.args[0]):
        return call
    made = BARE[call.op](call)
    return call if made is None else replace(call, function=made, args=call.args[:1] if call.op not in PRODUCTS else call.args)


def _slice(call: Call) -> Any:
    x, dim, start, end, step = call.args
    return _part(dim % x.ndim, start, end, step)


def _select(call: Call) -> Any:
    x, dim, index = call.args
    return _row(dim % x.ndim, index)


@lru_cache(maxsize=1024)
def _part(dim: int, start: int | None, end: int | None, step: int) -> Any:
    return itemgetter(at_dim(dim, slice(start, end, step)))


@lru_cache(maxsize=1024)
def _row(dim: int, index: int) -> Any:
    return itemgetter(at_dim(dim, index))


def _view(call: Call) -> Any:
    return methodcaller("reshape", call.shape)


def _transpose(call: Call) -> Any:
    return methodcaller("swapaxes", *call.args[1:])


def _expand(call: Call) -> Any:
    return itemgetter(...) if call.args[0].shape == call.results[0].shape else None


def _product(call: Call) -> Any:
    return np.matmul if call.dtype != np.float16 else None


PRODUCTS = frozenset({product.mm, product.bmm, product.mv, product.dot})
BARE: dict[Op, Callable[[Call], Any]] = {
    slicing.slice_: _slice, slicing.select: _select, views.t: lambda _: attrgetter("T"), views.view: _view,
    views._reshape_alias: _view, views._unsafe_view: _view, views.clone_contiguous: lambda _: methodcaller("copy"),
    views.transpose: _transpose, expansion.expand: _expand, **dict.fromkeys(PRODUCTS, _product),
}  # fmt: skip
"""From an op to what makes its function on the first argument (products: on all), or None where there is none."""
