"""Blocks: runs of elementwise calls over large arrays, and sums of them, done piece by piece in the cache.

Elementwise kernels give the same numbers whatever piece they see; sums add up the pieces' sums. What only the run itself
needs is never written to memory: NumPy's functions write into scratch arrays of one block, which are used again after
their last use, and what is needed afterwards goes straight to its place in the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from math import prod
from operator import add
from typing import Any

import numpy as np

from gradcli.autograd.memory import LINE, empty
from gradcli.autograd.plan import SYMBOLS, Call, Traced, Writer, key_of, last_uses, needed, renamed, slots
from gradcli.autograd.runs import gathered
from gradcli.autograd.threads import both
from gradcli.ops import reduction

BLOCK_BYTES = 1 << 19
"""Bytes of one array in a block: a few of them fit in a core's cache, and calling NumPy costs little beside them."""
LARGE = 1 << 18
"""Elements from which on blocks pay."""


def fused(calls: Sequence[Call], wanted: Sequence[int], *, threads: bool = True) -> list[Call]:
    """Return the calls with every run of elementwise ones over large arrays of one shape made one call."""
    totals = {call.outs[0] for call in calls if _is_total(call)}
    groups = gathered(calls, large_shape, lambda call: totals.intersection(call.read()))
    result: list[Call] = []
    later = _read_later(groups, wanted)
    for (shape, run), read_later in zip(groups, later, strict=True):
        if shape is None or (len(run) == 1 and not threads):
            result += run
        else:
            outs = [slot for call in run for slot in call.outs if slot in read_later]
            result.append(_fuse(run, outs, threads))
    return result


def _read_later(groups: Sequence[tuple[Any, list[Call]]], wanted: Sequence[int]) -> list[set[int]]:
    """Return, for each group, which of its own slots are needed after it."""
    later = set(wanted)
    result = []
    for _, run in reversed(groups):
        made = {slot for call in run for slot in call.outs}
        result.append(later & made)
        later.update(slot for call in run for slot in call.read())
    return result[::-1]


def large_shape(call: Call) -> tuple[int, ...] | None:
    """Return the shape of the arrays in a call that maps their elements, or adds all of them up.

    The arrays are large, whole, and lie in order in memory; other arguments are numbers.
    """
    shape = call.args[0].shape if _is_total(call) else call.shape if call.elementwise and not call.several else ()
    if prod(shape) < LARGE:
        return None
    return shape if all(_is_number(value) or _is_whole(value, shape) for value in call.args) else None


def _is_total(call: Call) -> bool:
    """Return whether a call is the sum of all elements of an array in its own dtype."""
    return call.op is reduction.sum_all and call.args[1] is None and call.dtype.kind in "fc" and call.dtype.itemsize > 2


def _is_number(value: Any) -> bool:
    if type(value) in (list, tuple):
        return not list(slots(value))
    raw = value.raw if type(value) is Traced else value
    return not isinstance(raw, np.ndarray) or raw.ndim == 0


def _is_whole(value: Any, shape: tuple[int, ...]) -> bool:
    raw = value.raw if type(value) is Traced else value
    same = isinstance(raw, np.ndarray) and raw.shape == shape
    return same and (raw.flags.c_contiguous or (type(value) is not Traced and not any(raw.strides)))


def _fuse(run: Sequence[Call], outs: Sequence[int], threads: bool) -> Call:
    """Return one call that does the work of a run and gives the slots that are needed after it."""
    made = {slot for call in run for slot in call.outs}
    inputs = {v.slot: v for call in run for v in call.args if type(v) is Traced and v.slot not in made}
    body = plain([call.replaced(tuple(map(scalar, call.args))) for call in run], outs)
    totals = [call.outs[0] for call in body if _is_total(call)]
    arrays = {call.outs[0]: call.dtype for call in run if call.outs[0] in outs and call.outs[0] not in totals}
    blocks = Blocks(body, list(inputs.values()), arrays, totals, threads)
    made = {result.slot: result for call in run for result in call.results}
    given = (*arrays, *totals)
    return Call(blocks, tuple(inputs.values()), given, True, results=tuple(made[slot] for slot in given))


def scalar(value: Any) -> Any:
    """Return a constant that is one number broadcast to an array as that number."""
    if type(value) is np.ndarray and value.ndim and not any(value.strides):
        return value[(0,) * value.ndim]
    return value


