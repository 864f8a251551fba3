"""Yaml: a document's values as a tree whose nodes know where they were written."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import KeysView, Mapping
from functools import cache, cached_property
from itertools import accumulate
from typing import Any, Protocol, TypeAlias

from gradcli.errors import SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span

MAX_DEPTH = 200


class Mark(Protocol):
    """A place as YAML counts it: from 0."""

    @property
    def index(self) -> int:
        """The character in the document."""

    @property
    def line(self) -> int:
        """The line."""

    @property
    def column(self) -> int:
        """The character in the line."""


class Place:
    """A mark of our own, for values that no YAML parser has read."""

    __slots__ = ("column", "index", "line")

    def __init__(self, index: int = 0, line: int = 0, column: int = 0) -> None:
        self.index, self.line, self.column = index, line, column


class Source:
    """The text of a document under the name of its file."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def _starts(self) -> list[int]:
        ends = accumulate(len(line) for line in self.text.splitlines(keepends=True))
        return [0, *ends][: max(1, len(self.lines))]

    def line(self, number: int) -> str | None:
        """The text of a line, counted from 1; None where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else None

    def start(self, line: int) -> int:
        """Where a line begins, counted from 0."""
        return self._starts[min(line, len(self._starts) - 1)]

    def span(self, start: int, end: int) -> Span:
        """The span of the characters `start … end`, cut at the end of the first line."""
        line = max(bisect_right(self._starts, start) - 1, 0)
        row = self.line(line + 1) or ""
        column = min(start - self._starts[line], len(row))
        return Span(self.file, line + 1, column + 1, max(1, min(end - start, len(row.rstrip()) - column)))

    def diagnostic(self, code: str, message: str, span: Span, hint: str | None = None) -> Diagnostic:
        """A finding at a place of this text, with its line."""
        return Diagnostic(code, message, span, hint, source_line=self.line(span.line))


class YamlScalar:
    """One value: `value` as the core schema reads it, `text` as YAML gives it, `style` one of `'"|>` or empty."""

    __slots__ = ("end", "source", "start", "style", "text", "value")

    def __init__(self, value: Any, text: str, source: Source, start: Mark, end: Mark, style: str = "") -> None:
        self.value, self.text, self.source = value, text, source
        self.start, self.end, self.style = start, end, style

    @property
    def plain(self) -> bool:
        """Whether it was written without quotes and tags."""
        return not self.style and self.end.index - self.start.index == len(self.text)

    @property
    def column(self) -> int | None:
        """Where `text` begins in its line, counted from 0; None where it does not stand there as it is."""
        start, end = self.start, self.end
        if start.line != end.line:
            return None
        longer = end.index - start.index - len(self.text)
        if not self.style:
            return start.column if longer == 0 else None
        return start.column + 1 if longer == 2 and self.style in "'\"" else None

    @property
    def span(self) -> Span:
        """The place of what was written, up to the end of its first line."""
        return _span(self)

    def locate(self, offset: int, length: int = 1) -> Span:
        """The place in the file of `length` characters of `text` from `offset` on.

        >>> read("y: a + b", "s.yaml").root.get("y").locate(4)
        Span(file='s.yaml', line=1, column=8, length=1)
        """
        column = self.column
        if column is not None:
            return Span(self.source.file, self.start.line + 1, column + offset + 1, length)
        from gradcli.spec.places import places

        found = places(self)
        first = found[min(offset, len(found) - 1)]
        last = found[min(max(offset + length - 1, offset), len(found) - 1)]
        return self.source.span(first, last + 1)


class YamlSequence:
    """A list; `flow` says whether it was written in brackets."""

    __slots__ = ("end", "flow", "items", "source", "start")

    def __init__(self, items: tuple[Yaml, ...], source: Source, start: Mark, end: Mark, flow: bool) -> None:
        self.items, self.source, self.start, self.end, self.flow = items, source, start, end, flow

    @property
    def span(self) -> Span:
        """The place of what was written, up to the end of its first line."""
        return _span(self)


class YamlMapping:
    """Keys and values in the order of the document, merge keys resolved; `flow` says whether it has braces."""

    __slots__ = ("end", "entries", "flow", "index", "source", "start")

    def __init__(
        self, entries: tuple[tuple[YamlScalar, Yaml], ...], source: Source, start: Mark, end: Mark, flow: bool,
        index: Mapping[str, tuple[YamlScalar, Yaml]],
    ) -> None:  # fmt: skip
        self.entries, self.index = entries, index
        self.source, self.start, self.end, self.flow = source, start, end, flow

    def get(self, key: str) -> Yaml | None:
        """The value under a key, or None."""
        entry = self.index.get(key)
        return entry[1] if entry else None

    def key(self, key: str) -> YamlScalar | None:
        """The key itself, with its place, or None."""
        entry = self.index.get(key)
        return entry[0] if entry else None

    def keys(self) -> KeysView[str]:
        """The texts of the keys in the order of the document."""
        return self.index.keys()

    def __contains__(self, key: object) -> bool:
        return key in self.index

    @property
    def span(self) -> Span:
        """The place of what was written, up to the end of its first line."""
        return _span(self)


Yaml: TypeAlias = YamlScalar | YamlSequence | YamlMapping


def _span(node: Yaml) -> Span:
    start, end = node.start, node.end
    if start.line == end.line:
        return Span(node.source.file, start.line + 1, start.column + 1, max(1, end.column - start.column))
    row = node.source.line(start.line + 1) or ""
    return Span(node.source.file, start.line + 1, start.column + 1, max(1, len(row.rstrip()) - start.column))


def plain(yaml: Yaml) -> Any:
    """The value as Python data: dicts with text keys, lists and scalars."""
    if isinstance(yaml, YamlScalar):
        return yaml.value
    if isinstance(yaml, YamlMapping):
        return {key.text: plain(value) for key, value in yaml.entries}
    return [item.value if type(item) is YamlScalar else plain(item) for item in yaml.items]


# The core schema of YAML 1.2 (section 10.3.2): https://yaml.org/spec/1.2.2/#1032-tag-resolution

WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
FIRST = frozenset("0123456789+-.~nNtTfF")
"""What a plain scalar that is no string begins with."""
_DIGITS = 4300
"""What Python's int() takes; a longer number is infinite in every dtype."""


