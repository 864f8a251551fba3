"""Calls: ops, methods and what a loop goes over, in expressions."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from gradcli.graph.graph import Arg, Literal
from gradcli.spec.language import BUILTINS, ITERATORS, VALUE_METHODS
from gradcli.spec.mistakes import unknown_method, unknown_op
from gradcli.spec.reading import POISON

if TYPE_CHECKING:
    from gradcli.spec.lower import Lowering


def op_of(lowering: Lowering, func: ast.Attribute) -> str | None:
    """The op that a dotted name in front of `(` is, or None where it is a method of a value."""
    names = [func.attr]
    node = func.value
    while type(node) is ast.Attribute:
        names.append(node.attr)
        node = node.value
    if type(node) is not ast.Name or node.id not in lowering.reading.spaces:
        return None
    return lowering.reading.ops.find_exact(".".join([node.id, *reversed(names)]))


def call(lowering: Lowering, node: Any, out: int | None) -> Arg:
    """Lower a call of an op."""
    func = node.func
    if type(func) is ast.Name:
        target = f"builtin.{func.id}" if func.id in BUILTINS else lowering.reading.ops.find_bare(func.id)
        if target is None:
            return lowering.mistake(unknown_op(lowering.reading, lowering.scope, func.id), func)
    elif type(func) is ast.Attribute:
        target = op_of(lowering, func)
    else:
        return lowering.error("GC121", "only ops and methods can be called", func)
    assert target is not None
    args, kwargs = arguments(lowering, node)
    if not target.startswith("builtin."):
        _check_arity(lowering, target, len(args), node)
    return lowering.emit(target, args, kwargs, lowering.span(node), out)


def method(lowering: Lowering, node: Any, value: Arg, out: int | None) -> Arg:
    """Lower a call of a method whose receiver is known."""
    name: str = node.func.attr
    if name not in VALUE_METHODS and not lowering.reading.ops.find_method(name):
        return lowering.mistake(unknown_method(lowering.reading, name), node.func, name)
    args, kwargs = arguments(lowering, node)
    if name not in VALUE_METHODS:
        _check_arity(lowering, lowering.reading.ops.find_method(name) or "", len(args) + 1, node)
    return lowering.emit(f"method.{name}", (value, *args), kwargs, lowering.span(node), out)


def arguments(lowering: Lowering, node: ast.Call) -> tuple[tuple[Arg, ...], tuple[tuple[str, Arg], ...]]:
    """Lower the arguments of a call in the order of writing."""
    args = tuple([lowering.value(argument) for argument in node.args])
    if not node.keywords:
        return args, ()
    kwargs: dict[str, Arg] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            lowering.refuse(ast.Starred, keyword)
        elif keyword.arg in kwargs:
            lowering.error("GC206", f"the argument `{keyword.arg}` is given twice", keyword)
        else:
            _check_keyword(lowering, keyword)
            kwargs[keyword.arg] = lowering.value(keyword.value)
    return args, tuple(kwargs.items())


def _check_arity(lowering: Lowering, qualified: str, count: int, node: ast.Call) -> None:
    """Hold the arguments to what the op takes at most; whether they fit is seen when it is applied."""
    arity = lowering.reading.arity(qualified)
    name = qualified.rpartition(".")[2]
    if count > arity.most:
        message = f"{name}() takes {arity.most} positional arguments but {count} were given"
        lowering.error("GC206", message, node)
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in arity.keywords and keyword.arg not in ("out", "inplace"):
            hint = lowering.reading.findings.suggest(keyword.arg, arity.names, f"it takes {', '.join(arity.names)}")
            lowering.error("GC206", f"{name}() got an unexpected keyword argument '{keyword.arg}'", keyword, hint)


def _check_keyword(lowering: Lowering, keyword: ast.keyword) -> None:
    if keyword.arg == "out":
        hint = "the name of a result is the key of its op"
        lowering.error("GC122", "`out=` is not part of the language", keyword, hint)
    elif keyword.arg == "inplace" and getattr(keyword.value, "value", None) is not False:
        hint = "leave it out: the result is a new tensor under its own name"
        lowering.error("GC122", "`inplace=` is not part of the language", keyword, hint)


def iterable(lowering: Lowering, node: ast.expr, out: int | None = None) -> Arg:
    """Lower what a loop goes over, which may be a `range` or a `zip`."""
    if type(node) is not ast.Call or type(node.func) is not ast.Name or node.func.id not in ITERATORS:
        value = lowering.value(node)
        if type(value) is Literal and value is not POISON:
            hint = "write `for: row in x`, `for: i in range(10)` or `repeat: 3`"
            lowering.error("GC210", f"a loop goes over rows, not over `{value.value}`", node, hint)
        return value
    if node.func.id == "zip":
        args = tuple([iterable(lowering, argument) for argument in node.args])
    else:
        args = tuple([lowering.value(argument) for argument in node.args])
    if node.keywords:
        lowering.error("GC206", f"`{node.func.id}` takes no keywords", node.keywords[0])
    if not args or (node.func.id == "range" and len(args) > 3):
        takes = "1 to 3 numbers" if node.func.id == "range" else "tensors"
        lowering.error("GC206", f"`{node.func.id}` takes {takes}", node)
    return lowering.emit(f"builtin.{node.func.id}", args, (), lowering.span(node), None)
