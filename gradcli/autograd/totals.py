"""Totals: sums over many steps of products and of column sums, as the gradients of shared weights are, computed at once.

The terms of `aᵀg + bᵀh + …` are one product of the stacked `a, b, …` and `g, h, …`; the additions come in another order,
so the last digits may differ. Adding arrays of the weights' size is much of the work of a recurrence's backward pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcli.autograd.plan import Call, Traced
from gradcli.autograd.stacks import MOST_ELEMENTS, Stacks, made, matmul
from gradcli.autograd.uses import Uses, is_sum
from gradcli.ops import product, reduction, views
from gradcli.ops._families import normalize_dims

FEWEST = 4
"""Fewer terms are left as they are."""
CHEAP = 1 << 15
"""Terms of so few elements are always worth stacking: calling NumPy for each costs more than copying them."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One addend: `leftᵀ @ right`, or, without a left, the sum of right over its first `summed` dimensions."""

    addend: Traced
    right: Traced
    left: Traced | None = None
    summed: int = 0

    @property
    def size(self) -> int:
        """The elements of the larger operand, which is copied."""
        return max(self.right.size, 0 if self.left is None else self.left.size)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What terms have in common that are computed at once."""
        return self.left is None, self.summed, self.right.shape[0 if self.left is None else 1 :]


@dataclass(slots=True, eq=False)
class Sum:
    """A sum being written anew: `pending` addends are to come, `rest` are those that are added as they were."""

    root: Call
    totals: list[list[Term]]
    rest: list[Traced]
    pending: int
    value: Traced | None = None

    def slot(self, last: bool) -> Traced:
        """Return where to put a value of the sum's shape: the sum's own slot, or a new one."""
        (own,) = self.root.results
        return own if last else own.tape.traced(np.empty(own.shape, own.dtype))

    def compute(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[Call]:
        """Yield the calls that compute one more addend and add it."""
        addend = self.slot(self.value is None and self.pending == 1)
        yield made(function, args, addend)
        yield from self.add(addend)

    def add(self, addend: Traced) -> Iterator[Call]:
        """Yield the call that adds one more addend, which is none for the first."""
        value, self.value = self.value, addend
        if value is not None:
            self.value = self.slot(self.pending == 1)
            yield replace(self.root, args=(value, addend), outs=(self.value.slot,), results=(self.value,))
        self.pending -= 1


def totalled(calls: Sequence[Call], wanted: Sequence[int]) -> list[Call]:
    """Return the calls with sums of many terms computed at once; what they do not read any more is left to `needed`."""
    uses = Uses(calls, wanted)
    roots = {call.outs[0]: call for call in calls if is_sum(call)}
    sums = [found for slot, addends in _addends(calls, uses).items() if (found := _sum(roots[slot], addends, uses))]
    work = defaultdict(list)
    for found in sums:
        for terms in found.totals:
            work[max(uses.maker[term.addend.slot] for term in terms)].append((found, terms))
    changed = {id(found.root): found for found in sums}
    stacks = Stacks(uses)
    result: list[Call] = []
    for number, call in enumerate(calls):
        if id(call) not in changed:
            result.append(call)
        for found, terms in work.get(number, ()):
            result += found.compute(*_computation(terms, found.root.shape, stacks, result))
        if id(call) in changed:
            result += [new for addend in changed[id(call)].rest for new in changed[id(call)].add(addend)]
    return result


def _addends(calls: Sequence[Call], uses: Uses) -> dict[int, list[Traced]]:
    """Return what every sum adds up; a sum that only another one reads is part of that one."""
    found: dict[int, list[Traced]] = {}
    for call in calls:
        if is_sum(call):
            parts = [found.pop(v.slot) if v.slot in found and uses.once(v) else [v] for v in call.args]
            fewer, more = sorted(parts, key=len)
            more += fewer
            found[call.outs[0]] = more
    return found


def _sum(root: Call, addends: Sequence[Traced], uses: Uses) -> Sum | None:
    """Return a sum with its terms put together, None where too few can be."""
    if len(addends) < FEWEST:
        return None
    kinds: dict[Any, list[Term]] = defaultdict(list)
    rest = []
    for addend in sorted(addends, key=lambda value: value.slot):
        term = _term(addend, uses)
        if term is None:
            rest.append(addend)
        else:
            kinds[term.kind].append(term)
    most = max(MOST_ELEMENTS, 2 * root.results[0].size)
    groups = [group for terms in kinds.values() for group in _groups(terms, most)]
    totals = [group for group in groups if len(group) >= FEWEST]
    rest += [term.addend for group in groups if len(group) < FEWEST for term in group]
    return Sum(root, totals, rest, len(totals) + len(rest)) if totals else None


def _groups(terms: Sequence[Term], most: int) -> Iterator[list[Term]]:
    """Yield terms in groups whose stacks have at most so many elements; in each, what came last stands first.

    Backward passes go back in time, so that is the order of time.
    """
    group: list[Term] = []
    size = 0
    for term in terms:
        if group and size + term.size > most:
            yield group[::-1]
            group, size = [], 0
        group.append(term)
        size += term.size
    if group:
        yield group[::-1]


def _term(addend: Traced, uses: Uses) -> Term | None:
    """Return an addend as a term of a total, if it is one and nothing else reads it."""
    call = uses.made_by(addend)
    if call is None or not uses.once(addend) or not addend.ndim or addend.dtype.itemsize == 2:
        return None
    if call.op is product.mm:
        return _product_term(addend, call, uses)
    if call.op in (views.view, views._reshape_alias) and uses.once(call.args[0]):
        call = uses.made_by(call.args[0])
    return _sum_term(addend, call) if call is not None and call.op is reduction.sum_ else None


def _product_term(addend: Traced, call: Call, uses: Uses) -> Term | None:
    turned = uses.made_by(call.args[0])
    if turned is None or turned.op is not views.t or type(call.args[1]) is not Traced:
        return None
    (inner, columns), rows = call.args[1].shape, addend.shape[0]
    pays = inner * (rows + columns) <= max(4 * rows * columns, CHEAP)
    return Term(addend, call.args[1], turned.args[0]) if pays else None


def _sum_term(addend: Traced, call: Call) -> Term | None:
    x, dim, _, dtype = call.args
    dims = normalize_dims(dim, x.ndim)
    if dtype is not None or dims != tuple(range(len(dims))) or _without_ones(x.shape[len(dims) :]) != _without_ones(addend.shape):
        return None
    return Term(addend, x, summed=len(dims))


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _computation(
    terms: Sequence[Term], shape: tuple[int, ...], stacks: Stacks, calls: list[Call]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:  # fmt: skip
    """Return the function that adds up terms and its arguments, whose stacks are made by calls that are added here."""
    right = stacks.of([term.right for term in terms], calls)
    if terms[0].left is None:
        return _column_sum(len(terms), terms[0].right.shape, terms[0].summed, shape), (right,)
    left = stacks.of([term.left for term in terms if term.left is not None], calls)
    return _turned_product(left.shape[1] * right.size), (left, right)


def _turned_product(multiplications: int) -> Callable[..., Any]:
    multiply = matmul(multiplications)
    return lambda x, y: multiply(x.T, y)


def _column_sum(count: int, each: tuple[int, ...], summed: int, shape: tuple[int, ...]) -> Callable[..., Any]:
    """Return the function that sums stacked arrays, first over the stack, which is as exact as sums of each, then over rows."""
    add, rows, dims = np.add.reduce, (count, -1), tuple(range(summed))
    return lambda x: add(add(x.reshape(rows), 0).reshape(each), dims).reshape(shape)
