"""Control: loops and branches over ops: their names, what is seen of them outside, and their statements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcli.graph.graph import Block, Branch, Carried, Data, Literal, Loop, TensorForm
from gradcli.spec.declarations import declare
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar
from gradcli.spec.keys import exclusive, mapping_of, wrong
from gradcli.spec.lower import Lowering
from gradcli.spec.names import Scope, normalized
from gradcli.spec.tensor_form import TensorForms
from gradcli.spec.value_form import expression_or_number

if TYPE_CHECKING:
    from gradcli.spec.ops_form import Level, Op, OpsForm

_FOR = r"\s*\(?\s*(?P<targets>\w+(?:\s*,\s*\w+)*)\s*,?\s*\)?\s+in\b"


@dataclass(slots=True, eq=False, repr=False)
class LoopParts:
    """The names of a loop: what it carries (key, form, slot inside, slot outside), its scopes and its body."""

    carried: list[tuple[str, Yaml, int, int]]
    condition_scope: Scope
    body_scope: Scope
    body: Level
    targets: tuple[int, ...] = ()
    over_at: int = 0


@dataclass(slots=True, eq=False, repr=False)
class BranchParts:
    """The names of a branch: both sides, and the names of both (outside, then, else)."""

    sides: list[Level] = field(default_factory=list)
    merged: list[tuple[int, int, int]] = field(default_factory=list)


def declare_loop(form: OpsForm, node: YamlMapping, group: Scope, scope: Scope, level: Level, record: bool) -> LoopParts:
    """Declare the names of a loop: the carried ones are seen outside, those of its body are not."""
    reading = form.reading
    inside = Scope(group.path, scope, record, group.span)
    carried: list[tuple[str, Yaml, int, int]] = []
    carry = node.get("carry")
    mapping = mapping_of(reading, carry, "`carry`", "a mapping of names and tensors") if carry is not None else None
    for key, value in mapping.entries if mapping else ():
        name, outer = declare(reading, group, key.text, "op", key.span, level.listed)
        inside.names[name] = inner = reading.slot(group.full(name), "op", key.span)
        carried.append((name, value, inner, outer))
    if not carried and (carry is None or mapping is not None):
        hint = "write `carry: {h: x}`: only carried names are seen outside"
        reading.findings.add("GC112", f"the loop `{group.path}` carries nothing", (carry or node).span, hint)
    body = Scope(group.path, inside, record, group.span)
    inner_level = type(level)(scope=body, carried={name: inner for name, _, inner, _ in carried})
    parts = LoopParts(carried, inside, body, inner_level)
    _declare_targets(form, node, parts)
    if "ops" not in node:
        reading.findings.add("GC112", f"the loop `{group.path}` has no `ops`", node.span)
    form.declare(node.get("ops"), body, inner_level, f"`ops` of the loop `{group.path}`")
    reason = f"exists only inside the loop `{group.path}`: carry it to see it outside"
    _hide(form, group, {dotted.partition(".")[0] for dotted, _ in body.slots()}, reason)
    return parts


def _declare_targets(form: OpsForm, node: YamlMapping, parts: LoopParts) -> None:
    over = node.get("for")
    if over is None:
        return
    match = re.match(_FOR, over.text) if isinstance(over, YamlScalar) else None
    if match is None or not isinstance(over, YamlScalar):
        wrong(form.reading, over, "`for`", "a text like `row in x`", "write `for: row in x`, or `for: i in range(10)`")
        return
    slots = []
    for found in re.finditer(r"\w+", match["targets"]):
        place = over.locate(match.start("targets") + found.start(), len(found[0]))
        name = normalized(found[0])
        if name in parts.body.carried:
            form.reading.findings.add("GC203", f"`{name}` is carried and cannot be bound by `for` too", place)
        if name == "_":
            slots.append(form.reading.slot("", "part", place))
        else:
            slots.append(declare(form.reading, parts.body_scope, found[0], "op", place, False)[1])
    parts.targets, parts.over_at = tuple(slots), match.end()


def _hide(form: OpsForm, group: Scope, names: set[str], reason: str) -> None:
    for name in names:
        if name not in group.names:
            group.hidden[name] = reason
            form.reading.inner.setdefault(name, reason)


def lower_loop(form: OpsForm, op: Op, parts: LoopParts) -> None:
    """Append the loop to the statements of its op."""
    node = op.node
    assert isinstance(node, YamlMapping)
    lowering = form.lowering(op)
    kind = exclusive(form.reading, node, ("while", "for", "repeat"))
    if kind is None:
        hint = "write `while: h.norm() < 10`, `for: row in x` or `repeat: 3`"
        form.reading.findings.add("GC112", f"the loop `{op.name}` has no `while`, `for` or `repeat`", node.span, hint)
    initial = [_initial(form.forms, lowering, value, name) for name, value, _, _ in parts.carried]
    turns = node.get(kind) if kind else None
    over = _over(form, op, parts, turns) if turns is not None and kind != "while" else None
    inside = form.lowering(op, parts.condition_scope)
    condition = None
    if turns is not None and kind == "while":
        condition = inside.block(lambda: expression_or_number(inside, turns, "while"))
    statements, uses = form.lower(parts.body)
    op.uses.extend(uses)
    carry = tuple(
        Carried(inner, start, parts.body.updates.get(name), outer)
        for (name, _, inner, outer), start in zip(parts.carried, initial, strict=True)
    )
    op.statements.append(Loop(carry, Block(statements), op.span, condition, over, parts.targets, kind == "repeat"))


def _initial(forms: TensorForms, lowering: Lowering, node: Yaml, name: str) -> TensorForm:
    form = forms.read(node, lowering, name, weak=True)
    return form if form is not None else TensorForm(Data(0), node.span, "")


def _over(form: OpsForm, op: Op, parts: LoopParts, node: Yaml) -> Block | None:
    lowering = form.lowering(op)
    if "repeat" not in op.node:  # type: ignore[operator]
        over = node
        if not isinstance(over, YamlScalar) or not parts.targets:
            return None
        return lowering.block(lambda: lowering.iterable(over, parts.over_at))
    value = node.value if isinstance(node, YamlScalar) else None
    if isinstance(value, str) and isinstance(node, YamlScalar):
        count = node
        return lowering.block(lambda: lowering.text(count))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Block((), Literal(value))
    wrong(form.reading, node, "`repeat`", "a number of turns")
    return None


def declare_branch(
    form: OpsForm, node: YamlMapping, group: Scope, scope: Scope, level: Level, record: bool
) -> BranchParts:
    """Declare the names of a branch: those that both sides declare are seen outside."""
    reading, parts = form.reading, BranchParts()
    names: list[dict[str, int]] = []
    for side in ("then", "else"):
        inner = Scope(group.path, scope, record, group.span)
        inner_level = type(level)(scope=inner)
        if side not in node:
            hint = "both sides declare the names that are seen outside"
            reading.findings.add("GC112", f"the branch `{group.path}` has no `{side}`", node.span, hint)
        _declare_side(form, node.get(side), inner, inner_level, side)
        parts.sides.append(inner_level)
        names.append(dict(inner.slots()))
    then, otherwise = names
    for dotted, slot in then.items():
        if dotted in otherwise:
            outer = reading.slot(group.full(dotted), "op", reading.graph.values[slot].span)
            group.put(dotted, outer)
            parts.merged.append((outer, slot, otherwise[dotted]))
            if level.listed:
                reading.declared[group.full(dotted)] = outer
    for side, mine, other in (("then", then, otherwise), ("else", otherwise, then)):
        only = {dotted.partition(".")[0] for dotted in mine if dotted not in other}
        _hide(form, group, only, f"exists only in `{side}` of the branch `{group.path}`: declare it on both sides")
    if then and otherwise and not parts.merged:
        message = f"the two sides of the branch `{group.path}` share no name"
        reading.findings.add("GC210", message, node.span, "the names that both sides declare are seen outside")
    return parts


def _declare_side(form: OpsForm, node: Yaml | None, scope: Scope, level: Level, side: str) -> None:
    if isinstance(node, YamlScalar) and node.value is not None:
        hint = "a side is a mapping of ops: `{out: …}`; a choice of two values is an expression: `a if c else b`"
        wrong(form.reading, node, f"`{side}`", "a mapping of names and ops", hint)
    else:
        form.declare(node, scope, level, f"`{side}`")


def lower_branch(form: OpsForm, op: Op, parts: BranchParts) -> None:
    """Append the branch to the statements of its op."""
    node = op.node
    assert isinstance(node, YamlMapping)
    lowering = form.lowering(op)
    test = node.get("if")
    if test is None:
        form.reading.findings.add("GC112", f"the branch `{op.name}` has no `if`", node.span)
        return
    condition = lowering.block(lambda: expression_or_number(lowering, test, "if"))
    blocks = []
    for side in parts.sides:
        statements, uses = form.lower(side)
        op.uses.extend(uses)
        blocks.append(Block(statements))
    op.statements.append(Branch(condition, blocks[0], blocks[1], tuple(parts.merged), op.span))
