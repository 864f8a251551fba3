"""Documents: the core schema, places, limits, and what is said about mistakes."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

import gradcli.spec.document as document
from gradcli.errors import SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span
from gradcli.spec.document import (
    Document,
    DocumentLimits,
    YamlMapping,
    YamlScalar,
    YamlSequence,
    from_data,
    plain,
    read,
)
from gradcli.spec.quoting import quoted_line
from gradcli.spec.yaml_nodes import core


@pytest.fixture(params=["C", "Python"])
def each_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with libyaml and with PyYAML's own parser, which stands in where libyaml is missing."""
    if request.param == "C" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(document, "LOADER", yaml.CSafeLoader if request.param == "C" else yaml.SafeLoader)


def data(text: str | bytes) -> Any:
    return plain(read(text, "s.yaml").root)


def scalar(text: str, key: str = "y") -> YamlScalar:
    node = mapping(read(text, "s.yaml")).get(key)
    assert isinstance(node, YamlScalar)
    return node


def mapping(read_document: Document) -> YamlMapping:
    assert isinstance(read_document.root, YamlMapping)
    return read_document.root


def findings(text: str | bytes, limits: DocumentLimits | None = None) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        read(text, "s.yaml", limits)
    return caught.value.diagnostics


def only(text: str | bytes, limits: DocumentLimits | None = None) -> Diagnostic:
    found = findings(text, limits)
    assert len(found) == 1, found
    return found[0]


def place(finding: Diagnostic) -> tuple[int, int]:
    assert finding.span is not None
    return finding.span.line, finding.span.column


# The core schema


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("010", 10), ("-7", -7), ("+7", 7), ("0o17", 15), ("0xFf", 255), ("1.", 1.0),
        (".5", 0.5), ("-.5e1", -5.0), ("6.02e+23", 6.02e23), (".inf", math.inf), ("-.INF", -math.inf),
        ("+.Inf", math.inf), ("true", True), ("True", True), ("TRUE", True), ("false", False), ("null", None),
        ("Null", None), ("NULL", None), ("~", None), ("", None), ("0", 0), ("-0.0", -0.0),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("each_loader")
def test_core_schema_values(text: str, value: Any) -> None:
    """Plain scalars are what YAML 1.2's core schema says."""
    found = data(f"y: {text}\n")["y"]
    assert (found, type(found)) == (value, type(value))
    assert math.copysign(1, found or 0) == math.copysign(1, value or 0)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan(text: str) -> None:
    """`.nan` is not a number."""
    assert math.isnan(data(f"y: {text}")["y"])


