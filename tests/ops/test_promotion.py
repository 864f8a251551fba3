"""Promotion: the dtype of every pair of operands is the one that was recorded from torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.autograd.tensor import Tensor
from gradcli.graph.symbol import Symbol
from gradcli.ops import operators
from gradcli.types.dtype import DEFAULT

RECORDED = json.loads((Path(__file__).parent.parent / "golden" / "promotion.json").read_text())
NUMBERS = {"bool": True, "int": 2, "float": 2.0, "complex": 2j}
OPERATORS = ("add", "truediv", "eq")


def operand(text: str) -> Any:
    """Return the tensor or number that a text like `int64:1` or `float` stands for."""
    dtype, colon, ndim = text.partition(":")
    return Tensor(np.ones((2,) * int(ndim), dtype)[()]) if colon else NUMBERS[dtype]


@pytest.mark.parametrize("default", RECORDED)
def test_every_pair_promotes_as_in_torch(default: str) -> None:
    """Sum, quotient and comparison of all dtypes, dimensioned or not, and all kinds of numbers have torch's dtype."""
    token = DEFAULT.set(default)
    try:
        wrong = []
        for a, b, *expected in RECORDED[default]:
            x, y = operand(a), operand(b)
            found = [str(operators.apply(name, (x, y)).dtype) for name in OPERATORS]
            wrong += [] if found == expected else [(a, b, found, expected)]
    finally:
        DEFAULT.reset(token)
    assert not wrong


@pytest.mark.parametrize("default", RECORDED)
def test_inference_promotes_as_evaluation_does(default: str) -> None:
    """A Symbol's dtype follows the same table."""
    token = DEFAULT.set(default)
    try:
        wrong = []
        for a, b, *expected in RECORDED[default]:
            x, y = Symbol.of(operand(a)), Symbol.of(operand(b))
            found = [str(operators.apply(name, (x, y)).dtype) for name in OPERATORS]
            wrong += [] if found == expected else [(a, b, found, expected)]
    finally:
        DEFAULT.reset(token)
    assert not wrong


def test_integers_overflow_as_in_two_s_complement() -> None:
    """Integer sums stay in their dtype and wrap around."""
    x = Tensor(np.array([127], "int8"))
    assert operators.apply("add", (x, 1)).tolist() == [-128]
    assert str(operators.apply("add", (x, 1)).dtype) == "int8"
