"""Linear algebra in one number or one matrix: determinants, norms, powers and the exponential."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import indexing, joining, norm, product, rearrange, reduction, rounding, scan, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, broadcast_shapes, normalize_dim
from gradcli.ops._matrix import (
    Array,
    H,
    check_floating,
    check_info,
    check_matrix,
    check_square,
    column,
    dtype_and_real,
    is_complex,
    mm,
    narrow,
)  # fmt: skip
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.ops.solving import SINGULAR, _inv_ex, _tolerances, inv, raw_tolerance, solve
from gradcli.ops.spectrum import eigvalsh, svdvals


def _adjugate(x: Array) -> Array:
    """Return the transposed cofactors, which exist for singular matrices too."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.stack([np.delete(s, i, -1).prod(-1) for i in range(n)], -1) if n else s
    sign = np.linalg.det(u) * np.linalg.det(vh)
    turned = (vh.swapaxes(-1, -2).conj() * others[..., None, :]) @ u.swapaxes(-1, -2).conj()
    return (turned * sign[..., None, None]).astype(x.dtype)


def _det_backward(g: Any, x: Any, det: Any) -> Any:
    """Return A's cotangent; that of a singular matrix comes from its cofactors."""
    scale = column(column(g * rearrange.conj(det)))
    data = views.array_of(det)
    if data is not None and not (data != 0).all():
        raw = views.array_of(x)
        return column(column(g)) * _adjugate(raw).conj().swapaxes(-1, -2)  # type: ignore[arg-type]
    identity = np.broadcast_to(np.eye(x.shape[-1], dtype=str(x.dtype)), x.shape)
    return solve(H(x), identity) * scale


def _det_rule(x: Any) -> Shape:
    check_square(x, "linalg.det")
    check_floating(x, "linalg.det", "lu_cpu")
    return x.shape[:-2]


_det = op(
    "_linalg_det", lambda x: np.asarray(np.linalg.det(x), x.dtype), names="linalg.det torch.det Tensor.det",
    signature="(A: Tensor)", shape=_det_rule, latex=r"\det A", vjp=dict(x=lambda g, x, out: _det_backward(g, x, out)),
    samples=lambda: [sample(real(3, 3)), sample(real(2, 2, 2)),
                     ErrorSample((real(2, 3),), "linalg.det: A must be batches of square matrices")],
)  # fmt: skip


def _slogdet_rule(x: Any, name: str = "linalg.slogdet") -> tuple[Shape, Shape]:
    check_square(x, name)
    check_floating(x, name)
    return x.shape[:-2], x.shape[:-2]


def _slogdet_backward(g: Any, x: Any, sign: Any) -> Any:
    g_sign, scale = g
    if is_complex(x):
        turn = None if g_sign is None else rearrange.imag(rearrange.conj(g_sign) * sign) * -1j
        scale = turn if scale is None else scale if turn is None else scale + turn
    if scale is None:
        return None
    identity = np.broadcast_to(np.eye(x.shape[-1], dtype=str(x.dtype)), x.shape)
    return solve(H(x), identity) * column(column(scale))


def _slogdet_kernel(x: Array) -> tuple[Array, Array]:
    sign, size = np.linalg.slogdet(x)
    return np.asarray(sign, x.dtype), np.asarray(size)


slogdet = op(
    "_linalg_slogdet", _slogdet_kernel, names="linalg.slogdet torch.slogdet Tensor.slogdet", signature="(A: Tensor)",
    outputs=("sign", "logabsdet"), shape=_slogdet_rule, dtype=dtype_and_real,
    vjp=dict(x=lambda g, x, out: _slogdet_backward(g, x, out[0])),
    samples=lambda: [sample(real(3, 3))],
)  # fmt: skip


@composite("torch Tensor", "(A: Tensor)", latex=r"\log \det A", samples=lambda: [
    ErrorSample((real(2, 3),), "logdet: A must be batches of square matrices"),
])  # fmt: skip
def logdet(x: Any) -> Any:
    """Return the logarithm of the determinant: -inf for 0, nan for a negative one."""
    _slogdet_rule(x, "logdet")
    sign, size = slogdet(x)
    if is_complex(x):
        from gradcli.ops import exponential

        return exponential.log(sign) + size
    return indexing.where(sign == -1, float("nan"), size)