@cache
def _number() -> re.Pattern[str]:
    return re.compile(
        r"(?P<int>[-+]?[0-9]+)|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
        r"|(?P<octal>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)"
    )


def core(text: str) -> Any:
    """What a plain scalar means in the core schema.

    >>> [core(text) for text in ("1e-3", "010", "0o17", "on", "~", ".inf", "inf")]
    [0.001, 10, 15, 'on', None, inf, 'inf']
    """
    if text in WORDS:
        return WORDS[text]
    match = None if text[0].isalpha() else _number().fullmatch(text)
    if match is None:
        return text
    kind = match.lastgroup
    if kind == "int" and len(text) <= _DIGITS:
        return int(text)
    if kind in ("int", "float"):
        return float(text)
    return int(text, 0)


# Python data in the place of a document.


def from_data(data: Any, file: str = "<mapping>") -> Yaml:
    """A tree of Python data; texts are their own source, and what is no mapping, list or tuple is one value."""
    return _from_data(data, file, MAX_DEPTH)


def _from_data(data: Any, file: str, depth: int) -> Yaml:
    if depth < 0:
        raise SpecError(Diagnostic("GC905", f"nested more than {MAX_DEPTH} levels deep", Span(file, 1, 1)))
    nowhere = Place()
    if isinstance(data, Mapping):
        pairs = tuple((_scalar(str(key), file), _from_data(value, file, depth - 1)) for key, value in data.items())
        return YamlMapping(pairs, Source(file, ""), nowhere, nowhere, False, {pair[0].text: pair for pair in pairs})
    if isinstance(data, (list, tuple)):
        items = tuple(_from_data(item, file, depth - 1) for item in data)
        return YamlSequence(items, Source(file, ""), nowhere, nowhere, False)
    return _scalar(data, file)


def _scalar(value: Any, file: str) -> YamlScalar:
    text = value if isinstance(value, str) else ""
    lines = text.splitlines() or [""]
    end = Place(len(text), len(lines) - 1, len(lines[-1]))
    return YamlScalar(value, text, Source(file, text), Place(), end)
