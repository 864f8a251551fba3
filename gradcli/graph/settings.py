"""Settings: what holds during one evaluation: its limits, default dtype, random generator and NumPy's error state."""

from __future__ import annotations

import gc
from typing import NamedTuple

import numpy as np

from gradcli.errors import LimitError, SpecError
from gradcli.graph.graph import Graph
from gradcli.ops import _random
from gradcli.ops._budget import BUDGET, Budget, machine_memory, resident_bytes
from gradcli.types.dtype import DEFAULT


class Limits(NamedTuple):
    """What one evaluation may use: bytes of the process, turns of all loops, elements of one tensor."""

    max_memory: int = 0
    max_steps: int = 10_000_000
    max_elements: int = 1 << 40

    def budget(self) -> Budget:
        """Return the budget that ops ask; the default is three quarters of the machine's memory."""
        return Budget(self.max_memory or machine_memory() * 3 // 4, self.max_elements)


def check_memory(limits: Limits) -> None:
    """Raise SpecError where the limit is below what the process holds before anything was computed."""
    if limits.max_memory and resident_bytes() > limits.max_memory:
        message = f"the limit of {limits.max_memory:,} bytes is less than what is in use before the first tensor"
        raise SpecError(LimitError(message, code="GC901", hint="raise --max-memory").at(None))


class settings:
    """Set what ops look at during one evaluation: default dtype, random generator, budget, NumPy's error state.

    Python's cyclic collector rests meanwhile: graphs have no cycles, and it would walk all of them again and again.
    """

    __slots__ = ("_budget", "_collecting", "_dtype", "_errors", "_generator", "_graph", "_limits")

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self._graph, self._limits = graph, limits

    def __enter__(self) -> None:
        self._dtype = DEFAULT.set(self._graph.dtype)
        self._budget = BUDGET.set(self._limits.budget())
        self._generator = _random.CURRENT.set(_random.Generator(self._graph.manual_seed))
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._collecting = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._collecting:
            gc.enable()
        self._errors.__exit__(None, None, None)
        _random.CURRENT.reset(self._generator)
        BUDGET.reset(self._budget)
        DEFAULT.reset(self._dtype)
