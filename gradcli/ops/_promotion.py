"""Promotion: PyTorch's rules brought to raw values, before any kernel or formula sees them.

`same` and `floating` are what an op's `promote` may be. Python numbers stay Python numbers: NumPy then treats them as
weak, as PyTorch does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.ops._op import RAW
from gradcli.types.dtype import BY_NAME, DEFAULT, combine_categories, is_differentiable, number_dtype, promote_types

if TYPE_CHECKING:
    from gradcli.ops._op import Op

NUMBERS = frozenset((bool, int, float, complex))
SCALARS = NUMBERS | {type(None), *(np.dtype(name).type for name in BY_NAME)}
"""The types of what has no dimensions, and None."""
RAW.update((np.ndarray, *(np.dtype(name).type for name in BY_NAME)))
_NAMES = {np.dtype(name): name for name in BY_NAME}
_DTYPES = {name: np.dtype(name) for name in BY_NAME}


def dtype_name(value: Any) -> str:
    """Return the dtype of a tensor, array, Symbol or Python number by name."""
    if type(value) in NUMBERS:
        return number_dtype(value)
    dtype = value.dtype
    return dtype if type(dtype) is str else _NAMES[dtype]


def as_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of this name."""
    return _DTYPES[name]


def default_dtype() -> np.dtype[Any]:
    """Return the default floating dtype of the evaluation that runs."""
    return _DTYPES[DEFAULT.get()]


def result_type(values: Iterable[Any]) -> str:
    """Return the dtype that tensors and Python numbers promote to, as `torch.result_type` does."""
    dimensioned = zero_dim = number = None
    for value in values:
        name = dtype_name(value)
        if type(value) in NUMBERS:
            number = name if number is None else promote_types(number, name)
        elif value.ndim:
            dimensioned = name if dimensioned is None else promote_types(dimensioned, name)
        else:
            zero_dim = name if zero_dim is None else promote_types(zero_dim, name)
    found = combine_categories(dimensioned, combine_categories(zero_dim, number))
    assert found is not None, "promotion of no values"
    return found


def cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a raw value in a dtype; Python numbers stay as they are, integers that do not fit wrap around."""
    if type(value) in NUMBERS or value is None or value.dtype == dtype:
        return _wrapped(value, dtype) if type(value) is int and dtype.kind in "iu" else value
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = value.real
    return value.astype(dtype)


def _wrapped(value: int, dtype: np.dtype[Any]) -> Any:
    limits = np.iinfo(dtype)
    return value if limits.min <= value <= limits.max else np.asarray(value).astype(dtype)[()]


@cache
def _floating(name: str, default: str) -> str:
    return name if is_differentiable(name) else default


def _convert(op: Op, values: Sequence[Any], floating: bool) -> list[Any]:
    tensors = op.tensor_params
    group: list[Any] = []
    for at in tensors:
        value = values[at]
        group.extend(value) if type(value) in (list, tuple) else group.append(value)
    name = result_type(v for v in group if v is not None)
    dtype = _DTYPES[_floating(name, DEFAULT.get()) if floating else name]
    result = list(values)
    for at in tensors:
        value = values[at]
        result[at] = [cast(v, dtype) for v in value] if type(value) in (list, tuple) else cast(value, dtype)
    return result


def _is_common(op: Op, values: Sequence[Any], kinds: str) -> bool:
    """Return whether all tensors have one dtype of these kinds already, which Python numbers beside them do not change."""
    common = None
    for at in op.tensor_params:
        value = values[at]
        if type(value) in _REAL:
            kinds = _INEXACT
            continue
        dtype = getattr(value, "dtype", None)
        if dtype is not common:
            if dtype is None or (common is not None and dtype != common):
                return False
            common = dtype
    return common is not None and common.kind in kinds


_REAL = frozenset((bool, int, float))
_INEXACT = "fc"


def same(op: Op, values: Sequence[Any]) -> Sequence[Any]:
    """Bring all tensors of a call to their common dtype."""
    return values if _is_common(op, values, "biufc") else _convert(op, values, False)


def floating(op: Op, values: Sequence[Any]) -> Sequence[Any]:
    """Bring all tensors of a call to their common dtype, integers to the default floating dtype."""
    return values if _is_common(op, values, "fc") else _convert(op, values, True)
