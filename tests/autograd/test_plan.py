"""The plan's passes, one by one: tracing, folding, sharing, dropping, writing, blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.autograd.blocks import LARGE, BlockWriter, fused, plain
from gradcli.autograd.plan import NotPlannable, Tape, Traced, function_of, last_uses, needed, plan, taping
from gradcli.autograd.runs import gathered
from gradcli.autograd.tensor import Tensor
from gradcli.ops import arithmetic, creation, exponential, reduction, subscript
from gradcli.ops.activation import threshold_backward
from gradcli.ops.trigonometric import tanh_backward


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
    """Four elementwise calls and a sum are one, which gives only what is needed after them."""
    tape, x = traced(LARGE + 7)
    y = arithmetic.sqrt(exponential.exp(-x / LARGE) * x)
    z = reduction.sum_all(y)
    for wanted in ([y.slot, z.slot], [z.slot]):
        (call,) = fused(needed(tape.calls, wanted), wanted)
        assert call.outs == tuple(wanted)
        found = dict(zip(wanted, call.function(x.raw), strict=True))
        np.testing.assert_array_equal(found.get(y.slot, y.raw), y.raw)
        np.testing.assert_allclose(found[z.slot], z.raw, rtol=1e-14)


def test_a_sum_in_a_run_is_not_read_by_it() -> None:
    """What is divided by the sum of all elements is another run."""
    tape, x = traced(LARGE)
    y = x * 2
    z = y / reduction.sum_all(y) + 1
    calls = fused(needed(tape.calls, [z.slot]), [z.slot])
    assert len(calls) == 2
    np.testing.assert_allclose(calls[1].function(*calls[0].function(x.raw))[0], z.raw, rtol=1e-14)


def test_runs_on_small_arrays_are_left_alone() -> None:
    """Below two blocks the calls stay as they are."""
    tape, x = traced(LARGE - 1)
    y = exponential.exp(-x)
    calls = needed(tape.calls, [y.slot])
    assert fused(calls, [y.slot]) == list(calls)


def test_elementwise_kernels_come_apart() -> None:
    """tanh's backward is three calls of NumPy, of which 1 - y² is shared; a kernel with a choice in it stays whole."""
    tape, x = traced(3)
    g = tape.input("g", np.ones(3))
    first, second = tanh_backward(g, x), tanh_backward(x, x)
    assert [call.function for call in tape.calls] == [np.multiply, np.subtract, np.multiply, np.multiply]
    np.testing.assert_array_equal(first.raw, 1 - x.raw**2)
    np.testing.assert_array_equal(second.raw, x.raw * (1 - x.raw**2))
    threshold_backward(g, x, 0)
    assert not isinstance(tape.calls[-1].function, np.ufunc)


def test_runs_are_gathered_around_calls_that_can_wait() -> None:
    """A sum between elementwise calls waits until the run ends; what depends on it begins another run."""
    tape, x = traced(4)
    y = x + 1
    total = reduction.sum_all(y)
    z = y * 2
    last = z * total
    groups = gathered(tape.calls, lambda call: call.shape or None)
    assert [(kind, [call.outs for call in run]) for kind, run in groups] == [
        ((4,), [(y.slot,), (z.slot,)]), (None, [(total.slot,)]), ((4,), [(last.slot,)]),
    ]  # fmt: skip


def test_what_a_run_does_not_need_goes_before_it() -> None:
    """A call between two of a run that neither makes nor reads what the run makes is moved to the front."""
    tape, x = traced(4)
    y = x + 1
    total = reduction.sum_all(x)
    z = y * total
    groups = gathered(tape.calls, lambda call: call.shape or None)
    assert [kind for kind, _ in groups] == [None, (4,)]
    assert groups[1][1][-1].outs == (z.slot,)


