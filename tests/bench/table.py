"""The table: the ratios of gradcli to torch, to NumPy written by hand and to HIPS autograd, each timed in alternation.

A ratio is that of the best repetitions of two forms that took turns in one process: what a third one leaves behind in
caches would be found by one of them only. Only ratios are to be compared between machines.
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

Times = dict[str, tuple[float, float]]
"""The best seconds of gradcli beside another form, and of that one."""


def best(programs: dict[str, Program], seconds: float) -> Times:
    """Return the best times of gradcli and each other program, which take turns for about this long altogether."""
    ours = programs["gradcli"]
    others = {name: program for name, program in programs.items() if name != "gradcli"}
    return {name: _alternated(ours, program, seconds / len(others)) for name, program in others.items()}


def _alternated(one: Program, other: Program, seconds: float) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    end = perf_counter() + seconds
    while perf_counter() < end or len(times[0]) < LEAST:
        for program, found in zip((one, other), times, strict=True):
            sleep(PAUSE)
            start = perf_counter()
            program()
            found.append(perf_counter() - start)
    return min(times[0]), min(times[1])


def measured(make: Callable[[], Workload], seconds: float) -> tuple[str, Times]:
    """Return a workload's title and its times, after checking that the forms agree."""
    workload = make()
    programs = forms(workload)
    check(workload, programs)
    return workload.name, best(programs, seconds)


def row(title: str, times: Times) -> str:
    """Return a line of the table of ratios; `–` stands for a form that there is not."""
    ratios = (f"{times[other][0] / times[other][1]:.2f}" if other in times else "–" for other in OTHERS)
    return f"| {title} | {' | '.join(ratios)} | {min(ours for ours, _ in times.values()) * 1e3:.2f} |"


def worst(runs: Iterable[dict[str, Times]]) -> Iterator[str]:
    """Yield the lines of a table with the highest ratio of each cell over all runs, and the time that belongs to it."""
    gathered = list(runs)
    for title in gathered[0]:
        of_one = [run[title] for run in gathered]
        yield row(title, {other: max((run[other] for run in of_one), key=_ratio) for other in of_one[0]})


def _ratio(times: tuple[float, float]) -> float:
    return times[0] / times[1]


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
    parser.add_argument("--json", action="store_true", help="print seconds of gradcli and of each other form instead")
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
