"""Results text: which specs hold, for `gradcli test` and `gradcli gradcheck`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.render.diagnostic import render_diagnostic
from gradcli.report.gradcheck import GradcheckReport, GradcheckRow
from gradcli.report.test import Mismatch, SpecResult, TestReport

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def render_test(report: TestReport, *, color: bool = False, quiet: bool = False) -> str:
    """A line per spec, the reasons below those that fail, and the counts at the end; `quiet` leaves out what passes."""
    lines: list[str] = []
    for result in report.results:
        if not (quiet and result.passed):
            lines.append(f"{_verdict(result.passed, color)} {result.spec}")
        lines.extend(_indented(_reasons(result)))
    if not quiet or report.failed:
        lines.append(_counts(report))
    return "".join(f"{line}\n" for line in lines)


def render_gradcheck(report: GradcheckReport, *, color: bool = False, quiet: bool = False) -> str:
    """A line per output and leaf, with the two numbers that differ most where they are too far apart."""
    if quiet and report.passed:
        return ""
    nothing = "" if report.rows or report.diagnostics else ": no output requires grad"
    lines = [f"{_verdict(report.passed, color)} {report.spec}{nothing}"]
    width = max((len(_pair(row)) for row in report.rows), default=0)
    for row in report.rows:
        lines.extend(_indented(_gradcheck_lines(row, report, width, color)))
    lines.extend(_indented(_findings(report.diagnostics, color)))
    return "\n".join(lines) + "\n"


def _verdict(passed: bool, color: bool) -> str:
    word = "ok  " if passed else "FAIL"
    return f"{GREEN if passed else RED}{word}{PLAIN}" if color else word


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"     {line}".rstrip() for line in lines)


def _counts(report: TestReport) -> str:
    failed = f", {report.failed} failed" if report.failed else ""
    return f"{len(report.results)} spec{'s' * (len(report.results) != 1)}: {report.passed} passed{failed}"


def _reasons(result: SpecResult) -> Iterator[str]:
    for mismatch in result.mismatches:
        yield from _mismatch_lines(mismatch)
    if result.unraised is not None:
        yield f'raises: no error contains "{result.unraised}"'
    yield from (f"raised: {diagnostic.message}" for diagnostic in result.diagnostics)


def _findings(diagnostics: Any, color: bool) -> Iterator[str]:
    for diagnostic in diagnostics:
        yield from render_diagnostic(diagnostic, color).splitlines()


def _mismatch_lines(mismatch: Mismatch) -> Iterator[str]:
    place = f"{mismatch.span.file}:{mismatch.span.line}:{mismatch.span.column}: " if mismatch.span else ""
    step = f" after {mismatch.step}" if mismatch.step else ""
    yield f"{place}{mismatch.name}.{mismatch.key}{step}"
    yield from _labelled("expected", mismatch.expected)
    yield from _labelled("found", mismatch.found)
    if mismatch.deviation is not None:
        yield from (f"  {line}" for line in mismatch.deviation.text().splitlines())


def _labelled(label: str, value: Any) -> Iterator[str]:
    head = f"  {label + ':':<10}"
    yield from (head + _shown(value, len(head))).splitlines()


def _shown(value: Any, indent: int) -> str:
    if not hasattr(value, "dtype"):
        return str(list(value) if isinstance(value, tuple) else value)
    from gradcli.render.tensor_text import tensor_text

    return tensor_text(value, indent=indent)


def _pair(row: GradcheckRow) -> str:
    return f"{row.output} by {row.leaf}"


def _gradcheck_lines(row: GradcheckRow, report: GradcheckReport, width: int, color: bool) -> Iterator[str]:
    head = f"{_verdict(row.passed, color)} {_pair(row):<{width}}"
    if row.passed:
        yield f"{head}  {row.elements} elements, largest difference {row.difference:.3g}"
        return
    yield f"{head}  {row.mismatched} of {row.elements} elements differ"
    place = f"at {list(row.index)}: " if row.index else ""
    yield f"       {place}analytical {_short(row.analytical)}, numerical {_short(row.numerical)}"
    yield f"       difference {row.difference:.3g}, allowed {_allowed(row, report):.3g}"


def _allowed(row: GradcheckRow, report: GradcheckReport) -> float:
    return report.atol + report.rtol * abs(row.numerical)


def _short(number: complex) -> str:
    return f"{number.real:.6g}" if number.imag == 0 else f"{number:.6g}"
