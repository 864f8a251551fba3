"""Smooth activations: sigmoid-weighted, exponential and gated units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcli.errors import NumericError, ShapeError
from gradcli.ops import creation, exponential, joining, magnitude, slicing, trigonometric
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape, conj, normalize_dim
from gradcli.ops._op import composite, op, spelling
from gradcli.ops._samples import ErrorSample, real, reals, sample, unary
from gradcli.ops.activation import PLAIN, activation, backward_of

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
_PHI_SCALE = 1 / math.sqrt(2 * math.pi)
_TANH_SCALE, _TANH_CUBE = math.sqrt(2 / math.pi), 0.044715


def _where(condition: Any, g: Any) -> Any:
    """Return g where the condition holds, else 0."""
    return g * creation.to_dtype(condition, str(g.dtype))


def _elu(x: Any, alpha: Any, scale: Any, input_scale: Any) -> Any:
    return np.where(x < 0, np.expm1(np.minimum(x, 0) * input_scale) * (alpha * scale), x * scale)


def _elu_curvature(g: Any, x: Any, alpha: Any, scale: Any, input_scale: Any) -> Any:
    return _where(x < 0, elu_backward(g * input_scale, x, alpha, scale, input_scale))


elu_backward = backward_of(
    "elu",
    lambda dy, x, alpha=1.0, scale=1.0, input_scale=1.0: np.where(
        x <= 0, dy * (input_scale * alpha * scale) * np.exp(np.minimum(x, 0) * input_scale), dy * scale
    ),
    vjp=dict(
        dy=lambda g, x, alpha, scale, input_scale: elu_backward(g, x, alpha, scale, input_scale),
        x=lambda g, dy, x, alpha, scale, input_scale: _elu_curvature(g * dy, x, alpha, scale, input_scale),
    ),
)  # fmt: skip
elu = activation(
    "elu", r"\max(0, x) + \min(0, \alpha (e^x - 1))",
    lambda x, alpha=1.0, inplace=False, scale=1.0: _elu(x, alpha, scale, 1.0), check="elu_cpu",
    signature="(input: Tensor, alpha: Scalar=1.0, inplace: bool=False)",
    vjp=dict(x=lambda g, x, alpha, scale: elu_backward(g, x, alpha, scale, 1.0)),
    samples=lambda: [*unary(reals(-3, 3, 0)), sample(reals(-3, 3, 0)(3), 0.5)],
)  # fmt: skip


def _check_celu(x: Any, alpha: Any, *_: Any) -> None:
    if alpha == 0:
        raise NumericError("ZeroDivisionError: alpha cannot be 0 for CELU")
    require_floating("elu_cpu", x)


celu = activation(
    "celu", r"\max(0, x) + \min(0, \alpha (e^{x / \alpha} - 1))",
    lambda x, alpha=1.0, inplace=False: _elu(x, alpha, 1.0, 1.0 / alpha), check=_check_celu,
    signature="(input: Tensor, alpha: Scalar=1.0, inplace: bool=False)",
    vjp=dict(x=lambda g, x, alpha: elu_backward(g, x, alpha, 1.0, 1.0 / alpha)),
    samples=lambda: [*unary(reals(-3, 3, 0)), sample(reals(-3, 3, 0)(3), 0.5)],
)  # fmt: skip
spelling("torch", celu, "(input: Tensor, alpha: Scalar=1.0)")


@composite(
    "nn.functional", PLAIN, samples=lambda: unary(reals(-3, 3, 0)),
    latex=r"\lambda (\max(0, x) + \min(0, \alpha (e^x - 1)))",
)  # fmt: skip
def selu(x: Any, inplace: bool = False) -> Any:
    """Return the self-normalizing ELU (Klambauer et al., 2017)."""
    return elu(x, SELU_ALPHA, inplace, SELU_SCALE)


@composite("torch", "(input: Tensor)", name="selu", samples=lambda: unary(reals(-3, 3, 0)))
def torch_selu(x: Any) -> Any:
    """Return `nn.functional.selu` without inplace."""
    return selu(x)


def _erf(x: Any) -> Any:
    from gradcli.ops import special

    return special.erf(x)


def _gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(_TANH_SCALE * (x + _TANH_CUBE * (x * x * x))))
    return x * 0.5 * (1 + _erf(x * math.sqrt(0.5)))


def _gelu_slope(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        t = np.tanh(_TANH_SCALE * (x + _TANH_CUBE * (x * x * x)))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_TANH_SCALE * (1 + 3 * _TANH_CUBE * (x * x)))
    return 0.5 * (1 + _erf(x * math.sqrt(0.5))) + x * np.exp(x * x * -0.5) * _PHI_SCALE


def _gelu_curvature(g: Any, x: Any, approximate: str) -> Any:
    if approximate == "none":
        return g * (2.0 - x * x) * (exponential.exp(x * x * -0.5) * _PHI_SCALE)
    t = trigonometric.tanh((x + x * x * x * _TANH_CUBE) * _TANH_SCALE)
    slope = (x * x * (3 * _TANH_CUBE) + 1.0) * _TANH_SCALE
    bend = x * (6 * _TANH_CUBE * _TANH_SCALE)
    return g * (1.0 - t * t) * (slope + x * (bend * 0.5 - t * slope * slope))


def _check_gelu(x: Any, approximate: str) -> None:
    require_floating("GeluKernelImpl", x)
    if approximate not in ("none", "tanh"):
        raise NumericError("approximate argument must be either none or tanh.")


gelu_backward = backward_of(
    "gelu", lambda dy, x, *, approximate="none": dy * _gelu_slope(x, approximate),
    vjp=dict(
        dy=lambda g, x, approximate: gelu_backward(g, x, approximate=approximate),
        x=lambda g, dy, x, approximate: _gelu_curvature(g * dy, x, approximate),
    ),
)  # fmt: skip
gelu = activation(
    "gelu", r"x \, \Phi(x)", lambda x, *, approximate="none": _gelu(x, approximate), check=_check_gelu,
    signature="(input: Tensor, *, approximate: str='none')",
    vjp=dict(x=lambda g, x, approximate: gelu_backward(g, x, approximate=approximate)),
    samples=lambda: [
        *unary(), sample(real(3), approximate="tanh"),
        ErrorSample((real(2),), "approximate argument", {"approximate": "erf"}),
    ],
)  # fmt: skip


def _silu_slope(g: Any, x: Any) -> Any:
    s = exponential.sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


silu = activation(
    "silu", r"x \, \sigma(x)", lambda x, inplace=False: x / (1 + np.exp(-x)),
    check=lambda x, *_: require_floating("silu_cpu", x, complex_too=True), signature=PLAIN,
    vjp=dict(x=lambda g, x: _silu_slope(g, conj(x))), samples=lambda: unary(),
)  # fmt: skip


def _mish_slope(g: Any, x: Any) -> Any:
    t = trigonometric.tanh(softplus(x))
    return g * (t + x * exponential.sigmoid(x) * (1 - t * t))


mish = activation(
    "mish", r"x \tanh \ln(1 + e^x)", lambda x, inplace=False: x * np.tanh(np.logaddexp(x, 0)), check="mish_cpu",
    signature=PLAIN,
    vjp=dict(x=lambda g, x: _mish_slope(g, x)), samples=lambda: unary(),
)  # fmt: skip


def _softplus_slope(dy: Any, x: Any, beta: Any, threshold: Any) -> Any:
    z = np.exp(x * beta)
    return np.where(x * beta > threshold, dy, dy * z / (z + 1))


def _softplus_curvature(g: Any, x: Any, beta: Any, threshold: Any) -> Any:
    s = exponential.sigmoid(x * beta)
    return _where(x * beta < threshold, g * (s * (1 - s)) * beta)


softplus_backward = backward_of(
    "softplus", lambda dy, x, beta=1.0, threshold=20.0: _softplus_slope(dy, x, beta, threshold),
    vjp=dict(
        dy=lambda g, x, beta, threshold: softplus_backward(g, x, beta, threshold),
        x=lambda g, dy, x, beta, threshold: _softplus_curvature(g * dy, x, beta, threshold),
    ),
)  # fmt: skip
softplus = activation(
    "softplus", r"\tfrac{1}{\beta} \ln(1 + e^{\beta x})",
    lambda x, beta=1.0, threshold=20.0: np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta),
    check="softplus_cpu",
    signature="(input: Tensor, beta: Scalar=1.0, threshold: Scalar=20.0)",
    vjp=dict(x=lambda g, x, beta, threshold: softplus_backward(g, x, beta, threshold)),
    samples=lambda: [*unary(), sample(real(3), 2.0, 1.0)],
)  # fmt: skip


def sigmoid_of(x: Any) -> Any:
    """Return the sigmoid of raw data without overflow."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def log_sigmoid_of(x: Any) -> Any:
    """Return the logarithm of the sigmoid of raw data without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _log_sigmoid_curvature(g: Any, x: Any) -> Any:
    s = exponential.sigmoid(x)
    return g * (s - 1) * s


log_sigmoid_backward = backward_of(
    "log_sigmoid", lambda dy, x: dy * sigmoid_of(-x),
    vjp=dict(dy=lambda g, x: log_sigmoid_backward(g, x), x=lambda g, dy, x: _log_sigmoid_curvature(g * dy, x)),
)  # fmt: skip
logsigmoid = activation(
    "logsigmoid", r"\ln \sigma(x)", lambda x: np.asarray(log_sigmoid_of(x), order="C"), check="log_sigmoid_cpu",
    grad_fn="LogSigmoidBackward0",
    signature="(input: Tensor)", vjp=dict(x=lambda g, x: log_sigmoid_backward(g, x)), samples=lambda: unary(),
)  # fmt: skip


def _halves(x: Any, dim: int) -> tuple[Any, Any]:
    half = x.shape[dim] // 2
    return slicing.slice_(x, dim, 0, half), slicing.slice_(x, dim, half, 2 * half)


def _glu_rule(x: Any, dim: int) -> Shape:
    if not x.ndim:
        raise ShapeError("glu does not support 0-dimensional tensors")
    at = normalize_dim(dim, x.ndim)
    if x.shape[at] % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {at} is size {x.shape[at]}")
    require_floating("glu_cpu", x)
    return x.shape[:at] + (x.shape[at] // 2,) + x.shape[at + 1 :]  # type: ignore[no-any-return]


def _glu(x: Any, dim: int) -> Any:
    a, b = np.split(x, 2, dim)
    return a * sigmoid_of(b)


def _glu_backward(dy: Any, x: Any, dim: int) -> Any:
    a, b = np.split(x, 2, dim)
    s = sigmoid_of(b)
    return np.concatenate([dy * s, dy * a * s * (1 - s)], dim)


def _glu_slope_of_cotangent(g: Any, x: Any, dim: int) -> Any:
    (ga, gb), (a, b) = _halves(g, dim), _halves(x, dim)
    s = exponential.sigmoid(b)
    return ga * s + gb * a * s * (1 - s)


def _glu_curvature(g: Any, dy: Any, x: Any, dim: int) -> Any:
    (ga, gb), (a, b) = _halves(g, dim), _halves(x, dim)
    s = exponential.sigmoid(b)
    slope = s * (1 - s)
    return joining.cat([gb * dy * slope, ga * dy * slope + gb * dy * a * slope * (1 - 2 * s)], dim)


glu_backward = op(
    "glu_backward", _glu_backward, names="", signature="(dy: Tensor, input: Tensor, dim: int)",
    shape=lambda dy, x, dim: x.shape,
    vjp=dict(
        dy=lambda g, x, dim: _glu_slope_of_cotangent(g, x, dim), x=lambda g, dy, x, dim: _glu_curvature(g, dy, x, dim)
    ),
)  # fmt: skip
glu = op(
    "glu", _glu, names="nn.functional", signature="(input: Tensor, dim: int=-1)", shape=_glu_rule,
    latex=r"a \, \sigma(b)",
    vjp=dict(x=lambda g, x, dim: glu_backward(g, x, dim)),
    samples=lambda: [
        sample(real(3, 4)), sample(real(4, 3), 0), ErrorSample((real(2, 3),), "Halving dimension must be even"),
    ],
)  # fmt: skip


@composite("nn.functional", "(input: Tensor)", samples=lambda: unary(reals(-3, 3, 0)), latex=r"\frac{x}{1 + |x|}")
def softsign(x: Any) -> Any:
    """Return x / (1 + |x|)."""
    return x / (magnitude.abs_(x) + 1)


@composite("nn.functional", "(input: Tensor)", samples=lambda: unary(), latex=r"x - \tanh x")
def tanhshrink(x: Any) -> Any:
    """Return x - tanh(x)."""
    return x - trigonometric.tanh(x)
