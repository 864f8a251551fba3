"""JSON: the report of a run, and lists of findings, one line each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from gradcli.report.run import BackwardRow, RunReport, StepRow, TensorRow

if TYPE_CHECKING:
    from gradcli.report.check import CheckReport
    from gradcli.source.diagnostic import Diagnostic

FORMAT_VERSION = 1
Numeric: TypeAlias = Callable[[Any], Any]


def render_run(report: RunReport) -> str:
    """One line for one spec; ends with a newline, as all that is rendered."""
    return json_line(run_data(report))


def render_check(report: CheckReport) -> str:
    """One line: the list of all findings in all files."""
    return json_line(error_list(report.diagnostics))


def json_line(data: Any) -> str:
    """Data as one line of JSON in UTF-8; what UTF-8 cannot hold (bytes of odd file names) is escaped."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def plain_or_none(value: Any) -> Any:
    """A tensor's numbers as JSON holds them; NumPy is only imported where there are some."""
    if value is None:
        return None
    from gradcli.render.numbers import plain

    return plain(value)


def run_data(report: RunReport, numeric: Numeric = plain_or_none) -> dict[str, Any]:
    """The report as dictionaries and lists, in the order of the format; `numeric` spells values and grads."""
    data: dict[str, Any] = {
        "gradcli": FORMAT_VERSION,
        "spec": report.spec,
        "dtype": report.dtype,
        "manual_seed": report.manual_seed,
        "tensors": {row.name: _tensor(row, numeric) for row in report.tensors},
        "backward": [_step(step, numeric) for step in report.steps],
    }
    if report.diagnostics:
        data["errors"] = error_list(report.diagnostics)
    return data


def error_list(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Findings as JSON holds them; one without a place has nulls there."""
    return [_error(diagnostic) for diagnostic in diagnostics]


def _error(diagnostic: Diagnostic) -> dict[str, Any]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": span.file if span else diagnostic.file,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "hint": diagnostic.hint,
    }


def _tensor(row: TensorRow, numeric: Numeric) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "op": row.op,
        "shape": None if row.shape is None else list(row.shape),
        "dtype": row.dtype,
        "requires_grad": row.requires_grad,
        "is_leaf": row.is_leaf,
        "grad_fn": row.grad_fn,
        "value": numeric(row.value),
        "grad": numeric(row.grad),
    }


def _step(step: StepRow, numeric: Numeric) -> dict[str, Any]:
    grads = {name: numeric(grad) for name, grad in step.grads.items()}
    if isinstance(step, BackwardRow):
        return {"label": step.label, "output": list(step.output), "v": [numeric(v) for v in step.v], "grads": grads}
    data = {"zero_grad": list(step.zero_grad), "grads": grads}
    return data if step.label is None else {"label": step.label, **data}
