"""Mistakes: what a YAML parser's complaint means to somebody who writes a spec."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.quoting import quoted_line
from gradcli.spec.yaml_nodes import Mark, Source, YamlScalar

_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What the parser says in C or in Python, the code, the message and the hint; {c} is the character at the place.
_COMPLAINTS: tuple[tuple[str, str, str, str | None], ...] = (
    ("tab character", "GC101", "a tab cannot indent in YAML", "indent with spaces"),
    ("sequence entries are not", "GC101", "a list item `- ` cannot begin here", "begin the list on a line of its own"),
    ("mapping keys are not", "GC101", "a key cannot begin here", "begin it on a line of its own"),
    ("unexpected document", "GC101", "a line `---` or `...` stands inside a quoted text", "close the quote"),
    (
        "unknown escape",
        "GC101",
        "no such escape in a double-quoted text",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    ("decimal", "GC101", "the escape has too few hexadecimal digits", "write \\x41, \\u0041 or \\U00000041"),
    ("invalid Unicode", "GC101", "the escape is no Unicode character", None),
    ("tag handle", "GC103", "unknown tag", "remove the tag, or quote the text"),
    ("alphabetic or", "GC108", "{c} begins an anchor or alias, and its name is missing", "quote the text"),
    (
        "line break",
        "GC101",
        "a text after `|` or `>` begins on the next line",
        "quote a text that begins with `|` or `>`",
    ),
    ("cannot start any token", "GC101", "a text cannot begin with {c}", "quote the text"),
    ("node content", "GC101", "a value is missing before {c}", None),
    ("<document start>", "GC101", "the document has ended before {c}", "remove what is left over, or quote the text"),
    (
        "'-' indicator",
        "GC101",
        "the list ends here, and what follows is no item of it",
        "list items begin with `- ` at the same column; indent what belongs to an item",
    ),
    (
        "expected key",
        "GC101",
        "the mapping ends here, and what follows is no key of it",
        "keys of one mapping begin at the same column",
    ),
    (
        "<block end>",
        "GC101",
        "what follows does not belong to the mapping or list above",
        "keys of one mapping, and items of one list, begin at the same column",
    ),
    ("directive", "GC101", "a line that begins with `%` is a YAML directive", "remove the line, or quote the text"),
    ("URI", "GC103", "a tag has a character that tags cannot have", "remove the tag, or quote the text"),
    ("incompatible YAML", "GC101", "this version of YAML is not known", "remove the %YAML line"),
)


def syntax_mistake(error: Any, source: Source, flow: Mark | None) -> Diagnostic:
    """The finding for a parser's error; `flow` is where the outermost open bracket stands, if one is open."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem is None or mark is None:
        return _control_character(source, str(error))
    line, column = mark.line, mark.column
    context = getattr(error, "context", None) or ""
    if "quoted scalar" in context and "end of stream" in problem:
        return _unclosed(
            source, error.context_mark, "the quote is not closed", "close it, or put the text in other quotes"
        )
    row = source.line(line + 1) or ""
    better = _quoted(row, flow is not None and flow.line < line)
    if better and any(part in problem for part in _CUTS):
        message = f"an unquoted expression ends for YAML before {_shown(row[column : column + 1])}"
        return _at(source, line, column, "GC106", message, f"quote it: `{better}`")
    if flow is not None and mark.line >= len(source.lines):
        return _flow_mistake(source, flow, mark, problem)
    if "while parsing a flow" in context and error.context_mark:
        return _flow_mistake(source, error.context_mark, mark, problem)
    problem = "directive" if "directive" in context else problem
    if problem == "directive" or ("alphabetic or numeric" in problem and error.context_mark):
        line, column = error.context_mark.line, error.context_mark.column
    return _known_mistake(source, line, column, problem, better)


_CUTS = ("mapping values are not allowed", "',' or", "expected key", "<block end>")


def _known_mistake(source: Source, line: int, column: int, problem: str, better: str | None) -> Diagnostic:
    if "could not find expected ':'" in problem:
        return _key_without_colon(source, line)
    if "mapping values are not allowed" in problem:
        return _misplaced_colon(source, line, column)
    row = source.line(line + 1) or ""
    char = row[column : column + 1]
    problem = "tab character" if char == "\t" and "cannot start" in problem else problem
    code, message, hint = next((row[1:] for row in _COMPLAINTS if row[0] in problem), ("GC101", problem, None))
    if better and hint and hint.startswith("quote"):
        hint = f"quote it: `{better}`"
    return _at(source, line, column, code, message.replace("{c}", _shown(char)), hint)


def _shown(char: str) -> str:
    return {"": "the end of the line", "`": "a backtick"}.get(char, f"`{char}`")


