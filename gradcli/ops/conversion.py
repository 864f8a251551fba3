"""Conversion: a tensor in another dtype, and dtypes as questions."""

from __future__ import annotations

from typing import Any

from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import Constant, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import real as reals
from gradcli.ops.creation import _to_copy, to_dtype

_NUMBERS = Constant([1.5, -2.25, 0.0], "float32")


@composite(
    "Tensor",
    "(input: Tensor, dtype: dtype, non_blocking: bool=False, copy: bool=False)",
    samples=lambda: [sample(reals(2), "float32")],
)
def to(x: Any, dtype: str, non_blocking: bool = False, copy: bool = False) -> Any:
    """Return x in a dtype: x itself where it has it already, unless a copy is asked for."""
    return _to_copy(x, dtype) if copy else to_dtype(x, dtype)


@composite(
    "Tensor", "(input: Tensor, other: Tensor, non_blocking: bool=False, copy: bool=False)", name="to",
    samples=lambda: [sample(_NUMBERS, integers([0]))],
)  # fmt: skip
def to_other(x: Any, other: Any, non_blocking: bool = False, copy: bool = False) -> Any:
    """Return x in the dtype of another tensor."""
    return to(x, dtype_name(other), non_blocking, copy)


@composite(
    "Tensor",
    "(input: Tensor, dtype: dtype, non_blocking: bool=False)",
    name="type",
    samples=lambda: [sample(_NUMBERS, "int64")],
)
def type_(x: Any, dtype: str, non_blocking: bool = False) -> Any:
    """Return x in a dtype."""
    return to_dtype(x, dtype)


@composite("Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [sample(_NUMBERS, integers([0]))])
def type_as(x: Any, other: Any) -> Any:
    """Return x in the dtype of another tensor."""
    return to_dtype(x, dtype_name(other))


_METHODS = {
    "half": "float16", "float": "float32", "double": "float64", "cfloat": "complex64", "cdouble": "complex128",
    "bool": "bool",
    "byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64",
}  # fmt: skip


def _declare(name: str, dtype: str) -> None:
    """Declare a method that is named for the dtype it converts to."""

    def convert(x: Any) -> Any:
        return to_dtype(x, dtype)

    convert.__doc__ = f"Return x in the dtype {dtype}."
    composite("Tensor", "(input: Tensor)", name=name, samples=lambda: [sample(_NUMBERS)])(convert)


for _name, _dtype in _METHODS.items():
    _declare(_name, _dtype)
