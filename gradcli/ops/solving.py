"""Linear systems: inverses, solutions and least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import rearrange, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._matrix import (
    Array,
    H,
    check_floating,
    check_info,
    check_square,
    check_system,
    column,
    dtype_and_real,
    fortran,
    infos,
    mm,
    same_batch,
    tril,
    triu,
)  # fmt: skip
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.ops.factorization import lu_decompose, lu_unpack, permutation
from gradcli.ops.triangular import solve_triangular, substitute

SINGULAR = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
UNSOLVED = "The solver failed because the input matrix is singular."
SYSTEM_SAMPLES = (
    sample(real(3, 3), real(3, 2)), sample(real(2, 3, 3), real(2, 3)), sample(real(3, 3), real(2, 3), left=False),
    ErrorSample((real(3, 3), real(4, 2)), "Incompatible shapes of A and B for the equation AX = B (3x3 and 4x2)"),
)  # fmt: skip


def _solve_exact(a: Array, b: Array) -> tuple[Array, Array]:
    """Return X with AX = B and LAPACK's info of each A; a singular A gives what division by its zero pivot gives."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    try:
        x = np.linalg.solve(a, np.broadcast_to(b, (*batch, *b.shape[-2:])))
        return fortran(x.astype(a.dtype, copy=False)), infos(a)
    except np.linalg.LinAlgError:
        lu, pivots, info = lu_decompose(a)
        return fortran(_solve_factored(lu, pivots, b)), info


def _solve_factored(lu: Array, pivots: Array, b: Array) -> Array:
    swapped = permutation(pivots, lu.shape[-1], lu.dtype).swapaxes(-1, -2) @ b
    return substitute(lu, substitute(lu, swapped, False, True), True, False)


def _inv_rule(a: Any, *_: Any) -> tuple[Shape, Shape]:
    check_square(a, "linalg.inv")
    check_floating(a, "linalg.inv")
    return a.shape, a.shape[:-2]


def _inv_kernel(a: Array) -> tuple[Array, Array]:
    try:
        return fortran(np.linalg.inv(a)), infos(a)
    except np.linalg.LinAlgError:
        return _solve_exact(a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape))


_inv_ex = op(
    "linalg_inv_ex", lambda a: _inv_kernel(a), names="", outputs=("inverse", "info"), constant=("info",),
    shape=_inv_rule,
    signature="(A: Tensor)", vjp=dict(a=lambda g, out: -mm(H(out[0]), mm(g[0], H(out[0])))),
)  # fmt: skip


@composite("linalg", "(A: Tensor, *, check_errors: bool=False)", outputs=("inverse", "info"))
def inv_ex(a: Any, check_errors: bool = False) -> Any:
    """Return the inverses, and for each singular matrix the position of the first zero pivot."""
    result = _inv_ex(a)
    if check_errors:
        check_info(result[1], "linalg.inv_ex", SINGULAR, "GC502")
    return result


@composite(
    "linalg torch.inverse Tensor.inverse linalg.inverse", "(A: Tensor)", latex="A^{-1}",
    samples=lambda: [sample(real(3, 3)), sample(real(2, 2, 2)),
                     ErrorSample((real(2, 3),), "linalg.inv: A must be batches of square matrices")],
)  # fmt: skip
def inv(a: Any) -> Any:
    """Return the inverse; a singular matrix has none."""
    inverse, info = _inv_ex(a)
    check_info(info, "linalg.inv", SINGULAR, "GC502")
    return inverse


