"""Slicing: views of some of the elements, and of the elements cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import creation, joining
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._families import view as view_family
from gradcli.ops._op import composite, op, spelling
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import real as reals


def at_dim(dim: int, item: Any) -> tuple[Any, ...]:
    """Return a NumPy index that applies to one dimension, counted from the front."""
    return (*(slice(None),) * dim, item)


def _select_at(x: Any, dim: int, index: int) -> tuple[int, int]:
    if not x.ndim:
        raise ShapeError("select() cannot be applied to a 0-dim tensor.", code="GC304")
    at = normalize_dim(dim, x.ndim)
    if not -x.shape[at] <= index < x.shape[at]:
        raise ShapeError(
            f"select(): index {index} out of range for tensor of size {list(x.shape)} at dimension {dim}", code="GC305"
        )
    return at, index


def _select_rule(x: Any, dim: int, index: int) -> Shape:
    at, _ = _select_at(x, dim, index)
    return (*x.shape[:at], *x.shape[at + 1 :])


def _put(shape: Shape, g: Any, index: Any) -> Any:
    """Return zeros of this shape with g at a NumPy index."""
    out = np.zeros(shape, g.dtype)
    out[index] = g
    return out


select = view_family(
    "select", lambda x, dim, index: x[at_dim(dim % x.ndim, index)], signature="(input: Tensor, dim: int, index: int)",
    shape=_select_rule, vjp=dict(x=lambda g, x_shape, dim, index: select_backward(g, x_shape, dim, index)),
    samples=lambda: [
        sample(reals(2, 3), 1, -1), sample(reals(3), 0, 1), ErrorSample((reals(3), 0, 3), "index 3 out of range")
    ],
)  # fmt: skip
select_backward = op(
    "select_backward", lambda g, size, dim, index: _put(size, g, at_dim(dim % len(size), index)), names="",
    signature="(g: Tensor, size: int[], dim: int, index: int)", shape=lambda g, size, dim, index: size,
    vjp=dict(g=lambda g, dim, index: select(g, dim, index)), samples=lambda: [sample(reals(2), (2, 3), 1, 2)],
)  # fmt: skip


def slice_bounds(size: int, start: int | None, end: int | None) -> tuple[int, int]:
    """Return where a slice of a dimension of this size starts and ends, as Python's slices do."""
    low, high, _ = slice(start, end).indices(size)
    return low, max(low, high)


def _slice_rule(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Shape:
    if not x.ndim:
        raise ShapeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise ShapeError("slice step must be positive")
    at = normalize_dim(dim, x.ndim)
    low, high = slice_bounds(x.shape[at], start, end)
    return (*x.shape[:at], -(-(high - low) // step), *x.shape[at + 1 :])


SLICE = "(input: Tensor, dim: int=0, start: int?=None, end: int?=None, step: int=1)"
slice_ = view_family(
    "slice", lambda x, dim=0, start=None, end=None, step=1: x[at_dim(dim % x.ndim, slice(start, end, step))], names="",
    signature=SLICE, shape=_slice_rule,
    vjp=dict(x=lambda g, x_shape, dim, start, end, step: slice_backward(g, x_shape, dim, start, end, step)),
    samples=lambda: [sample(reals(5, 2), 0, 1, None, 2)],
)  # fmt: skip
slice_backward = op(
    "slice_backward",
    lambda g, size, dim, start, end, step: _put(size, g, at_dim(dim % len(size), slice(start, end, step))),
    names="", signature="(g: Tensor, size: int[], dim: int, start: int?, end: int?, step: int)",
    shape=lambda g, size, *_: size,
    vjp=dict(g=lambda g, dim, start, end, step: slice_(g, dim, start, end, step)),
    samples=lambda: [sample(reals(2, 2), (2, 5), 1, 0, 4, 2)],
)  # fmt: skip


def narrowed(x: Any, dim: int, start: int, length: int) -> tuple[int, int]:
    """Return where `narrow` starts and ends; raise ShapeError where that is outside the dimension."""
    if not x.ndim:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    size = x.shape[normalize_dim(dim, x.ndim)]
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise ShapeError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})", code="GC305"
        )
    low = start + size if start < 0 else start
    if low + length > size:
        raise ShapeError(f"start ({low}) + length ({length}) exceeds dimension size ({size}).")
    return low, low + length


