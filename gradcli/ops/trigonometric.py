"""Trigonometric: circular and hyperbolic functions and their inverses."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from gradcli.ops import arithmetic, comparison
from gradcli.ops._families import aliases, conj, elementwise
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import nonzero, pairs, real, reals, unary

inside, above_one = reals(-0.9, 0.9), reals(1.2, 3)


def _is_complex(x: Any) -> bool:
    return dtype_name(x).startswith("complex")


sin = elementwise("sin", r"\sin x", lambda x: np.sin(x), vjp=dict(x=lambda g, x: g * conj(cos(x))), samples=unary())
cos = elementwise("cos", r"\cos x", lambda x: np.cos(x), vjp=dict(x=lambda g, x: g * -conj(sin(x))), samples=unary())
tan = elementwise(
    "tan",
    r"\tan x",
    lambda x: np.tan(x),
    vjp=dict(x=lambda g, out: g * conj(1 + out * out)),
    samples=unary(reals(-1.2, 1.2)),
)
asin = elementwise(
    "asin", r"\arcsin x", lambda x: np.arcsin(x), names="torch Tensor " + aliases("arcsin"),
    vjp=dict(x=lambda g, x: g * conj(arithmetic.rsqrt(-x * x + 1))), samples=unary(inside),
)  # fmt: skip
acos = elementwise(
    "acos", r"\arccos x", lambda x: np.arccos(x), names="torch Tensor " + aliases("arccos"),
    vjp=dict(x=lambda g, x: g * conj(-arithmetic.rsqrt(-x * x + 1))), samples=unary(inside),
)  # fmt: skip
atan = elementwise(
    "atan", r"\arctan x", lambda x: np.arctan(x), names="torch Tensor " + aliases("arctan"),
    vjp=dict(x=lambda g, x: g / conj(x * x + 1)), samples=unary(),
)  # fmt: skip


def _atan2_scale(g: Any, x: Any, y: Any) -> Any:
    """Return g / (x² + y²), 0 at the origin."""
    square = x * x + y * y
    return comparison.choose(square == 0.0, 0.0, g * arithmetic.reciprocal(square))


atan2 = elementwise(
    "atan2", r"\operatorname{atan2}(x, y)", lambda x, y: np.arctan2(x, y), grad_fn="Atan2Backward0",
    takes=("atan2_cpu", "float"),
    names="torch Tensor " + aliases("arctan2"), samples=pairs(real, nonzero),
    vjp=dict(x=lambda g, x, y: _atan2_scale(g, x, y) * y, y=lambda g, x, y: _atan2_scale(g, x, y) * -x),
)  # fmt: skip
sinh = elementwise(
    "sinh", r"\sinh x", lambda x: np.sinh(x), vjp=dict(x=lambda g, x: g * conj(cosh(x))), samples=unary()
)
cosh = elementwise(
    "cosh", r"\cosh x", lambda x: np.cosh(x), vjp=dict(x=lambda g, x: g * conj(sinh(x))), samples=unary()
)
tanh_backward = elementwise(
    "tanh_backward", "", lambda grad_output, y: grad_output * conj(1 - y * y), names="", promote=None,
    signature="(grad_output: Tensor, output: Tensor)", shape=lambda grad_output, y: grad_output.shape,
    vjp=dict(
        grad_output=lambda g, y: tanh_backward(g, conj(y)),
        y=lambda g, grad_output, y: conj(g) * (-2 * conj(y) * grad_output),
    ),
)  # fmt: skip
tanh = elementwise(
    "tanh", r"\tanh x", lambda x: np.tanh(x), names="torch Tensor nn.functional",
    vjp=dict(x=lambda g, out: tanh_backward(g, out)), samples=unary(),
)  # fmt: skip
asinh = elementwise(
    "asinh", r"\operatorname{arsinh} x", lambda x: np.arcsinh(x), names="torch Tensor " + aliases("arcsinh"),
    vjp=dict(x=lambda g, x: g * conj(arithmetic.rsqrt(x * x + 1))), samples=unary(),
)  # fmt: skip


def _acosh_slope(g: Any, x: Any) -> Any:
    if _is_complex(x):
        return g * conj(arithmetic.rsqrt(x + 1) * arithmetic.rsqrt(x - 1))
    return g * arithmetic.rsqrt(x * x - 1)


acosh = elementwise(
    "acosh", r"\operatorname{arcosh} x", lambda x: np.arccosh(x), names="torch Tensor " + aliases("arccosh"),
    vjp=dict(x=_acosh_slope), samples=unary(above_one),
)  # fmt: skip
atanh = elementwise(
    "atanh", r"\operatorname{artanh} x", lambda x: np.arctanh(x), names="torch Tensor " + aliases("arctanh"),
    vjp=dict(x=lambda g, x: g / conj(1 - x * x)), samples=unary(inside),
)  # fmt: skip
deg2rad = elementwise(
    "deg2rad", r"\frac{\pi}{180} x", lambda x: x * (pi / 180), grad_fn="Deg2RadBackward0",
    takes=("deg2rad is not supported for complex tensors.", "float"),
    vjp=dict(x=lambda g: g * (pi / 180)), samples=unary(),
)  # fmt: skip
rad2deg = elementwise(
    "rad2deg", r"\frac{180}{\pi} x", lambda x: x * (180 / pi), grad_fn="Rad2DegBackward0",
    takes=("rad2deg is not supported for complex tensors.", "float"),
    vjp=dict(x=lambda g: g * (180 / pi)), samples=unary(),
)  # fmt: skip


def _sinc(x: Any) -> Any:
    angle = pi * x
    return np.where(x == 0, 1, np.sin(angle) / angle).astype(x.dtype)[()]


def _sinc_slope(g: Any, x: Any) -> Any:
    angle = x * pi
    slope = g * conj((angle * cos(angle) - sin(angle)) / (angle * x))
    return comparison.choose(angle * x == 0.0, 0.0, slope)


sinc = elementwise(
    "sinc",
    r"\frac{\sin \pi x}{\pi x}",
    _sinc,
    names="torch Tensor special",
    vjp=dict(x=_sinc_slope),
    samples=unary(nonzero),
)
