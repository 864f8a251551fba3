"""Discrete Fourier transforms, over one dimension or several."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import creation, joining, parts, rearrange, slicing
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._matrix import Array, is_complex
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import default_dtype
from gradcli.ops._samples import ErrorSample, real, sample

NONE, BY_ROOT, BY_SIZE = 0, 1, 2
COMPLEX = {"float32": "complex64", "float64": "complex128", "complex64": "complex64", "complex128": "complex128"}
REAL = {"complex64": "float32", "complex128": "float64"}


def _scaled(x: Array, norm: int, count: int) -> Array:
    """Return a transform over `count` points divided by 1, √count or count."""
    return x if norm == NONE else x * x.real.dtype.type(1 / (sqrt(count) if norm == BY_ROOT else count))


def _sorted_dims(x: Array, dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(dims, key=lambda d: -x.strides[d]))


def _laid_out(result: Array, x: Array, dims: Sequence[int], dtype: str) -> Array:
    """Return a transform in PyTorch's memory order: batch dimensions by their strides, then the transformed ones."""
    batch = _sorted_dims(x, [d for d in range(x.ndim) if d not in dims])
    order = (*batch, *dims)
    return np.ascontiguousarray(result.transpose(order)).astype(dtype, copy=False).transpose(np.argsort(order))


def _c2c_kernel(x: Array, dims: Shape, norm: int, forward: bool) -> Array:
    if not dims:
        return x.copy()
    dims = _sorted_dims(x, dims)
    found = np.fft.fftn(x, axes=dims) if forward else np.fft.ifftn(x, axes=dims, norm="forward")
    return _laid_out(_scaled(found, norm, prod(x.shape[d] for d in dims)), x, dims, str(x.dtype))


def _r2c_kernel(x: Array, dims: Shape, norm: int, onesided: bool) -> Array:
    dims = (*_sorted_dims(x, dims[:-1]), dims[-1])
    found = np.fft.rfftn(x, axes=dims) if onesided else np.fft.fftn(x, axes=dims)
    return _laid_out(_scaled(found, norm, prod(x.shape[d] for d in dims)), x, dims, COMPLEX[str(x.dtype)])


def _c2r_kernel(x: Array, dims: Shape, norm: int, size: int) -> Array:
    count = prod(x.shape[d] for d in dims[:-1]) * size
    if len(dims) > 1:
        x = _c2c_kernel(x, dims[:-1], NONE, False)
    found = np.fft.irfft(x, size, dims[-1], norm="forward")
    return _laid_out(_scaled(found, norm, count), x, dims[-1:], REAL[str(x.dtype)])


def _resized(shape: Shape, dim: int, size: int) -> Shape:
    return (*shape[:dim], size, *shape[dim + 1 :])


def _half(size: int) -> int:
    return size // 2 + 1


def _r2c_backward(g: Any, dims: Shape, norm: int, onesided: bool, x_shape: Shape) -> Any:
    last = dims[-1]
    missing = x_shape[last] - g.shape[last]
    if onesided and missing:
        zeros = np.zeros(_resized(g.shape, last, missing), str(g.dtype))
        g = joining.cat((g, zeros), last)
    return rearrange.real(_fft_c2c(g, dims, norm, False))


def _c2r_backward(g: Any, dims: Shape, norm: int) -> Any:
    """Return the cotangent of the half spectrum, whose inner points count for their mirror images too."""
    last = dims[-1]
    half = _fft_r2c(g, dims, norm, True)
    doubled = g.shape[last] - half.shape[last]
    if doubled <= 0:
        return half
    weights = np.ones(half.shape[last], str(g.dtype))
    weights[1 : 1 + doubled] = 2
    return half * weights.reshape(_resized((1,) * g.ndim, last, -1))


