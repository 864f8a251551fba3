"""Diagnostic: one finding about a spec: a code, a message, the place and what to try."""

from __future__ import annotations

from typing import NamedTuple

from gradcli.source.span import Span


class Diagnostic(NamedTuple):
    """What was found and where; `source_line` is the text of the span's line, which the caret points into."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"
    source_line: str | None = None

    @property
    def place(self) -> str:
        """The place as `file:line:column: `, or nothing where there is none."""
        span = self.span
        return f"{span.file}:{span.line}:{span.column}: " if span else ""

    @property
    def headline(self) -> str:
        """The finding on one line, as compilers write it.

        >>> Diagnostic("GC205", "a needs itself", Span("a.yaml", 3, 6)).headline
        'a.yaml:3:6: error[GC205]: a needs itself'
        """
        return f"{self.place}{self.severity}[{self.code}]: {self.message}"
