"""Whole specs beside torch programs: the same values, dtypes, grads, graphs and error texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the conformance tests compare with torch")

import torch

import gradcli
from gradcli.errors import SpecError
from tests.conformance.oracle import node_names
from tests.conformance.programs import ERRORS, PROGRAMS

pytestmark = pytest.mark.filterwarnings("ignore")
RANDOM = 1e-6
"""How near random normal numbers are to torch's, relatively; what is computed from them is as near."""


@pytest.fixture(autouse=True)
def _fresh_torch() -> Iterator[None]:
    """Start each program with torch's defaults and the seed that specs have."""
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def pairs(theirs: Any, ours: Any) -> Iterator[tuple[torch.Tensor, Any]]:
    """Yield torch's tensors with those of a spec, also in tuples."""
    if isinstance(theirs, torch.Tensor):
        yield theirs, ours
    elif isinstance(theirs, (tuple, list)):
        for their, our in zip(theirs, ours, strict=True):
            yield from pairs(their, our)


def assert_same(their: torch.Tensor, our: np.ndarray) -> None:
    expected = their.detach().resolve_conj().resolve_neg().numpy()
    assert str(our.dtype) == str(expected.dtype)
    assert our.shape == expected.shape
    if expected.dtype.kind in "fc":
        eps = np.finfo(expected.dtype).eps
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
        np.testing.assert_allclose(our, expected, rtol=max(RANDOM, 50 * eps), atol=max(RANDOM, 50 * eps) * scale)
    else:
        np.testing.assert_array_equal(our, expected)


@pytest.mark.parametrize(("spec", "program"), PROGRAMS, ids=[program.__name__ for _, program in PROGRAMS])
def test_a_spec_gives_what_its_torch_program_gives(spec: str, program: Callable[[], dict[str, Any]]) -> None:
    """Each name has torch's value, flags, grad, grad_fn and nodes below."""
    expected = program()
    result = gradcli.run(gradcli.loads(spec))
    assert set(expected) <= {*result, *(name for name in expected if name in "hx")}
    for name in (name for name in expected if name in result):
        for their, our in pairs(expected[name], result[name]):
            assert_same(their, our.numpy())
            assert (our.requires_grad, our.is_leaf) == (their.requires_grad, their.is_leaf), name
            assert (our.grad_fn and our.grad_fn.name()) == (their.grad_fn and their.grad_fn.name()), name
            assert node_names([our.grad_fn]) == node_names([their.grad_fn]), name
            grad = their.grad if their.is_leaf else None
            assert (our.grad is None) == (grad is None), name
            if grad is not None:
                assert_same(grad, our.grad)


@pytest.mark.parametrize(("spec", "program"), ERRORS, ids=[program.__name__ for _, program in ERRORS])
def test_a_spec_fails_as_its_torch_program_does(spec: str, program: Callable[[], Any]) -> None:
    """The error's text is torch's, with the place in the spec."""
    with pytest.raises((RuntimeError, IndexError, ValueError, TypeError)) as theirs:
        program()
    with pytest.raises(SpecError) as ours:
        gradcli.run(gradcli.loads(spec))
    (diagnostic,) = ours.value.diagnostics
    assert diagnostic.message.partition("\n")[0] == str(theirs.value).partition("\n")[0]
    assert diagnostic.span is not None
