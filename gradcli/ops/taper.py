"""Tapers: the window functions of signal processing, and other tensors that a formula fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import creation, joining, rearrange
from gradcli.ops._op import composite
from gradcli.ops._promotion import as_dtype
from gradcli.ops._samples import real as reals
from gradcli.ops._samples import sample
from gradcli.types.dtype import DEFAULT, is_differentiable

_LENGTH = "(window_length: int, periodic: bool=True, {}*, dtype: dtype?=None)"


def _window(name: str, length: int, periodic: bool, dtype: str | None, formula: Callable[[Any, int], Any]) -> Any:
    """Return a window of this length: formula(n, N - 1) at every n, for a period one longer where it is periodic."""
    kind = dtype or DEFAULT.get()
    if not is_differentiable(kind):
        raise DtypeError(f"{name}_window expects floating point dtypes, got: torch.{kind}")
    if length < 0:
        raise ShapeError(f"{name}_window requires non-negative window_length, got window_length={length}")
    creation.checked((length,))
    if length <= 1:
        return np.ones(length, as_dtype(kind))
    return formula(np.arange(length, dtype=np.float64), length if periodic else length - 1).astype(kind)


@composite("torch", _LENGTH.format(""))
def hann_window(window_length: int, periodic: bool = True, dtype: str | None = None) -> Any:
    """Return Hann's window, half a raised cosine."""
    return _window("hann", window_length, periodic, dtype, lambda n, period: 0.5 - 0.5 * np.cos(2 * np.pi * n / period))


@composite("torch", _LENGTH.format("alpha: float=0.54, beta: float=0.46, "))
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, dtype: str | None = None
) -> Any:
    """Return Hamming's window, a raised cosine."""
    return _window(
        "hamming", window_length, periodic, dtype, lambda n, period: alpha - beta * np.cos(2 * np.pi * n / period)
    )


@composite("torch", _LENGTH.format(""))
def blackman_window(window_length: int, periodic: bool = True, dtype: str | None = None) -> Any:
    """Return Blackman's window, a sum of two cosines."""
    return _window(
        "blackman", window_length, periodic, dtype,
        lambda n, period: 0.42 - 0.5 * np.cos(2 * np.pi * n / period) + 0.08 * np.cos(4 * np.pi * n / period),
    )  # fmt: skip


@composite("torch", _LENGTH.format(""))
def bartlett_window(window_length: int, periodic: bool = True, dtype: str | None = None) -> Any:
    """Return Bartlett's window, a triangle."""
    return _window("bartlett", window_length, periodic, dtype, lambda n, period: 1 - np.abs(2 * n / period - 1))


@composite("torch", _LENGTH.format("beta: float=12.0, "))
def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, dtype: str | None = None) -> Any:
    """Return Kaiser's window, from Bessel's function I0."""
    return _window(
        "kaiser", window_length, periodic, dtype,
        lambda n, period: np.i0(beta * np.sqrt(np.maximum(1 - (2 * n / period - 1) ** 2, 0))) / np.i0(beta),
    )  # fmt: skip


@composite(
    "torch",
    "(x: Tensor, N: int?=None, increasing: bool=False)",
    samples=lambda: [sample(reals(3)), sample(reals(2), 4, True)],
)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the matrix whose columns are the powers of x."""
    if x.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ShapeError("N must be non-negative.")
    if not count:
        return creation.new_zeros(x, (x.shape[0], 0))
    columns = [creation.ones_like(x)]
    while len(columns) < count:
        columns.append(columns[-1] * x)
    found = joining.stack(columns, 1)
    return found if increasing else rearrange.flip(found, (1,))
