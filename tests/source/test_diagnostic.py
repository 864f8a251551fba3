"""Diagnostics and the exceptions that hold them."""

from __future__ import annotations

import pickle

import pytest

from gradcli.errors import GradcliError, ShapeError, SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span

MESSAGE = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"


def test_headline() -> None:
    """A finding is one line as compilers write it."""
    finding = Diagnostic("GC301", MESSAGE, Span("specs/a.yaml", 7, 6))
    assert finding.headline == f"specs/a.yaml:7:6: error[GC301]: {MESSAGE}"


def test_headline_without_a_place() -> None:
    """A finding without a place begins with its severity."""
    assert Diagnostic("GC910", "no file", severity="warning").headline == "warning[GC910]: no file"


def test_diagnostics_are_values() -> None:
    """Equal findings are equal and cannot be changed."""
    finding = Diagnostic("GC301", MESSAGE, Span("a", 1, 1))
    assert finding == Diagnostic("GC301", MESSAGE, Span("a", 1, 1))
    with pytest.raises(AttributeError):
        finding.code = "GC302"  # type: ignore[misc]


def test_spec_error_has_a_line_for_each_finding() -> None:
    """The text of a SpecError is all of its findings, and it takes one finding as well as many."""
    first, second = Diagnostic("GC201", "no z", Span("a", 1, 2)), Diagnostic("GC202", "no op f")
    assert str(SpecError([first, second])) == "a:1:2: error[GC201]: no z\nerror[GC202]: no op f"
    assert SpecError(first).diagnostics == [first]


def test_spec_error_is_pickled_whole() -> None:
    """A SpecError from another process has the same findings."""
    error = SpecError([Diagnostic("GC201", "no z", Span("a", 1, 2), "did you mean x?", source_line="y: z")])
    assert pickle.loads(pickle.dumps(error)).diagnostics == error.diagnostics


def test_op_error_at_a_place() -> None:
    """An op's exception becomes a finding where the statement stands."""
    error = ShapeError(MESSAGE, hint="transpose b")
    assert isinstance(error, GradcliError)
    assert error.at(Span("a", 7, 6), "c: a @ b") == Diagnostic(
        "GC301", MESSAGE, Span("a", 7, 6), "transpose b", source_line="c: a @ b"
    )
