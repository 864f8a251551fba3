"""Indexing: elements chosen by index tensors and masks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import creation, expansion, reduction, scatter, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, broadcast_rule, broadcast_shapes, normalize_dim
from gradcli.ops._numbers import number_as
from gradcli.ops._op import Op, composite, op
from gradcli.ops._promotion import as_dtype, cast, dtype_name, result_type
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import mask as booleans
from gradcli.ops._samples import real as reals


def along(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the NumPy index of the places that an index tensor names along one dimension."""
    places = list(np.indices(index.shape, sparse=True))
    places[dim] = index
    return tuple(places)


def check_bounds(
    index: Any, size: int, dim: int, text: str = "index {} is out of bounds for dimension {} with size {}"
) -> None:
    """Raise PyTorch's error where an index tensor leaves a dimension; a Symbol's values are not known."""
    values = views.array_of(index)
    if values is None or not values.size:
        return
    low, high = values.min(), values.max()
    if low < 0 or high >= size:
        wrong = values.ravel()[((values < 0) | (values >= size)).ravel()][0]
        raise NumericError(text.format(wrong, dim, size), code="GC305")


def as_vector(x: Any) -> Any:
    """Return an array that has at least one dimension."""
    return np.atleast_1d(x)


def check_index(name: str, index: Any) -> None:
    """Raise PyTorch's error where an index tensor holds no integers."""
    if dtype_name(index) not in ("int32", "int64"):
        raise DtypeError(f"{name}(): Expected dtype int32/int64 for index")


def check_ranks(index: Any, x: Any) -> None:
    """Raise PyTorch's error where an index tensor has another number of dimensions than what it indexes."""
    if max(index.ndim, 1) != max(x.ndim, 1):
        raise ShapeError("Index tensor must have the same number of dimensions as input tensor")


def _gather_rule(x: Any, dim: int, index: Any, sparse_grad: bool = False) -> Shape:
    at = normalize_dim(dim, x.ndim)
    if 0 in index.shape:
        return index.shape  # type: ignore[no-any-return]
    check_index("gather", index)
    check_ranks(index, x)
    if (
        index.ndim
        and x.ndim
        and any(n > m for d, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if d != at)
    ):
        raise ShapeError(
            "Size does not match at dimension "
            f"{next(d for d in range(x.ndim) if d != at and index.shape[d] > x.shape[d])} expected "
            f"index {list(index.shape)} to be no larger than self {list(x.shape)} apart from dimension {at}"
        )
    check_bounds(index, x.shape[at] if x.ndim else 1, at)
    return index.shape  # type: ignore[no-any-return]


def _gather(x: Any, dim: int, index: Any, sparse_grad: bool = False) -> Any:
    if not index.size:
        return np.empty(index.shape, x.dtype)
    source, where = as_vector(x), as_vector(index)
    return source[along(where, dim % source.ndim)].reshape(index.shape)


_IJ = integers([[0, 1], [1, 0]])
gather = op(
    "gather", _gather, signature="(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool=False)",
    shape=_gather_rule,
    vjp=dict(x=lambda g, x_shape, dim, index: scatter.scatter_add(creation.new_zeros(g, x_shape), dim, index, g)),
    samples=lambda: [
        sample(reals(2, 3), 1, _IJ), sample(reals(2, 3), 0, _IJ),
        ErrorSample((reals(2), 0, integers([2])), "index 2 is out of bounds")
    ],
)  # fmt: skip


def counted_from_front(index: Any, size: int) -> Any:
    """Return an index tensor without negative numbers, which count from the end."""
    values = views.array_of(index)
    return index if values is None or not (values < 0).any() else np.where(values < 0, values + size, values)


@composite(
    "torch Tensor",
    "(input: Tensor, indices: Tensor, dim: int?=None)",
    samples=lambda: [sample(reals(2, 3), integers([[0, 1, 0]]), 0)],
)
def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Any:
    """Return the elements that index tensors name along a dimension, the other dimensions broadcast."""
    if dtype_name(indices) != "int64":
        raise DtypeError(f"torch.take_along_dim(): dtype of indices should be Long but got {scalar_type(indices)}")
    if dim is None:
        return gather(views.view(views.contiguous(x), (-1,)), 0, views.view(views.contiguous(indices), (-1,)))
    if x.ndim != indices.ndim:
        raise ShapeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {x.ndim} "
            "dimensions for "
            f"input, and {indices.ndim} dimensions for indices"
        )
    at = normalize_dim(dim, x.ndim)
    indices = counted_from_front(indices, x.shape[at])
    own = broadcast_shapes((*x.shape[:at], indices.shape[at], *x.shape[at + 1 :]), indices.shape)
    whole = (*own[:at], x.shape[at], *own[at + 1 :])
    return gather(expansion.expand(x, whole), at, expansion.expand(indices, own))


