"""Dtype checks: PyTorch's words for dtypes that one of its kernels does not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcli.errors import DtypeError
from gradcli.ops._dtype_text import SCALAR_TYPES, scalar_type
from gradcli.ops._promotion import dtype_name, result_type
from gradcli.types.dtype import BY_NAME, is_complex, is_floating

Rule = Callable[..., Any]


def no_kernel(kernel: str, x: Any) -> DtypeError:
    """Return the error of a kernel that has no code for a tensor's dtype."""
    return DtypeError(f"\"{kernel}\" not implemented for '{scalar_type(x)}'")


def require_floating(kernel: str, x: Any, complex_too: bool = False) -> None:
    """Raise DtypeError with PyTorch's text unless a tensor is floating point."""
    name = dtype_name(x)
    if not (is_floating(name) or (complex_too and is_complex(name))):
        raise no_kernel(kernel, x)


def taking(kernel: str, kinds: str, rule: Rule) -> Rule:
    """Return a shape rule that first refuses tensors of other kinds (`float`, `int`, …, or dtypes by name).

    `kernel` is the name in PyTorch's text, or a whole sentence with `{}` for the dtype.
    """
    known = frozenset(kinds.split())
    text = kernel if " " in kernel else f"\"{kernel}\" not implemented for '{{}}'"

    def checked(*values: Any) -> Any:
        for value in values:
            if hasattr(value, "dtype") or type(value) is complex:
                name = dtype_name(value)
                if name not in known and BY_NAME[name].category not in known:
                    found = result_type(v for v in values if hasattr(v, "dtype") or type(v) is complex)
                    raise DtypeError(text.format(SCALAR_TYPES[found]))
        return rule(*values)

    return checked
