"""The GradcheckReport: how the gradients of a spec compare with numerical ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.source.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class GradcheckRow:
    """One output's gradient for one leaf: the element where analytical and numerical gradient differ most."""

    output: str
    leaf: str
    elements: int
    mismatched: int
    analytical: complex
    numerical: complex
    index: tuple[int, ...]

    @property
    def passed(self) -> bool:
        """Whether every element is close."""
        return self.mismatched == 0

    @property
    def difference(self) -> float:
        """How far the two numbers are apart."""
        return abs(self.analytical - self.numerical)


@dataclass(frozen=True, slots=True)
class GradcheckReport:
    """One spec; elements differ where |analytical - numerical| > atol + rtol * |numerical|, with steps of eps."""

    spec: str
    rows: tuple[GradcheckRow, ...] = ()
    eps: float = 1e-6
    atol: float = 1e-5
    rtol: float = 1e-3
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every row holds and nothing was raised."""
        return not self.diagnostics and all(row.passed for row in self.rows)