def is_vector_system(a: Any, b: Any) -> bool:
    """Return whether b is a vector, or a batch of them that matches the batch of a."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def _solve_shapes(a: Any, b: Any, left: bool) -> tuple[Shape, Shape]:
    if a.dtype != b.dtype:
        raise DtypeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {scalar_type(a)} and B of "
            "type "
            f"{scalar_type(b)} instead"
        )
    check_floating(a, "linalg.solve")
    check_square(a, "linalg.solve")
    if is_vector_system(a, b):
        if a.shape[-1] != b.shape[-1] or not left:
            _vector_mismatch(a, b, left)
        return a.shape[:-1] if b.ndim == 1 else b.shape, a.shape[:-2]
    check_system(a, b, "linalg.solve", left)
    batch = same_batch(b.shape, a.shape)
    return (*batch, *b.shape[-2:]), batch


def _vector_mismatch(a: Any, b: Any, left: bool) -> None:
    n, equation = a.shape[-1], "AX = B" if left else "XA = B"
    raise ShapeError(
        f"linalg.solve: Incompatible shapes of A and B for the equation {equation} ({n}x{n} and {b.shape[-1]}x1)"
    )


def _solve_kernel(a: Array, b: Array, left: bool) -> tuple[Array, Array]:
    if is_vector_system(a, b):
        x, info = _solve_exact(a, np.broadcast_to(b, a.shape[:-1])[..., None])
        return _vector_layout(x), info
    batch = same_batch(a.shape, b.shape)
    if left:
        x, info = _solve_exact(a, b)
    else:
        turned, info = _solve_exact(a.swapaxes(-1, -2), b.swapaxes(-1, -2))
        x = turned.swapaxes(-1, -2)
    return x, np.array(np.broadcast_to(info, batch))


def _vector_layout(x: Array) -> Array:
    """Return the only column of solutions as vectors, in the order in which PyTorch keeps them."""
    vectors = x[..., 0]
    return fortran(vectors) if vectors.ndim > 1 else np.ascontiguousarray(vectors)


def _solve_backward(g: Any, a: Any, b: Any, x: Any, left: bool, needs: tuple[bool, ...]) -> Any:
    g_b = _solve_ex(H(a), g, left)[0]
    if not needs[0]:
        return None, g_b
    if is_vector_system(a, b):
        return -mm(column(g_b), H(column(x))), g_b
    return -mm(g_b, H(x)) if left else -mm(H(x), g_b), g_b


_solve_ex = op(
    "_linalg_solve_ex", _solve_kernel, names="", signature="(A: Tensor, B: Tensor, left: bool)",
    outputs=("result", "info"),
    constant=("info",), shape=_solve_shapes,
    vjp={"a, b": lambda g, a, b, out, left, needs: _solve_backward(g[0], a, b, out[0], left, needs)},
)  # fmt: skip


@composite("linalg", "(A: Tensor, B: Tensor, *, left: bool=True, check_errors: bool=False)", outputs=("result", "info"))
def solve_ex(a: Any, b: Any, left: bool = True, check_errors: bool = False) -> Any:
    """Return the solutions, and for each singular matrix the position of the first zero pivot."""
    result = _solve_ex(a, b, left)
    if check_errors:
        check_info(result[1], "torch.linalg.solve_ex", UNSOLVED, "GC502")
    return result


@composite("linalg", "(A: Tensor, B: Tensor, *, left: bool=True)", latex=r"X : A X = B", samples=SYSTEM_SAMPLES)
def solve(a: Any, b: Any, left: bool = True) -> Any:
    """Return X with A X = B, or with X A = B."""
    x, info = _solve_ex(a, b, left)
    check_info(info, "torch.linalg.solve", UNSOLVED, "GC502")
    return x


def _lu_solve_rule(lu: Any, pivots: Any, b: Any, left: bool = True, adjoint: bool = False) -> Shape:
    if lu.dtype != b.dtype:
        raise DtypeError(
            f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {scalar_type(lu)} and B "
            "of type "
            f"{scalar_type(b)} instead"
        )
    if str(pivots.dtype) != "int32":
        raise DtypeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    check_square(lu, "torch.linalg.lu_solve")
    check_system(lu, b, "linalg.lu_solve", left)
    if lu.shape[-1] != pivots.shape[-1]:
        raise ShapeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    return (*same_batch(b.shape, lu.shape), *b.shape[-2:])


def _lu_solve_kernel(lu: Array, pivots: Array, b: Array, left: bool = True, adjoint: bool = False) -> Array:
    if not left:
        turned = _lu_solve_left(lu, pivots, b.swapaxes(-1, -2).conj(), not adjoint)
        return fortran(turned.conj()).swapaxes(-1, -2)
    return fortran(_lu_solve_left(lu, pivots, b, adjoint))


def _lu_solve_left(lu: Array, pivots: Array, b: Array, adjoint: bool) -> Array:
    if not adjoint:
        return _solve_factored(lu, pivots, b)
    turned = lu.swapaxes(-1, -2).conj()
    x = substitute(turned, substitute(turned, b, False, False), True, True)
    return permutation(pivots, lu.shape[-1], lu.dtype) @ x


def _lu_backward(g: Any, lu: Any, pivots: Any, x: Any, left: bool, adjoint: bool) -> Any:
    """Return the cotangent of L and U in one matrix, from the triangular systems that they solve."""
    if not left:
        g, x, adjoint = H(g), H(x), not adjoint
    p, lower, upper = lu_unpack(lu, pivots)
    if adjoint:
        w = mm(H(p), x)
        g_v = solve_triangular(lower, mm(H(p), g), False, True, True)
        v = mm(H(lower), w)
        g_upper = -mm(v, H(solve_triangular(upper, g_v, True)))
        g_lower = -mm(w, H(g_v))
    else:
        g_z = solve_triangular(H(upper), g, False)
        g_upper = -mm(g_z, H(x))
        g_lower = -mm(solve_triangular(H(lower), g_z, True, True, True), H(mm(upper, x)))
    return tril(g_lower, -1) + triu(g_upper)


lu_solve = op(
    "linalg_lu_solve", _lu_solve_kernel, names="linalg.lu_solve", shape=_lu_solve_rule,
    signature="(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool=True, adjoint: bool=False)",
    vjp=dict(
        lu=lambda g, lu, pivots, out, left, adjoint: _lu_backward(g, lu, pivots, out, left, adjoint),
        b=lambda g, lu, pivots, left, adjoint: lu_solve(lu, pivots, g, left, not adjoint),
    ),
)  # fmt: skip


@composite("torch Tensor", "(b: Tensor, LU_data: Tensor, LU_pivots: Tensor)", name="lu_solve")
def old_lu_solve(b: Any, lu: Any, pivots: Any) -> Any:
    """Return linalg.lu_solve of the same matrices."""
    return lu_solve(lu, pivots, b)


def _cholesky_solve_rule(b: Any, factor: Any, upper: bool = False) -> Shape:
    if b.ndim < 2:
        raise ShapeError(f"b should have at least 2 dimensions, but has {b.ndim} dimensions instead")
    if factor.ndim < 2:
        raise ShapeError(f"u should have at least 2 dimensions, but has {factor.ndim} dimensions instead")
    check_square(factor, "cholesky_solve")
    n = factor.shape[-1]
    if n != b.shape[-2]:
        raise ShapeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {n} by {n} but each b matrix is "
            f"{b.shape[-2]} by "
            f"{b.shape[-1]}"
        )
    return (*same_batch(b.shape, factor.shape), *b.shape[-2:])


def _cholesky_solve_kernel(b: Array, factor: Array, upper: bool = False) -> Array:
    lower = factor.swapaxes(-1, -2).conj() if upper else factor
    half = substitute(lower, b, False, False)
    return fortran(substitute(lower.swapaxes(-1, -2).conj(), half, True, False))


def _cholesky_solve_backward(g: Any, factor: Any, x: Any, upper: bool) -> Any:
    g_b = cholesky_solve(g, factor, upper)
    outer = mm(g_b, H(x))
    both = -(outer + H(outer))
    return g_b, mm(factor, both) if upper else mm(both, factor)


cholesky_solve = op(
    "cholesky_solve", _cholesky_solve_kernel, signature="(B: Tensor, L: Tensor, upper: bool=False)",
    shape=_cholesky_solve_rule,
    vjp={"b, factor": lambda g, factor, out, upper: _cholesky_solve_backward(g, factor, out, upper)},
)  # fmt: skip


def _tolerances(a: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Return (atol, rtol) with PyTorch's defaults: rtol = max(m, n)·eps unless an atol is given."""
    if rtol is None:
        eps = np.finfo(str(a.dtype)).eps
        given = atol is not None and bool(np.all(np.asarray(atol) > 0))
        rtol = 0.0 if given else float(eps) * max(a.shape[-2:])
    return 0.0 if atol is None else atol, rtol


