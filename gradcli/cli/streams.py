"""Streams: results to standard output, diagnostics to standard error, colour and width as the terminal has them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from gradcli.cli.options import Color
from gradcli.source.diagnostic import Diagnostic


def prepare() -> None:
    """Make both streams UTF-8 whatever the locale says, so that output is the same bytes everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def use_color(stream: TextIO, choice: Color) -> bool:
    """Return whether to colour what goes to a stream. Source: https://no-color.org."""
    if choice is not Color.auto:
        return choice is Color.always
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def watched(specs: Iterable[str], quiet: bool, color: Color) -> AbstractContextManager[None]:
    """Return what shows on a terminal how far the work inside is; it disturbs nobody who types a spec."""
    typed = "-" in specs and sys.stdin.isatty()
    if quiet or typed or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext()
    from gradcli.cli.waiting import waiting

    return waiting(use_color(sys.stderr, color))


def width(stream: TextIO) -> int | None:
    """Return the terminal's width, or None off a terminal, where nothing is folded."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def write(text: str) -> None:
    """Write a result to standard output; end quietly where its reader has gone."""
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise SystemExit(0) from None


def silence(stream: TextIO) -> None:
    """Keep Python from complaining about a pipe that its reader has closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def report(diagnostics: Iterable[Diagnostic], color: Color = Color.auto) -> None:
    """Write diagnostics to standard error."""
    sys.stdout.flush()
    found = list(diagnostics)
    if not found:
        return
    from gradcli.render.diagnostic import render_diagnostic

    colored, columns = use_color(sys.stderr, color), width(sys.stderr) or 120
    texts = [render_diagnostic(diagnostic, colored, columns).rstrip("\n") + "\n" for diagnostic in found]
    try:
        sys.stderr.write("".join(texts))
        sys.stderr.flush()
    except BrokenPipeError:
        silence(sys.stderr)
