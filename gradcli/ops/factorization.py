"""Factorizations of matrices: Cholesky, LU and QR."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import AutogradError, DtypeError, NumericError, ShapeError
from gradcli.ops import rearrange, views
from gradcli.ops._families import Shape
from gradcli.ops._matrix import (
    Array,
    H,
    above,
    beside,
    check_floating,
    check_info,
    check_kernel,
    check_matrix,
    check_square,
    diag_embed,
    diagonal,
    fortran,
    mm,
    narrow,
    padded,
    total,
    tril,
    triu,
)  # fmt: skip
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.ops.triangular import solve_triangular

NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{} is not "
    "positive-definite)."
)
UNFACTORED = (
    "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the "
    "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)


def _factor(x: Array) -> tuple[Array, int]:
    """Return the lower Cholesky factor of a matrix and LAPACK's info: the order of the first minor not positive."""
    factor = np.tril(x)
    for j in range(x.shape[-1]):
        pivot = factor[j, j].real - np.vdot(factor[j, :j], factor[j, :j]).real
        if not pivot > 0:
            return factor, j + 1
        factor[j, j] = np.sqrt(pivot)
        factor[j + 1 :, j] = (factor[j + 1 :, j] - factor[j + 1 :, :j] @ factor[j, :j].conj()) / factor[j, j]
    return factor, 0


def _cholesky_kernel(x: Array, upper: bool) -> tuple[Array, Array]:
    lower = x.swapaxes(-1, -2).conj() if upper else x
    info = np.zeros(x.shape[:-2], np.int32)
    try:
        factor = np.linalg.cholesky(lower)
        failed = bool(np.isnan(np.diagonal(factor, 0, -2, -1)).any())
    except np.linalg.LinAlgError:
        failed = True
    if failed:
        factor = np.empty(x.shape, x.dtype)
        for at in np.ndindex(*x.shape[:-2]):
            factor[at], info[at] = _factor(lower[at])
    return fortran(factor.swapaxes(-1, -2).conj() if upper else factor), info


def _cholesky_backward(g: Any, upper: bool, factor: Any) -> Any:
    if upper:
        g, factor = H(g), H(factor)
    phi = tril(mm(H(factor), g))
    middle = (phi + H(tril(phi, -1))) * 0.5
    return solve_triangular(factor, solve_triangular(H(factor), middle, True), False, False)


def _cholesky_ex_rule(x: Any, *_: Any) -> tuple[Shape, Shape]:
    check_square(x, "linalg.cholesky")
    check_floating(x, "linalg.cholesky", "cholesky_cpu")
    return x.shape, x.shape[:-2]


_cholesky_ex = op(
    "linalg_cholesky_ex", lambda x, upper, check_errors: _cholesky_kernel(x, upper), names="", shape=_cholesky_ex_rule,
    signature="(A: Tensor, upper: bool, check_errors: bool)", outputs=("L", "info"), constant=("info",),
    vjp=dict(x=lambda g, upper, out: _cholesky_backward(g[0], upper, out[0])),
)  # fmt: skip


@composite("linalg", "(A: Tensor, *, upper: bool=False, check_errors: bool=False)", outputs=("L", "info"))
def cholesky_ex(x: Any, upper: bool = False, check_errors: bool = False) -> Any:
    """Return the Cholesky factor, and where it does not exist the order of the first minor that is not positive."""
    result = _cholesky_ex(x, upper, check_errors)
    if check_errors:
        check_info(result[1], "linalg.cholesky_ex", NOT_POSITIVE, "GC503")
    return result


@composite("linalg", "(A: Tensor, *, upper: bool=False)", latex=r"L : A = L L^\mathsf{H}")
def cholesky(x: Any, upper: bool = False) -> Any:
    """Return the lower triangular L with A = L L^H, or the upper U with A = U^H U."""
    factor, info = _cholesky_ex(x, upper, False)
    check_info(info, "linalg.cholesky", NOT_POSITIVE, "GC503")
    return factor


def _old_cholesky_kernel(x: Array, upper: bool = False) -> Array:
    factor, info = _cholesky_kernel(x, upper)
    check_info(info, "cholesky", NOT_POSITIVE, "GC503")
    return factor


def _old_cholesky_rule(x: Any, upper: bool = False) -> Shape:
    check_square(x, "cholesky")
    check_kernel(x, "cholesky_cpu")
    return x.shape


old_cholesky = op(
    "cholesky", _old_cholesky_kernel, signature="(input: Tensor, upper: bool=False)", shape=_old_cholesky_rule,
    vjp=dict(x=lambda g, upper, out: _cholesky_backward(g, upper, out)),
)  # fmt: skip


def _inverse_backward(g: Any, factor: Any, upper: bool, out: Any) -> Any:
    middle = mm(out, g + H(g), out)
    return -mm(factor, middle) if upper else -mm(middle, factor)


