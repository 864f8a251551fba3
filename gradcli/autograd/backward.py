"""backward and grad: PyTorch's two ways into the engine, with its rules and error texts."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from gradcli.autograd import engine
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError


def backward(
    outputs: Sequence[Tensor], seeds: Sequence[Any], *, retain_graph: bool | None = None, create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:  # fmt: skip
    """Add vᵀJ to the grad of the leaves (or only of `inputs`); a seed of None stands for 1.

    Raises AutogradError with PyTorch's texts. Source: `torch.autograd.backward`.
    """
    roots = _roots(outputs, seeds, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        engine.run(roots, keep=keep, record=create_graph)
        return
    if not inputs:
        raise AutogradError("`inputs` argument to `backward()` cannot be empty.", code="GC401")
    for tensor in inputs:
        tensor.retain_grad()
    engine.run(roots, keep=keep, record=create_graph, wanted=[tensor.edge() for tensor in inputs], accumulate=True)


def grad(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], grad_outputs: Sequence[Any] | None = None,
    retain_graph: bool | None = None, create_graph: bool = False, allow_unused: bool | None = None,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Return the sum of vᵀJ of the outputs for each input, without touching any grad.

    Raises AutogradError with PyTorch's texts. Source: `torch.autograd.grad`.
    """
    if not inputs:
        raise AutogradError("`inputs` argument to `grad()` cannot be empty.", code="GC401")
    roots = _roots(outputs, grad_outputs or [None] * len(outputs), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = engine.run(roots, keep=keep, record=create_graph, wanted=_edges(inputs))
    at = next((at for at, g in enumerate(found) if g is None), None)
    if at is not None and not allow_unused:
        raise AutogradError(
            f"The differentiated Tensor at index {at} appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior.", code="GC407",
        )  # fmt: skip
    return tuple(g if g is None or isinstance(g, Tensor) else Tensor(g) for g in found)


def _edges(inputs: Sequence[Tensor]) -> list[Any]:
    if not all(tensor.requires_grad for tensor in inputs):
        raise AutogradError("One of the differentiated Tensors does not require grad", code="GC406")
    return [tensor.edge() for tensor in inputs]


def _roots(outputs: Sequence[Tensor], seeds: Sequence[Any], record: bool) -> list[engine.Root]:
    check_roots(outputs, seeds)
    return [(output.edge(), engine.seed(v, output, record)) for output, v in zip(outputs, seeds, strict=True)]


def check_roots(outputs: Sequence[Any], seeds: Sequence[Any]) -> None:
    """Raise AutogradError where these outputs cannot be differentiated with these seeds: PyTorch's checks in its order."""
    if len(seeds) != len(outputs):
        raise AutogradError(f"got {len(outputs)} tensors and {len(seeds)} gradients", code="GC404")
    for at, (output, v) in enumerate(zip(outputs, seeds, strict=True)):
        if v is not None:
            _check_seed(at, output, v)
        elif output.requires_grad:
            _check_implicit(output)
    for at, output in enumerate(outputs):
        if not output.requires_grad:
            raise AutogradError(
                f"element {at} of tensors does not require grad and does not have a grad_fn", code="GC406"
            )


def _check_seed(at: int, output: Any, v: Any) -> None:
    if v.shape != output.shape:
        raise AutogradError(
            f"Mismatch in shape: grad_output[{at}] has a shape of torch.Size({list(v.shape)}) and output[{at}] has a shape of "
            f"torch.Size({list(output.shape)}).", code="GC404",
        )  # fmt: skip
    if (v.dtype.kind == "c") != (output.dtype.kind == "c"):
        raise AutogradError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{at}] has a dtype of torch.{v.dtype} and output[{at}] has a dtype of torch.{output.dtype}.",
            code="GC404",
        )  # fmt: skip


def _check_implicit(output: Any) -> None:
    if prod(output.shape) != 1:
        hint = "give a v of the output's shape, such as ones_like of it, or reduce it with sum()"
        raise AutogradError("grad can be implicitly created only for scalar outputs", code="GC403", hint=hint)
    if output.dtype.kind == "c":
        raise AutogradError(
            f"grad can be implicitly created only for real scalar outputs but got torch.{output.dtype}", code="GC411"
        )
