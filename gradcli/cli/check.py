"""`gradcli check`: say all that is wrong with specs without evaluating them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli.options import ALLOW, COLOR, QUIET, SPECS, Color
from gradcli.cli.streams import report, watched, write

EXAMPLE = "Example: gradcli check specs/**/*.yaml --format json"


class Format(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"


def command(
    specs: SPECS,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="Findings as text, or as a JSON list on standard output.")
    ] = Format.text,
    allow_path: ALLOW = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Say all that is wrong with specs: syntax, names, ops, cycles, shapes and dtypes. Nothing is evaluated."""
    from gradcli.api.checking import check
    from gradcli.api.spec import Options

    with watched(specs, quiet, color):
        found = check(specs, Options(allow_path=allow_path or ()))
    if form is Format.json:
        from gradcli.render.json import render_check

        write(render_check(found))
    else:
        report(found.diagnostics, color)
        if found.passed and not quiet:
            write("\n".join(f"{spec}: ok" for spec in found.specs))
    return 2 if found.unreadable else 0 if found.passed else 1