def _cholesky_inverse_kernel(factor: Array, upper: bool = False) -> Array:
    half = factor.swapaxes(-1, -2).conj() if upper else factor
    info = np.zeros(half.shape[:-2], np.int32)
    zeros = np.diagonal(half, 0, -2, -1) == 0
    info[...] = np.where(zeros.any(-1), zeros.argmax(-1) + 1 if zeros.shape[-1] else 0, 0)
    text = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
    check_info(info, "cholesky_inverse", text, "GC502")
    inverse = solve_triangular(half, np.broadcast_to(np.eye(half.shape[-1], dtype=half.dtype), half.shape), False)
    return fortran(inverse.swapaxes(-1, -2).conj() @ inverse)


def _cholesky_inverse_rule(factor: Any, upper: bool = False) -> Shape:
    check_square(factor, "cholesky_inverse")
    return factor.shape


cholesky_inverse = op(
    "cholesky_inverse", _cholesky_inverse_kernel, signature="(input: Tensor, upper: bool=False)",
    shape=_cholesky_inverse_rule,
    vjp=dict(factor=lambda g, factor, upper, out: _inverse_backward(g, factor, upper, out)),
)  # fmt: skip


def lu_decompose(x: Array) -> tuple[Array, Array, Array]:
    """Return L and U in one matrix, LAPACK's 1-based pivots, and info: the first zero on U's diagonal.

    Source: Golub and Van Loan, Matrix Computations, algorithm 3.4.1, for a batch at once.
    """
    m, n = x.shape[-2:]
    lu = np.array(x).reshape(prod(x.shape[:-2]), m, n)
    size = min(m, n)
    pivots, info = np.zeros((len(lu), size), np.int32), np.zeros(len(lu), np.int32)
    batch = np.arange(len(lu))
    for j in range(size if len(lu) else 0):
        at = j + np.argmax(np.abs(lu[:, j:, j].real) + np.abs(lu[:, j:, j].imag), -1)
        pivots[:, j] = at + 1
        lu[batch, j], lu[batch, at] = lu[batch, at], lu[batch, j]
        pivot = lu[:, j, j]
        info[(pivot == 0) & (info == 0)] = j + 1
        factors = lu[:, j + 1 :, j] / np.where(pivot == 0, pivot.dtype.type(1), pivot)[:, None]
        lu[:, j + 1 :, j] = factors
        lu[:, j + 1 :, j + 1 :] -= factors[:, :, None] * lu[:, j, None, j + 1 :]
    return lu.reshape(x.shape), pivots.reshape(*x.shape[:-2], size), info.reshape(x.shape[:-2])


def permutation(pivots: Array, m: int, dtype: Any) -> Array:
    """Return the matrices P of A = P L U from 1-based pivots."""
    count = prod(pivots.shape[:-1])
    rows = np.broadcast_to(np.arange(m), (count, m)).copy()
    flat, batch = pivots.reshape(count, -1) - 1 if pivots.size else pivots, np.arange(count)
    for j in range(pivots.shape[-1]):
        rows[batch, j], rows[batch, flat[:, j]] = rows[batch, flat[:, j]], rows[batch, j]
    p = np.zeros((len(rows), m, m), dtype)
    p[batch[:, None], rows, np.arange(m)] = 1
    return p.reshape(*pivots.shape[:-1], m, m)


def _unpacked(lu: Any) -> tuple[Any, Any]:
    """Return L and U from one matrix that holds both."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    lower = tril(narrow(lu, -1, 0, k), -1) + np.eye(m, k, dtype=str(lu.dtype))
    return lower, triu(narrow(lu, -2, 0, k))


def _lu_backward(g_lower: Any, g_upper: Any, p: Any, lower: Any, upper: Any) -> Any:
    """Return A's cotangent from those of L and U, for square, wide and tall A = P L U."""
    m, n = lower.shape[-2], upper.shape[-1]
    k = min(m, n)
    top, left = narrow(lower, -2, 0, k), narrow(upper, -1, 0, k)
    g_top = None if g_lower is None else narrow(g_lower, -2, 0, k)
    g_left = None if g_upper is None else narrow(g_upper, -1, 0, k)
    below = None if g_top is None else mm(H(top), g_top)
    over = None if g_left is None else mm(g_left, H(left))
    g_right = g_bottom = None
    if n > k and g_upper is not None:
        g_right = narrow(g_upper, -1, k, n - k)
        below = total(below, -mm(g_right, H(narrow(upper, -1, k, n - k))))
    if m > k and g_lower is not None:
        g_bottom = narrow(g_lower, -2, k, m - k)
        over = total(over, -mm(H(narrow(lower, -2, k, m - k)), g_bottom))
    inside = total(None if below is None else tril(below, -1), None if over is None else triu(over))
    x = solve_triangular(H(left), solve_triangular(H(top), inside, True, True, True), False, False)
    if n > k:
        rest = np.zeros((*x.shape[:-1], n - k), str(x.dtype)) if g_right is None else (
            solve_triangular(H(top), g_right, True, True, True)
        )  # fmt: skip
        x = beside(x, rest)
    if m > k:
        rest = np.zeros((*x.shape[:-2], m - k, n), str(x.dtype)) if g_bottom is None else (
            solve_triangular(H(left), g_bottom, False, False)
        )  # fmt: skip
        x = above(x, rest)
    return mm(p, x)


