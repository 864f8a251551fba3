"""Expectations: what `gradcli test` holds a spec to."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from gradcli.api.testing import find
from gradcli.api.testing import test_spec as check_spec

HEAD = """
inputs: {x: [1.0, 2.0], n: [nan, 1.0]}
parameters: {w: [3.0, 4.0], unused: 1.0}
ops: {y: (x * w).sum(), h: x * 2}
backward: y
"""


def outcome(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return check_spec(str(path))


@pytest.mark.parametrize(
    "expect",
    [
        "y: 11.0",
        "y: {value: 11, shape: [], dtype: float32, grad_fn: SumBackward0, requires_grad: true, is_leaf: false}",
        "w: {grad: [1, 2]}",
        "w: {grad: x}",
        "w: {grad: w - 2, atol: 0.0, rtol: 0.0}",
        "unused: {grad: null}",
        "unused.grad: null",
        "n: [nan, 1.0]",
        "y: {value: 11.01, rtol: 1.0e-2}",
        "y.0: [3.0, 8.0]",
        "x: {grad_fn: null, requires_grad: false, is_leaf: true}",
    ],
)  # fmt: skip
def test_what_holds_passes(tmp_path: Path, expect: str) -> None:
    """An expectation that holds leaves no mismatch."""
    result = outcome(tmp_path, HEAD + f"expect:\n  {expect}\n")
    assert result.passed, (result.mismatches, result.diagnostics)
    assert result.checked > 0


@pytest.mark.parametrize(
    "expect",
    [
        "y: 11.1",
        "y: [11.0]",
        "y: {shape: [1]}",
        "y: {dtype: float64}",
        "y: {grad_fn: AddBackward0}",
        "y: {requires_grad: false}",
        "y: {is_leaf: true}",
        "w: {grad: null}",
        "unused: {grad: 0.0}",
        "w: {grad: [1.0, 2.1]}",
        "n: [0.0, 1.0]",
        "y: {value: 11.01, rtol: 1.0e-5}",
    ],
)
def test_what_does_not_hold_is_a_mismatch(tmp_path: Path, expect: str) -> None:
    """An expectation that does not hold is found, and the spec is reported with it."""
    result = outcome(tmp_path, HEAD + f"expect:\n  {expect}\n")
    assert not result.passed
    assert len(result.mismatches) == 1
    assert not result.diagnostics


def test_a_step_s_expectations_are_held_right_after_it(tmp_path: Path) -> None:
    """A step sees the grads as they are then, the end those of all steps."""
    text = """
parameters: {x: 3.0}
ops: {y: x * x}
backward:
  - {output: y, retain_graph: true, expect: {x: {grad: 6.0}}}
  - {output: y, expect: {x: {grad: 12.0}}}
  - {zero_grad: all, expect: {x: {grad: null}}}
expect: {x: {grad: null}}
"""
    result = outcome(tmp_path, text)
    assert result.passed
    assert result.checked == 4


def test_raises_holds_where_the_text_is_raised(tmp_path: Path) -> None:
    """`raises` passes for that error only, be it of the document, of an op or of a step."""
    second = (
        "parameters: {x: 3.0}\nops: {y: x * x}\nbackward: [y, y]\nraises: backward through the graph a second time\n"
    )
    assert outcome(tmp_path, second).passed
    assert not outcome(tmp_path, second.replace("second time", "third time")).passed
    assert not outcome(tmp_path, "ops: {y: 1 + 1}\nraises: anything").passed
    assert outcome(tmp_path, "ops: {y: xx + 1}\nraises: xx").passed


def test_a_spec_without_expectations_passes_if_it_evaluates(tmp_path: Path) -> None:
    """There is nothing to hold it to."""
    assert outcome(tmp_path, "ops: {y: 1 + 1}").passed
    assert not outcome(tmp_path, "inputs: {x: ones(2)}\nops: {y: x @ ones(3)}").passed


def test_folders_give_their_specs(tmp_path: Path) -> None:
    """A folder gives every YAML file with ops, inputs or parameters at its top, hidden folders aside, sorted."""
    for name, text in {
        "b.yaml": "ops: {y: 1 + 1}", "a.yml": "inputs: {x: 1}", "other.yaml": "name: no spec", "broken.yaml": "ops: [",
        "sub/c.yaml": "parameters: {x: 1.0}", ".hidden/d.yaml": "ops: {y: 1 + 1}", "e.json": '{"ops": {"y": "1 + 1"}}',
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = [str(Path(p).relative_to(tmp_path)) for p in find([str(tmp_path)])]
    assert found == ["a.yml", "b.yaml", "broken.yaml", "sub/c.yaml"]
    assert list(find([str(tmp_path / "e.json")])) == [str(tmp_path / "e.json")]


@pytest.mark.parametrize("expect", ["i: [1.5, 2]", "b: [0.5, 1]"])
def test_a_literal_is_not_cut_to_an_integer_dtype(tmp_path: Path, expect: str) -> None:
    """1.5 is not the 1 of an int64 tensor; 1.0 is."""
    text = "inputs: {i: [1, 2], b: [true, true]}\n"
    assert outcome(tmp_path, f"{text}expect: {{i: [1.0, 2]}}").passed
    assert not outcome(tmp_path, f"{text}expect: {{{expect}}}").passed


def test_an_expression_may_be_a_grad_that_there_is_not(tmp_path: Path) -> None:
    """`unused.grad` is none, and equals only that."""
    assert outcome(tmp_path, HEAD + "expect: {h: {grad: unused.grad}}").passed
    assert not outcome(tmp_path, HEAD + "expect: {w: {grad: unused.grad}}").passed
    assert not outcome(tmp_path, HEAD + "expect: {w: {value: unused.grad}}").passed


def test_a_spec_from_standard_input_may_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """`raises` is read from what was read, so that it holds for `-` too."""
    text = b"ops: {y: nope(1)}\nraises: there is no op"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert check_spec("-").passed