def _index_select_rule(x: Any, dim: int, index: Any) -> Shape:
    at = normalize_dim(dim, x.ndim)
    if index.ndim > 1:
        raise ShapeError("index_select(): Index is supposed to be a vector")
    if dtype_name(index) not in ("int32", "int64"):
        raise DtypeError("index_select(): Expected dtype int32 or int64 for index")
    check_bounds(index, x.shape[at] if x.ndim else 1, at, "index out of range in self")
    if not x.ndim:
        return ()
    return (*x.shape[:at], prod(index.shape), *x.shape[at + 1 :])


def _index_select(x: Any, dim: int, index: Any) -> Any:
    return np.take(x, as_vector(index), dim) if x.ndim else x.copy()


index_select = op(
    "index_select", lambda x, dim, index: _index_select(x, dim, index),
    signature="(input: Tensor, dim: int, index: Tensor)",
    shape=_index_select_rule,
    vjp=dict(x=lambda g, x_shape, dim, index: scatter.index_add(creation.new_zeros(g, x_shape), dim, index, g)),
    samples=lambda: [
        sample(reals(3, 2), 0, integers([2, 0, 2])),
        ErrorSample((reals(3), 0, integers([3])), "index out of range in self")
    ],
)  # fmt: skip


def check_flat(index: Any, size: int) -> None:
    """Raise PyTorch's error where an index into all elements leaves them."""
    if dtype_name(index) != "int64":
        raise DtypeError(f"take(): Expected a long tensor for index, but got {scalar_type(index)}")
    values = views.array_of(index)
    if values is not None and values.size and (values.min() < -size or values.max() >= size):
        wrong = values.ravel()[((values < -size) | (values >= size)).ravel()][0]
        raise NumericError(f"out of range: tried to access index {wrong} on a tensor of {size} elements.", code="GC305")


def _take_rule(x: Any, index: Any) -> Shape:
    check_flat(index, views.numel(x))
    return index.shape  # type: ignore[no-any-return]


take = op(
    "take", lambda x, index: np.asarray(x).reshape(-1)[index], signature="(input: Tensor, index: Tensor)",
    shape=_take_rule,
    vjp=dict(x=lambda g, x_shape, index: scatter.put(creation.new_zeros(g, x_shape), index, g, True)),
    samples=lambda: [sample(reals(2, 3), integers([[0, -1], [4, 0]]))],
)  # fmt: skip


def _promote_where(op: Op, values: Sequence[Any]) -> Sequence[Any]:
    """Bring both branches to their common dtype; the condition keeps its own."""
    condition, x, y = values
    dtype = as_dtype(result_type([x, y]))
    x, y = (cast(v, dtype) if hasattr(v, "dtype") else dtype.type(v) for v in (x, y))
    return condition, x, y


def _where_rule(condition: Any, x: Any, y: Any) -> Shape:
    if dtype_name(condition) not in ("bool", "uint8"):
        raise DtypeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {scalar_type(condition)}"
        )
    return broadcast_rule(condition, x, y)


_MASK = booleans([[True, False, True], [False, True, True]])
where = op(
    "where", lambda condition, x, y: np.where(condition, x, y), names="torch", promote=_promote_where,
    shape=_where_rule,
    signature="(condition: Tensor, input: Tensor|Scalar, other: Tensor|Scalar)",
    dtype=lambda condition, x, y: result_type([x, y]),
    vjp=dict(x=lambda g, condition: where(condition, g, 0), y=lambda g, condition: where(condition, 0, g)),
    samples=lambda: [
        sample(_MASK, reals(2, 3), reals(3)), sample(_MASK, reals(), 1.5),
        ErrorSample((reals(2), reals(2), reals(2)), "boolean tensor")
    ],
)  # fmt: skip


@composite(
    "Tensor", "(input: Tensor, condition: Tensor, other: Tensor|Scalar)", name="where",
    samples=lambda: [sample(reals(2, 3), _MASK, reals(3))],
)  # fmt: skip
def where_self(x: Any, condition: Any, other: Any) -> Any:
    """Return x where the condition holds, else `other`."""
    return where(condition, x, other)


@composite("torch", "(condition: Tensor)", name="where", samples=lambda: [sample(_MASK)])
def where_nonzero(condition: Any) -> Any:
    """Return the indices of the elements that are not zero, one tensor per dimension."""
    return nonzero_tuple(condition)


def check_mask(mask: Any, text: str) -> None:
    """Raise DtypeError where a mask is not boolean."""
    if dtype_name(mask) != "bool":
        raise DtypeError(text)


