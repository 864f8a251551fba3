"""Subscripts: what `x[…]` means, taken apart as PyTorch takes it apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import creation, slicing, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._layout import common_order, ordered
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import mask as booleans
from gradcli.ops._samples import real as reals
from gradcli.ops._signature import is_tensor


def is_mask(index: Any) -> bool:
    """Return whether an index tensor chooses elements by truth rather than by number."""
    return dtype_name(index) in ("bool", "uint8")


def _numpy_index(indices: Sequence[Any]) -> tuple[Any, ...]:
    """Return index tensors (None: everything) as NumPy takes them."""
    return tuple(slice(None) if i is None else i.astype(bool) if i.dtype == np.uint8 else i for i in indices)


def _check_tensors(x: Any, indices: Sequence[Any]) -> None:
    """Raise PyTorch's errors for index tensors that do not fit; `dim` counts what masks take up."""
    dim = 0
    for number, index in enumerate(indices):
        if index is not None:
            _check_tensor(x, index, dim, sum(i is not None for i in indices[:number]))
        dim += index.ndim if index is not None and is_mask(index) else 1


def _check_tensor(x: Any, index: Any, dim: int, number: int) -> None:
    if is_mask(index):
        for at in range(index.ndim):
            if dim + at >= x.ndim or index.shape[at] != x.shape[dim + at]:
                raise ShapeError(
                    f"The shape of the mask {list(index.shape)} at index {at} does not match the shape of the indexed "
                    "tensor "
                    f"{list(x.shape)} at index {dim + at}"
                )
        return
    if dtype_name(index) not in ("int32", "int64"):
        raise DtypeError("tensors used as indices must be long, int, byte or bool tensors")
    values = views.array_of(index)
    size = x.shape[dim]
    if values is not None and values.size and (values.min() < -size or values.max() >= size):
        wrong = values.ravel()[((values < -size) | (values >= size)).ravel()][0]
        raise NumericError(f"index {wrong} is out of bounds for dimension {number} with size {size}", code="GC305")


def _index_rule(x: Any, indices: Sequence[Any]) -> Shape | None:
    _check_tensors(x, indices)
    if any(i is not None and is_mask(i) for i in indices):
        return None
    shapes = [i.shape for i in indices if i is not None]
    try:
        common = broadcast_shapes(*shapes)
    except ShapeError:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise ShapeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None
    return _placed(x.shape, [at for at, i in enumerate(indices) if i is not None], common, len(indices))


def _placed(shape: Shape, dims: Sequence[int], common: Shape, used: int) -> Shape:
    """Return the shape of a result: the indices' common shape in place where they are neighbours, else in front."""
    rest = [n for at, n in enumerate(shape) if at not in dims]
    at = dims[0] if list(dims) == list(range(dims[0], dims[-1] + 1)) else 0
    return (*rest[:at], *common, *rest[at:])


def _index(x: Any, indices: Sequence[Any]) -> Any:
    result = x[_numpy_index(indices)]
    tensors = [i for i in indices if i is not None]
    if x.flags.c_contiguous and all(i.flags.c_contiguous for i in tensors):
        return np.ascontiguousarray(result)
    return ordered(result, _result_order(x, indices, result.shape))


def _result_order(x: Any, indices: Sequence[Any], shape: Shape) -> tuple[int, ...] | None:
    """Return in which order the dimensions of a result lie in memory, as the strides of x and the indices say."""
    taken = [at for at, i in _spread(indices) if i is not None]
    vectors = [np.asarray(v) for i in indices if i is not None for v in (np.nonzero(i) if is_mask(i) else (i,))]
    common = broadcast_shapes(*(v.shape for v in vectors))
    at = taken[0] if taken == list(range(taken[0], taken[-1] + 1)) else 0
    rest = [x.strides[d] for d in range(x.ndim) if d not in taken]
    source = (*rest[:at], *(0,) * len(common), *rest[at:])
    others = [(*(0,) * at, *np.broadcast_to(v, common).strides, *(0,) * (len(rest) - at)) for v in vectors]
    return common_order(shape, [source, *others])


