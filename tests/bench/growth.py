"""Growth: what `gradcli run` takes for longer and longer chains, read from a file and differentiated.

Each line of a chain is an expression over the line before, `{h}`. Seconds and memory are those of the whole process, from the
shell, with one of its grads printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.processes import installed, spent

SIZES = (1_000, 10_000, 100_000, 1_000_000)
HEAD = "| lines | s | MiB | µs per line |\n|---|---|---|---|"


def write(path: Path, lines: int, expression: str) -> None:
    """Write the spec of a chain over the parameters x, a and b, a line at a time."""
    with path.open("w", encoding="utf-8") as file:
        file.write("parameters: {x: 0.5, a: 0.9, b: 0.1}\nops:\n")
        for number in range(lines):
            file.write(f"  h{number}: {expression.format(h=f'h{number - 1}' if number else 'x')}\n")
        file.write(f"backward: h{lines - 1}\n")


def row(lines: int, seconds: float, memory: float) -> str:
    """Return a line of the table."""
    return f"| {lines:,} | {seconds:.2f} | {memory:.0f} | {seconds / lines * 1e6:.1f} |"


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m tests.bench growth", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="lines; default: 1000 10000 100000 1000000")
    parser.add_argument("--line", default="tanh({h})", help="what each line says; default: %(default)s, one op")
    options = parser.parse_args(arguments)
    print(f"`h1: {options.line.format(h='h0')}` and so on:\n\n{HEAD}", flush=True)
    with TemporaryDirectory() as folder, installed() as environment:
        for lines in options.sizes:
            path = Path(folder) / "chain.yaml"
            write(path, lines, options.line)
            command = [sys.executable, "-m", "gradcli", "run", str(path), "--select", "x.grad"]
            found = spent(command, environment)
            print(row(lines, found.wall, found.memory), flush=True)
