"""Uses of slots: which call makes a slot, and how often it is read, for passes that put other calls in their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced


class Uses:
    """Who makes and who reads the slots of some calls; what is wanted is read once more."""

    def __init__(self, calls: Sequence[Call], wanted: Iterable[int]) -> None:
        self.maker = {slot: number for number, call in enumerate(calls) for slot in call.outs}
        self._calls = calls
        self._reads = Counter(slot for call in calls for slot in call.read())
        self._reads.update(wanted)

    def once(self, value: Any) -> bool:
        """Return whether an argument is made by a call and read by one other only."""
        return type(value) is Traced and value.slot in self.maker and self._reads[value.slot] == 1

    def made_by(self, value: Any) -> Call | None:
        """Return the call that makes an argument; None for inputs and constants."""
        number = self.maker.get(value.slot) if type(value) is Traced else None
        return None if number is None else self._calls[number]


def is_sum(call: Call) -> bool:
    """Return whether a call adds two floating arrays of one shape and dtype."""
    return call.function is np.add and call.dtype.kind in "fc" and all(_is_like(value, call) for value in call.args)


def _is_like(value: Any, call: Call) -> bool:
    return type(value) is Traced and (value.shape, value.dtype) == (call.shape, call.dtype)
