"""Expression: Python's syntax, parsed by `ast` and held to a whitelist; nothing is ever evaluated by Python."""

from __future__ import annotations

import ast
import re
import sys
import threading
from collections.abc import Callable
from typing import cast

_MODE = ast.PyCF_ONLY_AST
_LIMIT = 30_000
"""How deep a chain such as `x + x + …` may be; the parser itself allows some thousand levels on its own stack."""

MAX_DEPTH = 100
"""How deep expressions may be nested otherwise: that is what recursion follows."""


class ExpressionError(Exception):
    """A text that is no expression: a code, a message and the characters that it is about."""

    def __init__(self, code: str, message: str, offset: int = 0, length: int = 1, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint
        self.offset, self.length = offset, max(length, 1)


class Expression:
    """A parsed text: its outermost node, and where in the text each node stands; `shift` blanks are in front of it."""

    __slots__ = ("node", "shift", "text")

    def __init__(self, text: str, node: ast.expr, shift: int) -> None:
        self.text, self.node, self.shift = text, node, shift

    def extent(self, node: ast.expr | ast.keyword) -> tuple[int, int]:
        """The offset and length of a node, in characters of the text."""
        start, end = node.col_offset, node.end_col_offset or node.col_offset
        if not self.text.isascii():
            encoded = self.text[self.shift :].encode()
            start, end = len(encoded[:start].decode()), len(encoded[:end].decode())
        return start + self.shift, end - start


def parse(text: str) -> Expression:
    """Parse the text of an expression, which may have several lines and comments.

    Raises ExpressionError.

    >>> ast.unparse(parse("matmul(x, w) + b").node)
    'matmul(x, w) + b'
    """
    line = text if text.isprintable() else _one_line(text)
    body = line.lstrip()
    if not body:
        raise ExpressionError("GC120", "the expression is empty", hint="write an expression, such as `relu(x)`")
    shift = len(line) - len(body)
    try:
        return Expression(text, _compiled(body), shift)
    except SyntaxError as error:
        raise _explained(error, text, shift) from None
    except (ValueError, UnicodeError) as error:
        if "\0" in text:
            raise _null_character(text) from None
        raise ExpressionError("GC120", f"not an expression: {error}", 0, len(text)) from None
    except (RecursionError, MemoryError):
        raise too_deep(0, len(text)) from None


def too_deep(offset: int, length: int) -> ExpressionError:
    """The error for an expression that is nested deeper than can be followed."""
    hint = "give steps of the expression names of their own"
    return ExpressionError("GC905", "the expression is nested too deeply", offset, length, hint)


def _compiled(text: str) -> ast.expr:
    try:
        tree = compile(text, "expression", "eval", _MODE, True)
    except RecursionError:
        tree = _on_a_large_stack(lambda: compile(text, "expression", "eval", _MODE, True))
    return cast(ast.Expression, tree).body


_stack_lock = threading.Lock()


def _on_a_large_stack(parse_again: Callable[[], ast.AST]) -> ast.AST:
    """Parse in a thread whose stack is large enough for long chains, which Python's `ast` builds recursively."""
    result: list[ast.AST] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            result.append(parse_again())
        except BaseException as error:
            failed.append(error)

    with _stack_lock:
        size, depth = threading.stack_size(256 * 1024 * 1024), sys.getrecursionlimit()
        try:
            sys.setrecursionlimit(max(depth, _LIMIT))
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        finally:
            threading.stack_size(size)
            sys.setrecursionlimit(depth)
    if failed:
        raise failed[0]
    return result[0]


_COMMENT = r'(?s)("""|\'\'\')(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*'
_BREAK = r"\\\r?\n|[\r\n\t\f]"


def _one_line(text: str) -> str:
    """The text with blanks in place of line breaks and comments, so that offsets stay what they are."""
    if "#" in text:
        text = re.sub(_COMMENT, lambda m: " " * len(m[0]) if m[0].startswith("#") else m[0], text)
    return re.sub(_BREAK, lambda m: " " * len(m[0]), text)


_OTHER_LANGUAGES = (
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("?", "write `a if condition else b`"),
    ("++", "write `x + 1`"),
    ("=>", "write `>=`"),
    ("<>", "write `!=`"),
)


_PART = r"(?<![\w.])[^\W\d][\w.]*\.\d+(?![\w])"


def _null_character(text: str) -> ExpressionError:
    """The error for a text with a null character, which is a SyntaxError or a ValueError by Python's version."""
    return ExpressionError("GC120", "not an expression: it has a null character", text.index("\0"))


def _explained(error: SyntaxError, text: str, shift: int) -> ExpressionError:
    if "\0" in text:
        return _null_character(text)
    last = len(text.rstrip()) - 1
    offset = min(error.offset - 1 + shift, last) if error.offset else last
    length = min((error.end_offset or 0) - (error.offset or 0), last + 1 - offset)
    message = error.msg
    if not error.offset and message == "invalid syntax":
        message = "it ends where a value is expected"
    if "Exceeds the limit" in message:
        return ExpressionError("GC120", "not an expression: a number has too many digits", 0, len(text))
    if "nested" in message or "too complex" in message:
        return too_deep(0, len(text))
    if _assigns(text, message):
        hint = "the name of a value is its key: `z: x + 1`; a comparison is `==`"
        return ExpressionError("GC121", "an assignment is not part of an expression", offset, length, hint)
    part = re.search(_PART, text)
    if part:
        hint = "give that step a name of its own, as an op above"
        message = f"`{part[0]}` is a part, and cannot stand in an expression"
        return ExpressionError("GC207", message, part.start(), len(part[0]), hint)
    if message.startswith("f-string"):
        return ExpressionError("GC121", "an f-string is not part of the language", offset, length)
    other = next((way for sign, way in _OTHER_LANGUAGES if sign in text), None)
    return ExpressionError("GC120", f"not an expression: {message}", offset, length, other)


def _assigns(text: str, message: str) -> bool:
    found = "Maybe you meant '=='" in message or "cannot assign" in message
    return found or bool(re.match(r"\s*[\w.]+ *[-+*/@&|^%]?=(?!=)", text))
