"""SciPy: the extra that some kernels need, imported on first use."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from gradcli.errors import OpError


@cache
def scipy_module(name: str) -> Any:
    """Return `scipy.NAME`; raise OpError with the way to install it where it is not there."""
    try:
        return import_module(f"scipy.{name}")
    except ImportError:
        hint = 'pip install "gradcli[scipy]"'
        raise OpError("this op needs SciPy, which is not installed", code="GC918", hint=hint) from None


def special(name: str) -> Any:
    """Return a function of `scipy.special`."""
    return getattr(scipy_module("special"), name)