def _pinv_rule(a: Any, *_: Any) -> Shape:
    if a.ndim < 2 or not str(a.dtype).startswith(("float", "complex")) or str(a.dtype) == "float16":
        raise ShapeError(
            f"linalg.pinv({scalar_type(a)}{{{list(a.shape)}}}): expected a tensor with 2 or more dimensions of float, "
            "double, "
            "cfloat or cdouble types"
        )
    return (*a.shape[:-2], a.shape[-1], a.shape[-2])


def _pinv_kernel(a: Array, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Array:
    if a.size == 0:
        return np.empty(_pinv_rule(a), a.dtype)
    atol, rtol = (np.asarray(t)[..., None] for t in _tolerances(a, atol, rtol))
    if hermitian:
        check_square(a, "linalg.eigh")
        values, u = np.linalg.eigh(a)
        vh = u.swapaxes(-1, -2).conj()
    else:
        u, values, vh = np.linalg.svd(a, full_matrices=False)
    size = np.abs(values)
    keep = size > np.maximum(atol, rtol * size.max(-1, keepdims=True))
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0).astype(values.dtype)
    return (vh.swapaxes(-1, -2).conj() * inverse[..., None, :]) @ u.swapaxes(-1, -2).conj()


def pinv_backward(g: Any, p: Any, a: Any) -> Any:
    """Return the cotangent of A from that of its pseudo-inverse P.

    Source: Golub and Pereyra, The differentiation of pseudo-inverses (1973).
    """
    g_h, p_h = H(g), H(p)
    left, right = mm(g_h, p, p_h), mm(p_h, p, g_h)
    return left - mm(a, p, left) + right - mm(right, p, a) - mm(p_h, g, p_h)


