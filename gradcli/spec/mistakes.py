"""Mistakes: what to say of a name, an op, a method or an attribute that is not there, or not the spec's way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gradcli.spec.language import OWN_ATTRIBUTES, VALUE_ATTRIBUTES, VALUE_METHODS, own_way
from gradcli.spec.names import Scope
from gradcli.spec.reading import Reading

_ALL_OPS = "`gradcli ops` lists all ops"
_PYTHON = {"true": "True", "false": "False", "none": "None", "null": "None"}


class Mistake(NamedTuple):
    """A finding without its place."""

    code: str
    message: str
    hint: str | None = None


def unknown_name(reading: Reading, scope: Scope, name: str) -> Mistake:
    """A name that means nothing where it stands."""
    if reading.root.find(name) is not None:
        message = f"`{name}` is an op; inputs and parameters see only each other"
        return Mistake("GC207", message, "move what needs it to `ops`")
    if name in reading.inner:
        return Mistake("GC207", f"`{name}` {reading.inner[name]}")
    if reading.ops.find_bare(name):
        return Mistake("GC201", f"`{name}` is an op, not a value", f"write `{name}(…)`")
    if name in _PYTHON:
        return Mistake("GC201", f"`{name}` is not declared", f"in an expression it is `{_PYTHON[name]}`")
    return Mistake("GC201", f"`{name}` is not declared", reading.suggest_name(name, scope))


def unknown_member(reading: Reading, group: Scope, name: str) -> Mistake:
    """A name that a scope, a loop or a branch does not show."""
    full = f"{group.path}.{name}"
    if name in group.hidden:
        return Mistake("GC207", f"`{full}` {group.hidden[name]}")
    members = [f"{group.path}.{member}" for member in group.names]
    hint = reading.findings.suggest(full, members, f"it has {_listed(members)}")
    return Mistake("GC201", f"`{full}` is not declared", hint)


def group_as_value(group: Scope) -> Mistake:
    """A scope, a loop or a branch where a value is asked for."""
    members = _listed(f"{group.path}.{name}" for name, _ in group.slots())
    return Mistake("GC209", f"`{group.path}` is a group of tensors, not one", f"name one of its tensors: {members}")


def op_as_value(reading: Reading, scope: Scope, name: str) -> Mistake:
    """The dotted name of an op, or the beginning of one, where a value is asked for."""
    if reading.ops.find_exact(name):
        return Mistake("GC201", f"`{name}` is an op, not a value", f"write `{name}(…)`")
    if name in reading.spaces:
        return Mistake("GC201", f"`{name}` is a namespace of ops, not a value", f"write `{name}.NAME(…)`")
    return Mistake("GC201", f"`{name}` is not declared", reading.suggest_name(name, scope))


def unknown_op(reading: Reading, scope: Scope, name: str) -> Mistake:
    """A call of something that is no op."""
    way = own_way(name.rpartition(".")[2])
    if way:
        return Mistake("GC122", f"`{name}` is not part of the language", way)
    if scope.find(name) is not None:
        return Mistake("GC202", f"`{name}` is a value, not an op", f"to index it, write `{name}[…]`")
    return Mistake("GC202", f"there is no op `{name}`", reading.suggest_op(name))


def unknown_method(reading: Reading, name: str) -> Mistake:
    """A method that no value has."""
    way = own_way(name)
    if way:
        return Mistake("GC122", f"`.{name}()` is not part of the language", way)
    if name.startswith("_"):
        return Mistake("GC121", f"`.{name}`: private attributes are not part of the language")
    if reading.ops.find_attribute(name) or name in VALUE_ATTRIBUTES:
        return Mistake("GC202", f"`{name}` is an attribute, not a method", f"write `.{name}` without `()`")
    hint = reading.findings.suggest(name, [*VALUE_METHODS, *reading.op_names], _ALL_OPS)
    return Mistake("GC202", f"there is no method `{name}`", hint)


def unknown_attribute(reading: Reading, name: str) -> Mistake:
    """An attribute that no value has."""
    if name == "grad":
        message = "`.grad` is there after a backward pass only, in `backward` and `expect`"
        return Mistake("GC207", message, "inside `ops` a gradient is an op: `autograd.grad(y, x)[0]`")
    if name.startswith("_"):
        return Mistake("GC121", f"`.{name}`: private attributes are not part of the language")
    way = OWN_ATTRIBUTES.get(name) or own_way(name)
    if way:
        return Mistake("GC122", f"`.{name}` is not part of the language", way)
    if reading.ops.find_method(name) or name in VALUE_METHODS:
        return Mistake("GC202", f"`{name}` is a method", f"call it: `.{name}()`")
    candidates = [*VALUE_ATTRIBUTES, *reading.ops.result_names(), *VALUE_METHODS, *reading.op_names]
    return Mistake("GC202", f"there is no attribute `{name}`", reading.findings.suggest(name, candidates))


def _listed(names: Iterable[str]) -> str:
    shown = [f"`{name}`" for name in list(names)[:6]]
    return ", ".join(shown) or "no names"
