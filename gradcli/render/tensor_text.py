"""Tensor text: arrays as PyTorch prints them, after torch._tensor_str."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

EDGE_ITEMS = 3


class PrintOptions(NamedTuple):
    """How tensors are printed; the defaults are PyTorch's."""

    precision: int = 4
    threshold: float = 1000
    linewidth: float = 80
    default_dtype: str = "float32"

    @property
    def implied(self) -> tuple[str, ...]:
        """The dtypes that PyTorch prints without a `dtype=`."""
        return _implied(self.default_dtype)


@cache
def _implied(default: str) -> tuple[str, ...]:
    return default, "complex128" if default == "float64" else "complex64", "int64", "bool"


TORCH_DEFAULTS = PrintOptions()


def tensor_text(
    value: Any,
    options: PrintOptions = TORCH_DEFAULTS,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    indent: int = 0,
) -> str:
    """What `print(tensor)` shows: `tensor([0.1933, 0.0687], grad_fn=<AddBackward0>)`, starting at column `indent`."""
    array = np.asarray(value)
    margin = indent + len("tensor(")
    body = array_text(array, options, margin)
    return _with_suffixes("tensor(" + body, _suffixes(array, options, requires_grad, grad_fn), margin, indent, options)


def array_text(array: np.ndarray, options: PrintOptions = TORCH_DEFAULTS, indent: int = 0) -> str:
    """The numbers of a tensor without `tensor(…)`; lines after the first start at column `indent`."""
    if array.size == 0:
        return "[]"
    if array.ndim == 0 and array.dtype.kind == "f":
        return _number_text(array.item(), options.precision)
    summarized = array.size > options.threshold
    shown = _edges(array) if summarized else array
    return "".join(_layout(_Body(_element_texts(shown, options), array.shape, summarized, options), indent))


def _number_text(number: float, precision: int) -> str:
    """The text of a floating number that stands alone, by the rules of `_float_pattern`."""
    if not number or not math.isfinite(number):
        return f"{number:.0f}." if number == 0 else f"{number:.0f}"
    size = abs(number)
    if size > 1.0e8 or size < 1.0e-4:
        return f"{number:.{precision}e}"
    return f"{number:.0f}." if number.is_integer() else f"{number:.{precision}f}"


def _suffixes(array: np.ndarray, options: PrintOptions, requires_grad: bool, grad_fn: str | None) -> Iterator[str]:
    implied = options.implied
    if array.size == 0:
        implied = (options.default_dtype,)
        if array.ndim != 1:
            yield f"size={array.shape}"
    name = _dtype_name(array.dtype)
    if name not in implied:
        yield f"dtype=torch.{name}"
    if grad_fn is not None:
        yield f"grad_fn=<{grad_fn}>"
    elif requires_grad:
        yield "requires_grad=True"


@cache
def _dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name  # NumPy puts it together each time


def _with_suffixes(text: str, suffixes: Iterator[str], margin: int, indent: int, options: PrintOptions) -> str:
    if options.linewidth == math.inf:
        return ", ".join([text, *suffixes]) + ")"
    parts, last_line = [text], len(text) - text.rfind("\n") + 1
    if "\n" not in text:
        last_line += indent
    for suffix in suffixes:
        if last_line + len(suffix) + 2 > options.linewidth:
            parts.append(",\n" + " " * margin + suffix)
            last_line = margin + len(suffix)
        else:
            parts.append(", " + suffix)
            last_line += len(suffix) + 2
    return "".join(parts) + ")"


def _edges(array: np.ndarray) -> np.ndarray:
    for axis, size in enumerate(array.shape):
        if size > 2 * EDGE_ITEMS:
            kept = [*range(EDGE_ITEMS), *range(size - EDGE_ITEMS, size)]
            array = np.take(array, kept, axis=axis)
    return array


class _Body(NamedTuple):
    """Element texts in row-major order, and what is needed to set them in brackets."""

    texts: _Texts
    shape: tuple[int, ...]
    summarized: bool
    options: PrintOptions

    def cut(self, size: int) -> bool:
        return self.summarized and size > 2 * EDGE_ITEMS


