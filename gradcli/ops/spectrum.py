"""Spectra: singular values and eigenvalues, with their vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import AutogradError, DtypeError, NumericError, ShapeError
from gradcli.ops import rearrange, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._matrix import (
    Array,
    H,
    check_floating,
    check_kernel,
    check_matrix,
    check_square,
    column,
    diag_embed,
    diagonal,
    dtype_and_real,
    fortran,
    is_complex,
    mm,
    narrow,
    row,
    total,
)  # fmt: skip
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample

UNCONVERGED = (
    "{}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
    "{}values (error "
    "code: {})."
)
SMALL = 64
PHASE = (
    "{}_backward: The {} in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss "
    "function "
    "depends on this {}, making it ill-defined."
)


def _differences(x: Any) -> Any:
    """Return x[j] − x[i] as matrices, with ones on the diagonal."""
    return row(x) - column(x) + np.eye(x.shape[-1], dtype=str(x.dtype))


def _check_phase(text: str, *imaginary: Any) -> None:
    """Raise AutogradError where the loss depends on the phases of complex vectors."""
    terms = [views.array_of(part) for part in imaginary if part is not None]
    if not np.allclose(sum(np.imag(t) for t in terms), 0, rtol=1e-2, atol=1e-2):  # type: ignore[arg-type]
        raise AutogradError(text, code="GC401")


def _svd_shapes(x: Any, full: bool, vectors: bool, driver: Any) -> tuple[Shape, Shape, Shape]:
    check_matrix(x, "linalg.svd")
    check_floating(x, "linalg.svd", "linalg_svd_cpu")
    if driver is not None:
        raise ShapeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.",
            code="GC501",
        )
    *batch, m, n = x.shape
    k = min(m, n)
    return (*batch, m, m if full else k), (*batch, k), (*batch, n if full else k, n)


def _wide_svd(x: Array, full: bool) -> tuple[Array, Array, Array] | None:
    """Return the factors of wide matrices with the signs of PyTorch's LAPACK, None where they are rank-deficient.

    MKL makes a wide matrix bidiagonal as it is,
    where OpenBLAS begins with an LQ factorization; rows of zeros prevent that.
    """
    m, n = x.shape[-2:]
    rows = 6 * (n + 1) // 11 + 1
    tall = np.concatenate([x, np.zeros((*x.shape[:-2], rows - m, n), x.dtype)], -2)
    u, s, vh = np.linalg.svd(tall, full_matrices=full)
    if (s[..., m - 1] <= s[..., 0] * n * np.finfo(s.dtype).eps).any():
        return None
    return u[..., :m, :m], s[..., :m].copy(), vh if full else vh[..., :m, :]


def _svd_kernel(x: Array, full: bool, vectors: bool, driver: Any) -> tuple[Array, Array, Array]:
    m, n = x.shape[-2:]
    try:
        wide = vectors and x.size and x.dtype.kind == "f" and 11 * m // 6 <= n <= SMALL and m > 1 and n > 3
        found = _wide_svd(x, full) if wide else None
        u, s, vh = found or np.linalg.svd(x, full_matrices=full)
    except np.linalg.LinAlgError:
        raise NumericError(UNCONVERGED.format("linalg.svd", "singular ", x.shape[-1]), code="GC504") from None
    return fortran(u), s, fortran(vh)


def _svd_backward(g: Any, u: Any, s: Any, vh: Any) -> Any:
    """Return A's cotangent from those of U, S and V^H, of which some may be None."""
    k = s.shape[-1]
    g_u = None if g[0] is None else narrow(g[0], -1, 0, k)
    g_vh = None if g[2] is None else narrow(g[2], -2, 0, k)
    u, vh = narrow(u, -1, 0, k), narrow(vh, -2, 0, k)
    m, n = u.shape[-2], vh.shape[-1]
    if g_u is None and g_vh is None:
        return None if g[1] is None else mm(u * row(g[1]), vh) if m >= n else mm(u, column(g[1]) * vh)
    left = None if g_u is None else _skew(mm(H(u), g_u))
    right = None if g_vh is None else _skew(mm(vh, H(g_vh)))
    gaps = _differences(s * s)
    middle = total(
        None if left is None else left / gaps * row(s), None if right is None else column(s) * (right / gaps)
    )
    if is_complex(u):
        _check_phase(PHASE.format("svd", "singular vectors", "phase term"), *(
            None if part is None else diagonal(part) for part in (left, right)
        ))  # fmt: skip
        if left is not None:
            middle = middle + diag_embed(diagonal(left) / (s * 2))
    if g[1] is not None:
        middle = middle + diag_embed(g[1])
    return _unrotated(middle, u, s, vh, g_u if m > k else None, g_vh if n > k else None)


