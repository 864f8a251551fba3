"""Fractional pooling: maxima of windows whose places are drawn at random (Graham, https://arxiv.org/abs/1412.6071)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, ShapeError
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._op import Op, composite, op
from gradcli.ops._planes import max_backward
from gradcli.ops._promotion import dtype_name
from gradcli.ops._random import current
from gradcli.ops._samples import Constant, distinct, sample

Sizes = Sequence[int]
WHAT = ("time", "height", "width")


def _starts(size: int, out: int, kernel: int, samples: Any) -> Any:
    """Return where the windows of each plane start: (planes,) random numbers → (planes, out)."""
    if out == 1:
        return np.full((len(samples), 1), size - kernel)
    step = samples.dtype.type((size - kernel) / (out - 1))
    at = np.arange(out, dtype=samples.dtype)
    starts = ((at + samples[:, None]) * step).astype(np.int64) - (samples[:, None] * step).astype(np.int64)
    starts[:, -1] = size - kernel
    return starts


def _corners(sizes: Shape, kernel: Shape, out: Shape, samples: Any) -> Any:
    """Return the place in the flattened plane of the first element of each window: (planes, *out)."""
    dims = len(sizes)
    total: Any = 0
    for dim, (size, k, n) in enumerate(zip(sizes, kernel, out, strict=True)):
        chosen = samples[:, dim if dims == 3 else 1 - dim]
        starts = _starts(size, n, k, chosen) * prod(sizes[dim + 1 :])
        total = total + starts.reshape(len(samples), *(n if at == dim else 1 for at in range(dims)))
    return total


def _fractional(x: Any, kernel: Sizes, output_size: Sizes, samples: Any) -> tuple[Any, Any]:
    dims = len(output_size)
    sizes, shape = x.shape[x.ndim - dims :], (*x.shape[: x.ndim - dims], *output_size)
    count = prod(x.shape[: x.ndim - dims])
    flat = x.reshape(count, prod(sizes))
    corners = _corners(sizes, tuple(kernel), tuple(output_size), samples.reshape(count, dims)).reshape(count, -1)
    best: Any = None
    for tap in np.ndindex(*kernel):
        places = corners + sum(t * prod(sizes[dim + 1 :]) for dim, t in enumerate(tap))
        candidate = np.take_along_axis(flat, places, 1)
        if best is None:
            best, chosen = candidate, places
            continue
        better = (candidate > best) | (candidate != candidate)
        best, chosen = np.where(better, candidate, best), np.where(better, places, chosen)
    return best.reshape(shape), chosen.reshape(shape)


def _fractional_shape(name: str, x: Any, kernel: Sizes, output_size: Sizes, samples: Any) -> tuple[Shape, Shape]:
    """Return the pooled shape twice; raise PyTorch's error where the windows do not fit."""
    dims = int(name[-2])
    for what, sizes in (("kernel_size", kernel), ("output_size", output_size)):
        if len(sizes) != dims:
            raise ShapeError(f"{name}: {what} must either be a single Int or tuple of Ints")
    empty = next((at for at in range(x.ndim - dims - 1, x.ndim) if x.shape[at] == 0), None)
    if empty is not None:
        raise ShapeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got{list(x.shape)} with "
            "dimension "
            f"{empty} being empty."
        )
    for what, n, k, size in zip(WHAT[3 - dims :], output_size, kernel, x.shape[x.ndim - dims :], strict=True):
        if n + k - 1 > size:
            where = f"{name}()" if dims == 2 else f"{name}_out()"
            raise ShapeError(f"{where}: pool {what} {k} too large relative to input {what} {size}")
    if not dtype_name(x).startswith("float"):
        raise DtypeError(f"\"{name}\" not implemented for '{SCALAR_TYPES[dtype_name(x)]}'")
    shape = (*x.shape[: x.ndim - dims], *output_size)
    return shape, shape


def _pooling(dims: int) -> Op:
    """Declare PyTorch's fractional_max_pool2d or fractional_max_pool3d and its backward."""
    name, node = f"fractional_max_pool{dims}d", f"FractionalMaxPool{dims}D"
    backward = max_backward(f"{name}_backward", f"{node}BackwardBackward0", dims)
    return op(
        name, lambda x, kernel, output_size, samples: _fractional(x, kernel, output_size, samples), names="",
        signature="(input: Tensor, kernel_size: int[], output_size: int[], random_samples: Tensor)",
        grad_fn=f"{node}Backward0", outputs=("out", "indices"), constant=("indices",),
        shape=lambda x, *settings: _fractional_shape(name, x, *settings),
        vjp=dict(x=lambda g, x_shape, out: backward(g[0], out[1], x_shape[len(x_shape) - dims :], False)),
    )  # fmt: skip


POOL = {2: _pooling(2), 3: _pooling(3)}


def _per_dim(value: Any, dims: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * dims


def _declare(dims: int) -> Callable[..., Any]:
    name = f"fractional_max_pool{dims}d"

    def with_indices(
        x: Any, kernel: Sizes, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        samples: Any = None
    ) -> tuple[Any, Any]:  # fmt: skip
        """Return the largest elements of windows at random places, and their places in the flattened plane."""
        if output_size is None and output_ratio is None:
            raise BindError(f"{name} requires specifying either an output_size or an output_ratio")
        if x.ndim not in (dims + 1, dims + 2):
            raise ShapeError(f"{name}: Expected {dims + 1}D or {dims + 2}D tensor, but got: {list(x.shape)}")
        if output_size is None:
            ratios = _per_dim(output_ratio, dims)
            output_size = tuple(int(n * ratio) for n, ratio in zip(x.shape[-dims:], ratios, strict=True))
        sizes = _per_dim(output_size, dims)
        if samples is None:
            batch = 1 if x.ndim == dims + 1 else x.shape[0]
            samples = current().rand((batch, x.shape[x.ndim - dims - 1], dims), dtype_name(x))
        return POOL[dims](x, kernel, sizes, samples)  # type: ignore[no-any-return]

    def pool(
        x: Any, kernel: Sizes, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        samples: Any = None
    ) -> Any:  # fmt: skip
        """Return the largest elements of windows at random places; perhaps also their places."""
        found = with_indices(x, kernel, output_size, output_ratio, False, samples)
        return found if return_indices else found[0]

    text = (
        f"(input: Tensor, kernel_size: int[{dims}], output_size: any=None, output_ratio: any=None, return_indices: "
        "bool=False, "
        "_random_samples: Tensor?=None)"
    )
    drawn = Constant([[[0.3, 0.6, 0.1][:dims]]], "float64")
    calls = lambda: [sample(distinct(1, 1, *(5,) * dims), 2, 3, _random_samples=drawn)]  # noqa: E731
    results = ("out", "indices")
    composite("nn.functional", text, name=name, samples=calls, outputs=results)(pool)
    composite("nn.functional", text, name=f"{name}_with_indices", samples=calls, outputs=results)(with_indices)
    return pool


fractional_max_pool2d, fractional_max_pool3d = map(_declare, (2, 3))
