"""Joining: several tensors made one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import creation, expansion, indexing, slicing, views
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._layout import channels_last, ordered
from gradcli.ops._op import composite, op, spelling
from gradcli.ops._promotion import same
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import real as reals


def _is_skipped(shape: Shape) -> bool:
    """Return whether `cat` ignores a tensor: an empty one of one dimension fits everywhere."""
    return shape == (0,)


def _cat_rule(tensors: Sequence[Any], dim: int = 0) -> Shape:
    if not tensors:
        raise ShapeError("torch.cat(): expected a non-empty list of Tensors")
    for at, x in enumerate(tensors):
        if not x.ndim:
            raise ShapeError(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    shapes = [(at, x.shape) for at, x in enumerate(tensors) if not _is_skipped(x.shape)]
    if not shapes:
        normalize_dim(dim, 1)
        return (0,)
    first = shapes[0][1]
    along = normalize_dim(dim, len(first))
    for at, shape in shapes[1:]:
        _check_sizes(first, shape, along, at)
    return (*first[:along], sum(shape[along] for _, shape in shapes), *first[along + 1 :])


def _check_sizes(first: Shape, shape: Shape, along: int, at: int) -> None:
    if len(shape) != len(first):
        raise ShapeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
    for dim, (n, m) in enumerate(zip(first, shape, strict=True)):
        if n != m and dim != along:
            raise ShapeError(
                f"Sizes of tensors must match except in dimension {along}. Expected size {n} but got size {m} for "
                "tensor number "
                f"{at} in the list."
            )


def _cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    if not tensors:
        _cat_rule(tensors)
    kept = [x for x in tensors if not _is_skipped(x.shape)]
    if not kept:
        return np.array(tensors[0])
    orders = {channels_last(np.asarray(x)) for x in kept}
    return ordered(np.concatenate(kept, dim), orders.pop() if len(orders) == 1 else None)


def _cut_back(g: Any, shapes: Sequence[Shape], dim: int) -> list[Any]:
    """Return what each tensor that `cat` joined gets of a cotangent."""
    lengths = [0 if _is_skipped(shape) else shape[dim] for shape in shapes]
    parts = zip(shapes, accumulate(lengths), lengths, strict=True)
    return [
        creation.new_zeros(g, shape) if _is_skipped(shape) else slicing.narrow(g, dim, end - n, n)
        for shape, end, n in parts
    ]


cat = op(
    "cat", lambda tensors, dim=0: _cat(tensors, dim), names="torch", signature="(tensors: Tensor[], dim: int=0)",
    promote=same,
    shape=_cat_rule, vjp=dict(tensors=lambda g, tensors_shape, dim: _cut_back(g, tensors_shape, dim)),
    samples=lambda: [
        sample([reals(2, 3), reals(1, 3)]), sample([reals(2, 3), reals(2, 1)], -1),
        ErrorSample(([reals(2, 3), reals(2, 2)],), "Sizes of tensors must match except in dimension 0"),
    ],
)  # fmt: skip
spelling("torch.concat torch.concatenate", cat)


def _stack_rule(tensors: Sequence[Any], dim: int = 0) -> Shape:
    if not tensors:
        raise ShapeError("stack expects a non-empty TensorList")
    first = tensors[0].shape
    for at, x in enumerate(tensors):
        if x.shape != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(x.shape)} at "
                f"entry {at}"
            )
    along = normalize_dim(dim, len(first) + 1)
    return (*first[:along], len(tensors), *first[along:])


def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    if not tensors:
        _stack_rule(tensors)
    return np.ascontiguousarray(np.stack(tensors, dim))


stack = op(
    "stack", lambda tensors, dim=0: _stack(tensors, dim), names="torch", promote=same, shape=_stack_rule,
    signature="(tensors: Tensor[], dim: int=0)", vjp=dict(tensors=lambda g, dim: slicing.unbind(g, dim)),
    samples=lambda: [sample([reals(2, 3), reals(2, 3)], 1), sample([reals(), reals()])],
)  # fmt: skip


@composite(
    "torch", "(tensors: Tensor[])", samples=lambda: [sample([reals(2, 3), reals(2, 1)]), sample([reals(2), reals()])]
)
def hstack(tensors: Sequence[Any]) -> Any:
    """Return tensors side by side."""
    if not tensors:
        raise ShapeError("hstack expects a non-empty TensorList")
    parts = [expansion.at_least(x, 1) for x in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@composite("torch.vstack torch.row_stack", "(tensors: Tensor[])", samples=lambda: [sample([reals(2, 3), reals(3)])])
def vstack(tensors: Sequence[Any]) -> Any:
    """Return tensors on top of each other."""
    if not tensors:
        raise ShapeError("vstack expects a non-empty TensorList")
    return cat([expansion.at_least(x, 2) for x in tensors], 0)


@composite("torch", "(tensors: Tensor[])", samples=lambda: [sample([reals(2, 3), reals(2, 3)])])
def dstack(tensors: Sequence[Any]) -> Any:
    """Return tensors behind each other."""
    if not tensors:
        raise ShapeError("dstack expects a non-empty TensorList")
    return cat([expansion.at_least(x, 3) for x in tensors], 2)


@composite("torch", "(tensors: Tensor[])", samples=lambda: [sample([reals(3), reals(3, 2)])])
def column_stack(tensors: Sequence[Any]) -> Any:
    """Return tensors side by side, those of one dimension as columns."""
    if not tensors:
        raise ShapeError("column_stack expects a non-empty TensorList")
    return hstack([views.reshape(x, (prod(x.shape), 1)) if x.ndim <= 1 else x for x in tensors])


def _sides(shape: Shape) -> tuple[int, int]:
    """Return height and width of a block; a scalar or vector is a row."""
    if len(shape) > 2:
        raise ShapeError("torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ")
    return ((1, 1), (1, *shape), shape)[len(shape)]  # type: ignore[return-value]


def _block_rule(tensors: Sequence[Any]) -> Shape:
    for at, x in enumerate(tensors):
        if x.ndim > 2:
            raise ShapeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {at} has {x.ndim} dimensions"
            )
    sides = [_sides(x.shape) for x in tensors]
    return sum(h for h, _ in sides), sum(w for _, w in sides)


def _corners(shapes: Sequence[Shape]) -> list[tuple[int, int, int, int]]:
    """Return top, bottom, left and right of each block."""
    sides = [_sides(shape) for shape in shapes]
    bottoms, rights = accumulate(h for h, _ in sides), accumulate(w for _, w in sides)
    return [(b - h, b, r - w, r) for (h, w), b, r in zip(sides, bottoms, rights, strict=True)]


def _block_diag(tensors: Sequence[Any]) -> Any:
    out = np.zeros(_block_rule(tensors), tensors[0].dtype)
    for x, (top, bottom, left, right) in zip(tensors, _corners([x.shape for x in tensors]), strict=True):
        out[top:bottom, left:right] = x
    return out


def _blocks(g: Any, shapes: Sequence[Shape]) -> list[Any]:
    """Return the blocks of a matrix in their own shapes."""
    cut = [
        slicing.slice_(slicing.slice_(g, 0, top, bottom, 1), 1, left, right, 1)
        for top, bottom, left, right in _corners(shapes)
    ]
    return [views.reshape(block, shape) for block, shape in zip(cut, shapes, strict=True)]


block_diag = op(
    "block_diag", lambda tensors: _block_diag(tensors), names="torch", signature="(*tensors: Tensor[])", promote=same,
    shape=_block_rule, vjp=dict(tensors=lambda g, tensors_shape: _blocks(g, tensors_shape)),
    samples=lambda: [sample([reals(2, 3), reals(2), reals()])],
)  # fmt: skip


@composite("torch", "(*tensors: Tensor[], *, indexing: str='ij')", samples=lambda: [sample([reals(2), reals(3)])])
def meshgrid(tensors: Sequence[Any], indexing: str = "ij") -> tuple[Any, ...]:
    """Return the coordinates of a grid, given those of its axes."""
    _check_mesh(tensors, indexing)
    if indexing == "xy" and len(tensors) > 1:
        second, first, *rest = meshgrid((tensors[1], tensors[0], *tensors[2:]))
        return (first, second, *rest)
    sizes = tuple(prod(x.shape) for x in tensors)
    ones = (1,) * len(sizes)
    return tuple(
        expansion.expand(views.view(x, (*ones[:at], sizes[at], *ones[at + 1 :])), sizes) for at, x in enumerate(tensors)
    )


def _check_mesh(tensors: Sequence[Any], indexing: str) -> None:
    if not tensors:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise ShapeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {_shown(x)}")
    if any(x.dtype != tensors[0].dtype for x in tensors):
        raise DtypeError("meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')


def _shown(x: Any) -> str:
    return f"a tensor of shape {list(x.shape)}"


@composite("torch", "(*tensors: Tensor[])", samples=lambda: [sample([reals(2), reals(3)])])
def cartesian_prod(tensors: Sequence[Any]) -> Any:
    """Return all combinations of one element from each tensor, as rows."""
    for x in tensors:
        if x.ndim != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([views.flatten(grid) for grid in meshgrid(tensors)], 1)


def _increasing(n: int, r: int, with_replacement: bool) -> Any:
    """Return where in a grid of n to the power r the indices increase."""
    places = np.indices((n,) * r)
    follows = np.less_equal if with_replacement else np.less
    return np.all(follows(places[:-1], places[1:]), axis=0)


@composite(
    "torch",
    "(input: Tensor, r: int=2, with_replacement: bool=False)",
    samples=lambda: [sample(reals(4), 2), sample(reals(3), 2, True)],
)
def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Return the combinations of r elements, as rows."""
    if x.ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return np.empty((0,), x.dtype)
    chosen = _increasing(x.shape[0], r, with_replacement)
    return stack([indexing.masked_select(grid, chosen) for grid in meshgrid([x] * r)], 1)