def _only_pivoted(pivot: bool) -> None:
    if not pivot:
        raise NumericError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _lu_matrix(x: Any, name: str) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(x.shape)} instead")
    check_kernel(x, "lu_cpu")


def _lu_factor_rule(x: Any, *_: Any) -> tuple[Shape, Shape, Shape]:
    _lu_matrix(x, "torch.lu_factor")
    return x.shape, (*x.shape[:-2], min(x.shape[-2:])), x.shape[:-2]


def _lu_factor_kernel(x: Array, pivot: bool, check_errors: bool) -> tuple[Array, Array, Array]:
    lu, pivots, info = lu_decompose(x)
    return fortran(lu), pivots, info


def _lu_factor_backward(g: Any, lu: Any, pivots: Any) -> Any:
    lower, upper = _unpacked(lu)
    k = lower.shape[-1]
    p = permutation(views.array_of(pivots), lu.shape[-2], lu.dtype)  # type: ignore[arg-type]
    return _lu_backward(narrow(g, -1, 0, k), narrow(g, -2, 0, k), p, lower, upper)


_lu_factor_ex = op(
    "linalg_lu_factor_ex", _lu_factor_kernel, names="", signature="(A: Tensor, pivot: bool, check_errors: bool)",
    outputs=("LU", "pivots", "info"), constant=("pivots", "info"), shape=_lu_factor_rule,
    vjp=dict(x=lambda g, out: _lu_factor_backward(g[0], out[0], out[1])),
)  # fmt: skip


@composite("linalg", "(A: Tensor, *, pivot: bool=True, check_errors: bool=False)", outputs=("LU", "pivots", "info"))
def lu_factor_ex(x: Any, pivot: bool = True, check_errors: bool = False) -> Any:
    """Return L and U in one matrix, the pivots and the first zero on U's diagonal."""
    _only_pivoted(pivot)
    result = _lu_factor_ex(x, pivot, check_errors)
    if check_errors:
        check_info(result[2], "torch.linalg.lu_factor_ex", UNFACTORED, "GC502")
    return result


@composite("linalg", "(A: Tensor, *, pivot: bool=True)", outputs=("LU", "pivots"))
def lu_factor(x: Any, pivot: bool = True) -> Any:
    """Return L and U in one matrix, and the pivots, as lu_solve takes them."""
    _only_pivoted(pivot)
    lu, pivots, info = _lu_factor_ex(x, pivot, False)
    check_info(info, "torch.linalg.lu_factor", UNFACTORED, "GC502")
    return lu, pivots


