"""Tables: the report of a run for people, tensors first, then their values, then the grads after each step."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.render.page import SHAPE, TENSOR_HEADS, run_heading, step_heading
from gradcli.render.tensor_text import PrintOptions, print_options, tensor_text
from gradcli.report.run import RunReport, TensorRow

UNLIMITED = 1 << 24
LONGEST_RULE = 100
CLOSING_BRACKETS = 4
FOLDS = (24, 20, 16)
WORD_END = re.compile(r"(?<=[_.])|(?<=[a-z0-9])(?=[A-Z])")


class Page(NamedTuple):
    """Where a report is printed: the terminal's width (None: no line is folded) and how numbers look."""

    width: int | None
    options: PrintOptions


def render_run(
    report: RunReport, *, width: int | None = None, color: bool = False, precision: int = 4, full: bool = False
) -> str:
    """A page of tables; off a terminal (`width=None`) every line is as long as it has to be and nothing is cut."""
    page = Page(width, print_options(precision, full, math.inf, report.dtype))
    text = io.StringIO()
    console = _console(text, width, color)
    for part in _parts(report, page):
        console.print(part, soft_wrap=isinstance(part, Text) and width is None)
    return _trimmed(text.getvalue())


def _console(text: io.StringIO, width: int | None, color: bool) -> Console:
    return Console(
        file=text,
        width=width or UNLIMITED,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def _trimmed(text: str) -> str:
    text = re.sub(f"─{{{LONGEST_RULE},}}", "─" * LONGEST_RULE, text)
    return re.sub(r" +$", "", text, flags=re.MULTILINE).rstrip("\n") + "\n"


def _parts(report: RunReport, page: Page) -> Iterable[RenderableType]:
    yield _heading(*run_heading(report))
    if report.description:
        yield Text(report.description.strip())
    if report.tensors:
        yield Text()
        yield _tensors(report.tensors, page)
        yield Text()
        yield _heading("Values")
        yield _values(report.tensors, page)
    for number, step in enumerate(report.steps, 1):
        yield Text()
        yield _heading(*step_heading(number, step))
        yield _grads(step.grads, page)


def _heading(title: str, note: str = "") -> Text:
    return Text.assemble((title, "bold"), (f"  {note}" if note else "", "dim"))


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="dim", border_style="dim")
    for head in heads:
        table.add_column(head)
    return table


def _tensors(rows: tuple[TensorRow, ...], page: Page) -> Table:
    """Seven columns where they fit, with long names of ops and grad_fns folded if they must be, else two."""
    for fold in (UNLIMITED, *FOLDS):
        table = _wide_tensors(rows, fold)
        if page.width is None or _needs(table) <= page.width:
            return table
    return _narrow_tensors(rows)


def _needs(table: Table) -> int:
    return Console(width=UNLIMITED, _environ={}).measure(table).maximum


def _folded(name: str, columns: int) -> str:
    """A name in lines of at most so many columns, broken where its words end."""
    lines = [""]
    for word in WORD_END.split(name):
        if lines[-1] and len(lines[-1]) + len(word) > columns:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _wide_tensors(rows: tuple[TensorRow, ...], fold: int) -> Table:
    table = _table(*TENSOR_HEADS)
    table.columns[SHAPE].justify = "right"
    for column in table.columns:
        column.no_wrap = True
    for row in rows:
        shape = None if row.shape is None else list(row.shape)
        flags = _flag(row.requires_grad), _flag(row.is_leaf)
        grad_fn = row.grad_fn and _folded(row.grad_fn, fold)
        cells = _op(row, fold), _or_none(shape), _or_none(row.dtype), *flags, _or_none(grad_fn, "cyan")
        table.add_row(Text(row.name, "bold"), *cells)
    return table


def _narrow_tensors(rows: tuple[TensorRow, ...]) -> Table:
    table = _table("name", "tensor")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(Text(row.name, "bold"), _summary(row))
    return table


def _summary(row: TensorRow) -> Text:
    """A tensor on two lines, for terminals that are too narrow for seven columns."""
    text = Text.assemble(_op(row, UNLIMITED), f" {list(row.shape)} {row.dtype}" if row.shape is not None else "")
    flags = [name for name, holds in (("requires_grad", row.requires_grad), ("leaf", row.is_leaf)) if holds]
    if flags or row.grad_fn:
        text.append("\n").append(" ".join([*flags, ""]), "dim").append(row.grad_fn or "", "cyan")
    return text


def _op(row: TensorRow, fold: int) -> Text:
    return Text(_folded(row.op, fold)) if row.op else Text(row.kind, "dim")


def _or_none(value: Any, style: str = "") -> Text:
    return Text("None", "dim") if value is None else Text(str(value), style)


def _flag(value: bool) -> Text:
    return Text(str(value), "" if value else "dim")


def _values(rows: tuple[TensorRow, ...], page: Page) -> Table:
    return _printed("name", "value", {row.name: row for row in rows}, page)


def _grads(grads: Mapping[str, Any], page: Page) -> Table:
    return _printed("leaf", "grad", grads, page)


def _printed(name: str, what: str, values: Mapping[str, Any], page: Page) -> Table:
    table = _table(name, what)
    names, tensors = table.columns
    options = page.options
    if page.width is None:
        tensors.no_wrap, tensors.overflow = True, "ignore"
    else:
        names.overflow = tensors.overflow = "fold"
        names.width = min(max(map(cell_len, (name, *values))), page.width // 3)
        tensors.max_width = max(page.width - names.width - 2, 1)
        options = options._replace(linewidth=tensors.max_width - CLOSING_BRACKETS)
    for key, value in values.items():
        table.add_row(Text(key, "bold"), _printed_value(value, options))
    return table


def _printed_value(value: Any, options: PrintOptions) -> Text:
    if not isinstance(value, TensorRow):
        return Text("None", "dim") if value is None else Text(tensor_text(value, options))
    if value.kind == "number":
        return Text(str(value.value))
    return Text(tensor_text(value.value, options, requires_grad=value.requires_grad, grad_fn=value.grad_fn))
