"""Diagnostic: one finding about a spec: a code, a message, the place and what to try."""

from __future__ import annotations

from typing import NamedTuple

from gradcli.source.span import Span


class Diagnostic(NamedTuple):
    """What was found and where; `source_line` is the text of the span's line, which the caret points into.

    `file` is the spec of a finding that has no place in it: a file that is missing, an option that does not fit.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"
    source_line: str | None = None
    file: str | None = None

    def about(self, file: str) -> Diagnostic:
        """The finding with the file that it is about, where it does not name one itself."""
        return self if self.span or self.file else self._replace(file=file)

    @property
    def place(self) -> str:
        """The place as `file:line:column: `, as `file: `, or nothing where there is none."""
        span = self.span
        return f"{span.file}:{span.line}:{span.column}: " if span else f"{self.file}: " if self.file else ""

    @property
    def headline(self) -> str:
        """The finding on one line, as compilers write it.

        >>> Diagnostic("GC205", "a needs itself", Span("a.yaml", 3, 6)).headline
        'a.yaml:3:6: error[GC205]: a needs itself'
        """
        return f"{self.place}{self.severity}[{self.code}]: {self.message}"
