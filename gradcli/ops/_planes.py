"""Planes: elements chosen from, and put into, the last dimensions of a tensor by their place in the flattened plane."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcli.ops import indexing, rearrange
from gradcli.ops._families import Shape
from gradcli.ops._op import Op, op

Array = NDArray[Any]


def flat_places(indices: Array, plane: int, dims: int) -> Array:
    """Return the places in the whole flattened tensor of indices into its planes."""
    count = prod(indices.shape[: indices.ndim - dims])
    places = indices.reshape(count, prod(indices.shape[indices.ndim - dims :]))
    return (places + np.arange(count)[:, None] * plane).reshape(-1)


def added(g: Array, indices: Array, sizes: Shape) -> Array:
    """Return planes of these sizes into which g is added at the indices."""
    dims, plane = len(sizes), prod(sizes)
    shape = (*g.shape[: g.ndim - dims], *sizes)
    if not g.size:
        return np.zeros(shape, g.dtype)
    total = np.bincount(flat_places(indices, plane, dims), g.reshape(-1), prod(shape))
    return total.reshape(shape).astype(g.dtype)


def put(x: Array, indices: Array, sizes: Shape) -> Array:
    """Return planes of zeros of these sizes with x at the indices; where places meet the last one stays."""
    dims = len(sizes)
    out = np.zeros((*x.shape[: x.ndim - dims], *sizes), x.dtype)
    out.reshape(-1)[flat_places(indices, prod(sizes), dims)] = x.reshape(-1)
    return out


def chosen(x: Any, indices: Any, dims: int) -> Any:
    """Return the elements of the planes at the indices, as PyTorch's max_pool_double_backward does."""
    lead = x.shape[: x.ndim - dims]
    planes = rearrange.reshape(x, (*lead, prod(x.shape[x.ndim - dims :])))
    flat = rearrange.reshape(indices, (*lead, prod(indices.shape[indices.ndim - dims :])))
    return rearrange.reshape(indexing.gather(planes, x.ndim - dims, flat), indices.shape)


def max_backward(name: str, node: str, dims: int) -> Op:
    """Declare a max pooling's backward: cotangents go where the maxima were; `apart`: no two windows meet."""
    return op(
        name, lambda dy, indices, sizes, apart: (put if apart else added)(dy, indices, sizes), names="", grad_fn=node,
        signature="(grad_output: Tensor, indices: Tensor, sizes: int[], apart: bool)",
        shape=lambda dy, indices, sizes, apart: (*dy.shape[: dy.ndim - dims], *sizes),
        vjp=dict(dy=lambda g, indices: chosen(g, indices, dims)),
    )  # fmt: skip
