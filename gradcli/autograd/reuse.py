"""Reuse: results are written where an operand was that nobody else reads, and copies that nobody keeps are not made.

Memory that is touched anew is fetched into the cache; what was read just now is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced, renamed
from gradcli.autograd.uses import Uses
from gradcli.ops import convolution, expansion, product, softmax, views

SMALL = 1 << 12
"""Elements below which a new array costs no more than an old one."""
NEW = frozenset({
    product.mm, product.bmm, product.addmm, convolution.convolution, softmax.softmax_op, softmax.softmax_backward_data,
})  # fmt: skip
"""Ops whose result is an array of its own; those of NumPy's functions are."""
SAME = frozenset({views.view, views._unsafe_view, views._reshape_alias})
"""Ops whose result is their operand's array in another shape."""


def uncopied(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls without views that are like their argument, and without copies of which nobody keeps anything."""
    kept, same = set(wanted), dict[int, Traced]()
    seen = {slot for call in calls if not _is_new(call) for slot in call.read()} | kept
    result = []
    for call in calls:
        call = call.replaced(renamed(call.args, same)) if same else call
        if _is_its_argument(call) and (seen if call.function is np.positive else kept).isdisjoint(call.outs):
            same[call.outs[0]] = call.args[0]
        else:
            result.append(call)
    return result


def _is_its_argument(call: Call) -> bool:
    """Return whether a call gives the elements of its argument in the same places."""
    alike = call.function is np.positive or call.op in SAME or call.op is expansion.expand
    return alike and _is_like(call.args[0], call.results[0])


def _is_new(call: Call) -> bool:
    """Return whether a call's result is an array of its own."""
    return isinstance(call.function, np.ufunc) or call.op in NEW


def reused(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls, those that can write into an operand with its number in `into`."""
    uses = Uses(calls, wanted)
    return [_overwriting(call, uses) for call in calls]


def _overwriting(call: Call, uses: Uses) -> Call:
    """Return a call that writes into an operand whose array it may overwrite, if there is one."""
    if isinstance(call.function, np.ufunc):
        function, operands = call.function, call.args
    elif call.function in softmax.OVERWRITING:
        function, operands = softmax.OVERWRITING[call.function], call.args[:1]
    else:
        return call
    result = call.results[0]
    free = (at for at, value in enumerate(operands) if _is_like(value, result) and _is_free(value, uses))
    into = next(free, None) if result.size >= SMALL else None
    return call if into is None else replace(call, function=function, into=into)


def _is_like(value: Any, result: Traced) -> bool:
    """Return whether a value has the shape, dtype and memory order of a result."""
    return type(value) is Traced and (value.shape, value.dtype, value.strides) == (result.shape, result.dtype, result.strides)


def _is_free(value: Traced, uses: Uses) -> bool:
    """Return whether a value is an array of its own that is read once."""
    maker = uses.made_by(value) if uses.once(value) else None
    while maker is not None and maker.op in SAME:
        maker = uses.made_by(maker.args[0]) if uses.once(maker.args[0]) else None
    return maker is not None and _is_new(maker)
