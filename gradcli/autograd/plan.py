"""The Plan: one evaluation flattened to the kernel calls that it made, for doing the same again with other numbers.

A Tape runs an evaluation over Traced values, the third interpreter of every op and formula after arrays and Tensors: each
kernel call is run and written down. `plan` then keeps what the wanted results need and writes it as one Python function of
assignments, `v7 = k3(v1, v6)`; the names in it are slots, never anything that a user wrote. What looks at values on the
way (control flow, random draws inside a kernel, sizes that depend on data) raises NotPlannable: such a spec is evaluated
anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np

from gradcli.autograd.lanes import divided, taken_apart
from gradcli.ops import _random, operators
from gradcli.ops._op import TAPE, Op

MOST_CALLS = 100_000
"""Longer evaluations are not planned: writing them down would cost more than it saves."""

SYMBOLS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/", np.negative: "-"}
"""Functions that are written as operators, which on NumPy's scalars are ten times faster."""


class NotPlannable(Exception):
    """Something looked at a value, so the next evaluation might take another way."""


class Traced(operators.Operators):
    """A raw value on a tape: it has a shape, a dtype and a slot, and nobody may look at its numbers."""

    __slots__ = ("raw", "slot", "tape")

    def __init__(self, raw: Any, slot: int, tape: Tape) -> None:
        self.raw, self.slot, self.tape = raw, slot, tape

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all dimensions."""
        return self.raw.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.raw.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.raw.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.raw.dtype  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        """The memory layout, which is the same in every evaluation."""
        return self.raw.strides  # type: ignore[no-any-return]

    @property
    def real(self) -> Any:
        """The real part."""
        return self.tape.call(_real, [self]) if self.raw.dtype.kind == "c" else self

    def astype(self, dtype: Any) -> Any:
        """Return the values in another dtype, as promotion does."""
        return self.tape.call(_astype, [self, dtype], elementwise=True)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotPlannable

    __array__ = __bool__ = __int__ = __float__ = __len__ = __iter__ = item = tolist = copy = _refuse

    def __apply__(self, op: Op, values: list[Any]) -> Any:
        """Run an op's kernel and write the call down."""
        return self.tape.run(op, values)


def _real(x: Any) -> Any:
    return x.real


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


class _NoDraws:
    """Stands for the random generator where a kernel runs: what it draws would not be drawn again."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NotPlannable


_NO_DRAWS = _NoDraws()


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One kernel call: Traced arguments stand for their slots; several results have several slots.

    symbol: how the function is written as an operator
    elementwise: whether the result's elements depend on the arguments' elements at their place only
    shape, dtype: the first result's
    op: whose kernel it is, if one's
    results: the values that it made in the first evaluation
    into: which argument's array the function writes to (autograd.reuse)
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    outs: tuple[int, ...]
    several: bool
    symbol: str | None = None
    elementwise: bool = False
    shape: tuple[int, ...] = ()
    dtype: Any = None
    op: Op | None = None
    results: tuple[Traced, ...] = ()
    into: int | None = None

    def read(self) -> Iterator[int]:
        """Yield the slots that the call reads, as often as it does."""
        for value in self.args:
            yield from slots(value)

    def replaced(self, args: tuple[Any, ...]) -> Call:
        """Return this call with other arguments."""
        return replace(self, args=args)


class Tape:
    """The kernel calls of one evaluation, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.values: list[Traced] = []
        self.inputs: dict[str, int] = {}
        self._known: dict[Any, Any] = {}

    def traced(self, raw: Any) -> Traced:
        """Return a raw value under a slot of its own."""
        self.values.append(Traced(raw, len(self.values), self))
        return self.values[-1]

    def forget(self) -> None:
        """Let go of all numbers once the plan is written: what is left of a traced value is its slot."""
        for value in self.values:
            value.raw = None
        self.calls.clear()
        self.values.clear()
        self._known.clear()

    def input(self, name: str, raw: Any) -> Traced:
        """Return the value of an input, which every call of the plan is given anew."""
        value = self.traced(raw[()] if raw.ndim == 0 else raw)
        self.inputs[name] = value.slot
        return value

    def run(self, op: Op, values: Sequence[Any]) -> Any:
        """Run an op; on constants alone it is folded, else written down."""
        if not any(map(_is_traced, values)):
            return op.run(values)
        apart = taken_apart(op, values) if op.elementwise else divided(op, values)
        return self.call(_kernel(op), list(values), op.elementwise, op) if apart is None else apart

    def call(
        self, function: Callable[..., Any], values: list[Any], elementwise: bool = False, op: Op | None = None
    ) -> Any:  # fmt: skip
        """Call a function on the raw values and write the call down, unless the very same call was made before."""
        key = (function, *map(key_of, values))
        if key in self._known:
            return self._known[key]
        if len(self.calls) >= MOST_CALLS:
            raise NotPlannable
        with _random.using(_NO_DRAWS):
            result = function(*map(_raw, values))
        several = isinstance(result, (tuple, list))
        traced = tuple(map(self.traced, result)) if several else (self.traced(result),)
        outs = tuple(t.slot for t in traced)
        about = (traced[0].shape, traced[0].dtype) if traced else ((), None)
        self.calls.append(Call(function, tuple(values), outs, several, _symbol(function), elementwise, *about, op, traced))
        self._known[key] = traced if several else traced[0]
        return self._known[key]


