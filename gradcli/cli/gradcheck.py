"""`gradcli gradcheck`: compare the gradients with numerical ones."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, MAX_STEPS, MEMORY, QUIET, SPECS, STEPS, Color, parse_size
from gradcli.cli.streams import report, use_color, write

EXAMPLE = "Example: gradcli gradcheck specs/basics/one_layer.yaml --rtol 1e-4"


def command(
    specs: SPECS,
    eps: Annotated[float, typer.Option("--eps", min=0, help="Step of the central differences.")] = 1e-6,
    atol: Annotated[float, typer.Option("--atol", min=0, help="Absolute tolerance.")] = 1e-5,
    rtol: Annotated[float, typer.Option("--rtol", min=0, help="Relative tolerance.")] = 1e-3,
    max_memory: MEMORY = None,
    max_steps: STEPS = MAX_STEPS,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Compare every gradient with central differences, both computed in float64; the defaults are torch.autograd.gradcheck's."""
    from gradcli.api.numerical import gradcheck
    from gradcli.api.spec import Options
    from gradcli.graph.evaluate import Limits
    from gradcli.render.results_text import render_gradcheck

    limits, options = Limits(parse_size(max_memory), max_steps), Options(allow_path=allow_path or ())
    worst = 0
    for spec in specs:
        found = gradcheck(spec, eps=eps, atol=atol, rtol=rtol, limits=limits, options=options)
        if found.rows or not found.diagnostics:
            write(render_gradcheck(found, color=use_color(sys.stdout, color), quiet=quiet))
        report(found.diagnostics, color)
        worst = max(worst, 2 if found.diagnostics else 0 if found.passed else 1)
    return worst
