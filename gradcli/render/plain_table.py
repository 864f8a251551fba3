"""Plain tables: the page of a run off a terminal, where nothing is coloured, folded or cut.

It has the look of the rich tables and none of their cost: a hundred thousand rows are a second, and rich is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any
from unicodedata import combining, east_asian_width

from gradcli.render.page import SHAPE, TENSOR_HEADS, run_heading, step_heading, tensor_cells
from gradcli.render.tensor_text import PrintOptions, print_options, tensor_text
from gradcli.report.run import RunReport, TensorRow

LONGEST_RULE = 100


def render_run(report: RunReport, *, precision: int = 4, full: bool = False) -> str:
    """A page of tables whose lines are as long as they have to be."""
    lines = _lines(report, print_options(precision, full, inf, report.dtype))
    return "\n".join(line.rstrip(" ") for line in lines) + "\n"


def _lines(report: RunReport, options: PrintOptions) -> Iterator[str]:
    yield "  ".join(run_heading(report))
    if report.description:
        yield from report.description.strip().splitlines()
    if report.tensors:
        yield ""
        yield from table(TENSOR_HEADS, map(tensor_cells, report.tensors), right=SHAPE)
        yield from ("", "Values")
        yield from table(("name", "value"), ((row.name, _value(row, options)) for row in report.tensors))
    for number, step in enumerate(report.steps, 1):
        yield ""
        yield "  ".join(step_heading(number, step))
        yield from _grads(step.grads, options)


def _grads(grads: Mapping[str, Any], options: PrintOptions) -> Iterator[str]:
    cells = ((name, "None" if g is None else tensor_text(g, options)) for name, g in grads.items())
    return table(("leaf", "grad"), cells)


def _value(row: TensorRow, options: PrintOptions) -> str:
    if row.kind == "number":
        return str(row.value)
    return tensor_text(row.value, options, requires_grad=row.requires_grad, grad_fn=row.grad_fn)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: int | None = None) -> Iterator[str]:
    """Yield the lines of a table: heads, a rule, and cells of one or more lines; column `right` is right-aligned."""
    listed = list(rows)
    widths = [_widest(column) for column in zip(heads, *listed, strict=True)]
    pattern = "  ".join(f"%{'' if at == right else '-'}{width}s" for at, width in enumerate(widths))
    yield _line(heads, widths, right)
    yield "─" * min(sum(widths) + 2 * len(widths) - 1, LONGEST_RULE)
    for row in listed:
        text = "".join(row)
        if "\n" not in text:
            yield pattern % tuple(row) if text.isascii() else _line(row, widths, right)
            continue
        cells = [cell.split("\n") for cell in row]
        for at in range(max(map(len, cells))):
            yield _line([lines[at] if at < len(lines) else "" for lines in cells], widths, right)


def _line(cells: Sequence[str], widths: Sequence[int], right: int | None) -> str:
    padded = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - (len(cell) if cell.isascii() else _width(cell)))
        padded.append(space + cell if at == right else cell + space)
    return "  ".join(padded)


def _widest(cells: Sequence[str]) -> int:
    """The most columns that one of the cells takes."""
    text = "".join(cells)
    return max(map(len if text.isascii() and "\n" not in text else _width, cells))


def _width(cell: str) -> int:
    """The columns that a cell takes on a terminal; a wide character takes two, a combining one none."""
    if "\n" in cell:
        return max(map(_width, cell.split("\n")))
    if cell.isascii():
        return len(cell)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in cell)
