"""`gradcli run`: evaluate, differentiate, print."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, MAX_STEPS, MEMORY, QUIET, SPECS, STEPS, Color, parse_settings, parse_size
from gradcli.cli.streams import report, use_color, watched, width, write

if TYPE_CHECKING:
    from gradcli.report.run import RunReport

EXAMPLE = "Example: gradcli run specs/basics/jacobian_product.yaml --backward out --seed-vector 'ones_like(out)'"


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    markdown = "markdown"


def command(
    specs: SPECS,
    backward: Annotated[
        list[str] | None,
        typer.Option("--backward", "-b", metavar="EXPR", help="Differentiate this instead of the spec's steps."),
    ] = None,
    seed_vector: Annotated[
        list[str] | None,
        typer.Option(
            "--seed-vector",
            "-v",
            metavar="FORM",
            help="v of the --backward of the same number: an expression, a literal, @file.npy or null.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=FORM", help="Replace an input or parameter.")
    ] = None,
    freeze: Annotated[
        list[str] | None, typer.Option("--freeze", metavar="NAME", help="Make a parameter require no grad.")
    ] = None,
    retain_grad: Annotated[
        list[str] | None,
        typer.Option("--retain-grad", metavar="NAME", help="Keep the grad of a tensor that is no leaf."),
    ] = None,
    no_grad: Annotated[bool, typer.Option("--no-grad", help="Forward only: leave out the backward steps.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show the parts of expressions too.")] = False,
    select: Annotated[
        str | None, typer.Option("--select", metavar="NAME", help="Print one value, or NAME.grad.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print.")] = Format.table,
    precision: Annotated[
        int, typer.Option("--precision", metavar="N", min=0, max=17, help="Digits after the point in tables.")
    ] = 4,
    full: Annotated[bool, typer.Option("--full", help="Print large tensors whole.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write a file: .json .yaml .csv .md .npz .safetensors."),
    ] = None,
    max_memory: MEMORY = None,
    max_steps: STEPS = MAX_STEPS,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Evaluate specs, run their backward steps, and print tensors, grads and grad_fn names."""
    from gradcli.api.spec import Options
    from gradcli.graph.evaluate import Limits

    if output is not None:
        from gradcli.cli.output import check_suffix

        check_suffix(output)
    pairs = _pairs(backward or [], seed_vector or [])
    if output is not None and len(specs) > 1:
        raise typer.BadParameter("one file takes one spec", param_hint="--output")
    options = Options(parse_settings(settings), pairs, freeze or (), retain_grad or (), allow_path or ())
    limits = Limits(parse_size(max_memory), max_steps)
    look = Look(form, precision, full, color)
    return max(_run(spec, options, limits, look, no_grad, everything, select, output, quiet) for spec in specs)


class Look:
    """How reports are printed, and what goes between two of them."""

    __slots__ = ("color", "form", "full", "gap", "header", "precision")

    def __init__(self, form: Format, precision: int, full: bool, color: Color) -> None:
        self.form, self.precision, self.full, self.color = form, precision, full, color
        self.gap, self.header = "", True


def _pairs(backward: list[str], seeds: list[str]) -> list[tuple[str, str | None]]:
    """Return each --backward with the --seed-vector of the same number."""
    if len(seeds) > len(backward):
        raise typer.BadParameter("each --seed-vector belongs to a --backward", param_hint="--seed-vector")
    return [(b, seeds[i] if i < len(seeds) else None) for i, b in enumerate(backward)]


def _run(
    path: str, options: object, limits: object, look: Look, no_grad: bool, everything: bool, select: str | None,
    output: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Run one spec and print it; return its exit code."""
    from gradcli.api.run import evaluate
    from gradcli.api.spec import load
    from gradcli.errors import SpecError
    from gradcli.report.collect import run_report
    from gradcli.report.run import RunReport

    try:
        with watched([path], quiet, look.color):
            evaluation = evaluate(load(path, options), limits=limits, steps=not no_grad)  # type: ignore[arg-type]
        found = run_report(evaluation, path, parts=everything)
        chosen = [] if select is None else _selected(run_report(evaluation, path, parts=True), select)
    except SpecError as error:
        found, chosen = RunReport(path, diagnostics=tuple(d.about(path) for d in error.diagnostics)), []
    if output is not None and not found.diagnostics:
        from gradcli.cli.output import write_run

        write_run(output, found, look.precision, look.full)
    if select is not None:
        write("".join(_render_one(value, look) + "\n" for value in chosen if not quiet))
    elif not quiet and (output is None or found.diagnostics) and (found.tensors or look.form is Format.json):
        write(look.gap + render(found, look))
        look.gap, look.header = "\n" if look.form in (Format.table, Format.markdown) else "", False
    report(found.diagnostics, look.color)
    return 2 if found.diagnostics else 0


def _selected(found: RunReport, name: str) -> list[object]:
    """Return the one value that is asked for, or none where an error came before it."""
    from gradcli.errors import SpecError
    from gradcli.report.select import select_row

    try:
        value = select_row(found, name)
        return [] if value is None and found.diagnostics else [value]
    except SpecError:
        if found.diagnostics:
            return []
        raise


def render(found: RunReport, look: Look) -> str:
    """Return a report in the chosen format."""
    import sys
    from importlib import import_module

    columns, colored = width(sys.stdout), use_color(sys.stdout, look.color)
    printed = {"precision": look.precision, "full": look.full} if look.form in (Format.table, Format.markdown) else {}
    if look.form is Format.table and columns is None and not colored:
        return str(import_module("gradcli.render.plain_table").render_run(found, **printed))
    special = {Format.table: {"width": columns, "color": colored}, Format.csv: {"header": look.header}}
    return str(import_module(f"gradcli.render.{look.form}").render_run(found, **printed, **special.get(look.form, {})))


def _render_one(value: object, look: Look) -> str:
    """Return one value: as PyTorch prints it, or as JSON in the formats for programs."""
    if look.form in (Format.table, Format.markdown):
        from gradcli.render.tensor_text import print_options, tensor_text

        if value is None or isinstance(value, (bool, int, float, complex, str)):
            return str(value)
        return tensor_text(value, print_options(look.precision, look.full, float("inf"), "float32"))
    from gradcli.render.json import json_line, plain_or_none

    return json_line(plain_or_none(value)).rstrip("\n")
