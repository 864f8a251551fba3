"""Operators: what `x + y`, `-x` and `x[i]` mean, on tensors as in PyTorch and on numbers as in Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from gradcli.errors import BindError, DtypeError
from gradcli.ops import arithmetic, registry

PUBLIC = {
    "add": "torch.add", "sub": "torch.sub", "mul": "torch.mul", "truediv": "torch.div", "floordiv": "torch.floor_divide",
    "mod": "torch.remainder", "pow": "torch.pow", "matmul": "torch.matmul", "neg": "torch.neg", "pos": "torch.positive",
    "invert": "torch.bitwise_not", "eq": "torch.eq", "ne": "torch.ne", "lt": "torch.lt", "le": "torch.le", "gt": "torch.gt",
    "ge": "torch.ge", "and_": "torch.bitwise_and", "or_": "torch.bitwise_or", "xor": "torch.bitwise_xor",
    "lshift": "torch.bitwise_left_shift", "rshift": "torch.bitwise_right_shift", "getitem": "Tensor.__getitem__",
}  # fmt: skip
SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@", "neg": "-",
    "pos": "+", "invert": "~", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and_": "&", "or_": "|",
    "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
NUMBERS = (bool, int, float, complex)
MAX_BITS = 4096
_COMMUTE = {"add", "mul"}
_SCALAR_FORMS = {"add": "add_scalar", "sub": "sub_scalar", "mul": "mul_scalar", "truediv": "div_scalar"}
IN_FORMULA: ContextVar[bool] = ContextVar("in_formula", default=False)
"""Whether the formulas of a recorded backward pass run, which PyTorch writes in C++."""


class formulas:
    """Give operators with numbers their C++ meaning inside."""

    __slots__ = ("_enabled", "_token")

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __enter__(self) -> None:
        self._token = IN_FORMULA.set(self._enabled)

    def __exit__(self, *_: object) -> None:
        IN_FORMULA.reset(self._token)


_REFLECTED_COMPARISON = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def is_tensor(value: Any) -> bool:
    """Return whether an operator on this value is an op."""
    return hasattr(value, "__apply__")


def public_name(name: str, args: Sequence[Any]) -> str:
    """Return the qualified op that an operator applies to these values."""
    if name == "sub" and not is_tensor(args[0]) and not hasattr(args[0], "dtype"):
        return "torch.rsub"
    return PUBLIC.get(name, f"operator.{name}")


def apply(name: str, args: Sequence[Any]) -> Any:
    """Apply an operator; raise BindError where the values have none."""
    if name == "not_":
        return not bool(args[0])
    if name == "getitem":
        return _getitem(*args)
    if not any(map(is_tensor, args)):
        return _on_numbers(name, args)
    try:
        if name in _SCALAR_FORMS and IN_FORMULA.get():
            return _in_formula(name, *args)
        if len(args) == 2 and not is_tensor(args[0]):
            return _number_first(name, *args)
        return registry.call(PUBLIC[name], args, {})
    except BindError:
        if name in ("eq", "ne"):
            raise
        raise BindError(_unsupported(name, args)) from None
    except DtypeError as error:
        if name == "invert":
            error.message = "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        raise


def _unsupported(name: str, args: Sequence[Any]) -> str:
    """Return Python's text for an operator that operands do not have."""
    kinds = " and ".join(f"'{'Tensor' if is_tensor(a) else type(a).__name__}'" for a in args)
    if name in ("lt", "le", "gt", "ge"):
        return f"'{SYMBOLS[name]}' not supported between instances of {kinds}"
    return f"unsupported operand type(s) for {SYMBOLS[name]}: {kinds}"


def _in_formula(name: str, x: Any, y: Any) -> Any:
    """Return what C++ makes of an operator with a number: an op of its own (`mul.Scalar` for `2 * x`)."""
    if type(y) in NUMBERS:
        return getattr(arithmetic, _SCALAR_FORMS[name])(x, y)
    if type(x) in NUMBERS and name in _COMMUTE:
        return getattr(arithmetic, _SCALAR_FORMS[name])(y, x)
    if not is_tensor(x):
        return _number_first(name, x, y)
    return registry.call(PUBLIC[name], (x, y), {})


