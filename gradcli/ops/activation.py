"""Activations in pieces: functions of one tensor that are linear, or nearly so, between their corners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import _random, arithmetic, comparison, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._dtypes import no_kernel, require_floating
from gradcli.ops._families import Shape, broadcast_rule, elementwise, not_implemented
from gradcli.ops._masks import kept
from gradcli.ops._op import Op, composite, op, spelling
from gradcli.ops._promotion import dtype_name, same
from gradcli.ops._samples import ErrorSample, reals, sample, unary

PLAIN = "(input: Tensor, inplace: bool=False)"
Check = Callable[..., None]


def no_in_place(inplace: bool) -> None:
    """Raise BindError where an operation is asked to overwrite its input."""
    if inplace:
        raise BindError("gradcli has no in-place operations: inplace must be False", hint="leave inplace out")


def activation_rule(kernel: Callable[..., Any], check: str | Check | None) -> Callable[..., Shape]:
    """Return the shape rule of an activation: its input's shape, after PyTorch's complaints.

    `check` is the name of PyTorch's kernel where that takes floating dtypes only, or a function of the values.
    """
    code = kernel.__code__
    words = code.co_varnames[: code.co_argcount]
    at = words.index("inplace") if "inplace" in words else None

    def rule(*values: Any) -> Shape:
        if at is not None:
            no_in_place(values[at])
        if isinstance(check, str):
            require_floating(check, values[0])
        elif check is not None:
            check(*values)
        return values[0].shape  # type: ignore[no-any-return]

    return rule


def activation(
    name: str, latex: str, kernel: Callable[..., Any], *, check: str | Check | None = None,
    names: str = "nn.functional",
    **record: Any,
) -> Op:  # fmt: skip
    """Declare an elementwise function of one tensor with numbers as parameters, which keeps the dtype."""
    return elementwise(name, latex, kernel, promote=None, shape=activation_rule(kernel, check), names=names, **record)


def backward_of(name: str, kernel: Callable[..., Any], **record: Any) -> Op:
    """Declare the fused backward of an activation: (dy, x, numbers) → the cotangent of x."""
    return elementwise(f"{name}_backward", "", kernel, promote=same, names="", **record)


def _no_bool_or_complex(text: str) -> Check:
    def check(x: Any, *_: Any) -> None:
        if dtype_name(x).startswith("complex"):
            raise DtypeError("clamp is not supported for complex types")
        if dtype_name(x) == "bool":
            raise DtypeError(text)

    return check


threshold_backward = backward_of(
    "threshold", lambda dy, x, threshold=0: kept(dy, np.logical_not(x <= threshold)),
    vjp=dict(dy=lambda g, x, threshold: threshold_backward(g, x, threshold), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
relu = activation(
    "relu", r"\max(0, x)", lambda x, inplace=False: np.maximum(x, 0), signature=PLAIN,
    check=_no_bool_or_complex("Boolean inputs not supported for relu"),
    vjp=dict(x=lambda g, out: threshold_backward(g, out, 0)), samples=lambda: unary(reals(-3, 3, 0)),
)  # fmt: skip
spelling("torch Tensor", relu, "(input: Tensor)")


def _check_threshold(x: Any, *_: Any) -> None:
    if dtype_name(x) == "bool" or dtype_name(x).startswith("complex"):
        raise no_kernel("threshold_cpu", x)


threshold = activation(
    "threshold", r"x \text{ if } x > t \text{ else } v",
    lambda x, threshold, value, inplace=False: np.where(x <= threshold, value, x).astype(x.dtype),
    signature="(input: Tensor, threshold: Scalar, value: Scalar, inplace: bool=False)", check=_check_threshold,
    vjp=dict(x=lambda g, x, threshold: threshold_backward(g, x, threshold)),
    samples=lambda: [sample(reals(-3, 3, 1)(2, 3), 1.0, -2.0)],
)  # fmt: skip
spelling("torch", threshold, "(input: Tensor, threshold: Scalar, value: Scalar)")

hardtanh_backward = backward_of(
    "hardtanh", lambda dy, x, low=-1, high=1: np.where((x <= low) | (x >= high), 0, dy),
    vjp=dict(dy=lambda g, x, low, high: hardtanh_backward(g, x, low, high), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip


def _check_hardtanh(x: Any, low: Any, high: Any, *_: Any) -> None:
    if low > high:
        raise NumericError("min_val cannot be greater than max_val")
    _no_bool_or_complex("Bool inputs not supported for hardtanh")(x)


hardtanh = activation(
    "hardtanh", r"\min(\max(x, a), b)",
    lambda x, min_val=-1.0, max_val=1.0, inplace=False: np.clip(x, min_val, max_val).astype(x.dtype),
    signature="(input: Tensor, min_val: Scalar=-1.0, max_val: Scalar=1.0, inplace: bool=False)", check=_check_hardtanh,
    vjp=dict(x=lambda g, x, min_val, max_val: hardtanh_backward(g, x, min_val, max_val)),
    samples=lambda: [sample(reals(-3, 3, -1, 1)(2, 3)), ErrorSample((reals(-1, 1)(2), 1.0, 0.0), "min_val cannot be")],
)  # fmt: skip


@composite("nn.functional", PLAIN, samples=lambda: unary(reals(-3, 9, 0, 6)), latex=r"\min(\max(0, x), 6)")
def relu6(x: Any, inplace: bool = False) -> Any:
    """Return x clamped to [0, 6]."""
    no_in_place(inplace)
    return hardtanh(x, 0.0, 6.0)


leaky_relu_backward = backward_of(
    "leaky_relu", lambda dy, x, slope=0.01: np.where(x > 0, dy, dy * slope),
    vjp=dict(dy=lambda g, x, slope: leaky_relu_backward(g, x, slope), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
leaky_relu = activation(
    "leaky_relu", r"\max(0, x) + a \min(0, x)",
    lambda x, negative_slope=0.01, inplace=False: np.where(x > 0, x, x * negative_slope), check="leaky_relu_cpu",
    signature="(input: Tensor, negative_slope: Scalar=0.01, inplace: bool=False)",
    vjp=dict(x=lambda g, x, negative_slope: leaky_relu_backward(g, x, negative_slope)),
    samples=lambda: [*unary(reals(-3, 3, 0)), sample(reals(-3, 3, 0)(3), 0.5)],
)  # fmt: skip


def _inside_is_zero(x: Any, lambd: Any, otherwise: Any) -> Any:
    """Return 0 where |x| ≤ lambd; NaN counts as outside."""
    return np.where((x >= -lambd) & (x <= lambd), 0, otherwise)


hardshrink_backward = backward_of(
    "hardshrink", lambda dy, x, lambd=0.5: _inside_is_zero(x, lambd, dy),
    vjp=dict(dy=lambda g, x, lambd: hardshrink_backward(g, x, lambd), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
hardshrink = activation(
    "hardshrink", r"x \text{ if } |x| > \lambda \text{ else } 0", lambda x, lambd=0.5: _inside_is_zero(x, lambd, x),
    check="hardshrink_cpu", names="torch Tensor nn.functional", signature="(input: Tensor, lambd: Scalar=0.5)",
    vjp=dict(x=lambda g, x, lambd: hardshrink_backward(g, x, lambd)), samples=lambda: unary(reals(-3, 3, -0.5, 0.5)),
)  # fmt: skip


def _check_softshrink(x: Any, lambd: Any) -> None:
    require_floating("softshrink_check", x)
    if lambd < 0:
        largest = float(np.finfo(dtype_name(x)).max)
        raise NumericError(
            f"lambda must be in range [0, {largest:g}] for input dtype {scalar_type(x)}, but found {lambd:g}"
        )


softshrink_backward = backward_of(
    "softshrink", lambda dy, x, lambd=0.5: _inside_is_zero(x, lambd, dy),
    vjp=dict(dy=lambda g, x, lambd: softshrink_backward(g, x, lambd), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
softshrink = activation(
    "softshrink", r"\operatorname{sign}(x) \max(|x| - \lambda, 0)",
    lambda x, lambd=0.5: np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, x * 0)),
    check=_check_softshrink,
    signature="(input: Tensor, lambd: Scalar=0.5)", vjp=dict(x=lambda g, x, lambd: softshrink_backward(g, x, lambd)),
    samples=lambda: unary(reals(-3, 3, -0.5, 0.5)),
)  # fmt: skip

hardsigmoid_backward = backward_of(
    "hardsigmoid", lambda dy, x: np.where((x > -3) & (x < 3), dy / 6, 0), grad_fn="NotImplemented",
    vjp={"dy, x": not_implemented("hardsigmoid_backward")},
)  # fmt: skip
hardsigmoid = activation(
    "hardsigmoid", r"\tfrac{1}{6} \min(\max(0, x + 3), 6)", lambda x, inplace=False: np.clip(x + 3, 0, 6) / 6,
    check="hardsigmoid_cpu", signature=PLAIN, vjp=dict(x=lambda g, x: hardsigmoid_backward(g, x)),
    samples=lambda: unary(reals(-5, 5, -3, 3)),
)  # fmt: skip


def _hardswish_curvature(g: Any, dy: Any, x: Any) -> Any:
    return comparison.choose((x > -3) & (x < 3), g * dy / 3.0, arithmetic.zeros(g))


hardswish_backward = backward_of(
    "hardswish", lambda dy, x: np.where(x <= -3, 0, np.where(x < 3, dy * (x / 3 + 0.5), dy)),
    vjp=dict(dy=lambda g, x: hardswish_backward(g, x), x=lambda g, dy, x: _hardswish_curvature(g, dy, x)),
)  # fmt: skip
hardswish = activation(
    "hardswish", r"\tfrac{x}{6} \min(\max(0, x + 3), 6)", lambda x, inplace=False: x * np.clip(x + 3, 0, 6) / 6,
    check="hardswish_cpu", signature=PLAIN, vjp=dict(x=lambda g, x: hardswish_backward(g, x)),
    samples=lambda: unary(reals(-5, 5, -3, 3)),
)  # fmt: skip

prelu_kernel_backward = op(
    "_prelu_kernel_backward", lambda dy, x, weight: (np.where(x >= 0, dy, weight * dy), np.where(x >= 0, 0, x * dy)),
    names="", signature="(dy: Tensor, input: Tensor, weight: Tensor)", outputs=("grad_input", "grad_weight"),
    zeros=True,
    shape=lambda dy, x, weight: (x.shape, x.shape),
    vjp=dict(
        dy=lambda g, x, weight: comparison.choose(x >= 0, g[0], g[0] * weight + g[1] * x),
        x=lambda g, dy, x: comparison.choose(x >= 0, arithmetic.zeros(dy), dy * g[1]),
        weight=lambda g, dy, x: comparison.choose(x >= 0, arithmetic.zeros(dy), dy * g[0]),
    ),
)  # fmt: skip
prelu_kernel = op(
    "_prelu_kernel", lambda x, weight: np.where(x >= 0, x, weight * x), names="",
    signature="(input: Tensor, weight: Tensor)",
    shape=broadcast_rule, vjp={"x, weight": lambda g, x, weight: prelu_kernel_backward(g, x, weight)},
)  # fmt: skip


def _check_prelu(x: Any, weight: Any) -> None:
    if dtype_name(x) != dtype_name(weight):
        raise DtypeError(f"prelu: Type promoting not supported. Got {scalar_type(x)} and {scalar_type(weight)}")
    require_floating("prelu_cpu", x)
    if (count := views.numel(weight)) != 1:
        if not x.ndim:
            raise ShapeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != count:
            raise ShapeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if weight.ndim > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")


@composite(
    "torch Tensor nn.functional", "(input: Tensor, weight: Tensor)", latex=r"\max(0, x) + w \min(0, x)",
    samples=lambda: [sample(reals(-3, 3, 0)(2, 3), reals(0.1, 1)(3)), sample(reals(-3, 3, 0)(4), reals(0.1, 1)(1))],
)  # fmt: skip
def prelu(x: Any, weight: Any) -> Any:
    """Return x where it is not negative, else x times the weight of its channel (dimension 1)."""
    _check_prelu(x, weight)
    if x.ndim != weight.ndim:
        weight = views.reshape(weight, tuple(views.numel(weight) if i == 1 else 1 for i in range(x.ndim)))
    return prelu_kernel(x, weight)


rrelu_noise = op(
    "rrelu_noise", lambda x, lower, upper: _random.current().rrelu_noise(x, lower, upper), names="",
    signature="(input: Tensor, lower: float, upper: float)", shape=lambda x, *_: x.shape,
)  # fmt: skip
rrelu_with_noise_backward = backward_of(
    "rrelu_with_noise", lambda dy, x, noise: dy * noise,
    vjp=dict(dy=lambda g, x, noise: rrelu_with_noise_backward(g, x, noise), x=lambda g: arithmetic.zeros(g)),
)  # fmt: skip
rrelu_with_noise = op(
    "rrelu_with_noise", lambda x, noise, slope: x * noise if noise is not None else np.where(x > 0, x, x * slope),
    names="",
    signature="(input: Tensor, noise: Tensor?, slope: float)", shape=lambda x, *_: x.shape,
    vjp=dict(
        x=lambda g, x, noise, slope: leaky_relu_backward(
            g, x, slope) if noise is None else rrelu_with_noise_backward(g, x, noise
        )
    ),
)  # fmt: skip


def _rrelu(x: Any, lower: float, upper: float, training: bool) -> Any:
    if lower > upper:
        raise NumericError("Lower bound should be less than or equal to the upper bound")
    require_floating("rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu", x)
    return rrelu_with_noise(x, rrelu_noise(x, lower, upper) if training else None, (lower + upper) / 2)


@composite(
    "nn.functional",
    "(input: Tensor, lower: float=0.125, upper: float=0.3333333333333333, training: bool=False, inplace: bool=False)",
    samples=lambda: unary(reals(-3, 3, 0)),
)  # fmt: skip
def rrelu(x: Any, lower: float, upper: float, training: bool, inplace: bool = False) -> Any:
    """Return x where it is positive, else x times a slope: a random one for each element in training, else the mean."""
    no_in_place(inplace)
    return _rrelu(x, lower, upper, training)


@composite(
    "torch", "(input: Tensor, lower: Scalar=0.125, upper: Scalar=0.3333333333333333, training: bool=False)",
    name="rrelu",
    samples=lambda: [*unary(reals(-3, 3, 0)), sample(reals(-3, 3, 0)(2, 3), 0.1, 0.3, True)],
)  # fmt: skip
def torch_rrelu(x: Any, lower: float, upper: float, training: bool) -> Any:
    """Return `nn.functional.rrelu` without inplace."""
    return _rrelu(x, lower, upper, training)