@pytest.mark.parametrize(
    "text",
    [
        "on", "off", "yes", "no", "Yes", "NO", "y", "n", "inf", "-inf", "nan", "1_000", "1:30", "0b11", "-0x1", "0o8",
        "2001-01-01", "1e", "e5", ".", "-", "+", "tRUE", "nULL", "1+2j", "٣", "1 2", "=", "<",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("each_loader")
def test_other_scalars_are_texts(text: str) -> None:
    """What only YAML 1.1 or Python reads as something else is a text."""
    assert data(f"y: {text}\n") == {"y": text} if text != "-" else core(text) == text


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_scalars_are_texts(quote: str) -> None:
    """Quotes make a text of anything."""
    assert data(f"y: [{quote}1{quote}, {quote}true{quote}, {quote}~{quote}]") == {"y": ["1", "true", "~"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 1", "1"), ("!!str null", "null"), ('!!int "7"', 7), ("!!float 3", 3.0), ("!!float .inf", math.inf),
        ('!!bool "true"', True), ("!!null ''", None), ("! 12", "12"), ("!!seq [1]", [1]), ("!!map {a: 1}", {"a": 1}),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("each_loader")
def test_core_tags(text: str, value: Any) -> None:
    """The tags of the core schema decide what a scalar is."""
    found = data(f"y: {text}\n")["y"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']", "!!python/tuple [1]", "!foo {a: 1}", "!!set {a}", "!!binary aGk=",
        "!!int abc", "!!int 1.5", "!!bool 1", "!!float true", "!!float x", "!!null 0", "!e!foo 1", "!!seq {a: 1}",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("each_loader")
def test_other_tags_are_refused(text: str) -> None:
    """A tag that is not of the core schema, or whose text does not fit, is an error at the tag."""
    finding = only(f"y: {text}\n")
    assert (finding.code, place(finding)) == ("GC103", (1, 4))


def test_long_integers() -> None:
    """An integer with more digits than Python reads is infinite, which no dtype but a float holds."""
    assert data("y: " + "9" * 4000)["y"] == int("9" * 4000)
    assert data("y: " + "9" * 5000)["y"] == math.inf


def test_keys_are_texts() -> None:
    """A key that looks like a number or truth value is its own text."""
    assert data("1: a\ntrue: b\n~: c\n0x10: d\n'q': e\n") == {"1": "a", "true": "b", "~": "c", "0x10": "d", "q": "e"}


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "{{x}: 1}\n", "[a]: 1\n"])
@pytest.mark.usefixtures("each_loader")
def test_collections_as_keys(text: str) -> None:
    """A list or mapping as a key is an error."""
    assert "GC111" in [finding.code for finding in findings(text)]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encode", [str, str.encode])
def test_byte_order_mark(mark: str, encode: Any) -> None:
    """A byte order mark is accepted and has no column."""
    root = mapping(read(encode(mark + "é: ü\n"), "s.yaml"))
    assert plain(root) == {"é": "ü"}
    assert root.get("é").span == Span("s.yaml", 1, 4, 1)  # type: ignore[union-attr]


def test_json_escapes_beyond_the_basic_plane() -> None:
    """JSON's pairs of escapes are one character, as its dump writes them."""
    assert data('{"y": "\\ud83d\\ude00!"}') == {"y": "😀!"}
    assert data('{"y": "\\\\ud83d\\\\ude00"}') == {"y": "\\ud83d\\ude00"}


# The tree


def test_nodes() -> None:
    """The tree keeps the order, kinds and styles of the document."""
    root = mapping(read("b: {x: 1, a: [1, '2']}\na:\n- |\n  t\n", "s.yaml"))
    assert list(root.keys()) == ["b", "a"]
    inner, listed = root.get("b"), root.get("a")
    assert isinstance(inner, YamlMapping)
    assert isinstance(listed, YamlSequence)
    assert (root.flow, inner.flow, listed.flow) == (False, True, False)
    assert [item.style for item in listed.items if isinstance(item, YamlScalar)] == ["|"]
    assert "x" in inner
    assert inner.get("z") is None
    assert inner.key("z") is None
    assert inner.key("a").span == Span("s.yaml", 1, 11, 1)  # type: ignore[union-attr]


def test_spans() -> None:
    """A span is what was written, up to the end of its first line."""
    root = mapping(read("a: {x: [1,\n  2]}\nb:\n  cc: 'q' # no\nd: |\n  t\n", "s.yaml"))
    assert root.get("a").span == Span("s.yaml", 1, 4, 7)  # type: ignore[union-attr]
    assert root.get("b").span == Span("s.yaml", 4, 3, 12)  # type: ignore[union-attr]
    assert root.get("b").get("cc").span == Span("s.yaml", 4, 7, 3)  # type: ignore[union-attr]
    assert root.get("d").span == Span("s.yaml", 5, 4, 1)  # type: ignore[union-attr]


def test_lines() -> None:
    """The document has its lines, counted from 1, for every kind of line break."""
    read_document = read("a: 1\r\nb: 2\rc: 3\n", "s.yaml")
    assert [read_document.line(number) for number in range(5)] == [None, "a: 1", "b: 2", "c: 3", None]
    assert mapping(read_document).get("c").span == Span("s.yaml", 3, 4, 1)  # type: ignore[union-attr]


LOCATED = [
    "y: Aa + Bb * Cc\n",
    "k: {y: Aa + Bb}\n",
    "y: &anchor Aa + Bb\n",
    "y: !!str Aa + Bb\n",
    "y: &anchor\n  Aa + Bb\n",
    "y: 'Aa + ''q'' + Bb'\n",
    'y: "Aa\\t\\x41\\u0041\\U00000041\\"+ Bb"\n',
    'y: "Aa +\n   Bb\n\n   + Cc"\n',
    "y: 'Aa +\n   Bb\n\n\n   + Cc'\n",
    'y: "Aa +\\\n   Bb"\n',
    "y: Aa +\n   Bb\n\n   + Cc\n",
    "y: Aa +\r\n   Bb\r\n",
    "y: |\n  Aa +\n    Bb\n\n  Cc\nz: 1\n",
    "y: |2- # note\n    Aa +\n  Bb\n",
    "y: >-\n  Aa +\n  Bb\n\n    Cc\n   Dd\n",
    "é日😀: &a 'Aa 日 😀 Bb'\n",
    "- - y: [Aa, 'Bb']\n",
]


@pytest.mark.parametrize("text", LOCATED)
@pytest.mark.usefixtures("each_loader")
def test_locate(text: str) -> None:
    """Each letter of a scalar's text is found in the file where it was written, whatever the style."""
    lines = text.splitlines()
    for node in scalars(read(text, "s.yaml").root):
        for offset, char in enumerate(node.text):
            span = node.locate(offset)
            if char.isalpha() and "\\" not in lines[span.line - 1][span.column - 1 :][:1]:
                assert lines[span.line - 1][span.column - 1] == char
        for word in ("Aa", "Bb", "Cc", "Dd"):
            if word in node.text:
                found = node.locate(node.text.index(word), 2)
                assert lines[found.line - 1][found.column - 1 :][: found.length] == word


def scalars(node: Any) -> Iterator[YamlScalar]:
    if isinstance(node, YamlScalar):
        yield node
    for child in node.items if isinstance(node, YamlSequence) else ():
        yield from scalars(child)
    for key, value in node.entries if isinstance(node, YamlMapping) else ():
        yield key
        yield from scalars(value)


def test_locate_in_escapes() -> None:
    """A character written as an escape is found at its backslash, and what follows behind it."""
    node = scalar('y: "a\\u0041b"')
    assert [node.locate(offset).column for offset in range(4)] == [5, 6, 12, 13]


@pytest.mark.parametrize(("text", "column"), [("y: ab", 6), ("y: 'ab'", 7), ("y: ", 3), ('y: ""', 5)])
def test_locate_the_end(text: str, column: int) -> None:
    """The end of a text has a place too, for what is missing there."""
    node = scalar(text)
    assert node.locate(len(node.text)).column == column


def test_locate_over_lines() -> None:
    """A length that goes over the end of a line is cut there."""
    node = scalar("y: |\n  ab +\n  cd\n")
    assert node.locate(3, 5) == Span("s.yaml", 2, 6, 1)


# Anchors, aliases and merge keys


@pytest.mark.usefixtures("each_loader")
def test_aliases() -> None:
    """An alias is the anchored value, and has its place; an anchor may be set anew."""
    root = mapping(read("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n", "s.yaml"))
    assert plain(root) == {"a": [1, 2], "b": [1, 2], "c": 3, "d": 3}
    assert root.get("b").span.line == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{<<: *a, y: 9}", {"x": 1, "y": 9}),
        ("{y: 9, <<: *a}", {"y": 9, "x": 1}),
        ("{<<: [*a, *b]}", {"x": 1, "y": 2, "z": 4}),
        ("{<<: [*b, *a], w: 0}", {"x": 3, "z": 4, "y": 2, "w": 0}),
        ("{<<: {p: 1}, q: 2}", {"p": 1, "q": 2}),
        ("{<<: [], q: 2}", {"q": 2}),
        ("{'<<': 5}", {"<<": 5}),
    ],
)
@pytest.mark.usefixtures("each_loader")
def test_merge_keys(text: str, expected: dict[str, int]) -> None:
    """Merged keys stand where `<<` stands; the mapping's own keys win, then the first merged."""
    found = data(f"a: &a {{x: 1, y: 2}}\nb: &b {{x: 3, z: 4}}\nc: {text}\n")["c"]
    assert (found, list(found)) == (expected, list(expected))


def test_merged_keys_keep_their_places() -> None:
    """A merged value is found where it was written."""
    root = mapping(read("a: &a\n  x: 1\nb:\n  <<: *a\n", "s.yaml"))
    assert root.get("b").get("x").span == Span("s.yaml", 2, 6, 1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x: *u\n", (1, 4)),
        ("x: *u\ny: &u 1\n", (1, 4)),
        ("x: &a [*a]\n", (1, 8)),
        ("<<: 3\n", (1, 5)),
        ("<<: [a]\n", (1, 6)),
    ],
)
@pytest.mark.usefixtures("each_loader")
def test_broken_aliases(text: str, at: tuple[int, int]) -> None:
    """An alias without an anchor above, inside its own, or merged though it is no mapping, is an error there."""
    finding = only(text)
    assert (finding.code, place(finding)) == ("GC108", at)


