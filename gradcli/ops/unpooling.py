"""Unpooling: maxima put back where max pooling found them, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import rearrange
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._planes import chosen, put
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, index, real, sample

Sizes = Sequence[int]


def _unpooled_shape(x: Any, indices: Any, output_size: Shape, dims: int) -> Shape:
    """Return the unpooled shape; raise PyTorch's error where input and indices do not fit."""
    if dtype_name(indices) != "int64":
        raise DtypeError(f"elements in indices should be type int64 but got: {SCALAR_TYPES[dtype_name(indices)]}")
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with "
            f"{x.ndim} dimensions."
        )
    if x.shape != indices.shape:
        raise ShapeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got indices "
            "tensor with shape: "
            f"{list(indices.shape)}"
        )
    empty = next((at for at in range(1, x.ndim) if x.shape[at] == 0), None)
    if empty is not None:
        raise ShapeError(
            f"max_unpooling{dims}d_forward_out_cpu(): Expected input to have non-zero size for non-batch "
            "dimensions, but got "
            f"{list(x.shape)} with dimension {empty} being empty."
        )
    return (*x.shape[: x.ndim - dims], *output_size)


def _unpool(x: Any, indices: Any, output_size: Shape) -> Any:
    _unpooled_shape(x, indices, output_size, len(output_size))
    wrong = indices[(indices < 0) | (indices >= prod(output_size))]
    if wrong.size:
        raise ShapeError(
            f"Found an invalid max index: {wrong.reshape(-1)[0]} (output volumes are of size "
            f"{'x'.join(map(str, output_size))})"
        )
    return formatted(put(x, indices, output_size), *[x] * (len(output_size) == 2))


def _unpooling(dims: int) -> Op:
    """Declare PyTorch's max_unpool2d or max_unpool3d of planes."""
    return op(
        f"max_unpool{dims}d", lambda x, indices, output_size: _unpool(x, indices, output_size), names="",
        signature="(input: Tensor, indices: Tensor, output_size: int[])", grad_fn=f"MaxUnpool{dims}DBackward0",
        shape=lambda x, indices, output_size: _unpooled_shape(x, indices, output_size, dims),
        vjp=dict(x=lambda g, indices: chosen(g, indices, dims)),
    )  # fmt: skip


UNPOOL = {2: _unpooling(2), 3: _unpooling(3)}


def _output_size(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, output_size: Any) -> Shape:
    """Return the sizes before pooling: the given ones, checked, or the smallest that fit."""
    dims = len(kernel)
    each = zip(x.shape[x.ndim - dims :], kernel, stride, padding, strict=True)
    usual = tuple((n - 1) * s + k - 2 * p for n, k, s, p in each)
    if output_size is None:
        return usual
    sizes = tuple(output_size)[2:] if len(output_size) == dims + 2 else tuple(output_size)
    if len(sizes) != dims:
        raise ShapeError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
            f"'{len(sizes)}'"
        )
    for dim, (n, wanted, s) in enumerate(zip(sizes, usual, stride, strict=True)):
        if not wanted - s < n < wanted + s:
            raise ShapeError(f'invalid output_size "{sizes}" (dim {dim} must be between {wanted - s} and {wanted + s})')
    return sizes


def _declare(dims: int) -> Callable[..., Any]:
    none = (0,) * dims

    def unpool(
        x: Any, indices: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = none, output_size: Any = None
    ) -> Any:  # fmt: skip
        """Return the tensor that max pooling with these settings would turn into x, with zeros elsewhere."""
        steps = tuple(stride or kernel)
        if dims == 3 and min(steps) <= 0:
            raise ShapeError(f"strides should be greater than zero, but got stride: {list(steps)}")
        sizes = _output_size(x, kernel, steps, padding, output_size)
        if dims > 1:
            return UNPOOL[dims](x, indices, sizes)
        image = UNPOOL[2](rearrange.unsqueeze(x, -1), rearrange.unsqueeze(indices, -1), (*sizes, 1))
        return rearrange.squeeze_dim(image, -1)

    places = [[0, 3]] if dims == 1 else [[[0, 3]]] if dims == 2 else [[[[0, 3]]]]
    x = (1,) * dims + (2,)
    composite(
        "nn.functional",
        f"(input: Tensor, indices: Tensor, kernel_size: int[{dims}], stride: int[{dims}]?=None, padding: "
        f"int[{dims}]={none}, "
        "output_size: int[]?=None)", name=f"max_unpool{dims}d",
        samples=lambda: [
            sample(real(*x), index(places), 2),
            ErrorSample((real(*x), index(places), 2), "output_size should be a sequence",
            {"output_size": (9,) * (dims + 1)}),
        ],
    )(unpool)  # fmt: skip
    return unpool


max_unpool1d, max_unpool2d, max_unpool3d = map(_declare, (1, 2, 3))
