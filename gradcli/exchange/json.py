"""JSON: a tensor as nested lists of numbers, or an object of such tensors.

A number that JSON does not have is a string: "nan", "inf", "-inf", "1+2j"; the bare words NaN and Infinity are
understood too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradcli.exchange.number import parse_number
from gradcli.exchange.tensor_file import broken, choose_key, no_keys

_DEEPEST = 64
"""More dimensions than this no array has."""


def read(path: Path, key: str | None, required: bool = False) -> Any:
    """Return the numbers of a file; of an object, those under the key."""
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise broken(path, "is no text in UTF-8") from None
    except RecursionError:
        raise broken(path, "is nested too deeply") from None
    except ValueError as error:
        raise broken(path, f"is no JSON: {error}") from None
    if isinstance(document, dict):
        return _numbers(path, document[choose_key(path, key, document)], 0)
    if required:
        raise no_keys(path)
    return _numbers(path, document, 0)


def _numbers(path: Path, value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise broken(path, "is nested too deeply")
    if isinstance(value, list):
        return [_numbers(path, each, depth + 1) for each in value]
    if isinstance(value, bool | int | float):
        return value
    number = parse_number(value) if isinstance(value, str) else None
    if number is None:
        raise broken(path, f"has {_shown(value)} where a number belongs", _advice(value))
    return number


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _advice(value: Any) -> str | None:
    return 'write "nan" for a number that is missing' if value is None else None