def _cross_rule(x: Any, y: Any, dim: int = -1) -> Shape:
    if x.ndim != y.ndim:
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    at = normalize_dim(dim, x.ndim)
    if x.shape[at] != 3 or y.shape[at] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {x.shape[at]} and {y.shape[at]}"
        )
    shape = broadcast_shapes(x.shape, y.shape)
    if x.dtype != y.dtype:
        raise DtypeError(f"expected scalar type {scalar_type(x)} but found {scalar_type(y)}")
    product.no_bool("cross", x)
    return shape


def _cross_kernel(x: Array, y: Array, dim: int = -1) -> Array:
    a, b = np.moveaxis(np.asarray(x), dim, 0), np.moveaxis(np.asarray(y), dim, 0)
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return np.ascontiguousarray(np.stack(parts, dim))


cross = op(
    "linalg_cross", _cross_kernel, names="linalg.cross", signature="(input: Tensor, other: Tensor, *, dim: int=-1)",
    shape=_cross_rule, latex=r"x \times y",
    vjp=dict(x=lambda g, y, dim: cross(rearrange.conj(y), g, dim), y=lambda g, x,
        dim: cross(g, rearrange.conj(x), dim)),
    samples=lambda: [sample(real(2, 3), real(2, 3)), sample(real(3, 1), real(3, 2), dim=0)],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor, other: Tensor, dim: int?=None)", name="cross")
def old_cross(x: Any, y: Any, dim: Any = None) -> Any:
    """Return linalg.cross along a dimension, by default the first of size 3."""
    if dim is None:
        dim = next((d for d, n in enumerate(x.shape) if n == 3), None)
        if dim is None:
            raise ShapeError("no dimension of size 3 in input")
    return cross(x, y, dim)


@composite("linalg", "(x: Tensor, y: Tensor, *, dim: int=-1)", samples=lambda: [
    sample(real(2, 3), real(2, 3)), sample(real(3), real(3)), sample(real(2, 3), real(2, 1), dim=0),
])  # fmt: skip
def vecdot(x: Any, y: Any, dim: int = -1) -> Any:
    """Return the sum of x̄·y along a dimension."""
    if x.dtype != y.dtype:
        raise DtypeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_type(x)} and y of "
            "type "
            f"{scalar_type(y)} instead"
        )
    if not str(x.dtype).startswith(("float", "complex")):
        check_floating(x, "linalg.vecdot")
    if x.ndim == 1 and y.ndim == 1:
        return product.vdot(x, y)
    return reduction.sum_(rearrange.conj(x) * y, dim)


@composite("linalg", "(input: Tensor, other: Tensor)", name="matmul")
def linalg_matmul(x: Any, y: Any) -> Any:
    """Return torch.matmul of the same tensors."""
    return product.matmul(x, y)


