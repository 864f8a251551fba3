"""Steps: one backward pass or zero_grad over an evaluation."""

from __future__ import annotations

from typing import Any

from gradcli.autograd import backward as autograd
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError, BindError, SpecError
from gradcli.graph.evaluate import OP_ERRORS, Evaluator, StepResult, located
from gradcli.graph.graph import BackwardStep, Output, Step, ZeroGradStep


def run_step(evaluator: Evaluator, step: Step) -> StepResult:
    """Run one step; raise SpecError at its place where a rule of autograd is broken."""
    try:
        v = _zero(evaluator, step) if isinstance(step, ZeroGradStep) else _backward(evaluator, step)
    except OP_ERRORS as error:
        raise located(error, step.span) from error
    grads = {name: None if t.gradient is None else t.gradient.data for name, t in graded(evaluator).items()}
    return StepResult(step, v, grads)


def compute_outputs(evaluator: Evaluator, step: Step) -> None:
    """Compute the outputs of a step that is not run; one that needs the grads of earlier steps is left out."""
    for output in step.outputs if isinstance(step, BackwardStep) else ():
        try:
            evaluator.value(output.expression)
        except SpecError:
            continue


def graded(evaluator: Evaluator) -> dict[str, Tensor]:
    """Return the tensors whose grad a step reports: leaves that require grad, and those that retain theirs.

    Each has one name, the first in the document; inputs and parameters keep theirs.
    """
    graph, found = evaluator.graph, {}
    named = {id(evaluator.slots[leaf.slot]): leaf.slot for leaf in graph.leaves}
    for name in graph.declared:
        slot = graph.names[name]
        value = evaluator.slots[slot]
        if type(value) is Tensor and not value.retains_grad and (value.grad_fn is not None or not value.requires_grad):
            continue
        for suffix, tensor in enumerate(value) if isinstance(value, tuple) else ((None, value),):
            has_grad = isinstance(tensor, Tensor) and (tensor.retains_grad or (tensor.requires_grad and tensor.is_leaf))
            if has_grad and named.setdefault(id(tensor), slot) == slot:
                found[name if suffix is None else f"{name}[{suffix}]"] = tensor
    return found


def _zero(evaluator: Evaluator, step: ZeroGradStep) -> list[Any]:
    if step.slots is None:
        tensors = list(graded(evaluator).values())
    else:
        tensors = [t for slot in step.slots for t in [evaluator.slots[slot]] if isinstance(t, Tensor)]
    for tensor in tensors:
        tensor.gradient = None
    return []


def _backward(evaluator: Evaluator, step: BackwardStep) -> list[Any]:
    """Run a backward pass and return its seed vectors (1.0 for an implicit one)."""
    outputs = [_output(evaluator, output) for output in step.outputs]
    seeds = [_seed(evaluator, o, tensor) for o, tensor in zip(step.outputs, outputs, strict=True)]
    inputs = None if step.inputs is None else [_input(evaluator, slot) for slot in step.inputs]
    autograd.backward(outputs, seeds, retain_graph=step.retain_graph, create_graph=step.create_graph, inputs=inputs)
    return [1.0 if seed is None else seed.data for seed in seeds]


def _output(evaluator: Evaluator, output: Output) -> Tensor:
    value = evaluator.value(output.expression)
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], Tensor):
        return value[0]
    if not isinstance(value, Tensor):
        what = f"{len(value)} results; name one, `{output.text}[0]`" if isinstance(value, tuple) else "no tensor"
        raise located(BindError(f"the output `{output.text}` is {what}", code="GC209"), output.span)
    return value


def _seed(evaluator: Evaluator, output: Output, tensor: Tensor) -> Tensor | None:
    if output.v is None:
        return None
    seed = evaluator.form(output.v, dtype=str(tensor.dtype))
    if not isinstance(seed, Tensor):
        raise located(BindError("v is no tensor", code="GC209"), output.v.span)
    return seed


def _input(evaluator: Evaluator, slot: int) -> Tensor:
    tensor = evaluator.slots[slot]
    if not isinstance(tensor, Tensor):
        raise AutogradError(f"`{evaluator.graph.values[slot].name}` is no tensor", code="GC209")
    return tensor
