"""Padding: borders of constants, reflections, copies of the edge, or the other end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops import arithmetic, rearrange
from gradcli.ops._axis_map import AxisMap, apply, apply_transposed, picking
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._samples import ErrorSample, real, sample

Sizes = Sequence[int]
LETTERS = ("W", "H", "D")


@lru_cache(maxsize=256)
def _places(kind: str, size: int, low: int, high: int) -> AxisMap:
    """Return which element of a dimension stands at each place of the padded one."""
    at = np.arange(size + low + high) - low
    if kind == "reflection":
        at = np.abs(at)
        at = np.where(at >= size, 2 * (size - 1) - at, at)
    return picking(size, np.clip(at, 0, max(size - 1, 0)))


def _maps(kind: str, shape: Shape, padding: Sizes) -> list[AxisMap]:
    dims = len(padding) // 2
    sides = [(padding[2 * at], padding[2 * at + 1]) for at in reversed(range(dims))]
    return [_places(kind, size, low, high) for size, (low, high) in zip(shape[-dims:], sides, strict=True)]


def _padded_shape(kind: str, x: Any, padding: Sizes) -> Shape:
    """Return the padded shape; raise PyTorch's error where a reflection does not fit."""
    dims = len(padding) // 2
    if x.ndim not in (dims + 1, dims + 2) or 0 in x.shape[x.ndim - dims - 1 :]:
        raise ShapeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            "dimensions for "
            f"input, but got: {list(x.shape)}"
        )
    shape = list(x.shape)
    for at in range(dims):
        low, high, dim = padding[2 * at], padding[2 * at + 1], x.ndim - at - 1
        if kind == "reflection" and (low >= shape[dim] or high >= shape[dim]):
            raise ShapeError(
                f"Argument #{2 * at + 4}: Padding size should be less than the corresponding input dimension, but "
                "got: padding "
                f"({low}, {high}) at dimension {dim} of input {list(x.shape)}"
            )
        shape[dim] += low + high
    _check_not_empty(x, shape, dims)
    return tuple(shape)


def _check_not_empty(x: Any, shape: Sizes, dims: int) -> None:
    sizes = [f"{letter}: {x.shape[-at - 1]}" for at, letter in enumerate(LETTERS[:dims])]
    found = [f"{letter}: {shape[-at - 1]}" for at, letter in enumerate(LETTERS[:dims])]
    if all(n < 1 for n in shape[-dims:]) or any(n < 0 for n in shape[-dims:]):
        raise ShapeError(
            f"input ({' '.join(reversed(sizes))}) is too small. Calculated output {' '.join(reversed(found))}"
        )


def _bordered(kind: str, dims: int) -> Op:
    """Declare one of PyTorch's reflection_pad and replication_pad ops and its backward."""
    name, node = f"{kind}_pad{dims}d", f"{kind.title()}Pad{dims}D"
    padded: Op
    backward = op(
        f"{name}_backward", lambda dy, x, padding: apply_transposed(dy, _maps(kind, x.shape, padding)), names="",
        signature="(grad_output: Tensor, input: Tensor, padding: int[])", grad_fn=f"{node}BackwardBackward0",
        shape=lambda dy, x, padding: x.shape, vjp=dict(dy=lambda g, padding: padded(g, padding)),
    )  # fmt: skip
    padded = op(
        name, lambda x, padding: formatted(apply(x, _maps(kind, x.shape, padding)), x), names="",
        signature="(input: Tensor, padding: int[])",
        grad_fn=f"{node}Backward0", shape=lambda x, padding: _padded_shape(kind, x, padding),
        vjp=dict(x=lambda g, x, padding: backward(g, x, padding)),
        samples=lambda: [sample(real(2, *(3,) * dims), (1, 2) * dims)],
    )  # fmt: skip
    return padded


BORDERED = {(kind, dims): _bordered(kind, dims) for kind in ("reflection", "replication") for dims in (1, 2, 3)}


def _region(begins: Shape, ends: Shape) -> tuple[slice, ...]:
    return tuple(map(slice, begins, ends))


def _overwrite(x: Any, y: Any, begins: Shape, ends: Shape) -> Any:
    out = np.array(x)
    out[_region(begins, ends)] = y
    return out