def _spread(indices: Sequence[Any]) -> list[tuple[int, Any]]:
    """Return each dimension that the indices take up with its index; a mask takes up several."""
    flat = [i for i in indices for _ in range(i.ndim if i is not None and is_mask(i) else 1)]
    return list(enumerate(flat))


index = op(
    "index", _index, names="", signature="(input: Tensor, indices: Tensor[])", shape=_index_rule,
    vjp=dict(x=lambda g, x_shape, indices: index_put(creation.new_zeros(g, x_shape), indices, g, True)),
)  # fmt: skip


def _put_rule(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Shape:
    if dtype_name(x) != dtype_name(values):
        raise DtypeError(
            f"Index put requires the source and destination dtypes match, got {scalar_type(x)} for the destination and "
            f"{scalar_type(values)} for the source."
        )
    found = _index_rule(x, indices)
    if found is not None and not _fits(values.shape, found):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of "
            f"shape {list(found)}"
        )
    return x.shape  # type: ignore[no-any-return]


def _fits(shape: Shape, target: Shape) -> bool:
    tail = target[len(target) - len(shape) :] if shape else ()
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape, tail, strict=True))


def _index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    out = np.array(x, order="C")
    if accumulate:
        np.add.at(out, _numpy_index(indices), values)
    else:
        out[_numpy_index(indices)] = values
    return out


index_put = op(
    "index_put", lambda x, indices, values, accumulate=False: _index_put(x, indices, values, accumulate),
    shape=_put_rule,
    signature="(input: Tensor, indices: Tensor[], values: Tensor, accumulate: bool=False)",
    vjp=dict(
        x=lambda g, indices, values_shape, accumulate: g if accumulate else index_put(
            g, indices, creation.new_zeros(g, values_shape), False),
        values=lambda g, indices: index(g, indices),
    ),
    samples=lambda: [
        sample(reals(3, 2), [integers([0, 2])], reals(2, 2)),
        sample(reals(3, 2), [integers([0, 0]), integers([1, 1])], reals(2), True),
        sample(reals(3), [booleans([True, False, True])], reals(2)),
    ],
)  # fmt: skip


def _is_several(items: Sequence[Any]) -> bool:
    """Return whether a list stands for a tuple of indices, as it does where it holds more than numbers."""
    return len(items) < 32 and any(
        i is None or i is Ellipsis or isinstance(i, (slice, list, tuple)) or is_tensor(i) for i in items
    )


def _as_index(item: Any) -> Any:
    """Return a list of numbers as an index tensor."""
    if not isinstance(item, (list, tuple)):
        return item
    return np.array(item) if len(item) else np.empty((0,), np.int64)


def _taken(item: Any) -> int:
    """Return how many dimensions one item of an index takes up."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return int(item.ndim) if is_tensor(item) and is_mask(item) else 1


def _number(item: Any) -> Any:
    """Return the number that an item of an index is, or None."""
    if isinstance(item, int) and not isinstance(item, bool):
        return item
    if is_tensor(item) and item.ndim == 0 and dtype_name(item) not in ("bool", "uint8"):
        if "int" not in dtype_name(item):
            raise DtypeError("tensors used as indices must be long, int, byte or bool tensors")
        values = views.array_of(item)
        return 0 if values is None else int(values)
    return None


def _select(x: Any, dim: int, at: int, place: int) -> Any:
    """Return one slice of a dimension; PyTorch's message names the number's place in the subscript."""
    size = x.shape[dim]
    if not -size <= at < size:
        raise ShapeError(f"index {at} is out of bounds for dimension {place} with size {size}", code="GC305")
    return slicing.select(x, dim, at)


def _bound(value: Any) -> Any:
    return int(value.item()) if is_tensor(value) else value


def _slice(x: Any, dim: int, item: slice) -> Any:
    step = 1 if item.step is None else _bound(item.step)
    if step == 0:
        raise ShapeError("slice step cannot be zero")
    if step < 0:
        raise ShapeError("step must be greater than zero", hint="flip(x, dims) reverses a dimension")
    return slicing.slice_(x, dim, _bound(item.start), _bound(item.stop), step)


def _is_whole(x: Any, dim: int, item: slice) -> bool:
    start, stop, step = (
        item.indices(x.shape[dim]) if not any(map(is_tensor, (item.start, item.stop, item.step))) else (1, 0, 1)
    )
    return (start, stop, step) == (0, x.shape[dim], 1)


def _check_item(item: Any) -> None:
    if not (item is None or item is Ellipsis or isinstance(item, (int, slice)) or is_tensor(item)):
        raise ShapeError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(item).__name__})"
        )


def _check_count(x: Any, items: Sequence[Any]) -> int:
    """Return how many dimensions an index takes up; raise PyTorch's error where x has fewer."""
    for item in items:
        _check_item(item)
    taken = sum(map(_taken, items))
    if not x.ndim and any(_number(i) is not None for i in items):
        raise ShapeError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor "
            "to a number", code="GC304",
        )  # fmt: skip
    if not x.ndim and any(isinstance(i, slice) for i in items):
        raise ShapeError("slice() cannot be applied to a 0-dim tensor.", code="GC304")
    if taken > x.ndim:
        raise ShapeError(f"too many indices for tensor of dimension {x.ndim}", code="GC304")
    return taken


