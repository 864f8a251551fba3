"""Grid sampling: images read at the points of a grid, and the grids of affine maps."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, ShapeError
from gradcli.ops import joining, rearrange, reduction
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._grid_weights import BICUBIC, terms
from gradcli.ops._op import Op, composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, reals, sample

Orders = tuple[int, ...]
SETTINGS = "interpolation_mode: int, padding_mode: int, align_corners: bool"
MODES = ("bilinear", "nearest", "bicubic")
PADDING_MODES = ("zeros", "border", "reflection")


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _gathered(image: Any, place: Any) -> Any:
    """Return the pixels at these places: (n, c, plane), (n, points) → (n, c, points)."""
    out = np.empty((*image.shape[:2], place.shape[1]), image.dtype)
    for pixels, plane, at in zip(out, image, place, strict=True):
        np.take(plane, at, 1, out=pixels, mode="clip")
    return out


def _read(x: Any, grid: Any, orders: Orders, *settings: Any) -> Any:
    """Return Σ weight · pixel at every point: (n, c, *sizes), (n, *out, dims) → (n, c, *out)."""
    n, c = x.shape[:2]
    image = _wide(x).reshape(n, c, prod(x.shape[2:]))
    total = np.zeros((n, c, prod(grid.shape[1:-1])), image.dtype)
    for place, inside, weight in terms(_wide(grid), x.shape[2:], orders, *settings):
        pixels = _gathered(image, place)
        total += np.where(inside[:, None], pixels * weight[:, None], 0)
    return total.reshape(n, c, *grid.shape[1:-1]).astype(x.dtype, copy=False)


def _write(dy: Any, grid: Any, sizes: Shape, orders: Orders, *settings: Any) -> Any:
    """Return what `_read` does to the image, transposed: (n, c, *out) → (n, c, *sizes)."""
    n, c = dy.shape[:2]
    plane = prod(sizes)
    g = dy.reshape(n, c, prod(dy.shape[2:]))
    total = np.zeros(n * c * plane)
    starts = (np.arange(n * c) * plane).reshape(n, c, 1)
    for place, inside, weight in terms(_wide(grid), sizes, orders, *settings):
        values = np.where(inside[:, None], g * weight[:, None], 0)
        total += np.bincount((starts + place[:, None]).reshape(-1), values.reshape(-1), total.size)
    return total.reshape(n, c, *sizes).astype(dy.dtype)


def _raised(orders: Orders, dim: int) -> Orders:
    return tuple(order + (at == dim) for at, order in enumerate(orders))


def _grid_slope(g: Any, x: Any, grid: Any, orders: Orders, *settings: Any) -> Any:
    """Return the cotangent of the grid: Σ over channels of g · the sample with one weight derived once more."""
    dims = len(orders)
    slopes = (
        reduction.sum_(g * read(x, grid, _raised(orders, dim), *settings), (1,), False) for dim in reversed(range(dims))
    )
    return joining.stack(list(slopes), dims + 1)


# The derivatives of every order of a sample: `orders` says how often the weight of each dimension is derived.
read: Op = op(
    "grid_sample_derivative",
    lambda x, grid, orders, mode, padding, align: _read(x, grid, orders, mode, padding, align), names="",
    signature=f"(input: Tensor, grid: Tensor, orders: int[], {SETTINGS})",
    shape=lambda x, grid, *_: (*x.shape[:2], *grid.shape[1:-1]),
    vjp=dict(
        x=lambda g, x_shape, grid, orders, mode, padding, align: write(g, grid, x_shape[2:], orders, mode, padding,
        align),
        grid=lambda g, x, grid, orders, mode, padding, align: _grid_slope(g, x, grid, orders, mode, padding, align),
    ),
)  # fmt: skip
write: Op = op(
    "grid_sample_adjoint",
    lambda dy, grid, sizes, orders, mode, padding, align: _write(dy, grid, sizes, orders, mode, padding, align),
    names="",
    signature=f"(grad_output: Tensor, grid: Tensor, sizes: int[], orders: int[], {SETTINGS})",
    shape=lambda dy, grid, sizes, *_: (*dy.shape[:2], *sizes),
    vjp=dict(
        dy=lambda g, grid, orders, mode, padding, align: read(g, grid, orders, mode, padding, align),
        grid=lambda g, dy, grid, orders, mode, padding, align: _grid_slope(dy, g, grid, orders, mode, padding, align),
    ),
)  # fmt: skip


def _sampled_shape(dims: int, x: Any, grid: Any) -> Shape:
    """Return the shape of a sample; raise PyTorch's error where image and grid do not fit."""
    sizes = f"but got input with sizes {list(x.shape)} and grid with sizes {list(grid.shape)}"
    if x.shape[0] != grid.shape[0]:
        raise ShapeError(f"grid_sampler(): expected grid and input to have same batch size, {sizes}")
    if grid.shape[-1] != x.ndim - 2:
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    empty = next((at for at in range(2, x.ndim) if x.shape[at] == 0), None)
    if empty is not None:
        raise ShapeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(x.shape)} with "
            f"dimension {empty} being empty"
        )
    if x.ndim != dims + 2 or x.ndim != grid.ndim:
        raise ShapeError(f"grid_sampler(): expected {dims + 2}D input and grid with same number of dimensions, {sizes}")
    _check_dtypes(dims, x, grid)
    return (*x.shape[:2], *grid.shape[1:-1])


