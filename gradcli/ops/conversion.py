"""Conversion: a tensor in another dtype, and dtypes as questions."""

from __future__ import annotations

from typing import Any

from gradcli.ops._op import composite
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import real as reals
from gradcli.ops._samples import sample
from gradcli.ops.creation import _to_copy, to_dtype


@composite(
    "Tensor",
    "(input: Tensor, dtype: dtype, non_blocking: bool=False, copy: bool=False)",
    samples=lambda: [sample(reals(2), "float32")],
)
def to(x: Any, dtype: str, non_blocking: bool = False, copy: bool = False) -> Any:
    """Return x in a dtype: x itself where it has it already, unless a copy is asked for."""
    return _to_copy(x, dtype) if copy else to_dtype(x, dtype)


@composite("Tensor", "(input: Tensor, other: Tensor, non_blocking: bool=False, copy: bool=False)", name="to")
def to_other(x: Any, other: Any, non_blocking: bool = False, copy: bool = False) -> Any:
    """Return x in the dtype of another tensor."""
    return to(x, dtype_name(other), non_blocking, copy)


@composite("Tensor", "(input: Tensor, dtype: dtype, non_blocking: bool=False)", name="type")
def type_(x: Any, dtype: str, non_blocking: bool = False) -> Any:
    """Return x in a dtype."""
    return to_dtype(x, dtype)


@composite("Tensor", "(input: Tensor, other: Tensor)")
def type_as(x: Any, other: Any) -> Any:
    """Return x in the dtype of another tensor."""
    return to_dtype(x, dtype_name(other))


_METHODS = {
    "half": "float16", "float": "float32", "double": "float64", "cfloat": "complex64", "cdouble": "complex128",
    "bool": "bool",
    "byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64",
}  # fmt: skip
for _name, _dtype in _METHODS.items():
    composite("Tensor", "(input: Tensor)", name=_name)(lambda x, _dtype=_dtype: to_dtype(x, _dtype))