def plain(run: Sequence[Call], outs: Sequence[int]) -> list[Call]:
    """Return a run that gives the same bits in fewer calls.

    A product by one is the other factor; what was computed before, with factors or addends exchanged or with the other
    sign, is not computed again; what is added with its sign changed is subtracted; and a product is negated in its own
    place instead of a factor that is needed as it is.
    """
    return _with_signs_last(_without_repetitions(run, outs), outs)


def _without_repetitions(run: Sequence[Call], outs: Sequence[int]) -> list[Call]:
    same: dict[int, Traced] = {}
    known: dict[Any, Traced] = {}
    negated: dict[int, Traced] = {}
    result = []
    for call in run:
        call = call.replaced(renamed(call.args, same))
        call = _signed(call, negated, known) if call.dtype.kind == "f" else call
        factor = _other_factor(call)
        found = known.setdefault(_key(call), call.results[0]) if factor is None else factor
        if found is not call.results[0]:
            same[call.outs[0]] = found
            if call.outs[0] not in outs:
                continue
            call = replace(call, function=np.positive, args=(found,), symbol=None)
        elif call.function is np.negative:
            negated[call.outs[0]] = call.args[0]
        result.append(call)
    return needed(result, outs)


def _with_signs_last(run: Sequence[Call], outs: Sequence[int]) -> list[Call]:
    """Return a run in which a factor that was negated for one product alone is not: the product is."""
    reads = Counter(slot for call in run for slot in call.read())
    negative = {call.outs[0]: call for call in run if call.function is np.negative and call.dtype.kind == "f"}
    result = []
    for call in run:
        found = next((at for at, v in enumerate(call.args) if type(v) is Traced and v.slot in negative), None)
        if call.function is not np.multiply or found is None or reads[call.args[found].slot] > 1:
            result.append(call)
            continue
        args = list(call.args)
        args[found] = negative[args[found].slot].args[0]
        product = call.results[0].tape.traced(call.results[0].raw)
        result.append(replace(call, args=tuple(args), outs=(product.slot,), results=(product,)))
        result.append(replace(call, function=np.negative, args=(product,), symbol=SYMBOLS[np.negative]))
    return needed(result, outs)


def _other_factor(call: Call) -> Traced | None:
    """Return the factor beside a one."""
    if call.function is not np.multiply:
        return None
    for one, other in (call.args, call.args[::-1]):
        if type(other) is Traced and type(one) is not Traced and np.ndim(one) == 0 and one == 1 and other.dtype == call.dtype:
            return other
    return None


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) is Traced and one.slot == other.slot


def _key(call: Call) -> tuple[Any, ...]:
    """Return what is the same for calls that give the same bits."""
    args = [key_of(value) for value in call.args]
    return (call.function, *(sorted(args, key=repr) if call.function in (np.add, np.multiply) else args))


def _signed(call: Call, negated: Mapping[int, Traced], known: Mapping[Any, Traced]) -> Call:
    """Return a call without what it negates.

    What a sum adds negated is subtracted, if it is both addends doubled with the other sign, and a product with a negated
    factor is a known one negated.
    """
    if call.function not in (np.add, np.multiply):
        return call
    if call.function is np.add and _same(*call.args) and call.args[0].slot in negated:
        args = (negated[call.args[0].slot], call.dtype.type(-2))
        return replace(call, function=np.multiply, args=args, symbol=SYMBOLS[np.multiply])
    for value, other in (call.args, call.args[::-1]):
        operand = negated.get(value.slot) if type(value) is Traced else None
        if operand is None:
            continue
        if call.function is np.add:
            return replace(call, function=np.subtract, args=(other, operand), symbol=SYMBOLS[np.subtract])
        product = known.get(_key(call.replaced((other, operand))))
        if product is not None:
            return replace(call, function=np.negative, args=(product,), symbol=SYMBOLS[np.negative])
    return call


