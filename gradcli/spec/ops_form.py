"""OpsForm: the mapping `ops`: all names are declared first, so that ops can be in any order, then each is lowered."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradcli.graph.graph import Alias, Arg, Mark, Pack, Ref, Statement, Unpack
from gradcli.graph.order import order
from gradcli.progress import follow
from gradcli.source.span import Span
from gradcli.spec import control
from gradcli.spec.call_form import lower_call
from gradcli.spec.control import BranchParts, LoopParts
from gradcli.spec.declarations import declare, declare_group
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar
from gradcli.spec.keys import boolean, check_keys, exclusive, mapping_of
from gradcli.spec.lower import Lowering
from gradcli.spec.names import Scope, normalized
from gradcli.spec.reading import POISON, Reading
from gradcli.spec.tensor_form import TensorForms
from gradcli.spec.value_form import expression_or_number

MANY = 100
"""Ops of one level from which on it is worth to look for expressions of one shape."""

_FLAGS = ("no_grad", "retain_grad", "requires_grad")
_KEYS = {
    "loop": ("carry", "while", "for", "repeat", "ops", "no_grad"),
    "branch": ("if", "then", "else", "no_grad"),
    "call": ("op", "args", "kwargs", *_FLAGS),
    "expression": ("expr", *_FLAGS),
    "scope": ("ops", "no_grad"),
}
_FORM_OF = {
    key: form for form, keys in reversed(_KEYS.items()) for key in keys if key != "ops" and key not in _FLAGS
} | {"ops": "scope"}
_FORMS = (
    "write an expression, `{op: …, args: […]}`, `{expr: …}`, a scope `{ops: …}`, a loop"
    " `{carry: …, repeat: n, ops: …}` or a branch `{if: …, then: …, else: …}`"
)


@dataclass(slots=True, eq=False, repr=False)
class Op:
    """One entry of `ops` whose names are declared: what is evaluated as a whole."""

    form: str
    name: str
    node: Yaml
    slots: tuple[int, ...]
    scope: Scope
    record: bool
    span: Span
    parts: LoopParts | BranchParts | None = None
    statements: list[Statement] = field(default_factory=list)
    uses: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Level:
    """Ops that are ordered among each other: those of the spec and its scopes, of a loop's body, of a branch's side."""

    ops: list[Op] = field(default_factory=list)
    listed: bool = False
    scope: Scope | None = None
    carried: dict[str, int] = field(default_factory=dict)
    """The carried names of the loop whose body this is."""
    updates: dict[str, int] = field(default_factory=dict)
    """The slots of the next values of carried names."""


class OpsForm:
    """Declares and lowers ops."""

    def __init__(self, reading: Reading, forms: TensorForms) -> None:
        self.reading, self.forms = reading, forms

    # names

    def declare(self, node: Yaml | None, scope: Scope, level: Level, what: str = "`ops`") -> None:
        """Declare the names of a mapping of ops."""
        mapping = mapping_of(self.reading, node, what, "a mapping of names and ops") if node is not None else None
        for key, value in mapping.entries if mapping else ():
            if isinstance(value, YamlMapping):
                self._declare_mapping(key, value, scope, level)
            else:
                self._declare_values("expression", key, value, scope, level, scope.record)

    def _declare_mapping(self, key: YamlScalar, node: YamlMapping, scope: Scope, level: Level) -> None:
        form = self._form(node)
        if form is None:
            literal = "value" in node or "file" in node
            hint = "tensors that are not computed belong under `inputs` or `parameters`" if literal else _FORMS
            self.reading.findings.add("GC112", f"`{key.text}` is a mapping of no known form", node.span, hint)
            self._declare_values("broken", key, node, scope, level, scope.record)
            return
        exclusive(self.reading, node, ("op", "expr", "ops", "if"))
        others = ("op", "expr", "ops", "if", "args", "kwargs")
        allowed = _KEYS[form]
        misplaced = {k for k in others if k in node and k not in allowed}
        check_keys(self.reading, node, (*allowed, *misplaced), f"the {form} `{key.text}`")
        no_grad = boolean(self.reading, node, "no_grad")
        record = scope.record if no_grad is None else not no_grad
        if form in ("call", "expression"):
            self._declare_values(form, key, node, scope, level, record)
        elif self._one_name(key, form):
            self._declare_group(form, key, node, scope, level, record)

    def _form(self, node: YamlMapping) -> str | None:
        forms = {_FORM_OF[key] for key in node.index if key in _FORM_OF}
        return next((form for form in _KEYS if form in forms), None)

    def _one_name(self, key: YamlScalar, form: str) -> bool:
        if "," in key.text:
            self.reading.findings.add("GC204", f"a {form} has one name, not `{key.text}`", key.span)
        return "," not in key.text

    def _declare_values(self, form: str, key: YamlScalar, node: Yaml, scope: Scope, level: Level, record: bool) -> None:
        names = _names(key) if "," in key.text else ((key.text, key.span),)
        slots = tuple([self._declare_value(text, span, scope, level) for text, span in names])
        level.ops.append(Op(form, self.reading.values[slots[0]].name, node, slots, scope, record, names[0][1]))

    def _declare_value(self, text: str, span: Span, scope: Scope, level: Level) -> int:
        if not level.carried or scope is not level.scope or normalized(text) not in level.carried:
            return declare(self.reading, scope, text, "op", span, level.listed)[1]
        name = normalized(text)
        slot = self.reading.slot(scope.full(name), "op", span)
        if name in level.updates:
            self.reading.findings.add("GC203", f"`{scope.full(name)}` is declared twice", span)
        level.updates[name] = slot
        return slot

    def _declare_group(
        self, form: str, key: YamlScalar, node: YamlMapping, scope: Scope, level: Level, record: bool
    ) -> None:
        if scope is level.scope and normalized(key.text) in level.carried:
            message = f"`{key.text}` is carried: its next value is one tensor, not a {form}"
            self.reading.findings.add("GC203", message, key.span)
            return
        group = declare_group(self.reading, scope, key.text, key.span, record)
        if form == "scope":
            group.parent = scope
            self.declare(node.get("ops"), group, level, f"`ops` of the scope `{key.text}`")
            return
        declare_parts = control.declare_loop if form == "loop" else control.declare_branch
        parts = declare_parts(self, node, group, scope, level, record)
        slots = tuple([slot for _, slot in group.slots()])
        level.ops.append(Op(form, group.path, node, slots, scope, record, key.span, parts))

    # statements

    def lower(self, level: Level) -> tuple[tuple[Statement, ...], list[int]]:
        """The statements of a level in evaluation order, and the slots that they use."""
        values = self.reading.graph.values
        if len(level.ops) > MANY and self.reading.templates is None:
            from gradcli.spec.templates import Templates

            self.reading.templates = Templates()
        for op in follow("reading", "ops", level.ops) if level.listed else level.ops:
            start = len(values)
            if op.parts is None:
                self._lower_values(op)
            elif isinstance(op.parts, LoopParts):
                control.lower_loop(self, op, op.parts)
            else:
                control.lower_branch(self, op, op.parts)
            if level.listed and op.parts is None:
                self.reading.parts[op.name] = range(start, len(values))
        index = {slot: at for at, op in enumerate(level.ops) for slot in op.slots}
        found = order([[index[slot] for slot in op.uses if slot in index] for op in level.ops])
        for cycle in found.cycles:
            self._cycle([level.ops[at] for at in cycle])
        statements = [statement for at in found.sequence for statement in level.ops[at].statements]
        return tuple(statements), [slot for op in level.ops for slot in op.uses]

    def lowering(self, op: Op, scope: Scope | None = None) -> Lowering:
        """What lowers the expressions of an op."""
        lowering = Lowering(self.reading, scope or op.scope, op.name, op.record, op.uses)
        lowering.statements = op.statements
        return lowering

    def _lower_values(self, op: Op) -> None:
        if op.form == "broken":
            return
        several = len(op.slots) > 1
        out = self.reading.slot("", "part", op.span) if several else op.slots[0]
        lowering = self.lowering(op)
        node = op.node
        text = type(node) is YamlScalar and type(node.value) is str
        arg = lowering.text(node, out) if text else self._argument(op, lowering, out)  # type: ignore[arg-type]
        if several:
            if isinstance(arg, Pack) and len(arg.items) != len(op.slots):
                message = f"{len(op.slots)} names for {len(arg.items)} results"
                self.reading.findings.add("GC208", message, op.span, "write as many names as results")
            op.statements.append(Unpack(op.slots, arg, op.node.span))
        elif not (type(arg) is Ref and arg.slot == out):
            op.statements.append(Alias(out, arg, op.node.span))
        if isinstance(op.node, YamlMapping):
            self._mark(op, op.node)

    def _argument(self, op: Op, lowering: Lowering, out: int) -> Arg:
        node = op.node
        if op.form == "call" and isinstance(node, YamlMapping):
            return lower_call(lowering, node, out)
        if isinstance(node, YamlMapping):
            expression = node.get("expr")
            if expression is None:
                self.reading.findings.add("GC112", f"`{op.name}` has no `expr`", node.span)
                return POISON
            return expression_or_number(lowering, expression, op.name, out)
        return expression_or_number(lowering, node, op.name, out)

    def _mark(self, op: Op, node: YamlMapping) -> None:
        retain = bool(boolean(self.reading, node, "retain_grad"))
        requires = boolean(self.reading, node, "requires_grad")
        if retain or requires is not None:
            op.statements.extend(Mark(slot, op.span, retain, requires) for slot in op.slots)

    def _cycle(self, ops: list[Op]) -> None:
        names = [f"`{op.name}`" for op in (*ops, ops[0])]
        places = ", ".join(f"{name} in line {op.span.line}" for name, op in zip(names, ops, strict=False))
        hint = places
        if len(ops) == 1:
            inner = ops[0].scope.parent and ops[0].scope.parent.find(ops[0].name.rpartition(".")[2]) is not None
            hint = "what repeats itself is a loop"
            if inner:
                hint = "the name outside is hidden by this one: rename one of them"
            if ops[0].parts is not None:
                hint = "inside of it, use its names without the name of the loop or branch"
        message = f"{names[0]} needs itself" if len(ops) == 1 else f"these ops need each other: {' → '.join(names)}"
        self.reading.findings.add("GC205", message, ops[0].span, hint)


def _names(key: YamlScalar) -> list[tuple[str, Span]]:
    """The names of the key of an op with several results, each with its place."""
    names, offset = [], 0
    for piece in key.text.split(","):
        name = piece.strip()
        lead = len(piece) - len(piece.lstrip())
        names.append((name, key.locate(offset + lead, max(len(name), 1))))
        offset += len(piece) + 1
    return names
