"""Names: what may be one, and which declaration a name means where it stands."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import TypeAlias

from gradcli.source.span import Span
from gradcli.spec.language import CONSTANTS
from gradcli.types.dtype import DTYPES

PART = r"[^\W\d]\w*(\.[^\W\d]\w*)*(\.\d+)+"
"""How the name of a part looks: `z.0`, `encoder.h.12`."""


def normalized(text: str) -> str:
    """A name as Python reads it: identifiers that look alike are one (NFKC)."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFKC", text)


def flaw(name: str) -> str | None:
    """What forbids a text to be a name, or None.

    >>> flaw("my-input"), flaw("lambda"), flaw("w2")
    ('is no identifier', 'is a keyword of Python', None)
    """
    if name in DTYPES:
        return "is a dtype"
    if name in CONSTANTS:
        return "is a constant"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    return None if name.isidentifier() else "is no identifier"


def proposal(name: str) -> str:
    """A name like this text that is one.

    >>> proposal("my-input"), proposal("2nd"), proposal("float")
    ('my_input', '_2nd', 'float_')
    """
    word = re.sub(r"\W+", "_", name).strip("_") or "x"
    word = word if word.isidentifier() else f"_{word}"
    return word if flaw(word) is None else f"{word}_"


class Scope:
    """The names that are declared at one level of a spec: a name means the innermost declaration around it.

    `names` gives a slot, or a group of names (a scope, or what a loop or branch shows outside); `hidden` are names of
    a loop or branch that do not exist outside, with the reason.
    """

    __slots__ = ("hidden", "names", "parent", "path", "record", "span")

    def __init__(self, path: str, parent: Scope | None, record: bool = True, span: Span | None = None) -> None:
        self.path, self.parent, self.record, self.span = path, parent, record, span
        self.names: dict[str, int | Scope] = {}
        self.hidden: dict[str, str] = {}

    def find(self, name: str) -> int | Scope | None:
        """What a name means here, or None where it is not declared."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def full(self, name: str) -> str:
        """The full name of a name that is declared here."""
        return f"{self.path}.{name}" if self.path else name

    def visible(self) -> Iterator[str]:
        """Every name that means something here."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names
            scope = scope.parent

    def slots(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """The dotted names of the values in here and in the groups in here, with their slots."""
        for name, found in self.names.items():
            if isinstance(found, Scope):
                yield from found.slots(f"{prefix}{name}.")
            else:
                yield prefix + name, found

    def put(self, dotted: str, slot: int) -> None:
        """Declare a dotted name, with groups for what is in front of the dots."""
        *groups, name = dotted.split(".")
        scope = self
        for group in groups:
            inner = scope.names.get(group)
            if not isinstance(inner, Scope):
                inner = scope.names[group] = Scope(scope.full(group), None, span=self.span)
            scope = inner
        scope.names[name] = slot


Meaning: TypeAlias = int | Scope
