"""Start: what `gradcli run` of a small spec takes from the shell, beside its imports alone and the same program in torch.

The programs run in alternation; every number is the best of its repetitions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.bench.processes import ROOT, Environment, Spent, installed, spent

SPEC = Path("specs/basics/one_layer.yaml")
IMPORTS = "import numpy, yaml, typer, rich.table, rich.console"
TORCH = """
import torch
x, y = torch.ones(5), torch.zeros(3)
torch.manual_seed(0)
w, b = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
loss.backward()
print(z, loss, w.grad, b.grad)
"""
HEAD = "| program | user + system, ms | wall, ms | gradcli to it |\n|---|---|---|---|"


def programs() -> dict[str, list[str]]:
    """Return the commands by title, gradcli's own first; torch's only where it is installed."""
    found = {
        f"gradcli run {SPEC}": [sys.executable, "-m", "gradcli", "run", str(ROOT / SPEC)],
        f"python -c \"{IMPORTS}\"": [sys.executable, "-c", IMPORTS],
    }  # fmt: skip
    if find_spec("torch"):
        found["the same program in torch"] = [sys.executable, "-c", TORCH]
    return found


def best(commands: dict[str, list[str]], repeat: int, environment: Environment) -> dict[str, Spent]:
    """Return the least of each number over the repetitions, after one that does not count."""
    found: dict[str, list[Spent]] = {title: [] for title in commands}
    for _ in range(repeat + 1):
        for title, command in commands.items():
            found[title].append(spent(command, environment))
    return {title: Spent(*map(min, zip(*runs[1:], strict=True))) for title, runs in found.items()}


def table(found: dict[str, Spent]) -> str:
    """Return the times, and the ratio of gradcli's to each other program's: processors, then the clock."""
    ours, *_ = found.values()
    lines = [HEAD]
    for title, it in found.items():
        ratios = "" if it is ours else f"{ours.processor / it.processor:.2f}, wall {ours.wall / it.wall:.2f}"
        lines.append(f"| {title} | {it.processor * 1e3:.1f} | {it.wall * 1e3:.1f} | {ratios} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m tests.bench start", description=__doc__)
    parser.add_argument("--repeat", type=int, default=10, help="how often each program is run; default: %(default)s")
    options = parser.parse_args(arguments)
    with installed() as environment:
        print(table(best(programs(), options.repeat, environment)))