def _skew(x: Any) -> Any:
    return x - H(x)


def _unrotated(middle: Any, u: Any, s: Any, vh: Any, g_u: Any, g_vh: Any) -> Any:
    """Return U middle V^H and what the vectors' cotangents have outside the spaces of U and V."""
    if g_u is not None:
        scaled = g_u / row(s)
        return mm(mm(u, middle) + scaled - mm(u, mm(H(u), scaled)), vh)
    if g_vh is not None:
        scaled = g_vh / column(s)
        return mm(u, mm(middle, vh) + scaled - mm(mm(scaled, H(vh)), vh))
    return mm(u, middle, vh)


_svd = op(
    "_linalg_svd", _svd_kernel, names="", outputs=("U", "S", "Vh"), shape=_svd_shapes,
    signature="(A: Tensor, full_matrices: bool, compute_uv: bool, driver: any)",
    dtype=lambda x, *_: (*dtype_and_real(x), dtype_name(x)),
    vjp=dict(x=lambda g, out: _svd_backward(g, *out)),
)  # fmt: skip


@composite("linalg", "(A: Tensor, full_matrices: bool=True, *, driver: str?=None)", outputs=("U", "S", "Vh"),
    latex=r"A = U \operatorname{diag}(S) V^\mathsf{H}",
    samples=lambda: [sample(real(3, 3), False), sample(real(2, 4, 3), False), sample(real(3, 5), False)],
)  # fmt: skip
def svd(x: Any, full_matrices: bool = True, driver: Any = None) -> Any:
    """Return U, the singular values in descending order, and V^H."""
    return _svd(x, full_matrices, True, driver)


@composite("linalg", "(A: Tensor, *, driver: str?=None)", samples=lambda: [sample(real(3, 3)), sample(real(2, 4, 3))])
def svdvals(x: Any, driver: Any = None) -> Any:
    """Return the singular values, in descending order."""
    return _svd(x, False, False, driver)[1]


@composite(
    "torch Tensor", "(input: Tensor, some: bool=True, compute_uv: bool=True)", name="svd", outputs=("U", "S", "V"),
)  # fmt: skip
def old_svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """Return U, the singular values and V (zeros for U and V without compute_uv)."""
    if x.ndim < 2:
        raise ShapeError(f"linalg.svd: input should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    u, s, vh = _svd(x, compute_uv and not some, compute_uv, None)
    if compute_uv:
        return u, s, H(vh)
    *batch, m, n = x.shape
    dtype = str(x.dtype)
    return np.zeros((*batch, m, m), dtype), s, fortran(np.zeros((*batch, n, n), dtype))


def _eigen_backward(g_values: Any, g_vectors: Any, values: Any, vectors: Any, hermitian: bool) -> Any:
    """Return A's cotangent from those of its eigenvalues and eigenvectors.

    Source: Boeddeker et al., On the computation of complex-valued gradients (2019), and Giles (2008).
    """
    if g_values is None and g_vectors is None:
        return None
    if g_vectors is None:
        middle = row(g_values)
        return mm(vectors * middle, H(vectors)) if hermitian else _conjugated(vectors, diag_embed(g_values))
    inside = mm(H(vectors), g_vectors)
    if is_complex(vectors):
        name, which = ("linalg_eigh", "eigenvectors") if hermitian else ("linalg_eig", "eigenvectors")
        _check_phase(PHASE.format(name, which, "phase term"), diagonal(inside))
    if hermitian:
        inside = (inside - H(inside)) * 0.5
    else:
        inside = inside - mm(H(vectors), vectors * row(rearrange.real(diagonal(inside))))
    inside = inside / rearrange.conj(_differences(values))
    inside = inside - diag_embed(diagonal(inside))
    if g_values is not None:
        inside = inside + diag_embed(g_values)
    return mm(vectors, inside, H(vectors)) if hermitian else _conjugated(vectors, inside)


def _conjugated(vectors: Any, inside: Any) -> Any:
    """Return V^-H inside V^H."""
    from gradcli.ops.solving import solve

    return solve(H(vectors), mm(inside, H(vectors)))


def _eigh_shapes(x: Any, uplo: str, vectors: bool) -> tuple[Shape, Shape]:
    check_square(x, "linalg.eigh")
    check_kernel(x, "linalg_eigh_cpu")
    if uplo.upper() not in ("L", "U"):
        raise ShapeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}", code="GC501")
    return x.shape[:-1], x.shape


