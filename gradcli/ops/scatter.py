"""Scattering: copies with elements replaced or summed where index tensors and masks say."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import AutogradError, BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import expansion, indexing, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._op import op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import Constant, ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import mask as booleans
from gradcli.ops._samples import real as reals


def scatter_rule(x: Any, dim: int, index: Any, src: Any = None, *_: Any) -> Shape:
    """Return the shape of x; raise PyTorch's error where an index or what it sends does not fit."""
    at = normalize_dim(dim, x.ndim)
    if 0 in index.shape:
        return x.shape  # type: ignore[no-any-return]
    indexing.check_index("scatter", index)
    indexing.check_ranks(index, x)
    _check_sizes(x, at, index, src if hasattr(src, "shape") else None)
    indexing.check_bounds(index, x.shape[at] if x.ndim else 1, at)
    return x.shape  # type: ignore[no-any-return]


def _check_sizes(x: Any, at: int, index: Any, src: Any) -> None:
    if src is not None and max(src.ndim, 1) != max(index.ndim, 1):
        raise ShapeError("Index tensor must have the same number of dimensions as src tensor")
    too_large = any(n > m for d, (n, m) in enumerate(zip(index.shape, x.shape, strict=False)) if d != at)
    beyond = src is not None and any(n > m for n, m in zip(index.shape, src.shape, strict=False))
    if too_large or beyond:
        more = f" and to be no larger size than src {list(src.shape)}" if src is not None else ""
        raise ShapeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart from dimension "
            f"{at}{more}"
        )


def prepared(x: Any, dim: int, index: Any) -> tuple[Any, tuple[Any, ...], Any]:
    """Return a copy with at least one dimension, the places in it that the index names, and the index."""
    out = np.atleast_1d(np.array(x, order="C"))
    where = np.atleast_1d(index)
    return out, indexing.along(where, dim % out.ndim), where


def matching(src: Any, where: Any) -> Any:
    """Return the elements of `src` that have an index."""
    return np.atleast_1d(src)[tuple(slice(n) for n in where.shape)] if getattr(src, "ndim", 0) else src


def number_in(value: Any, x: Any) -> Any:
    """Return a Python number in an array's dtype, wrapped and truncated as C does; anything else as it is."""
    return value if hasattr(value, "dtype") else np.asarray(value).astype(x.dtype)


def _scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    out, places, where = prepared(x, dim, index)
    if where.size:
        out[places] = number_in(matching(src, where), x)
    return out.reshape(x.shape)


def _scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    out, places, where = prepared(x, dim, index)
    if where.size:
        np.add.at(out, places, number_in(matching(src, where), x))
    return out.reshape(x.shape)


_SRC = "(input: Tensor, dim: int, index: Tensor, src: Tensor)"
_IJ = integers([[0, 1, 0], [1, 0, 1]])
scatter = op(
    "scatter", lambda x, dim, index, src: _scatter(x, dim, index, src), signature=_SRC, shape=scatter_rule,
    vjp=dict(
        x=lambda g, dim, index: scatter_value(g, dim, index, 0),
        src=lambda g, dim, index: indexing.gather(g, dim, index)
    ),
    samples=lambda: [sample(reals(2, 3), 1, integers([[0, 2], [1, 0]]), reals(2, 2))],
)  # fmt: skip
scatter_value = op(
    "scatter", lambda x, dim, index, value: _scatter(x, dim, index, value), grad_fn="ScatterBackward1",
    shape=scatter_rule,
    signature="(input: Tensor, dim: int, index: Tensor, value: Scalar)",
    vjp=dict(x=lambda g, dim, index: scatter_value(g, dim, index, 0)),
    samples=lambda: [
        sample(reals(2, 3), 0, _IJ, 1.5), ErrorSample((reals(2), 0, integers([2]), 1.0), "index 2 is out of bounds")
    ],
)  # fmt: skip


def _no_derivative(g: Any) -> Any:
    raise AutogradError(
        "derivative for aten::scatter is not implemented",
        code="GC410",
        hint="scatter_reduce(x, dim, index, src, 'sum') has one",
    )


