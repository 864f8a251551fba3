"""Orthogonal polynomials: families that a three-term recurrence defines. PyTorch gives no derivative of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.ops._families import elementwise
from gradcli.ops._samples import index, reals, sample

Step = Callable[[int, Any, Any, Any], Any]


def _by_recurrence(x: Any, n: Any, first: Any, step: Step) -> Any:
    """Return the polynomial of each degree n at x: P₀ = 1, P₁ = first(x), Pₖ₊₁ = step(k, x, Pₖ, Pₖ₋₁)."""
    degree = np.trunc(n)
    before, last = np.ones_like(x), first(x)
    result = np.where(degree == 0, before, np.where(degree == 1, last, 0 * last))
    for k in range(1, int(np.max(degree, initial=0))):
        before, last = last, step(k, x, last, before)
        result = np.where(degree == k + 1, last, result)
    return result[()]


def _polynomial(name: str, latex: str, first: Any, step: Step) -> Any:
    def kernel(x: Any, n: Any) -> Any:
        dtype = x.dtype if hasattr(x, "dtype") else n.dtype
        return _by_recurrence(np.asarray(x, dtype), np.asarray(n, dtype), first, step).astype(dtype)

    return elementwise(
        name, latex, kernel, names="special", signature="(input: Tensor|Scalar, n: Tensor|Scalar)",
        takes=(f"{name}_cpu", "float32 float64"),
        samples=lambda: [sample(reals(-1, 1)(3), 3), sample(0.5, index([0, 1, 4]))],
    )  # fmt: skip


def _doubling(k: int, x: Any, p: Any, before: Any) -> Any:
    return 2 * x * p - before


def _shifted(first: Any) -> Any:
    return lambda x: first(2 * x - 1)


def _shifted_doubling(k: int, x: Any, p: Any, before: Any) -> Any:
    return _doubling(k, 2 * x - 1, p, before)


for _kind, _first in {
    "t": lambda x: x,
    "u": lambda x: 2 * x,
    "v": lambda x: 2 * x - 1,
    "w": lambda x: 2 * x + 1,
}.items():  # fmt: skip
    _polynomial(f"chebyshev_polynomial_{_kind}", f"{_kind.upper()}_n(x)", _first, _doubling)
    _polynomial(
        f"shifted_chebyshev_polynomial_{_kind}", f"{_kind.upper()}_n(2 x - 1)", _shifted(_first), _shifted_doubling
    )
_polynomial("hermite_polynomial_h", "H_n(x)", lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q)
_polynomial("hermite_polynomial_he", r"\mathit{He}_n(x)", lambda x: x, lambda k, x, p, q: x * p - k * q)
_polynomial(
    "laguerre_polynomial_l", "L_n(x)", lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1)
)
_polynomial("legendre_polynomial_p", "P_n(x)", lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))
