"""Selection: one value or grad of a report, by name."""

from __future__ import annotations

from typing import Any

from gradcli.errors import SpecError
from gradcli.report.run import RunReport
from gradcli.source.diagnostic import Diagnostic
from gradcli.spec.findings import nearest


def select_row(report: RunReport, name: str) -> Any:
    """Return the value under a name, or with `.grad` its grad (None where there is none).

    Raises SpecError (GC201) for a name that the report does not have.
    """
    rows = {row.name: row for row in report.tensors}
    if name in rows:
        return rows[name].value
    stem = name.removesuffix(".grad")
    if stem in rows and stem != name:
        return rows[stem].grad
    first = f"{stem}[0]"
    near = first if first in rows else nearest(stem, rows)
    hint = f"did you mean `{near}`?" if near else f"the spec has {', '.join(rows)}"
    raise SpecError(Diagnostic("GC201", f"--select {name}: there is no `{stem}`", None, hint))
