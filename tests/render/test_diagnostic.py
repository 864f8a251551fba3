"""Diagnostics as people read them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from gradcli.render.diagnostic import render_diagnostic
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def finding(line: str | None, column: int, length: int = 1, hint: str | None = None) -> Diagnostic:
    return Diagnostic("GC301", "shapes", Span("specs/a.yaml", 7, column, length), hint, source_line=line)


def marked(text: str) -> str:
    """What stands above the carets, cell by cell."""
    line, carets = text.splitlines()[1:3]
    start, cells = cell_len(carets[: carets.index("^")]), carets.count("^")
    at, shown = 0, ""
    for char in line:
        if start <= at < start + cells:
            shown += char
        at += cell_len(char)
    return shown


def test_whole() -> None:
    """A finding is its headline, the source line with a caret, and the hint."""
    assert render_diagnostic(finding("  c: a @ b", 6, 5, "transpose b: `b.T`")) == (
        "specs/a.yaml:7:6: error[GC301]: shapes\n  7 |   c: a @ b\n    |      ^^^^^\nhint: transpose b: `b.T`"
    )


def test_without_a_place() -> None:
    """Without a span there is neither place nor caret."""
    assert render_diagnostic(Diagnostic("GC301", "shapes")) == "error[GC301]: shapes"


def test_without_a_source_line() -> None:
    """Without the text of the line the place is still named."""
    assert render_diagnostic(finding(None, 6)) == "specs/a.yaml:7:6: error[GC301]: shapes"


@pytest.mark.parametrize(
    ("line", "column", "length", "expected"),
    [
        ("日本: x @ w", 5, 5, "x @ w"),
        ("日本: x", 1, 2, "日本"),
        ("e\u0301e\u0301: x @ w", 7, 1, "x"),
        ("y: 'é' + 😀 @ w", 10, 1, "😀"),
        ("y: x", 5, 1, ""),
        ("y: x", 90, 4, ""),
        ("", 1, 1, ""),
    ],
)
def test_carets_stand_below_their_text(line: str, column: int, length: int, expected: str) -> None:
    """Wide and combining characters do not shift the carets; beyond the line's end there is one caret."""
    text = render_diagnostic(finding(line, column, length))
    assert marked(text) == expected
    assert text.count("^") == max(1, cell_len(expected))


def test_tabs_stay_aligned() -> None:
    """A tab in front of the place is a tab in front of the caret, however wide the terminal makes it."""
    line, carets = render_diagnostic(finding("y:\tx @\tw", 8, 1)).splitlines()[1:]
    assert line == "  7 | y:\tx @\tw"
    assert carets == "    |   \t   \t^"


@pytest.mark.parametrize("column", [1, 60, 300, 599, 600])
@pytest.mark.parametrize("char", ["x", "日"])
def test_long_lines_are_cut_around_the_place(column: int, char: str) -> None:
    """A long line is shown as far as the width goes, with the place in it and an ellipsis where it was cut."""
    row = char * (column - 1) + "Z" + char * (600 - column)
    text = render_diagnostic(finding(row, column), width=80)
    line = text.splitlines()[1].removeprefix("  7 | ")
    assert marked(text) == "Z"
    assert cell_len(line) <= 82
    assert line.startswith("…") == (column > 41)
    assert line.endswith("…") == (column < 560)


def test_span_longer_than_the_window() -> None:
    """Carets do not go on behind the end of a cut line."""
    line, carets = render_diagnostic(finding("x" * 500, 1, 500), width=40).splitlines()[1:]
    assert len(carets) <= len(line)


def test_messages_and_hints_of_several_lines() -> None:
    """Further lines are indented, so that the next finding begins visibly."""
    text = render_diagnostic(Diagnostic("GC205", "cycle:\na → b", hint="cut it:\nb: 1"))
    assert text == "error[GC205]: cycle:\n      a → b\nhint: cut it:\n      b: 1"


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\x07", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_nothing_reaches_the_terminal_unseen(char: str) -> None:
    """Escape sequences, reordering marks and broken characters from a spec are shown as signs."""
    text = render_diagnostic(
        Diagnostic("GC201", f"a{char}b", Span(f"f{char}", 1, 3), f"h{char}", source_line=f"a{char}Z")
    )
    assert char not in text
    assert marked(text) == "Z"
    text.encode("utf-8")


def test_color_changes_only_color() -> None:
    """With colour the text is the same but for ANSI styles; without it there are none."""
    diagnostic = finding("  日: a @ b", 6, 5, "transpose b")
    colored, bare = render_diagnostic(diagnostic, color=True), render_diagnostic(diagnostic)
    assert ANSI.sub("", colored) == bare != colored
    assert not ANSI.search(bare)


def test_warnings_have_their_own_color() -> None:
    """A warning does not look like an error."""
    warning = render_diagnostic(Diagnostic("GC301", "m", severity="warning"), color=True)
    assert warning != render_diagnostic(Diagnostic("GC301", "m"), color=True).replace("error", "warning")


def test_imports_are_light() -> None:
    """Rendering a finding needs neither numpy nor rich's tables."""
    code = (
        "import sys, gradcli.render.diagnostic; print([m for m in ('numpy', 'rich.table', 'yaml') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
