"""Processes: what a command costs from start to end, with the package byte-compiled as pip installs it."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, CalledProcessError, Popen
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
Environment = dict[str, str]


class Spent(NamedTuple):
    """What one process took: seconds on the clock, seconds of the processors, and MiB at its largest."""

    wall: float
    processor: float
    memory: float


def spent(command: Sequence[str], environment: Environment) -> Spent:
    """Run a command, its output thrown away, and return what it took; raise CalledProcessError where it fails.

    POSIX only. The kernel counts the memory of the process that starts a command to the command's own, so that the starting
    one has to be small: nothing here imports numpy.
    """
    start = perf_counter()
    process = Popen(command, env=environment, stdout=DEVNULL, stderr=PIPE)
    assert process.stderr is not None
    with process.stderr:
        words = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CalledProcessError(process.returncode, list(command), stderr=words)
    largest = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Spent(wall, usage.ru_utime + usage.ru_stime, largest)


@contextmanager
def installed() -> Iterator[Environment]:
    """Yield an environment in which gradcli is a copy that is byte-compiled, and other modules may be."""
    with TemporaryDirectory() as folder:
        package = Path(folder) / "gradcli"
        shutil.copytree(ROOT / "gradcli", package, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(package, quiet=1)
        yield environment(folder)


def environment(path: str) -> Environment:
    """Return this process's environment with another path to import from, where byte code is written."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": path}
