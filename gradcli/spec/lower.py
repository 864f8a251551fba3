"""Lowering: expressions become statements over slots, one for each operator or call as written.

Chains of any length (`x + x + …`, `x.relu().relu()…`) are followed without recursion: an expression is walked down
along its first operands, and the statements are made on the way back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

from gradcli.graph.graph import Apply, Arg, Block, Choose, Literal, Logical, Pack, Ref, Statement
from gradcli.source.span import Span
from gradcli.spec import calls
from gradcli.spec.document import YamlScalar
from gradcli.spec.expression import MAX_DEPTH, Expression, ExpressionError, parse, too_deep
from gradcli.spec.language import (
    BINARY,
    COMPARE,
    CONSTANTS,
    REFUSED,
    UNARY,
    VALUE_ATTRIBUTES,
)
from gradcli.spec.mistakes import (
    Mistake,
    group_as_value,
    op_as_value,
    unknown_attribute,
    unknown_member,
    unknown_name,
    unknown_op,
)
from gradcli.spec.names import Scope
from gradcli.spec.reading import POISON, Reading
from gradcli.types.dtype import DTYPES

if TYPE_CHECKING:
    from gradcli.spec.templates import Recording


class Space(str):
    """A namespace of ops on the way to one: `torch`, `nn.functional`."""

    __slots__ = ()


_UNFINISHED = (Scope, Space)
Found: TypeAlias = Arg | Scope | Space
"""What a part of an expression is: an argument, or a group or namespace whose member is still to come."""


class Lowering:
    """Lowers the expressions of one op; `owner` names the parts, and `uses` collects the slots that are used."""

    def __init__(
        self, reading: Reading, scope: Scope, owner: str = "", record: bool = True, uses: list[int] | None = None,
        grads: bool = False,
    ) -> None:  # fmt: skip
        self.reading, self.scope, self.owner, self.record, self.grads = reading, scope, owner, record, grads
        self.uses: list[int] = [] if uses is None else uses
        self.statements: list[Statement] = []
        self.count = 0
        self.depth = 0
        self.recording: Recording | None = None

    # entry points

    def text(self, scalar: YamlScalar, out: int | None = None) -> Arg:
        """Lower the expression that a scalar holds; its outermost operation writes the slot `out`."""
        known = self.reading.templates
        if known is None or not self.owner:
            return self._read(scalar, scalar.text, 0, self.value, out)
        return known.lowered(self, scalar, out)

    def parsed(self, scalar: YamlScalar, out: int | None, recording: Recording | None = None) -> Arg:
        """Lower an expression from its text; `recording` notes what a template needs."""
        self.recording = recording
        try:
            return self._read(scalar, scalar.text, 0, self.value, out)
        finally:
            self.recording = None

    def iterable(self, scalar: YamlScalar, offset: int) -> Arg:
        """Lower what a loop goes over: the text from `offset` on, which may be a `range` or a `zip`."""
        return self._read(scalar, scalar.text[offset:], offset, lambda node, out: calls.iterable(self, node), None)

    def block(self, read: Callable[[], Arg]) -> Block:
        """The statements that `read` makes, apart from those so far, and their result."""
        outer, self.statements = self.statements, []
        try:
            result = read()
            return Block(tuple(self.statements), result)
        finally:
            self.statements = outer

    def _read(
        self, scalar: YamlScalar, text: str, offset: int, lower: Callable[[ast.expr, int | None], Arg], out: int | None
    ) -> Arg:
        self.scalar, self.offset, self.depth = scalar, offset, 0
        try:
            self.expression: Expression = parse(text)
            self.column = self._first_column()
            return lower(self.expression.node, out)
        except ExpressionError as error:
            self._note(error)
        except RecursionError:
            self._note(too_deep(0, len(text)))
        return POISON

    def _note(self, error: ExpressionError) -> None:
        span = self.scalar.locate(self.offset + error.offset, error.length)
        self.reading.findings.add(error.code, error.message, span, error.hint)

    # findings

    def _first_column(self) -> int | None:
        """The column where a text begins that stands in the document as it is, on one line; else None."""
        column, expression = self.scalar.column, self.expression
        return None if column is None or not expression.text.isascii() else column + 1 + self.offset + expression.shift

    def span(self, node: ast.expr | ast.keyword) -> Span:
        """The place of a node in the document."""
        if self.column is not None:
            start, end = node.col_offset, node.end_col_offset or node.col_offset
            return Span(self.scalar.source.file, self.scalar.start.line + 1, self.column + start, end - start)
        offset, length = self.expression.extent(node)
        return self.scalar.locate(self.offset + offset, length)

    def error(self, code: str, message: str, node: ast.expr | ast.keyword, hint: str | None = None) -> Literal:
        """Note a finding and go on with a value that stands for none."""
        self.reading.findings.add(code, message, self.span(node), hint)
        return POISON

    def mistake(self, mistake: Mistake, node: ast.expr, name: str = "") -> Literal:
        """Note a mistake at a node, or at the name at its end."""
        offset, length = self.expression.extent(node)
        if name:
            offset, length = offset + length - len(name), len(name)
        span = self.scalar.locate(self.offset + offset, length)
        self.reading.findings.add(mistake.code, mistake.message, span, mistake.hint)
        return POISON

    def refuse(self, kind: type[ast.AST], node: ast.expr | ast.keyword) -> Literal:
        """Note a construct that is not in the language."""
        what, hint = REFUSED.get(kind, (f"`{kind.__name__}`", None))
        return self.error("GC121", f"{what} is not part of the language", node, hint)

    # the walk

    def value(self, node: ast.expr, out: int | None = None) -> Arg:
        """Lower a node; where its outermost operation computes something, that goes to the slot `out`."""
        found: Found
        if type(node) is ast.Constant:
            return self._constant(node, out)
        if type(node) is ast.Name:
            found = self._name(node, out)
            return self._no_value(node, found) if isinstance(found, _UNFINISHED) else found
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._too_deep(node)
        spine: list[ast.expr] = []
        while True:
            first = _FIRST.get(type(node))
            if first is not None:
                spine.append(node)
                node = getattr(node, first)
            elif type(node) is ast.Call and type(node.func) is ast.Attribute and calls.op_of(self, node.func) is None:
                spine.append(node)
                node = node.func.value
            else:
                break
        found = _ATOMS.get(type(node), Lowering._refused)(self, node, None if spine else out)
        while spine:
            node = spine.pop()
            if type(found) is Scope or type(found) is Space:
                found = self._member(node, found)
            elif found is POISON and type(node) in _NAMED:
                if type(node) is ast.Call:
                    calls.arguments(self, node)
            else:
                found = _STEPS[type(node)](self, node, cast(Arg, found), None if spine else out)
        self.depth -= 1
        return self._no_value(node, found) if isinstance(found, _UNFINISHED) else found

    def _too_deep(self, node: ast.expr) -> NoReturn:
        raise too_deep(*self.expression.extent(node))

    def emit(
        self, target: str, args: tuple[Arg, ...], kwargs: tuple[tuple[str, Arg], ...], span: Span, out: int | None,
        numbered: bool = True,
    ) -> Ref:  # fmt: skip
        """Append one operation; where it is not the outermost, its slot is the next part."""
        if self.recording is not None:
            self.recording.numbered.append(numbered)
        if out is None:
            out = self.part(span, numbered)
        self.statements.append(Apply(out, target, args, kwargs, span, self.record))
        return self.reading.refs[out]

    def part(self, span: Span, numbered: bool = True) -> int:
        """The slot of the next part, or of a value on the way that has no number."""
        if not (numbered and self.owner):
            return self.reading.slot("", "part", span)
        number = self.count
        self.count = number + 1
        return self.reading.slot(f"{self.owner}.{number}", "part", span)

    # names

    def _name(self, node: Any, out: int | None) -> Found:
        name: str = node.id
        found = self.scope.find(name)
        if type(found) is int:
            self.uses.append(found)
            return self.reading.refs[found] if self.recording is None else self._noted(node, Ref(found))
        if found is not None:
            return cast(Scope, found)
        if name in CONSTANTS:
            return Literal(CONSTANTS[name])
        if name in DTYPES:
            return Literal(DTYPES[name])
        if name in self.reading.spaces:
            return Space(name)
        return self.mistake(unknown_name(self.reading, self.scope, name), node)

    def _member(self, node: ast.expr, group: Scope | Space) -> Found:
        """What a group or namespace holds under the name after the dot."""
        if type(node) is ast.Attribute:
            return self._of_space(node, group) if isinstance(group, Space) else self._of_group(node, group)
        if type(node) is ast.Call and isinstance(group, Space):
            name = f"{group}.{cast(ast.Attribute, node.func).attr}"
            return self.mistake(unknown_op(self.reading, self.scope, name), node.func)
        return self._no_value(node, group)

    def _of_group(self, node: ast.Attribute, group: Scope) -> Found:
        found = group.names.get(node.attr)
        if type(found) is int:
            return self.reading.use(found, self.uses)
        if found is not None:
            return cast(Scope, found)
        return self.mistake(unknown_member(self.reading, group, node.attr), node)

    def _of_space(self, node: ast.Attribute, space: Space) -> Found:
        if space == "torch" and node.attr in DTYPES:
            return Literal(DTYPES[node.attr])
        if space == "torch" and node.attr in CONSTANTS:
            return Literal(CONSTANTS[node.attr])
        return Space(f"{space}.{node.attr}")

    def _no_value(self, node: ast.expr, group: Scope | Space) -> Literal:
        if isinstance(group, Scope):
            return self.mistake(group_as_value(group), node)
        return self.mistake(op_as_value(self.reading, self.scope, group), node)

    # atoms

    def _constant(self, node: Any, out: int | None) -> Arg:
        if type(node.value) is bytes:
            return self.error("GC121", "a bytes string is not part of the language", node)
        return Literal(node.value) if self.recording is None else self._noted(node, Literal(node.value))

    def _noted(self, node: ast.expr, arg: Arg) -> Arg:
        assert self.recording is not None
        return self.recording.word(node.col_offset + self.expression.shift, arg)

    def _pack(self, node: Any, out: int | None) -> Found:
        items = tuple([self.value(item) for item in node.elts])
        return Pack("list" if type(node) is ast.List else "tuple", items)

    def _refused(self, node: Any, out: int | None) -> Found:
        return self.refuse(type(node), node)

    def _choose(self, node: Any, out: int | None) -> Found:
        """`a if c else b`: both sides are in tail position, so they write the slot of the whole where it has one."""
        span = self.span(node)
        condition = self.block(lambda: self.value(node.test))
        then = self.block(lambda: self.value(node.body, out))
        otherwise = self.block(lambda: self.value(node.orelse, out))
        slot = self.part(span, numbered=False) if out is None else out
        self.statements.append(Choose(slot, condition, then, otherwise, span))
        return self.reading.refs[slot]

    def _logical(self, node: Any, out: int | None) -> Found:
        span = self.span(node)
        operands = tuple([self.block(lambda item=item: self.value(item)) for item in node.values])  # type: ignore[misc]
        slot = self.part(span) if out is None else out
        self.statements.append(Logical(slot, "and" if type(node.op) is ast.And else "or", operands, span))
        return self.reading.refs[slot]

    # steps: the first operand is known

    def _binary(self, node: Any, left: Arg, out: int | None) -> Found:
        right = self.value(node.right)
        target = BINARY.get(type(node.op))
        if target is None:
            return self.refuse(type(node.op), node)
        return self.emit(target, (left, right), (), self.span(node), out)

    def _unary(self, node: Any, value: Arg, out: int | None) -> Found:
        if type(node.op) in (ast.USub, ast.UAdd) and type(node.operand) in (ast.Constant, ast.Name):
            number = getattr(value, "value", None)
            if type(number) in (int, float, complex):
                return Literal(-number) if type(node.op) is ast.USub else value  # type: ignore[operator]
        return self.emit(UNARY[type(node.op)], (value,), (), self.span(node), out)

    def _compare(self, node: Any, left: Arg, out: int | None) -> Found:
        if len(node.ops) > 1:
            return self._chained(node, left, out)
        target = COMPARE.get(type(node.ops[0]))
        if target is None:
            return self.refuse(type(node.ops[0]), node)
        right = self.value(node.comparators[0])
        return self.emit(target, (left, right), (), self.span(node), out)

    def _chained(self, node: ast.Compare, left: Arg, out: int | None) -> Found:
        """`a < b < c` is `a < b and b < c` with b evaluated once; the last comparison writes the slot of the whole."""
        blocks: list[Block] = []
        last = len(node.ops) - 1
        slot: int | None = None
        for at, (op, comparator) in enumerate(zip(node.ops, node.comparators, strict=True)):
            outer = self.statements
            if at:
                self.statements = []
            right = self.value(comparator)
            target = COMPARE.get(type(op))
            if target is None:
                self.statements = outer
                return self.refuse(type(op), node)
            if at == last:
                slot = self.part(self.span(node)) if out is None else out
            result = self.emit(target, (left, right), (), self.span(node), slot)
            blocks.append(Block(tuple(self.statements) if at else (), result))
            left, self.statements = right, outer
        assert slot is not None
        self.statements.append(Logical(slot, "and", tuple(blocks), self.span(node)))
        return self.reading.refs[slot]

    def _subscript(self, node: Any, value: Arg, out: int | None) -> Found:
        return self.emit("operator.getitem", (value, self._index(node.slice)), (), self.span(node), out)

    def _index(self, node: ast.expr) -> Arg:
        if type(node) is ast.Slice:
            ends = (node.lower, node.upper, node.step)
            return Pack("slice", tuple([Literal(None) if end is None else self.value(end) for end in ends]))
        if type(node) is ast.Tuple:
            return Pack("tuple", tuple([self._index(item) for item in node.elts]))
        return self.value(node)

    def _attribute(self, node: Any, value: Arg, out: int | None) -> Found:
        name: str = node.attr
        ops = self.reading.ops
        if ops.find_attribute(name):
            return self.emit(f"attr.{name}", (value,), (), self.span(node), out)
        if (name in VALUE_ATTRIBUTES or name in ops.result_names()) and (name != "grad" or self.grads):
            return self.emit(f"attr.{name}", (value,), (), self.span(node), out, numbered=False)
        return self.mistake(unknown_attribute(self.reading, name), node, name)


_FIRST: dict[type[ast.expr], str] = {
    ast.BinOp: "left",
    ast.UnaryOp: "operand",
    ast.Compare: "left",
    ast.Subscript: "value",
    ast.Attribute: "value",
}
_NAMED = (ast.Attribute, ast.Call)
_ATOMS: dict[type[ast.expr], Callable[[Lowering, Any, int | None], Found]] = {
    ast.Name: Lowering._name,
    ast.Constant: Lowering._constant,
    ast.List: Lowering._pack,
    ast.Tuple: Lowering._pack,
    ast.IfExp: Lowering._choose,
    ast.BoolOp: Lowering._logical,
    ast.Call: calls.call,
}
_STEPS: dict[type[ast.expr], Callable[[Lowering, Any, Arg, int | None], Found]] = {
    ast.BinOp: Lowering._binary,
    ast.UnaryOp: Lowering._unary,
    ast.Compare: Lowering._compare,
    ast.Subscript: Lowering._subscript,
    ast.Attribute: Lowering._attribute,
    ast.Call: calls.method,
}
