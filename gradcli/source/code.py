"""Code: what `gradcli explain` knows about one kind of finding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: its meaning says why it is an error, `example` is a spec that has it, `fix` what to do."""

    code: str
    title: str
    meaning: str
    example: str
    fix: str
