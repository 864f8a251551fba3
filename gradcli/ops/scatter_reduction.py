"""Scatter reductions: copies in which what an index sends to one place is multiplied, averaged or compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError
from gradcli.ops import creation, indexing, scatter
from gradcli.ops._families import Shape
from gradcli.ops._op import op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import Sample, distinct, nonzero, sample
from gradcli.ops._samples import index as integers

_UFUNC = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
_IDENTITY = {"sum": 0, "mean": 0, "prod": 1}


def _identity(reduce: str, dtype: np.dtype[Any]) -> Any:
    """Return what a reduction of nothing starts from."""
    if reduce in _IDENTITY:
        return _IDENTITY[reduce]
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.iinfo(np.uint8)
    return limits.min if reduce == "amax" else limits.max


def _reduce_at(out: Any, places: Any, values: Any, reduce: str, include_self: bool) -> None:
    """Reduce values into the places of an array, whose own values take part where `include_self` holds."""
    counts = np.ones(out.shape, np.int64) if include_self else np.zeros(out.shape, np.int64)
    if not include_self:
        out[places] = _identity(reduce, out.dtype)
    _UFUNC[reduce].at(out, places, values)
    if reduce == "mean":
        np.add.at(counts, places, 1)
        np.maximum(counts, 1, out=counts)
        out[...] = out / counts if out.dtype.kind in "fc" else out // counts


def _scatter_reduce(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Any:
    out, places, where = scatter.prepared(x, dim, index)
    if where.size:
        _reduce_at(out, places, scatter.matching(src, where), reduce, include_self)
    return out.reshape(x.shape)


def _index_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    out, moved, value = scatter.along_vector(x, dim, source)
    if np.size(index):
        _reduce_at(moved, np.atleast_1d(index), value, reduce, include_self)
    return out.reshape(x.shape)


def _scatter_rule(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Shape:
    if reduce not in _UFUNC:
        raise BindError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    return scatter.scatter_rule(x, dim, index, src)


def _index_rule(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Shape:
    if reduce not in _UFUNC or reduce == "sum":
        raise BindError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    at = scatter.check_vector("index_reduce_", x, dim, index, source)
    indexing.check_bounds(index, x.shape[at] if x.ndim else 1, at)
    return x.shape  # type: ignore[no-any-return]


class Route:
    """How a kind of index brings values to their places and takes them back."""

    def __init__(self, add: Any, take: Any, clear: Any, reduce: Any) -> None:
        self.add, self.take, self.clear, self.reduce = add, take, clear, reduce


def _vjp(
    route: Route, g: Any, x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool, out: Any
) -> tuple[Any, Any]:  # fmt: skip
    """Return the cotangents of x and of the source."""

    def take(value: Any) -> Any:
        return route.take(value, dim, index, src.shape)

    def add(value: Any, more: Any) -> Any:
        return route.add(value, dim, index, more)

    grad_x, grad_src = _BACK[reduce](route, g, x, dim, index, src, include_self, out, take, add)
    return (grad_x if include_self else route.clear(grad_x, dim, index)), grad_src


def _sum_back(
    route: Route, g: Any, x: Any, dim: int, index: Any, src: Any, include_self: bool, out: Any, take: Any, add: Any
) -> Any:
    return g, take(g)


def _mean_back(
    route: Route, g: Any, x: Any, dim: int, index: Any, src: Any, include_self: bool, out: Any, take: Any, add: Any
) -> Any:
    start = creation.ones_like(g) if include_self else creation.zeros_like(g)
    counts = add(start, creation.ones_like(src))
    share = g / indexing.masked_fill(counts, counts == 0, 1)
    return share, take(share)


def _extreme_back(
    route: Route, g: Any, x: Any, dim: int, index: Any, src: Any, include_self: bool, out: Any, take: Any, add: Any
) -> Any:
    kind = dtype_name(g)
    x_is, src_is = creation.to_dtype(x == out, kind), creation.to_dtype(src == take(out), kind)
    share = g / add(x_is, src_is)
    return x_is * share, src_is * take(share)


def _prod_back(
    route: Route, g: Any, x: Any, dim: int, index: Any, src: Any, include_self: bool, out: Any, take: Any, add: Any
) -> Any:
    """Return the cotangents of a product, each factor's from the others even where one is zero."""

    def product(value: Any, more: Any) -> Any:
        return route.reduce(value, dim, index, more, "prod", include_self)

    kind = dtype_name(x)
    nonzero_x = indexing.masked_fill(x, x == 0, 1)
    grad_x = g * product(nonzero_x, src) / nonzero_x
    is_zero = src == 0
    zeros = take(add(creation.zeros_like(x), creation.to_dtype(is_zero, kind)))
    alone = is_zero & (zeros == 1)
    others = take(g * product(x, indexing.masked_fill(src, alone, 1)))
    grad_src = indexing.where(alone, others, take(g * out) / indexing.masked_fill(src, is_zero, 1))
    return grad_x, grad_src


_BACK = {"sum": _sum_back, "mean": _mean_back, "amax": _extreme_back, "amin": _extreme_back, "prod": _prod_back}
_BY_TENSOR = Route(
    lambda x, dim, index, src: scatter.scatter_add(x, dim, index, src),
    lambda g, dim, index, shape: indexing.gather(g, dim, index),
    lambda g, dim, index: scatter.scatter_value(g, dim, index, 0), lambda *call: scatter_reduce(*call),
)  # fmt: skip
_BY_VECTOR = Route(
    lambda x, dim, index, src: scatter.index_add(x, dim, index, src),
    lambda g, dim, index, shape: scatter.picked(g, dim, index, shape),
    lambda g, dim, index: _cleared(g, dim, index), lambda *call: index_reduce(*call),
)  # fmt: skip


def _cleared(g: Any, dim: int, index: Any) -> Any:
    from gradcli.ops import replacement

    return replacement.index_fill(g, dim, index, 0)


def _samples(*reductions: str) -> list[Sample]:
    where = integers([[0, 1, 1]])
    found = [sample(distinct(2, 3), 0, where, distinct(1, 3), r) for r in reductions]
    return [*found, *(sample(nonzero(2, 3), 0, where, distinct(1, 3), r, include_self=False) for r in reductions)]


scatter_reduce = op(
    "scatter_reduce",
    lambda x, dim, index, src, reduce, include_self=True: _scatter_reduce(x, dim, index, src, reduce, include_self),
    signature="(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool=True)",
    shape=_scatter_rule,
    vjp={"x, src": lambda g, x, dim, index, src, reduce, include_self, out: _vjp(
        _BY_TENSOR, g, x, dim, index, src, reduce, include_self, out)},
    samples=lambda: _samples("sum", "prod", "mean", "amax", "amin"),
)  # fmt: skip
index_reduce = op(
    "index_reduce",
    lambda x, dim, index, source, reduce, include_self=True: _index_reduce(x, dim, index, source, reduce, include_self),
    signature="(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool=True)",
    shape=_index_rule,
    vjp={"x, source": lambda g, x, dim, index, source, reduce, include_self, out: _vjp(
        _BY_VECTOR, g, x, dim, index, source, reduce, include_self, out)},
    samples=lambda: [
        sample(distinct(3, 2), 0, integers([2, 0, 2]), distinct(3, 2), r) for r in ("prod", "mean", "amax", "amin")
    ],
)  # fmt: skip