def test_alias_suggestion() -> None:
    """A misspelt alias is suggested."""
    assert only("x: &start 1\ny: *strat\n").hint == "did you mean `*start`?"


# Findings


def test_duplicate_keys() -> None:
    """All duplicate keys are found at once, each with both places."""
    found = findings("a: 1\nops:\n  h: 1\n  g: 2\n  'h': 3\nb: {x: 1, x: 2}\na: 4\n")
    assert [(finding.code, place(finding), finding.message) for finding in found] == [
        ("GC102", (5, 3), "duplicate key `h`: it is already at line 3, column 3"),
        ("GC102", (6, 11), "duplicate key `x`: it is already at line 6, column 5"),
        ("GC102", (7, 1), "duplicate key `a`: it is already at line 1, column 1"),
    ]
    assert found[0].source_line == "  'h': 3"


def test_findings_are_collected() -> None:
    """Different mistakes, and a syntax error behind them, are reported together and in order."""
    found = findings("a: !foo 1\nb: {a: *b, a: 1}\nc: {h: f(x, y)}\nd: 'open\n")
    assert [(finding.code, place(finding)[0]) for finding in found] == [
        ("GC103", 1), ("GC108", 2), ("GC102", 2), ("GC106", 3), ("GC101", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n# comments\n", "---\n", "--- # x\n...\n", b"", b"\xef\xbb\xbf"])
@pytest.mark.usefixtures("each_loader")
def test_empty_documents(text: str | bytes) -> None:
    """A document without a value is an error."""
    assert only(text).code == "GC105"


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "---\na: 1\n--- 2\n", "a: 1\n...\n---\nb: [\n"])
@pytest.mark.usefixtures("each_loader")
def test_several_documents(text: str) -> None:
    """A second document is an error where it begins."""
    finding = only(text)
    assert (finding.code, place(finding)[1]) == ("GC104", 1)
    assert (finding.source_line or "").startswith("---")


