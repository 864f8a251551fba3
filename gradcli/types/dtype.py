"""Dtype: the element types of PyTorch that a spec can name, and PyTorch's promotion between them.

Nothing here imports NumPy, so that a spec can be checked without it. Source: PyTorch's `c10/core/ScalarType.cpp`
(promotion table) and `aten/src/ATen/native/TypeProperties.cpp` (how dimensions weigh in `result_type`).
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Literal

Category = Literal["bool", "int", "float", "complex"]


@dataclass(frozen=True, slots=True, eq=False)
class Dtype:
    """An element type: its PyTorch name, category and size in bytes."""

    name: str
    category: Category
    itemsize: int

    def __str__(self) -> str:
        return self.name


_ALL = (
    Dtype("bool", "bool", 1),
    Dtype("uint8", "int", 1),
    Dtype("int8", "int", 1),
    Dtype("int16", "int", 2),
    Dtype("int32", "int", 4),
    Dtype("int64", "int", 8),
    Dtype("float16", "float", 2),
    Dtype("float32", "float", 4),
    Dtype("float64", "float", 8),
    Dtype("complex64", "complex", 8),
    Dtype("complex128", "complex", 16),
)
_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "short": "int16", "int": "int32", "long": "int64",
    "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip

BY_NAME: dict[str, Dtype] = {dtype.name: dtype for dtype in _ALL}
DTYPES: dict[str, Dtype] = BY_NAME | {alias: BY_NAME[name] for alias, name in _ALIASES.items()}

DEFAULT: ContextVar[str] = ContextVar("default_dtype", default="float32")
"""The default floating dtype of the evaluation that runs, by name."""


def default_complex() -> str:
    """Return the complex dtype that goes with the default dtype."""
    return "complex128" if DEFAULT.get() == "float64" else "complex64"


def number_dtype(value: bool | int | float | complex) -> str:
    """Return the dtype that `torch.tensor` gives a Python number."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    return DEFAULT.get() if isinstance(value, float) else default_complex()


@cache
def promote_types(a: str, b: str) -> str:
    """Return the smallest dtype that both dtypes convert to, as `torch.promote_types` does.

    Example: `promote_types("uint8", "int8")` is `"int16"`; `promote_types("int64", "float16")` is `"float16"`.
    """
    if a == b:
        return a
    low, high = sorted((BY_NAME[a], BY_NAME[b]), key=lambda d: ("bool", "int", "float", "complex").index(d.category))
    if low.category != high.category:
        return "complex128" if high.name == "complex64" and low.name == "float64" else high.name
    large = max(low, high, key=lambda d: d.itemsize)
    if "uint8" in (a, b) and large.itemsize == 1:
        return "int16"
    return large.name


def combine_categories(higher: str | None, lower: str | None) -> str | None:
    """Return the dtype of a group of operands and a group that weighs less (zero-dim tensors, Python numbers)."""
    if higher is None or lower is None:
        return higher or lower
    high, low = BY_NAME[higher].category, BY_NAME[lower].category
    if high == "complex":
        return higher
    if high == "float":
        return complex_of(higher) if low == "complex" else higher
    if high == "bool" or low in ("float", "complex"):
        return promote_types(higher, lower)
    return higher


def complex_of(name: str) -> str:
    """Return the complex dtype whose parts have this floating dtype."""
    return {"float64": "complex128", "complex128": "complex128"}.get(name, "complex64")


def real_of(name: str) -> str:
    """Return the dtype of the parts of a complex dtype; any other dtype is its own."""
    return {"complex64": "float32", "complex128": "float64"}.get(name, name)


def is_floating(name: str) -> bool:
    """Return whether this is a real floating dtype."""
    return BY_NAME[name].category == "float"


def is_complex(name: str) -> bool:
    """Return whether this is a complex dtype."""
    return BY_NAME[name].category == "complex"


def is_differentiable(name: str) -> bool:
    """Return whether tensors of this dtype can require grad."""
    return BY_NAME[name].category in ("float", "complex")