def _check_dtypes(dims: int, x: Any, grid: Any) -> None:
    one, two = dtype_name(x), dtype_name(grid)
    if not one.startswith("float"):
        raise DtypeError(f"\"grid_sampler_{dims}d_cpu_kernel_impl\" not implemented for '{SCALAR_TYPES[one]}'")
    if one != two:
        raise DtypeError(f"expected scalar type {SCALAR_TYPES[one]} but found {SCALAR_TYPES[two]}")


def _first_grid_slope(dy: Any, x: Any, grid: Any, orders: Orders, *settings: Any) -> Any:
    """Return what `_grid_slope` does, reading every pixel once for all dimensions."""
    dims, (n, c) = len(orders), x.shape[:2]
    image, g = _wide(x).reshape(n, c, prod(x.shape[2:])), _wide(dy).reshape(n, c, prod(dy.shape[2:]))
    slopes = np.zeros((n, g.shape[2], dims), image.dtype)
    derived = [terms(_wide(grid), x.shape[2:], _raised(orders, dim), *settings) for dim in reversed(range(dims))]
    for row in zip(*derived, strict=True):
        place, inside, _ = row[0]
        total = np.einsum("ncp,ncp->np", g, _gathered(image, place))
        for at, (_, _, weight) in enumerate(row):
            slopes[..., at] += np.where(inside, total * weight, 0)
    return slopes.reshape(grid.shape).astype(grid.dtype, copy=False)


def _both_slopes(dy: Any, x: Any, grid: Any, needs: Sequence[bool], *settings: Any) -> tuple[Any, Any]:
    """Return the cotangents of image and grid; what is not needed is empty."""
    orders = (0,) * (x.ndim - 2)
    dx = _write(dy, grid, x.shape[2:], orders, *settings) if needs[0] else np.zeros(0, dy.dtype)
    dgrid = _first_grid_slope(dy, x, grid, orders, *settings) if needs[1] else np.zeros(0, dy.dtype)
    return dx, dgrid


