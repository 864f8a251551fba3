"""The CheckReport: all that is wrong with some specs, found without evaluating them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.source.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The specs that were read, in the order of the command line, and every finding in all of them."""

    specs: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether a file could not even be read."""
        return any(is_unreadable(diagnostic) for diagnostic in self.diagnostics)

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.diagnostics


def is_unreadable(diagnostic: Diagnostic) -> bool:
    """Whether a finding is that a spec itself is missing or cannot be read."""
    return diagnostic.span is None and diagnostic.code in ("GC910", "GC911")
