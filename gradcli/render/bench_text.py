"""Bench text: the profile of a spec for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.bench.profile import Cost, Profile


def render_bench(profile: Profile, top: int) -> str:
    """Return the passes, the peak of memory and the costliest ops of a profile."""
    return "\n".join(_lines(profile, top)) + "\n"


def _lines(profile: Profile, top: int) -> Iterator[str]:
    yield f"{profile.spec}: {len(profile.forward)} evaluations"
    yield f"  {'':10}{'median':>12}{'best':>12}"
    for name, middle, best in profile.summary():
        yield f"  {name:10}{duration(middle):>12}{duration(best):>12}"
    yield f"  {'memory':10}{profile.peak / 2**20:>8.2f} MiB at the peak"
    if costs := profile.listed(top):
        yield ""
        yield from _costs(costs, profile.seconds())


def _costs(costs: Sequence[Cost], total: float) -> Iterator[str]:
    """Yield a line for each op or node; the shares are of what all of them took."""
    width = max(len(cost.name) for cost in costs)
    yield f"  {'op':{width}}  {'pass':8}{'calls':>8}{'time':>12}{'share':>8}{'bytes':>16}"
    for cost in costs:
        share = f"{cost.seconds / total:.1%}"
        yield f"  {cost.name:{width}}  {cost.direction:8}{cost.calls:>8}{duration(cost.seconds):>12}{share:>8}{cost.bytes:>16,}"


def duration(seconds: float) -> str:
    """Return a duration in a unit that suits it.

    >>> duration(0.0000125)
    '12.5 µs'
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