class _Texts(NamedTuple):
    """Formatted elements and the width that PyTorch reckons with for one of them."""

    items: list[str]
    width: int


def _layout(body: _Body, indent: int) -> Iterator[str]:
    if not body.shape:
        yield body.texts.items[0]
        return
    rows = _rows(body)
    yield from _brackets(body, rows, 0, indent)


def _rows(body: _Body) -> Iterator[list[str]]:
    size = body.shape[-1]
    shown = 2 * EDGE_ITEMS if body.cut(size) else size
    items = body.texts.items
    for start in range(0, len(items), shown):
        row = items[start : start + shown]
        yield [*row[:EDGE_ITEMS], " ...", *row[EDGE_ITEMS:]] if body.cut(size) else row


def _brackets(body: _Body, rows: Iterator[list[str]], axis: int, indent: int) -> Iterator[str]:
    if axis == len(body.shape) - 1:
        yield _vector(next(rows), body, indent)
        return
    size = body.shape[axis]
    separator = "," + "\n" * (len(body.shape) - 1 - axis) + " " * (indent + 1)
    cut = body.cut(size)
    yield "["
    for number in range(2 * EDGE_ITEMS if cut else size):
        if number:
            yield separator
        if cut and number == EDGE_ITEMS:
            yield "..." + separator
        yield from _brackets(body, rows, axis + 1, indent + 1)
    yield "]"


def _vector(row: list[str], body: _Body, indent: int) -> str:
    per_line = len(row)
    if body.options.linewidth < math.inf:
        per_line = max(1, math.floor((body.options.linewidth - indent) / (body.texts.width + 2)))
    lines = (", ".join(row[start : start + per_line]) for start in range(0, len(row), per_line))
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _element_texts(array: np.ndarray, options: PrintOptions) -> _Texts:
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        return _complex_texts(flat, options)
    if flat.dtype.kind == "f":
        return _float_texts(flat, options)
    items = [str(item) for item in flat.tolist()]
    width = max(map(len, items))
    return _Texts([item.rjust(width) for item in items], width)


def _complex_texts(flat: np.ndarray, options: PrintOptions) -> _Texts:
    real, imaginary = _float_texts(flat.real, options), _float_texts(flat.imag, options)
    items = [_joined(x, y.lstrip()) for x, y in zip(real.items, imaginary.items, strict=True)]
    return _Texts(items, real.width + imaginary.width + 1)


def _joined(real: str, imaginary: str) -> str:
    return f"{real}{imaginary}j" if imaginary[0] in "+-" else f"{real}+{imaginary}j"


def _float_texts(flat: np.ndarray, options: PrintOptions) -> _Texts:
    numbers: list[float] = flat.tolist()
    counted = [at for at, number in enumerate(numbers) if number and math.isfinite(number)]
    pattern, point = _float_pattern([numbers[at] for at in counted], options.precision)
    items = list(map(pattern.format, numbers))
    if point:
        items = [item + "." if item[-1] not in "fn" else item for item in items]
    width = max((len(items[at]) for at in counted), default=1)
    return _Texts([item.rjust(width) for item in items], width)


def _float_pattern(values: list[float], precision: int) -> tuple[str, bool]:
    """The format of one number and whether a point follows, by PyTorch's rules for the finite nonzero values."""
    if not values:
        return "{:.0f}", True
    sizes = list(map(abs, values))
    smallest, largest = min(sizes), max(sizes)
    if largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4:
        return f"{{:.{precision}e}}", False
    if all(map(float.is_integer, values)):
        return "{:.0f}", True
    return f"{{:.{precision}f}}", False


def print_options(precision: int, full: bool, linewidth: float, default_dtype: str) -> PrintOptions:
    """Options as a command line gives them: `full` shows every element, an infinite width breaks no line."""
    return PrintOptions(precision, math.inf if full else 1000, linewidth, default_dtype)