def _fill_rule(x: Any, mask: Any, value: Any) -> Shape:
    check_mask(mask, f"masked_fill_ only supports boolean masks, but got mask with dtype {_c_type(mask)}")
    if getattr(value, "ndim", 0):
        raise ShapeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    return broadcast_rule(x, mask)


def _c_type(x: Any) -> str:
    names = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "uint8": "unsigned char"}
    return names.get(dtype_name(x), dtype_name(x))


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    value = value.astype(x.dtype) if hasattr(value, "dtype") else number_as(value, x.dtype.name)
    return np.where(mask, value, x)


masked_fill_tensor = op(
    "masked_fill", lambda x, mask, value: _masked_fill(x, mask, value), grad_fn="MaskedFillBackward1", shape=_fill_rule,
    signature="(input: Tensor, mask: Tensor, value: Tensor)",
    vjp=dict(x=lambda g, mask: masked_fill(g, mask, 0), value=lambda g, mask: reduction.sum_all(where(mask, g, 0))),
    samples=lambda: [sample(reals(2, 3), _MASK, reals())],
)  # fmt: skip
masked_fill = op(
    "masked_fill", lambda x, mask, value: _masked_fill(x, mask, value), shape=_fill_rule,
    signature="(input: Tensor, mask: Tensor, value: Scalar)", vjp=dict(x=lambda g, mask: masked_fill(g, mask, 0)),
    samples=lambda: [
        sample(reals(2, 3), _MASK, 1.5), sample(reals(3), _MASK, 0),
        ErrorSample((reals(2), reals(2), 0), "boolean masks")
    ],
)  # fmt: skip


def _select_rule(x: Any, mask: Any) -> Shape | None:
    check_mask(mask, "masked_select: expected BoolTensor for mask")
    broadcast_rule(x, mask)
    return None


def _masked_select(x: Any, mask: Any) -> Any:
    return np.broadcast_to(x, shape := broadcast_shapes(x.shape, mask.shape))[np.broadcast_to(mask, shape)]


def _select_back(g: Any, shape: Shape, mask: Any) -> Any:
    """Return the cotangent of `masked_select`'s input, expanded as the mask expands it."""
    full = broadcast_shapes(tuple(shape), mask.shape)
    return scatter.masked_scatter(creation.new_zeros(g, full), mask, g)


masked_select = op(
    "masked_select", lambda x, mask: _masked_select(x, mask), signature="(input: Tensor, mask: Tensor)",
    shape=_select_rule,
    vjp=dict(x=lambda g, x_shape, mask: _select_back(g, x_shape, mask)),
    samples=lambda: [sample(reals(2, 3), _MASK), sample(reals(3), _MASK)],
)  # fmt: skip
nonzero = op(
    "nonzero", lambda x: np.array(np.nonzero(np.atleast_1d(x)) if x.ndim else np.empty((0, int(x != 0))), np.int64).T,
    signature="(input: Tensor)", shape=lambda x: None, dtype="int64",
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(_MASK)])
def argwhere(x: Any) -> Any:
    """Return the indices of the elements that are not zero, as rows."""
    return nonzero(x)


@composite(
    "torch Tensor", "(input: Tensor, *, as_tuple: bool)", name="nonzero", samples=lambda: [sample(_MASK, as_tuple=True)]
)
def nonzero_as(x: Any, as_tuple: bool = False) -> Any:
    """Return the indices of the elements that are not zero, as rows or as one tensor per dimension."""
    return nonzero_tuple(x) if as_tuple else nonzero(x)


def nonzero_tuple(x: Any) -> tuple[Any, ...]:
    """Return the indices of the elements that are not zero, one tensor per dimension."""
    from gradcli.ops import slicing

    return slicing.unbind(nonzero(x if x.ndim else views.unsqueeze(x, 0)), 1)  # type: ignore[no-any-return]


@composite(
    "torch Tensor", "(input: Tensor, *, size: int, fill_value: int=-1)", samples=lambda: [sample(_MASK, size=5)]
)  # fmt: skip
def nonzero_static(x: Any, size: int, fill_value: int = -1) -> Any:
    """Return `size` rows of indices of the elements that are not zero, the missing ones filled."""
    found = nonzero.kernel(creation.values_of(x))
    out = np.full((size, found.shape[1]), fill_value, np.int64)
    out[: len(found)] = found[:size]
    return out


@composite("torch", "(indices: Tensor, shape: int[])", samples=lambda: [sample(integers([0, 5]), (2, 3))])
def unravel_index(indices: Any, shape: Shape) -> tuple[Any, ...]:
    """Return the coordinates of elements that are numbered in order."""
    values = creation.values_of(indices)
    if values.size and (values.min() < 0 or values.max() >= prod(shape)):
        raise NumericError("unravel_index() got out of range indices", code="GC305")
    return tuple(np.asarray(axis, np.int64) for axis in np.unravel_index(values, shape))
