"""Record torch's promotion of every pair: `python tests/golden/record_promotion.py` writes promotion.json.

Each row is a pair of operands and the dtypes of `a + b`, `a / b` and `a == b`: a tensor is written as its dtype and
number of dimensions (`int64:1`), a Python number as its type (`float`). What torch refuses is null. Pairs that give
complex32, a dtype that specs do not have, are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import torch

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
NUMBERS = {"bool": True, "int": 2, "float": 2.0, "complex": 2j}
TARGET = Path(__file__).parent / "promotion.json"
DEFAULTS = ("float32", "float64")


def operand(text: str) -> Any:
    """Return the tensor or number that a text like `int64:1` or `float` stands for."""
    dtype, colon, ndim = text.partition(":")
    return torch.ones((2,) * int(ndim), dtype=getattr(torch, dtype)) if colon else NUMBERS[dtype]


def outcome(compute: Callable[[], torch.Tensor]) -> str | None:
    """Return the dtype of a result, or None for an error."""
    try:
        return str(compute().dtype).removeprefix("torch.")
    except (RuntimeError, TypeError):
        return None


def row(a: str, b: str) -> list[str | None]:
    """Return both operands and the dtypes of their sum, quotient and comparison."""
    x, y = operand(a), operand(b)
    return [a, b, outcome(lambda: x + y), outcome(lambda: x / y), outcome(lambda: x == y)]


def main() -> None:
    """Write the table for each default dtype."""
    tensors = [f"{dtype}:{ndim}" for dtype in DTYPES for ndim in (0, 1)]
    pairs = [*product(tensors, [*tensors, *NUMBERS]), *product(NUMBERS, tensors)]
    table = {}
    for default in DEFAULTS:
        torch.set_default_dtype(getattr(torch, default))
        table[default] = [found for a, b in pairs if "complex32" not in (found := row(a, b))]
    lines = [f' "{name}": [\n  ' + ",\n  ".join(map(json.dumps, rows)) + "\n ]" for name, rows in table.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
