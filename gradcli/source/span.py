"""Span: a place in a text, for people: file, line and column."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A run of `length` characters on one line; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    length: int = 1