@composite(
    "torch Tensor", "(A: Tensor, pivot: bool=True, get_infos: bool=False)", name="lu", outputs=("LU", "pivots", "info"),
)  # fmt: skip
def old_lu(x: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """Return what linalg.lu_factor returns, with get_infos what linalg.lu_factor_ex does."""
    return lu_factor_ex(x, pivot) if get_infos else lu_factor(x, pivot)


def _lu_shapes(x: Any, *_: Any) -> tuple[Shape, Shape, Shape]:
    _lu_matrix(x, "linalg.lu")
    *batch, m, n = x.shape
    return (*batch, m, m), (*batch, m, min(m, n)), (*batch, min(m, n), n)


def _lu_kernel(x: Array, pivot: bool = True) -> tuple[Array, ...]:
    _only_pivoted(pivot)
    lu, pivots, _ = lu_decompose(x)
    return (permutation(pivots, x.shape[-2], x.dtype), *_unpacked(lu))


lu = op(
    "linalg_lu", _lu_kernel, names="linalg.lu", signature="(A: Tensor, *, pivot: bool=True)", outputs=("P", "L", "U"),
    constant=("P",), shape=_lu_shapes, latex="A = P L U",
    vjp=dict(x=lambda g, out: None if g[1] is None is g[2] else _lu_backward(g[1], g[2], *out)),
    samples=lambda: [sample(real(3, 3)), sample(real(2, 3, 5)), sample(real(4, 3))],
)  # fmt: skip


def _unpack_kernel(lu: Array, pivots: Array, unpack_data: bool = True, unpack_pivots: bool = True) -> tuple[Array, ...]:
    none = np.empty(0, lu.dtype)
    if unpack_pivots and pivots.size and not ((pivots >= 1) & (pivots <= lu.shape[-2])).all():
        raise NumericError(
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result "
            "of "
            "lu_factor?"
        )
    p = permutation(pivots, lu.shape[-2], lu.dtype) if unpack_pivots else none
    return (p, *_unpacked(lu)) if unpack_data else (p, none, none)


def _unpack_rule(lu: Any, pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> tuple[Shape, ...]:
    if lu.ndim < 2:
        size = list(lu.shape)
        raise ShapeError(f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {size} instead")
    if unpack_pivots and str(pivots.dtype) != "int32":
        raise DtypeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this "
            "function is "
            "intended to be used with the output produced by torch.linalg.lu_factor"
        )
    *batch, m, n = lu.shape
    p = (*batch, m, m) if unpack_pivots else (0,)
    return (p, (*batch, m, min(m, n)), (*batch, min(m, n), n)) if unpack_data else (p, (0,), (0,))


def _unpack_backward(g_lower: Any, g_upper: Any, shape: Shape) -> Any:
    m, n = shape[-2:]
    lower = None if g_lower is None else padded(tril(g_lower, -1), m, n)
    return total(lower, None if g_upper is None else padded(triu(g_upper), m, n))


lu_unpack = op(
    "lu_unpack", _unpack_kernel, names="torch", outputs=("P", "L", "U"), constant=("P",), shape=_unpack_rule,
    signature="(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool=True, unpack_pivots: bool=True)",
    vjp=dict(lu=lambda g, lu_shape: _unpack_backward(g[1], g[2], lu_shape)),
)  # fmt: skip


def _qr_shapes(x: Any, mode: str = "reduced") -> tuple[Shape, Shape]:
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'",
            code="GC501",
        )
    check_matrix(x, "linalg.qr")
    check_floating(x, "linalg.qr", "geqrf_cpu")
    *batch, m, n = x.shape
    k = m if mode == "complete" else min(m, n)
    return (0,) if mode == "r" else (*batch, m, k), (*batch, k, n)


def _qr_kernel(x: Array, mode: str = "reduced") -> tuple[Array, Array]:
    if mode == "r":
        return np.empty(0, x.dtype), fortran(np.linalg.qr(x, "r"))
    q, r = np.linalg.qr(x, mode)
    return fortran(q), fortran(r)


def _half_diagonal(x: Any) -> Any:
    """Return x + x^H with the diagonal counted once."""
    return x + H(x) - diag_embed(rearrange.real(diagonal(x)))


def _qr_backward(g_q: Any, g_r: Any, q: Any, r: Any, mode: str) -> Any:
    if g_q is None and g_r is None:
        return None
    m, n = q.shape[-2] if mode != "r" else r.shape[-2], r.shape[-1]
    if mode == "r":
        raise AutogradError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to require gradients.", code="GC401",
        )  # fmt: skip
    if mode == "complete" and m > n:
        raise AutogradError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.", code="GC401"
        )
    return _tall_qr_backward(g_q, g_r, q, r) if m >= n else _wide_qr_backward(g_q, g_r, q, r)


def _tall_qr_backward(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    inside = total(None if g_r is None else mm(g_r, H(r)), None if g_q is None else -mm(H(q), g_q))
    return solve_triangular(H(r), total(mm(q, _half_diagonal(triu(inside))), g_q), False, False)


def _wide_qr_backward(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    m, n = r.shape[-2:]
    inside = total(None if g_q is None else mm(H(q), g_q), None if g_r is None else -mm(g_r, H(r)))
    skew = tril(inside - H(inside))
    skew = skew - diag_embed(diagonal(skew)) * 0.5
    inside = padded(solve_triangular(H(narrow(r, -1, 0, m)), skew, False, False), m, n)
    return mm(q, total(inside, g_r))


qr = op(
    "linalg_qr", _qr_kernel, names="linalg.qr", signature="(A: Tensor, mode: str='reduced')", outputs=("Q", "R"),
    shape=_qr_shapes, latex="A = Q R", vjp=dict(x=lambda g, mode, out: _qr_backward(g[0], g[1], *out, mode)),
    samples=lambda: [sample(real(3, 3)), sample(real(2, 4, 3)), sample(real(3, 5)),
                     ErrorSample((real(3),), "linalg.qr: The input tensor A must have at least 2 dimensions.")],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor, some: bool=True)", name="qr", outputs=("Q", "R"))
def old_qr(x: Any, some: bool = True) -> Any:
    """Return linalg.qr in mode reduced, or complete."""
    return qr(x, "reduced" if some else "complete")
