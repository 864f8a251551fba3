"""Evaluation: runs a Graph's statements over its slots, then its backward steps.

The graph is built anew each time: loops and branches look at values, and only what ran is in the backward graph. Depth
of recursion is the nesting of blocks in the spec, which the loader limits; a chain of ops is a flat list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad
from gradcli.autograd.grad_fn import next_sequence
from gradcli.autograd.plan import Tape, taping
from gradcli.autograd.tensor import Tensor, recording
from gradcli.errors import AutogradError, BindError, LimitError, OpError, SpecError
from gradcli.graph.call import call_target
from gradcli.graph.graph import (
    Alias,
    Apply,
    Arg,
    Block,
    Branch,
    Choose,
    Data,
    Graph,
    LeafValue,
    Literal,
    Logical,
    Loop,
    Mark,
    Ref,
    Statement,
    Step,
    TensorForm,
    Unpack,
)  # fmt: skip
from gradcli.graph.literal import array_of
from gradcli.graph.settings import Limits as Limits
from gradcli.graph.settings import check_memory, settings
from gradcli.ops import operators
from gradcli.ops._promotion import as_dtype
from gradcli.progress import WATCHED, follow
from gradcli.source.span import Span
from gradcli.types.dtype import DEFAULT, is_differentiable

OP_ERRORS = (OpError, ValueError, TypeError, IndexError, ArithmeticError, MemoryError, np.linalg.LinAlgError, RecursionError)


@dataclass(slots=True, eq=False, repr=False)
class StepResult:
    """What one step did: its outputs' names and seed vectors, and every grad right after it."""

    step: Step
    v: list[Any] = field(default_factory=list)
    grads: dict[str, Any] = field(default_factory=dict)

    def arrays(self) -> dict[str, np.ndarray[Any, Any] | None]:
        """Return the grads as arrays."""
        return {name: None if g is None else np.asarray(g) for name, g in self.grads.items()}


@dataclass(slots=True, eq=False, repr=False)
class Evaluation:
    """What an evaluation has so far: the value of each slot (None: not reached), who made it, and the steps done."""

    graph: Graph
    slots: list[Any]
    made: list[str | None]
    steps: list[StepResult] = field(default_factory=list)
    error: SpecError | None = None

    def __getitem__(self, name: str) -> Any:
        """Return the value under a declared name or a part's name."""
        return self.slots[self.graph.names[name]]

    def reached(self, name: str) -> bool:
        """Return whether the value under a name was computed."""
        return self.made[self.graph.names[name]] is not None


LEAF = "leaf"
MANY_TURNS = 1000
"""The turns of a loop from which on it is said how many of them are done."""
_NOTHING: dict[str, Any] = {}


