"""Literal: numbers in nested lists, as YAML or an expression of constants gives them."""

from __future__ import annotations

import ast
import re
from typing import Any

from gradcli.spec.document import YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.expression import ExpressionError, parse
from gradcli.spec.keys import found
from gradcli.spec.language import CONSTANTS
from gradcli.spec.reading import Reading

_NUMBERS = frozenset({int, float, bool})
_FIRST = frozenset("-+.0123456789([nipTF")
_CONSTANT = r"(?:[-+\d.\s()\[\],_]|[eEjJ](?![^\W\d_])|nan|inf|pi|True|False)*"
_MAX_DEPTH = 64


class NotConstant(Exception):
    """An expression that is more than a literal."""


def constant(text: str) -> Any:
    """The number, or nested lists of numbers, that a text spells; raises NotConstant.

    >>> constant("1+2j"), constant("-inf"), constant("[1, (2, 3)]")
    ((1+2j), -inf, [1, [2, 3]])
    """
    if text.lstrip()[:1] not in _FIRST or not re.fullmatch(_CONSTANT, text):
        raise NotConstant
    try:
        return _folded(parse(text).node, _MAX_DEPTH)
    except ExpressionError:
        raise NotConstant from None


def _folded(node: ast.expr, depth: int) -> Any:
    if depth and isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex):
        return node.value
    if depth and isinstance(node, ast.Name) and node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if depth and isinstance(node, ast.List | ast.Tuple):
        return [_folded(item, depth - 1) for item in node.elts]
    if depth and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _folded(node.operand, depth - 1)
        if isinstance(value, int | float | complex):
            return -value if isinstance(node.op, ast.USub) else value
    if depth and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = _folded(node.left, depth - 1), _folded(node.right, depth - 1)
        if isinstance(left, int | float) and isinstance(right, complex):
            return left + right if isinstance(node.op, ast.Add) else left - right
    raise NotConstant


def read_list(reading: Reading, node: YamlSequence) -> list[Any] | None:
    """The nested lists of numbers of a YAML list; None and findings where it is no literal."""
    before = len(reading.findings.found)
    value, _ = _read(reading, node, 0)
    return value if len(reading.findings.found) == before else None


def _read(reading: Reading, node: YamlSequence, level: int) -> tuple[list[Any], tuple[int, ...]]:
    items = node.items
    if all(type(item) is YamlScalar for item in items):
        values = [item.value for item in items]  # type: ignore[union-attr]
        if not set(map(type, values)) <= _NUMBERS:
            values = [_number(reading, item) for item in items]  # type: ignore[arg-type]
        return values, (len(values),)
    values = []
    inner: tuple[int, ...] | None = None
    for item in items:
        value, shape = _item(reading, item, level)
        values.append(value)
        if inner is None:
            inner = shape
        elif shape is not None and shape != inner:
            _ragged(reading, item, inner, shape, level + 1)
    return values, (len(values), *(inner or ()))


def _item(reading: Reading, item: Any, level: int) -> tuple[Any, tuple[int, ...] | None]:
    if isinstance(item, YamlSequence):
        return _read(reading, item, level + 1)
    if isinstance(item, YamlMapping):
        reading.findings.add("GC115", "a mapping stands among the numbers of a literal", item.span)
        return None, None
    return _number(reading, item), ()


def _ragged(reading: Reading, item: Any, inner: tuple[int, ...], shape: tuple[int, ...], dim: int) -> None:
    """Note a row whose length is not that of the rows before it, in PyTorch's words."""
    for at, (length, got) in enumerate(zip(inner, shape, strict=False)):
        if length != got:
            message = f"expected sequence of length {length} at dim {dim + at} (got {got})"
            reading.findings.add("GC307", message, item.span, "all rows of a tensor have the same length")
            return
    message = "numbers and lists stand side by side in a literal"
    reading.findings.add("GC307", message, item.span, "all rows of a tensor have the same depth")


def _number(reading: Reading, item: YamlScalar) -> Any:
    value = item.value
    if type(value) in _NUMBERS or isinstance(value, complex):
        return value
    if isinstance(value, str):
        try:
            return constant(value)
        except NotConstant:
            pass
    elif hasattr(value, "item") and getattr(value, "size", 0) == 1:
        return value.item()
    hint = "write computed values as one expression, as in `stack([a, b])`"
    if value is None:
        hint = "write `nan` for a missing number"
    reading.findings.add("GC115", f"a literal is numbers in lists, not {found(item)}", item.span, hint)
    return 0
