"""Bare calls: what replaces a kernel gives the same value, as a view where it was one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.autograd.bare import BARE, bared
from gradcli.autograd.plan import Tape, function_of
from gradcli.ops import expansion, product, reduction, slicing, views

CASES: list[tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = [
    (lambda x: x[1:3], ((4, 3),)), (lambda x: x[:, ::2], ((4, 3),)), (lambda x: slicing.slice_(x, -1, 1, None, 1), ((2, 3),)),
    (lambda x: x[1], ((4, 3),)), (lambda x: x[-1], ((4,),)), (lambda x: slicing.select(x, -1, 0), ((2, 3),)),
    (lambda x: views.t(x), ((2, 3),)), (lambda x: views.t(x), ((3,),)), (lambda x: views.view(x, (3, -1)), ((2, 6),)),
    (lambda x: views._reshape_alias(x, (4,)), ((1, 4),)), (lambda x: views._unsafe_view(x, (4,)), ((2, 2),)),
    (lambda x: views.transpose(x, 0, -1), ((2, 3, 4),)), (lambda x: expansion.expand(x, (2, -1)), ((2, 3),)),
    (lambda x: views.clone_contiguous(x), ((2, 3),)), (product.mm, ((2, 3), (3, 4))), (product.mv, ((2, 3), (3,))),
    (product.dot, ((3,), (3,))), (product.bmm, ((2, 2, 3), (2, 3, 4))),
]  # fmt: skip


@pytest.mark.parametrize(("function", "shapes"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_a_bare_call_gives_what_the_kernel_gives(function: Callable[..., Any], shapes: Any, dtype: str) -> None:
    """Values, types, strides and shared memory are the same."""
    tape = Tape()
    arrays = [np.arange(np.prod(shape), dtype=dtype).reshape(shape) for shape in shapes]
    y = function(*(tape.input(f"x{i}", array) for i, array in enumerate(arrays)))
    calls = bared(tape.calls, [y.slot])
    expected, found = (function_of(c, list(tape.inputs.values()), [y.slot])(*arrays)[0] for c in (tape.calls, calls))
    assert (type(found), found.dtype, found.strides) == (type(expected), expected.dtype, expected.strides)
    np.testing.assert_array_equal(found, expected)
    assert np.shares_memory(found, arrays[0]) == np.shares_memory(expected, arrays[0])
    assert (calls[-1].function is tape.calls[-1].function) == (dtype == "float16" and len(shapes) == 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "float64"])
@pytest.mark.parametrize("number", [1, -0.1, 1e300, np.nan, 2**70])
def test_numbers_beside_arrays_are_arrays(dtype: str, number: float) -> None:
    """Sums, differences, products and quotients with a number have the same bits."""
    tape = Tape()
    array = np.linspace(-2, 2, 6).astype(dtype).reshape(2, 3)
    x = tape.input("x", array)
    with np.errstate(all="ignore"):
        outs = [y.slot for y in (x + number, number - x, x * number, number / x, x / number, -x)]
        calls = bared(tape.calls, outs)
        expected, found = (function_of(c, [x.slot], outs)(array) for c in (tape.calls, calls))
    for a, b in zip(expected, found, strict=True):
        assert (a.tobytes(), a.dtype, a.strides) == (b.tobytes(), b.dtype, b.strides)
    assert not any(type(value) in (int, float) for call in calls for value in call.args)


def test_numbers_that_decide_the_dtype_are_kept() -> None:
    """An integer array plus a float is no integer array; a number and a 0-d value stay numbers."""
    tape = Tape()
    x, y = tape.input("x", np.arange(3)), tape.input("y", np.array(2.0))
    outs = [(tape.call(np.add, [x, 0.5], elementwise=True)).slot, (y + 1).slot]
    assert bared(tape.calls, outs) == tape.calls


def test_every_bare_op_has_a_case() -> None:
    """No op is replaced untested."""
    tape = Tape()
    for function, shapes in CASES:
        function(*(tape.input(f"x{i}", np.ones(shape)) for i, shape in enumerate(shapes)))
    assert {call.op for call in tape.calls} == BARE.keys()


def test_other_calls_are_the_same_objects() -> None:
    """What has no entry is not touched."""
    tape = Tape()
    x = tape.input("x", np.ones((2, 3)))
    y = reduction.sum_all(x * x)
    assert bared(tape.calls, [y.slot]) == tape.calls