def test_one_marked_document() -> None:
    """`---`, `...` and a %YAML line may stand around the one document."""
    assert data("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        (b"a: \xff\n", (1, 4), "byte 3 (0xff) is not UTF-8"),
        (b"a: 1\n\xc3\xa9b: x\xe9y\n", (2, 6), "byte 11 (0xe9) is not UTF-8"),
        (b"a: 1\n\x80", (2, 1), "byte 5 (0x80) is not UTF-8"),
        (b"\xef\xbb\xbfa\xe2\x82", (1, 2), "byte 4 (0xe2) is not UTF-8"),
        ("a: ü".encode("utf-16"), (1, 1), "byte 0 (0xff) is not UTF-8"),
    ],
)
def test_not_utf8(text: bytes, at: tuple[int, int], message: str) -> None:
    """Bytes that are no UTF-8 are an error with the byte's number and place."""
    finding = only(text)
    assert (finding.code, place(finding), finding.message) == ("GC107", at, message)


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x1b", "\x7f", "\ud800", "\ufffe"])
@pytest.mark.usefixtures("each_loader")
def test_control_characters(char: str) -> None:
    """A character that YAML does not allow is an error at its place."""
    finding = only(f"a: 1\nb: x{char}y\n")
    assert (finding.code, place(finding)) == ("GC107", (2, 5))


