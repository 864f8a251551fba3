"""Tensor text: golden strings as PyTorch 2.13 prints them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcli.render.tensor_text import PrintOptions, print_options, tensor_text

F32, F64, C64 = np.float32, np.float64, np.complex64
GOLDEN: list[tuple[Any, Any, str]] = [
    (
        [[0.1933, 0.0687, 0.2733], [0.1933, 0.0687, 0.2733]],
        F32,
        "tensor([[0.1933, 0.0687, 0.2733],\n        [0.1933, 0.0687, 0.2733]])",
    ),
    ([1, 2, 3], F32, "tensor([1., 2., 3.])"),
    ([1, -2.5, 0], F32, "tensor([ 1.0000, -2.5000,  0.0000])"),
    ([1e-05, 2], F32, "tensor([1.0000e-05, 2.0000e+00])"),
    ([1000000000.0, 2], F32, "tensor([1.0000e+09, 2.0000e+00])"),
    ([math.nan, math.inf, -math.inf, 1.5], F32, "tensor([   nan,    inf,   -inf, 1.5000])"),
    ([math.nan, 2], F32, "tensor([nan, 2.])"),
    ([0, -0.0], F32, "tensor([0., -0.])"),
    (0.7312, F32, "tensor(0.7312)"),
    ([], F32, "tensor([])"),
    ([[], []], F32, "tensor([], size=(2, 0))"),
    ([], np.int64, "tensor([], dtype=torch.int64)"),
    ([1, -20, 300], np.int64, "tensor([  1, -20, 300])"),
    ([True, False], bool, "tensor([ True, False])"),
    ([1, 2], np.int32, "tensor([1, 2], dtype=torch.int32)"),
    (3, np.uint8, "tensor(3, dtype=torch.uint8)"),
    ([0.5], F64, "tensor([0.5000], dtype=torch.float64)"),
    ([0.5], np.float16, "tensor([0.5000], dtype=torch.float16)"),
    ([(1 + 2j), (-1.5 - 0.25j)], C64, "tensor([ 1.0000+2.0000j, -1.5000-0.2500j])"),
    (1j, np.complex128, "tensor(0.+1.j, dtype=torch.complex128)"),
    (
        [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        F32,
        "tensor([[[1., 2.],\n         [3., 4.]],\n\n        [[5., 6.],\n         [7., 8.]]])",
    ),
]


@pytest.mark.parametrize(("value", "dtype", "text"), GOLDEN)
def test_as_pytorch_prints_it(value: Any, dtype: Any, text: str) -> None:
    """A tensor is printed as PyTorch prints it."""
    assert tensor_text(np.array(value, dtype)) == text


def test_summary_of_a_large_tensor() -> None:
    """Above a thousand elements three at each edge are shown, and all of them with an infinite threshold."""
    text = tensor_text(np.arange(2000.0, dtype=F32).reshape(2, 1000))
    assert text == (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9700e+02, 9.9800e+02,\n"
        "         9.9900e+02],\n"
        "        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.9970e+03, 1.9980e+03,\n"
        "         1.9990e+03]])"
    )
    assert tensor_text(np.zeros(1001, F32), print_options(4, True, math.inf, "float32")).count("0.") == 1001


def test_lines_are_broken_at_the_width() -> None:
    """Long vectors are broken at 80 columns, as PyTorch does, or at any other width, or not at all."""
    vector = np.ones(30, F32)
    assert [len(line) for line in tensor_text(vector).splitlines()] == [79, 56]
    assert tensor_text(vector, PrintOptions(linewidth=40)).count("\n") == 3
    assert "\n" not in tensor_text(vector, PrintOptions(linewidth=math.inf))


def test_suffixes() -> None:
    """grad_fn and requires_grad follow the numbers, on a line of their own where they do not fit."""
    value = np.array([1.0, 2.5], F32)
    assert tensor_text(value, grad_fn="AddBackward0") == "tensor([1.0000, 2.5000], grad_fn=<AddBackward0>)"
    assert tensor_text(value, requires_grad=True) == "tensor([1.0000, 2.5000], requires_grad=True)"
    narrow = tensor_text(value, PrintOptions(linewidth=30), grad_fn="AddBackward0")
    assert narrow == "tensor([1.0000, 2.5000],\n       grad_fn=<AddBackward0>)"


def test_default_dtype_decides_what_is_named() -> None:
    """With float64 as the default dtype, float32 is the one that is named."""
    options = PrintOptions(default_dtype="float64")
    assert tensor_text(np.array(0.5), options) == "tensor(0.5000)"
    assert tensor_text(np.array(0.5, F32), options) == "tensor(0.5000, dtype=torch.float32)"


def test_precision() -> None:
    """The precision is the number of digits behind the point, in scientific notation too."""
    assert tensor_text(np.array([0.1, 2], F32), PrintOptions(precision=2)) == "tensor([0.10, 2.00])"
    assert tensor_text(np.array([1e-5, 2], F32), PrintOptions(precision=1)) == "tensor([1.0e-05, 2.0e+00])"


def test_indent() -> None:
    """A tensor behind a name is aligned below its own brackets."""
    assert "w = " + tensor_text(np.eye(2, dtype=F32), indent=4) == "w = tensor([[1., 0.],\n            [0., 1.]])"
