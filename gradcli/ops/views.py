"""Views: the same elements in another shape, without moving them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops._dtype_text import SCALAR_TYPES, scalar_type
from gradcli.ops._families import Shape, normalize_dim, normalize_dims
from gradcli.ops._families import view as view_family
from gradcli.ops._layout import copied
from gradcli.ops._op import attribute, composite, op, spelling
from gradcli.ops._promotion import as_dtype, dtype_name
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import real as reals

SIZES = "(input: Tensor, *size: int[])"


def infer_size(size: Sequence[int], numel: int) -> Shape:
    """Return a size with its -1 resolved; raise ShapeError where that many elements do not fit."""
    if size.count(-1) > 1:
        raise ShapeError("only one dimension can be inferred")
    if any(n < -1 for n in size):
        at = next(at for at, n in enumerate(size) if n < -1)
        raise ShapeError(f"invalid shape dimension {size[at]} at index {at} of shape {list(size)}")
    known = prod(n for n in size if n != -1)
    if -1 in size and not known and not numel:
        raise ShapeError(
            f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 "
            "can be any "
            "value and is ambiguous"
        )
    if -1 in size and known and numel % known == 0:
        return tuple(numel // known if n == -1 else n for n in size)
    if -1 in size or known != numel:
        raise ShapeError(f"shape '{list(size)}' is invalid for input of size {numel}")
    return tuple(size)


def numel(x: Any) -> int:
    """Return the number of elements."""
    return prod(x.shape)


def array_of(x: Any) -> np.ndarray[Any, Any] | None:
    """Return the array behind a value, to look at its numbers; None where there is none.

    A value on a tape refuses: other numbers might lead another way.
    """
    raw = x.data if hasattr(x, "__apply__") and hasattr(x, "data") else x
    return raw.item() if hasattr(raw, "tape") else layout_of(raw)


def layout_of(x: Any) -> np.ndarray[Any, Any] | None:
    """Return the array behind a value, to look at its memory only; None where there is none."""
    raw = x.data if hasattr(x, "__apply__") and hasattr(x, "data") else x
    raw = getattr(raw, "raw", raw)
    return np.asarray(raw) if isinstance(raw, (np.ndarray, np.generic)) else None


def is_contiguous(x: Any) -> bool:
    """Return whether the elements lie in memory in order; a Symbol's do."""
    raw = layout_of(x)
    return raw is None or raw.flags.c_contiguous


def is_viewable(x: np.ndarray[Any, Any], size: Shape) -> bool:
    """Return whether NumPy can give this array another shape without copying."""
    try:
        np.reshape(x, size, copy=False)
    except ValueError:
        return False
    return True


def _view_rule(x: Any, size: Shape) -> Shape:
    return infer_size(size, numel(x))


def _view_kernel(x: Any, size: Shape) -> Any:
    try:
        return np.reshape(x, infer_size(size, x.size), copy=False)
    except ValueError:
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        ) from None


_BACK = dict(x=lambda g, x_shape: reshape(g, x_shape))

alias = view_family(
    "alias", lambda x: x[...], names="", shape=lambda x: x.shape, vjp=dict(x=lambda g: g),
    samples=lambda: [sample(reals(2, 3))],
)  # fmt: skip
view = view_family(
    "view", _view_kernel, names="Tensor", signature=SIZES, shape=_view_rule, vjp=_BACK,
    samples=lambda: [
        sample(reals(2, 6), (3, -1)), sample(reals(), (1, 1)), ErrorSample((reals(2, 3), (4,)), "is invalid for input")
    ],
)  # fmt: skip


