"""Stacks: arrays of one width laid below each other, so that one kernel call does what many would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.autograd.threads import one_thread_each
from gradcli.autograd.uses import Uses
from gradcli.ops.slicing import select

MOST_ELEMENTS = 1 << 19
"""Stacks for small results are not made larger, so that plans of long recurrences need little more memory."""

ALONE = 1 << 26
"""Multiplications of a product of stacks up to which it stays on its thread: where other processes are at work too, waiting
for a second thread to get its turn takes longer than the product, which steps by themselves would not have waited for."""


class Stacks:
    """The stacks of one plan: each is made once, by the first call that needs it."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self._made: dict[tuple[int, ...], Traced] = {}

    def of(self, parts: Sequence[Traced], calls: list[Call]) -> Traced:
        """Return the parts below each other; the call that stacks them is added to `calls` where it is the first to."""
        key = tuple(part.slot for part in parts)
        if key not in self._made:
            first = parts[0]
            shape = (sum(part.shape[0] for part in parts), *first.shape[1:])
            self._made[key] = first.tape.traced(np.empty(shape, first.dtype))
            function, args = self._rows(parts, shape) or (_stacked, tuple(parts))
            calls.append(made(function, args, self._made[key]))
        return self._made[key]

    def _rows(self, parts: Sequence[Traced], shape: tuple[int, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
        """Return how to view parts in the array whose consecutive rows they are, if they are."""
        rows = [self._uses.made_by(part) for part in parts]
        if not all(call and call.op is select and call.args[1] % call.args[0].ndim == 0 for call in rows):
            return None
        whole = rows[0].args[0]  # type: ignore[union-attr]
        places = [call.args[2] % whole.shape[0] for call in rows if call and call.args[0] is whole]
        if places != list(range(places[0], places[0] + len(rows))) or not whole.raw.flags.c_contiguous:
            return None
        low, high = places[0], places[-1] + 1
        return lambda x: x[low:high].reshape(shape), (whole,)


def made(function: Callable[..., Any], args: tuple[Any, ...], value: Traced) -> Call:
    """Return the call that makes a value."""
    return Call(function, args, (value.slot,), False, shape=value.shape, dtype=value.dtype, results=(value,))


def matmul(multiplications: int) -> Callable[[Any, Any], Any]:
    """Return the function that multiplies stacked matrices with so many multiplications."""
    return np.matmul if multiplications > ALONE else _matmul_alone


def _matmul_alone(x: Any, y: Any) -> Any:
    with one_thread_each():
        return np.matmul(x, y)


def _stacked(*parts: Any) -> Any:
    return np.concatenate(parts)
