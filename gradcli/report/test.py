"""The TestReport: which specs keep what they expect, and how the others differ from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from gradcli.report.deviation import Deviation

if TYPE_CHECKING:
    from gradcli.source.diagnostic import Diagnostic
    from gradcli.source.span import Span


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """One expectation that does not hold: `expected` and `found` are what the key holds, arrays for value and grad.

    `step` is the label of the step that the expectation belongs to, None for those that come after all steps.
    """

    name: str
    key: str
    expected: Any
    found: Any
    span: Span | None = None
    deviation: Deviation | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SpecResult:
    """One spec under test; `diagnostics` are the errors that it did not announce with `raises`."""

    spec: str
    checked: int = 0
    mismatches: tuple[Mismatch, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    unraised: str | None = None
    """The text of `raises` that no error contained."""

    @property
    def passed(self) -> bool:
        """Whether all expectations hold and no other error was raised."""
        return not (self.mismatches or self.diagnostics or self.unraised is not None)


@dataclass(frozen=True, slots=True, eq=False)
class TestReport:
    """All specs of one `gradcli test`, in the order in which they were found."""

    __test__: ClassVar[bool] = False

    results: tuple[SpecResult, ...] = ()

    @property
    def passed(self) -> int:
        """How many specs passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many specs did not pass."""
        return len(self.results) - self.passed
