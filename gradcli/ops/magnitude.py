"""Magnitude: absolute values, signs, angles, and numbers put together from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError
from gradcli.ops import arithmetic, comparison, exponential, rearrange
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._dtypes import no_kernel
from gradcli.ops._families import TENSORS, WITH_NUMBER, aliases, broadcast_rule, conj, elementwise, is_integral
from gradcli.ops._op import op
from gradcli.ops._promotion import dtype_name, same
from gradcli.ops._samples import nonzero, pairs, positive, real, sample, unary
from gradcli.types.dtype import complex_of, real_of


def is_complex(x: Any) -> bool:
    """Return whether a tensor is complex."""
    return dtype_name(x).startswith("complex")


def _no_bool(x: Any) -> Any:
    if dtype_name(x) == "bool":
        raise no_kernel("abs_cpu", x)
    return x.shape


abs_ = elementwise(
    "abs", "|x|", lambda x: np.abs(x), promote=None, shape=_no_bool, names="torch Tensor " + aliases("absolute"),
    dtype=lambda x: real_of(dtype_name(x)), vjp=dict(x=lambda g, x: g * sgn(x)), samples=unary(nonzero),
)  # fmt: skip


def _no_complex_sign(x: Any) -> Any:
    if is_complex(x):
        raise DtypeError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
    return x.shape


def _sign(x: Any) -> Any:
    return x.copy() if x.dtype.kind == "b" else np.where(np.isnan(x), x.dtype.type(0), np.sign(x))[()]


def _sgn_slope(g: Any, x: Any, out: Any) -> Any:
    if not is_complex(x):
        return arithmetic.zeros(g)
    return comparison.choose(x == 0, 0.0, (g - rearrange.real(g * conj(out)) * out) / abs_(x))


sign = elementwise(
    "sign", r"\operatorname{sign} x", _sign, promote=None, shape=_no_complex_sign,
    vjp=dict(x=lambda g: arithmetic.zeros(g)),
    samples=unary(nonzero),
)  # fmt: skip
sgn = elementwise(
    "sgn", r"\frac{x}{|x|}", lambda x: np.sign(x) if x.dtype.kind == "c" else _sign(x), promote=None,
    vjp=dict(x=_sgn_slope), samples=unary(nonzero),
)  # fmt: skip


def _copysign_slope(g: Any, x: Any, out: Any) -> Any:
    return comparison.choose(x == 0, 0.0, g * (out / x))


copysign = elementwise(
    "copysign", r"|x| \operatorname{sign} y", lambda x, y: np.copysign(x, y), takes=("copysign_cpu", "float"),
    signature=TENSORS, samples=pairs(nonzero, nonzero),
    vjp=dict(x=_copysign_slope, y=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
copysign_number = elementwise(
    "copysign", r"|x| \operatorname{sign} y", lambda x, y: np.copysign(x, y), takes=("copysign_cpu", "float"),
    signature=WITH_NUMBER,
    grad_fn="CopysignBackward1", vjp=dict(x=_copysign_slope), samples=(sample(nonzero(3), -1.0),),
)  # fmt: skip


hypot = elementwise(
    "hypot", r"\sqrt{x^2 + y^2}", lambda x, y: np.hypot(x, y), promote=same, takes=("hypot_cpu", "float"),
    signature=TENSORS,
    vjp=dict(x=lambda g, x, out: g * x / out, y=lambda g, y, out: g * y / out), samples=pairs(nonzero, nonzero),
)  # fmt: skip
nextafter = elementwise(
    "nextafter", r"x \pm \epsilon", lambda x, y: np.nextafter(x, y), promote=same,
    takes=("nextafter_cpu", "float32 float64"),
    signature=TENSORS, vjp=dict(x=lambda g, x, y: comparison.choose(x == y, 0.0, g), y=lambda g: arithmetic.zeros(g)),
    samples=pairs(),
)  # fmt: skip
ldexp = elementwise(
    "ldexp", "x 2^y", lambda x, y: x * np.exp2(y), signature=TENSORS, samples=pairs(),
    vjp=dict(
        x=lambda g, y: g * conj(arithmetic.pow_of_number(2, y)), y=lambda g, out: g * conj(out) * exponential.LN2
    ),
)  # fmt: skip


def _frexp_rule(x: Any) -> Any:
    if is_integral(x) or is_complex(x):
        raise DtypeError("torch.frexp() only supports floating-point dtypes")
    return x.shape, x.shape


frexp = op(
    "frexp", lambda x: np.frexp(x), shape=_frexp_rule, outputs=("mantissa", "exponent"), constant=("exponent",),
    vjp=dict(x=lambda g, out: g[0] / exponential.exp2(out[1]) if g[0] is not None else None), latex="x = m 2^e",
    samples=unary(positive),
)  # fmt: skip


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x)
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))[()]


def _angle_slope(g: Any, x: Any) -> Any:
    if not is_complex(x):
        return arithmetic.zeros(g)
    size = abs_(x)
    return comparison.choose(x == 0, 0.0, g * (x * 1j) / (size * size))


angle = elementwise(
    "angle", r"\arg x", _angle, dtype=lambda x: real_of(dtype_name(x)), vjp=dict(x=_angle_slope), samples=unary(nonzero)
)


def _two_reals(x: Any, y: Any) -> Any:
    if is_integral(x) or is_integral(y) or is_complex(x) or is_complex(y):
        raise DtypeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {scalar_type(x)} and {scalar_type(y)}"
        )
    if dtype_name(x) != dtype_name(y):
        raise DtypeError(
            f"Expected object of scalar type {scalar_type(x)} but got scalar type {scalar_type(y)} for second argument"
        )
    return broadcast_rule(x, y)


def _complex(x: Any, y: Any) -> Any:
    result = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), complex_of(dtype_name(x)))
    result.real, result.imag = x, y
    return result[()]


def _complex_dtype(x: Any, *_: Any) -> str:
    return complex_of(dtype_name(x))


complex_ = elementwise(
    "complex", "x + i y", _complex, promote=None, names="torch", shape=_two_reals, dtype=_complex_dtype,
    signature="(real: Tensor, imag: Tensor)", vjp=dict(x=lambda g: rearrange.real(g), y=lambda g: rearrange.imag(g)),
    samples=pairs(),
)  # fmt: skip
polar = elementwise(
    "polar", r"r e^{i \varphi}", lambda r, phi: _complex(r * np.cos(phi), r * np.sin(phi)), promote=None, names="torch",
    shape=_two_reals, dtype=_complex_dtype, signature="(abs: Tensor, angle: Tensor)",
    vjp=dict(
        r=lambda g, out: rearrange.real(conj(g) * sgn(out)), phi=lambda g, out: rearrange.real(conj(g) * (out * 1j))
    ),
    samples=pairs(positive, real),
)  # fmt: skip