def _total(terms: list[Any]) -> Any:
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def _second_slopes(g: Any, dy: Any, x: Any, grid: Any, needs: Sequence[bool], *settings: Any) -> tuple[Any, ...]:
    """Return the cotangents of dy, image and grid from those of the image's slope (u) and of the grid's slope (v).

    Both slopes come from Σ dy · (sample of u + Σ over dims of v · sample of x derived once).
    """
    u, v = g
    dims = x.ndim - 2
    orders = (0,) * dims
    steps = [] if v is None else [
        (_raised(orders, dim), rearrange.unsqueeze(rearrange.select(v, dims + 1, dims - 1 - dim),
        1)) for dim in range(dims)
    ]  # fmt: skip
    to_dy, to_x, to_grid = [], [], []
    if u is not None:
        to_dy.append(read(u, grid, orders, *settings))
        to_grid.append(_grid_slope(dy, u, grid, orders, *settings))
    for order, factor in steps:
        to_dy.append(factor * read(x, grid, order, *settings))
        to_x.append(write(dy * factor, grid, x.shape[2:], order, *settings))
        to_grid.append(_grid_slope(dy * factor, x, grid, order, *settings))
    return tuple(_total(found) if wanted else None for found, wanted in zip((to_dy, to_x, to_grid), needs, strict=True))


def _slopes(g: Any, x: Any, grid: Any, backward: Op, needs: tuple[bool, ...], *settings: Any) -> tuple[Any, ...]:
    found = backward(g, x, grid, *settings, tuple(needs))
    return tuple(value if wanted else None for value, wanted in zip(found, needs, strict=True))


def _sampler(dims: int) -> Op:
    """Declare grid_sampler_2d or grid_sampler_3d and its backward."""
    name, node = f"grid_sampler_{dims}d", f"GridSampler{dims}D"
    backward = op(
        f"{name}_backward",
        lambda dy, x, grid, mode, padding, align, mask: _both_slopes(dy, x, grid, mask, mode, padding, align), names="",
        signature=f"(grad_output: Tensor, input: Tensor, grid: Tensor, {SETTINGS}, output_mask: any)",
        grad_fn=f"{node}BackwardBackward0", outputs=("grad_input", "grad_grid"),
        shape=lambda dy, x, grid, *_: (x.shape, grid.shape),
        vjp={
            "dy, x, grid": lambda g, dy, x, grid, mode, padding, align, needs: _second_slopes(
                g, dy, x, grid, needs, mode, padding, align
            )
        },
    )  # fmt: skip
    return op(
        name, lambda x, grid, mode, padding, align: _read(x, grid, (0,) * dims, mode, padding, align), names="torch",
        signature=f"(input: Tensor, grid: Tensor, {SETTINGS})", grad_fn=f"{node}Backward0",
        shape=lambda x, grid, *_: _sampled_shape(dims, x, grid),
        vjp={
            "x, grid": lambda g, x, grid, mode, padding, align, needs: _slopes(g, x, grid, backward, needs, mode,
            padding, align)
        },
        samples=lambda: [
            sample(real(1, 2, *(4,) * dims), reals(0.1, 0.3)(1, *(2,) * dims, dims), mode, 0, True) for mode in (0,
            2)[: 4 - dims]
        ],
    )  # fmt: skip


grid_sampler_2d, grid_sampler_3d = _sampler(2), _sampler(3)


@composite(
    "torch",
    f"(input: Tensor, grid: Tensor, {SETTINGS})",
    samples=lambda: [sample(real(1, 1, 3, 3), reals(0.1, 0.3)(1, 2, 2, 2), 0, 0, True)],
)
def grid_sampler(x: Any, grid: Any, mode: int, padding: int, align: bool) -> Any:
    """Return images or volumes read at the points of a grid; mode 0 bilinear, 1 nearest, 2 bicubic."""
    if x.ndim == grid.ndim == 5 and mode == BICUBIC:
        raise ShapeError("grid_sampler(): bicubic interpolation only supports 4D input")
    sampler = grid_sampler_2d if x.ndim == 4 else grid_sampler_3d
    return sampler(x, grid, mode, padding, align)


