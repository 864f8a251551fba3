"""Expansion: views in which dimensions of size 1 are repeated, or new ones added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._families import view as view_family
from gradcli.ops._op import composite
from gradcli.ops._samples import real as reals
from gradcli.ops._samples import sample
from gradcli.ops.views import SIZES, reshape, unsqueeze


def _expand_rule(x: Any, size: Shape) -> Shape:
    """Return the expanded shape, in which -1 keeps a size."""
    extra = len(size) - x.ndim
    if extra < 0:
        raise ShapeError(
            f"expand(torch.{scalar_type(x)}Tensor{{{list(x.shape)}}}, size={list(size)}): the number of sizes "
            f"provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )
    return tuple(_expanded(x, size, at, extra) for at in range(len(size)))


def _expanded(x: Any, size: Shape, at: int, extra: int) -> int:
    n = size[at]
    if at < extra:
        if n < 0:
            raise ShapeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {at}"
            )
        return n
    own = x.shape[at - extra]
    if n == -1 or n == own:
        return own  # type: ignore[no-any-return]
    if own != 1:
        raise ShapeError(
            f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton dimension "
            f"{at}.  "
            f"Target sizes: {list(size)}.  Tensor sizes: {list(x.shape)}"
        )
    return n


def _expand(x: Any, shape: Shape) -> Any:
    """Return NumPy's read-only view of a value in a larger shape; for one number it is put together directly."""
    if x.ndim or not shape:
        return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, np.array(x), 0, (0,) * len(shape))
    view.setflags(write=False)
    return view


expand = view_family(
    "expand", lambda x, size: _expand(x, _expand_rule(x, size)), names="Tensor", signature=SIZES,
    shape=_expand_rule,
    vjp=dict(x=lambda g: g), samples=lambda: [sample(reals(2, 1), (2, 3)), sample(reals(3), (2, -1))],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor, size: int[])", samples=lambda: [sample(reals(2, 1), (4, 2, 3))])
def broadcast_to(x: Any, size: Shape) -> Any:
    """Return x expanded to a size."""
    return expand(x, size)


@composite("Tensor", "(input: Tensor, other: Tensor)", samples=lambda: [sample(reals(2, 1), reals(2, 3))])
def expand_as(x: Any, other: Any) -> Any:
    """Return x expanded to the size of another tensor."""
    return expand(x, other.shape)


def at_least(x: Any, ndim: int) -> Any:
    """Return x with dimensions of size 1 added until it has 1, 2 or 3, where `atleast_3d` puts them."""
    if x.ndim >= ndim:
        return x
    if x.ndim == 0:
        return reshape(x, (1,) * ndim)
    x = unsqueeze(x, 0) if x.ndim == 1 else x
    return unsqueeze(x, -1) if ndim == 3 else x


def _at_least(tensors: Any, ndim: int) -> Any:
    return tuple(at_least(x, ndim) for x in tensors) if isinstance(tensors, (list, tuple)) else at_least(tensors, ndim)


def _declare_at_least(ndim: int) -> None:
    """Declare atleast_1d, atleast_2d or atleast_3d, of one tensor and of several."""
    name, text = f"atleast_{ndim}d", f"Return tensors with at least {ndim} dimension{'s' * (ndim > 1)}."

    def of_one(x: Any) -> Any:
        return at_least(x, ndim)

    def of_several(tensors: Any) -> Any:
        return _at_least(tensors, ndim)

    of_one.__doc__ = of_several.__doc__ = text
    composite("torch", "(input: Tensor)", name=name, samples=lambda: [sample(reals()), sample(reals(2))])(of_one)
    composite("torch", "(*tensors: Tensor[])", name=name, samples=lambda: [sample([reals(), reals(2)])])(of_several)


for _ndim in (1, 2, 3):
    _declare_at_least(_ndim)


@composite("torch", "(*tensors: Tensor[])", samples=lambda: [sample([reals(2, 1), reals(3)])])
def broadcast_tensors(tensors: Sequence[Any]) -> tuple[Any, ...]:
    """Return tensors expanded to their common shape."""
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(x if x.shape == shape else expand(x, shape) for x in tensors)
