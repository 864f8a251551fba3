"""Pooling rules: how many windows fit, with PyTorch's texts where none does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._promotion import dtype_name

Sizes = Sequence[int]
TUPLES = {2: "a tuple of two ints", 3: "a tuple of three ints"}
SINGLE = {
    "kernel_size": "must either be a single int, or", "stride": "must either be omitted, a single int, or",
    "padding": "must either be a single int, or", "dilation": "must be either a single int, or",
}  # fmt: skip


def sized(name: str, what: str, sizes: Sizes, dims: int) -> Shape:
    """Return one size per dimension, as PyTorch reads an int or a tuple."""
    if len(sizes) == 1:
        return tuple(sizes) * dims
    if len(sizes) == dims:
        return tuple(sizes)
    how = "must be a single int, or" if (name, what) == ("avg_pool3d", "kernel_size") else SINGLE[what]
    raise ShapeError(f"{name}: {what} {how} {TUPLES[dims]}")


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows fit along a dimension."""
    if stride == 0:
        raise ShapeError("stride should not be zero")
    if padding < 0:
        raise ShapeError(f"pad must be non-negative, but got pad: {padding}")
    if padding > ((kernel - 1) * dilation + 1) // 2:
        raise ShapeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel} and "
            f"dilation={dilation}"
        )
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def pooled_sizes(x: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool) -> Shape:
    """Return the sizes after pooling."""
    dims = len(kernel)
    each = zip(x.shape[x.ndim - dims :], kernel, stride, padding, dilation, strict=True)
    return tuple(window_count(*values, ceil_mode) for values in each)


def checked_pool(
    name: str, x: Any, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Shape, Shape, Shape, Shape, Shape]:  # fmt: skip
    """Return kernel, stride, padding, dilation and the pooled sizes; raise PyTorch's error where they do not fit."""
    dims = int(name[-2])
    kernel, padding = sized(name, "kernel_size", kernel, dims), sized(name, "padding", padding, dims)
    stride = sized(name, "stride", stride, dims) if stride else kernel
    dilation = sized(name, "dilation", dilation, dims)
    _check_dims(name, x, dims)
    out = pooled_sizes(x, kernel, stride, padding, dilation, ceil_mode)
    _check_positive(dims, kernel, stride, dilation)
    _check_dtype(name, x)
    _check_input(name, x, dims)
    if min(out) < 1:
        if name == "avg_pool3d":
            raise ShapeError(
                f"input image {_named('T H W', x.shape[-3:])} smaller than kernel size {_named('kT kH kW', kernel)}"
            )
        channels = x.shape[-dims - 1]
        before, after = ("x".join(map(str, (channels, *sizes))) for sizes in (x.shape[-dims:], out))
        raise ShapeError(f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small")
    return kernel, stride, padding, dilation, out


def _named(names: str, sizes: Sizes) -> str:
    return "(" + " ".join(f"{name}: {n}" for name, n in zip(names.split(), sizes, strict=True)) + ")"


def _check_dims(name: str, x: Any, dims: int) -> None:
    if x.ndim in (dims + 1, dims + 2):
        return
    if name == "avg_pool2d" and x.ndim < 3:
        raise ShapeError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got -3)", code="GC304"
        )
    raise ShapeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")


def _check_positive(dims: int, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    letters = ("T", "H", "W")[3 - dims :]
    for what, prefix, sizes in (
        ("kernel size", "k", kernel),
        ("stride", "d", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(sizes) <= 0:
            text = " ".join(f"{prefix}{letter}: {n}" for letter, n in zip(letters, sizes, strict=True))
            raise ShapeError(f"{what} should be greater than zero, but got {text}")


def _check_dtype(name: str, x: Any) -> None:
    if dtype_name(x).startswith("complex") or dtype_name(x) == "bool":
        raise DtypeError(f"\"{name}\" not implemented for '{SCALAR_TYPES[dtype_name(x)]}'")


def _check_input(name: str, x: Any, dims: int) -> None:
    if 0 not in x.shape[x.ndim - dims - 1 :]:
        return
    if dims == 3:
        where = "max_pool3d_with_indices_out_cpu_template()" if name == "max_pool3d" else "avg_pool3d()"
        raise ShapeError(
            f"{where}: Expected input's non-batch dimensions to have positive length, but input has a shape of "
            f"{list(x.shape)} and "
            "non-batch dimension 0 has length zero!"
        )
    raise ShapeError(
        f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(x.shape)}"
    )


def check_one_dimensional(name: str, x: Any) -> None:
    """Raise ShapeError where an input is neither one signal with channels nor a batch of them."""
    if x.ndim not in (2, 3):
        raise ShapeError(
            f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 'self' (while "
            "checking arguments for "
            f"{name})"
        )


def check_max_pool1d(
    x: Any, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> None:
    """Raise max_pool1d's own errors, which differ from those of the other sizes."""
    if x.ndim not in (2, 3) or 0 in x.shape[x.ndim - 2 :]:
        raise ShapeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{list(x.shape)}"
        )
    words = ("an int, list of ints or tuple of ints", "None, an int, list of ints, or tuple of ints",
             "an int, list of ints, or tuple of ints", "an int, list of ints or tuple of ints")  # fmt: skip
    names = ("kernel_size", "stride", "padding", "dilation")
    values = (kernel, stride or kernel, padding, dilation)
    for name, sizes, word in zip(names, values, words, strict=True):
        if len(sizes) != 1:
            raise ShapeError(f"max_pool1d() {name} must be {word} of size 1 but got size {len(sizes)}")
    (k,), (s,), (p,), (d,) = values
    for name, n in (("kernel_size", k), ("stride", s)):
        if n <= 0:
            raise ShapeError(f"max_pool1d() {name} must be greater than zero, but got {n}")
    if p < 0:
        raise ShapeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise ShapeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
        )
    if d <= 0:
        raise ShapeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
    if (count := window_count(x.shape[-1], k, s, p, d, ceil_mode)) < 1:
        raise ShapeError(f"max_pool1d() Invalid computed output size: {count}")
