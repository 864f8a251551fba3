"""Workloads: programs that are timed as a spec, as torch eager, as NumPy written by hand, and as HIPS autograd."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.workloads.attention import attention
from tests.bench.workloads.chain import chain
from tests.bench.workloads.convolution import convolution
from tests.bench.workloads.elementwise import elementwise
from tests.bench.workloads.lstm import lstm
from tests.bench.workloads.mlp import mlp
from tests.bench.workloads.small import small, small_run
from tests.bench.workloads.workload import Arrays, Workload

ALL: tuple[Callable[[], Workload], ...] = (chain, elementwise, mlp, convolution, attention, lstm, small, small_run)

__all__ = [
    "ALL",
    "Arrays",
    "Workload",
    "attention",
    "chain",
    "convolution",
    "elementwise",
    "lstm",
    "mlp",
    "small",
    "small_run",
]
