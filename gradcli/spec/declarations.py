"""Declarations: which names a document declares, before any expression is read."""

from __future__ import annotations

from gradcli.graph.graph import Kind
from gradcli.source.span import Span
from gradcli.spec.names import Scope, flaw, normalized, proposal
from gradcli.spec.reading import Reading


def declare(reading: Reading, scope: Scope, text: str, kind: Kind, span: Span, listed: bool = True) -> tuple[str, int]:
    """Declare a name in a scope: its name as Python reads it, and its slot. `listed` ones are seen in reports."""
    name = text if text.isascii() else normalized(text)
    full = f"{scope.path}.{name}" if scope.path else name
    slot = reading.slot(full, kind, span)
    if (flaw(name) is not None and not sound(reading, text, name, span)) or not fresh(reading, scope, name, span):
        return name, slot
    scope.names[name] = slot
    if listed:
        reading.declared[full] = slot
    return name, slot


def declare_group(reading: Reading, scope: Scope, text: str, span: Span, record: bool = True) -> Scope:
    """Declare the name of a scope, a loop or a branch: a group of names."""
    name = normalized(text)
    group = Scope(scope.full(name), None, record, span)
    if sound(reading, text, name, span) and fresh(reading, scope, name, span):
        scope.names[name] = group
    return group


def sound(reading: Reading, text: str, name: str, span: Span) -> bool:
    """Whether a text is a name; if not, that is a finding."""
    wrong = flaw(name)
    if wrong is None:
        return True
    hint = f"`{proposal(name)}` is one"
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        group, _, last = name.rpartition(".")
        hint = f"dotted names come from scopes: `{group}: {{ops: {{{last}: …}}}}`"
    reading.findings.add("GC204", f"`{text}` {wrong} and cannot be a name", span, hint)
    return False


def fresh(reading: Reading, scope: Scope, name: str, span: Span) -> bool:
    """Whether a name is not declared in this scope yet; if it is, that is a finding that shows both places."""
    there = scope.names.get(name)
    if there is None and scope.path == "":
        there = (reading.root if scope is reading.leaves else reading.leaves).names.get(name)
    if there is None:
        return True
    first = there.span if isinstance(there, Scope) else reading.graph.values[there].span
    place = f"it was declared in line {first.line}, column {first.column}" if first else None
    reading.findings.add("GC203", f"`{scope.full(name)}` is declared twice", span, place)
    return False
