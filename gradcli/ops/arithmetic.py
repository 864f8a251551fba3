"""Arithmetic: sums, products, quotients, powers and roots."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError
from gradcli.ops import comparison, creation, exponential, rearrange
from gradcli.ops._dtypes import taking
from gradcli.ops._families import (
    BINARY,
    WITH_NUMBER,
    aliases,
    broadcast_rule,
    conj,
    elementwise,
    is_integral,
    nonzero_divisor,
)  # fmt: skip
from gradcli.ops._op import composite, op, spelling
from gradcli.ops._promotion import dtype_name, floating, same
from gradcli.ops._samples import ErrorSample, nonzero, pairs, real, sample, unary
from gradcli.ops._samples import positive as above_zero

ALPHA = "(input: Tensor|Scalar, other: Tensor|Scalar, *, alpha: Scalar=1)"
zeros = op("zeros_like", lambda x: np.zeros_like(x)[()], names="", shape=lambda x: x.shape, signature="(input: Tensor)")


def _times(g: Any, alpha: Any) -> Any:
    """Return g·alpha without an op where alpha is 1."""
    return g if alpha == 1 else g * alpha


def _added(x: Any, y: Any, alpha: Any) -> Any:
    """Return x + y·alpha for an alpha that is not 1; bools stay bools."""
    bools = dtype_name(x) == dtype_name(y) == "bool"
    return x | (y & bool(alpha)) if bools else x + y * alpha


def _whole_alpha(x: Any, y: Any, alpha: Any = 1) -> Any:
    if isinstance(alpha, float) and is_integral(x) and is_integral(y):
        raise DtypeError("For integral input tensors, argument alpha must not be a floating point number.")
    return broadcast_rule(x, y)


def _not_bool(op: Any, values: Any) -> Any:
    """Promote the operands of a subtraction; raise DtypeError where one of them is a bool."""
    bools = [dtype_name(v) == "bool" for v in values[:2]]
    if any(bools):
        which, instead = (
            ("two bool tensors is", "Use the `^` or `logical_xor()` operator instead.")
            if all(bools)
            else (
                "a bool tensor is",
                "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
            )
        )
        raise DtypeError(f"Subtraction, the `-` operator, with {which} not supported. {instead}")
    return same(op, values)


def _no_bool_negation(x: Any) -> Any:
    if dtype_name(x) == "bool":
        raise DtypeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return x.shape


add = elementwise(
    "add", "x + y", lambda x, y, *, alpha=1: x + y if alpha == 1 else _added(x, y, alpha), promote=same, signature=ALPHA,
    shape=_whole_alpha, by_type=True,
    vjp=dict(x=lambda g: g, y=lambda g, alpha: g if alpha == 1 else g * alpha.conjugate()),
    samples=(
        *pairs(), sample(real(2), real(2), alpha=2), ErrorSample((real(2), real(3)), "must match the size of tensor b")
    ),
)  # fmt: skip
sub = elementwise(
    "sub", "x - y", lambda x, y, *, alpha=1: x - _times(y, alpha), promote=_not_bool, shape=_whole_alpha, by_type=True,
    signature=ALPHA,
    vjp=dict(x=lambda g: g, y=lambda g, alpha: -_times(g, alpha.conjugate())), samples=pairs(),
    names="torch Tensor " + aliases("subtract"),
)  # fmt: skip
rsub = elementwise(
    "rsub", "y - x", lambda x, y, *, alpha=1: y - _times(x, alpha), promote=_not_bool, shape=_whole_alpha, by_type=True,
    signature="(input: Tensor, other: Tensor, *, alpha: Scalar=1)",
    vjp=dict(x=lambda g, alpha: -_times(g, alpha.conjugate()), y=lambda g: g), samples=pairs(),
)  # fmt: skip
rsub_scalar = elementwise(
    "rsub", "y - x", lambda x, y, *, alpha=1: y - _times(x, alpha), promote=_not_bool, shape=_whole_alpha, by_type=True,
    grad_fn="RsubBackward1", signature="(input: Tensor, other: Tensor|Scalar, *, alpha: Scalar=1)",
    vjp=dict(x=lambda g, alpha: -_times(g, alpha.conjugate())), samples=(sample(real(2), 1.5),),
)  # fmt: skip
mul = elementwise(
    "mul", "x y", lambda x, y: x * y, promote=same, signature=BINARY, names="torch Tensor " + aliases("multiply"),
    vjp=dict(x=lambda g, y: g * conj(y), y=lambda g, x: g * conj(x)), samples=pairs(),
)  # fmt: skip
div = elementwise(
    "div", r"\frac{x}{y}", lambda x, y: x / y, signature=BINARY,
    names=f"torch Tensor {aliases('divide')} {aliases('true_divide')}", samples=pairs(real, nonzero),
    vjp=dict(x=lambda g, y: g / conj(y), y=lambda g, x, y: -g * conj((x / y) / y)),
)  # fmt: skip

# What PyTorch's own composites leave behind where one operand is a number.
add_scalar = elementwise(
    "add", "x + y", lambda x, y: x + y, promote=same, grad_fn="AddBackward1", signature=WITH_NUMBER, names="",
    vjp=dict(x=lambda g: g), samples=(sample(real(2), 2.0),),
)  # fmt: skip
sub_scalar = elementwise(
    "sub", "x - y", lambda x, y: x - y, promote=same, grad_fn="SubBackward1", signature=WITH_NUMBER, names="",
    vjp=dict(x=lambda g: g), samples=(sample(real(2), 2.0),),
)  # fmt: skip
mul_scalar = elementwise(
    "mul", "x y", lambda x, y: x * y, promote=same, grad_fn="MulBackward1", signature=WITH_NUMBER, names="",
    vjp=dict(x=lambda g, y: g * conj(y)), samples=(sample(real(2), 2.0),),
)  # fmt: skip
div_scalar = elementwise(
    "div", r"\frac{x}{y}", lambda x, y: x / y, grad_fn="DivBackward1", signature=WITH_NUMBER, names="",
    vjp=dict(x=lambda g, y: g / conj(y)), samples=(sample(real(2), 2.0),),
)  # fmt: skip


def _by_rounding(op: Any, values: Any) -> Any:
    return (floating if values[2] is None else same)(op, values)


def _rounded_rule(x: Any, y: Any, rounding_mode: Any) -> Any:
    if rounding_mode not in (None, "trunc", "floor"):
        raise NumericError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '" + str(rounding_mode) + "'"
        )
    if rounding_mode is None:
        return broadcast_rule(x, y)
    return taking(f"div_{rounding_mode}_cpu", "float int", nonzero_divisor)(x, y)


def _rounded_quotient(x: Any, y: Any, rounding_mode: Any) -> Any:
    if rounding_mode is None:
        return x / y
    if rounding_mode == "floor":
        return np.floor_divide(x, y)
    if is_integral(x) and is_integral(y):
        return np.floor_divide(x - np.fmod(x, y), y)
    return np.trunc(x / y)


div_rounded = elementwise(
    "div", r"\operatorname{round}\frac{x}{y}",
    lambda x, y, *, rounding_mode=None: _rounded_quotient(x, y, rounding_mode),
    promote=_by_rounding, grad_fn="DivBackward2", shape=_rounded_rule, names="torch Tensor " + aliases("divide"),
    signature="(input: Tensor|Scalar, other: Tensor|Scalar, *, rounding_mode: str?)",
    vjp=dict(
        x=lambda g, y, rounding_mode: g / conj(y) if rounding_mode is None else zeros(g),
        y=lambda g, x, y, rounding_mode: -g * conj((x / y) / y) if rounding_mode is None else zeros(g),
    ),
    samples=(
        sample(real(3), nonzero(3), rounding_mode="floor"), sample(real(3), nonzero(3), rounding_mode="trunc"),
        ErrorSample((real(3), nonzero(3)), "expected rounding_mode to be one of", {"rounding_mode": "up"}),
    ),
)  # fmt: skip


def rtruediv(x: Any, number: Any) -> Any:
    """Return number / x as PyTorch's reflected operator computes it."""
    return mul(reciprocal(x), number)


