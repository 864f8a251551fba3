"""autograd.grad as an op, so that derivatives of derivatives can be written in a spec."""

from __future__ import annotations

from typing import Any

from gradcli.autograd import backward
from gradcli.autograd.tensor import Tensor
from gradcli.errors import BindError
from gradcli.ops._op import composite

SIGNATURE = (
    "(outputs: any, inputs: any, grad_outputs: any=None, retain_graph: bool?=None, create_graph: bool=False, "
    "allow_unused: bool?=None)"
)


def _tensors(name: str, value: Any) -> list[Tensor]:
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, Tensor) for item in found):
        raise BindError(f"grad(): argument '{name}' must be a Tensor or a list of Tensors")
    return found


@composite("autograd.grad", SIGNATURE, name="grad")
def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    allow_unused: bool | None = None,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Return vᵀJ of the outputs for each of the inputs, as tensors that can be differentiated with create_graph."""
    roots = _tensors("outputs", outputs)
    seeds = None
    if grad_outputs is not None:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
    return backward.grad(roots, _tensors("inputs", inputs), seeds, retain_graph, create_graph, allow_unused)
