"""Similarity: distances and cosines between vectors, and vectors of length one."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError
from gradcli.ops import arithmetic, clamping, expansion, norm
from gradcli.ops import reduction as reductions
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import broadcast_shapes, normalize_dim, reduced_shape
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name, result_type
from gradcli.ops._samples import nonzero, real, sample
from gradcli.ops.creation import to_dtype
from gradcli.types.dtype import is_floating

raised_clone = op(
    "clone", lambda x, least: np.maximum(x, least), names="", signature="(input: Tensor, least: float)",
    shape=lambda x, least: x.shape, vjp=dict(x=lambda g: g),
    notes="where PyTorch clones a tensor and raises its values in place, unrecorded",
)  # fmt: skip
norm_along = op(
    "norm", lambda x, p, dim, keepdim: norm.vector_norm.kernel(x, p, dim, keepdim), names="", grad_fn="NormBackward1",
    signature="(input: Tensor, p: Scalar, dim: int[1], keepdim: bool)",
    shape=lambda x, p, dim, keepdim: reduced_shape(x.shape, dim, keepdim),
    vjp=dict(x=lambda g, x, p, out, dim, keepdim: norm.norm_slope(g, x, p, out, dim, keepdim)),
)  # fmt: skip


def distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Return the p-norm of x - y + eps over the last dimension."""
    last = max(x.ndim, y.ndim) - 1
    return norm_along(arithmetic.add_scalar(x - y, eps), p, (max(last, 0),), keepdim)


@composite(
    "nn.functional torch", "(x1: Tensor, x2: Tensor, p: float=2, eps: float=1e-06, keepdim: bool=False)",
    samples=lambda: [sample(real(2, 3), real(2, 3)), sample(real(2, 3), real(3), 1.0, keepdim=True)],
    latex=r"\lVert x - y + \epsilon \rVert_p",
)  # fmt: skip
def pairwise_distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Return the p-norm of x - y + eps over the last dimension."""
    return distance(x, y, p, eps, keepdim)


def _expanded(x: Any, shape: tuple[int, ...], dtype: str) -> Any:
    x = x if is_floating(dtype_name(x)) else to_dtype(x, dtype)
    return x if x.shape == shape else expansion.expand(x, shape)


def _unit(x: Any, dim: int, eps: float) -> Any:
    return x / raised_clone(norm.vector_norm(x, 2, (dim,), True), eps)


@composite(
    "nn.functional torch", "(x1: Tensor, x2: Tensor, dim: int=1, eps: float=1e-08)",
    samples=lambda: [sample(nonzero(2, 3), nonzero(2, 3)), sample(nonzero(2, 1, 3), nonzero(2, 3), -1)],
    latex=r"\frac{x \cdot y}{\lVert x \rVert \lVert y \rVert}",
)  # fmt: skip
def cosine_similarity(x: Any, y: Any, dim: int = 1, eps: float = 1e-08) -> Any:
    """Return the cosine of the angle between x and y along a dimension."""
    dtype = result_type([x, y])
    if not is_floating(dtype):
        kind = scalar_type(x) if dtype in str(x.dtype) else scalar_type(y)
        raise DtypeError(f"expected common dtype to be floating point, yet common dtype is {kind}")
    shape = broadcast_shapes(x.shape, y.shape)
    at = normalize_dim(dim, len(shape))
    x, y = _expanded(x, shape, dtype), _expanded(y, shape, dtype)
    return reductions.sum_(_unit(x, at, eps) * _unit(y, at, eps), (at,))


@composite(
    "nn.functional", "(input: Tensor, p: float=2.0, dim: int[1]=1, eps: float=1e-12, out: Tensor?=None)",
    samples=lambda: [sample(nonzero(2, 3)), sample(nonzero(2, 3), 1.0, 0)], latex=r"\frac{x}{\lVert x \rVert_p}",
)  # fmt: skip
def normalize(x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """Return x divided by its p-norm along a dimension, or by eps where that is larger."""
    if out is not None:
        raise BindError("gradcli has no in-place operations: out must be None", hint="leave out out")
    size = clamping.clamp_min(norm.vector_norm(x, p, dim if isinstance(dim, tuple) else (dim,), True), eps)
    return x / expansion.expand(size, x.shape)
