"""Reports written by hand, for the snapshots of every format."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.report.graph import BackwardNode, ForwardNode, GraphReport
from gradcli.report.run import BackwardRow, Kind, RunReport, TensorRow, ZeroGradRow, number_row
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span


def row(
    name: str, kind: Kind, value: Any, op: str | None = None, grad_fn: str | None = None, grad: Any = None
) -> TensorRow:
    array = np.asarray(value)
    requires_grad = kind == "parameter" or grad_fn is not None
    described = kind, op, array.shape, array.dtype.name
    return TensorRow(name, *described, requires_grad, grad_fn is None, grad_fn, array, grad)


def f32(value: Any) -> np.ndarray:
    return np.asarray(value, np.float32)


W_GRAD = f32([[0.1, 0.2], [0.1, 0.2]])
LAYER = RunReport(
    "specs/layer.yaml",
    "One linear layer and its loss.",
    tensors=(
        row("x", "input", f32([1, 1])),
        row("w", "parameter", f32([[1.5, -0.25], [0.5, 2]]), grad=W_GRAD),
        row("z", "op", f32([2, 1.75]), "add", "AddBackward0"),
        row("loss", "op", f32(0.1), "binary_cross_entropy_with_logits", "BinaryCrossEntropyWithLogitsBackward0"),
    ),
    steps=(BackwardRow(None, ("loss",), (1.0,), {"w": W_GRAD}),),
)
ODD = RunReport(
    "specs/odd.yaml",
    dtype="float64",
    manual_seed=7,
    tensors=(
        row("손실", "parameter", np.array([np.nan, np.inf, -np.inf, 1e-5])),
        row("no", "input", np.zeros((0, 3), np.float32)),
        row("c", "input", np.array(1 + 2j, np.complex64)),
        row("flags", "op", np.array([True, False]), "gt"),
        row("qr[0]", "op", np.array(3), "linalg.qr"),
        number_row("n", 5, "getitem"),
        number_row("size", (2, 3)),
    ),
    steps=(
        BackwardRow("First: [bold]call", ("a | b", "out"), (np.ones(2), 1.0), {"손실": np.ones(4), "unreached": None}),
        ZeroGradRow(("손실",), {"손실": None, "unreached": None}),
    ),
)
BROKEN = RunReport(
    "a.yaml",
    tensors=(row("x", "input", f32(1)),),
    diagnostics=(Diagnostic("GC301", "shapes do not fit", Span("a.yaml", 7, 6), "transpose b"),),
)

GRAPH = GraphReport(
    "specs/layer.yaml",
    "One linear layer and its loss.",
    forward=(
        ForwardNode("x", None, (), (5,), "float32", False, 3, "input"),
        ForwardNode("w", None, (), (5, 3), "float32", True, 5, "parameter"),
        ForwardNode("z.0", "matmul", ("x", "w"), (3,), "float32", True, 7, "part"),
        ForwardNode("z", "mul", ("z.0", "z.0"), (3,), "float32", True, 7),
        ForwardNode("k", None, (), None, None, False, 8, "number"),
        ForwardNode("손실_1", "pow", ("z", "k"), (3,), "float32", True, None),
    ),
    backward=(
        BackwardNode(0, "AddBackward0", None, ((1, 0), (6, 0))),
        BackwardNode(1, "MulBackward0", None, ((2, 0), (2, 0))),
        BackwardNode(2, "SqueezeBackward4", None, ((3, 0),)),
        BackwardNode(3, "MmBackward0", None, (None, (4, 1))),
        BackwardNode(4, "LinalgQrBackward0", None, ((5, 0),)),
        BackwardNode(5, "AccumulateGrad", "w", (), (5, 3)),
        BackwardNode(6, "AccumulateGrad", "b", (), (3,)),
        BackwardNode(7, "NegBackward0", None, ((5, 0),)),
    ),
)