def rpow(x: Any, number: Any) -> Any:
    """Return number ** x as PyTorch's reflected operator computes it."""
    return pow_of_number(number, x)


neg = elementwise(
    "neg", "-x", lambda x: -x, promote=None, shape=_no_bool_negation, names="torch Tensor " + aliases("negative"),
    vjp=dict(x=lambda g: -g), samples=unary(),
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=unary())
def positive(x: Any) -> Any:
    """Return the tensor itself."""
    if str(x.dtype) == "bool":
        raise DtypeError("The `+` operator, on a bool tensor is not supported.")
    return x


reciprocal = elementwise(
    "reciprocal",
    r"\frac{1}{x}",
    lambda x: 1 / x,
    vjp=dict(x=lambda g, out: -g * conj(out * out)),
    samples=unary(nonzero),
)
sqrt = elementwise(
    "sqrt", r"\sqrt{x}", lambda x: np.sqrt(x), vjp=dict(x=lambda g, out: g / (2 * conj(out))), samples=unary(above_zero)
)
rsqrt = elementwise(
    "rsqrt", r"\frac{1}{\sqrt{x}}", lambda x: 1 / np.sqrt(x), vjp=dict(x=lambda g, out: -0.5 * g * conj(out**3)),
    samples=unary(above_zero),
)  # fmt: skip


