"""The page of a run: the words that its tables show, whatever draws them."""

from __future__ import annotations

from typing import Any

from gradcli.report.run import BackwardRow, RunReport, StepRow, TensorRow

TENSOR_HEADS = ("name", "op", "shape", "dtype", "requires_grad", "leaf", "grad_fn")
SHAPE = TENSOR_HEADS.index("shape")


def run_heading(report: RunReport) -> tuple[str, str]:
    """The title of a report and the note beside it."""
    return report.spec, f"{report.dtype} · seed {report.manual_seed}"


def step_heading(number: int, step: StepRow) -> tuple[str, str]:
    """The title of a step (its label, or its number) and what it did."""
    return step.label or f"Step {number}", what(step)


def what(step: StepRow) -> str:
    """What a step did: `backward out with v [5, 5]`, `zero_grad inp`."""
    if not isinstance(step, BackwardRow):
        return f"zero_grad {', '.join(step.zero_grad)}"
    return "backward " + ", ".join(map(_seeded, step.output, step.v))


def _seeded(output: str, v: Any) -> str:
    return output if isinstance(v, float) else f"{output} with v {list(v.shape)}"


def tensor_cells(row: TensorRow) -> tuple[str, ...]:
    """The cells of a tensor under TENSOR_HEADS."""
    shape = "None" if row.shape is None else "[]" if not row.shape else str(list(row.shape))
    dtype, grad_fn = row.dtype or "None", row.grad_fn or "None"
    return row.name, row.op or row.kind, shape, dtype, str(row.requires_grad), str(row.is_leaf), grad_fn
