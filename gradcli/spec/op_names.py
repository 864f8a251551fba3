"""OpNames: what the front end asks the registry of ops."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Protocol


class OpNames(Protocol):
    """The functions of `gradcli.ops.registry` that a spec is read with."""

    def find_bare(self, name: str) -> str | None:
        """The qualified name of a bare op."""

    def find_exact(self, dotted: str) -> str | None:
        """The qualified name of a dotted op."""

    def find_method(self, name: str) -> str | None:
        """The qualified name of a method."""

    def find_attribute(self, name: str) -> str | None:
        """The qualified name of an attribute that is an op."""

    def result_names(self) -> Set[str]:
        """The names of the results of ops with several."""

    def names(self) -> list[str]:
        """All bare and dotted spellings."""

    def overloads(self, qualified: str) -> Sequence[Any]:
        """The overloads of a qualified name."""
