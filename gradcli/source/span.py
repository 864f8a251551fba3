"""Span: a place in a text, for people: file, line and column."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A run of `length` characters on one line; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    length: int = 1