@composite(
    "nn.functional",
    "(input: Tensor, grid: Tensor, mode: str='bilinear', padding_mode: str='zeros', align_corners: bool?=None)",
    samples=lambda: [
        sample(real(1, 2, 4, 4), reals(0.1, 0.3)(1, 2, 2, 2), align_corners=True),
        ErrorSample((real(1, 1, 4, 4), real(2, 2, 2, 2)), "expected grid and input to have same batch size"),
    ],
)  # fmt: skip
def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:  # fmt: skip
    """Return (n, c, h, w) images read at the points (x, y) of an (n, out_h, out_w, 2) grid that spans -1 … 1."""
    if mode not in MODES:
        raise BindError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDING_MODES:
        raise BindError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    return grid_sampler(x, grid, MODES.index(mode), PADDING_MODES.index(padding_mode), bool(align_corners))


def _base(size: Shape, align_corners: bool, dtype: Any) -> Any:
    """Return the points (…, x, y, 1) of the grid of the identity: (positions, dims + 1)."""
    lines = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n, dtype=dtype) if n > 1 else np.zeros(1, dtype)
        lines.append(line if align_corners else line * dtype.type((n - 1) / n))
    mesh = np.meshgrid(*lines, indexing="ij")
    return np.stack([*(axis.reshape(-1) for axis in reversed(mesh)), np.ones(mesh[0].size, dtype)], -1)


def _affine(theta: Any, size: Shape, align_corners: bool) -> Any:
    points = _base(size, align_corners, theta.dtype) @ np.swapaxes(theta, 1, 2)
    return points.reshape(theta.shape[0], *size[2:], len(size) - 2)


def _affine_back(dy: Any, size: Shape, align_corners: bool) -> Any:
    base = _base(size, align_corners, dy.dtype)
    return np.swapaxes(dy.reshape(dy.shape[0], base.shape[0], len(size) - 2), 1, 2) @ base


affine_grid_generator = op(
    "affine_grid_generator", lambda theta, size, align_corners: _affine(theta, size, align_corners), names="torch",
    signature="(theta: Tensor, size: int[], align_corners: bool)",
    shape=lambda theta, size, align_corners: (theta.shape[0], *size[2:], len(size) - 2),
    vjp=dict(theta=lambda g, size, align_corners: affine_grid_generator_backward(g, size, align_corners)),
    samples=lambda: [sample(real(2, 2, 3), (2, 1, 3, 4), False), sample(real(1, 3, 4), (1, 1, 2, 3, 2), True)],
)  # fmt: skip
affine_grid_generator_backward = op(
    "affine_grid_generator_backward", lambda dy, size, align_corners: _affine_back(dy, size, align_corners), names="",
    signature="(grad: Tensor, size: int[], align_corners: bool)",
    shape=lambda dy, size, align_corners: (dy.shape[0], len(size) - 2, len(size) - 1),
    vjp=dict(dy=lambda g, size, align_corners: affine_grid_generator(g, size, align_corners)),
)  # fmt: skip


@composite(
    "nn.functional", "(theta: Tensor, size: int[], align_corners: bool?=None)",
    samples=lambda: [
        sample(real(2, 2, 3), (2, 1, 3, 4)), ErrorSample((real(1, 2, 2), (1, 1, 4, 4)),
        "Expected a batch of 2D affine matrices"),
    ],
)  # fmt: skip
def affine_grid(theta: Any, size: Shape, align_corners: bool | None = None) -> Any:
    """Return the grid for `grid_sample` that reads an image of this (n, c, h, w) size through affine maps (n, 2, 3)."""
    if not dtype_name(theta).startswith("float"):
        raise DtypeError(f"Expected theta to have floating point type, but got torch.{dtype_name(theta)}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise ShapeError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{tuple(size)}."
        )
    if theta.ndim != 3 or theta.shape[1:] != (dims, dims + 1):
        raise ShapeError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {tuple(size)}. Got "
            f"torch.Size({list(theta.shape)})."
        )
    if min(size) <= 0:
        raise ShapeError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    return affine_grid_generator(theta, tuple(size), bool(align_corners))