def _power_rule(x: Any, y: Any) -> Any:
    if dtype_name(x) == dtype_name(y) == "bool" and hasattr(y, "dtype"):
        raise DtypeError("\"pow\" not implemented for 'Bool'")
    return broadcast_rule(x, y)


def _no_negative_power(op: Any, values: Any) -> Any:
    """Promote base and exponent; raise NumericError for an integer to the power of a negative number."""
    x, y = values
    if is_integral(x) and type(y) is int and y < 0:
        raise NumericError("Integers to negative integer powers are not allowed.")
    return same(op, values)


def _power(x: Any, y: Any) -> Any:
    """Return x to the power of y; negative powers of integers are truncated, as in PyTorch."""
    if is_integral(x) and is_integral(y) and not isinstance(y, int) and y.dtype.kind == "i" and np.any(np.less(y, 0)):
        return np.where(y < 0, np.where(np.equal(np.abs(x), 1), np.power(x, y & 1), 0), np.power(x, np.maximum(y, 0)))
    if y is True:
        return x * y
    form = _POWERS.get(y) if type(y) in (int, float) and x.dtype.kind == "f" else None
    return np.power(x, y) if form is None else form(x)


_POWERS: dict[float, Any] = {
    1: lambda x: +x, 2: lambda x: x * x, 3: lambda x: x * x * x, 0.5: lambda x: np.sqrt(x),
    -0.5: lambda x: 1 / np.sqrt(x), -1: lambda x: 1 / x, -2: lambda x: 1 / (x * x),
}  # fmt: skip
"""Powers that PyTorch computes without `pow`. Source: `pow_tensor_optimized_scalar_kernel` in `PowKernel.cpp`."""


def _power_of_base(g: Any, x: Any, y: Any) -> Any:
    if not hasattr(y, "dtype"):
        return zeros(g) if y == 0 else g * conj(y * pow_number(x, y - 1))
    return comparison.choose(comparison.eq(y, 0.0), 0.0, g * conj(y * pow_(x, y - 1)))


def _power_of_exponent(g: Any, x: Any, y: Any, out: Any) -> Any:
    slope = conj(out * exponential.log_of(x, y))
    at_zero = comparison.eq(x, 0.0) if hasattr(x, "dtype") else x == 0
    if at_zero is False:
        return g * slope
    flat = comparison.ge(rearrange.real(y), 0.0) & at_zero
    return g * comparison.choose(flat, 0.0, slope)


pow_ = elementwise(
    "pow", "x^y", _power, promote=same, grad_fn="PowBackward1", signature="(input: Tensor, exponent: Tensor)",
    shape=_power_rule,
    vjp=dict(x=_power_of_base, y=_power_of_exponent), samples=pairs(above_zero, real),
)  # fmt: skip
pow_of_number = elementwise(
    "pow", "x^y", _power, promote=same, grad_fn="PowBackward2", signature="(self: Tensor|Scalar, exponent: Tensor)",
    vjp=dict(y=_power_of_exponent), samples=(sample(2.0, real(3)), sample(0.0, above_zero(3))),
)  # fmt: skip
pow_number = elementwise(
    "pow", "x^y", _power, promote=_no_negative_power, grad_fn="PowBackward0",
    signature="(input: Tensor, exponent: Tensor|Scalar)",
    shape=_power_rule, vjp=dict(x=_power_of_base),
    samples=(sample(real(2, 3), 2), sample(real(3), 3), sample(above_zero(3), 0.5)),
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=unary(), latex="x^2")
def square(x: Any) -> Any:
    """Return x to the power of 2."""
    return pow_number(x, 2)


