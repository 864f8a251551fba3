"""Householder reflections: products of H_i = I − τ_i v_i v_i^H, as geqrf leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import joining, rearrange
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._matrix import Array, H, column, fortran, mm, narrow, tril
from gradcli.ops._op import op
from gradcli.ops._samples import real, sample
from gradcli.ops.distance import not_implemented


def _vectors(a: Any, k: int) -> Any:
    """Return the v_i as columns: below the diagonal a's, on it ones."""
    m = a.shape[-2]
    return tril(narrow(a, -1, 0, k), -1) + np.eye(m, k, dtype=str(a.dtype))


def _steps(tau: Any, transpose: bool) -> Iterator[tuple[int, Any]]:
    """Yield (i, factor) of the reflections in the order in which they act."""
    k = tau.shape[-1]
    for i in range(k) if transpose else reversed(range(k)):
        factor = column(narrow(tau, -1, i, 1))
        yield i, rearrange.conj(factor) if transpose else factor


def _reflected(vs: Any, tau: Any, c: Any, transpose: bool) -> list[Any]:
    """Return c and what each reflection in turn makes of it."""
    stages = [c]
    for i, factor in _steps(tau, transpose):
        v, x = narrow(vs, -1, i, 1), stages[-1]
        stages.append(x - factor * mm(v, mm(H(v), x)))
    return stages


def _backward(g: Any, a: Any, tau: Any, c: Any, transpose: bool) -> tuple[Any, Any, Any]:
    """Return the cotangents of a, tau and c: the reflections are undone from the last to the first."""
    k = tau.shape[-1]
    vs = _vectors(a, k)
    stages = _reflected(vs, tau, c, transpose)
    g_vs: list[Any] = [None] * k
    g_taus: list[Any] = [None] * k
    for (i, factor), x in reversed(list(zip(_steps(tau, transpose), stages, strict=False))):
        v = narrow(vs, -1, i, 1)
        v_x, v_g = mm(H(v), x), mm(H(v), g)
        g_vs[i] = -(rearrange.conj(factor) * mm(g, H(v_x)) + factor * mm(x, H(v_g)))
        g_factor = -mm(v_g, H(v_x))
        g_taus[i] = rearrange.squeeze_dim(rearrange.conj(g_factor) if transpose else g_factor, -1)
        g = g - rearrange.conj(factor) * mm(v, v_g)
    if not k:
        return None, None, g
    g_a = tril(joining.cat(g_vs, -1), -1)
    if a.shape[-1] > k:
        g_a = joining.cat((g_a, np.zeros((*g_a.shape[:-1], a.shape[-1] - k), str(a.dtype))), -1)
    return g_a, joining.cat(g_taus, -1), g


def _geqrf_rule(a: Any) -> tuple[Shape, Shape]:
    if a.ndim < 2:
        raise ShapeError("torch.geqrf: input must have at least 2 dimensions.")
    return a.shape, (*a.shape[:-2], min(a.shape[-2:]))


def _geqrf_kernel(a: Array) -> tuple[Array, Array]:
    turned, tau = np.linalg.qr(a, "raw")
    return np.ascontiguousarray(turned).swapaxes(-1, -2), tau


geqrf = op(
    "geqrf", _geqrf_kernel, outputs=("a", "tau"), signature="(input: Tensor)", shape=_geqrf_rule,
    vjp=dict(a=not_implemented("geqrf")),
)  # fmt: skip


def _check_product(a: Any, tau: Any, name: str = "torch.linalg.householder_product") -> Shape:
    if a.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1]:
        raise ShapeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if a.shape[-1] < tau.shape[-1]:
        raise ShapeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if a.ndim - tau.ndim != 1:
        raise ShapeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            "input.ndim is "
            f"equal to {a.ndim}"
        )
    if a.shape[:-2] != tau.shape[:-1]:
        raise ShapeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if a.dtype != tau.dtype:
        raise DtypeError(f"{name}: tau dtype {scalar_type(tau)} does not match input dtype {scalar_type(a)}")
    return a.shape  # type: ignore[no-any-return]


def _identity(a: Any) -> Array:
    return np.broadcast_to(np.eye(*a.shape[-2:], dtype=str(a.dtype)), a.shape)


householder_product = op(
    "linalg_householder_product", lambda a,
    tau: fortran(_reflected(_vectors(a, tau.shape[-1]), tau, _identity(a), False)[-1]),
    names="linalg.householder_product torch.orgqr Tensor.orgqr", signature="(input: Tensor, tau: Tensor)",
    shape=_check_product,
    vjp={"a, tau": lambda g, a, tau: _backward(g, a, tau, _identity(a), False)[:2]},
    samples=lambda: [sample(real(3, 2), real(2)), sample(real(2, 4, 3), real(2, 2))],
    latex=r"\prod_i (I - \tau_i v_i v_i^\mathsf{H})",
)  # fmt: skip


def _ormqr_kernel(a: Array, tau: Array, c: Array, left: bool = True, transpose: bool = False) -> Array:
    vs = _vectors(a, tau.shape[-1])
    if left:
        return fortran(_reflected(vs, tau, c, transpose)[-1])
    return fortran(H(_reflected(vs, tau, H(c), not transpose)[-1]))


def _ormqr_rule(a: Any, tau: Any, c: Any, left: bool = True, transpose: bool = False) -> Shape:
    dim = -2 if left else -1
    if a.ndim < 2 or c.ndim < 2:
        raise ShapeError(f"torch.ormqr: {'input' if a.ndim < 2 else 'other'} must have at least 2 dimensions.")
    if c.shape[dim] < tau.shape[-1]:
        raise ShapeError(f"torch.ormqr: other.shape[{dim}] must be greater than or equal to tau.shape[-1]")
    if tau.shape[-1] != min(c.shape[dim], a.shape[-1]):
        raise ShapeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{dim}], input.shape[-1])")
    if c.shape[dim] != a.shape[-2]:
        raise ShapeError(f"torch.ormqr: other.shape[{dim}] must be equal to input.shape[-2]")
    return c.shape  # type: ignore[no-any-return]


def _ormqr_backward(g: Any, a: Any, tau: Any, c: Any, left: bool, transpose: bool) -> tuple[Any, Any, Any]:
    empty = 0 in (*a.shape, *tau.shape, *c.shape)
    g_a, g_tau, g_c = _backward(g, a, tau, c, transpose) if left else _backward(H(g), a, tau, H(c), not transpose)
    return None if empty else g_a, None if empty else g_tau, g_c if left else H(g_c)


ormqr = op(
    "ormqr", _ormqr_kernel, shape=_ormqr_rule,
    signature="(input: Tensor, tau: Tensor, other: Tensor, left: bool=True, transpose: bool=False)",
    vjp={"a, tau, c": lambda g, a, tau, c, left, transpose: _ormqr_backward(g, a, tau, c, left, transpose)},
    samples=lambda: [sample(real(3, 2), real(2), real(3, 4)),
        sample(real(3, 2), real(2), real(4, 3), left=False, transpose=True)],
)  # fmt: skip