def test_blocks_write_into_scratch_and_places() -> None:
    """Of seven calls in a run two arrays are in use at a time, one in the result's place; a product by one is no call."""
    tape, x = traced(LARGE)
    y = exponential.exp(-(x * x)) + 1
    z = arithmetic.sqrt(y * np.float64(1)) * y
    (call,) = fused(needed(tape.calls, [z.slot]), [z.slot])
    writer = BlockWriter(plain(needed(tape.calls, [z.slot]), [z.slot]), [z.slot], [])
    writer.function([x.slot])
    assert len(writer.scratch) == 1
    place = np.empty(LARGE)
    assert call.function(x.raw, into=[place])[0] is place
    np.testing.assert_array_equal(place, z.raw)


def test_runs_compute_nothing_twice() -> None:
    """x·y and y·x are one call, and so is a product with a changed sign; what is added negated is subtracted."""
    tape, x = traced(4)
    y = tape.input("y", np.array([1.0, -0.0, 0.0, -2.5]))
    minus = -y
    first = x * y
    a = first * (y * x) + exponential.exp(minus * x)
    b = (x * minus) + a
    wanted = [a.slot, b.slot]
    calls = plain(needed(tape.calls, wanted), wanted)
    assert [call.function for call in calls] == [np.multiply, np.multiply, np.negative, np.exp, np.add, np.subtract]
    found = function_of(calls, list(tape.inputs.values()), wanted)(x.raw, y.raw)
    for value, expected in zip(found, (a.raw, b.raw), strict=True):
        np.testing.assert_array_equal(value.view(np.int64), expected.view(np.int64))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("dim", [(), (None,), ((0,),), ((0, 1), True)])
def test_a_mean_is_a_sum_and_a_quotient(dim: tuple[Any, ...], dtype: Any) -> None:
    """It has the same bits; half precision is summed in single, which only the mean itself does."""
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(dtype)
    tape = Tape()
    mean = (reduction.mean if dim else reduction.mean_all)(tape.input("x", x), *dim)
    expected = (reduction.mean if dim else reduction.mean_all)(x, *dim)
    assert (mean.raw.dtype, mean.raw.tobytes()) == (expected.dtype, expected.tobytes())
    functions = [call.function for call in tape.calls]
    assert len(functions) == 1 if dtype is np.float16 else functions[1:] == [np.divide]


def test_a_negated_value_added_to_itself_is_a_product() -> None:
    """-x + -x is x·(-2), to the bit, and -x is not computed."""
    tape, x = traced(4)
    y = tape.input("y", np.array([1.0, -0.0, 0.0, np.inf]))
    z = -(x * y) + (-x) * y
    calls = plain(needed(tape.calls, [z.slot]), [z.slot])
    assert [call.function for call in calls] == [np.multiply, np.multiply]
    (found,) = function_of(calls, list(tape.inputs.values()), [z.slot])(x.raw, y.raw)
    np.testing.assert_array_equal(found.view(np.int64), z.raw.view(np.int64))


def test_a_wanted_product_by_one_is_a_copy() -> None:
    """Who keeps the product keeps an array of its own."""
    tape, x = traced(4)
    one = tape.call(np.multiply, [x, np.broadcast_to(1.0, (4,))[0]], elementwise=True)
    (call,) = plain(tape.calls, [one.slot])
    assert (call.function, call.args[0].slot) == (np.positive, x.slot)


def test_a_product_is_negated_instead_of_its_factor() -> None:
    """-x·y is the product with its sign changed, unless -x is needed for more than that."""
    tape, x = traced(4)
    y = tape.input("y", np.array([1.0, -0.0, 0.0, -2.5]))
    z = exponential.exp(-x * y)
    calls = plain(needed(tape.calls, [z.slot]), [z.slot])
    assert [call.function for call in calls] == [np.multiply, np.negative, np.exp]
    np.testing.assert_array_equal(function_of(calls, list(tape.inputs.values()), [z.slot])(x.raw, y.raw)[0], z.raw)
    minus = -x
    both_read = (minus * y) / minus
    calls = plain(needed(tape.calls, [both_read.slot]), [both_read.slot])
    assert [call.function for call in calls] == [np.negative, np.multiply, np.true_divide]