_pinv = op(
    "linalg_pinv", _pinv_kernel, names="", shape=_pinv_rule,
    signature="(A: Tensor, atol: any, rtol: any, hermitian: bool)",
    vjp=dict(a=lambda g, a, out: pinv_backward(g, out, a)),
)  # fmt: skip
PINV = "(A: Tensor, *, atol: any?=None, rtol: any?=None, hermitian: bool=False)"


def raw_tolerance(value: Any) -> Any:
    """Return a tolerance, which may be a tensor, as raw data."""
    data = views.array_of(value) if value is not None and not isinstance(value, (int, float)) else None
    return value if data is None else data


@composite("linalg", PINV, latex="A^{+}", samples=lambda: [sample(real(3, 2)), sample(real(2, 2, 3))])
def pinv(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """Return the Moore-Penrose inverse; singular values at most max(atol, rtol·largest) count as zero."""
    return _pinv(a, raw_tolerance(atol), raw_tolerance(rtol), hermitian)


@composite("linalg torch.pinverse Tensor.pinverse", "(A: Tensor, rcond: any=1e-15, hermitian: bool=False)", name="pinv")
def pinverse(a: Any, rcond: Any = 1e-15, hermitian: bool = False) -> Any:
    """Return the Moore-Penrose inverse; singular values at most rcond·largest count as zero."""
    return _pinv(a, 0.0, raw_tolerance(rcond), hermitian)


def _lstsq_shapes(a: Any, b: Any, rcond: Any = None, driver: Any = None) -> tuple[Shape, ...]:
    m, n = a.shape[-2:]
    vector = is_vector_least(a, b)
    batch = same_batch(a.shape, (*b.shape, 1) if vector else b.shape)
    columns = () if vector else b.shape[-1:]
    squares = m > n and driver in ("gels", "gelsd", "gelss")
    return (
        (*batch, n, *columns),
        (*batch, *(columns or (1,))) if squares else (0,),
        (0,) if driver == "gels" else a.shape[:-2],
        (*a.shape[:-2], min(m, n)) if driver in ("gelsd", "gelss") else (0,),
    )


def is_vector_least(a: Any, b: Any) -> bool:
    """Return whether the right-hand side of a least-squares problem is a batch of vectors."""
    return a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]


def _check_lstsq(a: Any, b: Any, driver: Any) -> None:
    name = "torch.linalg.lstsq"
    if a.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise ShapeError(f"{name}: other must have at least 1 dimension.")
    if a.dtype != b.dtype:
        raise DtypeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {scalar_type(a)} and "
            "other's dtype "
            f"{scalar_type(b)}"
        )
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ShapeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)", code="GC501")
    rows = b.shape[-1] if is_vector_least(a, b) else b.shape[-2] if b.ndim > 1 else None
    if a.shape[-2] != rows:
        dims = "-1" if rows is None or is_vector_least(a, b) else "-2"
        raise ShapeError(f"{name}: input.size(-2) should match other.size({dims})")