class Evaluator:
    """Runs statements over slots; one object is one evaluation."""

    METHODS: ClassVar[dict[type, str]] = {
        Apply: "_apply", Alias: "_alias", Mark: "_mark", Choose: "_choose", Logical: "_logical", Branch: "_branch",
        Loop: "_loop", Unpack: "_unpack",
    }  # fmt: skip
    """What runs a statement, by name: an object with its own bound methods is a cycle, and would keep all values alive."""

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self.graph, self.limits = graph, limits
        self.slots: list[Any] = [None] * len(graph.values)
        self.made: list[str | None] = [None] * len(graph.values)
        self.turns = 0

    def read(self, arg: Arg) -> Any:
        """Return what an argument stands for."""
        if isinstance(arg, Ref):
            return self.slots[arg.slot]
        if isinstance(arg, Literal):
            return arg.value
        return _PACKERS[arg.kind]([self.read(item) for item in arg.items])

    def run(self, statements: Iterable[Statement]) -> None:
        """Run statements in order; raise SpecError at the place of the one that fails."""
        methods = self.METHODS
        for statement in statements:
            try:
                if type(statement) is Apply:
                    self._apply(statement)
                else:
                    getattr(self, methods[type(statement)])(statement)
            except OP_ERRORS as error:
                raise located(self.hinted(error, statement), statement.span) from error

    def hinted(self, error: Exception, statement: Statement) -> Exception:
        """Return an error about shapes or dtypes with a hint that says what the operands are."""
        if isinstance(error, OpError) and error.hint is None and error.code.startswith("GC3") and isinstance(statement, Apply):
            operands = dict.fromkeys(arg.slot for arg in statement.args if isinstance(arg, Ref))
            told = [self._operand(slot) for slot in operands if operators.is_tensor(self.slots[slot])]
            error.hint = ", ".join(text for text in told if text) or None
        return error

    def _operand(self, slot: int) -> str:
        """Return a tensor's name, shape and dtype as hints write them."""
        name, value = self.graph.values[slot].name, self.slots[slot]
        return f"`{name}` is {value.dtype} of shape {list(value.shape)}" if name else ""

    def value(self, block: Block) -> Any:
        """Run a block and return its value."""
        self.run(block.statements)
        return None if block.result is None else self.read(block.result)

    def _apply(self, s: Apply) -> None:
        out, target, arguments, named, _, record = s
        slots = self.slots
        args = [slots[arg.slot] if type(arg) is Ref else self.read(arg) for arg in arguments]
        kwargs = {key: self.read(arg) for key, arg in named} if named else _NOTHING
        if record:
            slots[out] = call_target(target, args, kwargs)
        else:
            with recording(False):
                slots[out] = call_target(target, args, kwargs)
        self.made[out] = target

    def _alias(self, s: Alias) -> None:
        self._assign(s.out, s.arg)

    def _unpack(self, s: Unpack) -> None:
        items = unpacked(self.read(s.arg), len(s.outs))
        made = self.made[s.arg.slot] if type(s.arg) is Ref else None
        for out, item in zip(s.outs, items, strict=True):
            self.slots[out], self.made[out] = item, made or LEAF

    def _assign(self, slot: int, arg: Arg) -> None:
        self.slots[slot] = self.read(arg)
        self.made[slot] = (self.made[arg.slot] if type(arg) is Ref else None) or LEAF

    def _mark(self, s: Mark) -> None:
        tensor = self.slots[s.slot]
        if not isinstance(tensor, Tensor):
            raise BindError("retain_grad and requires_grad belong to ops that give one tensor", code="GC209")
        if s.requires_grad is not None:
            set_requires_grad(tensor, s.requires_grad)
        if s.retain_grad:
            tensor.retain_grad()

    def _choose(self, s: Choose) -> None:
        block = s.then if bool(self.value(s.condition)) else s.otherwise
        self._finish(s.out, block)

    def _finish(self, out: int, block: Block) -> None:
        """Run a block whose value goes to a slot (it may have been computed in that very slot)."""
        self.run(block.statements)
        if block.result is not None and block.result != Ref(out):
            self._assign(out, block.result)

    def _logical(self, s: Logical) -> None:
        for number, operand in enumerate(s.operands, 1):
            self._finish(s.out, operand)
            if number < len(s.operands) and bool(self.slots[s.out]) == (s.kind == "or"):
                return

    def _branch(self, s: Branch) -> None:
        then = bool(self.value(s.condition))
        self.run((s.then if then else s.otherwise).statements)
        for outer, from_then, from_otherwise in s.merged:
            self._assign(outer, Ref(from_then if then else from_otherwise))

    def _loop(self, s: Loop) -> None:
        for carried in s.carry:
            value = self.form(carried.initial, carried=True)
            self.slots[carried.inside] = value
            self.made[carried.inside] = self._made_by(carried.initial)
        progress = WATCHED.get()
        around = progress.now if progress else None
        updates = [(c.inside, c.update) for c in s.carry if c.update is not None]
        for items in self._turns(s):
            self._count_turn(s)
            for slot, item in zip(s.targets, items, strict=True):
                self.slots[slot], self.made[slot] = item, LEAF
            self.run(s.body.statements)
            self._next_turn(updates)
        for carried in s.carry:
            self._assign(carried.outside, Ref(carried.inside))
        if progress and around:
            progress.now = around

    def _made_by(self, form: TensorForm) -> str | None:
        result = form.source.result if isinstance(form.source, Block) else None
        return (self.made[result.slot] if isinstance(result, Ref) else None) or LEAF

    def _next_turn(self, updates: list[tuple[int, int]]) -> None:
        """Let the new values of the carried names, (slot inside, slot of the next value), take effect together."""
        slots, made = self.slots, self.made
        new = [(inside, slots[update], made[update]) for inside, update in updates]
        for inside, value, by in new:
            slots[inside], made[inside] = value, by

    def _turns(self, s: Loop) -> Iterator[tuple[Any, ...]]:
        """Yield the items of each turn; a `while` yields empty ones as long as its condition holds."""
        if s.condition is not None:
            while bool(self.value(s.condition)):
                yield ()
            return
        assert s.over is not None
        over = self.value(s.over)
        if s.repeat:
            if isinstance(over, Tensor) and not over.ndim and over.dtype.kind in "iu":
                over = over.item()
            if not isinstance(over, int) or isinstance(over, bool):
                raise BindError(f"repeat takes a whole number, not {_describe(over)}", code="GC210")
            over = range(over)
        for item in follow("evaluating", "turns", rows(over), MANY_TURNS):
            yield (item,) * len(s.targets) if len(s.targets) < 2 else unpacked(item, len(s.targets))

    def _count_turn(self, s: Loop) -> None:
        self.turns += 1
        if self.turns > self.limits.max_steps:
            raise LimitError(
                f"the loops took more than {self.limits.max_steps:,} turns", code="GC903", hint="raise it with --max-steps"
            )

    def form(self, form: TensorForm, *, carried: bool = False, dtype: str | None = None) -> Any:
        """Return the tensor that a form writes; a literal takes `dtype` where the form has none of its own."""
        try:
            if isinstance(form.source, Data):
                return self._data(form, carried, dtype)
            value = self.value(form.source)
            if isinstance(value, (bool, int, float, complex)) and not carried:
                value = Tensor(array_of(value, form.dtype or dtype)[()])
            return self._converted(value, form)
        except OP_ERRORS as error:
            raise located(error, form.span) from error

    def _data(self, form: TensorForm, carried: bool, dtype: str | None) -> Any:
        assert isinstance(form.source, Data)
        value = form.source.value
        if form.source.array:
            return self._converted(Tensor(value), form)
        if carried and form.dtype is None and form.requires_grad is None and isinstance(value, (bool, int, float, complex)):
            return value
        return self._converted(Tensor(array_of(value, form.dtype or dtype)), form)

    def _converted(self, value: Any, form: TensorForm) -> Any:
        """Return a form's value in its own dtype, as a new leaf where the form says requires_grad."""
        if form.dtype is not None and isinstance(value, Tensor):
            value = call_target("Tensor.to", [value, form.dtype], {})
        if form.requires_grad is not None and isinstance(value, Tensor):
            value = Tensor(value.data, form.requires_grad)
        return value

    def leaf(self, leaf: LeafValue, overrides: Mapping[str, Any] | None = None, tape: Tape | None = None) -> None:
        """Fill the slot of an input or parameter with a new leaf."""
        slot, form, requires_grad = leaf
        name, kind, _ = self.graph.values[slot]
        data = overrides.get(name) if overrides else None
        if data is None:
            value = self.form(form)
            if not isinstance(value, Tensor):
                raise located(BindError(f"`{form.text}` is {_describe(value)}, not a tensor", code="GC209"), form.span)
            data = value.data
            if kind == "parameter" and data.dtype.kind in "iu" and _is_integer_literal(form):
                data = data.astype(as_dtype(DEFAULT.get()))
        tensor = self._new_leaf(data, requires_grad, form)
        if tape is not None and (data.dtype.kind in "fc" or name in (overrides or ())):
            tensor.data = tape.input(name, data)
        self.slots[slot], self.made[slot] = tensor, LEAF

    def _new_leaf(self, data: Any, requires_grad: bool, form: TensorForm) -> Tensor:
        try:
            return Tensor(data if data.ndim else data[()], requires_grad)  # NumPy computes faster with its scalars
        except AutogradError as error:
            error.hint = f"this tensor is {data.dtype}: write `dtype: float32`, or declare it in inputs"
            raise located(error, form.span) from error


