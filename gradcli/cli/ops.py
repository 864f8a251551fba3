"""`gradcli ops`: list the ops, or show one."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli.options import COLOR, QUIET, Color
from gradcli.cli.streams import write

EXAMPLE = "Example: gradcli ops atan2"


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An op under any of its names; without one, all are listed.")
    ] = None,
    quiet: QUIET = False,
    color: COLOR = Color.auto,
) -> int:
    """List the ops, or show one: signatures, grad_fn, derivative, conventions."""
    from gradcli.api.catalogue import op_list, op_page
    from gradcli.render.ops_text import render_op, render_ops

    text = render_ops(op_list()) if name is None else render_op(op_page(name))
    if not quiet:
        write(text)
    return 0