_fft_c2c = op(
    "_fft_c2c", _c2c_kernel, names="", grad_fn="FftC2CBackward0",
    signature="(input: Tensor, dim: int[], normalization: int, forward: bool)", shape=lambda x, *_: x.shape,
    vjp=dict(x=lambda g, dims, norm, forward: _fft_c2c(g, dims, norm, not forward)),
)  # fmt: skip
_fft_r2c = op(
    "_fft_r2c", _r2c_kernel, names="", grad_fn="FftR2CBackward0",
    signature="(input: Tensor, dim: int[], normalization: int, onesided: bool)", dtype=lambda x,
    *_: COMPLEX[str(x.dtype)],
    shape=lambda x, dims, norm,
    onesided: _resized(x.shape, dims[-1], _half(x.shape[dims[-1]])) if onesided else x.shape,
    vjp=dict(x=lambda g, x_shape, dims, norm, onesided: _r2c_backward(g, dims, norm, onesided, x_shape)),
)  # fmt: skip
_fft_c2r = op(
    "_fft_c2r", _c2r_kernel, names="", grad_fn="FftC2RBackward0",
    signature="(input: Tensor, dim: int[], normalization: int, last_dim_size: int)", dtype=lambda x,
    *_: REAL[str(x.dtype)],
    shape=lambda x, dims, norm, size: _resized(x.shape, dims[-1], size),
    vjp=dict(x=lambda g, dims, norm: _c2r_backward(g, dims, norm)),
)  # fmt: skip


def _normalization(norm: str | None, forward: bool) -> int:
    if norm not in (None, "backward", "forward", "ortho"):
        raise ShapeError(f'Invalid normalization mode: "{norm}"', code="GC501")
    if norm == "ortho":
        return BY_ROOT
    return NONE if (norm == "forward") != forward else BY_SIZE


def _promoted(x: Any, to_complex: bool = False) -> Any:
    """Return a tensor in a dtype that has a transform: integers in the default floating one."""
    name = str(x.dtype)
    if name == "float16":
        raise DtypeError("Unsupported dtype Half")
    if not name.startswith(("float", "complex")):
        name = str(default_dtype())
    return creation.to_dtype(x, COMPLEX[name] if to_complex else name)


def _require_real(x: Any, name: str) -> None:
    if is_complex(x):
        raise DtypeError(f"{name} expects a real input tensor, but got {scalar_type(x)}")


def _fit(x: Any, dims: Sequence[int], sizes: Sequence[int]) -> Any:
    """Return x cut, then padded with zeros, to these sizes."""
    pads = [0] * (2 * x.ndim)
    for d, n in zip(dims, sizes, strict=True):
        if x.shape[d] < n:
            pads[2 * (x.ndim - 1 - d) + 1] = n - x.shape[d]
        elif x.shape[d] > n:
            x = slicing.slice_(x, d, 0, n)
    return rearrange.constant_pad_nd(x, tuple(pads), 0) if any(pads) else x


def _one_dim(x: Any, n: int | None, dim: int) -> tuple[int, int]:
    """Return the dimension of a one-dimensional transform and its number of points."""
    if x.ndim == 0:
        raise ShapeError(f"Dimension specified as {dim} but tensor has no dimensions", code="GC304")
    at = normalize_dim(dim, x.ndim)
    return at, x.shape[at] if n is None else n


def _positive(n: int) -> None:
    if n < 1:
        raise ShapeError(f"Invalid number of data points ({n}) specified")


