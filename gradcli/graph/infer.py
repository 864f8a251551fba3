"""Inference: what can be found wrong with a graph from shapes and dtypes alone, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradcli.autograd.backward import check_roots
from gradcli.autograd.tensor import Tensor, recording
from gradcli.errors import LimitError, OpError, SpecError
from gradcli.graph.call import call_target
from gradcli.graph.evaluate import LEAF, Evaluator, located
from gradcli.graph.graph import (
    Apply,
    BackwardStep,
    Block,
    Branch,
    Choose,
    Graph,
    LeafValue,
    Logical,
    Loop,
    Mark,
    Statement,
    Unpack,
)
from gradcli.graph.settings import Limits, settings
from gradcli.graph.symbol import Symbol
from gradcli.ops import registry
from gradcli.ops._budget import BUDGET, Budget, resident_bytes
from gradcli.progress import follow
from gradcli.source.diagnostic import Diagnostic

ALLOWANCE = 64 << 20
"""Bytes that inference may use: what is larger stays unknown."""


def infer(graph: Graph) -> list[Diagnostic]:
    """Return every finding of a graph: shapes and dtypes that do not fit, outputs that cannot be differentiated.

    Each problem is reported once, where it arises; what depends on it, or on data, is unknown and not judged.
    """
    inference = Inference(graph)
    with settings(graph, Limits()):
        token = BUDGET.set(Budget(resident_bytes() + ALLOWANCE))
        try:
            inference.all()
        finally:
            BUDGET.reset(token)
    return inference.found


class Inference(Evaluator):
    """An evaluator over symbols: findings are collected, and what they spoil is unknown."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, Limits())
        self.tensors = Evaluator(graph, Limits())
        self.found: list[Diagnostic] = []

    def all(self) -> None:
        """Infer leaves, statements and steps."""
        for leaf in self.graph.leaves:
            self.leaf(leaf)
        for leaf in self.graph.leaves:
            if self.slots[leaf.slot] is None:
                self.slots[leaf.slot] = Symbol(None)
        self.run(follow("checking", "ops", self.graph.statements))
        for step in self.graph.steps:
            if isinstance(step, BackwardStep):
                self._step(step)

    def leaf(self, leaf: LeafValue, overrides: Mapping[str, Any] | None = None, tape: Any = None) -> None:
        """Fill a leaf's slot with the symbol of the tensor that its form makes, where that is small."""
        self.made[leaf.slot] = LEAF
        try:
            with recording(False):
                self.tensors.leaf(leaf)
            self.slots[leaf.slot] = Symbol.of(self.tensors.slots[leaf.slot])
        except SpecError as error:
            if all(isinstance(self.slots[other.slot], Symbol) for other in self._before(leaf)):
                self._note(error)
            self.slots[leaf.slot] = None

    def _before(self, leaf: LeafValue) -> Sequence[LeafValue]:
        """Return the leaves before this one, which it may use."""
        return self.graph.leaves[: self.graph.leaves.index(leaf)]

    def _note(self, error: SpecError) -> None:
        """Keep the findings of an error, limits aside, which only an evaluation can exceed."""
        self.found.extend(d for d in error.diagnostics if not d.code.startswith("GC9") and d not in self.found)

    def run(self, statements: Iterable[Statement]) -> None:
        """Infer statements in order; what fails is noted and unknown."""
        for statement in statements:
            try:
                getattr(self, self.METHODS[type(statement)])(statement)
            except SpecError as error:
                self._note(error)
                self._spoil(statement)
            except LimitError:
                self._spoil(statement)
            except OpError as error:
                self._note(located(self.hinted(error, statement), statement.span))
                self._spoil(statement)
            except Exception:
                self._spoil(statement)

    def _spoil(self, statement: Statement) -> None:
        if isinstance(statement, Apply | Choose | Logical):
            self._unknown(statement.out)
        elif isinstance(statement, Unpack):
            for out in statement.outs:
                self._unknown(out)
        elif isinstance(statement, Branch):
            for outer, _, _ in statement.merged:
                self._unknown(outer)
        elif isinstance(statement, Loop):
            for carried in statement.carry:
                self._unknown(carried.outside)

    def _unknown(self, slot: int) -> None:
        self.slots[slot], self.made[slot] = Symbol(None), LEAF

    def _apply(self, s: Apply) -> None:
        args = [self.read(arg) for arg in s.args]
        kwargs = {key: self.read(arg) for key, arg in s.kwargs}
        with recording(s.record):
            call = gradients if s.target == "autograd.grad" else call_target
            self.slots[s.out] = Symbol.of(call(s.target, args, kwargs))
        self.made[s.out] = s.target

    def _unpack(self, s: Unpack) -> None:
        if isinstance(self.read(s.arg), Symbol):
            self._spoil(s)
        else:
            super()._unpack(s)

    def _mark(self, s: Mark) -> None:
        symbol = self.slots[s.slot]
        if not isinstance(symbol, Symbol):
            super()._mark(s)
        elif s.requires_grad is not None and symbol.known:
            self.slots[s.slot] = Symbol(symbol.shape, symbol.dtype, s.requires_grad or symbol.requires_grad)

    def _truth(self, block: Block) -> bool | None:
        """Return whether a condition holds, or None where only an evaluation knows."""
        value = self.value(block)
        return None if isinstance(value, (Symbol, Tensor)) else bool(value)

    def _choose(self, s: Choose) -> None:
        truth = self._truth(s.condition)
        if truth is not None:
            self._finish(s.out, s.then if truth else s.otherwise)
            return
        self._finish(s.out, s.then)
        first = self.slots[s.out]
        self._finish(s.out, s.otherwise)
        self.slots[s.out] = joined(first, self.slots[s.out])

    def _logical(self, s: Logical) -> None:
        for operand in s.operands:
            self._finish(s.out, operand)
        self._unknown(s.out)

    def _branch(self, s: Branch) -> None:
        truth = self._truth(s.condition)
        if truth is not False:
            self.run(s.then.statements)
        if truth is not True:
            self.run(s.otherwise.statements)
        for outer, then, otherwise in s.merged:
            one, other = self.slots[then], self.slots[otherwise]
            self.made[outer] = LEAF
            self.slots[outer] = joined(one, other) if truth is None else one if truth else other

    def _loop(self, s: Loop) -> None:
        for carried in s.carry:
            self.slots[carried.inside], self.made[carried.inside] = Symbol.of(self.form(carried.initial, carried=True)), LEAF
        before = [self.slots[c.inside] for c in s.carry]
        self._bind_targets(s)
        if s.condition is not None:
            self._truth(s.condition)
        self.run(s.body.statements)
        self._next_turn([(c.inside, c.update) for c in s.carry if c.update is not None])
        for carried, start in zip(s.carry, before, strict=True):
            self.made[carried.outside] = LEAF
            self.slots[carried.outside] = joined(start, self.slots[carried.inside])

    def _bind_targets(self, s: Loop) -> None:
        """Bind a loop's names to what a first item looks like."""
        item = None if s.over is None else _first(self.value(s.over))
        items = item if len(s.targets) > 1 and isinstance(item, tuple) else (item,) * len(s.targets)
        for slot, value in zip(s.targets, items, strict=False):
            self.slots[slot], self.made[slot] = Symbol(None) if value is None else value, LEAF

    def _step(self, step: BackwardStep) -> None:
        """Note why a step's outputs cannot be differentiated with its seed vectors."""
        try:
            outputs = [self.value(output.expression) for output in step.outputs]
            seeds = [None if o.v is None else self._seed(o.v, out) for o, out in zip(step.outputs, outputs, strict=True)]
            if all(isinstance(v, Symbol) and v.known for v in (*outputs, *(v for v in seeds if v is not None))):
                check_roots(outputs, seeds)
        except SpecError as error:
            self._note(error)
        except OpError as error:
            self._note(located(error, step.outputs[0].span if step.outputs else step.span))
        except Exception:
            return

    def _seed(self, form: Any, output: Any) -> Any:
        return Symbol.of(self.form(form, dtype=str(output.dtype)))


def gradients(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Symbol, ...]:
    """Return what autograd.grad gives: for each input a tensor like it."""
    _, inputs, _, _, create_graph, _ = registry.overloads(target)[0].signature.bind("grad", args, kwargs)
    found = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
    return tuple(Symbol(x.shape, x.dtype, bool(create_graph)) for x in found)


def joined(one: Any, other: Any) -> Any:
    """Return what holds for both of two values: the symbol that both are, else an unknown one."""
    if isinstance(one, Symbol) and isinstance(other, Symbol) and one.known and other.known:
        if (one.shape, one.dtype) == (other.shape, other.dtype):
            return Symbol(one.shape, one.dtype, one.requires_grad or other.requires_grad)
    elif not isinstance(one, Symbol) and type(one) is type(other) and one == other:
        return one
    return Symbol(None)


def _first(over: Any) -> Any:
    """Return what the first item of an iterable looks like; None where it is not known."""
    if isinstance(over, Symbol):
        return Symbol(over.shape[1:], over.dtype, over.requires_grad) if over.known and over.ndim else None
    if isinstance(over, (range, list, tuple)) and len(over):
        return over[0]
    return None