CUT = [
    ("ops: {h: matmul(x, w)}", (1, 10), 'ops: {h: "matmul(x, w)"}'),
    ("ops: {h: matmul(x, w) + b, k: f(x, y)}", (1, 10), 'ops: {h: "matmul(x, w) + b", k: "f(x, y)"}'),
    ("args: [x, f(a, b), 3]", (1, 11), 'args: [x, "f(a, b)", 3]'),
    ("backward: {output: out, v: ones(2, 3)}  # v", (1, 28), 'backward: {output: out, v: "ones(2, 3)"}  # v'),
    ("{\n  h: f(x, y),\n  k: 1}", (2, 6), 'h: "f(x, y)",'),
    ("h: {op: f, args: [g(x, 'a')]}", (1, 19), "h: {op: f, args: [\"g(x, 'a')\"]}"),
    ('h: {e: g(x, "a")}', (1, 8), "h: {e: 'g(x, \"a\")'}"),
    ("y: x[1: 3]", (1, 7), 'y: "x[1: 3]"'),
    ("  - y: x[1: 3]  # rows", (1, 11), '- y: "x[1: 3]"  # rows'),
    ("y: [x[1: 3]]", (1, 6), 'y: ["x[1: 3]"]'),
    ("y: {h: x[0]}", (1, 9), 'y: {h: "x[0]"}'),
    ("y: {\n  a: 1,\n  h: x[:, 0]}", (3, 7), 'h: "x[:, 0]"}'),
    ("y: [a, b][0]", (1, 10), 'y: "[a, b][0]"'),
    ("y: {h: [a, b][0], k: [1, 2]}", (1, 14), 'y: {h: "[a, b][0]", k: [1, 2]}'),
    ("y: 'a' + b", (1, 8), "y: \"'a' + b\""),
    ("y: lambda x: x", (1, 12), 'y: "lambda x: x"'),
]


@pytest.mark.parametrize(("text", "at", "better"), CUT)
@pytest.mark.usefixtures("each_loader")
def test_expressions_cut_by_yaml(text: str, at: tuple[int, int], better: str) -> None:
    """Where YAML ends an expression too early, the error shows the whole line with quotes."""
    finding = only(text + "\n")
    assert (finding.code, place(finding), finding.hint) == ("GC106", at, f"quote it: `{better}`")


@pytest.mark.parametrize(("text", "at", "better"), [row for row in CUT if "\n" not in row[0]])
def test_the_suggested_line_is_right(text: str, at: tuple[int, int], better: str) -> None:
    """The line that the hint shows can be read, and is not changed again."""
    read(better, "s.yaml")
    assert quoted_line(better) == better


def test_expression_over_lines_in_braces() -> None:
    """An expression that goes on in the next line is found too, though no single line can be shown."""
    finding = only("ops: {h: matmul(x,\n  w)}\n")
    assert (finding.code, finding.hint) == ("GC106", "quote the expression")


@pytest.mark.parametrize(
    "text",
    [
        "x-mine: {note: a (b, c: d}", "y: {label: step a) first}", "y: {h: f(x), k: (a + b)}", "y: f(a, b)",
        "y: x[::2]", 'y: {h: "f(x, y)"}', "y: [1, [2, 3]]", "description: 'see (a, b'", "y: |\n  f(a, (b\n",
    ],
)  # fmt: skip
def test_what_is_no_cut_expression(text: str) -> None:
    """Balanced, quoted and block texts, and the user's own keys, are left alone."""
    read(text, "s.yaml")


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("ops:\n\ty: 1\n", (2, 1), "a tab cannot indent in YAML"),
        ("ops:\n  a: 1\n\tb: 2\n", (3, 1), "a tab cannot indent in YAML"),
        ("inputs: {x: ones(3)\nops:\n  y: 1\n", (1, 9), "`{` is not closed"),
        ("inputs: [1, 2\n", (1, 9), "`[` is not closed"),
        ("[\n", (1, 1), "`[` is not closed"),
        ('a: 1\nx: "abc\ny: 2\n', (2, 4), "the quote is not closed"),
        ("a: 1\n  b: 2\n", (2, 3), "this key is indented too far"),
        ("a:\n  b: 1\n c: 2\n", (3, 2), None),
        ("a: 1\nb\nc: 2\n", (2, 1), "`b` is no `key: value`"),
        ("a\nb: 1\n", (1, 1), "`a` is no `key: value`"),
        ("x:1\ny: 2\n", (1, 2), "a space is missing after `:`"),
        ("y: @x\n", (1, 4), "a text cannot begin with `@`"),
        ("y: `x`\n", (1, 4), "a text cannot begin with a backtick"),
        ("y: - 1\n", (1, 4), "a list item `- ` cannot begin here"),
        ("- a\nb: 1\n", (2, 1), None),
        ("x: | foo\n  bar\n", (1, 6), "a text after `|` or `>` begins on the next line"),
        ("{a: 1}}\n", (1, 7), "the document has ended before `}`"),
        ("%", (1, 1), "a line that begins with `%` is a YAML directive"),
        ("]\n", (1, 1), "a value is missing before `]`"),
        ("%YAML 3.0\n---\na: 1\n", (1, 1), "this version of YAML is not known"),
    ],
)
@pytest.mark.usefixtures("each_loader")
def test_syntax_errors_are_translated(text: str, at: tuple[int, int], message: str | None) -> None:
    """A syntax error is one finding in plain words, at the place where a person would look."""
    finding = only(text)
    assert (finding.code, place(finding)) == ("GC101", at)
    assert message is None or finding.message == message
    assert "did not find" not in finding.message
    assert finding.source_line == text.splitlines()[at[0] - 1]