def _many_dims(x: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """Return the dimensions of a transform over several and the number of points of each."""
    dims = None if dim is None else tuple(normalize_dim(d, x.ndim) for d in dim)
    if dims is not None and len(set(dims)) < len(dims):
        raise ShapeError("FFT dims must be unique", code="GC304")
    if s is not None:
        if dims is not None and len(dims) != len(s):
            raise ShapeError("When given, dim and shape arguments must have the same length")
        if len(s) > x.ndim:
            raise ShapeError(f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
        dims = tuple(range(x.ndim - len(s), x.ndim)) if dims is None else dims
        return dims, [x.shape[d] if n == -1 else n for d, n in zip(dims, s, strict=True)]
    dims = tuple(range(x.ndim)) if dims is None else dims
    return dims, [x.shape[d] for d in dims]


def _transform(x: Any, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    x = _promoted(x)
    at, size = _one_dim(x, n, dim)
    _positive(size)
    x = _fit(x, [at], [size])
    if is_complex(x):
        return _fft_c2c(x, (at,), _normalization(norm, forward), forward)
    out = _fft_r2c(x, (at,), _normalization(norm, forward), False)
    return out if forward else rearrange.conj(out)


ONE = "(input: Tensor, n: int?=None, dim: int=-1, norm: str?=None)"
MANY = "(input: Tensor, s: int[1]?=None, dim: int[1]?=None, norm: str?=None)"
TWO = "(input: Tensor, s: int[1]?=None, dim: int[1]=(-2, -1), norm: str?=None)"
ONE_SAMPLES = (sample(real(2, 4)), sample(real(3, 2), 4, 0, "ortho"), sample(real(5), 3, norm="forward"))
MANY_SAMPLES = (sample(real(2, 4)), sample(real(2, 3, 4), (2, 5)), sample(real(3, 2), norm="ortho"))


@composite("fft", ONE, samples=ONE_SAMPLES, latex=r"\sum_t x_t e^{-2\pi i k t/n}")
def fft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the Fourier transform along a dimension."""
    return _transform(x, n, dim, norm, True)


@composite("fft", ONE, samples=ONE_SAMPLES, latex=r"\frac1n \sum_k x_k e^{2\pi i k t/n}")
def ifft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the inverse Fourier transform along a dimension."""
    return _transform(x, n, dim, norm, False)


def _half_transform(x: Any, n: Any, dim: int, norm: Any, name: str, forward: bool) -> Any:
    _require_real(x, name)
    x = _promoted(x)
    at, size = _one_dim(x, n, dim)
    _positive(size)
    return _fft_r2c(_fit(x, [at], [size]), (at,), _normalization(norm, forward), True)


@composite("fft", ONE, samples=[*ONE_SAMPLES, ErrorSample((real(4), 0), "Invalid number of data points (0) specified")])
def rfft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the first half of the Fourier transform of a real signal, which determines the other."""
    return _half_transform(x, n, dim, norm, "rfft", True)


@composite("fft", ONE, samples=ONE_SAMPLES)
def ihfft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the first half of the inverse Fourier transform of a real signal."""
    return rearrange.conj(_half_transform(x, n, dim, norm, "ihfft", False))


def _to_real(x: Any, n: Any, dim: int, norm: Any, forward: bool) -> Any:
    x = _promoted(x, True)
    at, size = _one_dim(x, None, dim)
    size = 2 * (size - 1) if n is None else n
    _positive(size)
    x = _fit(x, [at], [_half(size)])
    return _fft_c2r(rearrange.conj(x) if forward else x, (at,), _normalization(norm, forward), size)


@composite("fft", ONE, samples=ONE_SAMPLES)
def irfft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the real signal of n points (default 2·(size − 1)) whose rfft this is."""
    return _to_real(x, n, dim, norm, False)


@composite("fft", ONE, samples=ONE_SAMPLES)
def hfft(x: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Any:
    """Return the real Fourier transform of a Hermitian-symmetric signal given by its first half."""
    return _to_real(x, n, dim, norm, True)


def _transform_many(x: Any, s: Any, dim: Any, norm: Any, forward: bool) -> Any:
    dims, sizes = _many_dims(x, s, dim)
    for n in sizes:
        _positive(n)
    x = _fit(_promoted(x, True), dims, sizes)
    return _fft_c2c(x, dims, _normalization(norm, forward), forward)


def _real_many(x: Any, s: Any, dim: Any, name: str) -> tuple[Any, tuple[int, ...]]:
    """Return a real tensor cut and padded for a transform over several dimensions, and the dimensions."""
    _require_real(x, name)
    x = _promoted(x)
    dims, sizes = _many_dims(x, s, dim)
    for n in sizes:
        _positive(n)
    if not dims:
        raise ShapeError(f"{name} must transform at least one axis")
    return _fit(x, dims, sizes), dims


def _complex_many(x: Any, s: Any, dim: Any, name: str) -> tuple[Any, tuple[int, ...], int]:
    """Return a complex tensor cut and padded for a transform to reals, the dimensions, and the last one's points."""
    dims, sizes = _many_dims(x, s, dim)
    if not dims:
        raise ShapeError(f"{name} must transform at least one axis")
    if s is None or s[-1] == -1:
        sizes[-1] = 2 * (x.shape[dims[-1]] - 1)
    for n in sizes:
        _positive(n)
    return _fit(_promoted(x, True), dims, [*sizes[:-1], _half(sizes[-1])]), dims, sizes[-1]


@composite("fft", MANY, samples=MANY_SAMPLES)
def fftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the Fourier transform over several dimensions."""
    return _transform_many(x, s, dim, norm, True)


@composite("fft", MANY, samples=MANY_SAMPLES)
def ifftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the inverse Fourier transform over several dimensions."""
    return _transform_many(x, s, dim, norm, False)


@composite("fft", MANY, samples=MANY_SAMPLES)
def rfftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the Fourier transform of real signals over several dimensions, of the last one the first half."""
    x, dims = _real_many(x, s, dim, "rfftn")
    return _fft_r2c(x, dims, _normalization(norm, True), True)


@composite("fft", MANY, samples=MANY_SAMPLES)
def ihfftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the inverse Fourier transform of real signals over several dimensions, of the last one the first half."""
    x, dims = _real_many(x, s, dim, "ihfftn")
    scale = _normalization(norm, False)
    out = _fft_r2c(x, dims[-1:], scale, True)
    if len(dims) == 1:
        return rearrange.conj(out)
    return _fft_c2c(parts.conjugated(out), dims[:-1], scale, False)


@composite("fft", MANY, samples=MANY_SAMPLES)
def irfftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the real signals whose rfftn this is."""
    x, dims, last = _complex_many(x, s, dim, "irfftn")
    return _fft_c2r(x, dims, _normalization(norm, False), last)


@composite("fft", MANY, samples=MANY_SAMPLES)
def hfftn(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    """Return the real Fourier transform of Hermitian-symmetric signals over several dimensions."""
    x, dims, last = _complex_many(x, s, dim, "hfftn")
    scale = _normalization(norm, True)
    if len(dims) > 1:
        x = _fft_c2c(x, dims[:-1], scale, True)
    return _fft_c2r(rearrange.conj(x), dims[-1:], scale, last)


for _many in (fftn, ifftn, rfftn, ihfftn, irfftn, hfftn):
    composite("fft", TWO, name=f"{_many.__name__[:-1]}2", samples=MANY_SAMPLES)(_many)


@composite("fft", "(input: Tensor, dim: int[1]?=None)", samples=lambda: [sample(real(3, 4)), sample(real(3, 4), 1)])
def fftshift(x: Any, dim: Any = None) -> Any:
    """Return the elements moved so that frequency 0 is in the middle."""
    dims = tuple(range(x.ndim)) if dim is None else dim
    return rearrange.roll(x, tuple(x.shape[d] // 2 for d in dims), tuple(dims))


@composite("fft", "(input: Tensor, dim: int[1]?=None)", samples=lambda: [sample(real(3, 4)), sample(real(3, 4), 1)])
def ifftshift(x: Any, dim: Any = None) -> Any:
    """Return the elements moved so that frequency 0, which is in the middle, comes first."""
    dims = tuple(range(x.ndim)) if dim is None else dim
    return rearrange.roll(x, tuple((x.shape[d] + 1) // 2 for d in dims), tuple(dims))


@composite("fft", "(n: int, d: float=1.0, *, dtype: dtype?=None)")
def fftfreq(n: int, d: float = 1.0, dtype: Any = None) -> Any:
    """Return the frequencies of fft's results, in cycles per unit of the spacing d."""
    return (np.fft.ifftshift(np.arange(-(n // 2), (n + 1) // 2)) * (1.0 / (n * d))).astype(dtype or default_dtype())


@composite("fft", "(n: int, d: float=1.0, *, dtype: dtype?=None)")
def rfftfreq(n: int, d: float = 1.0, dtype: Any = None) -> Any:
    """Return the frequencies of rfft's results, in cycles per unit of the spacing d."""
    return (np.arange(n // 2 + 1) * (1.0 / (n * d))).astype(dtype or default_dtype())
