"""`gradcli test`: hold specs to `expect` and `raises`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, MAX_STEPS, MEMORY, QUIET, STEPS, Color, parse_size
from gradcli.cli.streams import report, use_color, write

EXAMPLE = "Example: gradcli test specs"
PATHS = Annotated[list[str], typer.Argument(metavar="PATH…", help="Specs, or folders to look for them in.")]


def command(
    paths: PATHS,
    max_memory: MEMORY = None,
    max_steps: STEPS = MAX_STEPS,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Evaluate the specs found there and hold them to what they expect and raise."""
    from gradcli.api.spec import Options
    from gradcli.api.testing import test
    from gradcli.graph.evaluate import Limits
    from gradcli.render.results_text import render_test
    from gradcli.report.check import is_unreadable

    found = test(paths, limits=Limits(parse_size(max_memory), max_steps), options=Options(allow_path=allow_path or ()))
    write(render_test(found, color=use_color(sys.stdout, color), quiet=quiet))
    report((d for result in found.results for d in result.diagnostics), color)
    unreadable = any(is_unreadable(d) for result in found.results for d in result.diagnostics)
    return 2 if unreadable else 1 if found.failed else 0
