"""`gradcli bench`: evaluate again and again, and say what costs."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, MAX_STEPS, MEMORY, QUIET, SPECS, STEPS, Color, parse_size
from gradcli.cli.streams import report, write

EXAMPLE = "Example: gradcli bench specs/networks/two_layer_classifier.yaml --repeat 50"


def command(
    specs: SPECS,
    repeat: Annotated[int, typer.Option("--repeat", metavar="N", min=1, help="Evaluations to measure.")] = 20,
    top: Annotated[int, typer.Option("--top", metavar="N", min=0, help="How many of the costliest ops to list.")] = 10,
    max_memory: MEMORY = None,
    max_steps: STEPS = MAX_STEPS,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Evaluate specs again and again: median and best time forward and backward, peak memory, the costliest ops."""
    from gradcli.api.spec import Options, load
    from gradcli.bench.profile import measure
    from gradcli.errors import SpecError
    from gradcli.graph.evaluate import Limits
    from gradcli.render.bench_text import render_bench

    limits, options, worst = Limits(parse_size(max_memory), max_steps), Options(allow_path=allow_path or ()), 0
    for path in specs:
        try:
            found = measure(load(path, options), repeat, limits)
        except SpecError as error:
            report(error.diagnostics, color)
            worst = 2
            continue
        if not quiet:
            write(render_bench(found, top))
    return worst
