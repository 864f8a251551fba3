"""The budget: how much memory one evaluation may use, asked before anything large is made."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gradcli.errors import LimitError

SMALL = 1 << 17
"""Results with fewer elements than this are never asked about."""


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """Limits of one evaluation: bytes of the whole process and elements of one tensor."""

    max_bytes: int
    max_elements: int = 1 << 40


@lru_cache(maxsize=1)
def machine_memory() -> int:
    """Return the bytes of memory of this machine, or 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 << 30


def resident_bytes() -> int:
    """Return the bytes that this process holds now (its peak where the system does not say)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def allow(shape: Any, itemsize: int = 8) -> None:
    """Raise LimitError where a tensor of this shape would exceed the budget of the evaluation that runs."""
    if type(shape) is not tuple:
        return
    elements = 1
    for n in shape:
        if type(n) is int:
            elements *= n
        elif n is not None:
            return
    budget = BUDGET.get() if elements >= SMALL else None
    if budget is None:
        return
    if elements > budget.max_elements:
        raise LimitError(
            f"a tensor of shape {list(shape)} has {elements:,} elements; the limit is {budget.max_elements:,}",
            code="GC902",
        )
    needed = elements * itemsize
    if needed + resident_bytes() > budget.max_bytes:
        raise LimitError(
            f"a tensor of shape {list(shape)} takes {needed / 2**20:,.0f} MiB; with what is in use that is more than the limit "
            f"of {budget.max_bytes / 2**20:,.0f} MiB",
            code="GC901", hint="raise it with --max-memory, or make the tensor smaller",
        )  # fmt: skip
