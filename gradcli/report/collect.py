"""Collecting: an Evaluation turned into the plain data of a RunReport."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from gradcli.autograd.tensor import Tensor
from gradcli.graph.evaluate import LEAF, Evaluation, StepResult
from gradcli.graph.graph import Graph, ZeroGradStep
from gradcli.ops import operators, registry
from gradcli.ops._promotion import dtype_name
from gradcli.report.run import BackwardRow, Kind, RunReport, StepRow, TensorRow, ZeroGradRow, number_row


@cache
def op_name(target: str | None) -> str | None:
    """Return the name under which reports show what an Apply did: the shortest that finds the op.

    Example: `op_name("operator.add")` is `"add"`, `op_name("torch.matmul")` is `"matmul"`.
    """
    if target is None or target == LEAF:
        return None
    space, _, name = target.partition(".")
    if space == "operator":
        if name == "getitem":
            return "getitem"
        qualified = operators.PUBLIC.get(name)
        return registry.shortest(qualified) if qualified else name.rstrip("_")
    if space in ("method", "attr"):
        found = registry.find_method(name) if space == "method" else registry.find_attribute(name)
        return registry.shortest(found) if found else name
    return name if space == "builtin" else registry.shortest(target)


def run_report(evaluation: Evaluation, spec: str, *, parts: bool = False) -> RunReport:
    """Return what an evaluation gave, with the parts of expressions where asked."""
    graph = evaluation.graph
    diagnostics = tuple(evaluation.error.diagnostics) if evaluation.error else ()
    return RunReport(
        spec, graph.description, graph.dtype, graph.manual_seed, tuple(rows(evaluation, _listed(graph, parts))),
        tuple(step_row(step) for step in evaluation.steps), diagnostics,
    )  # fmt: skip


def _listed(graph: Graph, parts: bool) -> Iterable[str]:
    return list(graph.names) if parts else graph.declared


def rows(evaluation: Evaluation, names: Iterable[str]) -> Iterator[TensorRow]:
    """Yield a row for every name that was reached; several results are rows of their own, `qr[0]`, `qr[1]`."""
    graph, made, slots = evaluation.graph, evaluation.made, evaluation.slots
    for name in names:
        slot = graph.names[name]
        target = made[slot]
        if target is None:
            continue
        value, kind, op = slots[slot], graph.values[slot].kind, op_name(target)
        if type(value) in (tuple, list, registry.Results) and any(isinstance(item, Tensor) for item in value):
            for at, item in enumerate(value):
                yield row(f"{name}[{at}]", kind, op, item)
        else:
            yield row(name, kind, op, value)


def row(name: str, kind: Kind, op: str | None, value: Any) -> TensorRow:
    """Return the row of one value."""
    if not isinstance(value, Tensor):
        return number_row(name, value, op)
    grad_fn = None if value.grad_fn is None else value.grad_fn.name()
    return TensorRow(
        name,
        kind,
        op,
        value.shape,
        dtype_name(value),
        value.requires_grad,
        value.is_leaf,
        grad_fn,
        value.numpy(),
        value.grad,
    )


def step_row(result: StepResult) -> StepRow:
    """Return the row of one step."""
    step = result.step
    if isinstance(step, ZeroGradStep):
        return ZeroGradRow(step.names, result.arrays(), step.label)
    v = tuple(v if type(v) is float else np.asarray(v) for v in result.v)
    return BackwardRow(step.label, tuple(output.text for output in step.outputs), v, result.arrays())