def _scatter_with(x: Any, dim: int, index: Any, src: Any, reduce: str) -> Any:
    if reduce not in ("add", "multiply"):
        raise BindError("reduce argument must be either add or multiply.")
    out, places, where = prepared(x, dim, index)
    if where.size:
        (np.add if reduce == "add" else np.multiply).at(out, places, number_in(matching(src, where), x))
    return out.reshape(x.shape)


_PAIR = Constant([[1.0, 2.0]], "float32")
for _kind, _value in (("src: Tensor", _PAIR), ("value: Scalar", 0.5)):
    op(
        "scatter", lambda x, dim, index, src, reduce: _scatter_with(x, dim, index, src, reduce),
        grad_fn="NotImplemented",
        signature=f"(input: Tensor, dim: int, index: Tensor, {_kind}, *, reduce: str)", shape=scatter_rule,
        vjp=dict(x=_no_derivative),
        samples=(sample(_PAIR, 1, integers([[0, 0]]), _value, reduce="add"),),
    )  # fmt: skip
scatter_add = op(
    "scatter_add", lambda x, dim, index, src: _scatter_add(x, dim, index, src), signature=_SRC, shape=scatter_rule,
    vjp=dict(x=lambda g: g, src=lambda g, dim, index: indexing.gather(g, dim, index)),
    samples=lambda: [sample(reals(2, 3), 0, _IJ, reals(2, 3)), sample(reals(3), 0, integers([0, 0]), reals(2))],
)  # fmt: skip


def check_vector(name: str, x: Any, dim: int, index: Any, source: Any, error: Any = ShapeError) -> int:
    """Return the dimension, after PyTorch's checks of an index vector and what goes there."""
    at = normalize_dim(dim, x.ndim)
    if index.ndim > 1:
        raise ShapeError(f"{name}(): Index should have dimension 1 or 0 (got {index.ndim})")
    count = source.shape[at] if source.ndim else 1
    if views.numel(index) != count:
        raise ShapeError(
            f"{name}(): Number of indices ({views.numel(index)}) should be equal to source.size(dim){_colon(name)} "
            f"({count}){_suffix(name, at)}"
        )
    return at


def _colon(name: str) -> str:
    return ":" if name == "index_add_" else ""


def _suffix(name: str, dim: int) -> str:
    return f", for dim: {dim}" if name == "index_add_" else ""


def _index_add_rule(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Shape:
    at = check_vector("index_add_", x, dim, index, source)
    if dtype_name(index) not in ("int32", "int64"):
        raise DtypeError("index_add_(): Expected dtype int32/int64 for index")
    if dtype_name(x) != dtype_name(source):
        raise DtypeError("index_add_(): self and source must have the same scalar type")
    indexing.check_bounds(index, x.shape[at] if x.ndim else 1, at)
    return x.shape  # type: ignore[no-any-return]


def along_vector(x: Any, dim: int, source: Any) -> tuple[Any, Any, Any]:
    """Return a copy of x, the copy and the source both with the dimension in front."""
    out = np.atleast_1d(np.array(x, order="C"))
    at = dim % out.ndim
    return out, np.moveaxis(out, at, 0), np.moveaxis(source, at, 0) if getattr(source, "ndim", 0) else source


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    out, moved, value = along_vector(x, dim, source)
    np.add.at(moved, np.atleast_1d(index), value if alpha == 1 else value * number_in(alpha, x))
    return out.reshape(x.shape)


def picked(g: Any, dim: int, index: Any, shape: Shape) -> Any:
    """Return what `index_add` and `index_copy` hand to their source of this shape."""
    if shape:
        return expansion.expand(indexing.index_select(g, dim, index), shape)
    return views.reshape(indexing.index_select(g, dim, views.reshape(index, (-1,))), ())


index_add = op(
    "index_add", lambda x, dim, index, source, alpha=1: _index_add(x, dim, index, source, alpha), shape=_index_add_rule,
    signature="(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Scalar=1)",
    vjp=dict(
        x=lambda g: g,
        source=lambda g, dim, index, source_shape, alpha: _times(picked(g, dim, index, source_shape), alpha)
    ),
    samples=lambda: [sample(reals(3, 2), 0, integers([2, 0, 2]), reals(3, 2), alpha=0.5)],
)  # fmt: skip


def _times(g: Any, alpha: Any) -> Any:
    return g if alpha == 1 else g * alpha


def _masked_rule(x: Any, mask: Any, source: Any) -> Shape:
    indexing.check_mask(
        mask, f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_type(mask)}"
    )
    if dtype_name(x) != dtype_name(source):
        raise DtypeError(
            f"masked_scatter: expected self and source to have same dtypes but got {scalar_type(x)} and "
            f"{scalar_type(source)}"
        )
    shape = indexing.broadcast_rule(x, mask)
    values = views.array_of(mask)
    if values is not None and np.count_nonzero(np.broadcast_to(values, shape)) > views.numel(source):
        raise NumericError("Number of elements of source < number of ones in mask", code="GC301")
    return shape


