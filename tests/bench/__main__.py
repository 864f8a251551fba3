"""The benchmark: `python -m tests.bench` prints the ratios of gradcli to torch and to NumPy, timed in alternation.

Every number is the best of the repetitions of one form in one process; only ratios are to be compared between machines.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter, sleep
from typing import Any

import numpy as np

import gradcli
from tests.bench.workloads import ALL, Workload

PAUSE = 0.02
"""Seconds before each run, in which the threads of the form before it stop spinning for work."""


def forms(workload: Workload) -> dict[str, Callable[[], Any]]:
    """Return the programs to time by name; torch only where it is installed."""
    step = gradcli.compile(workload.spec())
    found: dict[str, Callable[[], Any]] = {"gradcli": step}
    if workload.numpy is not None:
        arrays = workload.inputs | workload.parameters
        found["numpy"] = lambda: workload.numpy(arrays)  # type: ignore[misc]
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(2)
    inputs = [torch.from_numpy(np.array(a)) for a in workload.inputs.values()]
    parameters = [torch.from_numpy(np.array(a)).requires_grad_() for a in workload.parameters.values()]

    def eager() -> list[Any]:
        return list(torch.autograd.grad(workload.torch(*inputs, *parameters), parameters))

    found["torch"] = eager
    return found


def check(workload: Workload, programs: dict[str, Callable[[], Any]]) -> None:
    """Raise AssertionError where the forms do not give the same gradients."""
    result = programs["gradcli"]()
    ours = [result[name].grad for name in workload.parameters]
    for other in ("numpy", "torch"):
        if other in programs:
            for a, b in zip(ours, programs[other](), strict=True):
                np.testing.assert_allclose(a, np.asarray(b), rtol=2e-3, atol=1e-5)


def best(programs: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Return the best time of each program, run in alternation for about this long."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    end = perf_counter() + seconds
    while perf_counter() < end or min(map(len, times.values())) < 5:
        for name, program in programs.items():
            sleep(PAUSE)
            start = perf_counter()
            program()
            times[name].append(perf_counter() - start)
    return {name: min(found) for name, found in times.items()}


def row(workload: Workload, seconds: float) -> str:
    """Return a line of the table of ratios."""
    programs = forms(workload)
    check(workload, programs)
    found = best(programs, seconds)
    cells = [f"{found['gradcli'] / found[o]:.2f}" if o in found else "–" for o in ("torch", "numpy")]
    return f"| {workload.name} | {cells[0]} | {cells[1]} | {found['gradcli'] * 1e3:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="workloads; default: all")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each workload is repeated")
    options = parser.parse_args()
    print("| workload | to torch | to NumPy | ms |\n|---|---|---|---|")
    for make in ALL:
        if not options.names or make.__name__ in options.names:
            print(row(make(), options.seconds), flush=True)


if __name__ == "__main__":
    main()
