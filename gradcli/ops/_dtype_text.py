"""Dtype text: how PyTorch's error messages spell dtypes (`Float`, `double`, `long`)."""

from __future__ import annotations

from typing import Any

from gradcli.ops._promotion import dtype_name

SCALAR_TYPES = {
    "float16": "Half", "float32": "Float", "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "uint8": "Byte", "bool": "Bool",
}  # fmt: skip
C_TYPES = {
    "float16": "c10::Half", "float32": "float", "float64": "double", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long",
    "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip


def scalar_type(x: Any) -> str:
    """Return a tensor's dtype as `Float`, `Double`, `Long`."""
    return SCALAR_TYPES[dtype_name(x)]


def c_type(x: Any) -> str:
    """Return a tensor's dtype as `float`, `double`, `long`."""
    return C_TYPES[dtype_name(x)]