def _to_widest(*values: Any) -> list[Any]:
    wide = "complex128" if any(map(creation.is_complex_value, values)) else "float64"
    return [creation.to_dtype(v, wide) if hasattr(v, "dtype") else v for v in values]


@composite("torch Tensor", "(input: Tensor, exponent: Tensor)", samples=pairs(above_zero, real), name="float_power")
def float_power(x: Any, y: Any) -> Any:
    """Return x to the power of y in double precision."""
    return pow_(*_to_widest(x, y))


@composite("torch", "(self: Scalar, exponent: Tensor)", samples=(sample(2.0, real(3)),), name="float_power")
def float_power_of_number(x: Any, y: Any) -> Any:
    """Return a number to the power of y in double precision."""
    return pow_of_number(*_to_widest(x, y))


@composite("torch Tensor", "(input: Tensor, exponent: Scalar)", samples=(sample(real(3), 2),), name="float_power")
def float_power_number(x: Any, y: Any) -> Any:
    """Return x to the power of a number in double precision."""
    return pow_number(*_to_widest(x, y))


def _lerp(x: Any, y: Any, w: Any) -> Any:
    near = np.abs(w) < 0.5
    return np.where(near, x + w * (y - x), y - (y - x) * (1 - w))[()]


def _same_dtypes(x: Any, y: Any, w: Any) -> Any:
    for name, other in (("end", y), ("weight", w)):
        if hasattr(other, "dtype") and dtype_name(other) != dtype_name(x) and other.ndim:
            raise DtypeError(f"expected dtype {_cpp_name(x)} for `{name}` but got dtype {_cpp_name(other)}")
    return broadcast_rule(x, y, w)


def _cpp_name(x: Any) -> str:
    return {"float16": "c10::Half", "float32": "float", "float64": "double", "int64": "int64_t"}.get(
        dtype_name(x), dtype_name(x)
    )


lerp = elementwise(
    "lerp", "x + w (y - x)", _lerp, promote=None, grad_fn="LerpBackward1", shape=_same_dtypes,
    takes=("lerp_kernel_tensor", "float complex"),
    signature="(input: Tensor, end: Tensor, weight: Tensor)", samples=(sample(real(2, 3), real(2, 3), real(3)),),
    vjp=dict(x=lambda g, w: g * conj(1 - w), y=lambda g, w: g * conj(w), w=lambda g, x, y: g * conj(y - x)),
)  # fmt: skip
lerp_number = elementwise(
    "lerp", "x + w (y - x)", _lerp, promote=None, grad_fn="LerpBackward0", shape=_same_dtypes,
    takes=("lerp_kernel_scalar", "float complex"),
    signature="(input: Tensor, end: Tensor, weight: Scalar)", samples=(sample(real(2, 3), real(3), 0.3),),
    vjp=dict(x=lambda g, w: g * conj(1 - w), y=lambda g, w: g * conj(w)),
)  # fmt: skip
TERMS = "(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar=1)"
addcmul = elementwise(
    "addcmul", "x + v a b", lambda x, a, b, *, value=1: x + _times(a, value) * b, promote=same, signature=TERMS,
    vjp=dict(
        x=lambda g: g, a=lambda g, b, value: g * conj(_times(b, value)),
        b=lambda g, a, value: g * conj(_times(a, value))
    ),
    samples=(sample(real(2, 3), real(2, 3), real(3), value=0.5), sample(real(2), real(2), real(2))),
)  # fmt: skip


def _no_integer_quotient(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    if is_integral(a) and is_integral(b):
        raise DtypeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform "
            "a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input "
            "+ value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value "
            "* tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return broadcast_rule(x, a, b)


addcdiv = elementwise(
    "addcdiv", r"x + v \frac{a}{b}", lambda x, a, b, *, value=1: x + _times(a, value) / b, promote=same,
    signature=TERMS,
    shape=_no_integer_quotient,
    vjp=dict(
        x=lambda g: g, a=lambda g, b, value: g * conj(value / b),
        b=lambda g, a, b, value: -g * conj(_times(a, value) / (b * b)),
    ),
    samples=(sample(real(2, 3), real(2, 3), nonzero(3), value=0.5), sample(real(2), real(2), nonzero(2))),
)  # fmt: skip
spelling("torch.rsub Tensor.rsub", rsub_scalar, "(input: Tensor, other: Scalar, alpha: Scalar=1)")