def set_requires_grad(tensor: Tensor, value: bool) -> None:
    """Change a leaf's requires_grad, with PyTorch's errors for other tensors."""
    if not tensor.is_leaf:
        if value:
            return
        raise AutogradError(
            "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
            "that doesn't require differentiation use var_no_grad = var.detach().", code="GC405",
        )  # fmt: skip
    if value and not is_differentiable(str(tensor.dtype)):
        raise AutogradError("only Tensors of floating point dtype can require gradients", code="GC408")
    tensor.requires_grad = value


def rows(value: Any) -> Any:
    """Return what a loop goes over: the rows of a tensor, or the items of a range, zip, list or tuple."""
    if isinstance(value, Tensor):
        if not value.ndim:
            raise BindError("iteration over a 0-d tensor", code="GC210")
        return call_target("Tensor.unbind", [value], {})
    if isinstance(value, (range, list, tuple)):
        return value
    raise BindError(f"`for` goes over a tensor, range or zip, not {_describe(value)}", code="GC210")


def unpacked(item: Any, count: int) -> tuple[Any, ...]:
    """Return the values that one item has for several names."""
    items = tuple(rows(item))
    if len(items) != count:
        raise BindError(f"{len(items)} values for {count} names", code="GC208")
    return items


def located(error: Exception, span: Span) -> SpecError:
    """Return an error of an op as a finding at a place."""
    if isinstance(error, SpecError):
        return error
    if isinstance(error, OpError):
        return SpecError(error.at(span))
    if isinstance(error, MemoryError):
        return SpecError(LimitError("the memory is used up", code="GC901").at(span))
    code = "GC501" if isinstance(error, (ArithmeticError, np.linalg.LinAlgError)) else "GC301"
    return SpecError(OpError(str(error) or type(error).__name__, code=code).at(span))