def resolved(shape: Shape, dim: int, start: int, length: int) -> tuple[int, int]:
    """Return the bounds of a `narrow` that is known to fit."""
    low = start + shape[dim] if start < 0 else start
    return low, low + length


@composite(
    "torch Tensor", "(input: Tensor, dim: int, start: int, length: int)", samples=lambda: [sample(reals(2, 5), 1, 1, 3)]
)
def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    """Return `length` elements of a dimension from `start` on."""
    return slice_(x, dim, *narrowed(x, dim, start, length), 1)


def _diagonal_rule(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Shape:
    a, b = normalize_dim(dim1, x.ndim), normalize_dim(dim2, x.ndim)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}", code="GC304")
    rest = tuple(n for at, n in enumerate(x.shape) if at not in (a, b))
    low, high = max(-offset, 0), max(offset, 0)
    return (*rest, max(min(x.shape[a] - low, x.shape[b] - high), 0))


def put_diagonal(out: Any, value: Any, offset: int, dim1: int, dim2: int) -> Any:
    """Write values into a diagonal of a fresh array and return the array."""
    place = np.diagonal(out, offset, dim1, dim2)
    place.flags.writeable = True
    place[...] = value
    return out


diagonal = view_family(
    "diagonal", lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2), shape=_diagonal_rule,
    signature="(input: Tensor, offset: int=0, dim1: int=0, dim2: int=1)",
    vjp=dict(x=lambda g, x_shape, offset, dim1, dim2: diagonal_backward(g, x_shape, offset, dim1, dim2)),
    samples=lambda: [
        sample(reals(3, 4)), sample(reals(2, 3, 4), 1, -1, 0),
        ErrorSample((reals(2, 2), 0, 1, 1), "cannot be identical")
    ],
)  # fmt: skip
diagonal_backward = op(
    "diagonal_backward",
    lambda g, size, offset, dim1, dim2: put_diagonal(np.zeros(size, g.dtype), g, offset, dim1, dim2), names="",
    signature="(g: Tensor, size: int[], offset: int, dim1: int, dim2: int)", shape=lambda g, size, *_: size,
    vjp=dict(g=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2)),
    samples=lambda: [sample(reals(2), (2, 3), 1, 0, 1)],
)  # fmt: skip


@composite(
    "linalg", "(A: Tensor, *, offset: int=0, dim1: int=-2, dim2: int=-1)", name="diagonal",
    samples=lambda: [sample(reals(2, 3, 3), offset=1)],
)  # fmt: skip
def linalg_diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """Return a diagonal of the matrices in the last two dimensions."""
    return diagonal(x, offset, dim1, dim2)


def all_of(g: Any) -> Sequence[Any]:
    """Return the cotangents of all pieces, of which there may be one."""
    return g if isinstance(g, (list, tuple)) else (g,)


def unbind_shapes(x: Any, dim: int = 0) -> tuple[Shape, ...]:
    """Return the shapes of the slices of a dimension."""
    if not x.ndim:
        raise ShapeError("Dimension specified as 0 but tensor has no dimensions", code="GC304")
    at = normalize_dim(dim, x.ndim)
    return ((*x.shape[:at], *x.shape[at + 1 :]),) * x.shape[at]


unbind = view_family(
    "unbind", lambda x, dim=0: tuple(x[at_dim(dim % x.ndim, i)] for i in range(x.shape[dim])), shape=unbind_shapes,
    zeros=True,
    signature="(input: Tensor, dim: int=0)", vjp=dict(x=lambda g, dim: joining.stack(all_of(g), dim)),
    samples=lambda: [sample(reals(2, 3), 1), sample(reals(1, 2))],
)  # fmt: skip


