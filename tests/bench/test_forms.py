"""Forms: a workload's programs give the same gradients, at sizes that take no time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

from tests.bench import forms
from tests.bench.workloads import (
    ALL,
    Workload,
    attention,
    chain,
    convolution,
    elementwise,
    lstm,
    mlp,
    small,
    small_run,
)

TINY: dict[str, Callable[[], Workload]] = {
    "chain": lambda: chain(7),
    "elementwise": lambda: elementwise(70_001),
    "mlp": lambda: mlp(3),
    "convolution": lambda: convolution(batch=2, channels=3, side=6, out=4),
    "attention": lambda: attention(heads=2, batch=2, length=5, width=6),
    "lstm": lambda: lstm(steps=3, batch=2, hidden=4),
    "small": small,
    "small_run": small_run,
}


def test_every_workload_has_a_tiny_one() -> None:
    """No workload is left out of the comparison below."""
    assert list(TINY) == [make.__name__ for make in ALL]


@pytest.mark.parametrize("name", TINY)
def test_all_forms_give_the_same_gradients(name: str) -> None:
    """gradcli, NumPy by hand, and torch and autograd where they are installed agree in every gradient."""
    workload = TINY[name]()
    programs = forms.forms(workload)
    installed = {other for other in ("torch", "autograd") if find_spec(other)}
    assert set(programs) == {"gradcli", "numpy"} | installed
    forms.check(workload, programs)
    forms.check(workload, programs)


def test_a_wrong_gradient_is_noticed() -> None:
    """The check names the form and the parameter that differ."""
    workload = small()
    programs = forms.forms(workload)
    right = programs["numpy"]()
    programs["numpy"] = lambda: [right[0], right[1] + np.float32(0.1)]
    with pytest.raises(AssertionError, match="numpy: b"):
        forms.check(workload, programs)


def test_gradcli_and_torch_run_one_after_the_other() -> None:
    """What is compared most closely is timed most closely."""
    order = list(forms.forms(small()))
    assert order[0] == "gradcli"
    assert "torch" not in order or order[1] == "torch"


def test_forms_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch and autograd the table still has NumPy."""
    monkeypatch.setattr(forms, "find_spec", lambda name: None)
    assert list(forms.forms(small())) == ["gradcli", "numpy"]


def test_only_a_planned_workload_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """`small_run` evaluates its loaded spec by gradcli.run."""
    monkeypatch.delattr("gradcli.api.run.compile")
    forms.forms(small_run())["gradcli"]()
    with pytest.raises(AttributeError):
        forms.forms(small())
