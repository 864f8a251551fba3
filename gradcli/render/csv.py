"""CSV: one row per element of every tensor, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gradcli.render.numbers import decimal_doubles
from gradcli.report.run import RunReport, TensorRow

COLUMNS = tuple("spec name kind op shape dtype requires_grad is_leaf grad_fn index value grad".split())  # noqa: SIM905


def render_run(report: RunReport, *, header: bool = True) -> str:
    """Rows of one spec; only the first spec has the header. None is empty, a tensor without elements one row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    for row in report.tensors:
        writer.writerows(_rows(report.spec, row))
    return text.getvalue()


def _rows(spec: str, row: TensorRow) -> Iterator[tuple[Any, ...]]:
    shape = None if row.shape is None else json.dumps(row.shape)
    flags = _flag(row.requires_grad), _flag(row.is_leaf)
    head = (spec, row.name, row.kind, row.op, shape, row.dtype, *flags, row.grad_fn)
    if row.shape is None:
        yield (*head, None, _number(row.value), None)
    elif not np.size(row.value):
        yield (*head, None, None, None)
    else:
        grads: Iterable[Any] = [None] * np.size(row.value) if row.grad is None else _elements(row.grad)
        for index, value, grad in zip(np.ndindex(row.shape), _elements(row.value), grads, strict=True):
            yield (*head, json.dumps(index), value, grad)


def _elements(value: Any) -> list[Any]:
    array = np.asarray(value).reshape(-1)
    if array.dtype.kind == "c":
        parts = zip(decimal_doubles(array.real).tolist(), decimal_doubles(array.imag).tolist(), strict=True)
        return [_number(complex(*pair)) for pair in parts]
    if array.dtype.kind == "f":
        return list(decimal_doubles(array).tolist())
    return [_number(item) for item in array.tolist()]


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return _flag(value)
    return str(value).strip("()") if isinstance(value, complex) else value


def _flag(value: bool) -> str:
    return "true" if value else "false"
