"""Forms: the programs of a workload that are timed side by side, and the check that they agree."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

import gradcli
from gradcli.api.run import as_spec
from tests.bench.workloads import Workload

Program = Callable[[], Any]
OTHERS = {"torch": "torch", "numpy": "NumPy", "autograd": "autograd"}
"""What gradcli is compared with: the form's name, and its name for people."""


def forms(workload: Workload) -> dict[str, Program]:
    """Return the programs to time by name; torch and autograd only where they are installed.

    They run in this order, gradcli and torch one after the other.
    """
    found = {"gradcli": _in_gradcli(workload)}
    if find_spec("torch"):
        found["torch"] = _in_torch(workload)
    arrays = workload.inputs | workload.parameters
    found["numpy"] = lambda: workload.numpy(arrays)
    if workload.autograd is not None and find_spec("autograd"):
        found["autograd"] = _in_autograd(workload)
    return found


def _in_gradcli(workload: Workload) -> Program:
    """Return a program that gives the gradients of the parameters."""
    step: Callable[[], Any]
    if workload.planned:
        step = gradcli.compile(workload.spec())
    else:
        spec = as_spec(workload.spec())

        def step() -> Any:
            return gradcli.run(spec)

    def gradients() -> list[Any]:
        result = step()
        return [result[name].grad for name in workload.parameters]

    return gradients


def _in_torch(workload: Workload) -> Program:
    import torch

    torch.set_num_threads(2)
    inputs = [torch.from_numpy(np.array(a)) for a in workload.inputs.values()]
    parameters = [torch.from_numpy(np.array(a)).requires_grad_() for a in workload.parameters.values()]
    return lambda: list(torch.autograd.grad(workload.torch(*inputs, *parameters), parameters))


def _in_autograd(workload: Workload) -> Program:
    from autograd import grad

    values = [a[()] for a in (*workload.inputs.values(), *workload.parameters.values())]
    gradients = grad(workload.autograd, argnum=tuple(range(len(workload.inputs), len(values))))
    return lambda: list(gradients(*values))


def check(workload: Workload, programs: dict[str, Program]) -> None:
    """Raise AssertionError where the forms do not give the same gradients."""
    ours = programs["gradcli"]()
    for other in OTHERS:
        if other in programs:
            for name, a, b in zip(workload.parameters, ours, programs[other](), strict=True):
                np.testing.assert_allclose(a, np.asarray(b), rtol=2e-3, atol=1e-5, err_msg=f"{other}: {name}")
