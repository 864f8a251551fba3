"""Document: a YAML or JSON text, read by YAML 1.2's core schema into a tree that knows its places.

The only module that knows PyYAML. It follows the parser's events with a stack of its own, so that no nesting can
exhaust Python's, and resolves scalars itself, because PyYAML's schema is YAML 1.1's.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gradcli.errors import SpecError
from gradcli.progress import WATCHED
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span
from gradcli.spec.yaml_nodes import (
    FIRST,
    MAX_DEPTH,
    Mark,
    Source,
    Yaml,
    YamlMapping,
    YamlScalar,
    YamlSequence,
    core,
    from_data,
    plain,
)

__all__ = [
    "Document",
    "DocumentLimits",
    "Source",
    "Yaml",
    "YamlMapping",
    "YamlScalar",
    "YamlSequence",
    "from_data",
    "plain",
    "read",
]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Both refuse lone surrogates and escapes beyond Unicode, each with another of Python's exceptions.
_PARSER_ERRORS = (yaml.YAMLError, ValueError, OverflowError)


class DocumentLimits(NamedTuple):
    """What a document may ask of the reader: bytes, levels of nesting, and values with aliases followed."""

    size: int = 256 * 2**20
    depth: int = MAX_DEPTH
    values: int = 10_000_000


class Document(NamedTuple):
    """The root of a document's tree, and its text."""

    root: Yaml
    source: Source

    @property
    def file(self) -> str:
        """The name of the file, as findings show it."""
        return self.source.file

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.source.lines

    def line(self, number: int) -> str | None:
        """The text of a line, counted from 1; None where there is none."""
        return self.source.line(number)


def read(text: str | bytes, file: str, limits: DocumentLimits | None = None) -> Document:
    """Reads one document; a SpecError has all findings.

    >>> plain(read("x: [1e-3, on]", "a.yaml").root)
    {'x': [0.001, 'on']}
    """
    limits = limits or DocumentLimits()
    if _size(text, limits.size) > limits.size:
        message = f"the document has more than {limits.size:,} bytes"
        raise SpecError(Diagnostic("GC904", message, Span(file, 1, 1), "keep large tensors in files: {file: w.npz}"))
    source = Source(file, _joined_surrogates(decode(text, file)))
    with _without_collection():
        return Document(_Composer(source, limits).compose(), source)


def _size(text: str | bytes, limit: int) -> int:
    """The bytes of a text; its characters where these are so many or so few that bytes do not matter."""
    if isinstance(text, bytes) or text.isascii() or not limit // 4 < len(text) <= limit:
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def decode(text: str | bytes, file: str) -> str:
    """The text without its byte order mark; a SpecError where it is not UTF-8."""
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SpecError(_not_utf8(text, error.start, file)) from None


def _not_utf8(text: bytes, at: int, file: str) -> Diagnostic:
    before = text[:at].decode("utf-8", "replace").removeprefix("\ufeff")
    rows = before.splitlines() if before and not before.endswith(("\n", "\r")) else [*before.splitlines(), ""]
    span = Span(file, len(rows), len(rows[-1]) + 1)
    message = f"byte {at} (0x{text[at]:02x}) is not UTF-8"
    wide = text.startswith((b"\xff\xfe", b"\xfe\xff"))
    hint = "the file is UTF-16; save it as UTF-8" if wide else "save the file as UTF-8"
    row = text[: at + 200].decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[len(rows) - 1]
    return Diagnostic("GC107", message, span, hint, source_line=row)


_SURROGATES = r"\\u[dD]([89abAB][0-9a-fA-F]{2})\\u[dD]([c-fC-F][0-9a-fA-F]{2})"


def _joined_surrogates(text: str) -> str:
    """JSON writes characters beyond U+FFFF as two escapes, which YAML does not know."""
    return re.sub(_SURROGATES, _one_character, text) if "\\u" in text else text


def _one_character(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16) - 0x800, int(pair[2], 16) - 0xC00
    return f"\\U{0x10000 + (high << 10) + low:08x}"


