"""Passes: a plan's calls before and after one of them, and the numbers that both give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcli.autograd.plan import Call, Tape, function_of, needed

Pass = Callable[[Sequence[Call], Sequence[int]], list[Call]]


def rewritten(one_pass: Pass, tape: Tape, wanted: list[int]) -> tuple[list[Call], list[tuple[Any, Any]]]:
    """Return the calls after a pass, and each wanted value as it is before and after it."""
    before = needed(tape.calls, wanted)
    after = needed(one_pass(before, wanted), wanted)
    inputs = list(tape.inputs.values())
    values = [tape.values[slot].raw for slot in inputs]
    return after, list(zip(*(function_of(calls, inputs, wanted)(*values) for calls in (before, after)), strict=True))
