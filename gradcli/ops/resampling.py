"""Resampling: images and signals in another size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, ShapeError
from gradcli.ops import adaptive_pooling
from gradcli.ops._axis_map import AxisMap, apply, apply_transposed
from gradcli.ops._dtype_text import SCALAR_TYPES
from gradcli.ops._families import Shape
from gradcli.ops._interpolation import resized
from gradcli.ops._layout import formatted
from gradcli.ops._op import Op, composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample

Factors = Sequence[float] | None


def _maps(mode: str, shape: Shape, size: Shape, align_corners: bool, factors: Factors, dtype: str) -> list[AxisMap]:
    sizes = zip(shape[2:], size, factors or (None,) * len(size), strict=True)
    return [resized(mode, n, out, align_corners, factor, dtype) for n, out, factor in sizes]


def _resize(mode: str, x: Any, size: Shape, align_corners: bool, factors: Factors) -> Any:
    wide = (
        x.astype(np.float32) if x.dtype == np.float16 or (x.dtype == np.uint8 and not mode.startswith("nearest")) else x
    )
    out = apply(wide, _maps(mode, x.shape, size, align_corners, factors, str(x.dtype)))
    if x.dtype == np.uint8 and wide is not x:
        out = np.clip(np.rint(out), 0, 255)
    return formatted(out.astype(x.dtype, copy=False), x)


def _resize_back(mode: str, dy: Any, shape: Shape, size: Shape, align_corners: bool, factors: Factors) -> Any:
    wide = dy.astype(np.float32) if dy.dtype == np.float16 else dy
    maps = _maps(mode, shape, size, align_corners, factors, str(dy.dtype))
    return apply_transposed(wide, maps).astype(dy.dtype, copy=False)


def _resized_shape(name: str, x: Any, size: Shape) -> Shape:
    """Return the shape after resizing; raise PyTorch's error for empty sizes and dtypes without an implementation."""
    letters = ("D", "H", "W")[3 - len(size) :]
    if any(n <= 0 for n in (*x.shape[2:], *size)):
        before, after = (
            ", ".join(f"{letter}: {n}" for letter, n in zip(letters, sizes, strict=True))
            for sizes in (x.shape[2:], size)
        )
        raise ShapeError(f"Input and output sizes should be greater than 0, but got input ({before}) output ({after})")
    if x.shape[1] == 0:
        raise ShapeError(f"Non-empty {x.ndim}D data tensor expected but got a tensor with sizes {list(x.shape)}")
    if not dtype_name(x).startswith("float") and dtype_name(x) != "uint8":
        raise DtypeError(f"\"{name}\" not implemented for '{SCALAR_TYPES[dtype_name(x)]}'")
    return (*x.shape[:2], *size)


SETTINGS = "output_size: int[], align_corners: bool, scale_factors: any"


def _resampler(mode: str, name: str, node: str, dims: int) -> Op:
    """Declare one of PyTorch's upsample ops and its backward."""
    shape_name = f"{name}_channels_last" if dims == 2 and not mode.endswith("aa") else name
    resample: Op
    backward = op(
        f"{name}_backward",
        lambda dy, input_size, size, align_corners, factors: _resize_back(mode, dy, input_size, size, align_corners,
        factors),
        names="", signature=f"(grad_output: Tensor, input_size: int[], {SETTINGS})", grad_fn=f"{node}BackwardBackward0",
        shape=lambda dy, input_size, *_: input_size,
        vjp=dict(dy=lambda g, size, align_corners, factors: resample(g, size, align_corners, factors)),
    )  # fmt: skip
    resample = op(
        name, lambda x, size, align_corners, factors: _resize(mode, x, size, align_corners, factors), names="",
        signature=f"(input: Tensor, {SETTINGS})", grad_fn=f"{node}Backward0",
        shape=lambda x, size, *_: _resized_shape(shape_name, x, size),
        vjp=dict(x=lambda g, x_shape, size, align_corners, factors: backward(g, x_shape, size, align_corners, factors)),
        samples=lambda: [sample(real(1, 2, *(3,) * dims), (5, 2, 4)[:dims], False, None)],
    )  # fmt: skip
    return resample


RESAMPLERS = {
    **{
        ("nearest", d + 2): _resampler("nearest", f"upsample_nearest{d}d", f"UpsampleNearest{d}D", d) for d in (1, 2, 3)
    },
    **{
        ("nearest-exact", d + 2): _resampler(
            "nearest-exact", f"_upsample_nearest_exact{d}d", f"UpsampleNearestExact{d}D", d
        )
        for d in (1, 2, 3)
    },
    ("linear", 3): _resampler("linear", "upsample_linear1d", "UpsampleLinear1D", 1),
    ("bilinear", 4): _resampler("linear", "upsample_bilinear2d", "UpsampleBilinear2D", 2),
    ("trilinear", 5): _resampler("linear", "upsample_trilinear3d", "UpsampleTrilinear3D", 3),
    ("bicubic", 4): _resampler("cubic", "upsample_bicubic2d", "UpsampleBicubic2D", 2),
}
ANTIALIASED = {
    "bilinear": _resampler("linear-aa", "_upsample_bilinear2d_aa", "UpsampleBilinear2DAa", 2),
    "bicubic": _resampler("cubic-aa", "_upsample_bicubic2d_aa", "UpsampleBicubic2DAa", 2),
    "lanczos": _resampler("lanczos-aa", "_upsample_lanczos2d_aa", "UpsampleLanczos2DAa", 2),
}
NEEDED = {"linear": 3, "bilinear": 4, "trilinear": 5}
UNALIGNED = ("nearest", "area", "nearest-exact")


