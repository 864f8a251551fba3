"""Code: what `gradcli explain` knows about one kind of finding."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A kind of finding: its meaning says why it is an error, `example` is a spec that has it, `fix` what to do."""

    code: str
    title: str
    meaning: str
    example: str
    fix: str