def test_missing_space_hint() -> None:
    """A missing space after a colon is put in."""
    assert only("  x:ones(3)\n  y: 2\n").hint == "write `x: ones(3)`"


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000"])
@pytest.mark.usefixtures("each_loader")
def test_escapes_beyond_unicode(escape: str) -> None:
    """An escape of a number that is no character is an error."""
    assert only(f'x: "{escape}"').code == "GC101"


def test_unknown_escape() -> None:
    """A backslash that is no escape, as in Windows paths, has a hint."""
    finding = only('x: "C:\\data\\q"\n')
    assert finding.code == "GC101"
    assert "single quotes" in (finding.hint or "")


# Limits


def test_size() -> None:
    """A document with more bytes than allowed is not read."""
    assert only("a: 1 # " + "x" * 100, DocumentLimits(size=50)).code == "GC904"
    assert only("ä" * 30, DocumentLimits(size=50)).code == "GC904"
    read("a: 1", "s.yaml", DocumentLimits(size=4))


DEEP = {
    "brackets": "[" * 100_000,
    "closed": "[" * 100_000 + "]" * 100_000,
    "braces": "{a: " * 100_000,
    "dashes": "- " * 100_000,
    "question marks": "? " * 100_000,
    "blocks": "".join(" " * level + "a:\n" for level in range(1_000)),
    "braces as keys": "{" * 100_000,
    "in a value": "x: [x: " + "[" * 100_000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
@pytest.mark.usefixtures("each_loader")
def test_deep_nesting(text: str) -> None:
    """Nesting of any depth is an error at the level that is too deep, and neither crashes nor takes long."""
    began = time.monotonic()
    assert only(text).code == "GC905"
    assert time.monotonic() - began < 5


def test_allowed_depth() -> None:
    """The allowed depth can be read and turned into data."""
    assert str(data("[" * 200 + "]" * 200)) == "[" * 200 + "]" * 200
    assert only("[" * 201 + "]" * 201).code == "GC905"


def test_depth_through_aliases() -> None:
    """Aliases count with the depth of what they stand for."""
    text = "a: &a " + "[" * 150 + "]" * 150 + "\nb: " + "[" * 60 + "*a" + "]" * 60
    assert only(text).code == "GC905"
    read(text.replace("[" * 60, "[" * 40).replace("]" * 60, "]" * 40), "s.yaml")


def test_depth_grows_step_by_step_through_aliases() -> None:
    """A chain of aliases, each one level around the last, ends at the limit."""
    text = "".join(f"a{i}: &a{i} [*a{i - 1}]\n" if i else "a0: &a0 [1]\n" for i in range(300))
    finding = only(text)
    assert (finding.code, place(finding)[0]) == ("GC905", 200)


def test_billion_laughs() -> None:
    """Aliases that stand for billions of values are refused at once."""
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    began = time.monotonic()
    assert only(text).code == "GC906"
    assert time.monotonic() - began < 1


def test_merge_laughs() -> None:
    """Merge keys count as what they bring."""
    text = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{p{i}: {{<<: *a{i - 1}}}, q{i}: *a{i - 1}}}\n" for i in range(1, 40)
    )
    assert only(text, DocumentLimits(values=1000)).code == "GC906"


def test_counted_values() -> None:
    """Values are counted with the aliases followed: the root, two keys, and two lists of three make eleven."""
    text = "a: &a [1, 2, 3]\nb: *a\n"
    read(text, "s.yaml", DocumentLimits(values=11))
    assert only(text, DocumentLimits(values=10)).code == "GC906"


