"""Findings: all that is wrong with a document, collected while it is read on."""

from __future__ import annotations

from collections.abc import Iterable

from gradcli.errors import SpecError
from gradcli.source.diagnostic import Diagnostic
from gradcli.source.span import Span

_CANDIDATES = 4_000
_SUGGESTIONS = 50


class Findings:
    """The findings of one document; `lines` are the lines of the text in `file`, for the carets."""

    __slots__ = ("_suggested", "file", "found", "lines")

    def __init__(self, file: str, lines: list[str]) -> None:
        self.found: list[Diagnostic] = []
        self.file, self.lines = file, lines
        self._suggested = 0

    def add(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        """Note one finding, unless the same was found at the same place."""
        finding = Diagnostic(code, message, span, hint, source_line=self._line(span))
        if finding not in self.found[-8:]:
            self.found.append(finding)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Note the findings of something that was read on the way, such as a file."""
        self.found.extend(found)

    def stop(self) -> None:
        """Raise all findings as one SpecError, in the order of their places; nothing where there are none."""
        if self.found:
            raise SpecError(sorted(self.found, key=_position))

    def suggest(self, word: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
        """The hint `did you mean …?` with the nearest candidate, or another hint where none is near."""
        self._suggested += 1
        if self._suggested > _SUGGESTIONS:
            return otherwise
        near = nearest(word, candidates)
        return f"did you mean `{near}`?" if near else otherwise

    def _line(self, span: Span) -> str | None:
        return self.lines[span.line - 1] if span.file == self.file and 0 < span.line <= len(self.lines) else None


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most like a word, or None; of very many candidates only alike ones are looked at."""
    from difflib import get_close_matches

    names = list(candidates)
    if len(names) > _CANDIDATES:
        names = [name for name in names if name[:1] == word[:1] and abs(len(name) - len(word)) < 3][:_CANDIDATES]
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(word[:80].casefold(), folded, 1, 0.6)
    return folded[close[0]] if close else None


def _position(finding: Diagnostic) -> tuple[int, int]:
    return (finding.span.line, finding.span.column) if finding.span else (0, 0)
