"""Calculus: differences, slopes and areas of samples along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, comparison, joining, rearrange, reduction, scan
from gradcli.ops._families import normalize_dim, normalize_dims
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import real, sample
from gradcli.ops._signature import is_tensor

_copy = op(
    "copy",
    lambda x: np.array(x)[()],
    names="",
    grad_fn="CopyBackwards",
    shape=lambda x: x.shape,
    vjp=dict(x=lambda g: g),
)


def _part(x: Any, dim: int, start: int, length: int) -> Any:
    return rearrange.narrow(x, dim, start, length)


def _check_samples(name: str, y: Any, dim: int) -> None:
    if dtype_name(y) == "bool":
        raise DtypeError(f"{name}: received a bool input for `y`, but bool is not supported")
    if not y.ndim:
        raise ShapeError(f"Dimension specified as {dim} but tensor has no dimensions")
    normalize_dim(dim, y.ndim)


def _apart(x: Any, dim: int, by: int = 1) -> Any:
    """Return the differences of elements that are `by` places apart."""
    n = x.shape[dim] - by
    minus = comparison.logical_xor if dtype_name(x) == "bool" else arithmetic.sub
    return minus(_part(x, dim, by, n), _part(x, dim, 0, n))


@composite(
    "torch Tensor", "(input: Tensor, n: int=1, dim: int=-1, prepend: Tensor?=None, append: Tensor?=None)",
    samples=lambda: [
        sample(real(2, 4)), sample(real(2, 4), 2, 1), sample(real(3), 1, 0, real(1), real(2)), sample(real(3), 0)
    ],
)  # fmt: skip
def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the n-th differences of neighbours along a dimension."""
    if not x.ndim:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise NumericError(f"order must be non-negative but got {n}")
    parts = [part for part in (prepend, x, append) if part is not None]
    dim = normalize_dim(dim, x.ndim)
    if n == 0:
        return _copy(x)
    x = joining.cat(parts, dim) if len(parts) > 1 else x
    for _ in range(min(n, x.shape[dim])):
        x = _apart(x, dim)
    return x


def _spacings(x: Any, y: Any, dim: int) -> Any:
    """Return the distances of the places x, in the shape of y."""
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeError("trapezoid: There must be one `x` value for each sample point")
        x = rearrange.view(x, tuple(-1 if d == normalize_dim(dim, y.ndim) else 1 for d in range(y.ndim)))
    elif x.ndim < y.ndim:
        x = rearrange.view(x, (1,) * (y.ndim - x.ndim) + x.shape)
    return _apart(x, dim)


def _pair_sums(y: Any, dim: int) -> Any:
    n = y.shape[dim] - 1
    return arithmetic.add(_part(y, dim, 0, n), _part(y, dim, 1, n))


def _nothing(y: Any, dim: int) -> Any:
    at = normalize_dim(dim, y.ndim)
    return np.zeros(tuple(n for d, n in enumerate(y.shape) if d != at), dtype_name(y))


WITH_X = "({}: Tensor, {}: Tensor, *, dim: int=-1)"
WITH_DX = "({}: Tensor, *, dx: Scalar=1, dim: int=-1)"
TRAPEZOIDS = "torch.trapezoid torch.trapz"


@composite(TRAPEZOIDS, WITH_X.format("y", "x"), name="trapezoid", samples=lambda: [sample(real(2, 4), real(4))])
def trapezoid_at(y: Any, x: Any, dim: int = -1) -> Any:
    """Return the area under the samples y at the places x."""
    _check_samples("trapezoid", y, dim)
    if y.shape[dim] == 0:
        return _nothing(y, dim)
    terms = arithmetic.mul(_spacings(x, y, dim), _pair_sums(y, dim))
    return arithmetic.div_scalar(reduction.sum_(terms, dim), 2.0)


@composite(TRAPEZOIDS, WITH_DX.format("y"), samples=lambda: [sample(real(2, 4)), sample(real(2, 4), dx=0.5, dim=0)])
def trapezoid(y: Any, dx: Any = 1, dim: int = -1) -> Any:
    """Return the area under the samples y that are dx apart."""
    _check_samples("trapezoid", y, dim)
    if y.shape[dim] == 0:
        return _nothing(y, dim)
    ends = arithmetic.add(rearrange.select(y, dim, 0), rearrange.select(y, dim, -1))
    inner = arithmetic.sub(reduction.sum_(y, dim), arithmetic.mul_scalar(ends, 0.5))
    return arithmetic.mul_scalar(inner, dx)


@composite("torch", WITH_X.format("y", "x"), name="cumulative_trapezoid", samples=lambda: [sample(real(2, 4), real(4))])
def cumulative_trapezoid_at(y: Any, x: Any, dim: int = -1) -> Any:
    """Return the area under the samples y up to each of the places x."""
    _check_samples("cumulative_trapezoid", y, dim)
    terms = arithmetic.mul(_spacings(x, y, dim), _pair_sums(y, dim))
    return arithmetic.div_scalar(scan.cumsum(terms, dim), 2.0)


