"""Batches: products of several matrices with the same one become one product, which gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.autograd import batches
from gradcli.autograd.batches import batched
from gradcli.autograd.plan import Call, Tape, Traced
from gradcli.ops import product, trigonometric, views
from tests.autograd import passes


def sequence(steps: int, *shape: int, dtype: str = "float32") -> tuple[Tape, Traced, Traced]:
    """Return a tape, an input of some steps of this shape, and a matrix that fits."""
    tape, draws = Tape(), np.random.RandomState(0)
    x = tape.input("x", draws.standard_normal((steps, *shape)).astype(dtype))
    return tape, x, tape.input("w", draws.standard_normal((shape[-1], 4)).astype(dtype))


def rewritten(tape: Tape, wanted: list[int]) -> list[Call]:
    """Return the calls after the pass; hold them to give the bits of those before."""
    after, values = passes.rewritten(batched, tape, wanted)
    for a, b in values:
        assert (a.tobytes(), a.strides, a.dtype) == (b.tobytes(), b.strides, b.dtype)
    return after


def count(calls: list[Call]) -> int:
    """Return how many products by themselves there are."""
    return sum(call.op is product.mm for call in calls)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_an_input_are_multiplied_at_once(dtype: str) -> None:
    """`xs[t] @ w` of all steps is one view of xs and one product, before the recurrence begins."""
    tape, x, w = sequence(6, 2, 3, dtype=dtype)
    h = product.mm(x[0], w)
    for t in range(1, 6):
        h = trigonometric.tanh(h * product.mm(x[t], w))
    after = rewritten(tape, [h.slot])
    assert [len(call.outs) for call in after][:2] == [1, 6]
    assert count(after) == 0


def test_matrices_computed_before_are_stacked() -> None:
    """What is no row of one array is copied below each other."""
    tape, x, w = sequence(5, 2, 3)
    lefts = [trigonometric.tanh(x[t]) for t in range(5)]
    outs = [(product.mm(left, w) * 2).slot for left in lefts]
    assert count(rewritten(tape, outs)) == 0


def test_matrices_that_depend_on_a_product_are_not_batched() -> None:
    """A recurrence with shared weights stays one, next to the products that can be had before it."""
    tape, x, _ = sequence(6, 3, 3)
    w = tape.input("v", np.random.RandomState(1).standard_normal((3, 3)).astype(np.float32))
    h = x[0]
    for t in range(6):
        h = trigonometric.tanh(product.mm(x[t], w) - product.mm(h, w))
    assert 5 <= count(rewritten(tape, [h.slot])) <= 7


def test_views_of_views_are_taken_along() -> None:
    """Slices of steps are views that can be had early too."""
    tape, x, w = sequence(6, 5, 3)
    h = tape.input("h", np.ones((2, 4), np.float32))
    for t in range(6):
        h = trigonometric.tanh(-h * product.mm(x[t][1:3], w))
    assert count(rewritten(tape, [h.slot])) == 0


def test_products_that_are_wanted_or_few_are_left_alone() -> None:
    """A result is an array of its own."""
    tape, x, w = sequence(batches.FEWEST, 2, 3)
    outs = [product.mm(x[t], w) for t in range(batches.FEWEST)]
    assert count(rewritten(tape, [(out * 2).slot for out in outs])) == 0
    assert count(rewritten(tape, [(outs[0] * 2).slot, *[out.slot for out in outs[1:]]])) == batches.FEWEST
    assert count(rewritten(tape, [(out * 2).slot for out in outs[1:]])) == batches.FEWEST - 1


def test_columns_are_left_alone() -> None:
    """Only matrices that lie in order are laid below each other."""
    tape, x, _ = sequence(6, 2, 3)
    w = tape.input("v", np.ones((2, 4), np.float32))
    assert count(rewritten(tape, [(product.mm(views.t(x[t]), w) * 2).slot for t in range(6)])) == 6


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 16, 17])
@pytest.mark.parametrize("columns", [1, 7, 65, 256])
@pytest.mark.parametrize("turned", [False, True])
def test_whatever_the_sizes_the_bits_are_the_same(rows: int, columns: int, turned: bool) -> None:
    """BLAS multiplies other sizes in other ways; where that changes a digit, the products stay."""
    tape, draws = Tape(), np.random.RandomState(0)
    x = tape.input("x", draws.standard_normal((7, rows, 33)).astype(np.float32))
    w = tape.input("w", draws.standard_normal((columns, 33) if turned else (33, columns)).astype(np.float32))
    w = views.t(w) if turned else w
    assert count(rewritten(tape, [(product.mm(x[t], w) * 2).slot for t in range(7)])) in (0, 7)


def test_inexact_products_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a trial on random numbers differs, nothing is batched."""
    monkeypatch.setattr(batches, "_is_exact", lambda *_: False)
    tape, x, w = sequence(6, 2, 3)
    assert count(rewritten(tape, [(product.mm(x[t], w) * 2).slot for t in range(6)])) == 6


def test_batches_have_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sequence is multiplied in parts, each when its first product is due."""
    monkeypatch.setattr(batches, "MOST_ELEMENTS", 5 * 2 * (3 + 4))
    tape, x, w = sequence(12, 2, 3)
    after = rewritten(tape, [(product.mm(x[t], w) * 2).slot for t in range(12)])
    assert [len(call.outs) for call in after if call.several] == [5, 5]
    assert count(after) == 2
