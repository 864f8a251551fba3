"""Reuse: NumPy's functions write their result where an operand was that nobody else reads, so that no memory is touched anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.autograd.uses import Uses
from gradcli.ops import convolution, product, softmax, views

SMALL = 1 << 12
"""Elements below which a new array costs no more than an old one."""
NEW = frozenset({
    product.mm, product.bmm, product.addmm, convolution.convolution, softmax.softmax_op, softmax.softmax_backward_data,
})  # fmt: skip
"""Ops whose result is an array of its own; those of NumPy's functions are."""
SAME = frozenset({views.view, views._unsafe_view, views._reshape_alias})
"""Ops whose result is their operand's array in another shape."""


def reused(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls, those that can write into an operand with its number in `into`."""
    uses = Uses(calls, wanted)
    return [replace(call, into=_operand(call, uses)) if isinstance(call.function, np.ufunc) else call for call in calls]


def _operand(call: Call, uses: Uses) -> int | None:
    """Return which operand's array a call may overwrite, if one."""
    result = call.results[0]
    if result.size < SMALL:
        return None
    return next((at for at, value in enumerate(call.args) if _is_like(value, result) and _is_free(value, uses)), None)


def _is_like(value: Any, result: Traced) -> bool:
    """Return whether a value has the shape, dtype and memory order of a result."""
    return type(value) is Traced and (value.shape, value.dtype, value.strides) == (result.shape, result.dtype, result.strides)


def _is_free(value: Traced, uses: Uses) -> bool:
    """Return whether a value is an array of its own that is read once."""
    maker = uses.made_by(value) if uses.once(value) else None
    while maker is not None and maker.op in SAME:
        maker = uses.made_by(maker.args[0]) if uses.once(maker.args[0]) else None
    return maker is not None and (isinstance(maker.function, np.ufunc) or maker.op in NEW)
