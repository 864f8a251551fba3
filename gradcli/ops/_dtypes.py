"""Dtype checks: PyTorch's words for dtypes that one of its kernels does not take."""

from __future__ import annotations

from typing import Any

from gradcli.errors import DtypeError
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._promotion import dtype_name
from gradcli.types.dtype import is_complex, is_floating


def no_kernel(kernel: str, x: Any) -> DtypeError:
    """Return the error of a kernel that has no code for a tensor's dtype."""
    return DtypeError(f"\"{kernel}\" not implemented for '{scalar_type(x)}'")


def require_floating(kernel: str, x: Any, complex_too: bool = False) -> None:
    """Raise DtypeError with PyTorch's text unless a tensor is floating point."""
    name = dtype_name(x)
    if not (is_floating(name) or (complex_too and is_complex(name))):
        raise no_kernel(kernel, x)
