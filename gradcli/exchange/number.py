"""Number: how one number is written in a text file."""

from __future__ import annotations

import re

Number = bool | int | float | complex

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
_FLOAT = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_COMPLEX = re.compile(rf"({_FLOAT.pattern}(?=[+-]))?{_FLOAT.pattern}[ij]", re.IGNORECASE)
_TRUTH = {"true": True, "false": False}


def parse_number(text: str) -> Number | None:
    """Return the number that a text is, None where it is none.

    Example: `parse_number("3")` is `3`, of `"1+2j"` `(1+2j)`, of `"-inf"` `-inf`, of `"True"` `True`.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _COMPLEX.fullmatch(text):
        return complex(text.replace("i", "j") if text.endswith("i") else text)
    return _TRUTH.get(text.lower())
