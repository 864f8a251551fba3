"""compile: planned evaluations give what ordinary ones give."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.api.run import MOST_PLANS
from gradcli.api.testing import find
from gradcli.autograd.tensor import Tensor

SPECS = [path for path in find([str(Path(__file__).parents[2] / "specs")]) if "/errors/" not in path]


def flat(value: Any) -> list[Any]:
    """Return the tensors of a value, or the value itself."""
    return list(value) if isinstance(value, tuple) else [value]


def same(a: Any, b: Any) -> None:
    """Hold two values to be the same: numbers, dtypes, grads, and grad_fn names."""
    if not isinstance(a, Tensor):
        assert a == b or (a != a and b != b)
        return
    for one, other in ((a.numpy(), b.numpy()), (a.grad, b.grad)):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    assert a.requires_grad == b.requires_grad
    assert (a.grad_fn and a.grad_fn.name()) == (b.grad_fn and b.grad_fn.name())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: Path(path).stem)
def test_a_compiled_spec_gives_what_run_gives(path: str) -> None:
    """Every call of a compiled spec has the values, grads and names of `run`, and so do its steps."""
    expected, step = gradcli.run(path), gradcli.compile(path)
    for _ in range(2):
        result = step()
        assert result.keys() == expected.keys()
        for name in expected:
            for a, b in zip(flat(result[name]), flat(expected[name]), strict=True):
                same(a, b)
        for found, grads in zip(result.backward, expected.backward, strict=True):
            assert found.keys() == grads.keys()
            for name, g in grads.items():
                np.testing.assert_allclose(
                    found[name] if g is not None else 0, 0 if g is None else g, rtol=1e-6, atol=1e-7
                )


def test_arguments_replace_inputs_for_one_call_only() -> None:
    """step(x=…) takes other numbers, another shape or another dtype, and the next call has the spec's own again."""
    step = gradcli.compile({"parameters": {"x": [1.0, 2.0]}, "ops": {"y": "(x * x).sum()"}, "backward": "y"})
    for x in ([3.0, 4.0], [1.0, 2.0, 3.0], 5.0):
        assert step(x=x)["x"].grad.tolist() == (np.asarray(x) * 2).tolist()
    assert step(x=np.array([3.0]))["x"].grad.dtype == np.float64
    assert step()["x"].grad.tolist() == [2.0, 4.0]


def test_control_flow_is_followed_anew() -> None:
    """A loop that looks at values takes as many turns as the new values ask for."""
    step = gradcli.compile(
        {
            "parameters": {"x": 1.0},
            "ops": {"y": {"carry": {"h": "x"}, "while": "h < 100", "ops": {"h": "h * 2"}}},
            "backward": "y.h",
        }
    )
    assert [float(step(x=x)["x"].grad) for x in (1.0, 60.0, 200.0)] == [128.0, 2.0, 1.0]


def test_a_choice_that_an_op_makes_by_value_is_made_anew() -> None:
    """prod has another gradient where an element is zero: a plan must not keep the first call's."""
    step = gradcli.compile({"parameters": {"x": [2.0, 3.0]}, "ops": {"y": "x.prod()"}, "backward": "y"})
    assert step()["x"].grad.tolist() == [3.0, 2.0]
    assert step(x=[0.0, 3.0])["x"].grad.tolist() == [3.0, 0.0]


def test_an_error_of_a_later_call_has_its_place() -> None:
    """What fails only with the new values is reported where it stands in the spec."""
    step = gradcli.compile(
        {"parameters": {"a": [[2.0, 0.0], [0.0, 2.0]]}, "ops": {"y": "linalg.inv(a).sum()"}, "backward": "y"}
    )
    step()
    with pytest.raises(gradcli.SpecError, match=r"singular"):
        step(a=np.zeros((2, 2), np.float32))


def test_random_numbers_are_those_of_the_seed_in_every_call() -> None:
    """Each evaluation begins with manual_seed, so dropout drops the same elements again."""
    step = gradcli.compile({"parameters": {"x": "ones(100)"}, "ops": {"y": "dropout(x, 0.5).sum()"}, "backward": "y"})
    first = step()["x"].grad
    assert 0 < (first == 0).sum() < 100
    np.testing.assert_array_equal(step()["x"].grad, first)


def test_grads_of_a_plan_can_be_written_to() -> None:
    """A grad is an array of its own, even where the pass only broadcast one number."""
    step = gradcli.compile({"parameters": {"x": [1.0, 2.0]}, "ops": {"y": "x.sum()"}, "backward": "y"})
    step()["x"].grad[0] = 5.0
    assert step()["x"].grad.tolist() == [1.0, 1.0]


def test_a_list_in_place_of_a_parameter_is_a_literal() -> None:
    """Ints in a list become the default dtype in parameters and stay int64 in inputs, as in the spec."""
    step = gradcli.compile(
        {"inputs": {"x": [1, 2]}, "parameters": {"w": [1, 2]}, "ops": {"y": "(w * x).sum()"}, "backward": "y"}
    )
    result = step(w=[3, 4], x=[5, 6])
    assert (result["w"].dtype, result["x"].dtype, result["w"].grad.tolist()) == ("float32", "int64", [5, 6])


def test_a_plan_keeps_none_of_the_first_evaluations_numbers() -> None:
    """What a compiled spec holds between calls is its inputs, not every intermediate of its first evaluation."""
    ops = {f"h{i}": f"sin({f'h{i - 1}' if i else 'x'})" for i in range(20)} | {"out": "h19.sum()"}
    x = np.ones(100_000, np.float32)
    tracemalloc.start()
    try:
        step = gradcli.compile({"parameters": {"x": x}, "ops": ops, "backward": "out"})
        step()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 4 * x.nbytes


def test_ever_new_shapes_do_not_keep_ever_more_plans() -> None:
    """Only the latest plans are kept, and an evicted shape is planned again with the same result."""
    step = gradcli.compile({"parameters": {"x": [1.0]}, "ops": {"y": "(x * x).sum()"}, "backward": "y"})
    for size in (*range(1, 2 * MOST_PLANS), 1):
        assert step(x=np.ones(size, np.float32))["x"].grad.tolist() == [2.0] * size
    assert len(step._plans) == MOST_PLANS
