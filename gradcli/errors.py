"""GradcliError: the tree of exceptions.

    GradcliError
    ├── SpecError          findings about a spec, each with its place: .diagnostics
    └── OpError            what an op or autograd raises, which knows no place: .code, .hint
        ├── ShapeError     GC301  shapes that do not fit
        ├── DtypeError     GC302  dtypes that do not fit
        ├── BindError      GC206  arguments that do not fit a signature
        ├── AutogradError  GC401  a rule of autograd is broken
        ├── NumericError   GC501  a value that an op cannot work with
        └── LimitError     GC901  more memory, elements or turns than allowed

The evaluation of a graph turns an OpError into a SpecError at the statement's place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span


class GradcliError(Exception):
    """Anything that gradcli raises on purpose."""


class SpecError(GradcliError):
    """All findings about a spec; the message is their lines, one for each."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        found = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        super().__init__(found)
        self.diagnostics: list[Diagnostic] = found

    def __str__(self) -> str:
        return "\n".join(diagnostic.headline for diagnostic in self.diagnostics)


class OpError(GradcliError):
    """What an op or autograd raises: PyTorch's message, a code and a hint, but no place."""

    default_code: ClassVar[str] = "GC301"

    def __init__(self, message: str, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint

    def at(self, span: Span | None, source_line: str | None = None) -> Diagnostic:
        """The finding at a place."""
        return Diagnostic(self.code, self.message, span, self.hint, source_line=source_line)


class ShapeError(OpError):
    """Shapes that do not fit each other or the op."""

    default_code = "GC301"


class DtypeError(OpError):
    """A dtype that an op cannot work with."""

    default_code = "GC302"


class BindError(OpError):
    """Arguments that fit no signature of the op."""

    default_code = "GC206"


class AutogradError(OpError):
    """A broken rule of autograd."""

    default_code = "GC401"


class NumericError(OpError):
    """A value that an op cannot work with: a singular matrix, an index out of bounds."""

    default_code = "GC501"


class LimitError(OpError):
    """More memory, elements or turns of loops than allowed."""

    default_code = "GC901"
