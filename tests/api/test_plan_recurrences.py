"""Plans of recurrences: with shared weights, written out or in loops, they give what `run` gives, in little more memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcli
from gradcli.autograd.batches import batched
from gradcli.autograd.joins import joined
from gradcli.autograd.plan import Tape, needed, plan
from gradcli.autograd.totals import totalled

CELLS = (
    "tanh(({x} @ w + {h} @ u + b)[..., :4])", "tanh({h} @ v) * sigmoid(({x} @ w + b)[..., 2:])",
    "({x} @ w)[..., 1:5] * 0.5 + tanh({h})", "sigmoid({z}[..., :4]) * {h} + tanh({z}[..., 2:])",
    "sigmoid({x} @ v + {h} @ v)", "tanh({x} + c - {h} @ v)", "(({x} * c) @ v) * ({h} @ v).sum(-1, keepdim=True)",
)  # fmt: skip
SHARED = {"w": (4, 6), "u": (4, 6), "b": (6,), "v": (4, 4), "c": (4,)}


@st.composite
def recurrences(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a recurrence over vectors, matrices or batches of them, with outputs on the way, and a loss."""
    cell, batch = draw(st.sampled_from(CELLS)), draw(st.sampled_from([(), (1,), (2,), (5,), (2, 3)]))
    steps, draws = draw(st.integers(1, 9)), np.random.RandomState(draw(st.integers(0, 99)))
    sizes = {**SHARED, "h": (*batch, 4), "xs": (steps, *batch, 4)}
    parameters = {name: 0.5 * draws.standard_normal(size) for name, size in sizes.items()}
    inputs = {} if draw(st.booleans()) else {"xs": parameters.pop("xs")}
    ops, h = {}, "h"
    for t in range(steps):
        ops[f"z{t}"] = f"xs[{t}] @ w + {h} @ u + b"
        ops[f"h{t}"] = cell.format(x=f"xs[{t}]", h=h, z=f"z{t}")
        h = f"h{t}"
    read = draw(st.lists(st.sampled_from(list(ops)), max_size=2))
    ops["out"] = " + ".join(f"({name} * {name}).sum()" for name in dict.fromkeys([h, *read]))
    return {"inputs": inputs, "parameters": parameters, "ops": ops, "backward": "out"}


def hold_equal(spec: dict[str, Any], rtol: float = 1e-11) -> None:
    """Hold a plan to give the bits of `run`'s values, and its gradients to the last digits, and to fail nowhere itself."""
    expected, step = gradcli.run(spec), gradcli.compile(spec)
    for result in (step(), step()):
        for name in expected:
            np.testing.assert_array_equal(result[name].numpy(), expected[name].numpy())
        for name in spec["parameters"]:
            a, b = result[name].grad, expected[name].grad
            if b is None:
                assert a is None
            else:
                assert (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides)
                np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())
    (planned,) = step._plans.values()
    assert planned is not None
    planned({})


@settings(max_examples=100)
@given(recurrences())
def test_a_random_recurrence_planned_gives_what_it_gives_unplanned(spec: dict[str, Any]) -> None:
    """Cells of products, gates and slices, with inputs that have a gradient or not."""
    hold_equal(spec)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("turns", [1, 3, 8])
def test_a_loop_planned_gives_what_it_gives_unplanned(batch: tuple[int, ...], turns: int) -> None:
    """`repeat` with shared weights, whose inner values are not kept."""
    draws = np.random.RandomState(0)
    sizes = {"x": (*batch, 4), "h0": (*batch, 4), "w": (4, 4), "u": (4, 4), "b": (4,)}
    body = {"z": "x @ w + h @ u + b", "h": "tanh(z) * sigmoid(h @ u)"}
    hold_equal({
        "parameters": {name: draws.standard_normal(size) for name, size in sizes.items()},
        "ops": {"loop": {"repeat": turns, "carry": {"h": "h0"}, "ops": body}, "out": "(loop.h * loop.h).sum()"},
        "backward": "out",
    })  # fmt: skip


def lstm(steps: int, batch: int, hidden: int, dtype: Any = np.float32) -> dict[str, Any]:
    """Return an LSTM cell written out, with one loss at its end."""
    draws = np.random.RandomState(0)
    sizes = {"xs": (steps, batch, hidden), "h": (batch, hidden), "c": (batch, hidden)}
    shared = {"w": (hidden, 4 * hidden), "u": (hidden, 4 * hidden), "b": (4 * hidden,)}
    values = {name: (0.3 * draws.standard_normal(size)).astype(dtype) for name, size in (sizes | shared).items()}
    ops, h, c = {}, "h", "c"
    for t in range(steps):
        ops[f"z{t}"] = f"xs[{t}] @ w + {h} @ u + b"
        i, f, g, o = (f"z{t}[:, {k * hidden}:{(k + 1) * hidden}]" for k in range(4))
        ops[f"c{t}"] = f"sigmoid({f}) * {c} + sigmoid({i}) * tanh({g})"
        ops[f"h{t}"] = f"sigmoid({o}) * tanh(c{t})"
        h, c = f"h{t}", f"c{t}"
    ops["loss"] = f"({h} * {h}).mean()"
    return {
        "inputs": {name: values[name] for name in sizes}, "parameters": {name: values[name] for name in shared},
        "ops": ops, "backward": "loss",
    }  # fmt: skip


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("sizes", [(2, 2, 3), (12, 4, 16), (9, 1, 8), (40, 16, 32)])
def test_an_lstm_planned_gives_what_it_gives_unplanned(sizes: tuple[int, int, int], dtype: Any, rtol: float) -> None:
    """Values have the same bits; gradients differ in the order of their sums."""
    hold_equal(lstm(*sizes, dtype=dtype), rtol)


def peak(spec: dict[str, Any]) -> int:
    """Return the most bytes that one evaluation of a plan allocates."""
    step = gradcli.compile(spec)
    step()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_recurrence_needs_little_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides what backward keeps anyway, there are a few stacks of bounded size."""
    spec, most = lstm(120, 4, 16), 1 << 12
    for module in ("batches", "totals"):
        monkeypatch.setattr(f"gradcli.autograd.{module}.MOST_ELEMENTS", most)
    ours = peak(spec)
    for module, name in (("batches", "batched"), ("totals", "totalled"), ("joins", "joined")):
        monkeypatch.setattr(f"gradcli.autograd.{module}.{name}", lambda calls, wanted: list(calls))
    assert ours < peak(spec) + 3 * 4 * most


@pytest.mark.parametrize("rewritten", [joined, totalled, batched])
def test_passes_take_time_in_proportion_to_the_calls(rewritten: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the steps are about four times the work, counted in function calls."""
    counts: list[int] = []

    def planned(tape: Tape, wanted: Sequence[int], later: Collection[int]) -> Any:
        calls = needed(tape.calls, wanted)
        counts.append(0)
        sys.setprofile(lambda *_: counts.append(counts.pop() + 1))
        try:
            rewritten(calls, wanted)
        finally:
            sys.setprofile(None)
        return plan(tape, wanted, later)

    monkeypatch.setattr("gradcli.graph.planned.plan", planned)
    for steps in (50, 200):
        gradcli.compile(lstm(steps, 2, 3))()
    few, many = counts
    assert many < 5 * few