def _slice(items: list[Any]) -> slice:
    return slice(*(item.item() if isinstance(item, Tensor) else item for item in items))


_PACKERS: dict[str, Callable[[list[Any]], Any]] = {"list": list, "tuple": tuple, "slice": _slice}


def _describe(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"{len(value)} results"
    return "None" if value is None else f"a {type(value).__name__}"


def _is_integer_literal(form: TensorForm) -> bool:
    return isinstance(form.source, Data) and not form.source.array and form.dtype is None


def evaluate(
    graph: Graph, overrides: Mapping[str, Any] | None = None, *, limits: Limits | None = None, steps: bool = True,
    expect: Any = None, tape: Tape | None = None,
) -> Evaluation:  # fmt: skip
    """Evaluate a graph and its backward steps; `overrides` are arrays for inputs and parameters by name.

    Without `steps` only their outputs are computed, and nothing is differentiated. What fails ends the evaluation: the error
    is in the result, beside all that was finished before it. `expect` is called with (evaluator, expectations) after each
    step and at the end. On a `tape` the values are Traced, and what the plan cannot repeat raises NotPlannable.
    """
    from gradcli.graph.steps import compute_outputs, run_step

    limits = limits or Limits()
    evaluator = Evaluator(graph, limits)
    done = Evaluation(graph, evaluator.slots, evaluator.made)
    with settings(graph, limits), taping(tape) if tape is not None else nullcontext():
        progress = WATCHED.get()
        if progress is not None:
            progress.origin = next_sequence()
        try:
            check_memory(limits)
            with recording(False):
                for leaf in graph.leaves:
                    evaluator.leaf(leaf, overrides, tape)
            evaluator.run(follow("evaluating", "ops", graph.statements))
            for step in graph.steps:
                if not steps:
                    compute_outputs(evaluator, step)
                    continue
                done.steps.append(run_step(evaluator, step))
                if expect:
                    expect(evaluator, step.expect)
            if expect:
                expect(evaluator, graph.expectations)
        except SpecError as error:
            done.error = error
    return done