def test_garbage_collection_is_restored() -> None:
    """Reading leaves garbage collection as it was, also after an error."""
    for enabled, text in ((True, "a: 1"), (True, "["), (False, "a: 1"), (False, "[")):
        gc.enable() if enabled else gc.disable()
        with contextlib.suppress(SpecError):
            read(text, "s.yaml")
        was = gc.isenabled()
        gc.enable()
        assert was == enabled


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the bound is that of libyaml")
def test_large_documents_are_cheap() -> None:
    """A hundred thousand lines are read in at most three times the time of PyYAML's own compose."""
    text = "ops:\n" + "".join(f"  h{i + 1}: tanh(h{i} * a + b)\n" for i in range(100_000))
    composing = min(duration(lambda: yaml.compose(text, yaml.CSafeLoader)) for _ in range(3))
    reading = min(duration(lambda: read(text, "s.yaml")) for _ in range(3))
    assert reading < 3 * composing


def duration(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


# Properties

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029\ufeff"), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


@given(DATA)
@example("😀\u0000")
@example({"": [], "a: b": {}, "<<": "no merge"})
def test_json_reads_back(value: Any) -> None:
    """Whatever json writes is read as the same."""
    assume(value != math.inf and "Infinity" not in json.dumps(value))
    assert data(json.dumps(value)) == value
    assert data(json.dumps(value, indent=2)) == value


@given(DATA, st.sampled_from([None, '"', "'"]), st.sampled_from([None, True, False]))
@example("~", None, None)
def test_yaml_reads_back(value: Any, style: str | None, flow: bool | None) -> None:
    """Whatever PyYAML writes is read as the same, but for texts that only YAML 1.1 leaves unquoted."""
    assume(not any("(" in text or isinstance(core(text), (int, float)) for text in texts(value)))
    dumped = yaml.safe_dump(value, default_style=style, default_flow_style=flow, allow_unicode=True)
    assert data(dumped) == value


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for child in value if isinstance(value, (list, dict)) else ():
        yield from texts(child)
        if isinstance(value, dict):
            yield from texts(value[child])


@given(st.text(st.characters(), max_size=60) | st.text("{}[]()\"'|>-:,?#&*!%@`~<. \n\tab01", max_size=60))
@example("? &a [*a]\n: 1")
@example("%")
@example("<<: &a {<<: *a}")
@example("{<<: [{}, *a], [")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but a SpecError whose findings have places inside the text and can be shown."""
    try:
        root = read(text, "s.yaml").root
    except SpecError as error:
        rows = text.splitlines()
        for finding in error.diagnostics:
            assert finding.span is not None
            assert 1 <= finding.span.line <= max(1, len(rows))
            assert 1 <= finding.span.column <= len((rows or [""])[finding.span.line - 1]) + 1
    else:
        plain(root)
        for node in scalars(root):
            assert [node.locate(offset).line >= 1 for offset in range(len(node.text) + 1)]


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No bytes raise anything but a SpecError."""
    with contextlib.suppress(SpecError):
        assert read(raw, "s.yaml").root


@given(st.text("{}[]()\"': ,#-ax", max_size=30), st.booleans())
def test_quoting_any_line(line: str, in_flow: bool) -> None:
    """Any line can be looked at, and only quotes are added to it."""
    better = quoted_line(line, in_flow)
    assert better is None or better.replace('"', "").replace("'", "") == line.replace('"', "").replace("'", "")


# Python data


def test_from_data() -> None:
    """Python data become the same tree, in which arrays are values and texts are not resolved."""
    array = object()
    root = from_data({"a": {"b": [1, "1e3", None, (2.0, True)]}, 3: array})
    assert isinstance(root, YamlMapping)
    assert plain(root) == {"a": {"b": [1, "1e3", None, [2.0, True]]}, "3": array}
    node = root.get("a").get("b").items[1]  # type: ignore[union-attr]
    assert isinstance(node, YamlScalar)
    assert (node.text, node.locate(1), node.source.line(1)) == ("1e3", Span("<mapping>", 1, 2), "1e3")


def test_from_data_that_contains_itself() -> None:
    """Data without an end are an error, not a crash."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(SpecError, match="GC905"):
        from_data(endless)