def _backshift(dims: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Return the order of dimensions that moves these to the end."""
    return (*(d for d in range(ndim) if d not in dims), *dims)


def _norm_dims(x: Any, dim: Any) -> tuple[int, int]:
    if len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    a, b = (normalize_dim(d, x.ndim) for d in dim)
    if a == b:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({', '.join(map(str, dim))})")
    return a, b


def _converted(x: Any, dtype: str | None, name: str) -> Any:
    from gradcli.ops import creation

    if dtype is not None and not dtype.startswith(("float", "complex")):
        raise DtypeError(f"{name}: dtype should be floating point or complex, but got {scalar_type_of(dtype)}")
    return x if dtype is None else creation.to_dtype(x, dtype)


def scalar_type_of(dtype: str) -> str:
    """Return a dtype as `Int`, `Double`."""
    return scalar_type(np.empty(0, dtype))


@composite(
    "linalg", "(A: Tensor, ord: any='fro', dim: int[]=(-2, -1), keepdim: bool=False, *, dtype: dtype?=None)",
    latex=r"\lVert A \rVert", samples=lambda: [
        sample(real(3, 2)), sample(real(2, 3, 2), "nuc"), sample(real(3, 2), 2), sample(real(3, 2), 1),
        sample(real(3, 2), -inf),
    ],
)  # fmt: skip
def matrix_norm(x: Any, order: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the norm of matrices: 'fro', 'nuc', or a p-norm with p = ±1, ±2, ±inf."""
    check_matrix(x, "linalg.matrix_norm")
    if dtype is None and not str(x.dtype).startswith(("float", "complex")):
        check_floating(x, "linalg.matrix_norm")
    if order not in ("fro", "nuc", 1, -1, 2, -2, inf, -inf):
        raise ShapeError(f"linalg.matrix_norm: Order {_shown(order)} not supported.", code="GC501")
    rows, columns = _norm_dims(x, dim)
    x = _converted(x, dtype, "linalg.matrix_norm")
    if order == "fro":
        return norm.vector_norm(x, 2, (rows, columns), keepdim)
    if order in ("nuc", 2, -2):
        return _spectral_norm(x, order, (rows, columns), keepdim)
    inner, outer = (rows, columns) if abs(order) == 1 else (columns, rows)
    if not keepdim and inner < outer:
        outer -= 1
    lengths = norm.vector_norm(x, 1, (inner,), keepdim)
    return (reduction.amax if order > 0 else reduction.amin)(lengths, (outer,), keepdim)


def _shown(order: Any) -> str:
    return f"{order:g}" if isinstance(order, (int, float)) else str(order)


def _spectral_norm(x: Any, order: Any, dims: tuple[int, int], keepdim: bool) -> Any:
    shift = _backshift(dims, x.ndim)
    values = svdvals(rearrange.permute(x, shift))
    if order == "nuc":
        result = reduction.sum_(values, -1, keepdim)
    else:
        result = (reduction.amax if order > 0 else reduction.amin)(values, (-1,), keepdim)
    if keepdim:
        result = rearrange.permute(rearrange.unsqueeze(result, -1), tuple(shift.index(d) for d in range(x.ndim)))
    return result


@composite("linalg", "(A: Tensor, ord: any?=None, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)",
    name="norm",
    samples=lambda: [sample(real(2, 3)), sample(real(2, 3), 2), sample(real(3), 3), sample(real(2, 3), 1, 1)],
)  # fmt: skip
def linalg_norm(x: Any, order: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the norm of a vector or a matrix; without an order, the 2-norm of all elements."""
    if dim is not None and len(dim) not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if order is not None and dim is None and x.ndim not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {x.ndim}D.")
    if isinstance(order, str):
        return matrix_norm(x, order, (-2, -1) if dim is None else dim, keepdim, dtype)
    if order is not None and ((dim is not None and len(dim) == 2) or (dim is None and x.ndim == 2)):
        return matrix_norm(x, order, (0, 1) if dim is None else dim, keepdim, dtype)
    return norm.vector_norm(x, 2 if order is None else order, dim, keepdim, dtype)


@composite("linalg", "(A: Tensor, p: any?=None)", samples=lambda: [sample(real(3, 3)), sample(real(3, 3), "fro")])
def cond(x: Any, p: Any = None) -> Any:
    """Return the condition number: the norm of A times that of its inverse."""
    if x.ndim < 2:
        raise ShapeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p not in (None, "fro", "nuc", 1, -1, 2, -2, inf, -inf):
        raise ShapeError(f"linalg.cond got an invalid norm type: {_shown(p)}", code="GC501")
    if prod(x.shape) == 0:
        return np.zeros(x.shape[:-2], str(x.dtype))
    if p in (None, 2, -2):
        values = svdvals(x)
        last = values.shape[-1] - 1
        large, small = _nth(values, 0), _nth(values, last)
        return rearrange.squeeze_dim(small / large if p == -2 else large / small, -1)
    check_square(x, f"linalg.cond(ord={_shown(p)})")
    if p == "nuc":
        values = svdvals(x)
        return reduction.sum_(values, -1) * reduction.sum_(_reciprocal(values), -1)
    return _cond_by_inverse(x, p)


def _nth(values: Any, at: int) -> Any:
    from gradcli.ops import slicing

    return slicing.slice_(values, -1, at, at + 1)


def _reciprocal(x: Any) -> Any:
    from gradcli.ops import arithmetic

    return arithmetic.reciprocal(x)


def _cond_by_inverse(x: Any, p: Any) -> Any:
    inverse, info = _inv_ex(x)
    data = views.array_of(info)
    singular = np.zeros(x.shape[:-2], bool) if data is None else data > 0
    inverse = indexing.masked_fill(inverse, singular[..., None, None], inf)
    return rounding.nan_to_num(matrix_norm(x, p) * matrix_norm(inverse, p), inf, inf, -inf)


def _rank(x: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    from gradcli.ops import comparison, magnitude

    if x.ndim < 2:
        raise ShapeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if str(x.dtype) not in ("float32", "float64", "complex64", "complex128"):
        raise DtypeError("This function doesn't handle types other than float and double")
    if prod(x.shape) == 0:
        return np.zeros(x.shape[:-2], np.int64)
    sizes = magnitude.abs_(eigvalsh(x)) if hermitian else svdvals(x)
    bounds = _tolerances(x, raw_tolerance(atol), raw_tolerance(rtol))
    atol, rtol = (np.asarray(bound, str(sizes.dtype))[..., None] for bound in bounds)
    bound = np.maximum(atol, rtol * views.array_of(sizes).max(-1, keepdims=True))  # type: ignore[union-attr]
    return reduction.sum_(comparison.gt(sizes, bound), -1)


@composite("linalg", "(A: Tensor, *, atol: any?=None, rtol: any?=None, hermitian: bool=False)")
def matrix_rank(x: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """Return how many singular values exceed max(atol, rtol·largest)."""
    return _rank(x, atol, rtol, hermitian)


@composite("linalg", "(A: Tensor, tol: any, hermitian: bool=False)", name="matrix_rank")
def matrix_rank_tol(x: Any, tol: Any, hermitian: bool = False) -> Any:
    """Return how many singular values exceed tol."""
    return _rank(x, tol, 0.0, hermitian)


_overwrite = op(
    "copy_", lambda x, value: np.ascontiguousarray(np.broadcast_to(value, x.shape)), names="", grad_fn="CopyBackwards",
    signature="(input: Tensor, value: Tensor)", shape=lambda x, value: x.shape,
    vjp=dict(x=lambda g: g * 0, value=lambda g: g),
)  # fmt: skip


@composite("linalg torch Tensor", "(A: Tensor, n: int)", latex="A^n", samples=lambda: [
    sample(real(3, 3), 3), sample(real(2, 2, 2), 5), sample(real(3, 3), -2), sample(real(3, 3), 0),
    ErrorSample((real(2, 3), 2), "linalg.matrix_power: A must be batches of square matrices"),
])  # fmt: skip
def matrix_power(x: Any, n: int) -> Any:
    """Return the n-th power of square matrices; the inverse's where n is negative."""
    check_square(x, "linalg.matrix_power")
    if n == 0:
        return _overwrite(views.clone_contiguous(x), np.eye(x.shape[-1], dtype=str(x.dtype)))
    if n < 0:
        x, n = inv(x), -n
        if n == 1:
            return x
    if n == 1:
        return rearrange.clone(x)
    if n == 3:
        return mm(x, x, x)
    result, square = None, x
    while True:
        if n % 2:
            result = square if result is None else mm(result, square)
        n //= 2
        if not n:
            return result
        square = mm(square, square)


_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0,
         670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0)  # fmt: skip
_PADE_RADIUS = 5.371920351148152


def _exp_kernel(x: Array) -> Array:
    """Return matrix exponentials by scaling and squaring.

    Source: Higham, The scaling and squaring method for the matrix exponential revisited (2005),
    with the Padé approximant of
    degree 13.
    """
    if x.size == 0:
        return x.copy()
    single = x.dtype == np.float16
    a = np.asarray(x, np.float32 if single else x.dtype)
    size = np.abs(a).sum(-2).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = np.ceil(np.log2(size / _PADE_RADIUS))
    turns = np.where(np.isfinite(turns), np.maximum(turns, 0), 0).astype(int)
    a = a / (2.0**turns).astype(size.dtype)[..., None, None]
    b, eye = _PADE, np.eye(x.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    u = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    result = np.linalg.solve((v - u).astype(a.dtype), (v + u).astype(a.dtype))
    for turn in range(int(turns.max(initial=0))):
        result = np.where((turns > turn)[..., None, None], result @ result, result)
    return np.ascontiguousarray(result).astype(x.dtype)


def _exp_rule(x: Any) -> Shape:
    check_square(x, "linalg.matrix_exp")
    if not str(x.dtype).startswith(("float", "complex")):
        check_floating(x, "linalg.matrix_exp")
    return x.shape  # type: ignore[no-any-return]


def _exp_backward(g: Any, x: Any) -> Any:
    """Return the cotangent as the upper right block of the exponential of [[A^H, g], [0, A^H]]."""
    n, a = x.shape[-1], H(x)
    zeros = np.zeros(x.shape, str(x.dtype))
    block = joining.cat((joining.cat((a, g), -1), joining.cat((zeros, a), -1)), -2)
    return narrow(narrow(matrix_exp(block), -2, 0, n), -1, n, n)


matrix_exp = op(
    "linalg_matrix_exp", _exp_kernel, names="linalg.matrix_exp torch.matrix_exp Tensor.matrix_exp",
    signature="(A: Tensor)",
    shape=_exp_rule, latex="e^A", vjp=dict(x=lambda g, x: _exp_backward(g, x)),
    samples=lambda: [sample(real(3, 3)), sample(real(2, 2, 2))],
)  # fmt: skip


@composite("linalg", "(A: Tensor, ind: int=2)", samples=lambda: [sample(real(4, 2, 2), 1)])
def tensorinv(x: Any, ind: int = 2) -> Any:
    """Return the inverse of a tensor as a map from its last dimensions to its first `ind`."""
    if ind <= 0:
        raise ShapeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = x.shape[:ind], x.shape[ind:]
    if prod(first) != prod(last):
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{prod(last)} != {prod(first)}"
        )
    inverse, info = _inv_ex(rearrange.reshape(x, (prod(last), prod(first))))
    check_info(info, "inv", SINGULAR, "GC502")
    return rearrange.reshape(inverse, (*last, *first))


@composite("linalg", "(A: Tensor, B: Tensor, dims: int[]?=None)", samples=lambda: [sample(real(2, 3, 6), real(2, 3))])
def tensorsolve(x: Any, b: Any, dims: Any = None) -> Any:
    """Return X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        moved = [normalize_dim(d, x.ndim) for d in dims]
        x = rearrange.movedim(x, tuple(moved), tuple(range(x.ndim - len(moved), x.ndim)))
    out = x.shape[b.ndim :]
    if prod(out) != prod(x.shape[: b.ndim]):
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            "but got "
            f"{prod(out)} != {prod(x.shape[: b.ndim])}"
        )
    size = prod(out)
    right = b if b.ndim == 1 else rearrange.reshape(b, (prod(b.shape),))
    return rearrange.reshape(solve(rearrange.reshape(x, (size, size)), right), out)


@composite("linalg", "(x: Tensor, *, N: int?=None)", samples=lambda: [sample(real(3)), sample(real(2, 3), N=4)])
def vander(x: Any, n: Any = None) -> Any:
    """Return the matrices whose rows are the powers 0 … N-1 of the elements."""
    if str(x.dtype) in ("float16", "bool"):
        raise DtypeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_type(x)}"
        )
    size = (x.shape[-1] if x.ndim else 1) if n is None else n
    if size <= 1:
        raise ShapeError("N must be greater than 1.", code="GC501")
    x = x if x.ndim else rearrange.unsqueeze(x, 0)
    wide = rearrange.expand(rearrange.unsqueeze(x, -1), (*x.shape, size - 1))
    powers = scan.cumprod(wide, -1)
    return joining.cat((np.ones((*x.shape, 1), str(powers.dtype)), powers), -1)