def _bits_rule(x: Any, dtype: str) -> Shape:
    old, new = as_dtype(dtype_name(x)).itemsize, as_dtype(dtype).itemsize
    if old == new:
        return x.shape  # type: ignore[no-any-return]
    if not x.ndim:
        raise ShapeError(
            f"self.dim() cannot be 0 to view {scalar_type(x)} as {SCALAR_TYPES[dtype]} (different element sizes)"
        )
    if x.shape[-1] * old % new:
        raise ShapeError(
            f"self.size(-1) must be divisible by {new // old} to view {scalar_type(x)} as {SCALAR_TYPES[dtype]} "
            "(different element "
            f"sizes), but got {x.shape[-1]}"
        )
    return (*x.shape[:-1], x.shape[-1] * old // new)


view_dtype = view_family(
    "view", lambda x, dtype: x.view(as_dtype(dtype)), names="Tensor", signature="(input: Tensor, dtype: dtype)",
    shape=_bits_rule,
    dtype=lambda x, dtype: dtype, notes="the same bits, without a derivative",
)  # fmt: skip
_reshape_alias = view_family(
    "_reshape_alias", _view_kernel, names="", signature=SIZES, shape=_view_rule, vjp=_BACK,
    samples=lambda: [sample(reals(2, 6), (3, 4))],
)  # fmt: skip
_unsafe_view = op(
    "_unsafe_view", lambda x, size: np.reshape(x, size), names="", signature=SIZES, grad_fn="UnsafeViewBackward0",
    shape=_view_rule, vjp=_BACK, samples=lambda: [sample(reals(2, 6), (3, 4))],
)  # fmt: skip
clone = op(
    "clone", lambda x: copied(x), signature="(input: Tensor)", shape=lambda x: x.shape, vjp=dict(x=lambda g: g),
    samples=lambda: [sample(reals(2, 3)), sample(reals())],
)  # fmt: skip
clone_contiguous = op(
    "clone", lambda x: x.copy(), names="", shape=lambda x: x.shape, vjp=dict(x=lambda g: g),
    samples=lambda: [sample(reals(2, 3))],
)  # fmt: skip


@composite("Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))])
def contiguous(x: Any) -> Any:
    """Return x itself where its elements lie in order, else a copy in which they do."""
    return x if is_contiguous(x) else clone_contiguous(x)


@composite("torch Tensor", "(input: Tensor, *shape: int[])", samples=lambda: [sample(reals(2, 6), (3, 4))])
def reshape(x: Any, size: Shape) -> Any:
    """Return the elements in another shape: a view where the memory allows it, else a copy."""
    size = infer_size(size, numel(x))
    if is_contiguous(x):
        return view(x, size)
    raw = layout_of(x)
    assert raw is not None
    return _reshape_alias(x, size) if is_viewable(raw, size) else _unsafe_view(clone_contiguous(x), size)


@composite("Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [sample(reals(2, 3), reals(3, 2))])
def view_as(x: Any, other: Any) -> Any:
    """Return a view of x in the shape of another tensor."""
    return view(x, other.shape)


@composite("Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [sample(reals(2, 3), reals(3, 2))])
def reshape_as(x: Any, other: Any) -> Any:
    """Return x in the shape of another tensor."""
    return reshape(x, other.shape)


@composite(
    "torch Tensor", "(input: Tensor, start_dim: int=0, end_dim: int=-1)", samples=lambda: [sample(reals(2, 3, 4), 1)]
)
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return x with the dimensions from start_dim to end_dim made one."""
    start, end = normalize_dim(start_dim, x.ndim), normalize_dim(end_dim, x.ndim)
    if start > end:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim", code="GC304")
    if not x.ndim:
        return reshape(x, (1,))
    if start == end:
        return x
    return reshape(x, (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(reals(2, 3))])
def ravel(x: Any) -> Any:
    """Return x with one dimension."""
    return view(contiguous(x), (-1,))


@composite(
    "torch Tensor", "(input: Tensor, dim: int, *sizes: int[])", samples=lambda: [sample(reals(2, 6), 1, (2, -1))]
)
def unflatten(x: Any, dim: int, sizes: Shape) -> Any:
    """Return x with one dimension split into several."""
    at = normalize_dim(dim, x.ndim)
    if not sizes:
        raise ShapeError("unflatten: sizes must be non-empty")
    if sizes.count(-1) > 1:
        raise ShapeError("only one dimension can be inferred")
    known = prod(n for n in sizes if n != -1)
    if (x.shape[at] % known if -1 in sizes and known else x.shape[at] != known) or (-1 in sizes and not known):
        raise ShapeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} ({x.shape[at]}) in "
            "the input tensor"
        )
    found = infer_size(sizes, x.shape[at])
    return view(x, (*x.shape[:at], *found, *x.shape[at + 1 :]))


def _unsqueeze_rule(x: Any, dim: int) -> Shape:
    at = normalize_dim(dim, x.ndim + 1)
    return (*x.shape[:at], 1, *x.shape[at:])


unsqueeze = view_family(
    "unsqueeze", lambda x, dim: np.expand_dims(x, dim), signature="(input: Tensor, dim: int)", shape=_unsqueeze_rule,
    vjp=dict(x=lambda g, dim: squeeze_dim(g, dim)), samples=lambda: [sample(reals(2, 3), 1), sample(reals(), -1)],
)  # fmt: skip


def _ones(x: Any, dims: Sequence[int]) -> tuple[int, ...]:
    """Return those of the dimensions that have size 1."""
    return tuple(d for d in dims if x.shape[d] == 1)


def _without(x: Any, dims: Sequence[int]) -> Shape:
    return tuple(n for at, n in enumerate(x.shape) if at not in dims)


def _dims(x: Any, dim: Any) -> tuple[int, ...]:
    """Return the dimensions that a squeeze looks at; an empty list means none."""
    return normalize_dims(dim, x.ndim) if dim != () else ()


def _squeezed(x: Any, dim: Any) -> Any:
    return np.squeeze(x, _ones(x, _dims(x, dim))) if x.ndim else x[...]


def restore_ones(g: Any, shape: Shape) -> Any:
    """Return g with the dimensions of size 1 put back that a squeeze took from this shape."""
    return view(contiguous(g), shape) if g.ndim != len(shape) else g


squeeze = view_family(
    "squeeze", lambda x: np.squeeze(x), signature="(input: Tensor)",
    shape=lambda x: _without(x, _ones(x, range(x.ndim))),
    vjp=dict(x=lambda g, x_shape: restore_ones(g, x_shape)),
    samples=lambda: [sample(reals(2, 1, 3, 1)), sample(reals(2))],
)  # fmt: skip
squeeze_dim = view_family(
    "squeeze", lambda x, dim: _squeezed(x, dim), grad_fn="SqueezeBackward1", signature="(input: Tensor, dim: int)",
    shape=lambda x, dim: _without(x, _ones(x, _dims(x, dim))),
    vjp=dict(x=lambda g, dim, x_shape: unsqueeze(g, dim) if x_shape and x_shape[dim] == 1 else g),
    samples=lambda: [sample(reals(2, 1, 3), 1), sample(reals(2, 3), 1)],
)  # fmt: skip
squeeze_dims = view_family(
    "squeeze", lambda x, dim: _squeezed(x, dim), grad_fn="SqueezeBackward2", signature="(input: Tensor, dim: int[])",
    shape=lambda x, dim: _without(x, _ones(x, _dims(x, dim))), vjp=dict(x=lambda g, x_shape: restore_ones(g, x_shape)),
    samples=lambda: [sample(reals(2, 1, 3, 1), (1, 3)), sample(reals(2, 3), (1,))],
)  # fmt: skip


def _transpose_rule(x: Any, dim0: int, dim1: int) -> Shape:
    shape = list(x.shape)
    a, b = normalize_dim(dim0, x.ndim), normalize_dim(dim1, x.ndim)
    if shape:
        shape[a], shape[b] = shape[b], shape[a]
    return tuple(shape)


transpose = view_family(
    "transpose", lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1) if x.ndim else x[...], shape=_transpose_rule,
    signature="(input: Tensor, dim0: int, dim1: int)", vjp=dict(x=lambda g, dim0, dim1: transpose(g, dim0, dim1)),
    samples=lambda: [sample(reals(2, 3, 4), 0, -1), sample(reals(), 0, 0)],
)  # fmt: skip
spelling("torch.swapaxes Tensor.swapaxes", transpose, "(input: Tensor, axis0: int, axis1: int)")
spelling("torch.swapdims Tensor.swapdims", transpose, "(input: Tensor, dim0: int, dim1: int)")


def _t_rule(x: Any) -> Shape:
    if x.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return x.shape[::-1]  # type: ignore[no-any-return]


t = view_family(
    "t", lambda x: x.T, signature="(input: Tensor)", shape=_t_rule, vjp=dict(x=lambda g: t(g)),
    samples=lambda: [
        sample(reals(2, 3)), sample(reals(3)), ErrorSample((reals(2, 2, 2),), "expects a tensor with <= 2 dimensions")
    ],
)  # fmt: skip


def _permute_dims(x: Any, dims: Sequence[int]) -> tuple[int, ...]:
    if len(dims) != x.ndim:
        raise ShapeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            "ordering of "
            f"dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        )
    found = tuple(normalize_dim(d, x.ndim) for d in dims)
    if len(set(found)) < len(found):
        raise ShapeError("permute(): duplicate dims are not allowed.", code="GC304")
    return found


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    n = max(len(dims), 1)
    return tuple(sorted(range(len(dims)), key=lambda at: dims[at] % n))


permute = view_family(
    "permute", lambda x, dims: np.transpose(x, dims), signature="(input: Tensor, *dims: int[])",
    shape=lambda x, dims: tuple(x.shape[d] for d in _permute_dims(x, dims)),
    vjp=dict(x=lambda g, dims: permute(g, _inverse(dims))),
    samples=lambda: [sample(reals(2, 3, 4), (2, 0, 1)), sample(reals(2, 3, 4), (-1, 0, 1))],
)  # fmt: skip


@composite(
    "torch.movedim Tensor.movedim torch.moveaxis Tensor.moveaxis",
    "(input: Tensor, source: int[1], destination: int[1])",
    samples=lambda: [sample(reals(2, 3, 4), 0, 2), sample(reals(2, 3, 4), (0, 1), (1, 2))],
)  # fmt: skip
def movedim(x: Any, source: Sequence[int], destination: Sequence[int]) -> Any:
    """Return x with some dimensions at other positions, the rest in their order."""
    if len(source) != len(destination):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same "
            "number of dims as "
            f"destination ({list(destination)} dims)"
        )
    froms, tos = (tuple(normalize_dim(d, x.ndim) for d in dims) for dims in (source, destination))
    for dims, which, given in ((froms, "source", source), (tos, "destination", destination)):
        if len(set(dims)) < len(dims):
            raise ShapeError(f"movedim: repeated dim in `{which}` ({list(given)})", code="GC304")
    if not x.ndim:
        return alias(x)
    rest = iter(d for d in range(x.ndim) if d not in froms)
    return permute(x, tuple(froms[tos.index(at)] if at in tos else next(rest) for at in range(x.ndim)))


attribute("T")
attribute("mT")


@composite("Tensor", "(input: Tensor)", name="T", samples=lambda: [sample(reals(2, 3))])
def reversed_dims(x: Any) -> Any:
    """Return x with its dimensions in reverse order."""
    return permute(x, tuple(range(x.ndim))[::-1])


@composite("Tensor", "(input: Tensor)", name="mT", samples=lambda: [sample(reals(4, 2, 3))])
def matrix_transposed(x: Any) -> Any:
    """Return x with its last two dimensions swapped."""
    if x.ndim < 2:
        raise ShapeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {x.ndim}-D tensor.")
    return transpose(x, -2, -1)
