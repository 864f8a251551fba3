"""Plans: whatever a spec computes, its plan computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcli
from gradcli.autograd.blocks import LARGE

UNARY = ("sin({})", "tanh({})", "sigmoid({})", "exp(-{} * {})", "relu({})", "softmax({}, dim=0)", "({}).sum(0, keepdim=True)",
         "{}.T.reshape(2, 3)", "2 - {}", "{} ** 2", "abs({})", "cumsum({}, 1)", "{}[1:, :]")  # fmt: skip
BINARY = ("{} + {}", "{} * {}", "{} - {} / 2", "maximum({}, {})", "{} @ {}.T @ {}", "where({} > 0, {}, 0.5)", "atan2({}, {})")


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a spec of a few lines over two parameters of 2×3, whose last lines are summed and differentiated."""
    names, ops = ["a", "b"], {}
    for number in range(draw(st.integers(1, 7))):
        template = draw(st.sampled_from((*UNARY, *BINARY)))
        count = template.count("{}")
        used = [draw(st.sampled_from(names)) for _ in range(count)]
        if template in UNARY:
            used = used[:1] * count
        ops[f"h{number}"] = template.format(*used)
        names.append(f"h{number}")
    ops["out"] = " + ".join(f"({name}).sum()" for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)))
    values = st.lists(st.floats(-2, 2, width=16), min_size=6, max_size=6)
    parameters = {name: np.array(draw(values), np.float64).reshape(2, 3) for name in ("a", "b")}
    return {"parameters": parameters, "ops": ops, "backward": "out"}


@settings(max_examples=150)
@given(specs())
def test_a_random_spec_planned_gives_what_it_gives_unplanned(spec: dict[str, Any]) -> None:
    """Values and gradients agree to the last digits, and what fails to fit fails both ways."""
    try:
        expected = gradcli.run(spec)
    except gradcli.SpecError as error:
        with pytest.raises(gradcli.SpecError, match=error.diagnostics[0].code):
            gradcli.compile(spec)()
        return
    step = gradcli.compile(spec)
    for result in (step(), step()):
        for name in expected:
            np.testing.assert_allclose(result[name].numpy(), expected[name].numpy(), rtol=1e-12, atol=1e-12)
        for name in ("a", "b"):
            ours, theirs = result[name].grad, expected[name].grad
            assert (ours is None) == (theirs is None)
            np.testing.assert_allclose(0 if ours is None else ours, 0 if theirs is None else theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 12_345])
def test_large_arrays_in_blocks_give_the_same_bits(size: int) -> None:
    """Runs of elementwise ops in blocks on two threads give exactly the numbers of whole arrays."""
    draws = np.random.RandomState(0)
    spec = {
        "parameters": {name: draws.standard_normal(size).astype(np.float32) for name in ("x", "y")},
        "ops": {"h": "sin(x) * exp(-y * y)", "k": "h + log1p(x * x)", "out": "(k / (1 + y * y)).sum()"},
        "backward": "out",
    }
    expected, result = gradcli.run(spec), gradcli.compile(spec)()
    for name in ("h", "k", "out"):
        np.testing.assert_array_equal(result[name].numpy(), expected[name].numpy())
    for name in ("x", "y"):
        np.testing.assert_array_equal(result[name].grad, expected[name].grad)
