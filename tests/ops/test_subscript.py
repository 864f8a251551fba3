"""Subscripts are taken apart as PyTorch takes them apart: the nodes, shapes and errors are torch 2.13's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.autograd.tensor import Tensor
from gradcli.errors import OpError
from gradcli.ops.subscript import getitem

ROWS = np.array([0, 1])
CHOSEN = np.array([[True, False, True], [False, True, True]])
NODES = [
    (0, (3,), "Select"),
    ((0, 1), (), "Select Select"),
    (slice(None), (2, 3), "Slice"),
    ((slice(None), slice(None)), (2, 3), "Alias"),
    (Ellipsis, (2, 3), "Alias"),
    ((), (2, 3), "Alias"),
    ((0, Ellipsis), (3,), "Select"),
    ((0, slice(1, None)), (2,), "Slice Select"),
    (None, (1, 2, 3), "Unsqueeze"),
    ((0, slice(None), None), (3, 1), "Unsqueeze Select"),
    (ROWS, (2, 3), "Index"),
    ([0, 1], (2, 3), "Index"),
    ([], (0, 3), "Index"),
    ([[0, 1], [1, 2]], (2,), "Index"),
    ([slice(0, 1), 1], (1,), "Select Slice"),
    ((0, ROWS), (2,), "Index Select"),
    (CHOSEN, (4,), "Index"),
    (True, (1, 2, 3), "Index Unsqueeze"),
    (np.int64(1), (3,), "Select"),
]
ERRORS = [
    (5, "index 5 is out of bounds for dimension 0 with size 2"),
    ((0, -4), "index -4 is out of bounds for dimension 1 with size 3"),
    ((0, 0, 0), "too many indices for tensor of dimension 2"),
    (np.array([7]), "index 7 is out of bounds for dimension 0 with size 2"),
    (
        CHOSEN[0],
        "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3] at index 0",
    ),
    (
        (ROWS, np.array([0, 1, 2])),
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    (np.array([1.0]), "tensors used as indices must be long, int, byte or bool tensors"),
    (slice(None, None, -1), "step must be greater than zero"),
    (slice(None, None, 0), "slice step cannot be zero"),
    (
        1.5,
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)",
    ),
]


def chain(tensor: Tensor) -> str:
    """Return the names of the nodes from a tensor to its leaf."""
    names, node = [], tensor.grad_fn
    while node is not None and node.name() != "AccumulateGrad":
        names.append(node.name().removesuffix("Backward0"))
        node = node.next_functions[0][0]
    return " ".join(names)


def matrix() -> Tensor:
    return Tensor(np.arange(6.0).reshape(2, 3), True)


@pytest.mark.parametrize(("index", "shape", "nodes"), NODES, ids=lambda value: str(value)[:30])
def test_the_nodes_of_a_subscript(index: Any, shape: tuple[int, ...], nodes: str) -> None:
    """Each kind of subscript leaves PyTorch's nodes behind and gives PyTorch's shape."""
    found = getitem(matrix(), index)
    assert (found.shape, chain(found)) == (shape, nodes)


@pytest.mark.parametrize(("index", "text"), ERRORS, ids=lambda value: str(value)[:30])
def test_the_errors_of_a_subscript(index: Any, text: str) -> None:
    """A subscript that does not fit is refused in PyTorch's words."""
    with pytest.raises(OpError) as error:
        getitem(matrix(), index)
    assert error.value.message == text


def test_a_number_of_dimensions_has_no_elements() -> None:
    """A 0-dim tensor cannot be indexed by numbers."""
    with pytest.raises(OpError, match=r"invalid index of a 0-dim tensor. Use `tensor.item\(\)` in Python"):
        getitem(Tensor(np.float64(1.0)), 0)


def test_a_result_of_index_tensors_lies_in_memory_as_in_pytorch() -> None:
    """What index tensors choose from a permuted tensor keeps the permuted order of its other dimensions."""
    x = np.arange(24.0).reshape(2, 3, 4)
    assert [s // 8 for s in getitem(x.transpose(2, 0, 1), (slice(None), slice(None), ROWS)).strides] == [2, 8, 1]
    assert [s // 8 for s in getitem(x.transpose(2, 1, 0), (slice(None), ROWS)).strides] == [1, 4, 8]


DIMENSION = st.one_of(
    st.integers(-2, 1),
    st.slices(2).filter(lambda s: s.step is None or s.step > 0),
    st.lists(st.integers(-2, 1), min_size=2, max_size=2).map(np.array),
)


@given(st.lists(DIMENSION, max_size=3), st.sampled_from([np.arange(8.0).reshape(2, 2, 2)]))
def test_values_are_numpy_s(index: list[Any], x: np.ndarray) -> None:
    """Numbers, slices and index tensors choose what NumPy's subscripts choose, once numbers are applied first."""
    found = getitem(x, tuple(index))
    lowered = x[tuple(slice(None) if not isinstance(i, int) else slice(i, i + 1 or None) for i in index)]
    lowered = lowered.reshape(
        [n for n, i in zip(lowered.shape, [*index, *[slice(None)] * 3], strict=False) if not isinstance(i, int)]
    )
    np.testing.assert_array_equal(found, lowered[tuple(i for i in index if not isinstance(i, int))])
