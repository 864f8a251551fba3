"""Shapes: broadcasting and indexing follow NumPy's semantics, which are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, broadcastable_shapes, integer_array_indices

from gradcli.autograd.backward import grad
from gradcli.autograd.tensor import Tensor
from gradcli.errors import OpError, ShapeError
from gradcli.graph.symbol import Symbol
from gradcli.ops import operators

SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


@given(st.data())
def test_operands_broadcast(data: Any) -> None:
    """A product of shapes that broadcast is NumPy's, and each gradient is the other operand summed to its shape."""
    shape = data.draw(SHAPES)
    other = data.draw(broadcastable_shapes(shape, min_dims=0, max_dims=4, max_side=4))
    x, y = Tensor(ramp(shape), True), Tensor(ramp(other) + 0.5, True)
    z = operators.apply("mul", (x, y))
    np.testing.assert_array_equal(z.numpy(), x.data * y.data)
    gx, gy = grad([z], [x, y], [np.ones(z.shape)])
    np.testing.assert_allclose(gx.numpy(), summed(np.broadcast_to(y.data, z.shape), shape))
    np.testing.assert_allclose(gy.numpy(), summed(np.broadcast_to(x.data, z.shape), other))


def summed(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array summed to a shape that broadcasts to its own."""
    lead = g.ndim - len(shape)
    g = g.sum(tuple(range(lead)))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1), keepdims=True)


@given(SHAPES, SHAPES)
def test_shapes_that_do_not_broadcast_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Where NumPy cannot broadcast, evaluation and inference raise PyTorch's text."""
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        pass
    else:
        assume(False)
    for make in (lambda s: Tensor(ramp(s)), lambda s: Symbol(s, "float64")):
        with pytest.raises(
            ShapeError, match=r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\) at"
        ):
            operators.apply("add", (make(a), make(b)))


def forward(index: Any) -> bool:
    """Return whether an index has only slices that go forward, as PyTorch's do."""
    items = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(i, slice) or i.step is None or i.step > 0 for i in items)


@given(st.data())
def test_basic_indices(data: Any) -> None:
    """Integers, slices, None and ellipsis select what NumPy selects; the gradient lands where it was taken."""
    shape = data.draw(SHAPES)
    index = data.draw(basic_indices(shape, max_dims=6, allow_newaxis=True))
    assume(forward(index))
    x = Tensor(ramp(shape), True)
    y = operators.apply("getitem", (x, index))
    expected = x.data[index]
    np.testing.assert_array_equal(y.numpy(), expected)
    landed = np.zeros(shape)
    landed[index] = 2.0
    (g,) = grad([y], [x], [np.full(y.shape, 2.0)])
    np.testing.assert_array_equal(g.numpy(), landed)
    assert operators.apply("getitem", (Symbol(shape, "float64"), index)).shape == expected.shape


@given(st.data())
def test_integer_tensors_index(data: Any) -> None:
    """Integer tensors select what NumPy selects, and what is taken twice gets both cotangents."""
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, max_side=4))
    index = data.draw(integer_array_indices(shape, result_shape=array_shapes(max_dims=2, max_side=3), dtype=np.int64))
    x = Tensor(ramp(shape), True)
    y = operators.apply("getitem", (x, tuple(Tensor(i) for i in index)))
    np.testing.assert_array_equal(y.numpy(), x.data[index])
    landed = np.zeros(shape)
    np.add.at(landed, index, 1.0)
    (g,) = grad([y], [x], [np.ones(y.shape)])
    np.testing.assert_array_equal(g.numpy(), landed)


@given(st.data())
def test_boolean_tensors_index(data: Any) -> None:
    """A mask selects what NumPy selects."""
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, max_side=4))
    bits = data.draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    mask = np.array(bits).reshape(shape)
    x = Tensor(ramp(shape), True)
    y = operators.apply("getitem", (x, Tensor(mask)))
    np.testing.assert_array_equal(y.numpy(), x.data[mask])
    (g,) = grad([y], [x], [np.ones(y.shape)])
    np.testing.assert_array_equal(g.numpy(), mask.astype(float))


@pytest.mark.parametrize("index", [3, -4, (0, 3), (0, 0, 0), (slice(None, None, -1),)])
def test_indices_out_of_range_are_refused(index: Any) -> None:
    """What PyTorch refuses is an error of an op, never an internal one."""
    with pytest.raises(OpError):
        operators.apply("getitem", (Tensor(ramp((3, 3))), index))
