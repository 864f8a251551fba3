"""`gradcli explain`: what a diagnostic means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli.options import COLOR, QUIET, Color
from gradcli.cli.streams import write

if TYPE_CHECKING:
    from gradcli.source.code import Code

EXAMPLE = "Example: gradcli explain GC301"


def command(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="A code like GC301; without one, all codes are listed.")
    ] = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """Say what a diagnostic means, why it is one, with an example and a fix."""
    from gradcli.source.codes import CODES

    if code is None:
        write("\n".join(f"{c.code}  {c.title}" for c in CODES.values()))
        return 0
    found = CODES.get(code.strip().upper().strip("[]"))
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(code.upper(), CODES, 3)
        hint = f"; near it are {', '.join(near)}" if near else "; `gradcli explain` lists all codes"
        raise typer.BadParameter(f"there is no code {code}{hint}", param_hint="CODE")
    if not quiet:
        write(page(found))
    return 0


def page(code: Code) -> str:
    """Return the page of a code."""
    from textwrap import indent

    example = "Example:\n" + indent(code.example.rstrip(), "    ")
    return "\n\n".join([f"{code.code}: {code.title}", code.meaning.strip(), example, "Fix: " + code.fix.strip()])