def _lstsq_kernel(a: Array, b: Array, rcond: Any = None, driver: Any = None) -> tuple[Array, ...]:
    shapes = _lstsq_shapes(a, b, rcond, driver)
    m, n = a.shape[-2:]
    vector = is_vector_least(a, b)
    right = b[..., None] if vector else b
    u, values, vh = np.linalg.svd(a, full_matrices=False)
    cut = float(np.finfo(a.dtype).eps) * max(m, n) if rcond is None else rcond
    keep = values > cut * values.max(-1, keepdims=True, initial=0)
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0).astype(values.dtype)
    solution = (vh.swapaxes(-1, -2).conj() * inverse[..., None, :]) @ (u.swapaxes(-1, -2).conj() @ right)
    rank = keep.sum(-1)
    empty = np.empty(0, values.dtype)
    error = a @ solution - right
    squares = (error * error.conj()).real.sum(-2)
    residuals = squares if shapes[1] != (0,) and (driver == "gels" or (rank == n).all()) else empty
    return (
        _in_wide_memory(solution, max(m, n), vector),
        residuals,
        np.empty(0, np.int64) if driver == "gels" else np.asarray(rank, np.int64),
        values if driver in ("gelsd", "gelss") else empty,
    )


def _in_wide_memory(x: Array, rows: int, vector: bool) -> Array:
    """Return the solutions as the first rows of LAPACK's right-hand sides, whose memory they share."""
    memory = np.zeros((*x.shape[:-2], x.shape[-1], rows), x.dtype)
    memory[..., : x.shape[-2]] = x.swapaxes(-1, -2)
    wide = memory.swapaxes(-1, -2)[..., : x.shape[-2], :]
    return wide[..., 0] if vector else wide


def _lstsq_backward(g: Any, a: Any, b: Any, x: Any, needs: tuple[bool, ...]) -> Any:
    vector = is_vector_least(a, b)
    g_x, g_squares = g[0], g[1]
    if vector:
        b, x = column(b), column(x)
        g_x = None if g_x is None else column(g_x)
    g_a = g_b = None
    p = _pinv(a, None, None, False)
    if g_x is not None:
        g_b = mm(H(p), g_x)
        g_a = pinv_backward(mm(g_x, H(b)), p, a) if needs[0] else None
    if g_squares is not None and g_squares.shape != (0,):
        error = (mm(a, x) - b) * rearrange.unsqueeze(g_squares, -2) * 2
        g_b = -error if g_b is None else g_b - error
        g_a = mm(error, H(x)) if g_a is None else g_a + mm(error, H(x))
    return g_a, rearrange.squeeze_dim(g_b, -1) if vector and g_b is not None else g_b


_lstsq = op(
    "linalg_lstsq", _lstsq_kernel, names="", signature="(A: Tensor, B: Tensor, rcond: any, driver: any)",
    shape=_lstsq_shapes, dtype=lambda a, *_: (*dtype_and_real(a), "int64", dtype_and_real(a)[1]),
    outputs=("solution", "residuals", "rank", "singular_values"), constant=("rank", "singular_values"),
    vjp={"a, b": lambda g, a, b, out, needs: _lstsq_backward(g, a, b, out[0], needs)},
)  # fmt: skip


@composite("linalg", "(A: Tensor, B: Tensor, rcond: float?=None, *, driver: str?=None)",
    outputs=("solution", "residuals", "rank", "singular_values"), latex=r"\arg\min_X \lVert A X - B \rVert",
    samples=lambda: [sample(real(4, 2), real(4, 3)), sample(real(2, 4, 2), real(2, 4))],
)  # fmt: skip
def lstsq(a: Any, b: Any, rcond: Any = None, driver: Any = None) -> Any:
    """Return the X of least norm that makes A X nearest to B, the squared errors, the rank and the singular values."""
    _check_lstsq(a, b, driver)
    return _lstsq(a, b, rcond, driver)