@composite("torch", WITH_DX.format("y"), samples=lambda: [sample(real(2, 4)), sample(real(2, 4), dx=0.5, dim=0)])
def cumulative_trapezoid(y: Any, dx: Any = 1, dim: int = -1) -> Any:
    """Return the area under the samples y up to each of them, dx apart."""
    _check_samples("cumulative_trapezoid", y, dim)
    return scan.cumsum(arithmetic.mul_scalar(_pair_sums(y, dim), dx / 2), dim)


def _weighed(parts: list[Any], weights: list[Any], signs: str, times: Any) -> Any:
    """Return the sum of weight·part with these signs."""
    total = None
    for part, weight, sign in zip(parts, weights, signs, strict=True):
        term = times(part, weight)
        total = term if total is None else (arithmetic.add if sign == "+" else arithmetic.sub)(total, term)
    return total


def _slopes(x: Any, dim: int, h: float, order: int) -> Any:
    """Return the central differences of samples that are h apart."""
    n = x.shape[dim]
    inner = arithmetic.div_scalar(arithmetic.div_scalar(_apart(x, dim, 2), h), 2)
    if order == 1:
        first, last = _edges(x, dim)
    else:
        ends = [_part(x, dim, i, 1) for i in range(3)], [_part(x, dim, n - 3 + i, 1) for i in range(3)]
        first = _weighed(ends[0], [-1.5, 2, 0.5], "++-", arithmetic.mul_scalar)
        last = _weighed(ends[1], [0.5, 2, 1.5], "+-+", arithmetic.mul_scalar)
    return joining.cat([arithmetic.div_scalar(first, h), inner, arithmetic.div_scalar(last, h)], dim)


def _edges(x: Any, dim: int) -> tuple[Any, Any]:
    """Return the first and the last difference of neighbours."""
    n = x.shape[dim]
    first = arithmetic.sub(_part(x, dim, 1, 1), _part(x, dim, 0, 1))
    return first, arithmetic.sub(_part(x, dim, n - 1, 1), _part(x, dim, n - 2, 1))


def _left_weighed(part: Any, weight: Any) -> Any:
    return arithmetic.mul(weight, part)


def _slopes_at(x: Any, dim: int, places: Any, order: int) -> Any:
    """Return the central differences of samples at uneven places (one-sided parabolas at the ends for order 2)."""
    n = x.shape[dim]
    places = rearrange.view(places, tuple(n if d == dim else 1 for d in range(x.ndim)))
    step = _apart(places, dim)
    a, b = _part(step, dim, 0, n - 2), _part(step, dim, 1, n - 2)
    weights = [-b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b))]
    inner = _weighed([_part(x, dim, i, n - 2) for i in range(3)], weights, "+++", _left_weighed)
    if order == 1:
        first, last = _edges(x, dim)
        ends = arithmetic.div(first, _part(step, dim, 0, 1)), arithmetic.div(last, _part(step, dim, n - 2, 1))
    else:
        ends = _parabolas(x, dim, step)
    return joining.cat([ends[0], inner, ends[1]], dim)


def _parabolas(x: Any, dim: int, step: Any) -> tuple[Any, Any]:
    """Return the slopes at both ends of parabolas through three samples each."""
    n = x.shape[dim]
    a, b = _part(step, dim, 0, 1), _part(step, dim, 1, 1)
    weights = [-(2 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))]
    first = _weighed([_part(x, dim, i, 1) for i in range(3)], weights, "+++", _left_weighed)
    a, b = _part(step, dim, n - 3, 1), _part(step, dim, n - 2, 1)
    weights = [b / (a * (a + b)), -(a + b) / (a * b), (2 * b + a) / (b * (a + b))]
    return first, _weighed([_part(x, dim, n - 3 + i, 1) for i in range(3)], weights, "+++", _left_weighed)


def _spacing_list(spacing: Any, dims: tuple[int, ...]) -> list[Any]:
    """Return one spacing per dimension: a number or a tensor of places."""
    if spacing is None:
        return [1.0] * len(dims)
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            raise BindError(
                f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {len(dims)}', since dim argument is given, but got a list of length {len(spacing)}"
            )
        return list(spacing)
    return [spacing.item() if is_tensor(spacing) else spacing] * len(dims)


@composite(
    "torch", "(input: Tensor, *, spacing: any=None, dim: any=None, edge_order: int=1)",
    samples=lambda: [sample(real(4), dim=0), sample(real(4, 3), spacing=0.5, dim=0, edge_order=2)],
)  # fmt: skip
def gradient(x: Any, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Any, ...]:
    """Return the slopes of samples along each dimension, from central differences."""
    if edge_order not in (1, 2):
        raise NumericError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = normalize_dims(dim, x.ndim)
    if any(x.shape[d] < edge_order + 1 for d in dims):
        raise ShapeError("torch.gradient expected each dimension size to be at least edge_order+1")
    results = []
    for d, h in zip(dims, _spacing_list(spacing, dims), strict=True):
        results.append(_slopes_at(x, d, h, edge_order) if is_tensor(h) else _slopes(x, d, h, edge_order))
    return tuple(results)
