"""Signature: the parameters of a public op as PyTorch writes them, and how arguments are bound to them.

`(input: Tensor, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)`: kinds are Tensor, Tensor[], `Tensor|Scalar`
(a number may stand for a tensor), Scalar, int, int[] (int[2] also takes one int for both), float, bool, str, dtype and
any; `?` takes None; `*size: int[]` takes sizes one by one or as one sequence; what follows a bare `*` is keyword-only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gradcli.errors import BindError
from gradcli.types.dtype import DTYPES, Dtype

MISSING: Any = object()
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
_CONSTANTS = {
    "None": None,
    "True": True,
    "False": False,
    "inf": float("inf"),
    "-inf": float("-inf"),
    "()": (),
    "[]": (),
}


@dataclass(frozen=True, slots=True, eq=False)
class Param:
    """One parameter: its name, its kind without `?`, and what may be left out."""

    name: str
    kind: str
    default: Any = MISSING
    optional: bool = False
    keyword_only: bool = False
    varargs: bool = False
    count: int | None = None

    @property
    def type_text(self) -> str:
        """Return the kind as PyTorch's error messages write it."""
        names = {"Tensor|Scalar": "Tensor", "Tensor[]": "tuple of Tensors", "int[]": "tuple of ints", "Scalar": "Number",
                 "dtype": "torch.dtype"}  # fmt: skip
        return names.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """The parameters of one overload, in PyTorch's order."""

    params: tuple[Param, ...]
    text: str

    def bind(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Return one value per parameter, or raise BindError with PyTorch's text.

        Example: `parse("(x: Tensor, dim: int=0)").bind("f", [t], {})` is `[t, 0]`.
        """
        kwargs = self._renamed(kwargs) if kwargs else kwargs
        if (self.params and self.params[-1].varargs) or any(p.varargs for p in self.params):
            args = self._gather(args, kwargs)
        values: list[Any] = []
        taken, used = 0, 0
        for param in self.params:
            if not param.keyword_only and taken < len(args):
                value = args[taken]
                taken += 1
                if param.name in kwargs:
                    raise BindError(f"{name}() got multiple values for argument '{param.name}'")
                values.append(convert(name, param, value, taken))
            elif param.name in kwargs:
                used += 1
                values.append(convert(name, param, kwargs[param.name], None))
            elif param.default is MISSING:
                raise BindError(self._missing_text(name, args, kwargs))
            else:
                values.append(param.default)
        if taken < len(args):
            positional = sum(not p.keyword_only for p in self.params)
            raise BindError(f"{name}() takes {positional} positional arguments but {len(args)} were given")
        if used < len(kwargs):
            names = [p.name for p in self.params]
            unknown = next(key for key in kwargs if key not in names)
            raise BindError(
                f"{name}() got an unexpected keyword argument '{unknown}'", hint=_did_you_mean(unknown, names)
            )
        return values

    @property
    def keywords(self) -> dict[str, Param]:
        """Return the parameters by every name that a keyword argument may give them, NumPy's too."""
        named = {param.name: param for param in self.params}
        return {other: named[name] for other, name in NUMPY_NAMES.items() if name in named} | named

    def _renamed(self, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return keyword arguments with NumPy's names (`axis`, `keepdims`) replaced, which PyTorch takes too."""
        names = {p.name for p in self.params}
        return {NUMPY_NAMES[k] if k not in names and NUMPY_NAMES.get(k) in names else k: v for k, v in kwargs.items()}

    def _gather(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Return the arguments with sizes that were given one by one collected into one tuple."""
        at = next(i for i, p in enumerate(self.params) if p.varargs)
        if self.params[at].name in kwargs or (len(args) > at and isinstance(args[at], (list, tuple))):
            return args
        if len(args) <= at and self.params[at].default is not MISSING:
            return args
        return [*args[:at], tuple(args[at:])]

    def _missing_text(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        required = [p for p in self.params if p.default is MISSING and p.name not in kwargs]
        missing = [p.name for p in required if self.params.index(p) >= len(args)]
        listed = ", ".join(f'"{m}"' for m in missing)
        return f"{name}() missing {len(missing)} required positional arguments: {listed}"

    def describe(self) -> str:
        """Return the signature as PyTorch's error messages list it: `(Tensor input, int dim)`."""
        return "(" + ", ".join(f"{p.type_text} {p.name}" for p in self.params) + ")"


def is_tensor(value: Any) -> bool:
    """Return whether a value takes part in dispatch or is an array."""
    return hasattr(type(value), "__apply__") or hasattr(value, "__array_interface__")


def _is_number(value: Any) -> bool:
    return type(value) in (bool, int, float, complex)


def _as_int(value: Any) -> Any:
    """Return an int for an int or a tensor that holds one, else MISSING."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if is_tensor(value) and value.ndim == 0 and value.dtype.kind in "iu":
        return int(value.item())
    return MISSING


def _as_ints(value: Any, count: int | None) -> Any:
    if isinstance(value, (list, tuple)):
        items = [_as_int(item) for item in value]
        return MISSING if MISSING in items else tuple(items)
    one = _as_int(value)
    return MISSING if one is MISSING or count is None else (one,) * count


def _as_scalar(value: Any) -> Any:
    if _is_number(value):
        return value
    if is_tensor(value) and value.ndim == 0 and not getattr(value, "requires_grad", False):
        return value.item()
    return MISSING


def _as_float(value: Any) -> Any:
    number = _as_scalar(value)
    return MISSING if number is MISSING or isinstance(number, complex) else number


def _as_tensors(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) and all(map(is_tensor, value)) else MISSING


def _as_dtype(value: Any) -> Any:
    if isinstance(value, Dtype):
        return value.name
    name = getattr(value, "name", value)
    return DTYPES[name].name if isinstance(name, str) and name in DTYPES else MISSING


_READERS = {
    "Tensor": lambda v: v if is_tensor(v) else MISSING,
    "Tensor|Scalar": lambda v: v if is_tensor(v) or _is_number(v) else MISSING,
    "Tensor[]": _as_tensors,
    "Scalar": _as_scalar,
    "int": _as_int,
    "float": _as_float,
    "bool": lambda v: v if isinstance(v, bool) else MISSING,
    "str": lambda v: v if isinstance(v, str) else MISSING,
    "dtype": _as_dtype,
    "any": lambda v: v,
}  # fmt: skip


def convert(name: str, param: Param, value: Any, position: int | None) -> Any:
    """Return the value as this parameter takes it, or raise BindError with PyTorch's text."""
    if value is None and (param.optional or param.default is None):
        return None
    result = _as_ints(value, param.count) if param.kind == "int[]" else _READERS[param.kind](value)
    if result is MISSING:
        place = f"'{param.name}'" + (f" (position {position})" if position else "")
        raise BindError(f"{name}(): argument {place} must be {param.type_text}, not {type_name(value)}")
    return result


def type_name(value: Any) -> str:
    """Return a value's type as PyTorch's error messages name it."""
    return "Tensor" if is_tensor(value) else type(value).__name__


def _did_you_mean(word: str, names: Sequence[str]) -> str | None:
    from difflib import get_close_matches

    close = get_close_matches(word, names, 1)
    return f"did you mean '{close[0]}'?" if close else f"its arguments are {', '.join(names)}"


_PARAM = r"\s*(\*?)(\w+)\s*:\s*([\w|]+)(\[(\d*)\])?(\?)?\s*(?:=\s*(.+))?\s*$"


@cache
def parse(text: str) -> Signature:
    """Return the signature that a text like `(input: Tensor, dim: int=-1)` declares.

    Raises ValueError where the text is not in that form.
    """
    params, keyword_only = [], False
    for part in _split(text.strip()[1:-1]):
        if part.strip() == "*":
            keyword_only = True
            continue
        match = re.match(_PARAM, part)
        if not match:
            raise ValueError(f"{text!r}: {part!r} is no parameter")
        star, name, kind, brackets, count, optional, default = match.groups()
        params.append(
            Param(name, kind + ("[]" if brackets else ""), _constant(default) if default else MISSING, bool(optional),
                  keyword_only, bool(star), int(count) if count else None)
        )  # fmt: skip
        if params[-1].kind not in _READERS and params[-1].kind != "int[]":
            raise ValueError(f"{text!r}: {params[-1].kind!r} is no kind")
    return Signature(tuple(params), text)


def _split(text: str) -> list[str]:
    """Return the parts between the commas that are outside brackets and quotes."""
    parts = re.findall(r"(?:[^,(\['\"]|\([^)]*\)|\[[^\]]*\]|'[^']*'|\"[^\"]*\")+", text)
    return [part for part in parts if part.strip()]


def _constant(text: str) -> Any:
    from ast import literal_eval

    text = text.strip()
    return _CONSTANTS[text] if text in _CONSTANTS else literal_eval(text)