@contextmanager
def _without_collection() -> Iterator[None]:
    """A tree of a million nodes has no cycles, and looking for them takes longer than building it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Open:
    """A collection that has begun: its event, what is outside it, and how much there was before it."""

    __slots__ = ("before", "event", "height", "outer")

    def __init__(self, event: Any, outer: list[Yaml], before: int) -> None:
        self.event, self.outer, self.before, self.height = event, outer, before, 1


class _Anchored(NamedTuple):
    """What an anchor stands for, how many values that is, and how deep they go."""

    node: Yaml
    values: int
    height: int


class _Composer:
    """Builds the tree of one document from the parser's events, and collects what is wrong with it."""

    def __init__(self, source: Source, limits: DocumentLimits) -> None:
        self.source, self.limits = source, limits
        self.findings: list[Diagnostic] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Anchored] = {}
        self.cut: list[tuple[YamlScalar, Mark]] = []
        self.count = 0

    def compose(self) -> Yaml:
        items: list[Yaml] = []
        progress = WATCHED.get()
        if progress is not None:
            progress.begin("reading", "values", None, lambda: self.count)
        try:
            items = self.follow(LOADER(self.source.text).get_event)
        except _PARSER_ERRORS as error:
            from gradcli.spec.yaml_mistakes import syntax_mistake

            self.fail(syntax_mistake(error, self.source, self.flow_start()))
        self.findings += self.cut_expressions()
        if not items or (isinstance(items[0], YamlScalar) and items[0].text == "" and not items[0].style):
            message = "the document is empty"
            self.report("GC105", message, Span(self.source.file, 1, 1), "declare `inputs`, `parameters` or `ops`")
        if self.findings:
            raise SpecError(sorted(self.findings, key=_place))
        return items[0]

    def follow(self, next_event: Callable[[], Any]) -> list[Yaml]:
        """The roots of the documents: one, or none."""
        items: list[Yaml] = []
        source, flow, documents = self.source, 0, 0
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is ScalarEvent:
                text, style = event.value, event.style or ""
                value = text
                if event.tag is not None:
                    value = self.tagged(event)
                elif not style and (not text or text[0] in FIRST):
                    value = core(text)
                node = YamlScalar(value, text, source, event.start_mark, event.end_mark, style)
                self.count += 1
                if flow and not style and text.count("(") > text.count(")"):
                    self.suspect(node)
                if event.anchor is not None:
                    self.anchors[event.anchor] = _Anchored(node, 1, 1)
                items.append(node)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                flow += event.flow_style
                self.begin(event, items)
                items = []
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                opened = self.stack.pop()
                flow -= opened.event.flow_style
                items = self.end(opened, items, event.end_mark)
            elif kind is AliasEvent:
                items.append(self.alias(event))
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.several(event)
        return items

    def begin(self, event: Any, items: list[Yaml]) -> None:
        known = "map" if type(event) is MappingStartEvent else "seq"
        if event.tag not in (None, "!", _TAG + known):
            self.unknown_tag(event)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Open(event, items, self.count))
        self.count += 1
        self.check_depth(len(self.stack), event)

    def end(self, opened: _Open, items: list[Yaml], end: Mark) -> list[Yaml]:
        event = opened.event
        node: Yaml
        if type(event) is MappingStartEvent:
            node = self.mapping(items, event, end)
        else:
            node = YamlSequence(tuple(items), self.source, event.start_mark, end, bool(event.flow_style))
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(node, self.count - opened.before, opened.height)
        self.rise(opened.height + 1)
        opened.outer.append(node)
        return opened.outer

    def rise(self, height: int) -> None:
        if self.stack:
            self.stack[-1].height = max(self.stack[-1].height, height)

    def mapping(self, items: list[Yaml], event: Any, end: Mark) -> YamlMapping:
        pairs = tuple(zip(items[::2], items[1::2], strict=True))
        keys = [key for key in items[::2] if type(key) is YamlScalar]
        if len(keys) < len(pairs):
            pairs = self.only_scalar_keys(pairs)
        entries: tuple[tuple[YamlScalar, Yaml], ...] = pairs  # type: ignore[assignment]
        index = {key.text: entry for key, entry in zip(keys, entries, strict=True)}
        if len(index) < len(entries):
            self.duplicate_keys(entries)
        if "<<" in index and index["<<"][0].plain:
            entries = self.merged(entries)
            index = {entry[0].text: entry for entry in entries}
        return YamlMapping(entries, self.source, event.start_mark, end, bool(event.flow_style), index)

    def only_scalar_keys(self, pairs: tuple[tuple[Yaml, Yaml], ...]) -> tuple[tuple[Yaml, Yaml], ...]:
        for key, _ in pairs:
            if not isinstance(key, YamlScalar):
                hint = "quote a text that begins with a bracket"
                self.report("GC111", "a key is a text, not a list or mapping", key.span, hint)
        return tuple(pair for pair in pairs if isinstance(pair[0], YamlScalar))

    def duplicate_keys(self, entries: tuple[tuple[YamlScalar, Yaml], ...]) -> None:
        first: dict[str, YamlScalar] = {}
        for key, _ in entries:
            before = first.setdefault(key.text, key)
            if before is not key:
                place = f"line {before.start.line + 1}, column {before.start.column + 1}"
                hint = (
                    "merge several mappings as a list: `<<: [*a, *b]`" if key.text == "<<" else "rename one of the two"
                )
                self.report("GC102", f"duplicate key `{key.text}`: it is already at {place}", key.span, hint)

    def merged(self, entries: tuple[tuple[YamlScalar, Yaml], ...]) -> tuple[tuple[YamlScalar, Yaml], ...]:
        """The entries with those of `<<` in its place; keys of the mapping itself win, then the first merged."""
        taken = {key.text for key, _ in entries}
        result: list[tuple[YamlScalar, Yaml]] = []
        for key, value in entries:
            if key.text != "<<" or not key.plain:
                result.append((key, value))
                continue
            for mapping in self.merge_sources(value):
                new = [entry for entry in mapping.entries if entry[0].text not in taken]
                taken.update(entry[0].text for entry in new)
                result += new
        return tuple(result)

    def merge_sources(self, value: Yaml) -> list[YamlMapping]:
        values = value.items if isinstance(value, YamlSequence) else (value,)
        for item in values:
            if not isinstance(item, YamlMapping):
                message = "a merge key `<<` holds a mapping or a list of mappings"
                self.report("GC108", message, item.span, "name an anchored mapping: `<<: *defaults`")
        return [item for item in values if isinstance(item, YamlMapping)]

    def alias(self, event: Any) -> Yaml:
        found = self.anchors.get(event.anchor)
        if found is None:
            self.unknown_alias(event)
            return YamlScalar(None, "", self.source, event.start_mark, event.end_mark)
        self.count += found.values
        if self.count > self.limits.values:
            message = f"with its aliases followed, the document has more than {self.limits.values:,} values"
            self.fail(self.diagnostic("GC906", message, self.span(event)))
        self.check_depth(len(self.stack) + found.height - isinstance(found.node, YamlScalar), event)
        self.rise(found.height + (not isinstance(found.node, YamlScalar)))
        return found.node

    def unknown_alias(self, event: Any) -> None:
        name = event.anchor
        if any(opened.event.anchor == name for opened in self.stack):
            self.report("GC108", f"the alias `*{name}` stands inside its own anchor `&{name}`", self.span(event))
            return
        from difflib import get_close_matches

        close = get_close_matches(name, self.anchors, 1)
        hint = f"did you mean `*{close[0]}`?" if close else "quote a text that begins with `*`"
        self.report("GC108", f"the alias `*{name}` has no anchor `&{name}` above it", self.span(event), hint)

    def tagged(self, event: Any) -> Any:
        """The value of a scalar that has a tag."""
        tag, text = event.tag, event.value
        kind = tag.removeprefix(_TAG) if tag != "!" else "str"
        if kind not in _KINDS:
            self.unknown_tag(event)
            return None
        value = text if kind == "str" else core(text)
        if kind == "float" and type(value) is int:
            return float(value)
        if type(value) is not _KINDS[kind]:
            self.report("GC103", f"`{text}` is no !!{kind}", self.span(event))
        return value

    def unknown_tag(self, event: Any) -> None:
        tag = event.tag.replace(_TAG, "!!")
        self.report("GC103", f"unknown tag `{tag}`", self.span(event), "remove the tag, or quote the text")

    def suspect(self, node: YamlScalar) -> None:
        key = self.stack[1].outer[-1:] if len(self.stack) > 1 else []
        if key and isinstance(key[0], YamlScalar) and key[0].text.startswith("x-"):
            return
        outermost = next(opened.event for opened in self.stack if opened.event.flow_style)
        self.cut.append((node, outermost.start_mark))

    def cut_expressions(self) -> list[Diagnostic]:
        if not self.cut:
            return []
        from gradcli.spec.yaml_mistakes import cut_expressions

        return cut_expressions(self.cut, self.source)

    def several(self, event: Any) -> NoReturn:
        hint = "put each spec into a file of its own"
        self.fail(self.diagnostic("GC104", "a second document begins here", self.span(event), hint))

    def check_depth(self, depth: int, event: Any) -> None:
        if depth > self.limits.depth:
            message = f"nested more than {self.limits.depth} levels deep"
            self.fail(self.diagnostic("GC905", message, self.span(event)))

    def flow_start(self) -> Mark | None:
        """Where the outermost bracket was opened that is still open."""
        return next((opened.event.start_mark for opened in self.stack if opened.event.flow_style), None)

    def span(self, event: Any) -> Span:
        return self.source.span(event.start_mark.index, max(event.end_mark.index, event.start_mark.index + 1))

    def diagnostic(self, code: str, message: str, span: Span, hint: str | None = None) -> Diagnostic:
        return self.source.diagnostic(code, message, span, hint)

    def report(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self.findings.append(self.diagnostic(code, message, span, hint))

    def fail(self, last: Diagnostic) -> NoReturn:
        """Ends the reading with a finding behind which nothing can be read."""
        found = [*self.findings, *self.cut_expressions()]
        if not any(_place(other)[0] == _place(last)[0] and other.code == "GC106" for other in found):
            found.append(last)
        raise SpecError(sorted(found, key=_place)) from None


_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    span = diagnostic.span
    return (span.line, span.column) if span else (0, 0)
