"""Windows: views whose elements overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided
from numpy.lib.stride_tricks import sliding_window_view

from gradcli.errors import ShapeError
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._families import view as view_family
from gradcli.ops._op import op
from gradcli.ops._samples import ErrorSample, sample
from gradcli.ops._samples import real as reals
from gradcli.ops.slicing import at_dim


def _unfold_rule(x: Any, dimension: int, size: int, step: int) -> Shape:
    at = normalize_dim(dimension, x.ndim)
    length = x.shape[at] if x.ndim else 1
    if size < 0:
        raise ShapeError(f"size is {size} but must be >= 0")
    if size > length:
        raise ShapeError(f"maximum size for tensor at dimension {at} is {length} but size is {size}")
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    if not x.ndim:
        return (size,)
    return (*x.shape[:at], (length - size) // step + 1, *x.shape[at + 1 :], size)


def _windows(x: Any, dimension: int, size: int, step: int) -> Any:
    """Return the windows of a dimension as a last dimension, as a view."""
    shape = _unfold_rule(x, dimension, size, step)
    x = np.asarray(x)
    if not x.ndim:
        return strided(x, shape, (x.itemsize,), writeable=False)
    if not size:
        return np.empty(shape, x.dtype)
    at = dimension % x.ndim
    return sliding_window_view(x, size, at)[at_dim(at, slice(None, None, step))]


def _fold(g: Any, input_shape: Shape, dimension: int, size: int, step: int) -> Any:
    """Return the sum of windows put back where they came from."""
    out = np.zeros(input_shape, g.dtype)
    if not input_shape:
        return g.sum().astype(g.dtype)
    at = dimension % len(input_shape)
    count = g.shape[at]
    for i in range(size):
        out[at_dim(at, slice(i, i + (count - 1) * step + 1, step))] += g[..., i]
    return out


unfold = view_family(
    "unfold", _windows, names="Tensor", signature="(input: Tensor, dimension: int, size: int, step: int)",
    shape=_unfold_rule,
    vjp=dict(x=lambda g, x_shape, dimension, size, step: unfold_backward(g, x_shape, dimension, size, step)),
    samples=lambda: [
        sample(reals(2, 5), 1, 3, 1), ErrorSample((reals(2), 0, 3, 1), "maximum size for tensor at dimension 0 is 2")
    ],
)  # fmt: skip
unfold_backward = op(
    "unfold_backward", _fold, names="",
    signature="(g: Tensor, input_shape: int[], dimension: int, size: int, step: int)",
    shape=lambda g, input_shape, *_: input_shape,
    vjp=dict(g=lambda g, dimension, size, step: unfold(g, dimension, size, step)),
    samples=lambda: [sample(reals(2, 3, 3), (2, 5), 1, 3, 1)],
)  # fmt: skip


def _strided_rule(x: Any, size: Shape, stride: Shape, storage_offset: int | None = None) -> Shape:
    if len(size) != len(stride):
        raise ShapeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise ShapeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"[{', '.join(map(str, stride))}]"
        )
    return size


def _positions(x: Any, size: Shape, stride: Shape, storage_offset: int | None) -> Any:
    """Return where in the memory of a contiguous x each element of the result lies."""
    _strided_rule(x, size, stride)
    places = np.full(size, storage_offset or 0, np.int64)
    for at, (n, s) in enumerate(zip(size, stride, strict=True)):
        places += (np.arange(n) * s).reshape((n,) + (1,) * (len(size) - at - 1))
    if places.size and places.max() >= x.size:
        raise ShapeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {storage_offset or 0}, and "
            "itemsize "
            f"{x.dtype.itemsize} requiring a storage size of {(int(places.max()) + 1) * x.dtype.itemsize} are out of "
            "bounds for "
            f"storage of size {x.size * x.dtype.itemsize}"
        )
    return places


def _strided(x: Any, size: Shape, stride: Shape, storage_offset: int | None = None) -> Any:
    _positions(x, size, stride, storage_offset)
    flat = np.ascontiguousarray(x).reshape(-1)[storage_offset or 0 :]
    return strided(flat, size, tuple(s * flat.itemsize for s in stride), writeable=False)


def strided_into(x: Any, src: Any, size: Shape, stride: Shape, storage_offset: int | None = None) -> Any:
    """Return a copy of x in which an `as_strided` view of it holds another tensor."""
    out = np.array(x, order="C")
    out.reshape(-1)[_positions(out, size, stride, storage_offset)] = src
    return out


def _strided_back(g: Any, input_shape: Shape, size: Shape, stride: Shape, storage_offset: int | None) -> Any:
    out = np.zeros(input_shape, g.dtype)
    np.add.at(out.reshape(-1), _positions(out, size, stride, storage_offset), g)
    return out


as_strided = view_family(
    "as_strided", _strided, shape=_strided_rule,
    signature="(input: Tensor, size: int[], stride: int[], storage_offset: int?=None)",
    vjp=dict(
        x=lambda g, x_shape, size, stride, storage_offset: _as_strided_backward(
            g, x_shape, size, stride, storage_offset)
    ),
    notes="the strides are those of a contiguous input", samples=lambda: [sample(reals(3, 3), (2, 2), (1, 2), 1)],
)  # fmt: skip
_as_strided_backward = op(
    "_as_strided_backward", _strided_back, names="", shape=lambda g, input_shape, *_: input_shape,
    signature="(g: Tensor, input_shape: int[], size: int[], stride: int[], storage_offset: int?)",
    vjp=dict(g=lambda g, size, stride, storage_offset: as_strided(g, size, stride, storage_offset)),
    samples=lambda: [sample(reals(2, 2), (3, 3), (2, 2), (1, 2), 1)],
)  # fmt: skip
