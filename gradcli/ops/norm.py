"""Norms: of vectors, of differences, and slices scaled down to a norm."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import arithmetic, comparison, magnitude, rearrange, reduction
from gradcli.ops._dtype_text import SCALAR_TYPES, scalar_type
from gradcli.ops._families import Shape, broadcast_rule, normalize_dim, normalize_dims, reduction_rule
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name, same
from gradcli.ops._samples import nonzero, real, sample
from gradcli.ops.reduction import in_dtype, restored
from gradcli.types.dtype import real_of


def _norm_of(x: Any, p: Any, axis: Any, keepdim: bool) -> Any:
    """Return Σ|x|^p to the power of 1/p in the precision of x."""
    size = np.abs(x)
    if p == inf or p == -inf:
        return (np.max if p > 0 else np.min)(size, axis, keepdims=keepdim)
    if p == 0:
        return np.sum(size != 0, axis, keepdims=keepdim).astype(size.dtype)
    if p == 1:
        return np.sum(size, axis, keepdims=keepdim)
    if p == 2:
        return np.sqrt(np.sum(size * size, axis, keepdims=keepdim))
    return np.power(np.sum(np.power(size, p), axis, keepdims=keepdim), size.dtype.type(1 / p))


def _vector_norm(x: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    x = in_dtype(x, dtype)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    result = _norm_of(wide, ord, reduction.axes(x, dim), keepdim)
    return result.astype(np.float16) if x.dtype == np.float16 else result


def _norm_rule(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Shape:
    if not dtype_name(x).startswith(("float", "complex")):
        raise DtypeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_type(x)}"
        )
    kind = "complex" if dtype_name(x).startswith("complex") else "real"
    if dtype is not None and dtype.startswith("complex") != (kind == "complex"):
        raise DtypeError(f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got {SCALAR_TYPES[dtype]}")
    if ord < 0 or ord == inf:
        _require_identity(x, ord, dim)
    return reduction_rule(x, dim, keepdim)


def _require_identity(x: Any, ord: Any, dim: Any) -> None:
    start = f"linalg.vector_norm cannot compute the {ord:g} norm on "
    if 0 in x.shape and dim in (None, ()):
        raise ShapeError(f"{start}an empty tensor because the operation does not have an identity")
    for d in normalize_dims(dim, x.ndim):
        if x.shape[d] == 0:
            raise ShapeError(
                f"{start}the dimension {d}because this dimension is empty and the operation does not have an identity"
            )


def _norm_dtype(x: Any, *values: Any) -> str:
    return real_of((values[-1] if values else None) or dtype_name(x))


def norm_slope(g: Any, x: Any, p: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """Return the cotangent of x from that of its norm; 0 where the norm is 0."""
    if p == 0:
        return None  # as in PyTorch, where this cotangent is undefined
    g, out = restored(g, x.shape, dim, keepdim), restored(out, x.shape, dim, keepdim)
    if p == 1:
        return magnitude.sgn(x) * g
    if p == 2:
        return g * comparison.choose(out == 0, 0.0, x / out)
    if p == inf or p == -inf:
        size = magnitude.abs_(x)
        chosen = comparison.eq(size, out) | (comparison.ne(size, size) & comparison.ne(out, out))
        return magnitude.sgn(x) * (g / reduction.sum_(chosen, dim, True) * chosen)
    return _power_norm_slope(g, x, p, out)


def _power_norm_slope(g: Any, x: Any, p: Any, out: Any) -> Any:
    size = magnitude.abs_(x)
    if p < 1:
        scaled = comparison.choose(x == 0, 0.0, magnitude.sgn(x) * arithmetic.pow_number(size, p - 1))
        return scaled * g * arithmetic.pow_number(out, 1 - p)
    scale = comparison.choose(out == 0, 0.0, g / arithmetic.pow_number(out, p - 1))
    if p < 2:
        scaled = comparison.choose(x == 0, 0.0, arithmetic.pow_number(size, p - 1))
        return magnitude.sgn(x) * scaled * scale
    return x * arithmetic.pow_number(size, p - 2) * scale


vector_norm = op(
    "linalg_vector_norm",
    lambda x, ord=2, dim=None, keepdim=False, dtype=None: _vector_norm(x, ord, dim, keepdim, dtype),
    names="linalg.vector_norm", dtype=_norm_dtype, shape=_norm_rule, latex=r"\left(\sum |x|^p\right)^{1/p}",
    signature="(x: Tensor, ord: Scalar=2, dim: int[1]?=None, keepdim: bool=False, *, dtype: dtype?=None)",
    vjp=dict(x=lambda g, x, ord, out, dim, keepdim: norm_slope(g, x, ord, out, dim, keepdim)),
    samples=lambda: [
        sample(nonzero(2, 3)), sample(nonzero(2, 3), 1, 1), sample(nonzero(2, 3), 3, (0, 1), True),
        sample(nonzero(2, 3), 1.5, 1),
        sample(nonzero(2, 3), 0.5, 1), sample(nonzero(2, 3), inf), sample(nonzero(2, 3), 0),
    ],
)  # fmt: skip


@composite(
    "torch", "(input: Tensor, p: any='fro', dim: int[1]?=None, keepdim: bool=False, dtype: dtype?=None)",
    samples=lambda: [sample(nonzero(2, 3)), sample(nonzero(2, 3), 1, 1)],
)  # fmt: skip
def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the Frobenius norm, the nuclear norm, or the p-norm of all elements or along dimensions."""
    if p == "nuc":
        return _nuclear(x, dim, keepdim, dtype)
    if isinstance(p, str) and p != "fro":
        raise ShapeError(f"only valid string values are 'fro' and 'nuc', found {p}", code="GC206")
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim, dtype)


