"""The profile of a spec: how long its passes take, how much memory they need, and which ops cost most."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from gradcli.api.run import evaluate
from gradcli.api.spec import Spec
from gradcli.autograd import engine, tensor
from gradcli.bench.stopwatch import Stopwatch
from gradcli.graph import steps
from gradcli.graph.evaluate import Limits


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of op or node in one pass: calls, seconds and bytes of results of one evaluation.

    `direction` is forward or backward. The results of a node are the gradients that it returns; a view counts in full.
    """

    name: str
    direction: str
    calls: int
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Seconds of each evaluation's forward and backward pass, the peak of allocated bytes, and the costs, the highest first."""

    spec: str
    forward: tuple[float, ...]
    backward: tuple[float, ...]
    peak: int
    costs: tuple[Cost, ...]

    def summary(self) -> list[tuple[str, float, float]]:
        """Return (pass, median, best) in seconds."""
        passes = [("forward", self.forward), ("backward", self.backward)]
        return [(name, median(times), min(times)) for name, times in passes]

    def seconds(self) -> float:
        """Return what all ops and nodes of one evaluation take together."""
        return sum(cost.seconds for cost in self.costs)

    def listed(self, top: int) -> list[Cost]:
        """Return the costliest ops and nodes, this many, then one cost for all others: together they are the whole."""
        costs, others = list(self.costs[:top]), self.costs[top:]
        if top and others:
            sums = (sum(getattr(cost, number) for cost in others) for number in ("calls", "seconds", "bytes"))
            costs.append(Cost(f"{len(others)} others", "", *sums))
        return costs


def measure(spec: Spec, repeat: int, limits: Limits) -> Profile:
    """Return the profile of a spec over this many evaluations; raise SpecError where it fails."""
    _evaluated(spec, limits)
    passes = [_passes(spec, limits) for _ in range(repeat)]
    costs = min((_costs(spec, limits) for _ in range(repeat)), key=lambda found: sum(cost.seconds for cost in found))
    forward, backward = zip(*passes, strict=True)
    return Profile(spec.file, forward, backward, _peak(spec, limits), tuple(costs))


def _evaluated(spec: Spec, limits: Limits) -> None:
    evaluation = evaluate(spec, limits=limits)
    if evaluation.error is not None:
        raise evaluation.error


def _passes(spec: Spec, limits: Limits) -> tuple[float, float]:
    """Return the seconds of one evaluation's forward and backward pass."""
    watch = Stopwatch()
    with watch.on(steps, "run_step", lambda *_: "backward"):
        start = perf_counter()
        _evaluated(spec, limits)
        total = perf_counter() - start
    backward = sum(spent.seconds for spent in watch.spent.values())
    return total - backward, backward


def _peak(spec: Spec, limits: Limits) -> int:
    """Return the most bytes that one evaluation holds at once."""
    tracemalloc.start()
    try:
        _evaluated(spec, limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _costs(spec: Spec, limits: Limits) -> list[Cost]:
    """Return the ops and nodes of one evaluation, the costliest first.

    An op that is recorded while a node runs (`create_graph`) has a cost of its own, which is none of the node's.
    """
    watch = Stopwatch()
    with (
        watch.on(tensor, "apply", lambda op, *_: (op.name, "backward" if watch.running else "forward")),
        watch.on(engine, "_cotangents", lambda node, *_: (node.name(), "backward")),
    ):
        _evaluated(spec, limits)
    costs = [Cost(*key, spent.calls, spent.seconds, spent.bytes) for key, spent in watch.spent.items()]
    return sorted(costs, key=lambda cost: -cost.seconds)