def _masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    shape = indexing.broadcast_shapes(x.shape, mask.shape)
    out, where = np.array(np.broadcast_to(x, shape), order="C"), np.broadcast_to(mask, shape)
    out[where] = np.asarray(source).reshape(-1)[: np.count_nonzero(where)]
    return out


def _unscattered(g: Any, mask: Any, size: Shape) -> Any:
    out = np.zeros(int(np.prod(size)), g.dtype)
    chosen = g[np.broadcast_to(mask, g.shape)]
    out[: chosen.size] = chosen
    return out.reshape(size)


masked_scatter = op(
    "masked_scatter", lambda x, mask, source: _masked_scatter(x, mask, source), shape=_masked_rule,
    signature="(input: Tensor, mask: Tensor, source: Tensor)",
    vjp=dict(
        x=lambda g, mask: indexing.masked_fill(g, mask, 0),
        source=lambda g, mask, source_shape: masked_scatter_backward(g, mask, source_shape),
    ),
    samples=lambda: [sample(reals(2, 3), booleans([[True, False, True], [False, True, False]]), reals(4))],
)  # fmt: skip
masked_scatter_backward = op(
    "masked_scatter_backward", lambda g, mask, size: _unscattered(g, mask, size), names="",
    shape=lambda g, mask, size: size,
    signature="(g: Tensor, mask: Tensor, size: int[])",
    vjp=dict(g=lambda g, mask, g_shape: masked_scatter(_zeros(g, g_shape), mask, g)),
    samples=lambda: [sample(reals(2, 2), booleans([[True, False], [True, True]]), (4,))],
)  # fmt: skip


def _zeros(g: Any, shape: Shape) -> Any:
    from gradcli.ops import creation

    return creation.new_zeros(g, shape)


def _put_rule(x: Any, index: Any, source: Any, accumulate: bool = False) -> Shape:
    if views.numel(source) != views.numel(index):
        raise ShapeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{views.numel(source)}, index.numel() = {views.numel(index)}"
        )
    indexing.check_flat(index, views.numel(x))
    return x.shape  # type: ignore[no-any-return]


def _put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    out = np.array(x, order="C")
    flat, where, values = out.reshape(-1), np.asarray(index).reshape(-1), np.asarray(source).reshape(-1)
    if accumulate:
        np.add.at(flat, where, values)
    else:
        flat[where] = values
    return out


put = op(
    "put", lambda x, index, source, accumulate=False: _put(x, index, source, accumulate), shape=_put_rule,
    signature="(input: Tensor, index: Tensor, source: Tensor, accumulate: bool=False)",
    vjp=dict(
        x=lambda g, index, source_shape, accumulate: g if accumulate else put(g, index, _zeros(g, source_shape), False),
        source=lambda g, index, source_shape: views.reshape(indexing.take(g, index), source_shape),
    ),
    samples=lambda: [
        sample(reals(2, 3), integers([0, 4]), reals(2)), sample(reals(2, 3), integers([1, 1]), reals(2), True)
    ],
)  # fmt: skip