def _number_first(name: str, x: Any, y: Any) -> Any:
    """Return what PyTorch's reflected operators do, where the left operand is no tensor."""
    if hasattr(x, "dtype"):
        return registry.call(PUBLIC[name], (x, y), {})
    if name in _COMMUTE:
        return registry.call(PUBLIC[name], (y, x), {})
    if name in _REFLECTED_COMPARISON:
        return registry.call(PUBLIC[_REFLECTED_COMPARISON[name]], (y, x), {})
    if name == "sub":
        return registry.call("torch.rsub", (y, x), {})
    if name == "truediv":
        return registry.call("torch.mul", (registry.call("torch.reciprocal", (y,), {}), x), {})
    return registry.call(PUBLIC[name], (x, y), {})


def _getitem(value: Any, index: Any) -> Any:
    if is_tensor(value):
        return registry.call(PUBLIC["getitem"], (value, index), {})
    if not isinstance(value, (tuple, list)):
        raise BindError(f"'{type(value).__name__}' object is not subscriptable")
    try:
        return value[index.item() if is_tensor(index) else index]
    except (IndexError, TypeError) as error:
        raise BindError(f"{error}: there are {len(value)} results", code="GC305") from None


def _on_numbers(name: str, args: Sequence[Any]) -> Any:
    """Return what Python's operator gives for numbers (and `+` for sizes), with integers kept at a sane length."""
    if name == "matmul":
        raise BindError(_unsupported(name, args))
    try:
        if name not in ("eq", "ne") and not all(isinstance(a, NUMBERS) for a in args):
            _check_sizes(name, args)
        if name == "pow" and isinstance(args[0], int) and isinstance(args[1], int) and args[1] > 0:
            _check_bits(args[0].bit_length() * args[1])
        result = getattr(operator, name)(*args)
        _check_bits(result.bit_length() if isinstance(result, int) else 0)
        return result
    except (TypeError, ArithmeticError, ValueError) as error:
        raise BindError(str(error), code="GC501" if isinstance(error, ArithmeticError) else "GC206") from None


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise OverflowError(f"a whole number of {bits} bits is too large; write a float")


def _check_sizes(name: str, args: Sequence[Any]) -> None:
    """Raise TypeError for operands that are no numbers, unless sizes are joined (`x.shape + (1,)`)."""
    if (name == "add" and all(isinstance(a, (tuple, list)) for a in args)) or name in ("lt", "le", "gt", "ge"):
        return
    raise TypeError(_unsupported(name, args))


def method(name: str) -> Callable[..., Any]:
    """Return the special method of Tensor for an operator."""

    def operate(self: Any, *others: Any) -> Any:
        return apply(name, (self, *others))

    return operate


def reflected(name: str) -> Callable[..., Any]:
    """Return the special method of Tensor for an operator whose left operand is no Tensor."""

    def operate(self: Any, other: Any) -> Any:
        return apply(name, (other, self))

    return operate


class Operators:
    """What can be computed with: gives a class Python's operators, each as the op that PyTorch's tensors apply."""

    __slots__ = ()
    __array_ufunc__ = None
    __hash__ = object.__hash__
    __eq__ = method("eq")
    __ne__ = method("ne")
    __lt__, __le__ = method("lt"), method("le")
    __gt__, __ge__ = method("gt"), method("ge")
    __add__, __radd__ = method("add"), reflected("add")
    __sub__, __rsub__ = method("sub"), reflected("sub")
    __mul__, __rmul__ = method("mul"), reflected("mul")
    __truediv__, __rtruediv__ = method("truediv"), reflected("truediv")
    __floordiv__, __rfloordiv__ = method("floordiv"), reflected("floordiv")
    __mod__, __rmod__ = method("mod"), reflected("mod")
    __pow__, __rpow__ = method("pow"), reflected("pow")
    __matmul__, __rmatmul__ = method("matmul"), reflected("matmul")
    __and__, __rand__ = method("and_"), reflected("and_")
    __or__, __ror__ = method("or_"), reflected("or_")
    __xor__, __rxor__ = method("xor"), reflected("xor")
    __neg__, __pos__ = method("neg"), method("pos")
    __invert__, __getitem__ = method("invert"), method("getitem")
