"""Blocks: runs of elementwise calls over large arrays, done piece by piece in the cache.

Elementwise kernels give the same numbers whatever piece they see, so this changes no result. What only the run itself
needs is never written to memory: NumPy's functions write into scratch arrays of one block, which are used again after
their last use, and what is needed afterwards goes straight to its place in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced, Writer, last_uses
from gradcli.autograd.runs import gathered, read
from gradcli.autograd.threads import both

BLOCK_BYTES = 1 << 19
"""Bytes of one array in a block: a few of them fit in a core's cache, and calling NumPy costs little beside them."""
LARGE = 1 << 18
"""Elements from which on blocks pay."""


def fused(calls: Sequence[Call], wanted: Sequence[int], *, threads: bool = True) -> list[Call]:
    """Return the calls with every run of elementwise ones over large arrays of one shape made one call."""
    groups = gathered(calls, _large_shape)
    result: list[Call] = []
    later = _read_later(groups, wanted)
    for (shape, run), needed in zip(groups, later, strict=True):
        if shape is None:
            result += run
        else:
            outs = [slot for call in run for slot in call.outs if slot in needed]
            result.append(_fuse(run, outs, threads))
    return result


def _read_later(groups: Sequence[tuple[Any, list[Call]]], wanted: Sequence[int]) -> list[set[int]]:
    """Return, for each group, which of its own slots are needed after it."""
    needed = set(wanted)
    result = []
    for _, run in reversed(groups):
        made = {slot for call in run for slot in call.outs}
        result.append(needed & made)
        needed.update(slot for call in run for slot in read(call))
    return result[::-1]


def _large_shape(call: Call) -> tuple[int, ...] | None:
    """Return the shape of a call that maps elements of whole large arrays, lying in order in memory, and numbers."""
    if not call.elementwise or call.several or prod(call.shape) < LARGE:
        return None
    fits = all(_is_number(value) or _is_whole(value, call.shape) for value in call.args)
    return call.shape if fits else None


def _is_number(value: Any) -> bool:
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
    dtypes = {call.outs[0]: call.dtype for call in run}
    blocks = Blocks(body, list(inputs), outs, [dtypes[slot] for slot in outs], threads)
    results = tuple(result for call in run for result in call.results if result.slot in outs)
    return Call(blocks, tuple(inputs.values()), tuple(outs), True, shape=run[0].shape, results=results)


def scalar(value: Any) -> Any:
    """Return a constant that is one number broadcast to an array as that number."""
    if type(value) is np.ndarray and value.ndim and not any(value.strides):
        return value[(0,) * value.ndim]
    return value


def plain(run: Sequence[Call], outs: Sequence[int]) -> list[Call]:
    """Return a run without products by one: who reads them reads the other factor, and a slot that is needed is a copy."""
    same: dict[int, Traced] = {}
    result = []
    for call in run:
        args = tuple(same.get(v.slot, v) if type(v) is Traced else v for v in call.args)
        factor = _other_factor(call, args)
        if factor is None:
            result.append(call.replaced(args))
            continue
        same[call.outs[0]] = factor
        if call.outs[0] in outs:
            result.append(replace(call, function=np.positive, args=(factor,), symbol=None))
    return result


def _other_factor(call: Call, args: Sequence[Any]) -> Traced | None:
    if call.function is not np.multiply:
        return None
    for one, other in (args, args[::-1]):
        if type(other) is Traced and type(one) is not Traced and np.ndim(one) == 0 and one == 1 and other.dtype == call.dtype:
            return other
    return None


class Blocks:
    """A run of elementwise calls as one function, which works block by block; `into` are arrays to give results in."""

    def __init__(
        self, run: Sequence[Call], inputs: Sequence[int], outs: Sequence[int], dtypes: Sequence[Any], threads: bool
    ) -> None:  # fmt: skip
        writer = BlockWriter(run, outs)
        self._function = writer.function(inputs)
        self._dtypes, self._scratch, self._threads = dtypes, writer.scratch, threads
        self.block = max(1024, BLOCK_BYTES // max(np.dtype(dtype).itemsize for dtype in (*dtypes, *writer.scratch)))

    def __call__(self, *values: Any, into: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """Return the results for these arrays and numbers; what `into` has None for is a new array."""
        shape = next(v.shape for v in values if isinstance(v, np.ndarray) and v.ndim)
        size = prod(shape)
        given = into or [None] * len(self._dtypes)
        outs = [_place(place, shape, dtype) for place, dtype in zip(given, self._dtypes, strict=True)]
        flat = [v.reshape(-1) if isinstance(v, np.ndarray) and v.ndim else v for v in values]
        places = [o.reshape(-1) for o in outs]

        def work(start: int, stop: int) -> None:
            scratch = [np.empty(self.block, dtype) for dtype in self._scratch]
            for at in range(start, stop, self.block):
                piece = slice(at, min(at + self.block, stop))
                parts = [v[piece] if isinstance(v, np.ndarray) and v.ndim else v for v in flat]
                length = piece.stop - at
                self._function(*parts, *[o[piece] for o in places], *[s[:length] for s in scratch])

        if self._threads:
            both(lambda: work(0, size // 2), lambda: work(size // 2, size))
        else:
            work(0, size)
        for place, out in zip(given, outs, strict=True):
            if place is not None and place is not out:
                place[...] = out
        return tuple(outs)


def _place(place: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the array to write to: the given one where its elements lie in order."""
    return place if place is not None and place.flags.c_contiguous else np.empty(shape, dtype)


class BlockWriter(Writer):
    """Writes calls on one block; NumPy's functions get the array to write into: `k3(v1, v6, s0)`."""

    def __init__(self, run: Sequence[Call], outs: Sequence[int]) -> None:
        super().__init__(last_uses(run), set(outs))
        self.run = run
        self.places = {slot: f"o{number}" for number, slot in enumerate(outs)}
        self.scratch: list[Any] = []
        self._idle: dict[Any, list[str]] = {}
        self._held: dict[int, Any] = {}

    def function(self, inputs: Sequence[int]) -> Callable[..., None]:
        """Return the run as a function of its inputs' blocks, the results' blocks, and scratch arrays."""
        given = [self.assigned(slot) for slot in inputs]
        lines = [self.line(number, call) for number, call in enumerate(self.run)]
        scratch = [f"s{number}" for number in range(len(self.scratch))]
        return self.written([*given, *self.places.values(), *scratch], lines)

    def line(self, number: int, call: Call) -> str:
        """Return the statement of one call; its operands' scratch is free after their last use, for its own result too."""
        (slot,) = call.outs
        args = [self._written(value) for value in call.args]
        for ending in {s for s in read(call) if self.last[s] == number and s in self._held}:
            self._idle.setdefault(self._held.pop(ending), []).append(self.names[ending])
        if isinstance(call.function, np.ufunc):
            name = self.names[slot] = self.places.get(slot) or self._borrowed(slot, call.dtype)
            return f"{self._constant(call.function)}({', '.join((*args, name))})"
        name = self.names[slot] = self.places.get(slot, f"t{slot}")
        return f"{name}{'[...]' if slot in self.places else ''} = {self._constant(call.function)}({', '.join(args)})"

    def _borrowed(self, slot: int, dtype: Any) -> str:
        """Return the name of a scratch array that is free, or of a new one."""
        idle = self._idle.setdefault(dtype, [])
        if not idle:
            idle.append(f"s{len(self.scratch)}")
            self.scratch.append(dtype)
        self._held[slot] = dtype
        return idle.pop()
