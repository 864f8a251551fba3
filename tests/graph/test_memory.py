"""Memory: what an evaluation leaves behind when nobody holds its result."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import gradcli
from gradcli.autograd.tensor import Tensor
from gradcli.graph.evaluate import Evaluator

FINE = "parameters: {x: 2.0}\nops:\n  y: x * x\n  z: y + x\nbackward: z"
WRONG = "parameters: {x: 'ones(2, 3)'}\nops:\n  y: x * x\n  z: y @ x"


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    """Return how many tensors and evaluators there are."""
    return sum(type(found) in (Tensor, Evaluator) for found in gc.get_objects())


@pytest.mark.parametrize("text", [FINE, WRONG], ids=["fine", "wrong"])
def test_an_evaluation_goes_when_its_result_does(text: str, no_collection: None) -> None:
    """Values have no cycles, so that large tensors are freed at once and no collector is needed, also after an error."""
    before = alive()
    try:
        gradcli.run(gradcli.loads(text))
    except gradcli.SpecError:
        assert text is WRONG
    assert alive() == before
