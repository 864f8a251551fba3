"""Diagnostic as text: the headline, the source line with a caret, and the hint."""

from __future__ import annotations

import re

from rich.cells import cell_len

from gradcli.source.diagnostic import Diagnostic

_STYLES = {"error": "bold red", "warning": "bold yellow", "place": "bold", "gutter": "blue", "hint": "bold cyan"}
# Control characters, surrogates and marks that reorder text could show another line than the one that was read.
_HIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def render_diagnostic(diagnostic: Diagnostic, color: bool = False, width: int = 120) -> str:
    """The finding as people read it, without a newline at its end; a source line is cut to `width` cells.

    >>> from gradcli.source.span import Span
    >>> span = Span("a.yaml", 7, 6, 5)
    >>> print(render_diagnostic(Diagnostic("GC301", "shapes", span, "transpose b", source_line="  c: a @ b")))
    a.yaml:7:6: error[GC301]: shapes
      7 |   c: a @ b
        |      ^^^^^
    hint: transpose b
    """
    mark = f"{diagnostic.severity}[{diagnostic.code}]"
    place = _paint(_visible(diagnostic.place.rstrip()), "place", color)
    lines = [f"{place} " * bool(place) + f"{_paint(mark, diagnostic.severity, color)}: {_text(diagnostic.message)}"]
    lines += _snippet(diagnostic, color, width)
    if diagnostic.hint:
        lines.append(f"{_paint('hint', 'hint', color)}: {_text(diagnostic.hint)}")
    return "\n".join(lines)


def _snippet(diagnostic: Diagnostic, color: bool, width: int) -> list[str]:
    """The source line under its number, and the caret line."""
    span, source = diagnostic.span, diagnostic.source_line
    if span is None or source is None:
        return []
    line, at, length = _window(_visible(source.rstrip()), span.column - 1, span.length, width)
    number = str(span.line)
    before = "\t".join(" " * cell_len(part) for part in line[:at].split("\t"))
    carets = "^" * max(1, cell_len(line[at : at + length]))
    bar, margin = _paint("|", "gutter", color), " " * len(number)
    return [
        f"  {_paint(number, 'gutter', color)} {bar} {line}".rstrip(),
        f"  {margin} {bar} {before}{_paint(carets, diagnostic.severity, color)}",
    ]


def _window(line: str, at: int, length: int, width: int) -> tuple[str, int, int]:
    """The part of a long line around a place, and where the place is in it."""
    at = min(at, len(line))
    length = min(length, len(line) - at)
    if len(line) <= width // 2 or cell_len(line) <= width:
        return line, at, length
    first = _fitting(line[max(0, at - width) : at][::-1], width // 2)
    start = at - first
    room = width - cell_len(line[start:at])
    end = at + _fitting(line[at : at + width], room)
    left, right = "…" * (start > 0), "…" * (end < len(line))
    return left + line[start:end] + right, at - start + len(left), min(length, end - at)


def _fitting(text: str, cells: int) -> int:
    """How many characters fit into so many cells."""
    used = 0
    for count, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return count
    return len(text)


def _text(text: str) -> str:
    """A message with what follows its first line indented."""
    return "\n      ".join(_visible(line) for line in text.splitlines())


def _visible(text: str) -> str:
    return _HIDDEN.sub(lambda found: _picture(ord(found.group())), text)


def _picture(number: int) -> str:
    """A sign in place of a character that has none: a control picture, or the replacement character."""
    return chr(0x2400 + number) if number < 0x20 else "\ufffd"


def _paint(text: str, role: str, color: bool) -> str:
    if not color or not text:
        return text
    from rich.style import Style

    return Style.parse(_STYLES.get(role, "bold")).render(text)
