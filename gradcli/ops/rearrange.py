"""Rearranging: new tensors with the elements of another in another order, repeated, or padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import creation, indexing, reduction
from gradcli.ops._families import Shape, normalize_dim, normalize_dims
from gradcli.ops._layout import channels_last, copied, ordered
from gradcli.ops._numbers import number_as
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import index as integers
from gradcli.ops._samples import real as reals
from gradcli.ops.expansion import at_least, broadcast_tensors, broadcast_to, expand, expand_as
from gradcli.ops.parts import adjoint, conj, conj_physical, detach, imag, real, view_as_complex, view_as_real
from gradcli.ops.slicing import (
    chunk,
    diagonal,
    diagonal_backward,
    narrow,
    put_diagonal,
    select,
    slice_,
    split,
    split_with_sizes,
    tensor_split,
    unbind,
)  # fmt: skip
from gradcli.ops.views import (
    alias,
    array_of,
    clone,
    clone_contiguous,
    contiguous,
    flatten,
    infer_size,
    is_contiguous,
    movedim,
    numel,
    permute,
    ravel,
    reshape,
    squeeze,
    squeeze_dim,
    squeeze_dims,
    t,
    transpose,
    unflatten,
    unsqueeze,
    view,
)  # fmt: skip
from gradcli.ops.windows import as_strided, unfold


def _flip_rule(x: Any, dims: Sequence[int]) -> Shape:
    if dims:
        normalize_dims(dims, x.ndim)
    return x.shape  # type: ignore[no-any-return]


flip = op(
    "flip", lambda x, dims: copied(np.flip(x, dims)) if x.ndim else x.copy(), shape=_flip_rule,
    signature="(input: Tensor, *dims: int[])", vjp=dict(x=lambda g, dims: flip(g, dims)),
    samples=lambda: [
        sample(reals(2, 3), (0, 1)), sample(reals(2, 3), (-1,)), ErrorSample((reals(2), (3,)), "Dimension out of range")
    ],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))])
def fliplr(x: Any) -> Any:
    """Return x with its columns in reverse order."""
    if x.ndim < 2:
        raise ShapeError("Input must be >= 2-d.")
    return flip(x, (1,))


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))])
def flipud(x: Any) -> Any:
    """Return x with its rows in reverse order."""
    if x.ndim < 1:
        raise ShapeError("Input must be >= 1-d.")
    return flip(x, (0,))


def _roll_rule(x: Any, shifts: Sequence[int], dims: Sequence[int] = ()) -> Shape:
    if len(dims) != len(shifts) and not (not dims and len(shifts) == 1):
        if not shifts:
            raise ShapeError("`shifts` required")
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    for d in dims:
        normalize_dim(d, x.ndim)
    return x.shape  # type: ignore[no-any-return]


def _roll(x: Any, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    if not x.ndim:
        return x.copy()
    return np.ascontiguousarray(np.roll(x, tuple(shifts), tuple(dims)) if dims else np.roll(x, shifts[0]))


roll = op(
    "roll", lambda x, shifts, dims=(): _roll(x, shifts, dims),
    signature="(input: Tensor, shifts: int[1], dims: int[1]=())",
    shape=_roll_rule, vjp=dict(x=lambda g, shifts, dims: roll(g, tuple(-s for s in shifts), dims)),
    samples=lambda: [sample(reals(2, 3), (1,)), sample(reals(2, 3), (1, -1), (0, 1)), sample(reals(4), (2,), (0,))],
)  # fmt: skip


def _rotated(x: Any, k: int, dims: Sequence[int]) -> tuple[int, int]:
    """Return the two dimensions of a rotation, checked as PyTorch does."""
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if x.ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {x.ndim}")
    a, b = (normalize_dim(d, x.ndim) for d in dims)
    if a == b:
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return a, b


def _rot90_rule(x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Shape:
    a, b = _rotated(x, k, dims)
    shape = list(x.shape)
    if k % 2:
        shape[a], shape[b] = shape[b], shape[a]
    return tuple(shape)


def _rot90(x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    a, b = _rotated(x, k, dims)
    turns = k % 4
    if turns == 0:
        return x.copy()
    if turns == 2:
        return copied(np.flip(x, (a, b)))
    return np.swapaxes(copied(np.flip(x, b if turns == 1 else a)), a, b)


rot90 = op(
    "rot90", lambda x, k=1, dims=(0, 1): _rot90(x, k, dims), signature="(input: Tensor, k: int=1, dims: int[]=(0, 1))",
    shape=_rot90_rule, vjp=dict(x=lambda g, k, dims: rot90(g, -k, dims)),
    samples=lambda: [sample(reals(2, 3), k) for k in (0, 1, 2, -1)] + [sample(reals(2, 3, 2), 1, (0, 2))],
)  # fmt: skip


def _repeat_rule(x: Any, repeats: Sequence[int]) -> Shape:
    extra = len(repeats) - x.ndim
    if extra < 0:
        raise ShapeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = tuple(n * r for n, r in zip((1,) * extra + x.shape, repeats, strict=True))
    if any(n < 0 for n in shape) or any(r < 0 for r in repeats):
        wrong = next(n for n, r in zip(shape, repeats, strict=True) if n < 0 or r < 0)
        raise ShapeError(f"Trying to create tensor with negative dimension {wrong}: {list(shape)}")
    return shape


def _repeat_back(g: Any, shape: Shape, repeats: Sequence[int]) -> Any:
    """Return the sum of all copies."""
    if 0 in repeats:
        return creation.new_zeros(g, shape)
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    sizes = [size for pair in zip(repeats, padded, strict=True) for size in pair]
    if not sizes:
        return g
    summed = reduction.sum_(reshape(g, tuple(sizes)), tuple(range(0, len(sizes), 2)), False)
    return reshape(summed, tuple(shape))


repeat = op(
    "repeat", lambda x, repeats: np.tile(x, repeats) if repeats else x.copy(), names="Tensor", shape=_repeat_rule,
    signature="(input: Tensor, *repeats: int[])",
    vjp=dict(x=lambda g, x_shape, repeats: _repeat_back(g, x_shape, repeats)),
    samples=lambda: [sample(reals(2, 3), (2, 1)), sample(reals(3), (2, 2))],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor, *dims: int[])", samples=lambda: [sample(reals(2, 3), (2,))])
def tile(x: Any, dims: Sequence[int]) -> Any:
    """Return x repeated, by counts for its last dimensions."""
    return repeat(x, (1,) * (x.ndim - len(dims)) + tuple(dims))


@composite(
    "torch", "(repeats: Tensor, *, output_size: int?=None)", name="repeat_interleave",
    samples=lambda: [sample(integers([2, 0, 1]))],
)  # fmt: skip
def repeated_indices(repeats: Any, output_size: int | None = None) -> Any:
    """Return every index as often as `repeats` says."""
    counts = creation.values_of(repeats)
    if counts.ndim != 1:
        raise ShapeError("repeat_interleave only accept 1D vector as repeat")
    if counts.size and counts.min() < 0:
        raise ShapeError("repeats can not be negative")
    return np.repeat(np.arange(counts.size, dtype=np.int64), counts)


@composite(
    "torch Tensor", "(input: Tensor, repeats: Tensor, dim: int?=None, *, output_size: int?=None)",
    samples=lambda: [sample(reals(2, 3), integers([1, 2]), 0), sample(reals(2), integers([0, 3]))],
)  # fmt: skip
def repeat_interleave(x: Any, repeats: Any, dim: int | None = None, output_size: int | None = None) -> Any:
    """Return x with every element of a dimension repeated as often as `repeats` says."""
    x, dim = (flatten(x), 0) if dim is None else (x, normalize_dim(dim, x.ndim))
    counts = creation.values_of(repeats)
    if counts.ndim > 1:
        raise ShapeError(f"repeats must be 0-dim or 1-dim tensor, but got {counts.ndim}-dim")
    size = x.shape[dim] if x.ndim else 1
    if counts.size == 1:
        counts = np.broadcast_to(counts.reshape(1), (size,))
    if counts.size != size:
        raise ShapeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({dim}) = {size}"
        )
    return indexing.index_select(x, dim, repeated_indices(counts))


@composite(
    "torch Tensor", "(input: Tensor, repeats: int, dim: int?=None, *, output_size: int?=None)",
    name="repeat_interleave",
    samples=lambda: [sample(reals(2, 3), 2), sample(reals(2, 3), 2, 1)],
)  # fmt: skip
def repeat_each(x: Any, repeats: int, dim: int | None = None, output_size: int | None = None) -> Any:
    """Return x with every element of a dimension repeated."""
    x, dim = (flatten(x), 0) if dim is None else (x, normalize_dim(dim, x.ndim))
    if repeats < 0:
        raise ShapeError("Repeats must be non-negative")
    x = unsqueeze(x, dim + 1)
    spread = clone_contiguous(expand(x, (*x.shape[: dim + 1], repeats, *x.shape[dim + 2 :])))
    return flatten(spread, dim, dim + 1)


def _triangle_rule(name: str) -> Any:
    def rule(x: Any, diagonal: int = 0) -> Shape:
        if x.ndim < 2:
            raise ShapeError(f"{name}: input tensor must have at least 2 dimensions")
        return x.shape  # type: ignore[no-any-return]

    return rule


tril = op(
    "tril", lambda x, diagonal=0: np.ascontiguousarray(np.tril(x, diagonal)),
    signature="(input: Tensor, diagonal: int=0)",
    shape=_triangle_rule("tril"), vjp=dict(x=lambda g, diagonal: tril(g, diagonal)),
    samples=lambda: [sample(reals(3, 4), 1)],
)  # fmt: skip
triu = op(
    "triu", lambda x, diagonal=0: np.ascontiguousarray(np.triu(x, diagonal)),
    signature="(input: Tensor, diagonal: int=0)",
    shape=_triangle_rule("triu"), vjp=dict(x=lambda g, diagonal: triu(g, diagonal)),
    samples=lambda: [sample(reals(2, 3, 4), -1)],
)  # fmt: skip


def _trace_rule(x: Any) -> Shape:
    if x.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return ()


def _total_dtype(x: Any) -> str:
    name = str(x.dtype)
    return "int64" if name == "bool" or "int" in name else name


trace = op(
    "trace", lambda x: np.trace(x, dtype=_total_dtype(x)), signature="(input: Tensor)", shape=_trace_rule,
    dtype=_total_dtype,
    latex=r"\operatorname{tr} x", samples=lambda: [sample(reals(3, 4)), ErrorSample((reals(3),), "expected a matrix")],
    vjp=dict(x=lambda g, x_shape: diagonal_backward(expand(g, (min(x_shape),)), x_shape, 0, 0, 1)),
)  # fmt: skip


def _diag_embed_rule(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Shape:
    a, b = normalize_dim(dim1, x.ndim + 1), normalize_dim(dim2, x.ndim + 1)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}", code="GC304")
    if not x.ndim:
        raise ShapeError("Dimension specified as -1 but tensor has no dimensions", code="GC304")
    rest = iter(x.shape[:-1])
    size = x.shape[-1] + abs(offset)
    return tuple(size if at in (a, b) else next(rest) for at in range(x.ndim + 1))


def _diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    return put_diagonal(np.zeros(_diag_embed_rule(x, offset, dim1, dim2), x.dtype), x, offset, dim1, dim2)


diag_embed = op(
    "diag_embed", lambda x, offset=0, dim1=-2, dim2=-1: _diag_embed(x, offset, dim1, dim2), shape=_diag_embed_rule,
    signature="(input: Tensor, offset: int=0, dim1: int=-2, dim2: int=-1)",
    vjp=dict(x=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2)),
    samples=lambda: [sample(reals(2, 3)), sample(reals(3), 1), sample(reals(2, 3), -1, 0, 2)],
)  # fmt: skip


@composite(
    "torch Tensor", "(input: Tensor, diagonal: int=0)", samples=lambda: [sample(reals(3)), sample(reals(3, 4), 1)]
)
def diag(x: Any, diagonal: int = 0) -> Any:
    """Return the matrix with this diagonal, or a matrix's diagonal."""
    from gradcli.ops import copies

    if x.ndim not in (1, 2):
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    return diag_embed(x, diagonal, -2, -1) if x.ndim == 1 else copies.diagonal_copy(x, diagonal, 0, 1)


