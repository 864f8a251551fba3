"""Runs: calls of one kind brought together, so that a pass can make one call of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gradcli.autograd.plan import Call

Kind = Any


def gathered(
    calls: Sequence[Call], kind: Callable[[Call], Kind], whole: Callable[[Call], Iterable[int]] = lambda _: ()
) -> list[tuple[Kind, list[Call]]]:  # fmt: skip
    """Return (kind, calls) in an order in which runs of one kind are long; calls without one (None) stand alone.

    While a run is open, a call of no kind goes before it where it needs nothing of the run, else after it; a call of the
    run's kind joins, unless it needs what waits, or needs slots of the run as a `whole`.
    """
    groups: list[tuple[Kind, list[Call]]] = []
    run: list[Call] = []
    waiting: list[Call] = []
    made: set[int] = set()
    delayed: set[int] = set()
    open_kind: Kind = None

    def close() -> None:
        groups.append((open_kind, list(run)))
        groups.extend((None, [call]) for call in waiting)
        for container in (run, waiting, made, delayed):
            container.clear()  # type: ignore[attr-defined]

    for call in calls:
        found, needs = kind(call), set(call.read())
        if found is None:
            if run and not (made.isdisjoint(needs) and delayed.isdisjoint(needs)):
                waiting.append(call)
                delayed.update(call.outs)
            else:
                groups.append((None, [call]))
            continue
        if run and (found != open_kind or not delayed.isdisjoint(needs) or not made.isdisjoint(whole(call))):
            close()
        open_kind = found
        run.append(call)
        made.update(call.outs)
    if run:
        close()
    return groups