def _misplaced_colon(source: Source, line: int, column: int) -> Diagnostic:
    above = _line_above(source, line)
    glued = re.match(r"\s*(?:- )*([^\W\d]\w*):(?=\S)", source.lines[above]) if above is not None else None
    if above is not None and glued:
        row = source.lines[above]
        hint = f"write `{row[: glued.end()].lstrip()} {row[glued.end() :].rstrip()}`"
        return _at(source, above, glued.end() - 1, "GC101", "a space is missing after `:`", hint)
    if above is not None and ":" not in source.lines[above]:
        return _key_without_colon(source, line)
    row = source.line(line + 1) or ""
    if row[:column].count(":") == 0 and above is not None:
        hint = "keys of one mapping begin at the same column; a key that has keys below it has no value of its own"
        start = len(row) - len(row.lstrip())
        return _at(source, line, start, "GC101", "this key is indented too far", hint)
    return _at(source, line, column, "GC101", "a second `:` on the line", "quote a text that has `: ` in it")


def _key_without_colon(source: Source, line: int) -> Diagnostic:
    above = _line_above(source, line)
    row = source.lines[above] if above is not None else ""
    start = len(row) - len(row.lstrip())
    message = f"`{row.strip()[:60]}` is no `key: value`"
    glued = re.match(r"\s*([^\W\d]\w*):(?=\S)", row)
    hint = "put a space after `:`" if glued else "write `key: value`; indent a text that goes on"
    return _at(source, above or 0, start, "GC101", message, hint)


def _line_above(source: Source, line: int) -> int | None:
    """The index of the nearest line above that is neither blank nor a comment."""
    for above in range(min(line, len(source.lines)) - 1, -1, -1):
        row = source.lines[above].strip()
        if row and not row.startswith("#"):
            return above
    return None


def _flow_mistake(source: Source, opened: Mark, mark: Mark, problem: str) -> Diagnostic:
    bracket = source.text[opened.index : opened.index + 1] or "{"
    closing = "]" if bracket == "[" else "}"
    if mark.line > opened.line or "end of stream" in problem or "stream end" in problem:
        hint = f"add the `{closing}`, or a comma between two values"
        return _unclosed(source, opened, f"`{bracket}` is not closed", hint)
    char = (source.line(mark.line + 1) or "")[mark.column : mark.column + 1]
    if "node content" in problem:
        return _at(source, mark.line, mark.column, "GC101", f"a value is missing before {_shown(char)}", None)
    message = f"expected `,` or `{closing}` before {_shown(char)}"
    return _at(source, mark.line, mark.column, "GC101", message, "quote a text that has brackets or `: ` in it")


def _unclosed(source: Source, mark: Mark, message: str, hint: str) -> Diagnostic:
    return _at(source, mark.line, mark.column, "GC101", message, hint)


def _control_character(source: Source, message: str) -> Diagnostic:
    found = _CONTROL.search(source.text)
    if found is None:
        return _at(source, 0, 0, "GC101", message.splitlines()[0], None)
    span = source.span(found.start(), found.end())
    number = ord(found.group())
    escape = f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    hint = None if 0xD800 <= number < 0xE000 else f'write it as an escape in double quotes: "{escape}"'
    message = f"the character U+{number:04X} is not allowed in YAML"
    return source.diagnostic("GC107", message, span, hint)


def _at(source: Source, line: int, column: int, code: str, message: str, hint: str | None) -> Diagnostic:
    """A finding at a place counted from 0; the end of the text is the end of its last line."""
    if line >= len(source.lines) and source.lines:
        line, column = len(source.lines) - 1, len(source.lines[-1])
    start = source.start(line) + column
    return source.diagnostic(code, message, source.span(start, start + 1), hint)


def cut_expressions(suspects: Iterable[tuple[YamlScalar, Mark]], source: Source) -> list[Diagnostic]:
    """One finding for each line with expressions that YAML cut at a comma; suspects are scalars with an open `(`."""
    found: dict[int, Diagnostic] = {}
    for node, flow in suspects:
        if node.start.line not in found:
            found[node.start.line] = _cut_expression(node, flow, source)
    return list(found.values())


def _cut_expression(node: YamlScalar, flow: Mark, source: Source) -> Diagnostic:
    row = source.line(node.start.line + 1) or ""
    better = _quoted(row, flow.line < node.start.line)
    bracket = source.text[flow.index : flow.index + 1]
    message = f"inside `{bracket}` an unquoted expression ends for YAML at a comma: only `{node.text[:60]}` is left"
    return source.diagnostic("GC106", message, node.span, f"quote it: `{better}`" if better else "quote the expression")


def _quoted(row: str, in_flow: bool) -> str | None:
    better = quoted_line(row, in_flow)
    return better.strip() if better and better != row else None