def _per_dim(value: Any, x: Any, name: str) -> tuple[Any, ...] | None:
    """Return one number per spatial dimension."""
    dims = x.ndim - 2
    if value is None or not isinstance(value, (list, tuple)):
        return None if value is None else (value,) * dims
    if len(value) == dims:
        return tuple(value)
    shown = f"output size of {value}" if name == "size" else f"scale_factor of shape {value}"
    letters = (
        ("output size in (o1, o2, ...,oK)", "output")
        if name == "size"
        else ("scale_factor in (s1, s2, ...,sK)", "scale_factor")
    )
    raise ShapeError(
        f"Input and {letters[1]} must have the same number of spatial dimensions, but got input with spatial "
        "dimensions of "
        f"{list(x.shape[2:])} and {shown}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
        f"{letters[0]} format."
    )


def _check_choice(
    x: Any, size: Any, factor: Any, mode: str, align_corners: Any, recompute: Any, antialias: bool
) -> None:
    if mode in UNALIGNED and align_corners is not None:
        raise BindError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if size is not None and factor is not None:
        raise BindError("only one of size or scale_factor should be defined")
    if x.ndim in (3, 4, 5) and NEEDED.get(mode, x.ndim) != x.ndim:
        raise ShapeError(f"Got {x.ndim}D input, but {mode} mode needs {NEEDED[mode]}D input")
    if (
        (mode, x.ndim) not in RESAMPLERS
        and not (mode == "area" and x.ndim in (3, 4, 5))
        and (mode, x.ndim) != ("lanczos", 4)
    ):
        raise ShapeError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the modes: nearest | "
            "linear | bilinear | "
            f"bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    if size is None and factor is None:
        raise BindError("either size or scale_factor should be defined")
    if recompute and size is not None:
        raise BindError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in ANTIALIASED and x.ndim == 4):
        raise BindError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        raise BindError(
            "Lanczos mode does not support align_corners=True"
            if align_corners
            else "Lanczos mode requires antialias=True"
        )


def _area(x: Any, size: Shape) -> Any:
    pools = (
        adaptive_pooling.adaptive_avg_pool1d,
        adaptive_pooling.adaptive_avg_pool2d,
        adaptive_pooling.adaptive_avg_pool3d,
    )
    return pools[x.ndim - 3](x, size)


@composite(
    "nn.functional",
    "(input: Tensor, size: any=None, scale_factor: any=None, mode: str='nearest', align_corners: bool?=None, "
    "recompute_scale_factor: bool?=None, antialias: bool=False)",
    samples=lambda: [
        sample(real(1, 2, 3), 5), sample(real(1, 2, 3, 2), scale_factor=2, mode="bilinear"),
        sample(real(1, 1, 4, 4), (6, 3), mode="bicubic", align_corners=True), sample(real(1, 2, 4, 4), 2, mode="area"),
        sample(real(1, 1, 5, 5), 3, mode="bilinear", antialias=True),
        ErrorSample((real(1, 2, 3),), "either size or scale_factor should be defined"),
        ErrorSample((real(1, 2, 3), 5, None, "bilinear"), "Got 3D input, but bilinear mode needs 4D input"),
    ],
)  # fmt: skip
def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Any:  # fmt: skip
    """Return (batch, channels, *sizes) resized to `size` or by `scale_factor`: nearest, linear, cubic or area."""
    sizes, factors = _per_dim(size, x, "size"), _per_dim(scale_factor, x, "scale_factor")
    _check_choice(x, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    if sizes is None:
        assert factors is not None
        sizes = tuple(int(n * factor) for n, factor in zip(x.shape[2:], factors, strict=True))
        factors = None if recompute_scale_factor or mode == "area" else factors
    if mode == "area":
        return _area(x, sizes)
    resample = ANTIALIASED[mode] if antialias else RESAMPLERS[mode, x.ndim]
    return resample(x, sizes, bool(align_corners), factors)


@composite(
    "nn.functional",
    "(input: Tensor, size: any=None, scale_factor: any=None, mode: str='nearest', align_corners: bool?=None)",
    samples=lambda: [sample(real(1, 2, 3), 5)],
)  # fmt: skip
def upsample(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """Return x resized, as `interpolate` does."""
    return interpolate(x, size, scale_factor, mode, align_corners)


@composite(
    "nn.functional",
    "(input: Tensor, size: any=None, scale_factor: any=None)",
    samples=lambda: [sample(real(1, 2, 3), 5)],
)
def upsample_nearest(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """Return x resized by repeating the nearest elements."""
    return interpolate(x, size, scale_factor, "nearest")


@composite(
    "nn.functional",
    "(input: Tensor, size: any=None, scale_factor: any=None)",
    samples=lambda: [sample(real(1, 2, 3, 3), 5)],
)
def upsample_bilinear(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """Return images resized bilinearly, corners on corners."""
    return interpolate(x, size, scale_factor, "bilinear", True)
