"""Templates: expressions that differ only in their names and numbers are parsed once, and then filled in.

A big spec repeats a few shapes: `tanh(h1 * a + b)` and `tanh(h2 * a + b)` are one, `tanh(□ * □ + □)`. The first one is
lowered as any expression; what it became is kept with its names and numbers left open. Only plain expressions have a
template: operators, calls, methods, attributes and indexing on one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.graph import Apply, Arg, Literal, Pack, Ref, Value
from gradcli.source.span import Span
from gradcli.spec.document import YamlScalar

if TYPE_CHECKING:
    from gradcli.spec.lower import Lowering

MOST = 4096
"""Shapes that are kept: a spec where each expression has its own gains nothing from more."""

_DIGITS = r"(?:0|[1-9]\d{0,15})(?:\.\d{1,17})?"
_WORD = re.compile(rf"(?<![\w.])([^\W\d]\w*(?![\w(])(?!\s*\()|{_DIGITS}(?![\w.]))")
"""A name that is not called, or a number, neither of them behind a dot."""
_OTHER = frozenset("\"'#\\")
"""What texts and comments begin with, in which words are none."""
_SIGNS = ("-", "+")
_NAME, _NUMBER = "□", "◇"


class Text(NamedTuple):
    """A text whose names and numbers stand open: what stands in the openings, and how long those before are together."""

    values: list[Arg]
    before: list[int]


class Call(NamedTuple):
    """One operation: `args` and `kwargs` are numbers of openings and earlier calls, or constants; its place, if numbered."""

    target: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    start: tuple[int, int]
    end: tuple[int, int]
    numbered: bool
    outermost: bool


class Open(NamedTuple):
    """A list, tuple or slice with openings in it."""

    kind: Any
    items: tuple[Any, ...]


class Template(NamedTuple):
    """What expressions of one shape become: their calls in order, the names used in order, and the result."""

    calls: tuple[Call, ...]
    uses: tuple[int, ...]
    result: Any


class Shape:
    """One shape of expressions: its text with `□` for names and `◇` for numbers, and its template.

    `template` is None until the shape is seen again, and where there can be none; `following` is what came after it.
    """

    __slots__ = ("following", "match", "seen", "template", "text")

    def __init__(self, text: str) -> None:
        self.text, self.seen = text, False
        self.match: Callable[[str], re.Match[str] | None] = _never
        self.template: Template | None = None
        self.following: Shape | None = None

    def learn(self, template: Template | None) -> None:
        """Take the template, and recognise the texts of this shape at once from now on."""
        self.template = template
        if template is not None:
            pattern = re.escape(self.text).replace(_NAME, r"([^\W\d]\w*)").replace(_NUMBER, f"({_DIGITS})")
            self.match = re.compile(pattern, re.ASCII).fullmatch


def _never(text: str) -> None:
    return None


class Templates:
    """The shapes of one document. The shape that followed the last one before is tried first."""

    def __init__(self) -> None:
        self.shapes: dict[tuple[str, bool, bool], Shape] = {}
        self.latest = Shape("")

    def lowered(self, lowering: Lowering, scalar: YamlScalar, out: int | None) -> Arg:
        """Lower the expression that a scalar holds, by the template of its shape where there is one."""
        shape = self.latest.following
        match = shape.match(scalar.text) if shape is not None and out is not None and not lowering.grads else None
        text = values_of(lowering, match.groups()) if match is not None else None
        if text is not None and shape is not None and shape.template is not None:
            self.latest = shape
            return filled(lowering, scalar, text, shape.template, out)
        return self._looked_up(lowering, scalar, out)

    def _looked_up(self, lowering: Lowering, scalar: YamlScalar, out: int | None) -> Arg:
        opened = shape_of(lowering, scalar.text)
        if opened is None:
            return lowering.parsed(scalar, out)
        words, text = opened
        key = (text, out is None, lowering.grads)
        shape = self.shapes.get(key)
        if shape is None:
            if len(self.shapes) < MOST:
                self.shapes[key] = Shape(text)
            return lowering.parsed(scalar, out)
        if out is not None and not lowering.grads:
            self.latest.following = self.latest = shape
        values = values_of(lowering, words)
        if shape.template is not None and values is not None:
            return filled(lowering, scalar, values, shape.template, out)
        if shape.seen or values is None or scalar.column is None:
            return lowering.parsed(scalar, out)
        recording = Recording(lowering, scalar, text, values)
        result = lowering.parsed(scalar, out, recording)
        shape.seen = True
        shape.learn(recording.template(result, out))
        return result


def shape_of(lowering: Lowering, text: str) -> tuple[list[str], str] | None:
    """The names and numbers of a text and the text without them, or None where that cannot be told without parsing it."""
    if not text.isprintable() or not text.isascii() or not _OTHER.isdisjoint(text):
        return None
    pieces = _WORD.split(text)
    find = lowering.scope.find
    words = []
    for at in range(1, len(pieces), 2):
        word = pieces[at]
        if type(find(word)) is int:
            pieces[at] = _NAME
        elif word[0].isdigit() and not pieces[at - 1].endswith(_SIGNS):
            pieces[at] = _NUMBER
        else:
            continue
        words.append(word)
    return words, "".join(pieces)


def values_of(lowering: Lowering, words: Sequence[str]) -> Text | None:
    """What the words in the openings of a text are, or None where one is neither the name of a value nor a number."""
    names, refs, spaces = lowering.scope.names, lowering.reading.refs, lowering.reading.spaces
    values: list[Arg] = []
    for word in words:
        slot = names.get(word)
        if slot is None:
            slot = lowering.scope.find(word)
        if type(slot) is int and word not in spaces:
            values.append(refs[slot])
        elif slot is None and word[0].isdigit():
            values.append(Literal(float(word) if "." in word else int(word)))
        else:
            return None
    return Text(values, [0, *accumulate(map(len, words))])


def filled(lowering: Lowering, scalar: YamlScalar, text: Text, template: Template, out: int | None) -> Arg:
    """Append the statements of an expression to those of its op, and return its value."""
    known, before = text
    record, append = lowering.record, lowering.statements.append
    refs, values, owner = lowering.reading.refs, lowering.reading.graph.values, lowering.owner
    lowering.uses.extend([known[at].slot for at in template.uses])  # type: ignore[union-attr]
    file, line, column = scalar.source.file, scalar.start.line + 1, scalar.column
    for target, args, kwargs, (start, first), (end, last), numbered, outermost in template.calls:
        first += before[start]
        length = before[end] + last - first
        span = scalar.locate(first, length) if column is None else _new(Span, (file, line, column + first + 1, length))
        if outermost and out is not None:
            slot, ref = out, refs[out]
        else:
            slot = len(values)
            ref = Ref(slot)
            refs.append(ref)
            values.append(_new(Value, (f"{owner}.{lowering.count}" if numbered else "", "part", span)))
            lowering.count += numbered
        given = tuple([known[arg] if type(arg) is int else _argument(arg, known) for arg in args])
        named = tuple([(key, _argument(arg, known)) for key, arg in kwargs]) if kwargs else ()
        append(_new(Apply, (slot, target, given, named, span, record)))
        known.append(ref)
    return _argument(template.result, known)


_new: Any = tuple.__new__
"""What a named tuple's own constructor calls; this loop runs for every operation of a big document."""


