"""Joins: sums of disjoint parts become one call, which gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.autograd.joins import joined
from gradcli.autograd.plan import Call, Tape, Traced
from gradcli.ops import reduction
from gradcli.ops.slicing import select_backward, slice_backward
from tests.autograd import passes


def inputs(*shapes: tuple[int, ...], dtype: str = "float32") -> tuple[Tape, list[Traced]]:
    """Return a tape and inputs of these shapes on it, with zeros of both signs among their numbers."""
    tape, draws = Tape(), np.random.RandomState(0)
    arrays = [draws.standard_normal(shape).astype(dtype) for shape in shapes]
    for array in arrays:
        array[(..., *[slice(0, 1)] * array.ndim)] = -0.0
    return tape, [tape.input(f"x{number}", array) for number, array in enumerate(arrays)]


def rewritten(tape: Tape, wanted: list[int]) -> list[Call]:
    """Return the calls after the pass; hold them to give the bits and the memory order of those before."""
    after, values = passes.rewritten(joined, tape, wanted)
    for a, b in values:
        assert (a.tobytes(), a.strides, a.dtype) == (b.tobytes(), b.strides, b.dtype)
    return after


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64"])
def test_slices_that_cover_an_array_are_joined(dtype: str) -> None:
    """The derivatives of four gates become one array in one call, -0 as 0 as in a sum."""
    tape, (a, b, c) = inputs((2, 3), (2, 1), (2, 4), dtype=dtype)
    ends = ((a, 5, None), (b, 4, 5), (c, None, 4))
    first, second, third = (slice_backward(g, (2, 8), 1, start, end, 1) for g, start, end in ends)
    y = first + second + third
    assert len(rewritten(tape, [y.slot])) == 1


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gaps_are_zeros(dim: int) -> None:
    """Parts that leave gaps at the start, between them and at the end, along any dimension."""
    tape, (a, b) = inputs((2, 2, 2), (2, 2, 2))
    size = [2, 2, 2]
    size[dim] = 9
    y = slice_backward(a, tuple(size), dim, 1, 3, 1) + slice_backward(b, tuple(size), dim, -4, -2, 1)
    assert len(rewritten(tape, [y.slot])) == 1


@pytest.mark.parametrize(("shape", "dim"), [((3, 2), 0), ((2, 3), 1), ((3,), 0), ((2, 3, 2), -2)])
def test_single_places_are_joined(shape: tuple[int, ...], dim: int) -> None:
    """The derivatives of `xs[t]` become one array, whose other places are zeros; a number counts as a place."""
    rest = tuple(np.delete(shape, dim))
    tape, (a, b) = inputs(rest or (1,), rest or (1,))
    a, b = (a, b) if rest else (reduction.sum_all(a), reduction.sum_all(b))
    y = select_backward(a, shape, dim, -1) + select_backward(b, shape, dim, 0)
    assert sum(call.op in (select_backward, slice_backward) for call in rewritten(tape, [y.slot])) == 0


def test_sums_of_sums_are_joined() -> None:
    """The additions may form any tree."""
    tape, xs = inputs(*[(2,)] * 4)
    a, b, c, d = (slice_backward(x, (8,), 0, 2 * i, 2 * i + 2, 1) for i, x in enumerate(xs))
    y = (d + b) + (a + c)
    assert len(rewritten(tape, [y.slot])) == 1


def test_parts_that_overlap_stay_a_sum() -> None:
    """What adds up is left to additions, in their order."""
    tape, (a, b) = inputs((2,), (2,))
    y = slice_backward(a, (5,), 0, 0, 2, 1) + slice_backward(b, (5,), 0, 1, 3, 1)
    assert len(rewritten(tape, [y.slot])) == 3


def test_parts_of_other_dimensions_or_steps_stay_a_sum() -> None:
    """Rows and columns have elements in common; a step of 2 is not one stretch."""
    tape, (a, b, c, d) = inputs((2, 4), (4, 2), (2, 4), (2, 4))
    y = slice_backward(a, (4, 4), 0, 0, 2, 1) + slice_backward(b, (4, 4), 1, 2, 4, 1)
    z = slice_backward(c, (4, 4), 0, 0, 4, 2) + slice_backward(d, (4, 4), 0, 1, 4, 2)
    assert len(rewritten(tape, [y.slot])) == 3
    assert len(rewritten(tape, [z.slot])) == 3


def test_what_is_read_elsewhere_or_wanted_is_kept() -> None:
    """An array with one part in it that is a result itself is made as before."""
    tape, (a, b) = inputs((2,), (2,))
    one, other = slice_backward(a, (5,), 0, 0, 2, 1), slice_backward(b, (5,), 0, 2, 4, 1)
    y = one + other
    assert len(rewritten(tape, [y.slot])) == 1
    assert len(rewritten(tape, [one.slot, y.slot])) == 3
    assert len(rewritten(tape, [y.slot, (other * 2).slot])) == 4


def test_an_array_added_to_itself_stays_so() -> None:
    """Doubling is not joining."""
    tape, (a,) = inputs((2,))
    one = slice_backward(a, (5,), 0, 0, 2, 1)
    assert len(rewritten(tape, [(one + one).slot])) == 2


def test_empty_parts_stay_a_sum() -> None:
    """A slice without elements is nothing to put together."""
    tape, (a,) = inputs((5,))
    nothing = tape.input("none", np.ones(0, np.float32))
    y = slice_backward(a, (5,), 0, 0, 5, 1) + slice_backward(nothing, (5,), 0, 3, 2, 1)
    assert len(rewritten(tape, [y.slot])) == 3
