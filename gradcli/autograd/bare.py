"""Bare calls: views and products written as the function of NumPy that they come down to, since all sizes are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter, methodcaller
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.ops import product, slicing, views
from gradcli.ops._op import Op
from gradcli.ops.slicing import at_dim


def bared(calls: Sequence[Call], _: Sequence[int]) -> list[Call]:
    """Return the calls with kernels replaced by what NumPy has for them where that is the same and cheaper."""
    return [_bared(call) if call.op in BARE and _is_array(call.args[0]) else call for call in calls]


def _is_array(value: Any) -> bool:
    return type(value) is Traced and isinstance(value.raw, np.ndarray) and value.ndim > 0


def _bared(call: Call) -> Call:
    made = BARE[call.op](call)  # type: ignore[index]
    return call if made is None else replace(call, function=made, args=call.args[:1] if call.op not in PRODUCTS else call.args)


def _slice(call: Call) -> Any:
    x, dim, start, end, step = call.args
    return itemgetter(at_dim(dim % x.ndim, slice(start, end, step)))


def _select(call: Call) -> Any:
    x, dim, index = call.args
    return itemgetter(at_dim(dim % x.ndim, index))


def _view(call: Call) -> Any:
    return methodcaller("reshape", call.shape)


def _product(call: Call) -> Any:
    return np.matmul if call.dtype != np.float16 else None


PRODUCTS = frozenset({product.mm, product.bmm, product.mv, product.dot})
BARE: dict[Op, Callable[[Call], Any]] = {
    slicing.slice_: _slice, slicing.select: _select, views.t: lambda _: attrgetter("T"), views.view: _view,
    views._reshape_alias: _view, **dict.fromkeys(PRODUCTS, _product),
}  # fmt: skip
"""From an op to what makes its function on the first argument (products: on all), or None where there is none."""
