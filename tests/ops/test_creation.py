"""Creation: dtypes, values and errors of new tensors are torch 2.13's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.errors import OpError
from gradcli.ops import registry

registry.load()
DTYPES = [
    ("zeros", ((2,),), "float32"),
    ("full", ((2,), 1), "int64"),
    ("full", ((2,), True), "bool"),
    ("full", ((2,), 1.5), "float32"),
    ("full", ((2,), 1j), "complex64"),
    ("arange", (5,), "int64"),
    ("arange", (5.0,), "float32"),
    ("arange", (0, 1, 0.25), "float32"),
    ("linspace", (0, 1, 3), "float32"),
    ("tensor", ([1, 2],), "int64"),
    ("tensor", ([1, 2.5],), "float32"),
    ("tensor", ([True, 2],), "int64"),
    ("tensor", ([],), "float32"),
    ("tensor", ([1, 2j],), "complex64"),
    ("scalar_tensor", (3,), "float32"),
    ("randint", (5, (2,)), "int64"),
    ("tril_indices", (2, 2), "int64"),
]
ERRORS = [
    ("zeros", ((-1,),), "zeros: Dimension size must be non-negative."),
    ("ones", ((-1,),), "Trying to create tensor with negative dimension -1: [-1]"),
    ("eye", (-1,), "n must be greater or equal to 0, got -1"),
    ("arange", (5, 1), "upper bound and lower bound inconsistent with step sign"),
    ("arange", (1, 5, 0), "step must be nonzero"),
    ("arange", (float("inf"),), "unsupported range: 0 -> inf"),
    ("linspace", (0, 1, -1), "number of steps must be non-negative"),
    ("full", ((2,), 1e39), "value cannot be converted to type float without overflow"),
    ("tensor", ([[1, 2], [3]],), "expected sequence of length 2 at dim 1 (got 1)"),
    ("tensor", ([[1, 2], 3],), "not a sequence"),
]


def call(name: str, args: tuple[Any, ...], **kwargs: Any) -> Any:
    return registry.call(f"torch.{name}", args, kwargs)


@pytest.mark.parametrize(("name", "args", "dtype"), DTYPES)
def test_the_dtype_of_a_new_tensor(name: str, args: tuple[Any, ...], dtype: str) -> None:
    """Without a dtype the kind of the numbers decides, as in PyTorch."""
    assert call(name, args).dtype.name == dtype


@pytest.mark.parametrize(("name", "args", "text"), ERRORS)
def test_the_errors_of_creation(name: str, args: tuple[Any, ...], text: str) -> None:
    """What cannot be made is refused in PyTorch's words."""
    with pytest.raises(OpError) as error:
        call(name, args)
    assert error.value.message == text


def test_arange_rounds_as_pytorch_does() -> None:
    """PyTorch counts blocks of eight float32 numbers from their rounded first one."""
    x = call("arange", (0, 100, 0.3))
    recorded = {11: "0x1.a666680000000p+1", 12: "0x1.ccccce0000000p+1", 14: "0x1.0cccce0000000p+2"}
    assert {at: float(x[at]).hex() for at in recorded} == recorded
    assert not any(np.float32(at * 0.3) == x[at] for at in recorded)


def test_full_wraps_negative_numbers_in_uint8() -> None:
    """A negative number becomes its remainder modulo 256 in uint8, as in PyTorch."""
    assert call("full", ((1,), -1), dtype="uint8").tolist() == [255]
    with pytest.raises(OpError, match="value cannot be converted to type uint8_t without overflow"):
        call("full", ((1,), 300), dtype="uint8")


def test_a_like_keeps_the_memory_order() -> None:
    """`zeros_like` of a permuted tensor lies in memory as the tensor does."""
    x = np.ones((2, 3, 4), np.float32).transpose(2, 0, 1)
    assert call("zeros_like", (x,)).strides == x.strides
