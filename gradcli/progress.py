"""Progress: what a long command is doing and how far it is, for whoever watches.

Readers, evaluations and passes say what they go through. Nothing is counted for it: how far they are is asked of what they
go through themselves, from outside, and only as often as somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from operator import length_hint
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Stretch(NamedTuple):
    """What is gone through: `done` says how many of `total` units (None: nobody knows how many there are)."""

    phase: str
    unit: str
    total: int | None
    done: Callable[[], int]


class Progress:
    """The stretch that is gone through now; another thread may look at it at any time."""

    __slots__ = ("now", "origin")

    def __init__(self) -> None:
        self.now = Stretch("reading", "", None, lambda: 0)
        self.origin = 0
        """The number of the first node of the evaluation that runs."""

    def begin(self, phase: str, unit: str, total: int | None, done: Callable[[], int]) -> None:
        """Go through something new."""
        self.now = Stretch(phase, unit, total, done)


WATCHED: ContextVar[Progress | None] = ContextVar("watched", default=None)
"""Where to say how far one is, or None where nobody watches."""


def follow(phase: str, unit: str, items: Sequence[T], least: int = 0) -> Iterable[T]:
    """Return what goes through these items; where somebody watches and there are so many, it is known how many are left.

    Example: `for op in follow("reading", "ops", ops): …`.
    """
    progress = WATCHED.get()
    if progress is None or not items[least : least + 1]:
        return items
    iterator = iter(items)
    try:
        total = len(items)
    except OverflowError:  # a range may have more items than Python counts
        return items
    progress.begin(phase, unit, total, lambda: total - length_hint(iterator))
    return iterator
