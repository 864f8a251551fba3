"""The profile of a spec: how long its passes take, how much memory they need, and which ops cost most."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from gradcli.api.run import evaluate
from gradcli.api.spec import Spec
from gradcli.autograd import engine, tensor
from gradcli.graph import steps
from gradcli.graph.evaluate import Limits


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of op or node: calls and seconds of one evaluation."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Seconds of each evaluation's forward and backward pass, the peak of allocated bytes, and the costs by op."""

    spec: str
    forward: tuple[float, ...]
    backward: tuple[float, ...]
    peak: int
    costs: tuple[Cost, ...]

    def summary(self) -> list[tuple[str, float, float]]:
        """Return (pass, median, best) in seconds."""
        passes = [("forward", self.forward), ("backward", self.backward)]
        return [(name, median(times), min(times)) for name, times in passes]


def measure(spec: Spec, repeat: int, limits: Limits) -> Profile:
    """Return the profile of a spec over this many evaluations; raise SpecError where it fails."""
    _evaluated(spec, limits)
    forward, backward = [], []
    for _ in range(repeat):
        spent: dict[str, list[float]] = {}
        with _clocked(steps, "run_step", lambda *_: "backward", spent):
            start = perf_counter()
            _evaluated(spec, limits)
            total = perf_counter() - start
        backward.append(sum(spent.get("backward", ())))
        forward.append(total - backward[-1])
    return Profile(spec.file, tuple(forward), tuple(backward), _peak(spec, limits), tuple(_costs(spec, limits)))


def _evaluated(spec: Spec, limits: Limits) -> None:
    evaluation = evaluate(spec, limits=limits)
    if evaluation.error is not None:
        raise evaluation.error


def _peak(spec: Spec, limits: Limits) -> int:
    """Return the most bytes that one evaluation holds at once."""
    tracemalloc.start()
    try:
        _evaluated(spec, limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _costs(spec: Spec, limits: Limits) -> list[Cost]:
    """Return the ops and nodes of one evaluation, the costliest first."""
    spent: dict[str, list[float]] = {}
    with (
        _clocked(tensor, "apply", lambda op, *_: op.name, spent),
        _clocked(engine, "_cotangents", lambda node, *_: node.name(), spent),
    ):
        _evaluated(spec, limits)
    costs = [Cost(name, len(times), sum(times)) for name, times in spent.items()]
    return sorted(costs, key=lambda cost: -cost.seconds)


@contextmanager
def _clocked(module: Any, function: str, name: Any, spent: dict[str, list[float]]) -> Iterator[None]:
    """Measure every call of a module's function while the context lasts."""
    original = getattr(module, function)

    def clocked(*args: Any) -> Any:
        start = perf_counter()
        try:
            return original(*args)
        finally:
            spent.setdefault(name(*args), []).append(perf_counter() - start)

    setattr(module, function, clocked)
    try:
        yield
    finally:
        setattr(module, function, original)
