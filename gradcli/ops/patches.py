"""Patches: sliding blocks of images as columns, and columns summed back into images."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from gradcli.errors import ShapeError
from gradcli.ops._correlation import out_sizes, overlap_add, padded, windows
from gradcli.ops._families import Shape
from gradcli.ops._op import op
from gradcli.ops._samples import ErrorSample, real, sample

Sizes = Sequence[int]


def _check_sizes(**sizes: Sizes) -> None:
    for name, value in sizes.items():
        if len(value) != 2:
            raise ShapeError(f"It is expected {name} equals to 2, but got size {len(value)}")
    words = {
        "kernel_size": ("kernel size", "kernel"),
        "stride": ("stride", "stride"),
        "dilation": ("dilation", "dilation"),
    }
    for name, (what, short) in words.items():
        if min(sizes[name]) <= 0:
            h, w = sizes[name]
            raise ShapeError(f"{what} should be greater than zero, but got {short}_height: {h} {short}_width: {w}")
    if min(sizes["padding"]) < 0:
        h, w = sizes["padding"]
        raise ShapeError(f"padding should be non-negative, but got pad_height: {h} pad_width: {w}")


def _pair(sizes: Sizes) -> str:
    return f"({', '.join(map(str, sizes))})"


def blocks(sizes: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Shape:
    """Return how many blocks lie below and beside each other."""
    return out_sizes([n + 2 * p for n, p in zip(sizes, padding, strict=True)], kernel_size, stride, dilation)


def _columns_shape(x: Any, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Shape:
    _check_sizes(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    if x.ndim == 2:
        raise ShapeError("Dimension out of range (expected to be in range of [-2, 1], but got 2)", code="GC304")
    if x.ndim not in (3, 4) or 0 in x.shape[x.ndim - 3 :]:
        raise ShapeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            "input, but got: "
            f"{list(x.shape)}"
        )
    out = blocks(x.shape[-2:], kernel_size, dilation, padding, stride)
    if min(out) < 1:
        raise ShapeError(
            f"Given input with spatial size {_pair(x.shape[-2:])}, kernel_size={_pair(kernel_size)}, "
            f"dilation={_pair(dilation)}, "
            f"padding={_pair(padding)}, calculated shape of the array of sliding blocks as {_pair(out)}, but its "
            "components must "
            "be at least one."
        )
    return (*x.shape[:-3], x.shape[-3] * prod(kernel_size), prod(out))


def _to_columns(x: Any, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Any:
    shape = _columns_shape(x, kernel_size, dilation, padding, stride)
    inside = padded(x, padding, padding)
    out = out_sizes(inside.shape[-2:], kernel_size, stride, dilation)
    found = windows(inside, kernel_size, out, stride, dilation).reshape(shape)
    return found if found.flags.writeable and found.flags.owndata else found.copy()


def _image_shape(
    x: Any, output_size: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Shape:
    _check_sizes(output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    if x.ndim not in (2, 3) or 0 in x.shape[x.ndim - 2 :]:
        raise ShapeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            "input, but got: "
            f"{list(x.shape)}"
        )
    at = x.ndim - 2
    if x.shape[at] % prod(kernel_size):
        raise ShapeError(
            f"Expected size of input's dimension {at} to be divisible by the product of kernel_size, but got "
            f"input.size({at})="
            f"{x.shape[at]} and kernel_size={_pair(kernel_size)}."
        )
    out = blocks(output_size, kernel_size, dilation, padding, stride)
    given = (
        f"Given output_size={_pair(output_size)}, kernel_size={_pair(kernel_size)}, dilation={_pair(dilation)}, "
        f"padding={_pair(padding)}, stride={_pair(stride)}, "
    )
    if prod(out) != x.shape[-1]:
        raise ShapeError(
            f"{given}expected size of input's dimension {at + 1} to match the calculated number of sliding blocks "
            f"{out[0]} * {out[1]} "
            f"= {prod(out)}, but got input.size({at + 1})={x.shape[-1]}."
        )
    if min(out) < 1:
        raise ShapeError(
            f"{given}calculated shape of the array of sliding blocks as {_pair(out)}, but its components must be at "
            "least one."
        )
    return (*x.shape[:at], x.shape[at] // prod(kernel_size), *output_size)


def _to_image(x: Any, output_size: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Any:
    shape = _image_shape(x, output_size, kernel_size, dilation, padding, stride)
    out = blocks(output_size, kernel_size, dilation, padding, stride)
    return overlap_add(x.reshape(*shape[:-2], *kernel_size, *out), output_size, stride, padding, dilation)


SETTINGS = "kernel_size: int[2], dilation: int[2]=(1, 1), padding: int[2]=(0, 0), stride: int[2]=(1, 1)"
im2col = op(
    "im2col",
    lambda x, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1): _to_columns(x, kernel_size, dilation,
    padding, stride),
    names="nn.functional.unfold", signature=f"(input: Tensor, {SETTINGS})", grad_fn="Im2ColBackward0",
    shape=_columns_shape,
    vjp=dict(
        x=lambda g, x_shape, kernel_size, dilation, padding, stride: col2im(
            g, x_shape[-2:], kernel_size, dilation, padding, stride
        )
    ),
    samples=lambda: [
        sample(real(1, 2, 3, 4), 2), sample(real(2, 5, 5), (3, 2), 1, 1, 2),
        ErrorSample((real(1, 2, 3, 3), 4), "but its components must be at least one"),
    ],
)  # fmt: skip
col2im = op(
    "col2im",
    lambda x, output_size, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1): _to_image(
        x, output_size, kernel_size, dilation, padding, stride
    ),
    names="nn.functional.fold", signature=f"(input: Tensor, output_size: int[2], {SETTINGS})",
    grad_fn="Col2ImBackward0",
    shape=_image_shape,
    vjp=dict(
        x=lambda g, kernel_size, dilation, padding, stride: im2col(g, kernel_size, dilation, padding, stride)
    ),
    samples=lambda: [
        sample(real(1, 8, 9), (4, 4), 2), sample(real(8, 4), 4, 2, 1, 0, 2),
        ErrorSample((real(1, 7, 9), (4, 4), 2), "to be divisible by the product of kernel_size"),
    ],
)  # fmt: skip