@composite(
    "Tensor", "(input: Tensor, p: any='fro', dim: int[1]?=None, keepdim: bool=False, dtype: dtype?=None)", name="norm",
    samples=lambda: [sample(nonzero(2, 3), 3)],
)  # fmt: skip
def norm_method(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the Frobenius norm, the nuclear norm, or the p-norm of all elements or along dimensions."""
    return norm(x, p, dim, keepdim, dtype)


def _nuclear(x: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    from gradcli.ops import registry

    keywords = {"keepdim": keepdim, "dtype": dtype}
    return registry.call("linalg.matrix_norm", (x, "nuc"), keywords | ({"dim": dim} if dim is not None else {}))


def _dist(x: Any, y: Any, p: Any) -> Any:
    return _norm_of(np.asarray(x - y), p, None, False) if np.size(x - y) else x.dtype.type(0)


def _dist_slope(g: Any, x: Any, y: Any, p: Any, out: Any) -> Any:
    return norm_slope(g, x - y, p, out, None, False)


def _dist_other_slope(g: Any, x: Any, y: Any, p: Any, out: Any) -> Any:
    slope = _dist_slope(g, x, y, p, out)
    return None if slope is None else -slope


dist = op(
    "dist", lambda x, y, p=2: _dist(x, y, p), signature="(input: Tensor, other: Tensor, p: Scalar=2)", promote=same,
    shape=lambda x, y, p=2: broadcast_rule(x, y) and (), latex=r"\left(\sum |x - y|^p\right)^{1/p}",
    dtype=lambda x, *_: real_of(dtype_name(x)),
    vjp=dict(x=_dist_slope, y=_dist_other_slope),
    samples=lambda: [sample(real(2, 3), real(3)), sample(real(3), real(3), 1), sample(real(3), real(3), 3.0)],
)  # fmt: skip


def _renorm_rule(x: Any, p: Any, dim: int, maxnorm: Any) -> Shape:
    if x.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions")
    _norm_rule(x)
    normalize_dim(dim, x.ndim)
    return x.shape  # type: ignore[no-any-return]


def _others(x: Any, dim: int) -> tuple[int, ...]:
    return tuple(d for d in range(x.ndim) if d != normalize_dim(dim, x.ndim))


def _renorm(x: Any, p: Any, dim: int, maxnorm: Any) -> Any:
    size = _norm_of(x, p, _others(x, dim), True)
    return x * np.where(size > maxnorm, maxnorm / (size + size.dtype.type(1e-7)), size.dtype.type(1))


def _renorm_slope(g: Any, x: Any, p: Any, dim: int, maxnorm: Any) -> Any:
    dims = _others(x, dim)
    size = vector_norm(x, p, dims, True)
    inverse = arithmetic.reciprocal(size + 1e-7)
    pull = reduction.sum_(rearrange.real(rearrange.conj(x) * g), dims, True)
    through = norm_slope(pull, x, p, size, dims, True)
    scaled = maxnorm * inverse * (g - inverse * through)
    return comparison.choose(size > maxnorm, scaled, g)


renorm = op(
    "renorm", lambda x, p, dim, maxnorm: _renorm(x, p, dim, maxnorm), shape=_renorm_rule,
    signature="(input: Tensor, p: Scalar, dim: int, maxnorm: Scalar)", vjp=dict(x=_renorm_slope),
    samples=lambda: [sample(nonzero(3, 4), 2, 0, 1.0), sample(nonzero(3, 4), 1.5, 1, 0.5)],
)  # fmt: skip
