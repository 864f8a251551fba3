"""Gradcheck: every gradient of a spec compared with central differences, both in float64.

The leaves are drawn in the spec's own dtype and then widened, so that the point is the one that `run` differentiates at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcli.api.run import evaluate
from gradcli.api.spec import Options, Spec, load
from gradcli.autograd import backward
from gradcli.autograd.tensor import Tensor
from gradcli.errors import OpError, SpecError
from gradcli.graph.evaluate import Evaluation, Limits, located
from gradcli.graph.graph import BackwardStep, Block, Ref
from gradcli.report.collect_graph import forward_nodes, roots
from gradcli.report.gradcheck import GradcheckReport, GradcheckRow

WIDE = {"float16": "float64", "float32": "float64", "complex64": "complex128"}


def gradcheck(
    path: str | Path | Spec, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, limits: Limits | None = None,
    options: Options | None = None,
) -> GradcheckReport:  # fmt: skip
    """Return how the gradients of a spec's outputs compare with numerical ones, leaf by leaf.

    The outputs are those of the backward steps, else what no other op uses. Source: `torch.autograd.gradcheck`.
    """
    name = path.file if isinstance(path, Spec) else str(path)
    try:
        spec = path if isinstance(path, Spec) else load(path, options)
        rows = tuple(_rows(spec, limits, eps, atol, rtol))
    except SpecError as error:
        return GradcheckReport(name, (), eps, atol, rtol, tuple(error.diagnostics))
    return GradcheckReport(name, rows, eps, atol, rtol)


def _rows(spec: Spec, limits: Limits | None, eps: float, atol: float, rtol: float) -> Iterator[GradcheckRow]:
    start = _evaluated(spec, {}, limits)
    point = {name: _wide(start[name].data) for name in _leaf_names(spec)}
    wide = Spec(replace(spec.graph, dtype="float64"), spec.file, spec.lines)
    outputs = list(_outputs(_evaluated(wide, point, limits)))
    for name in outputs:
        yield from _compare(wide, point, name, limits, eps, atol, rtol)


def _leaf_names(spec: Spec) -> list[str]:
    return [spec.graph.values[leaf.slot].name for leaf in spec.graph.leaves]


def _wide(data: Any) -> Any:
    return np.array(data, dtype=WIDE.get(str(data.dtype), data.dtype))


def _evaluated(spec: Spec, point: Mapping[str, Any], limits: Limits | None) -> Evaluation:
    evaluation = evaluate(spec, point, limits=limits, steps=False)
    if evaluation.error is not None:
        raise evaluation.error
    return evaluation


def _outputs(evaluation: Evaluation) -> Iterator[str]:
    """Yield the names of the outputs to check: the steps' that are names, else the graph's ends."""
    graph = evaluation.graph
    names = {slot: name for name, slot in graph.names.items()}
    written = [o.expression for s in graph.steps if isinstance(s, BackwardStep) for o in s.outputs]
    slots = [b.result.slot for b in written if isinstance(b, Block) and isinstance(b.result, Ref)]
    named = [names[slot] for slot in dict.fromkeys(slots) if slot in names]
    if named:
        yield from named
        return
    ends = {id(t) for t in roots(evaluation, forward_nodes(evaluation))}
    yield from (name for name in graph.declared if id(evaluation[name]) in ends)


def _compare(
    spec: Spec, point: Mapping[str, Any], output: str, limits: Limits | None, eps: float, atol: float, rtol: float
) -> Iterator[GradcheckRow]:  # fmt: skip
    """Yield a row for each leaf that requires grad: vᵀJ against the differences of vᵀ·output, for one fixed v."""
    evaluation = _evaluated(spec, point, limits)
    tensor = evaluation[output]
    if not isinstance(tensor, Tensor) or not tensor.requires_grad:
        return
    v = _seed(tensor)
    leaves = [n for n in _leaf_names(spec) if isinstance(evaluation[n], Tensor) and evaluation[n].requires_grad]
    tensors: Sequence[Tensor] = [evaluation[name] for name in leaves]
    try:
        found = backward.grad([tensor], tensors, [v], allow_unused=True)
    except OpError as error:
        raise spec.located(located(error, spec.graph.values[spec.graph.names[output]].span)) from error

    def value(name: str, data: Any) -> float:
        again = _evaluated(spec, {**point, name: data}, limits)[output]
        return float(np.real(np.sum(np.conj(v) * again.data)))

    for name, g in zip(leaves, found, strict=True):
        analytical = np.zeros_like(point[name]) if g is None else np.asarray(g.data)
        numerical = _differences(lambda data, name=name: value(name, data), point[name], eps)
        yield _row(output, name, analytical, numerical, atol, rtol)


def _seed(tensor: Tensor) -> Any:
    """Return v: 1 for an output of one element, else numbers that no symmetry of the output can hide behind."""
    if tensor.data.size == 1:
        return np.ones_like(tensor.data)
    draws = np.random.RandomState(0)
    v = draws.uniform(0.5, 1.5, tensor.shape)
    return v + 1j * draws.uniform(0.5, 1.5, tensor.shape) if tensor.dtype.kind == "c" else v


def _differences(value: Any, x: Any, eps: float) -> Any:
    """Return the central differences of a real function at every element (∂/∂re + i ∂/∂im for complex x)."""
    result = np.zeros_like(x)
    directions = (eps, 1j * eps) if x.dtype.kind == "c" else (eps,)
    for index in np.ndindex(x.shape):
        for step in directions:
            up, down = x.copy(), x.copy()
            up[index] += step
            down[index] -= step
            result[index] += (value(up) - value(down)) / (2 * eps) * (step / eps)
    return result


def _row(output: str, leaf: str, analytical: Any, numerical: Any, atol: float, rtol: float) -> GradcheckRow:
    apart = np.abs(analytical - numerical)
    off = ~(apart <= atol + rtol * np.abs(numerical)) & ~(np.isnan(analytical) & np.isnan(numerical))
    flat = int(np.argmax(np.where(np.isnan(apart), np.inf, apart))) if apart.size else 0
    index = tuple(int(i) for i in np.unravel_index(flat, apart.shape)) if apart.size else ()
    worst = (analytical[index].item(), numerical[index].item()) if apart.size else (0.0, 0.0)
    return GradcheckRow(output, leaf, int(apart.size), int(np.count_nonzero(off)), worst[0], worst[1], index)
