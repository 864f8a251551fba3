"""Shards: long stretches of a plan done by two threads, each on one half of the batch.

Which calls can be done so, and along which dimension, follows from `splits` call by call. Halves stay halves from one
stretch to the next; they are joined where something needs the whole, and partial sums are added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcli.autograd.bare import bared
from gradcli.autograd.blocks import Blocks, fused, large_shape, scalar
from gradcli.autograd.memory import empty, memory_order
from gradcli.autograd.plan import Call, Traced, Writer, last_uses
from gradcli.autograd.runs import gathered
from gradcli.autograd.splits import SUM, VIEWS, Split, cost, split
from gradcli.autograd.threads import both
from gradcli.ops import product

STARTS = 1 << 16
"""Work of a call from which on it is worth halving its whole arguments."""
LEAST = 1 << 21
"""Work of a stretch from which on it is worth waking another thread."""
LEAST_EACH = 1 << 13
"""Work of its calls on average from which on the interpreter's lock does not keep the threads apart."""

THREADED = frozenset({product.mm, product.addmm})
"""Ops that linear algebra does on several threads by itself."""

Axes = dict[int, Any]


def sharded(calls: Sequence[Call], wanted: Sequence[int], later: Collection[int] = ()) -> list[Call]:
    """Return the calls with stretches of them done in two halves at once; the others are as they were.

    What is wanted `later` may be given as Parts, to be joined by who looks at it.
    """
    axes: Axes = {}
    splits = [_noted(call, axes) for call in calls]
    if not any(splits):
        return list(calls)
    chosen = {id(call): found for call, found in zip(calls, splits, strict=True) if found}
    groups = gathered(calls, lambda call: "shard" if id(call) in chosen else None, lambda call: _whole(call, chosen, axes))
    stretches = [Stretch(run, chosen, axes) if kind and _pays(run) else None for kind, run in groups]
    result: list[Call] = []
    pairs: dict[int, Traced] = {}
    needs = _needs_after(groups, stretches, set(wanted) - set(later))
    for (_, run), stretch, (halves, wholes) in zip(groups, stretches, needs, strict=True):
        if stretch is None:
            result += run
            continue
        given = {slot for slot in later if slot in stretch.results and slot not in wholes}
        totals = {slot for slot in given if axes[slot] == SUM}
        result.append(stretch.call(pairs, halves | given - totals, wholes | totals))
        result += [Call(stretch.place(slot).parts, (pairs[slot],), (slot,), False) for slot in sorted(given - totals)]
    return result


def _noted(call: Call, axes: Axes) -> Split | None:
    """Return how a call is split, if it is, and note what its results then are."""
    known = [axes.get(value.slot) if type(value) is Traced else None for value in call.args]
    given = [None if axis == SUM else axis for axis in known]
    if given.count(None) == len(given) and cost(call) < STARTS:
        return None
    found = split(call, given)
    if found:
        axes.update(zip(call.outs, found.outs, strict=True))
    return found


def _whole(call: Call, chosen: Mapping[int, Split], axes: Axes) -> Iterable[int]:
    """Yield the slots that a split call needs whole although they are halves or partial sums."""
    for value, axis in zip(call.args, chosen[id(call)].args, strict=True):
        if type(value) is Traced and value.slot in axes and axes[value.slot] != axis:
            yield value.slot


def _pays(run: Sequence[Call]) -> bool:
    """Return whether a stretch has work enough for two threads, besides what two threads do anyway."""
    busy = sum(not (call.op and call.op.name in VIEWS) for call in run)
    gained = sum(cost(call) for call in run if not (large_shape(call) or call.op in THREADED))
    return gained >= LEAST and sum(map(cost, run)) >= LEAST_EACH * busy


