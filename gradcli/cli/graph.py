"""`gradcli graph`: dump the DAG."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, MAX_STEPS, MEMORY, QUIET, SPEC, STEPS, Color, parse_size
from gradcli.cli.streams import report, write

EXAMPLE = "Example: gradcli graph specs/basics/one_layer.yaml --view backward --format dot | dot -Tpng > graph.png"


class View(StrEnum):
    """Which graph."""

    forward = "forward"
    backward = "backward"


class Format(StrEnum):
    """How the graph is written."""

    text = "text"
    dot = "dot"
    mermaid = "mermaid"
    json = "json"
    svg = "svg"
    html = "html"


SUFFIXES = {".dot": Format.dot, ".gv": Format.dot, ".mmd": Format.mermaid, ".json": Format.json, ".svg": Format.svg,
            ".html": Format.html, ".txt": Format.text}  # fmt: skip


def command(
    spec: SPEC,
    view: Annotated[View, typer.Option("--view", help="The ops of the spec, or the grad_fn nodes.")] = View.forward,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a file: .dot .mmd .json .svg .html.")
    ] = None,
    max_memory: MEMORY = None,
    max_steps: STEPS = MAX_STEPS,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Dump the graph of a spec: what computes what (forward), or grad_fn and next_functions (backward)."""
    from gradcli.api.run import graph
    from gradcli.api.spec import Options, load
    from gradcli.errors import SpecError
    from gradcli.exchange.atomic import atomic_write
    from gradcli.graph.evaluate import Limits
    from gradcli.report.graph import GraphReport

    if output is not None and output.suffix not in SUFFIXES:
        raise typer.BadParameter(f"{output.suffix or output} is none of {' '.join(SUFFIXES)}", param_hint="--output")
    try:
        limits = Limits(parse_size(max_memory), max_steps)
        found = graph(load(spec, Options(allow_path=allow_path or ())), limits=limits)
    except SpecError as error:
        found = GraphReport(spec, diagnostics=tuple(diagnostic.about(spec) for diagnostic in error.diagnostics))
    text = render(found, SUFFIXES[output.suffix] if output else form, view)
    if output is not None and not found.diagnostics:
        with atomic_write(output) as file:
            file.write(text.encode())
    elif not quiet and not (found.diagnostics and form is not Format.json):
        write(text)
    report(found.diagnostics, color)
    return 2 if found.diagnostics else 0


def render(found: object, form: Format, view: View) -> str:
    """Return a graph in a format."""
    module = import_module(f"gradcli.render.{'graph_' if form in (Format.text, Format.json) else ''}{form}")
    return module.render_graph(found) if form is Format.json else module.render_graph(found, view.value)  # type: ignore[no-any-return]