_kernels: dict[Op, Callable[..., Any]] = {}


def _kernel(op: Op) -> Callable[..., Any]:
    """Return an op's kernel as a function of one value per parameter."""
    if op.keyword_from == len(op.params):
        return op.kernel
    return _kernels.setdefault(op, lambda *values: op.run(values))


def _symbol(function: Callable[..., Any]) -> str | None:
    return SYMBOLS.get(function) if isinstance(function, np.ufunc) else None


def _is_traced(value: Any) -> bool:
    return type(value) is Traced or (type(value) in (list, tuple) and any(map(_is_traced, value)))


def _raw(value: Any) -> Any:
    if type(value) is Traced:
        return value.raw
    return type(value)(map(_raw, value)) if type(value) in (list, tuple) else value


def key_of(value: Any) -> Any:
    """Return what makes two arguments the same: slots, numbers with their type, arrays by identity."""
    if type(value) is Traced:
        return ("slot", value.slot)
    if type(value) in (list, tuple):
        return (type(value), *map(key_of, value))
    if value is None or type(value) in (bool, int, str):
        return (type(value), value)
    return (type(value), repr(value)) if type(value) in (float, complex) else ("id", id(value))


@contextmanager
def taping(tape: Tape | None) -> Iterator[None]:
    """Write down on this tape what ops on Traced values do inside (None: on no tape)."""
    token = TAPE.set(tape)
    try:
        yield
    finally:
        TAPE.reset(token)


def plan(tape: Tape, wanted: Sequence[int], later: Collection[int] = ()) -> Callable[..., tuple[Any, ...]]:
    """Return a function from the inputs' values, in the tape's order, to the values in the wanted slots.

    Of those that are wanted `later`, it may give shards.Parts instead.
    """
    from gradcli.autograd.bare import bared
    from gradcli.autograd.batches import batched
    from gradcli.autograd.blocks import fused
    from gradcli.autograd.joins import joined
    from gradcli.autograd.reuse import reused, uncopied
    from gradcli.autograd.shards import sharded
    from gradcli.autograd.totals import totalled

    calls: Sequence[Call] = tape.calls
    passes = (needed, joined, totalled, batched, needed, uncopied, reused, partial(sharded, later=later), fused, bared)
    for rewritten in passes:
        calls = rewritten(calls, wanted)
    return function_of(calls, list(tape.inputs.values()), wanted)


