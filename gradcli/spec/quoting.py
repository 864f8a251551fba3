"""Quoting: a line of YAML with quotes around the expressions that need them."""

from __future__ import annotations

import re

_LONGEST = 500
_DEEPEST = 40
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_FLOW_KEY = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"',:\[\]{}()][^"',:\[\]{}()]*)\s*:(?=\s|$)\s*""")
_BLOCK_START = re.compile(r"""\s*(?:-\s+)*(?:(?:"[^"]*"|'[^']*'|[^\s"':\[\]{}#-][^"':\[\]{}()]*):\s+)?""")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")
_PROPERTY = re.compile(r"\*[\w-]+|[&!].*")


class _Unclear(Exception):
    """The line cannot be understood on its own."""


def quoted_line(line: str, in_flow: bool = False) -> str | None:
    """The line with its expressions quoted where YAML needs it; None where the line alone does not say enough.

    `in_flow` says that a bracket of an earlier line is still open.

    >>> quoted_line("ops: {h: matmul(x, w)}")
    'ops: {h: "matmul(x, w)"}'
    >>> quoted_line("y: x[1: 3]  # two rows")
    'y: "x[1: 3]"  # two rows'
    """
    if len(line) > _LONGEST:
        return None
    try:
        if in_flow:
            return _items(line, 0)
        start = _BLOCK_START.match(line).end()  # type: ignore[union-attr]
        value, end = _value(line, start, False, 0)
        return line[:start] + value + line[end:]
    except _Unclear:
        return None


def _items(text: str, depth: int) -> str:
    """The inside of a flow collection."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t,]}":
            parts.append(text[at])
            at += 1
            continue
        if text[at] == "#":
            return "".join(parts) + text[at:]
        key = _FLOW_KEY.match(text, at)
        if key:
            parts.append(key.group())
            at = key.end()
        value, end = _value(text, at, True, depth)
        parts.append(value)
        at = max(end, at) if key else max(end, at + 1)
    return "".join(parts)


def _value(text: str, start: int, flow: bool, depth: int) -> tuple[str, int]:
    """A value that begins at `start`, quoted where needed, and where it ends."""
    end = _end(text, start, flow)
    value = text[start:end].rstrip()
    end = start + len(value)
    if value[:1] in ("{", "[") and depth < _DEEPEST:
        closed = _close(value)
        if closed is None or closed == len(value) - 1:
            inside = value[1:] if closed is None else value[1:-1]
            return value[0] + _items(inside, depth + 1) + ("" if closed is None else value[-1]), end
    return (_quote(value) if _needs_quotes(value, flow) else value), end


def _end(text: str, start: int, flow: bool) -> int:
    """Where a value ends: at the line's end or a comment, and inside brackets at a comma or closing bracket."""
    open_brackets: list[str] = []
    quote = ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _PAIRS:
            open_brackets.append(_PAIRS[char])
        elif open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
        elif not open_brackets and ((flow and char in ",]}") or (char == "#" and text[at - 1 : at].isspace())):
            return at
    if ")" in open_brackets:
        raise _Unclear
    return len(text)


def _close(value: str) -> int | None:
    """Where the bracket that the value begins with is closed."""
    depth, quote = 0, ""
    for at, char in enumerate(value):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "[{") - (char in "]}")
            if depth == 0:
                return at
    return None


def _needs_quotes(value: str, flow: bool) -> bool:
    if not value or re.fullmatch(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'", value):
        return False
    if value[0] in "*&!|>":
        return not (_PROPERTY.fullmatch(value) or _BLOCK_HEADER.fullmatch(value))
    if value[0] in "%@`\"'[{" or re.search(r":(?:\s|$)", value):
        return True
    return flow and any(char in value for char in ",[]{}")


def _quote(value: str) -> str:
    if '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"
