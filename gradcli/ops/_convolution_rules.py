"""Convolution rules: the sizes that a convolution takes and gives, with PyTorch's texts where they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops._dtype_text import C_TYPES, SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._promotion import dtype_name

Sizes = Sequence[int]


def expanded(name: str, sizes: Sizes, dims: int) -> Shape:
    """Return one size per dimension: a single one stands for all."""
    if len(sizes) == 1:
        return tuple(sizes) * dims
    if len(sizes) != dims:
        raise ShapeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution "
            "dimensions, "
            f"but got {name}={list(sizes)}"
        )
    return tuple(sizes)


def convolution_shape(
    x: Any, w: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int
) -> Shape:  # fmt: skip
    """Return the shape of a convolution of a batch; raise PyTorch's error where something does not fit."""
    dims = w.ndim - 2
    stride, padding = expanded("stride", stride, dims), expanded("padding", padding, dims)
    dilation, output_padding = expanded("dilation", dilation, dims), expanded("output_padding", output_padding, dims)
    _check_numbers(stride, padding, dilation, groups)
    _check_channels(x, w, bias, transposed, groups)
    _check_dtypes(x, w, bias)
    if transposed:
        return _transposed_shape(x, w, stride, padding, dilation, output_padding, groups)
    return _forward_shape(x, w, stride, padding, dilation)


def _check_numbers(stride: Shape, padding: Shape, dilation: Shape, groups: int) -> None:
    if any(n < 0 for n in padding):
        raise ShapeError("negative padding is not supported")
    if any(n <= 0 for n in stride):
        raise ShapeError("non-positive stride is not supported")
    if any(n <= 0 for n in dilation):
        raise ShapeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if groups <= 0:
        raise ShapeError("non-positive groups is not supported")


def _check_channels(x: Any, w: Any, bias: Any, transposed: bool, groups: int) -> None:
    size, given = list(w.shape), f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    if x.ndim != w.ndim:
        raise ShapeError(
            f"Expected {w.ndim}-dimensional input for {w.ndim}-dimensional weight {size}, but got "
            f"{x.ndim}-dimensional input of "
            f"size {list(x.shape)} instead"
        )
    if size[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{size} instead"
        )
    if size[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{size}] instead"
        )
    channels = size[0] if transposed else size[1] * groups
    if x.shape[1] != channels:
        raise ShapeError(
            f"Given {given}, weight of size {size}, expected input{list(x.shape)} to have {channels} channels, but got "
            f"{x.shape[1]} channels instead"
        )
    found = size[1] * groups if transposed else size[0]
    if bias is not None and bias.shape != (found,):
        raise ShapeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {size}, expected bias to be "
            f"1-dimensional with {found} "
            f"elements, but got bias of size {list(bias.shape)} instead"
        )
    if 0 in size[2:]:
        names = ("depth", "height", "width")[5 - len(size) :]
        text = " ".join(f"kernel_{name}: {n}" for name, n in zip(names, size[2:], strict=True))
        raise ShapeError(f"kernel size should be greater than zero, but got {text}")


def _check_dtypes(x: Any, w: Any, bias: Any) -> None:
    one, two = dtype_name(x), dtype_name(w)
    if one != two:
        raise DtypeError(f"expected scalar type {SCALAR_TYPES[one]} but found {SCALAR_TYPES[two]}")
    if bias is not None and dtype_name(bias) != one:
        raise DtypeError(f"Input type ({C_TYPES[one]}) and bias type ({C_TYPES[dtype_name(bias)]}) should be the same")


def by_x(sizes: Sizes) -> str:
    """Return sizes as PyTorch's messages write them: `3 x 3`."""
    return " x ".join(map(str, sizes))


def _forward_shape(x: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    inside = tuple(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
    kernel = tuple(d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilation, strict=True))
    if any(k > n for k, n in zip(kernel, inside, strict=True)):
        raise ShapeError(
            f"Calculated padded input size per channel: ({by_x(inside)}). Kernel size: ({by_x(kernel)}). Kernel "
            "size can't be "
            "greater than actual input size"
        )
    out = ((n - k) // s + 1 for n, k, s in zip(inside, kernel, stride, strict=True))
    return (x.shape[0], w.shape[0], *out)


def _transposed_shape(
    x: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape, output_padding: Shape, groups: int
) -> Shape:  # fmt: skip
    extra = zip(output_padding, stride, dilation, strict=True)
    if any(o >= s and o >= d for o, s, d in extra):
        raise ShapeError(_output_padding_text(output_padding, stride, dilation))
    spans = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, output_padding, strict=True)
    out = tuple((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, d, o in spans)
    if any(n < 1 for n in out):
        raise ShapeError(
            f"Given input size per channel: ({by_x(x.shape[2:])}). Calculated output size per channel: "
            f"({by_x(out)}). Output size is "
            "too small"
        )
    return (x.shape[0], w.shape[1] * groups, *out)


def _output_padding_text(output_padding: Shape, stride: Shape, dilation: Shape) -> str:
    shown = {1: ("height", "width"), 2: ("height", "width"), 3: ("depth", "height", "width")}[len(stride)]
    rows = {"output_padding": output_padding, "stride": stride, "dilation": dilation}
    if len(stride) == 1:
        rows = {"output_padding": (0, *output_padding), "stride": (1, *stride), "dilation": (1, *dilation)}
    parts = (f"{row}_{name}: {n}" for row, sizes in rows.items() for name, n in zip(shown, sizes, strict=True))
    return f"output padding must be smaller than either stride or dilation, but got {' '.join(parts)}"


def batch_text(name: str, x: Any, dims: int) -> str:
    """Return PyTorch's text for an input that is neither one item nor a batch."""
    return (
        f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
        f"{list(x.shape)}"
    )