def function_of(calls: Sequence[Call], inputs: Sequence[int], wanted: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
    """Return calls as one Python function from the values in some slots to those in others."""
    writer = Writer(last_uses(calls), set(wanted))
    arguments = [writer.assigned(slot) for slot in inputs]
    lines = [writer.line(number, call) for number, call in enumerate(calls)]
    results = "".join(f"{writer.names[slot]}, " for slot in wanted)
    return writer.written(arguments, [*lines, f"return ({results})"])


def needed(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls on which the wanted slots depend, in their order."""
    alive = set(wanted)
    kept = []
    for call in reversed(calls):
        if not alive.isdisjoint(call.outs):
            kept.append(call)
            alive.update(call.read())
    return kept[::-1]


def last_uses(calls: Sequence[Call]) -> dict[int, int]:
    """Return, for every slot that is used, the number of the last call that uses it."""
    return {slot: number for number, call in enumerate(calls) for slot in call.read()}


def slots(value: Any) -> Iterator[int]:
    """Yield the slots in an argument."""
    if type(value) is Traced:
        yield value.slot
    elif type(value) in (list, tuple):
        for item in value:
            yield from slots(item)


def renamed(value: Any, same: Mapping[int, Traced]) -> Any:
    """Return an argument with other values in place of those in some slots."""
    if type(value) is Traced:
        return same.get(value.slot, value)
    return type(value)(renamed(item, same) for item in value) if type(value) in (list, tuple) else value


class Writer:
    """Writes calls as assignments; a name is used again after its value's last use, so that memory is free early."""

    def __init__(self, last: dict[int, int], wanted: set[int]) -> None:
        self.last, self.wanted = last, wanted
        self.constants: dict[str, Any] = {"__builtins__": {}}
        self.names: dict[int, str] = {}
        self._free: list[str] = []
        self._count = 0
        self._constant_names: dict[int, str] = {}

    def assigned(self, slot: int) -> str:
        """Return the name that a slot gets."""
        if self._free:
            self.names[slot] = self._free.pop()
        else:
            self.names[slot] = f"v{self._count}"
            self._count += 1
        return self.names[slot]

    def written(self, arguments: Sequence[str], lines: Sequence[str]) -> Callable[..., Any]:
        """Return lines as a Python function of these arguments."""
        source = "\n    ".join([f"def program({', '.join(arguments)}):", *lines])
        exec(compile(source, "<plan>", "exec"), self.constants)
        return self.constants["program"]  # type: ignore[no-any-return]

    def line(self, number: int, call: Call) -> str:
        """Return the assignment of one call."""
        args = [self._written(value) for value in call.args]
        right = self._right(call, args)
        ending = {slot for slot in call.read() if self.last[slot] == number}
        self._free += [self.names[slot] for slot in ending - self.wanted]
        left = [self.assigned(slot) for slot in call.outs]
        self._free += [self.names[slot] for slot in call.outs if slot not in self.last and slot not in self.wanted]
        return f"{', '.join(left)}{',' if call.several else ''} = {right}"

    def _right(self, call: Call, args: Sequence[str]) -> str:
        if call.into is not None:
            return f"{self._constant(call.function)}({', '.join(args)}, out={args[call.into]})"
        if call.symbol is None:
            return f"{self._constant(call.function)}({', '.join(args)})"
        return f" {call.symbol} ".join(args) if len(args) > 1 else f"{call.symbol}{args[0]}"

    def _constant(self, value: Any) -> str:
        if id(value) not in self._constant_names:
            name = self._constant_names[id(value)] = f"k{len(self._constant_names)}"
            self.constants[name] = value
        return self._constant_names[id(value)]

    def _written(self, value: Any) -> str:
        if type(value) is Traced:
            return self.names[value.slot]
        if type(value) in (list, tuple) and _is_traced(value):
            items = "".join(f"{self._written(item)}, " for item in value)
            return f"[{items}]" if type(value) is list else f"({items})"
        return repr(value) if value is None or type(value) in (bool, int, str) else self._constant(value)