# What PyTorch leaves behind where it writes into a part of a new tensor.
overwrite = op(
    "copy_slices", lambda x, y, begins, ends: _overwrite(x, y, begins, ends), names="", grad_fn="CopySlices",
    signature="(input: Tensor, src: Tensor, begins: int[], ends: int[])", shape=lambda x, y, begins, ends: x.shape,
    vjp=dict(
        x=lambda g, y_shape, begins, ends: overwrite(g, arithmetic.zeros(part(g, begins, ends)), begins, ends),
        y=lambda g, begins, ends: part(g, begins, ends),
    ),
    samples=lambda: [sample(real(3, 3), real(1, 2), (1, 0), (2, 2))],
)  # fmt: skip


def part(x: Any, begins: Shape, ends: Shape) -> Any:
    """Return the region of x between these corners, one slice for each dimension that is cut."""
    for dim, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        if (begin, end) != (0, x.shape[dim]):
            x = rearrange.slice_(x, dim, begin, end)
    return x


def _circular(x: Any, padding: Sizes) -> Any:
    """Return x continued periodically, by copies in PyTorch's order: the middle, then both ends of each dimension."""
    dims = len(padding) // 2
    lead = x.ndim - dims
    sides = [(0, 0)] * lead + [(padding[2 * at], padding[2 * at + 1]) for at in reversed(range(dims))]
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, sides, strict=True))
    _check_circular(x.shape, sides)
    out, inner = np.zeros(shape, str(x.dtype)), x
    for dim in range(lead, x.ndim):
        low, high = sides[dim]
        inner = rearrange.slice_(inner, dim, max(-low, 0), x.shape[dim] - max(-high, 0))
    begins = tuple(max(low, 0) for low, _ in sides)
    out = overwrite(out, inner, begins, tuple(n - max(high, 0) for n, (_, high) in zip(shape, sides, strict=True)))
    for dim in range(lead, x.ndim):
        low, high = sides[dim]
        if low > 0:
            out = _copied_strip(out, dim, 0, shape[dim] - low - max(high, 0), low)
        if high > 0:
            out = _copied_strip(out, dim, shape[dim] - high, max(low, 0), high)
    return out


def _copied_strip(x: Any, dim: int, to: int, start: int, length: int) -> Any:
    """Return x with a strip of it copied to another place of the same dimension."""
    strip = rearrange.slice_(x, dim, start, start + length)
    begins, ends = [0] * x.ndim, list(x.shape)
    begins[dim], ends[dim] = to, to + length
    return overwrite(x, strip, tuple(begins), tuple(ends))


def _check_circular(shape: Shape, sides: Sequence[tuple[int, int]]) -> None:
    for size, (low, high) in zip(shape, sides, strict=True):
        if low > size or high > size:
            raise ShapeError("Padding value causes wrapping around more than once.")
        if size + low + high < 0 or ((low or high) and size + low + high <= 0):
            raise ShapeError("Negative padding value is resulting in an empty dimension")


KINDS = {"reflect": "reflection", "replicate": "replication"}
UNSUPPORTED = """Padding size {} is not supported for {}D input tensor.
Supported combinations for non-constant padding:
  - 2D or 3D input: padding size = 2 (pads last dimension)
  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)
  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"""


@composite(
    "nn.functional", "(input: Tensor, pad: int[], mode: str='constant', value: float?=None)",
    samples=lambda: [
        sample(real(2, 3), (1, 2)), sample(real(1, 2, 4), (2, 1), "reflect"), sample(real(1, 2, 3, 3), (1, 1, 0, 2),
        "replicate"),
        sample(real(1, 2, 4), (2, 1), "circular"), ErrorSample((real(1, 2, 3), (3, 1), "reflect"),
        "Padding size should be less than"),
        ErrorSample((real(1, 2, 3), (1, 1), "mirror"), "Unrecognised padding mode mirror"),
    ],
)  # fmt: skip
def pad(x: Any, padding: Sizes, mode: str = "constant", value: float | None = None) -> Any:
    """Return x with a border, given as sizes before and after from the last dimension on."""
    if mode == "constant":
        return rearrange.constant_pad_nd(x, tuple(padding), 0.0 if value is None else value)
    if mode not in (*KINDS, "circular"):
        raise ShapeError(f"Unrecognised padding mode {mode}")
    if len(padding) % 2:
        raise ShapeError("Padding length must be divisible by 2")
    if value is not None and value != 0:
        raise ShapeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(padding) // 2
    if dims not in (1, 2, 3) or x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(UNSUPPORTED.format(len(padding), x.ndim))
    return _circular(x, padding) if mode == "circular" else BORDERED[KINDS[mode], dims](x, tuple(padding))