def _argument(arg: Any, known: list[Arg]) -> Arg:
    if type(arg) is int:
        return known[arg]
    if type(arg) is Open:
        return Pack(arg.kind, tuple([_argument(item, known) for item in arg.items]))
    return arg  # type: ignore[no-any-return]


def _starts(shape: str, before: list[int]) -> list[int]:
    """Where the openings are in a text of a shape."""
    openings = [at for at, character in enumerate(shape) if character in (_NAME, _NUMBER)]
    return [at - number + before[number] for number, at in enumerate(openings)]


class Recording:
    """What is noted while an expression is lowered from which a template is to be made."""

    def __init__(self, lowering: Lowering, scalar: YamlScalar, shape: str, text: Text) -> None:
        self.lowering, self.text = lowering, text
        self.column = (scalar.column or 0) + 1
        self.starts = _starts(shape, text.before)
        self.places: dict[int, int] = {}
        """Where names and numbers stand, by the identity of the arguments that they became."""
        self.kept: list[Arg] = []
        self.numbered: list[bool] = []
        self.statements, self.uses = len(lowering.statements), len(lowering.uses)
        self.findings = len(lowering.reading.findings.found)

    def word(self, offset: int, arg: Arg) -> Arg:
        """Note what a name or number at an offset of the text became; it is an object of its own."""
        if offset in self.starts:
            self.places[id(arg)] = offset
            self.kept.append(arg)
        return arg

    def template(self, result: Arg, out: int | None) -> Template | None:
        """The template of what was lowered, or None where it has more than calls in it."""
        lowering = self.lowering
        statements = lowering.statements[self.statements :]
        if len(lowering.reading.findings.found) > self.findings or any(type(s) is not Apply for s in statements):
            return None
        try:
            return self._template(statements, result, out)
        except LookupError:
            return None

    def _template(self, statements: list[Any], result: Arg, out: int | None) -> Template:
        starts = self.starts
        if sorted(self.places.values()) != starts or len(statements) != len(self.numbered):
            raise LookupError
        self.openings = {key: starts.index(offset) for key, offset in self.places.items()}
        self.slots: dict[int, int] = {}
        self.filled: set[int] = set()
        calls = []
        for number, s in enumerate(statements):
            args = tuple([self._open(arg) for arg in s.args])
            kwargs = tuple([(key, self._open(arg)) for key, arg in s.kwargs])
            first = s.span.column - self.column
            places = self._place(starts, first), self._place(starts, first + s.span.length)
            outermost = out is not None and s.out == out
            calls.append(Call(s.target, args, kwargs, *places, self.numbered[number], outermost))
            self.slots[s.out] = len(starts) + number
        opened_result = self._open(result)
        if len(self.filled) < len(starts):
            raise LookupError
        uses = [self.openings[id(arg)] for arg in self.kept if type(arg) is Ref]
        return Template(tuple(calls), tuple(uses), opened_result)

    def _place(self, starts: list[int], offset: int) -> tuple[int, int]:
        openings = sum(start < offset for start in starts)
        return openings, offset - self.text.before[openings]

    def _open(self, arg: Arg) -> Any:
        """An argument with openings for the names and numbers in it; LookupError where it is something else."""
        opening = self.openings.get(id(arg))
        if opening is not None:
            self.filled.add(opening)
            return opening
        if type(arg) is Ref:
            return self.slots[arg.slot]
        if type(arg) is not Pack:
            return arg
        items = tuple([self._open(item) for item in arg.items])
        return Open(arg.kind, items) if any(type(item) in (int, Open) for item in items) else arg
