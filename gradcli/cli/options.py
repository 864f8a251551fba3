"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SPECS = Annotated[list[str], typer.Argument(metavar="SPEC…", help="Specs: YAML or JSON files; - is standard input.")]
SPEC = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML or JSON file; - is standard input.")]
QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="Print no results; diagnostics and the exit code remain.")]
ALLOW = Annotated[
    list[Path] | None,
    typer.Option("--allow-path", metavar="DIR", help="A folder outside the spec's whose files may be read."),
]
MEMORY = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="SIZE", help="Most memory to use, as 500M or 2GiB. [default: 3/4 of the machine's]"
    ),
]
STEPS = Annotated[int, typer.Option("--max-steps", metavar="N", min=1, help="Most turns of all loops together.")]
MAX_STEPS = 10_000_000


class Color(StrEnum):
    """When to use colour."""

    auto = "auto"
    always = "always"
    never = "never"


COLOR = Annotated[Color, typer.Option("--color", help="Use colour: auto is on terminals without NO_COLOR.")]

_SIZE = r"(?i)\s*([\d.]+)\s*([kmgt]?)(i?)b?\s*$"
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str | None) -> int:
    """Return the bytes that a size like `500M` or `2GiB` stands for (units are powers of 1024); None is 0."""
    if text is None:
        return 0
    match = re.match(_SIZE, text)
    try:
        size = int(float(match.group(1)) * 1024 ** _POWERS[match.group(2).lower()]) if match else 0
    except ValueError:
        size = 0
    if size <= 0:
        raise typer.BadParameter(f"{text!r} is no size; write 500M or 2GiB", param_hint="--max-memory")
    return size


def parse_settings(items: list[str] | None) -> dict[str, str]:
    """Return NAME=FORM options by name."""
    found = {}
    for item in items or []:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{item!r} is not NAME=FORM, as in --set 'x=ones(3)'", param_hint="--set")
        found[name.strip()] = text
    return found
