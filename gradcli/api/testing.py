"""Testing: specs held to what they expect and raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gradcli.api.run import evaluate
from gradcli.api.spec import Options, Spec, load_text, read_text
from gradcli.errors import SpecError
from gradcli.graph.evaluate import Limits
from gradcli.report.test import Mismatch, SpecResult, TestReport
from gradcli.source.diagnostic import Diagnostic

SUFFIXES = (".yaml", ".yml")
SECTIONS = ("ops", "inputs", "parameters")


def test(paths: Iterable[str], *, limits: Limits | None = None, options: Options | None = None) -> TestReport:
    """Return the result of every spec that is named or found in a named folder."""
    return TestReport(tuple(test_spec(path, limits, options) for path in find(paths)))


def find(paths: Iterable[str]) -> Iterator[str]:
    """Yield named files, and from folders the YAML files that are specs, hidden folders aside, sorted by path."""
    for path in paths:
        place = Path(path)
        if not place.is_dir():
            yield path
            continue
        for file in sorted(place.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(place).parts)
            if file.suffix in SUFFIXES and not hidden and file.is_file() and _is_spec(file):
                yield str(file)


def _is_spec(file: Path) -> bool:
    """Return whether a YAML file has ops, inputs or parameters at its top; one that cannot be read is no spec."""
    from gradcli.spec.document import YamlMapping, read

    try:
        root = read(file.read_bytes(), str(file)).root
    except (SpecError, OSError):
        return any(line.startswith(tuple(f"{s}:" for s in SECTIONS)) for line in _lines(file))
    return isinstance(root, YamlMapping) and any(section in root for section in SECTIONS)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def test_spec(path: str, limits: Limits | None = None, options: Options | None = None) -> SpecResult:
    """Evaluate one spec and hold it to `expect` and `raises`."""
    from gradcli.spec.loader import expected_error

    text = b""
    try:
        text = read_text(path)
        spec = load_text(text, path, options)
    except SpecError as error:
        return _held(path, 0, [], error.diagnostics, expected_error(text, path))
    checked, mismatches, failure = _evaluate(spec, limits)
    return _held(path, checked, mismatches, failure.diagnostics if failure else [], spec.graph.raises)


test_spec.__test__ = test.__test__ = False  # type: ignore[attr-defined]


def _evaluate(spec: Spec, limits: Limits | None) -> tuple[int, list[Mismatch], SpecError | None]:
    from gradcli.report.expectation import check

    checked, mismatches = 0, []

    def hold(evaluator: Any, expectations: Any) -> None:
        nonlocal checked
        for expectation in expectations:
            checked += sum(key not in ("rtol", "atol") for key in expectation.checks)
            mismatches.extend(check(evaluator, expectation))

    evaluation = evaluate(spec, limits=limits, expect=hold)
    return checked, mismatches, evaluation.error


def _held(
    path: str, checked: int, mismatches: list[Mismatch], found: Iterable[Diagnostic], raises: str | None
) -> SpecResult:  # fmt: skip
    diagnostics = tuple(found)
    if raises is None:
        return SpecResult(path, checked, tuple(mismatches), diagnostics)
    if any(raises in d.message for d in diagnostics):
        return SpecResult(path, checked + 1, tuple(mismatches))
    return SpecResult(path, checked, tuple(mismatches), diagnostics, raises)
