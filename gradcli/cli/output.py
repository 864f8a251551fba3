"""Output files of `run`: the suffix gives the format, and a file appears whole or not at all."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gradcli.exchange.atomic import atomic_write

if TYPE_CHECKING:
    from gradcli.report.run import RunReport

TEXTS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".md": "markdown"}
ARRAYS = (".npz", ".safetensors")


def check_suffix(path: Path) -> None:
    """Raise typer's usage error for a suffix that names no format, before anything is evaluated."""
    if path.suffix.lower() not in (*TEXTS, *ARRAYS):
        known = " ".join((*TEXTS, *ARRAYS))
        raise typer.BadParameter(f"{path.suffix or path.name!r} is none of {known}", param_hint="--output")


def write_run(path: Path, report: RunReport, precision: int, full: bool) -> None:
    """Write a report: text in a format, or arrays `NAME` and `NAME.grad` at full precision."""
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        _write_arrays(path, suffix, arrays(report))
        return
    module = import_module(f"gradcli.render.{TEXTS[suffix]}")
    options = {"precision": precision, "full": full} if suffix == ".md" else {}
    with atomic_write(path) as file:
        file.write(module.render_run(report, **options).encode())


def _write_arrays(path: Path, suffix: str, found: dict[str, Any]) -> None:
    if suffix == ".npz":
        from gradcli.exchange.npz import write_npz

        write_npz(path, found)
    else:
        from gradcli.exchange.safetensors import write_safetensors

        write_safetensors(path, found)


def arrays(report: RunReport) -> dict[str, Any]:
    """Return the tensors and grads of a report by name; numbers that are no tensors are 0-d arrays."""
    import numpy as np

    found = {
        row.name: np.asarray(row.value) for row in report.tensors if row.kind != "number" or _is_numeric(row.value)
    }
    return found | {f"{row.name}.grad": np.asarray(row.grad) for row in report.tensors if row.grad is not None}


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))