@composite("torch Tensor", "(input: Tensor, offset: int=0)", samples=lambda: [sample(reals(2, 2))])
def diagflat(x: Any, offset: int = 0) -> Any:
    """Return the matrix whose diagonal is all elements of x."""
    return diag(view(contiguous(x), (-1,)), offset)


def _padded(x: Any, pad: Sequence[int], value: Any = 0) -> Shape:
    if len(pad) % 2:
        raise ShapeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * x.ndim:
        raise ShapeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}while the input has {x.ndim}dimensions."
        )
    shape = list(x.shape)
    for at in range(len(pad) // 2):
        dim = x.ndim - at - 1
        shape[dim] += pad[2 * at] + pad[2 * at + 1]
        if shape[dim] < 0:
            raise ShapeError("narrow(): length must be non-negative.")
    return tuple(shape)


def _pad(x: Any, pad: Sequence[int], value: Any = 0) -> Any:
    shape = _padded(x, pad, value)
    order = channels_last(x)
    out = (
        np.full(shape, number_as(value, x.dtype.name))
        if order is None
        else ordered(np.full(shape, number_as(value, x.dtype.name)), order)
    )
    target, source = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for at in range(len(pad) // 2):
        dim, low = x.ndim - at - 1, pad[2 * at]
        target[dim] = slice(max(low, 0), max(shape[dim] - max(pad[2 * at + 1], 0), 0))
        source[dim] = slice(max(-low, 0), max(x.shape[dim] - max(-pad[2 * at + 1], 0), 0))
    out[tuple(target)] = x[tuple(source)]
    return out


constant_pad_nd = op(
    "constant_pad_nd", lambda x, pad, value=0: _pad(x, pad, value), names="torch", shape=_padded,
    signature="(input: Tensor, pad: int[], value: Scalar=0)",
    vjp=dict(x=lambda g, pad: constant_pad_nd(g, tuple(-n for n in pad), 0)),
    samples=lambda: [
        sample(reals(2, 3), (1, 2)), sample(reals(2, 3), (-1, 1, 0, 2), 1.5),
        ErrorSample((reals(2), (1,)), "Length of pad must be even"),
    ],
)  # fmt: skip

__all__ = [
    "adjoint", "alias", "array_of", "as_strided", "at_least", "broadcast_tensors", "broadcast_to", "chunk", "clone",
    "conj",
    "conj_physical", "constant_pad_nd", "contiguous", "detach", "diag", "diag_embed", "diagonal", "expand", "expand_as",
    "flatten",
    "flip", "imag", "infer_size", "is_contiguous", "movedim", "narrow", "numel", "permute", "ravel", "real", "repeat",
    "reshape",
    "roll", "select", "slice_", "split", "split_with_sizes", "squeeze", "squeeze_dim", "squeeze_dims", "t",
    "tensor_split",
    "transpose", "tril", "triu", "unbind", "unflatten", "unfold", "unsqueeze", "view", "view_as_complex",
    "view_as_real",
]  # fmt: skip
