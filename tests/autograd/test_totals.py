"""Totals: sums of many products or column sums become one, which gives the same numbers but for the last digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gradcli.autograd import totals
from gradcli.autograd.plan import Call, Tape, Traced, needed
from gradcli.autograd.totals import totalled
from gradcli.ops import product, reduction, views
from tests.autograd import passes


def inputs(count: int, *shape: int, dtype: str = "float32") -> tuple[Tape, list[Traced]]:
    """Return a tape and some inputs of one shape on it."""
    tape, draws = Tape(), np.random.RandomState(0)
    return tape, [tape.input(f"x{number}", draws.standard_normal(shape).astype(dtype)) for number in range(count)]


def added(terms: Sequence[Any]) -> Any:
    """Return the sum of the terms, from left to right."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def rewritten(tape: Tape, wanted: list[int]) -> list[Call]:
    """Return the calls after the pass; hold them to give the numbers of those before."""
    after, values = passes.rewritten(totalled, tape, wanted)
    for a, b in values:
        np.testing.assert_allclose(a, b, rtol=0, atol=64 * np.finfo(a.dtype).eps * np.abs(a).max())
        assert (a.dtype, a.strides) == (b.dtype, b.strides)
    return after


def products(xs: Sequence[Traced], w: Traced) -> list[Traced]:
    """Return xᵀ(xw) of each x, as backward passes make them."""
    return [product.mm(views.t(x), product.mm(x, w)) for x in xs]


def test_products_become_one_of_stacks() -> None:
    """Six products and five additions become two stacks and one product."""
    tape, xs = inputs(6, 2, 3)
    total = added(products(xs, tape.input("w", np.ones((3, 4), np.float32))))
    assert len(rewritten(tape, [total.slot])) == 6 + 3


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_any_tree_of_additions_is_taken(dtype: str) -> None:
    """Sums of sums are one sum; row counts may differ."""
    tape, xs = inputs(5, 2, 3, dtype=dtype)
    xs.append(tape.input("y", np.ones((7, 3), dtype)))
    a, b, c, d, e, f = products(xs, tape.input("w", np.ones((3, 4), dtype)))
    assert len(rewritten(tape, [((a + b) + ((f + c) + (d + e))).slot])) == 6 + 3


def test_other_addends_are_added_as_they_were() -> None:
    """What is no product stays, and so does a product that something else reads."""
    tape, xs = inputs(6, 3, 3)
    terms = products(xs[:5], xs[5])
    total = added([*terms[:2], xs[0], *terms[2:], xs[1] * 2])
    after = rewritten(tape, [total.slot, (terms[0] * 3).slot])
    assert sum(call.op is product.mm for call in after) == 5 + 1
    assert sum(call.function is np.add for call in after) == 3


def test_few_terms_are_left_alone() -> None:
    """Below four terms the calls stay as they are."""
    tape, xs = inputs(totals.FEWEST - 1, 2, 3)
    total = added(products(xs, tape.input("w", np.ones((3, 4), np.float32))))
    assert rewritten(tape, [total.slot]) == needed(tape.calls, [total.slot])


def test_long_products_are_left_alone() -> None:
    """Where the sum within a product is long, copying its operands costs more than adding its result."""
    tape, xs = inputs(4, 20_000, 2)
    total = added(products(xs, tape.input("w", np.ones((2, 2), np.float32))))
    assert rewritten(tape, [total.slot]) == needed(tape.calls, [total.slot])


def test_sums_on_the_way_that_are_wanted_are_kept() -> None:
    """A sum that is a result itself is computed, and the larger one from it."""
    tape, xs = inputs(8, 2, 3)
    terms = products(xs, tape.input("w", np.ones((3, 4), np.float32)))
    half = added(terms[:4])
    rewritten(tape, [added([half, *terms[4:]]).slot, half.slot])


@pytest.mark.parametrize(("shape", "dims", "result"), [((4, 3), (0,), (3,)), ((4, 2, 3), (0, 1), (3,)), ((4, 3), (0,), (1, 3))])
def test_column_sums_become_one(shape: tuple[int, ...], dims: tuple[int, ...], result: tuple[int, ...]) -> None:
    """The gradients of a bias, summed over the batch and over the steps, are two calls; the sums may be viewed."""
    tape, xs = inputs(5, *shape)
    sums = [reduction.sum_(x, dims, True) for x in xs]
    total = added([views.view(s, result) if s.shape != result else s for s in sums])
    assert len(rewritten(tape, [total.slot])) == 2


def test_sums_over_other_dimensions_are_left_alone() -> None:
    """Only leading dimensions are those of a stack."""
    tape, xs = inputs(5, 4, 4)
    total = added([reduction.sum_(x, (1,), False) for x in xs])
    assert rewritten(tape, [total.slot]) == needed(tape.calls, [total.slot])


def test_products_and_sums_of_the_same_arrays_share_their_stack() -> None:
    """The gradients of weights and bias stack the same cotangents once."""
    tape, xs = inputs(5, 2, 3)
    gs = [x * 2 for x in xs]
    weight = added([product.mm(views.t(x), g) for x, g in zip(xs, gs, strict=True)])
    bias = added([reduction.sum_(g, (0,), False) for g in gs])
    assert len(rewritten(tape, [weight.slot, bias.slot])) == 5 + 2 + 2


def test_stacks_have_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sum is computed in parts, as soon as the terms of each are there, which keeps memory bounded."""
    monkeypatch.setattr(totals, "MOST_ELEMENTS", 5 * 2 * 4)
    tape, xs = inputs(13, 2, 3)
    total = added(products(xs, tape.input("w", np.ones((3, 4), np.float32))))
    after = rewritten(tape, [total.slot])
    stacks = [call for call in after if len(call.args) > 2]
    assert sorted(len(call.args) for call in stacks) == [5, 5, 5, 5]
    assert sum(call.function is np.add for call in after) == 4


def test_sums_of_large_arrays_have_larger_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks may be twice as large as the sum, however large that is."""
    monkeypatch.setattr(totals, "MOST_ELEMENTS", 1)
    tape, xs = inputs(12, 1, 3)
    after = rewritten(tape, [added(products(xs, tape.input("w", np.ones((3, 4), np.float32)))).slot])
    assert sorted(len(call.args) for call in after if len(call.args) > 2) == [6, 6, 6, 6]


def test_rows_of_one_array_are_not_copied() -> None:
    """Steps of one input, in the order of time, are a stack already."""
    tape = Tape()
    x = tape.input("x", np.random.RandomState(0).standard_normal((5, 2, 3)).astype(np.float32))
    rows = [x[t] for t in range(5)]
    total = added([product.mm(views.t(rows[t]), rows[t] * 2) for t in reversed(range(5))])
    stack, = (call for call in rewritten(tape, [total.slot]) if call.op is None and len(call.args) == 1)
    assert stack.args[0] is x


@pytest.mark.parametrize("most", [0, 1 << 30])
def test_products_of_stacks_may_stay_on_their_thread(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """On one thread or on several, the numbers are the same."""
    monkeypatch.setattr("gradcli.autograd.stacks.ALONE", most)
    tape, xs = inputs(6, 2, 3)
    assert len(rewritten(tape, [added(products(xs, tape.input("w", np.ones((3, 4), np.float32)))).slot])) == 6 + 3


def test_half_precision_is_left_alone() -> None:
    """Its products are summed in single precision, which one long sum would do otherwise."""
    tape, xs = inputs(5, 2, 3, dtype="float16")
    total = added([product.mm(views.t(x), x) for x in xs])
    assert rewritten(tape, [total.slot]) == needed(tape.calls, [total.slot])
