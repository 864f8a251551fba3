"""Markdown: the report of a run as GitHub shows it, tables for what tensors are and code blocks for their numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gradcli.render.tensor_text import PrintOptions, print_options, tensor_text
from gradcli.report.run import BackwardRow, RunReport, StepRow, TensorRow

HEADS = ("name", "op", "shape", "dtype", "requires_grad", "leaf", "grad_fn")
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render_run(report: RunReport, *, precision: int = 4, full: bool = False) -> str:
    """A section of Markdown: a heading, the tensors, their values, and the grads after each step."""
    options = print_options(precision, full, math.inf, report.dtype)
    return "\n\n".join(_blocks(report, options)) + "\n"


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return SPECIAL.sub(r"\\\1", text)


def _blocks(report: RunReport, options: PrintOptions) -> Iterator[str]:
    yield f"## {_code(report.spec)}"
    if report.description:
        yield escaped(report.description.strip())
    yield f"Default dtype {_code(report.dtype)}, seed {report.manual_seed}."
    if report.tensors:
        yield markdown_table(HEADS, map(_cells, report.tensors))
        yield "### Values"
        yield _listing((row.name, _value(row, options)) for row in report.tensors)
    for number, step in enumerate(report.steps, 1):
        yield f"### {escaped(step.label or f'Step {number}')}"
        yield _what(step)
        yield _listing((f"{name}.grad", _grad(grad, name, options)) for name, grad in step.grads.items())


def _cells(row: TensorRow) -> list[str]:
    shape = None if row.shape is None else list(row.shape)
    described = (row.name, row.op, shape, row.dtype, row.requires_grad, row.is_leaf, row.grad_fn)
    cells = [_code(item) for item in described]
    return cells if row.op else [cells[0], row.kind, *cells[2:]]


def _code(item: Any) -> str:
    return "" if item is None else f"`{item}`"


def _listing(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join(("```python", *(f"{name} = {text}" for name, text in entries), "```"))


def _value(row: TensorRow, options: PrintOptions) -> str:
    if row.kind == "number":
        return str(row.value)
    start = len(row.name) + len(" = ")
    return tensor_text(row.value, options, requires_grad=row.requires_grad, grad_fn=row.grad_fn, indent=start)


def _grad(grad: Any, name: str, options: PrintOptions) -> str:
    return "None" if grad is None else tensor_text(grad, options, indent=len(name) + len(".grad = "))


def _what(step: StepRow) -> str:
    if not isinstance(step, BackwardRow):
        return f"`zero_grad` {', '.join(map(_code, step.zero_grad))}"
    return "backward " + ", ".join(map(_seeded, step.output, step.v))


def _seeded(output: str, v: Any) -> str:
    return _code(output) if isinstance(v, float) else f"{_code(output)} with v {_code(list(v.shape))}"