def _needs_after(
    groups: Sequence[tuple[Any, list[Call]]], stretches: Sequence[Stretch | None], wanted: Sequence[int]
) -> list[tuple[set[int], set[int]]]:  # fmt: skip
    """Return, for each group, which slots are needed after it as halves, and which as wholes."""
    halves: set[int] = set()
    wholes = set(wanted)
    result = []
    for (_, run), stretch in zip(reversed(groups), reversed(stretches), strict=True):
        made = {slot for call in run for slot in call.outs}
        result.append((halves & made, wholes & made))
        if stretch is None:
            wholes.update(slot for call in run for slot in call.read())
        else:
            halves |= stretch.halves
            wholes |= stretch.wholes
    return result[::-1]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the whole of a result goes.

    axis: the dimension that is halved
    sizes: the sizes from the outermost dimension in memory to the innermost
    order: which of these each dimension of the result is
    """

    axis: int
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    dtype: Any

    def empty(self) -> Any:
        """Return an array for the whole, lying in memory as in the first evaluation."""
        return empty(self.sizes, self.dtype).transpose(self.order)

    def parts(self, pair: Sequence[Any]) -> Parts:
        """Return a pair of halves as what they are parts of."""
        return Parts(self, pair)


@dataclass(frozen=True, slots=True)
class Parts:
    """Two halves of an array that nobody has looked at."""

    place: Place
    pair: Sequence[Any]

    def joined(self) -> Any:
        """Return the array."""
        whole = self.place.empty()
        for number, part in enumerate(self.pair):
            half(whole, self.place.axis, number)[...] = part
        return whole


def half(whole: Any, axis: int, number: int) -> Any:
    """Return the first or second half of an array along a dimension."""
    middle = whole.shape[axis] // 2
    return whole[(slice(None),) * axis + (slice(middle) if number == 0 else slice(middle, None),)]


class Stretch:
    """Calls that are done in two halves, one after the other in each."""

    def __init__(self, run: Sequence[Call], chosen: Mapping[int, Split], axes: Axes) -> None:
        self.results = {result.slot: result for call in run for result in call.results}
        self.axes, self.tape = axes, run[0].results[0].tape
        self.inputs: dict[tuple[Any, Any], tuple[Any, Traced]] = {}
        self.body = [self._halved(call, chosen[id(call)]) for call in run]
        read_here = {(value.slot, axis) for (_, axis), (value, _) in self.inputs.items() if type(value) is Traced}
        self.halves = {slot for slot, axis in read_here if axis is not None and axes.get(slot) == axis}
        self.wholes = {slot for slot, axis in read_here if axis is None or axes.get(slot) != axis}

    def _halved(self, call: Call, found: Split) -> Call:
        """Return a call as each thread makes it."""
        whole = map(scalar, call.args) if call.elementwise else call.args
        args = list(map(self._local, whole, found.args))
        if found.size is None:
            return call.replaced(tuple(args))
        args[found.size] = size = (call.shape[0] // 2, *call.shape[1:])
        return replace(call, args=tuple(args), shape=size)

    def _local(self, value: Any, axis: int | None) -> Any:
        """Return what stands for an argument in a half: a slot of its own where it comes from outside."""
        if type(value) in (list, tuple):
            return type(value)(self._local(item, None) for item in value)
        if type(value) is Traced and value.slot in self.results:
            return value
        if type(value) is not Traced and (axis is None or not isinstance(value, np.ndarray)):
            return value
        key = (value.slot if type(value) is Traced else ("constant", id(value)), axis)
        if key not in self.inputs:
            self.inputs[key] = (value, self.tape.traced(value.raw if type(value) is Traced else value))
        return self.inputs[key][1]

    def call(self, pairs: dict[int, Traced], halves: Iterable[int], wholes: Iterable[int]) -> Call:
        """Return the stretch as one call, which gives these slots as halves, and those whole.

        `pairs` are the slots that hold the halves of others: those of stretches before, and from now on this one's.
        """
        taken: list[Any] = []
        ways: list[tuple[Any, bool]] = []
        for (key, axis), (value, _) in self.inputs.items():
            is_pair = key in pairs and axis == self.axes.get(key)
            taken.append(pairs[key] if is_pair else value)
            ways.append((axis, is_pair))
        given, sums, placed = sorted(halves), [], []
        for slot in sorted(wholes):
            (sums if self.axes[slot] == SUM else placed).append(slot)
        places = [self.place(slot) for slot in placed]
        needed = [*given, *sums, *placed]
        body = bared(fused(self.body, needed, threads=False), needed)
        writer = ShardWriter(body, [*given, *sums], placed)
        pairs.update((slot, self.tape.traced(self.results[slot].raw)) for slot in given)
        results = (*(pairs[slot] for slot in given), *(self.results[slot] for slot in (*sums, *placed)))
        function = Shards(writer.function([local.slot for _, local in self.inputs.values()]), ways, len(given), places)
        return Call(function, tuple(taken), tuple(r.slot for r in results), True, results=results)

    def place(self, slot: int) -> Place:
        """Return where the whole of a slot goes."""
        raw = self.results[slot].raw
        return Place(self.axes[slot], *memory_order(raw), raw.dtype)


class ShardWriter(Writer):
    """Writes what one thread does; the halves of results that are needed whole go to their places at once."""

    def __init__(self, body: Sequence[Call], given: Sequence[int], placed: Sequence[int]) -> None:
        super().__init__(last_uses(body), set(given))
        self.body, self.given = body, given
        self.places = {slot: f"o{number}" for number, slot in enumerate(placed)}

    def function(self, inputs: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
        """Return the function of the inputs' halves and the places, which returns what is given on."""
        arguments = [self.assigned(slot) for slot in inputs] + list(self.places.values())
        lines = [self.line(number, call) for number, call in enumerate(self.body)]
        results = "".join(f"{self.names[slot]}, " for slot in self.given)
        return self.written(arguments, [*lines, f"return ({results})"])

    def line(self, number: int, call: Call) -> str:
        """Return the assignment of one call, and where its results go."""
        text = super().line(number, call)
        places = [self.places.get(slot) for slot in call.outs]
        if isinstance(call.function, Blocks):
            return f"{text[:-1]}, into=({''.join(f'{place}, ' for place in places)}))"
        moves = [f"{place}[...] = {self.names[slot]}" for place, slot in zip(places, call.outs, strict=True) if place]
        return "; ".join([text, *moves])


class Shards:
    """A stretch as one function: halves what it gets whole, runs both halves, and puts together what is needed whole."""

    def __init__(
        self, function: Callable[..., tuple[Any, ...]], ways: Sequence[tuple[Any, bool]], halves: int, places: Sequence[Place]
    ) -> None:  # fmt: skip
        self._function, self._ways, self._halves, self._places = function, ways, halves, places

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """Return pairs of halves, then sums, then wholes."""
        wholes = [place.empty() for place in self._places]

        def shard(number: int) -> tuple[Any, ...]:
            given = [
                value[number] if is_pair else value if axis is None else half(value, axis, number)
                for value, (axis, is_pair) in zip(values, self._ways, strict=True)
            ]
            parts = [half(whole, place.axis, number) for whole, place in zip(wholes, self._places, strict=True)]
            return self._function(*given, *parts)

        pairs = list(zip(*both(lambda: shard(0), lambda: shard(1)), strict=True))
        return (*pairs[: self._halves], *(one + other for one, other in pairs[self._halves :]), *wholes)