class Blocks:
    """A run of calls as one function, which works block by block; it gives arrays, then sums of all elements.

    inputs: the values that the function takes
    arrays: the slots of its arrays, and their dtypes
    totals: the slots of its sums
    threads: whether two threads take blocks in turn; sums are added in the order of the blocks all the same
    """

    def __init__(
        self, run: Sequence[Call], inputs: Sequence[Traced], arrays: Mapping[int, Any], totals: Sequence[int], threads: bool
    ) -> None:  # fmt: skip
        writer = BlockWriter(run, list(arrays), totals)
        self._function = writer.function([value.slot for value in inputs])
        self._dtypes, self._scratch, self._threads = list(arrays.values()), writer.scratch, threads
        self._is_array = [not _is_number(value) for value in inputs] + [True] * len(arrays)
        widest = max(np.dtype(dtype).itemsize for dtype in (*self._dtypes, *writer.scratch, np.int8))
        self.block = max(1024, BLOCK_BYTES // widest)

    def __call__(self, *values: Any, into: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """Return the results for these arrays and numbers; what `into` has None for is a new array."""
        shape = values[self._is_array.index(True)].shape
        given = (into or [None] * len(self._dtypes))[: len(self._dtypes)]
        outs = [_place(place, shape, dtype) for place, dtype in zip(given, self._dtypes, strict=True)]
        flat = [v.reshape(-1) if is_array else v for v, is_array in zip((*values, *outs), self._is_array, strict=True)]
        pieces = _pieces(prod(shape), self.block)
        sums: list[Any] = [()] * len(pieces)
        blocks = iter(enumerate(pieces))

        def work() -> None:
            scratch = [empty((pieces[0].stop,), dtype) for dtype in self._scratch]
            for number, piece in blocks:
                parts = [v[piece] if is_array else v for v, is_array in zip(flat, self._is_array, strict=True)]
                space = [s[: piece.stop - piece.start] for s in scratch]
                sums[number] = self._function(*parts, *space)

        if self._threads:
            both(work, work, products=False)
        else:
            work()
        for place, out in zip(given, outs, strict=True):
            if place is not None and place is not out:
                place[...] = out
        return (*outs, *(reduce(add, numbers) for numbers in zip(*sums, strict=True)))


@lru_cache(maxsize=64)
def _pieces(size: int, most: int) -> list[slice]:
    """Return where equal blocks of at most so many elements lie, which are whole cache lines."""
    length = -(-size // -(-size // most) // LINE) * LINE
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]


def _place(place: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the array to write to: the given one where its elements lie in order."""
    return place if place is not None and place.flags.c_contiguous else empty(shape, dtype)


class BlockWriter(Writer):
    """Writes calls on one block; NumPy's functions get the array to write into: `k3(v1, v6, out=s0)`."""

    def __init__(self, run: Sequence[Call], outs: Sequence[int], totals: Sequence[int]) -> None:
        super().__init__(last_uses(run), set(outs))
        self.run, self.totals = run, totals
        self.places = {slot: f"o{number}" for number, slot in enumerate(outs)}
        self.scratch: list[Any] = []
        made = {call.outs[0]: (number, call.dtype) for number, call in enumerate(run)}
        self._until = {place: made[slot][0] for slot, place in self.places.items()}
        """Until which call the place of a result can be scratch."""
        self._idle: dict[Any, list[str]] = {}
        for slot, place in self.places.items():
            self._idle.setdefault(made[slot][1], []).append(place)
        self._held: dict[int, Any] = {}

    def function(self, inputs: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
        """Return the run as a function of its inputs' blocks, the results' blocks, and scratch arrays; it returns the sums."""
        given = [self.assigned(slot) for slot in inputs]
        lines = [self.line(number, call) for number, call in enumerate(self.run)]
        scratch = [f"s{number}" for number in range(len(self.scratch))]
        sums = "".join(f"{self.names[slot]}, " for slot in self.totals)
        return self.written([*given, *self.places.values(), *scratch], [*lines, f"return ({sums})"])

    def line(self, number: int, call: Call) -> str:
        """Return the statement of one call; its operands' scratch is free after their last use, for its own result too."""
        (slot,) = call.outs
        args = [self._written(value) for value in call.args]
        for ending in {s for s in call.read() if self.last[s] == number and s in self._held}:
            self._idle.setdefault(self._held.pop(ending), []).append(self.names[ending])
        place = self.places.get(slot)
        if slot in self.totals:
            name = self.names[slot] = f"t{slot}"
            return f"{name} = {self._constant(np.add.reduce)}({args[0]})"
        if isinstance(call.function, np.ufunc):
            name = self.names[slot] = place or self._borrowed(slot, call.dtype)
            return f"{self._constant(call.function)}({', '.join(args)}, out={name})"
        name = self.names[slot] = place or f"t{slot}"
        return f"{name}{'[...]' if place else ''} = {self._constant(call.function)}({', '.join(args)})"

    def _borrowed(self, slot: int, dtype: Any) -> str:
        """Return the name of an array that is free until the slot's last use, the one used last, or of a new one."""
        idle = self._idle.setdefault(dtype, [])
        self._held[slot] = dtype
        for at in reversed(range(len(idle))):
            if self.last[slot] <= self._until.get(idle[at], self.last[slot]):
                return idle.pop(at)
        self.scratch.append(dtype)
        return f"s{len(self.scratch) - 1}"
