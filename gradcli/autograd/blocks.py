"""Blocks: runs of elementwise calls over large arrays, done piece by piece in the cache and on two threads.

Elementwise kernels give the same numbers whatever piece they see, so this changes no result; what only the run itself
needs is never written to memory. NumPy releases the interpreter's lock in its loops, which lets the threads run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced, function_of, last_uses

BLOCK = 250_000
"""Elements of a block: small enough for the cache, large enough that calling NumPy costs nothing."""
LARGE = 2 * BLOCK
THREADS = 2


def fused(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls with every run of elementwise ones over large arrays of one shape made one call."""
    result: list[Call] = []
    last = last_uses(calls) | dict.fromkeys(wanted, len(calls))
    for start, run in _runs(calls):
        if len(run) < 2 or not run[0].elementwise:
            result += run
        else:
            result.append(_fuse(run, [slot for call in run for slot in call.outs if last.get(slot, -1) >= start + len(run)]))
    return result


def _runs(calls: Sequence[Call]) -> Iterator[tuple[int, list[Call]]]:
    """Yield (number of its first call, calls) of runs that can be fused, and other calls one by one."""
    run: list[Call] = []
    for number, call in enumerate(calls):
        if run and not (_fits(call) and call.shape == run[0].shape):
            yield number - len(run), run
            run = []
        if _fits(call):
            run.append(call)
        else:
            yield number, [call]
    if run:
        yield len(calls) - len(run), run


def _fits(call: Call) -> bool:
    """Return whether a call maps elements of whole large arrays, lying in order in memory, and numbers."""
    if not call.elementwise or call.several or prod(call.shape) < LARGE:
        return False
    return all(_is_number(value) or _is_whole(value, call.shape) for value in call.args)


def _is_number(value: Any) -> bool:
    raw = value.raw if type(value) is Traced else value
    return not isinstance(raw, np.ndarray) or raw.ndim == 0


def _is_whole(value: Any, shape: tuple[int, ...]) -> bool:
    raw = value.raw if type(value) is Traced else value
    same = isinstance(raw, np.ndarray) and raw.shape == shape
    return same and (raw.flags.c_contiguous or (type(value) is not Traced and not any(raw.strides)))


def _fuse(run: Sequence[Call], outs: Sequence[int]) -> Call:
    """Return one call that does the work of a run and gives the slots that are needed after it."""
    made = {slot for call in run for slot in call.outs}
    inputs = {v.slot: v for call in run for v in call.args if type(v) is Traced and v.slot not in made}
    body = [call.replaced(tuple(map(_scalar, call.args))) for call in run]
    block = function_of(body, list(inputs), outs)
    dtypes = {call.outs[0]: call.dtype for call in run}
    function = _blockwise(block, run[0].shape, [dtypes[slot] for slot in outs])
    return Call(function, tuple(inputs.values()), tuple(outs), True)


def _scalar(value: Any) -> Any:
    """Return a constant that is one number broadcast to an array as that number."""
    if type(value) is np.ndarray and value.ndim and not any(value.strides):
        return value[(0,) * value.ndim]
    return value


def _blockwise(block: Callable[..., tuple[Any, ...]], shape: tuple[int, ...], dtypes: Sequence[Any]) -> Callable[..., Any]:
    """Return a function that applies `block` to pieces of its arrays and puts the results together."""
    size = prod(shape)
    pieces = [slice(at, min(at + BLOCK, size)) for at in range(0, size, BLOCK)]

    def apply(*values: Any) -> tuple[Any, ...]:
        flat = [v.reshape(-1) if isinstance(v, np.ndarray) and v.ndim else v for v in values]
        outs = [np.empty(size, dtype) for dtype in dtypes]

        def do(piece: slice) -> None:
            with np.errstate(all="ignore"):
                found = block(*(v[piece] if isinstance(v, np.ndarray) and v.ndim else v for v in flat))
            for out, part in zip(outs, found, strict=True):
                out[piece] = part

        list(_threads().map(do, pieces))
        return tuple(out.reshape(shape) for out in outs)

    return apply


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="gradcli")


