"""CSV: a tensor as rows of numbers, read as `numpy.loadtxt` users expect.

Cells are separated by commas: integers, floats, complex numbers (`1+2j`), nan, inf, true and false. Blank lines and
lines that begin with `#` are skipped, and so is a first row without any number, the header. One column gives a vector,
one row too, one cell a number; anything else a matrix.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from gradcli.exchange.number import Number, parse_number
from gradcli.exchange.tensor_file import broken

Values = Number | list[Number] | list[list[Number]]


def read(path: Path) -> Values:
    """Return the numbers of a file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = _numbered_rows(file)
    except UnicodeDecodeError:
        raise broken(path, "is no text in UTF-8") from None
    except csv.Error as error:
        raise broken(path, f"is no CSV file: {error}") from None
    if rows and not any(map(_has_only_numbers, rows[0][1])):
        del rows[0]
    if not rows:
        raise broken(path, "has no row of numbers")
    return _squeezed([_numbers(path, line, cells, len(rows[0][1])) for line, cells in rows])


def _numbered_rows(file: Iterable[str]) -> list[tuple[int, list[str]]]:
    reader = csv.reader(file, skipinitialspace=True)
    rows = ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
    return [(line, cells) for line, cells in rows if any(cells) and not cells[0].startswith("#")]


def _numbers(path: Path, line: int, cells: list[str], width: int) -> list[Number]:
    if len(cells) != width:
        raise broken(path, f"has {len(cells)} cells in line {line}, and {width} in the first row")
    values = [parse_number(cell) for cell in cells]
    for column, value in enumerate(values, 1):
        if value is None:
            cell = cells[column - 1]
            raise broken(path, f"has {cell!r} in line {line}, cell {column}: no number", _advice(cell))
    return values  # type: ignore[return-value]


def _has_only_numbers(cell: str) -> bool:
    """Return whether a cell is a number, or several that should be cells of their own."""
    parts = cell.replace(";", " ").split()
    return bool(parts) and all(parse_number(part) is not None for part in parts)


def _advice(cell: str) -> str | None:
    if not cell:
        return "write nan for a number that is missing"
    return "separate numbers by commas" if _has_only_numbers(cell) else None


def _squeezed(rows: list[list[Number]]) -> Values:
    if len(rows) == 1:
        return rows[0] if len(rows[0]) > 1 else rows[0][0]
    return [row[0] for row in rows] if len(rows[0]) == 1 else rows