def _eigh_kernel(x: Array, uplo: str, vectors: bool) -> tuple[Array, Array]:
    try:
        values, found = np.linalg.eigh(x, uplo.upper())
    except np.linalg.LinAlgError:
        raise NumericError(UNCONVERGED.format("linalg.eigh", "eigen", x.shape[-1]), code="GC504") from None
    return values, fortran(found)


_eigh = op(
    "_linalg_eigh", _eigh_kernel, names="", outputs=("eigenvalues", "eigenvectors"), shape=_eigh_shapes,
    signature="(A: Tensor, UPLO: str, compute_v: bool)", dtype=lambda x, *_: dtype_and_real(x)[::-1],
    vjp=dict(x=lambda g, out: _eigen_backward(g[0], g[1], out[0], out[1], True)),
)  # fmt: skip


@composite("linalg", "(A: Tensor, UPLO: str='L')", outputs=("eigenvalues", "eigenvectors"),
    latex=r"A = Q \operatorname{diag}(\Lambda) Q^\mathsf{H}",
    samples=lambda: [ErrorSample((real(2, 3),), "linalg.eigh: A must be batches of square matrices")],
)  # fmt: skip
def eigh(x: Any, uplo: str = "L") -> Any:
    """Return the eigenvalues of Hermitian matrices in ascending order, and their eigenvectors; one triangle is read."""
    return _eigh(x, uplo, True)


@composite("linalg", "(A: Tensor, UPLO: str='L')")
def eigvalsh(x: Any, uplo: str = "L") -> Any:
    """Return the eigenvalues of Hermitian matrices in ascending order; one triangle is read."""
    return _eigh(x, uplo, False)[0]


def _eig_shapes(x: Any, *_: Any) -> tuple[Shape, Shape]:
    check_square(x, "linalg.eig")
    _check_eig_dtype(x)
    return x.shape[:-1], x.shape


def _check_eig_dtype(x: Any) -> None:
    if not str(x.dtype).startswith(("float", "complex")):
        raise DtypeError(f"Unknown Complex ScalarType for {scalar_type(x)}")
    check_kernel(x, "linalg_eig_out_cpu")


def _complex_dtype(x: Any, *_: Any) -> str:
    return "complex64" if str(x.dtype) in ("float32", "complex64") else "complex128"


def _eig_kernel(x: Array) -> tuple[Array, Array]:
    if not np.isfinite(x).all():
        raise NumericError("torch.linalg.eig: input tensor should not contain infs or NaNs.", code="GC504")
    try:
        values, vectors = np.linalg.eig(x)
    except np.linalg.LinAlgError:
        raise NumericError(UNCONVERGED.format("linalg.eig", "eigen", x.shape[-1]), code="GC504") from None
    return values.astype(_complex_dtype(x)), fortran(vectors.astype(_complex_dtype(x)))


eig = op(
    "linalg_eig", _eig_kernel, names="linalg.eig", outputs=("eigenvalues", "eigenvectors"), shape=_eig_shapes,
    signature="(A: Tensor)", dtype=_complex_dtype, latex=r"A = V \operatorname{diag}(\Lambda) V^{-1}",
    vjp=dict(x=lambda g, out: _eigen_backward(g[0], g[1], out[0], out[1], False)),
)  # fmt: skip


@composite("linalg", "(A: Tensor)")
def eigvals(x: Any) -> Any:
    """Return the eigenvalues, as complex numbers."""
    check_square(x, "linalg.eigvals")
    return eig(x)[0]
