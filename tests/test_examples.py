"""The examples in specs/: each is a spec that holds what it expects, and that nothing is wrong with."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli.api.checking import findings
from gradcli.api.numerical import gradcheck
from gradcli.api.spec import load
from gradcli.api.testing import find
from gradcli.api.testing import test_spec as hold
from gradcli.errors import SpecError

FOLDER = Path(__file__).parent.parent / "specs"
EXAMPLES = sorted(find([str(FOLDER)]))
IDS = [str(Path(path).relative_to(FOLDER)) for path in EXAMPLES]
each = pytest.mark.parametrize("path", EXAMPLES, ids=IDS)
NOT_DIFFERENTIABLE = {
    "subgradients/": "they are about points without a derivative",
    "basics/detach.yaml": "it is about a derivative that is cut",
}
"""Examples whose gradients are not those of differences, and why."""


def raises(path: str) -> bool:
    try:
        return load(path).graph.raises is not None
    except SpecError:
        return True


@each
def test_an_example_holds_what_it_expects(path: str) -> None:
    """`gradcli test specs` passes."""
    result = hold(path)
    assert result.passed, (result.mismatches, result.diagnostics)
    assert result.checked > 0, "an example says what it expects"


@each
def test_check_finds_nothing_wrong_with_an_example(path: str) -> None:
    """Inference has no complaint about a spec that evaluates."""
    if not raises(path):
        assert list(findings(path)) == []


@each
def test_the_gradients_of_an_example_are_those_of_differences(path: str) -> None:
    """`gradcli gradcheck specs` passes, except where an example is about something else."""
    if raises(path) or any(name in path for name in NOT_DIFFERENTIABLE):
        return
    report = gradcheck(path)
    assert report.passed, (report.rows, report.diagnostics)


def test_there_are_examples_by_topic() -> None:
    """Each folder of specs/ has examples."""
    topics = {Path(path).parent.name for path in EXAMPLES}
    assert {"basics", "broadcasting", "networks", "losses", "higher_order", "errors"} <= topics
