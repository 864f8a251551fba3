"""Replacement: copies in which a part is another tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import creation, indexing, reduction, slicing, views, windows
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._layout import copied
from gradcli.ops._numbers import number_as
from gradcli.ops._op import Op, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import real as reals
from gradcli.ops.scatter import along_vector, picked


def _copy_rule(x: Any, dim: int, index: Any, source: Any) -> Shape:
    at = normalize_dim(dim, x.ndim)
    if index.ndim > 1:
        raise ShapeError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    count, given = (index.shape[0] if index.ndim else 1), (source.shape[at] if source.ndim else 1)
    if not source.ndim and count != 1:
        raise ShapeError(f"index_copy_(): When source is scalar, index should have one element (got {count})")
    if source.ndim != x.ndim and source.ndim and x.ndim:
        raise ShapeError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            "dimensionality "
            f"({source.ndim}), destination dimensionality ({x.ndim})"
        )
    if dtype_name(index) != "int64":
        raise DtypeError(f"index_copy_(): Expected a long tensor for index, but got {scalar_type(index)}")
    if dtype_name(x) != dtype_name(source):
        raise DtypeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_type(x)} and (source) {scalar_type(source)}"
        )
    if count != given:
        raise ShapeError(f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) ({given})")
    text = "index_copy_(): index {} is out of bounds for dimension {} with size {}"
    indexing.check_bounds(index, x.shape[at] if x.ndim else 1, at, text)
    return x.shape  # type: ignore[no-any-return]


def _index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    out, moved, value = along_vector(x, dim, source)
    moved[np.atleast_1d(index)] = value
    return out.reshape(x.shape)


index_copy = op(
    "index_copy", lambda x, dim, index, source: _index_copy(x, dim, index, source), shape=_copy_rule,
    signature="(input: Tensor, dim: int, index: Tensor, source: Tensor)",
    vjp=dict(
        x=lambda g, dim, index: index_fill(g, dim, index, 0),
        source=lambda g, dim, index, source_shape: picked(g, dim, index, source_shape),
    ),
    samples=lambda: [sample(reals(3, 2), 0, integers([2, 0]), reals(2, 2))],
)  # fmt: skip


def _fill_rule(x: Any, dim: int, index: Any, value: Any) -> Shape:
    at = normalize_dim(dim, x.ndim)
    if dtype_name(index) != "int64":
        raise DtypeError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise ShapeError("Index has to be a vector/scalar")
    if getattr(value, "ndim", 0):
        raise ShapeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    indexing.check_bounds(_counted(index, x.shape[at] if x.ndim else 1), x.shape[at] if x.ndim else 1, at)
    return x.shape  # type: ignore[no-any-return]


def _counted(index: Any, size: int) -> Any:
    """Return an index tensor with negative numbers counted from the end, as `index_fill` alone allows."""
    values = views.array_of(index)
    return index if values is None else np.where((values < 0) & (values >= -size), values + size, values)


def _index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    out, moved, _ = along_vector(x, dim, None)
    moved[np.atleast_1d(index)] = value if hasattr(value, "dtype") else number_as(value, out.dtype.name)
    return out.reshape(x.shape)


def _fill_back(g: Any, dim: int, index: Any) -> Any:
    """Return the sum of what was filled, each place once."""
    return reduction.sum_all(indexing.index_select(g, dim, np.unique(creation.values_of(index))))


_FILL = "(input: Tensor, dim: int, index: Tensor, value: {})"
index_fill_tensor = op(
    "index_fill", lambda x, dim, index, value: _index_fill(x, dim, index, value), grad_fn="IndexFillBackward1",
    shape=_fill_rule,
    signature=_FILL.format("Tensor"),
    vjp=dict(
        x=lambda g, dim, index: index_fill(g, dim, index, 0), value=lambda g, dim, index: _fill_back(g, dim, index)
    ),
    samples=lambda: [sample(reals(3, 2), 0, integers([2, 0]), reals())],
)  # fmt: skip
index_fill = op(
    "index_fill", lambda x, dim, index, value: _index_fill(x, dim, index, value), shape=_fill_rule,
    signature=_FILL.format("Scalar"),
    vjp=dict(x=lambda g, dim, index: index_fill(g, dim, index, 0)),
    samples=lambda: [
        sample(reals(3, 2), 0, integers([2, 0]), 1.5), ErrorSample((reals(3), 0, integers([3]), 0), "out of bounds")
    ],
)  # fmt: skip


fill_tensor = op(
    "fill", lambda x, value: _filled(x, value), grad_fn="FillBackward1", names="torch",
    signature="(input: Tensor, value: Tensor)",
    shape=lambda x, value: _fill_value_rule(x, value),
    vjp=dict(x=lambda g: creation.zeros_like(g), value=lambda g: reduction.sum_all(g)),
    samples=lambda: [sample(reals(2, 3), reals())],
)  # fmt: skip
fill = op(
    "fill", lambda x, value: _filled(x, value), names="torch", signature="(input: Tensor, value: Scalar)",
    shape=lambda x, value: x.shape,
    vjp=dict(x=lambda g: creation.zeros_like(g)), samples=lambda: [sample(reals(2, 3), 1.5)],
)  # fmt: skip


def _filled(x: Any, value: Any) -> Any:
    out = copied(np.asarray(x))
    out[...] = value if hasattr(value, "dtype") else number_as(value, out.dtype.name)
    return out


def _fill_value_rule(x: Any, value: Any) -> Shape:
    if value.ndim:
        raise ShapeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.",
        )
    return x.shape  # type: ignore[no-any-return]


def _into(view: Op, x: Any, src: Any, *where: Any) -> Any:
    """Return a copy of x in which a view of it holds another tensor."""
    out = copied(x)
    place = view.kernel(out, *where)
    place.flags.writeable = True
    place[...] = src
    return out


def _rule(view: Op) -> Any:
    def rule(x: Any, src: Any, *where: Any) -> Shape:
        found = view.shape(x, *where)  # type: ignore[misc]
        if src.shape != found:
            raise ShapeError(
                f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = "
                f"{list(found)}"
            )
        return x.shape  # type: ignore[no-any-return]

    return rule


def _zeros(g: Any, shape: Shape) -> Any:
    return creation.new_zeros(g, shape)


select_scatter = op(
    "select_scatter", lambda x, src, dim, index: _select_into(x, src, dim, index), shape=_rule(slicing.select),
    signature="(input: Tensor, src: Tensor, dim: int, index: int)",
    vjp=dict(
        x=lambda g, src_shape, dim, index: select_scatter(g, _zeros(g, src_shape), dim, index),
        src=lambda g, dim, index: slicing.select(g, dim, index),
    ),
    samples=lambda: [sample(reals(2, 3), reals(2), 1, 2)],
)  # fmt: skip


def _select_into(x: Any, src: Any, dim: int, index: int) -> Any:
    at = index % x.shape[dim]
    return _into(slicing.slice_, x, np.expand_dims(src, dim % x.ndim), dim, at, at + 1, 1)


slice_scatter = op(
    "slice_scatter",
    lambda x, src, dim=0, start=None, end=None, step=1: _into(slicing.slice_, x, src, dim, start, end, step),
    signature="(input: Tensor, src: Tensor, dim: int=0, start: int?=None, end: int?=None, step: int=1)",
    shape=_rule(slicing.slice_),
    vjp=dict(
        x=lambda g, src_shape, dim, start, end, step: slice_scatter(g, _zeros(g, src_shape), dim, start, end, step),
        src=lambda g, dim, start, end, step: slicing.slice_(g, dim, start, end, step),
    ),
    samples=lambda: [sample(reals(2, 5), reals(2, 2), 1, 0, 4, 2)],
)  # fmt: skip
diagonal_scatter = op(
    "diagonal_scatter", lambda x, src, offset=0, dim1=0, dim2=1: _into(slicing.diagonal, x, src, offset, dim1, dim2),
    signature="(input: Tensor, src: Tensor, offset: int=0, dim1: int=0, dim2: int=1)", shape=_rule(slicing.diagonal),
    vjp=dict(
        x=lambda g, src_shape, offset, dim1, dim2: diagonal_scatter(g, _zeros(g, src_shape), offset, dim1, dim2),
        src=lambda g, offset, dim1, dim2: slicing.diagonal(g, offset, dim1, dim2),
    ),
    samples=lambda: [sample(reals(3, 4), reals(3), 1)],
)  # fmt: skip
as_strided_scatter = op(
    "as_strided_scatter",
    lambda x, src, size, stride, storage_offset=None: windows.strided_into(x, src, size, stride, storage_offset),
    signature="(input: Tensor, src: Tensor, size: int[], stride: int[], storage_offset: int?=None)",
    shape=_rule(windows.as_strided),
    vjp=dict(
        x=lambda g, src_shape, size, stride, storage_offset: as_strided_scatter(
            g, _zeros(g, src_shape), size, stride, storage_offset),
        src=lambda g, size, stride, storage_offset: windows.as_strided(g, size, stride, storage_offset),
    ),
    samples=lambda: [sample(reals(3, 3), reals(2, 2), (2, 2), (1, 3), 1)],
)  # fmt: skip