def _samples() -> list[Any]:
    m, v = reals(2, 3), reals(2, 3, 2)
    rows = integers([1, 0, 1])
    chosen = booleans([[True, False, True], [False, True, True]])
    several = [(0, slice(1, None)), (slice(None), slice(0, 3, 2)), (None, 1), (Ellipsis, 0), ([0, 1], [2, 2])]
    return [
        *(sample(m, index) for index in (1, Ellipsis, slice(1, None), rows, chosen, *several)),
        *(sample(v, index) for index in ((slice(None), rows), (rows, slice(None), rows), (chosen, 0))),
        ErrorSample((m, 5), "index 5 is out of bounds for dimension 0 with size 2"),
        ErrorSample((m, (0, 0, 0)), "too many indices for tensor of dimension 2"),
    ]


@composite("Tensor", "(input: Tensor, index: any)", name="__getitem__", samples=lambda: _samples())
def getitem(x: Any, index: Any) -> Any:
    """Return the elements that a subscript chooses: ints, slices, None, Ellipsis, index tensors, masks and lists."""
    if isinstance(index, list) and _is_several(index):
        index = tuple(index)
    if isinstance(index, slice):
        _check_count(x, [index])
        return _slice(x, 0, index)
    items = [_as_index(i) for i in (index if isinstance(index, tuple) else (index,))]
    sliced, tensors = _apply(x, items, _check_count(x, items))
    if tensors:
        return _by_tensors(sliced, tensors)
    return views.alias(x) if sliced is x else sliced


def _apply(x: Any, items: Sequence[Any], taken: int) -> tuple[Any, dict[int, Any]]:
    """Return x after all items that are views, and the index tensors that remain, by their dimension."""
    result, dim, tensors = x, 0, {}
    for place, item in enumerate(items):
        number = _number(item)
        if number is not None:
            result = _select(result, dim, number, place)
        elif item is None:
            result, dim = views.unsqueeze(result, dim), dim + 1
        elif item is Ellipsis:
            dim += x.ndim - taken
        elif isinstance(item, slice):
            result = result if _is_whole(result, dim, item) else _slice(result, dim, item)
            dim += 1
        elif isinstance(item, bool) or item.ndim == 0:
            result, tensors[dim] = views.unsqueeze(result, dim), np.zeros(1 if bool(item) else 0, np.int64)
            dim += 1
        else:
            tensors[dim] = item
            dim += max(_taken(item), 1)
    return result, tensors


def _by_tensors(x: Any, tensors: dict[int, Any]) -> Any:
    indices: list[Any] = []
    dim = 0
    while dim <= max(tensors):
        found = tensors.get(dim)
        indices.append(found)
        dim += found.ndim if found is not None and is_mask(found) else 1
    return index(x, indices)
