"""Reuse: results written where an operand was, and never where somebody still looks; copies that nobody keeps, not made."""

from __future__ import annotations

import numpy as np

import gradcli
from gradcli.autograd.plan import Tape, Traced, function_of, needed
from gradcli.autograd.reuse import SMALL, reused, uncopied
from gradcli.ops import arithmetic, expansion, exponential, joining, product, softmax, views
from tests.autograd.passes import rewritten

SIDE = int(SMALL**0.5)


def traced() -> Traced:
    """Return an input that is worth reusing."""
    return Tape().input("x", np.linspace(-1, 1, SIDE * SIDE).reshape(SIDE, SIDE))


def into(*wanted: Traced) -> list[int | None]:
    """Return which argument each call is written into."""
    slots = [value.slot for value in wanted]
    calls = reused(needed(wanted[0].tape.calls, slots), slots)
    (expected,) = {value.slot: value.raw for value in wanted[:1]}.values()
    found = function_of(calls, list(wanted[0].tape.inputs.values()), slots)(*[v.raw for v in wanted[0].tape.values[:1]])
    np.testing.assert_array_equal(found[0], expected)
    return [call.into for call in calls]


def test_what_nobody_else_reads_is_written_over() -> None:
    """exp(-x) and a product's sum with a row need one array; the input stays as it is."""
    x = traced()
    assert into(exponential.exp(-x) + 1) == [None, 0, 0]
    y = traced()
    assert into(product.mm(y, y) + y) == [None, 0]


def test_another_shape_of_a_new_array_is_written_over() -> None:
    """A view that is read once of an array that is read once."""
    x = traced()
    assert into(views.view(product.mm(x, x), (-1,)) * 2) == [None, None, 0]


def test_what_is_wanted_or_read_twice_stays() -> None:
    """The first value is read again, or asked for."""
    x = traced()
    y = exponential.exp(x)
    assert into(y * 2 + y) == [None, None, 0]
    x = traced()
    y = exponential.exp(x)
    assert into(y * 2, y) == [None, None]


def test_another_shape_dtype_or_order_is_not_written_into() -> None:
    """A comparison gives bools, a row is smaller, and a transposed product lies otherwise."""
    x = traced()
    assert into(exponential.exp(x) > 0.5) == [None, None]
    x = traced()
    assert into(exponential.exp(x[0]) + product.mm(x, x)) == [None, None, None, 1]
    x = traced()
    assert into(views.t(product.mm(x, x)) + x)[-1] is None


def test_inputs_of_a_plan_are_never_changed() -> None:
    """A step leaves the arrays that it was given as they were, and gives the same again."""
    x = np.linspace(-1, 1, SIDE * SIDE).reshape(SIDE, SIDE)
    step = gradcli.compile({"parameters": {"x": x}, "ops": {"y": "(exp(-x * 2) + x).sum()"}, "backward": "y"})
    given = x.copy()
    first = [step(x=given)["x"].grad.copy() for _ in range(2)]
    np.testing.assert_array_equal(given, x)
    np.testing.assert_array_equal(*first)


def test_a_softmax_and_its_slope_are_written_over_what_they_are_computed_from() -> None:
    """A softmax over its argument, its slope over the slope of the result, never over the result."""
    x = traced()
    y = softmax.softmax_op(exponential.exp(x), 1)
    assert into(y) == [None, 0]
    x = traced()
    y = softmax.softmax_op(x, 1)
    assert into(softmax.softmax_backward_data(exponential.exp(y), y, 1)) == [None, None, 0]
    x = traced()
    assert into(softmax.softmax_backward_data(x, softmax.softmax_op(x, 1), 1)) == [None, None]


def test_copies_and_views_that_are_like_their_argument_are_not_made() -> None:
    """x¹, a view of the same sizes and an expansion to them, also as items of a list."""
    x = traced()
    y = arithmetic.pow_number(x, 1.0) * 2
    y = expansion.expand(views.view(y, x.shape), x.shape)
    z = joining.cat([y, -y], 0)
    calls, values = rewritten(uncopied, x.tape, [z.slot])
    assert [call.function for call in calls] == [np.multiply, np.negative, z.tape.calls[-1].function]
    for before, after in values:
        np.testing.assert_array_equal(before, after)


def test_copies_that_are_kept_or_lie_otherwise_are_made() -> None:
    """Who keeps x¹ keeps an array of its own; x¹ of every second column has no gaps."""
    x = traced()
    y = arithmetic.pow_number(x, 1.0)
    calls, _ = rewritten(uncopied, x.tape, [y.slot])
    assert [call.function for call in calls] == [np.positive]
    columns = traced()[:, ::2]
    calls, _ = rewritten(uncopied, columns.tape, [exponential.exp(arithmetic.pow_number(columns, 1.0)).slot])
    assert np.positive in [call.function for call in calls]


def test_what_is_kept_is_not_part_of_an_input() -> None:
    """A view of a copy is a view of a copy."""
    step = gradcli.compile({"parameters": {"x": [[1.0, 2.0]]}, "ops": {"y": "(x ** 1).reshape(2)", "z": "y.sum()"}})
    x = np.array([[1.0, 2.0]], np.float32)
    assert not np.shares_memory(step(x=x)["y"].numpy(), x)