def pieces(size: int, length: int) -> tuple[int, ...]:
    """Return the lengths of pieces of at most `length` that a dimension of this size is cut into."""
    if length < 0:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={length}")
    if length == 0 and size:
        raise ShapeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    count = max(-(-size // length), 1) if length else 1
    return (*(length,) * (count - 1), size - length * (count - 1))


def _cut(x: Any, lengths: Sequence[int], dim: int) -> tuple[Any, ...]:
    """Return consecutive slices of these lengths."""
    ends = np.cumsum(lengths).tolist()
    at = dim % x.ndim
    return tuple(x[at_dim(at, slice(end - n, end))] for n, end in zip(lengths, ends, strict=True))


def _lengths(x: Any, split_size: int, dim: int = 0) -> tuple[int, ...]:
    if not x.ndim:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    return pieces(x.shape[normalize_dim(dim, x.ndim)], split_size)


def _checked(x: Any, split_sizes: Sequence[int], dim: int = 0) -> Sequence[int]:
    if not x.ndim:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    size = x.shape[normalize_dim(dim, x.ndim)]
    if any(n < 0 for n in split_sizes):
        raise ShapeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(split_sizes)}"
        )
    if sum(split_sizes) != size:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), "
            "but got "
            f"split_sizes={list(split_sizes)}"
        )
    return split_sizes


def _piece_shapes(x: Any, lengths: Sequence[int], dim: int) -> tuple[Shape, ...]:
    at = normalize_dim(dim, x.ndim)
    return tuple((*x.shape[:at], n, *x.shape[at + 1 :]) for n in lengths)


def split_rule(x: Any, split_size: int, dim: int = 0) -> tuple[Shape, ...]:
    """Return the shapes of pieces of one length."""
    return _piece_shapes(x, _lengths(x, split_size, dim), dim)


def split_sizes_rule(x: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Shape, ...]:
    """Return the shapes of pieces of given lengths."""
    return _piece_shapes(x, _checked(x, split_sizes, dim), dim)


_JOIN = dict(x=lambda g, dim: joining.cat(all_of(g), dim))
_SPLIT = "({}: Tensor, split_size{}: {}, dim: int=0)"

split = view_family(
    "split", lambda x, split_size, dim=0: _cut(x, _lengths(x, split_size, dim), dim), shape=split_rule, zeros=True,
    vjp=_JOIN,
    signature="(tensor: Tensor, split_size_or_sections: int, dim: int=0)", names="torch",
    samples=lambda: [sample(reals(2, 5), 2, 1)],
)  # fmt: skip
split_with_sizes = view_family(
    "split_with_sizes", lambda x, split_sizes, dim=0: _cut(x, _checked(x, split_sizes, dim), dim),
    shape=split_sizes_rule,
    zeros=True, vjp=_JOIN, signature=_SPLIT.format("input", "s", "int[]"),
    samples=lambda: [sample(reals(2, 5), (1, 4), 1)],
)  # fmt: skip
spelling("torch.split", split_with_sizes, "(tensor: Tensor, split_size_or_sections: int[], dim: int=0)")
spelling("Tensor.split", split, _SPLIT.format("input", "", "int"))
spelling("Tensor.split", split_with_sizes, _SPLIT.format("input", "", "int[]"))
unsafe_split = op(
    "unsafe_split", lambda x, split_size, dim=0: _cut(x, _lengths(x, split_size, dim), dim), shape=split_rule,
    zeros=True, vjp=_JOIN,
    signature=_SPLIT.format("input", "", "int"), samples=lambda: [sample(reals(2, 5), 2, 1)],
)  # fmt: skip
unsafe_split_with_sizes = op(
    "unsafe_split_with_sizes", lambda x, split_sizes, dim=0: _cut(x, _checked(x, split_sizes, dim), dim),
    shape=split_sizes_rule,
    zeros=True, vjp=_JOIN, signature=_SPLIT.format("input", "s", "int[]"),
    samples=lambda: [sample(reals(2, 5), (1, 4), 1)],
)  # fmt: skip


