"""What `test`, `gradcheck` and `ops` print."""

from __future__ import annotations

import numpy as np

from gradcli.render.ops_text import render_op, render_ops
from gradcli.render.results_text import render_gradcheck, render_test
from gradcli.report.deviation import deviation
from gradcli.report.gradcheck import GradcheckReport, GradcheckRow
from gradcli.report.ops import OpPage, OpRow, OpsReport
from gradcli.report.test import Mismatch, SpecResult, TestReport
from gradcli.source.span import Span

from .samples import BROKEN, f32
from .snapshot import assert_snapshot

FOUND, EXPECTED = f32([[0.1, 0.25], [0.1, 0.2]]), f32([[0.1, 0.2], [0.1, 0.2]])
MISMATCHES = (
    Mismatch(
        "w", "grad", EXPECTED, FOUND, Span("b.yaml", 9, 7), deviation(FOUND, EXPECTED, 1.3e-6, 1e-5), "First call"
    ),
    Mismatch("z", "shape", (3,), (5, 3), Span("b.yaml", 8, 7)),
    Mismatch("b", "grad", None, f32(1)),
)
REPORT = TestReport(
    (
        SpecResult("a.yaml", checked=3),
        SpecResult("b.yaml", 3, MISMATCHES),
        SpecResult("c.yaml", 0, diagnostics=BROKEN.diagnostics),
        SpecResult("d.yaml", 0, unraised="second time"),
    )
)
CHECK = GradcheckReport(
    "a.yaml",
    (
        GradcheckRow("loss", "w", 15, 0, 0.25, 0.2500001, (4, 2)),
        GradcheckRow("loss", "encoder.b", 3, 1, -1.5, 2.0, (1,)),
        GradcheckRow("out", "c", 1, 1, 1 + 2j, 1 - 2j, ()),
    ),
)


def test_test_snapshot() -> None:
    """A failing spec is followed by what was expected, what was found and how far they are apart."""
    assert_snapshot("test.txt", render_test(REPORT))


def test_quiet_leaves_out_what_passes() -> None:
    """With `quiet` a passing run prints nothing, and a failing one only what fails."""
    assert render_test(TestReport(REPORT.results[:1]), quiet=True) == ""
    assert "a.yaml:" not in render_test(TestReport(REPORT.results[:2]), quiet=True)
    assert render_test(TestReport(REPORT.results[:1])) == "ok   a.yaml\n1 spec: 1 passed\n"


def test_gradcheck_snapshot() -> None:
    """Every output and leaf has a line, and those that are off the two numbers that differ most."""
    assert_snapshot("gradcheck.txt", render_gradcheck(CHECK))
    assert render_gradcheck(GradcheckReport("a.yaml", CHECK.rows[:1]), quiet=True) == ""


def test_colour() -> None:
    """Verdicts are green and red where colour is asked for, and plain otherwise."""
    assert "\x1b" not in render_test(REPORT) + render_gradcheck(CHECK)
    assert "\x1b[32mok  \x1b[0m a.yaml" in render_test(REPORT, color=True)
    assert "\x1b[31mFAIL\x1b[0m b.yaml" in render_test(REPORT, color=True)


def test_ops_snapshot() -> None:
    """The list has a line per op under its family, and a page its sections without the empty ones."""
    rows = (
        OpRow("tanh", "tanh(input)", ("TanhBackward0",), "trigonometric"),
        OpRow("max", "max(input, dim, keepdim=False)", ("MaxBackward0", "MaxBackward1"), "reduction"),
        OpRow("argmax", "argmax(input)", (), "reduction"),
    )
    derivatives = (("input", "g * (1 - out * out)"),)
    page = OpPage("tanh", ("torch.tanh", "Tensor.tanh"), ("tanh(input)",), ("TanhBackward0",), r"\tanh x", derivatives)
    composite = OpPage(
        "softsign", ("F.softsign",), ("softsign(input)",), conventions=("x / (1 + |x|)",), composite=True
    )
    assert_snapshot("ops.txt", "\n".join((render_ops(OpsReport(rows)), render_op(page), render_op(composite))))


def test_numbers_of_any_dtype_are_shown() -> None:
    """Arrays are printed as tensors below each other."""
    report = TestReport((SpecResult("a", 1, (Mismatch("n", "value", np.array([1, 2]), np.array([1, 3])),)),))
    assert "       expected: tensor([1, 2])\n       found:    tensor([1, 3])\n" in render_test(report)
