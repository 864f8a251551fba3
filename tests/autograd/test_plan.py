"""The plan's passes, one by one: tracing, folding, sharing, dropping, writing, blocks."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.autograd.blocks import BLOCK, LARGE, fused
from gradcli.autograd.plan import NotPlannable, Tape, Traced, last_uses, needed, plan, taping
from gradcli.autograd.tensor import Tensor
from gradcli.ops import arithmetic, creation, exponential, reduction, subscript


def traced(*shape: int) -> tuple[Tape, Traced]:
    """Return a tape and an input of this shape on it."""
    tape = Tape()
    return tape, tape.input("x", np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape))


def test_an_op_on_a_traced_value_is_run_and_written_down() -> None:
    """exp of a traced value has its numbers at once, and one call is on the tape."""
    tape, x = traced(3)
    y = exponential.exp(x)
    np.testing.assert_array_equal(y.raw, np.exp(x.raw))
    assert [call.outs for call in tape.calls] == [(y.slot,)]


def test_formulas_and_operators_are_traced_too() -> None:
    """`2 - x * x` and an index leave calls, as every operator of a formula does."""
    tape, x = traced(3)
    y = (2 - x * x)[1:]
    assert y.shape == (2,)
    assert len(tape.calls) >= 3


def test_constants_are_folded() -> None:
    """What depends on no input leaves no call."""
    tape = Tape()
    with taping(tape):
        assert isinstance(tape.run(exponential.exp, [np.ones(3)]), np.ndarray)
    assert tape.calls == []


def test_the_same_call_is_made_once() -> None:
    """A common subexpression has one slot; numbers of another type are another call."""
    tape, x = traced(3)
    assert (x * 2) is (x * 2)
    assert (x * 2) is not (x * 2.0)
    assert len(tape.calls) == 2


def test_calls_that_nothing_needs_are_dropped() -> None:
    """Only what the wanted slots depend on is kept, in its order."""
    tape, x = traced(3)
    y = exponential.exp(x)
    exponential.log(y)
    z = reduction.sum_all(y)
    assert [call.outs for call in needed(tape.calls, [z.slot])] == [(y.slot,), (z.slot,)]


def test_a_plan_is_a_function_of_the_inputs() -> None:
    """The function gives the wanted values for other numbers."""
    tape, x = traced(3)
    y = exponential.exp(x)
    z = reduction.sum_all(y * x)
    other = np.array([0.5, 0.25, -1.0])
    found = plan(tape, [y.slot, z.slot])(other)
    np.testing.assert_array_equal(found[0], np.exp(other))
    assert found[1] == np.sum(np.exp(other) * other)


def test_last_uses_say_where_a_name_is_free() -> None:
    """A slot's last use is the number of the last call that reads it."""
    tape, x = traced(3)
    y = exponential.exp(x)
    reduction.sum_all(y * x)
    assert last_uses(tape.calls) == {x.slot: 1, y.slot: 1, tape.calls[1].outs[0]: 2}


@pytest.mark.parametrize("look", [bool, float, list, np.asarray, lambda x: x.item(), lambda x: x.tolist(), creation.values_of])
def test_looking_at_numbers_is_refused(look) -> None:
    """What asks a traced value for its numbers cannot be planned; its shape may be asked for."""
    _, x = traced(1)
    assert x.shape == (1,)
    with pytest.raises(NotPlannable):
        look(x)


def test_an_index_that_is_an_input_cannot_be_planned() -> None:
    """Whether an index is within bounds depends on its numbers."""
    tape = Tape()
    x, index = Tensor(tape.input("x", np.ones(3))), Tensor(tape.input("i", np.array([0, 1])))
    with pytest.raises(NotPlannable):
        subscript.getitem(x, index)


def test_runs_of_elementwise_calls_on_large_arrays_become_one() -> None:
    """Four elementwise calls are one, which gives only what is needed after them."""
    tape, x = traced(LARGE + 7)
    y = arithmetic.sqrt(exponential.exp(-x) * x)
    z = reduction.sum_all(y)
    calls = fused(needed(tape.calls, [z.slot]), [z.slot])
    assert [call.outs for call in calls] == [(y.slot,), (z.slot,)]
    np.testing.assert_array_equal(calls[0].function(x.raw)[0], y.raw)


def test_runs_on_small_arrays_are_left_alone() -> None:
    """Below two blocks the calls stay as they are."""
    tape, x = traced(BLOCK)
    y = exponential.exp(-x)
    calls = needed(tape.calls, [y.slot])
    assert fused(calls, [y.slot]) == list(calls)
