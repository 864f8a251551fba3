"""Reading: what is known while one document is read: the graph so far, its names and the findings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.graph import Graph, Kind, Literal, Ref, Value
from gradcli.source.span import Span
from gradcli.spec.findings import Findings
from gradcli.spec.names import Scope
from gradcli.spec.op_names import OpNames

if TYPE_CHECKING:
    from gradcli.spec.templates import Templates

POISON = Literal(None)
"""Stands for a value that could not be read: a finding says why, and nothing is evaluated."""


class Arity(NamedTuple):
    """How many arguments an op takes at most without names, the names of all, and these with NumPy's names."""

    most: int
    names: tuple[str, ...]
    keywords: frozenset[str]


class Reading:
    """The state of reading one document; `leaves` are the names of inputs and parameters, `root` those of ops."""

    def __init__(self, graph: Graph, findings: Findings, ops: OpNames) -> None:
        self.graph, self.findings, self.ops = graph, findings, ops
        self.values, self.refs = graph.values, list[Ref]()
        self.leaves = Scope("", None)
        self.root = Scope("", self.leaves)
        self._arities: dict[str, Arity] = {}
        self.templates: Templates | None = None
        """Where expressions of one shape are lowered once; None in a small document, which repeats little."""
        self.declared: dict[str, int] = {}
        """The full names that reports list, in document order, with their slots."""
        self.parts: dict[str, range] = {}
        """The slots among which the parts of a name are."""
        self.inner: dict[str, str] = {}
        """Names that exist inside of a loop or a branch only, with the reason."""

    def slot(self, name: str, kind: Kind, span: Span) -> int:
        """A new slot for a value."""
        values = self.values
        slot = len(values)
        values.append(Value(name, kind, span))
        self.refs.append(Ref(slot))
        return slot

    def use(self, slot: int, uses: list[int]) -> Ref:
        """A use of a slot, noted among the uses."""
        uses.append(slot)
        return self.refs[slot]

    def arity(self, qualified: str) -> Arity:
        """What all overloads of an op take at most."""
        known = self._arities.get(qualified)
        if known is None:
            known = self._arities[qualified] = _arity(self.ops.overloads(qualified))
        return known

    @cached_property
    def spaces(self) -> frozenset[str]:
        """What can stand before the first dot of an op's name: `torch`, `F`, `linalg`, …"""
        return frozenset({"torch", "F", "nn"} | {name.partition(".")[0] for name in self.ops.names() if "." in name})

    @cached_property
    def op_names(self) -> list[str]:
        """Every spelling of an op, for suggestions."""
        return self.ops.names()

    def suggest_op(self, name: str) -> str | None:
        """A hint with an op whose name is like this one."""
        return self.findings.suggest(name, self.op_names, "`gradcli ops` lists all ops")

    def suggest_name(self, name: str, scope: Scope) -> str | None:
        """A hint with a declared name like this one."""
        ending = "." + name
        inside = next((full for full in self.declared if full.endswith(ending)), None)
        return f"did you mean `{inside}`?" if inside else self.findings.suggest(name, scope.visible())


def _arity(overloads: Sequence[Any]) -> Arity:
    signatures = [overload.signature.params for overload in overloads]
    keywords = frozenset(name for overload in overloads for name in overload.signature.keywords)
    most = 0
    for params in signatures:
        if any(param.varargs for param in params):
            most = _MANY
        most = max(most, sum(not param.keyword_only for param in params))
    return Arity(most, tuple(dict.fromkeys(param.name for params in signatures for param in params)), keywords)


_MANY = 1_000_000
