"""Box–Muller: uniform numbers made normal in blocks of 16, with the roundings of PyTorch's kernels.

PyTorch's float32 kernel (AVX2, with fused multiply-add) takes the logarithm, sine and cosine of the Cephes library. The
same steps are taken here, so that the float32 numbers are equal to the last bit; a fused multiply-add is one in
float64, rounded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcli.ops._mt19937 import BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float32]"

_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LN2_LOW, _LN2_HIGH = np.float32(-2.12194440e-4), np.float32(0.693359375)
_QUARTER_PI = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_ONE, _HALF, _SQRT_HALF = np.float32(1), np.float32(0.5), np.float32(0.707106781186547524)


def normal_blocks(uniform: NDArray[Any], mean: float, std: float) -> None:
    """Make uniform float32 or float64 numbers normal in place; of a last block of fewer than 16 nothing changes."""
    blocks = uniform[: len(uniform) // 16 * 16].reshape(-1, 2, 8)
    box_muller = _box_muller32 if uniform.dtype == np.float32 else _box_muller64
    for start in range(0, len(blocks), BLOCK // 16):
        box_muller(blocks[start : start + BLOCK // 16], mean, std)


def normal_pairs(u1: NDArray[np.float64], u2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two normal numbers for each pair of uniform ones, in the order in which PyTorch draws them one by one."""
    radius, theta = np.sqrt(-2.0 * np.log1p(-u2)), 2.0 * np.pi * u1
    return np.stack([radius * np.cos(theta), radius * np.sin(theta)], axis=1).ravel()


def _box_muller64(blocks: NDArray[np.float64], mean: float, std: float) -> None:
    radius, theta = np.sqrt(-2.0 * np.log(1.0 - blocks[:, 0])), 2.0 * np.pi * blocks[:, 1]
    blocks[:, 0] = radius * np.cos(theta) * std + mean
    blocks[:, 1] = radius * np.sin(theta) * std + mean


def _box_muller32(blocks: Floats, mean: float, std: float) -> None:
    radius = np.sqrt(np.float32(-2) * _log(_ONE - blocks[:, 0]))
    sin, cos = _sin_cos(np.float32(2 * np.pi) * blocks[:, 1])
    scale, shift = np.float32(std), np.float32(mean)
    blocks[:, 0] = _fma(radius * cos, scale, shift)
    blocks[:, 1] = _fma(radius * sin, scale, shift)


def _fma(a: Any, b: Any, c: Any) -> Floats:
    """Return a * b + c in float32, rounded once."""
    product = np.multiply(a, b, dtype=np.float64)
    product += c
    return np.asarray(product, np.float32)


def _horner(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = _fma(np.float32(coefficients[0]), x, np.float32(coefficients[1]))
    for coefficient in coefficients[2:]:
        total = _fma(total, x, np.float32(coefficient))
    return total


def _log(u: Floats) -> Floats:
    """Return the logarithm of numbers in (0, 1]: of the mantissa by a polynomial, plus the exponent times ln 2."""
    mantissa, exponent = np.frexp(u)
    low = mantissa < _SQRT_HALF
    e = (exponent - low).astype(np.float32)
    x = np.where(low, mantissa + mantissa, mantissa) - _ONE
    z = x * x
    y = _fma(_horner(_LOG, x) * x, z, e * _LN2_LOW)
    return _fma(e, _LN2_HIGH, x + _fma(-z, _HALF, y))


def _sin_cos(theta: Floats) -> tuple[Floats, Floats]:
    """Return sine and cosine of angles in [0, 2π], by polynomials about the nearest multiple of π/2."""
    octant = ((theta * np.float32(4 / np.pi)).astype(np.int32) + 1) & ~1
    x, turns = theta, octant.astype(np.float32)
    for part in _QUARTER_PI:
        x = _fma(turns, np.float32(part), x)
    z = x * x
    cos = _fma(_horner(_COS, z) * z, z, -(z * _HALF)) + _ONE
    sin = _fma(_horner(_SIN, z) * z, x, x)
    swapped = octant & 2 != 0
    sine, cosine = np.where(swapped, cos, sin), np.where(swapped, sin, cos)
    return np.where(octant & 4, -sine, sine), np.where((octant - 2) & 4, cosine, -cosine)
