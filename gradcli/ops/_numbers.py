"""Numbers: Python numbers converted to a dtype as PyTorch converts its scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError
from gradcli.ops._promotion import as_dtype

_C_NAMES = {
    "float16": "c10::Half", "float32": "float", "float64": "double", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t",
    "uint8": "uint8_t",
}  # fmt: skip


def number_as(value: Any, name: str) -> Any:
    """Return a number as a NumPy scalar of a dtype, truncated and wrapped as C does; raise where it does not fit."""
    dtype = as_dtype(name)
    if name == "bool":
        return dtype.type(value != 0)
    if not fits(value, dtype):
        raise DtypeError(f"value cannot be converted to type {_C_NAMES[name]} without overflow", code="GC308")
    if dtype.kind == "c":
        return dtype.type(value)
    real = value.real if isinstance(value, complex) else value
    return dtype.type(int(real) % 256 if name == "uint8" else int(real)) if dtype.kind in "iu" else dtype.type(real)


def no_complex(dtype: np.dtype[Any]) -> DtypeError:
    """Return PyTorch's error for a complex number among the values of a tensor of another dtype."""
    integer = "'complex' object cannot be interpreted as an integer"
    return DtypeError(integer if dtype.kind in "iu" else "must be real number, not complex")


def fits(value: Any, dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype has room for a number; its fraction may be lost, its magnitude may not."""
    if isinstance(value, complex):
        return _in_range(value.real, dtype) and (_in_range(value.imag, dtype) if dtype.kind == "c" else value.imag == 0)
    return _in_range(value, dtype)


def _in_range(value: Any, dtype: np.dtype[Any]) -> bool:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low = -limits.max if dtype.kind == "u" and not isinstance(value, float) else limits.min
        return bool(np.isfinite(value)) and low <= value <= limits.max
    return not np.isfinite(float(value)) or abs(value) <= float(np.finfo(dtype).max)
