"""Batches: products of several matrices with the same right one, computed as one product of all their rows.

That is done where it gives the same bits, which BLAS decides by the sizes alone: it is tried on random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.autograd.stacks import MOST_ELEMENTS, Stacks, matmul
from gradcli.autograd.uses import Uses
from gradcli.ops import product, rearrange, slicing, views

FEWEST = 4
"""Fewer products are left as they are."""
VIEWS = frozenset({slicing.select, slicing.slice_, rearrange.unsqueeze, views.view, views._reshape_alias})
"""Ops that can be called earlier than they were, since they read no numbers."""


@dataclass(slots=True, eq=False)
class Batch:
    """Products with one right matrix, whose left ones are known before the first of them is computed."""

    number: int
    products: list[Call] = field(default_factory=list)

    @property
    def lefts(self) -> list[Traced]:
        """The left matrices."""
        return [call.args[0] for call in self.products]

    @property
    def outs(self) -> tuple[int, ...]:
        """The slots of the products."""
        return tuple(call.outs[0] for call in self.products)

    def holds(self, call: Call) -> bool:
        """Return whether one more product fits."""
        size: int = call.args[0].size + call.results[0].size
        return (len(self.products) + 1) * size <= MOST_ELEMENTS


def batched(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls with products of the same right matrix batched where that is exact."""
    uses = Uses(calls, wanted)
    known = _known(calls)
    batches = [b for b in _batches(calls, known, set(wanted)) if len(b.products) >= FEWEST and _is_exact(*_sizes(b))]
    return _rewritten(calls, batches, uses) if batches else list(calls)


def _known(calls: Sequence[Call]) -> dict[int, int]:
    """Return for every slot the number of the call after which it can be had; views can be had with what they view."""
    known: dict[int, int] = {}
    for number, call in enumerate(calls):
        at = known.get(call.args[0].slot, -1) if _is_view(call) else number
        known.update(dict.fromkeys(call.outs, at))
    return known


def _is_view(call: Call) -> bool:
    return call.op in VIEWS and type(call.args[0]) is Traced


def _batches(calls: Sequence[Call], known: dict[int, int], wanted: set[int]) -> list[Batch]:
    """Return the batches of products; what fits in none begins one, or stays alone where one has grown already."""
    latest: dict[Any, Batch] = {}
    found: list[Batch] = []
    for number, call in enumerate(calls):
        if not _is_product(call) or call.outs[0] in wanted:
            continue
        x, y = call.args
        batch = latest.get((y.slot, x.shape))
        if batch is not None and known.get(x.slot, -1) < batch.number and batch.holds(call):
            batch.products.append(call)
        elif batch is None or len(batch.products) == 1 or not batch.holds(call):
            latest[y.slot, x.shape] = Batch(number, [call])
            found.append(latest[y.slot, x.shape])
    return found


def _is_product(call: Call) -> bool:
    """Return whether a call multiplies matrices as BLAS does, the left one in order and the right one in either."""
    if call.op is not product.mm or call.dtype not in (np.float32, np.float64) or any(type(v) is not Traced for v in call.args):
        return False
    x, y = (value.raw for value in call.args)
    return bool(x.size and y.size and x.flags.c_contiguous and (y.flags.c_contiguous or y.flags.f_contiguous))


def _sizes(batch: Batch) -> tuple[int, int, int, int, str, bool]:
    x, y = batch.products[0].args
    return len(batch.products), *x.shape, y.shape[1], x.dtype.name, y.raw.flags.c_contiguous


@lru_cache(maxsize=1024)
def _is_exact(count: int, rows: int, inner: int, columns: int, dtype: str, in_order: bool) -> bool:
    """Return whether one product of all rows has the bits of products of some rows each."""
    draws = np.random.RandomState(0)
    x = draws.standard_normal((count, rows, inner)).astype(dtype)
    y = draws.standard_normal((inner, columns) if in_order else (columns, inner)).astype(dtype)
    y = y if in_order else y.T
    apart = [np.matmul(one, y) for one in x]
    return np.array_equal(_product(count, rows, y.size)(x.reshape(-1, inner), y), np.stack(apart))


def _product(count: int, rows: int, size: int) -> Callable[..., Any]:
    """Return the function from stacked matrices and a right one of this size to their products."""
    multiply = matmul(count * rows * size)
    return lambda x, y: multiply(x, y).reshape(count, rows, -1)


def _rewritten(calls: Sequence[Call], batches: Sequence[Batch], uses: Uses) -> list[Call]:
    """Return the calls with each batch in place of its first product, after the views that it needs."""
    stacks = Stacks(uses)
    starts = {batch.number: batch for batch in batches}
    gone = {id(call) for batch in batches for call in batch.products}
    result: list[Call] = []
    for number, call in enumerate(calls):
        if (batch := starts.get(number)) is not None:
            early = [view for left in batch.lefts for view in _views(left, number, uses)]
            new = [view for view in early if id(view) not in gone]
            gone.update(map(id, new))
            result += dict.fromkeys(new)
            result.append(_computed(batch, stacks.of(batch.lefts, result)))
        if id(call) not in gone:
            result.append(call)
    return result


def _views(left: Traced, number: int, uses: Uses) -> list[Call]:
    """Return the calls after this number that view a left matrix, from the first on."""
    found: list[Call] = []
    value: Any = left
    while uses.maker.get(value.slot, -1) > number:
        found.append(uses.made_by(value))  # type: ignore[arg-type]
        value = found[-1].args[0]
    return found[::-1]


def _computed(batch: Batch, stack: Traced) -> Call:
    first = batch.products[0]
    function = _product(len(batch.products), first.shape[0], first.args[1].size)
    results = tuple(call.results[0] for call in batch.products)
    return Call(function, (stack, first.args[1]), batch.outs, True, shape=first.shape, dtype=first.dtype, results=results)
