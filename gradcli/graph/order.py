"""Order: in which sequence things are evaluated that need each other, and the cycles that forbid one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Order(NamedTuple):
    """The items in evaluation order, and the cycles among them (each once, from its first item on)."""

    sequence: Sequence[int]
    cycles: tuple[tuple[int, ...], ...] = ()


def order(needs: Sequence[Sequence[int]]) -> Order:
    """Put items into evaluation order: `needs[i]` are the items that item i uses, in the order of use.

    Items keep their place, except that what is used above its own line comes just before its first use. It takes
    time linear in the number of uses, and no recursion.

    >>> order([[2], [], [1]]).sequence
    [1, 2, 0]
    >>> order([[1], [0]]).cycles
    ((0, 1),)
    """
    if all(all(need < item for need in uses) for item, uses in enumerate(needs) if uses):
        return Order(range(len(needs)))
    return _sorted(needs)


_NEW, _OPEN, _DONE = 0, 1, 2


def _sorted(needs: Sequence[Sequence[int]]) -> Order:
    state = bytearray(len(needs))
    sequence: list[int] = []
    cycles: list[tuple[int, ...]] = []
    reported: set[int] = set()
    for start in range(len(needs)):
        if state[start] == _NEW:
            _visit(start, needs, state, sequence, cycles, reported)
    return Order(sequence, tuple(cycles))


def _visit(
    start: int,
    needs: Sequence[Sequence[int]],
    state: bytearray,
    sequence: list[int],
    cycles: list[tuple[int, ...]],
    reported: set[int],
) -> None:
    """Append `start` to the sequence, and before it everything that it needs and that is not there yet."""
    path, pending = [start], [iter(needs[start])]
    state[start] = _OPEN
    while path:
        need = next((n for n in pending[-1] if state[n] != _DONE), None)
        if need is None:
            pending.pop()
            item = path.pop()
            state[item] = _DONE
            sequence.append(item)
        elif state[need] == _NEW:
            state[need] = _OPEN
            path.append(need)
            pending.append(iter(needs[need]))
        elif not (need in reported and path[-1] in reported):
            cycles.append(_cycle(path, need))
            reported.update(cycles[-1])


def _cycle(path: list[int], need: int) -> tuple[int, ...]:
    """The items from `need` to the end of the path, turned so that the first one of the document leads."""
    items = path[path.index(need) :]
    first = items.index(min(items))
    return tuple(items[first:] + items[:first])