def _chunks(x: Any, chunks: int, dim: int, by_length: Any, by_lengths: Any) -> Any:
    if not x.ndim:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = x.shape[normalize_dim(dim, x.ndim)]
    if not size:
        return by_lengths(x, (0,) * chunks, dim)
    return by_length(x, -(-size // chunks), dim)


@composite("torch Tensor", "(input: Tensor, chunks: int, dim: int=0)", samples=lambda: [sample(reals(2, 5), 2, 1)])
def chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    """Return a number of equal pieces, the last of which may be smaller."""
    return _chunks(x, chunks, dim, split, split_with_sizes)


@composite("torch Tensor", "(input: Tensor, chunks: int, dim: int=0)", samples=lambda: [sample(reals(2, 5), 2, 1)])
def unsafe_chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    """Return the pieces of `chunk` as tensors of their own."""
    return _chunks(x, chunks, dim, unsafe_split, unsafe_split_with_sizes)


def _sections(size: int, count: int) -> list[int]:
    """Return where equal sections of a dimension end, the first of which may be larger by one."""
    small, larger = divmod(size, count)
    return [(i + 1) * small + min(i + 1, larger) for i in range(count)]


@composite(
    "torch Tensor", "(input: Tensor, indices_or_sections: int, dim: int=0)", samples=lambda: [sample(reals(2, 5), 2, 1)]
)
def tensor_split(x: Any, sections: int, dim: int = 0) -> tuple[Any, ...]:
    """Return sections of nearly equal length."""
    if not x.ndim:
        raise ShapeError(f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {x.ndim} dims")
    if sections <= 0:
        raise ShapeError(f"number of sections must be larger than 0, got {sections}")
    ends = _sections(x.shape[normalize_dim(dim, x.ndim)], sections)
    return tuple(slice_(x, dim, low, high, 1) for low, high in zip([0, *ends], ends, strict=False))


@composite(
    "torch Tensor", "(input: Tensor, indices_or_sections: int[], dim: int=0)", name="tensor_split",
    samples=lambda: [sample(reals(2, 5), (1, 3), 1)],
)  # fmt: skip
def split_at(x: Any, indices: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Return the sections between given indices."""
    if not x.ndim:
        raise ShapeError(f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {x.ndim} dims")
    size = x.shape[normalize_dim(dim, x.ndim)]
    return tuple(slice_(x, dim, low, high, 1) for low, high in zip([0, *indices], [*indices, size], strict=True))


@composite(
    "torch Tensor", "(input: Tensor, tensor_indices_or_sections: Tensor, dim: int=0)", name="tensor_split",
    samples=lambda: [sample(reals(2, 5), integers([1, 3]), 1), sample(reals(4), integers(2))],
)  # fmt: skip
def split_at_tensor(x: Any, where: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return sections whose number or bounds a tensor holds."""
    found = creation.values_of(where).tolist()
    return tensor_split(x, found, dim) if isinstance(found, int) else split_at(x, found, dim)


def _even_split(name: str, least: int, dim_of: Any) -> None:
    """Declare hsplit, vsplit or dsplit."""

    def check(x: Any) -> int:
        if x.ndim < least:
            raise ShapeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {x.ndim} "
                "dimensions!"
            )
        return dim_of(x)  # type: ignore[no-any-return]

    def by_count(x: Any, sections: int) -> Any:
        dim = check(x)
        if sections <= 0 or x.shape[dim] % sections:
            raise ShapeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {x.shape[dim]} "
                "is not divisible "
                f"by the split_size {sections}!"
            )
        return tensor_split(x, sections, dim)

    def at_indices(x: Any, indices: Sequence[int]) -> Any:
        return split_at(x, indices, check(x))

    by_count.__doc__ = f"Return equal sections of what {name} splits."
    at_indices.__doc__ = f"Return the sections between given indices of what {name} splits."
    kinds = ((by_count, "sections: int", 2), (at_indices, "indices: int[]", (1,)))
    for function, parameter, value in kinds:
        tried = sample(reals(2, 4, 6), value)
        composite("torch Tensor", f"(input: Tensor, {parameter})", name=name, samples=(tried,))(function)


_even_split("hsplit", 1, lambda x: 0 if x.ndim == 1 else 1)
_even_split("vsplit", 2, lambda x: 0)
_even_split("dsplit", 3, lambda x: 2)
