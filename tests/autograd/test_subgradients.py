"""Subgradients: what is taken where a function has no derivative, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.autograd.leaves import backward, call, leaf

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "x", "args", "expected"),
    [
        ("relu", [-1.0, 0.0, 2.0], (), [0, 0, 1]),
        ("relu6", [0.0, 6.0, 3.0], (), [0, 0, 1]),
        ("abs", [-2.0, 0.0, 2.0], (), [-1, 0, 1]),
        ("sign", [-2.0, 0.0], (), [0, 0]),
        ("clamp", [-1.0, 0.0, 1.0, 2.0], (0.0, 1.0), [0, 1, 1, 0]),
        ("hardtanh", [-1.0, 0.0, 1.0], (), [0, 1, 0]),
        ("leaky_relu", [0.0, -1.0], (0.25,), [0.25, 0.25]),
        ("sqrt", [0.0], (), [INF]),
        ("floor", [0.5], (), [0]),
        ("max", [3.0, 1.0, 3.0], (), [0.5, 0, 0.5]),
        ("amax", [3.0, 1.0, 3.0], (), [0.5, 0, 0.5]),
        ("norm", [0.0, 0.0], (), [0, 0]),
        ("prod", [0.0, 2.0, 3.0], (), [6, 0, 0]),
        ("prod", [0.0, 0.0, 3.0], (), [0, 0, 0]),
        ("cumprod", [0.0, 2.0, 3.0], (0,), [9, 0, 0]),
        ("median", [1.0, 2.0, 2.0, 4.0], (), [0, 0.5, 0.5, 0]),
    ],
)
def test_at_a_kink(name: str, x: list[float], args: tuple[Any, ...], expected: list[float]) -> None:
    """Zeros, bounds and ties have the subgradient that PyTorch takes."""
    tensor = leaf(x)
    output = call(name, tensor, *args)
    backward(output, np.ones_like(output.data))
    np.testing.assert_array_equal(tensor.grad, expected)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_share(name: str) -> None:
    """Where both operands are equal, each gets half."""
    x, y = leaf([1.0, 2.0]), leaf([1.0, 1.0])
    backward(call(name, x, y), [1.0, 1.0])
    assert (x.grad[0], y.grad[0]) == (0.5, 0.5)
    assert x.grad[1] + y.grad[1] == 1


@pytest.mark.parametrize(("base", "exponent", "expected"), [(0.0, 0, 0), (0.0, 1, 1), (0.0, 2, 0), (-2.0, 3, 12)])
def test_powers(base: float, exponent: int, expected: float) -> None:
    """A power of zero has its limit, never NaN."""
    x = leaf(base)
    backward(x**exponent)
    assert x.grad == expected


def test_nan_passes_through_where() -> None:
    """`where` hides a NaN in the value but not in the gradient: 0 · inf is NaN, as in PyTorch."""
    x = leaf([0.0, 1.0])
    y = call("where", x > 0, call("sqrt", x), 0.0 * x)
    assert list(y.data) == [0, 1]
    backward(y, [1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [NAN, 0.5])
