"""Checking: all that is wrong with specs, found without evaluating them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gradcli.api.spec import Options, load
from gradcli.errors import SpecError
from gradcli.report.check import CheckReport
from gradcli.source.diagnostic import Diagnostic


def check(paths: Iterable[str], options: Options | None = None) -> CheckReport:
    """Return every finding of these specs: their documents', else those of inferring all shapes."""
    paths = list(paths)
    return CheckReport(tuple(paths), tuple(d for path in paths for d in findings(path, options)))


def findings(path: str | Path, options: Options | None = None) -> Sequence[Diagnostic]:
    """Return what is wrong with one spec."""
    from gradcli.graph.infer import infer

    try:
        spec = load(path, options)
    except SpecError as error:
        return error.diagnostics
    found = infer(spec.graph)
    return spec.located(SpecError(found)).diagnostics if found else []
