"""The table: the ratios of gradcli to torch, to NumPy written by hand and to HIPS autograd, timed in alternation.

Every number is the best of the repetitions of one form in one process; only ratios are to be compared between machines.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter, sleep

from tests.bench.forms import OTHERS, Program, check, forms
from tests.bench.workloads import ALL, Workload

PAUSE = 0.02
"""Seconds before each run, in which the threads of the form before it stop spinning for work."""
LEAST = 5
"""Repetitions of each form at least."""
HEAD = "| workload | " + " | ".join(f"to {name}" for name in OTHERS.values()) + " | ms |\n" + "|---" * 5 + "|"

Times = dict[str, float]
"""The best seconds of each form of a workload."""


def best(programs: dict[str, Program], seconds: float) -> Times:
    """Return the best time of each program, run in alternation for about this long."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    end = perf_counter() + seconds
    while perf_counter() < end or min(map(len, times.values())) < LEAST:
        for name, program in programs.items():
            sleep(PAUSE)
            start = perf_counter()
            program()
            times[name].append(perf_counter() - start)
    return {name: min(found) for name, found in times.items()}


def measured(make: Callable[[], Workload], seconds: float) -> tuple[str, Times]:
    """Return a workload's title and its times, after checking that the forms agree."""
    workload = make()
    programs = forms(workload)
    check(workload, programs)
    return workload.name, best(programs, seconds)


def row(title: str, times: Times) -> str:
    """Return a line of the table of ratios; `–` stands for a form that there is not."""
    ratios = (f"{times['gradcli'] / times[other]:.2f}" if other in times else "–" for other in OTHERS)
    return f"| {title} | {' | '.join(ratios)} | {times['gradcli'] * 1e3:.2f} |"


def worst(runs: Iterable[dict[str, Times]]) -> Iterator[str]:
    """Yield the lines of a table with the highest ratio and the longest time of each cell over all runs."""
    gathered = list(runs)
    for title in gathered[0]:
        of_one = [run[title] for run in gathered]
        slowest = max(times["gradcli"] for times in of_one)
        ratios = {other: max(t["gradcli"] / t[other] for t in of_one) for other in of_one[0] if other != "gradcli"}
        yield row(title, {"gradcli": slowest} | {other: slowest / ratio for other, ratio in ratios.items()})


KNOWN = {make.__name__: make for make in ALL}


def main(arguments: Sequence[str]) -> None:
    """Print the table, as often as asked for."""
    options = _options(arguments)
    chosen = [KNOWN[name] for name in options.names or KNOWN]
    runs = range(1, options.runs + 1)
    if options.json:
        for _ in runs:
            print(json.dumps(dict(measured(make, options.seconds) for make in chosen), ensure_ascii=False), flush=True)
    elif options.runs == 1:
        _shown("", chosen, options.seconds)
    else:
        found = [_shown(f"Run {run} of {options.runs}:\n\n", chosen, options.seconds, "\n") for run in runs]
        print(f"Worst of {options.runs} runs:\n\n{HEAD}", *worst(found), sep="\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    epilog = "Tables of their own, each with --help: growth, start."
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__, epilog=epilog)
    parser.add_argument("names", nargs="*", help=f"workloads: {', '.join(KNOWN)}; default: all")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each workload is repeated; default: 3")
    parser.add_argument(
        "--runs", type=int, default=1, help="how often the whole table is measured; then the worst follows"
    )
    parser.add_argument("--json", action="store_true", help="print seconds of each form instead: one object per run")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in KNOWN]:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    return options


def _shown(title: str, chosen: Iterable[Callable[[], Workload]], seconds: float, end: str = "") -> dict[str, Times]:
    """Measure each workload once, print its row as soon as it is there, and return the times by the workload's title."""
    print(title + HEAD, flush=True)
    found = {}
    for make in chosen:
        name, times = measured(make, seconds)
        found[name] = times
        print(row(name, times), flush=True)
    print(end=end, flush=True)
    return found
