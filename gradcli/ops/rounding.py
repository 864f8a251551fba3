"""Rounding: to integers, to decimals and to multiples, and what is left over."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops import arithmetic, comparison
from gradcli.ops._dtypes import taking
from gradcli.ops._families import (
    BINARY,
    NUMBER_FIRST,
    TENSORS,
    WITH_NUMBER,
    aliases,
    elementwise,
    nonzero_divisor,
    not_implemented,
)  # fmt: skip
from gradcli.ops._op import composite
from gradcli.ops._promotion import same
from gradcli.ops._samples import nonzero, reals, sample, unary

fractions = reals(-2.9, 2.9, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5)


def _rounding_rule(name: str) -> Any:
    """Return the shape rule of a rounding, which takes neither bools nor complex numbers."""
    text = f"{name} is not supported for complex inputs" if name != "round" else "round_vml_cpu"
    return taking(text, "float int bool", taking(f"{name}_vml_cpu", "float int", lambda x: x.shape))


def _rounding(name: str, latex: str, function: Any, names: str = "torch Tensor") -> Any:
    """Declare a rounding to integers: integers are their own, and the derivative is zero."""
    return elementwise(
        name, latex, lambda x: x.copy() if x.dtype.kind in "iu" else function(x), promote=None,
        shape=_rounding_rule(name),
        names=names, vjp=dict(x=lambda g: arithmetic.zeros(g)), samples=unary(fractions),
    )  # fmt: skip


ceil = _rounding("ceil", r"\lceil x \rceil", np.ceil)
floor = _rounding("floor", r"\lfloor x \rfloor", np.floor)
trunc = _rounding("trunc", r"\operatorname{trunc} x", np.trunc, "torch Tensor " + aliases("fix"))
round_ = _rounding("round", r"\operatorname{round} x", np.rint, "torch Tensor")


def _to_decimals(x: Any, decimals: int) -> Any:
    scale = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x * scale) / scale if decimals >= 0 else np.rint(x / scale) * scale


round_decimals = elementwise(
    "round", r"\operatorname{round} x", lambda x, *, decimals=0: _to_decimals(x, decimals), promote=None,
    grad_fn="RoundBackward1", takes=("round_cpu", "float"), signature="(input: Tensor, *, decimals: int)",
    vjp=dict(x=lambda g: arithmetic.zeros(g)), samples=(sample(fractions(3), decimals=0),),
)  # fmt: skip


@composite("special", "(input: Tensor, *, decimals: int=0)", samples=(sample(fractions(3)),), name="round")
def special_round(x: Any, decimals: int = 0) -> Any:
    """Return the numbers rounded to decimals."""
    return round_decimals(x, decimals=decimals)


frac = elementwise(
    "frac", r"x - \operatorname{trunc} x", lambda x: x - np.trunc(x), promote=None, takes=("frac_cpu", "float"),
    vjp=dict(x=lambda g: g), samples=unary(fractions),
)  # fmt: skip


def _floor_quotient(x: Any, y: Any) -> Any:
    return arithmetic.div_rounded(x, y, rounding_mode="floor")


def _trunc_quotient(x: Any, y: Any) -> Any:
    return arithmetic.div_rounded(x, y, rounding_mode="trunc")


def _dividing(kernel: str) -> dict[str, Any]:
    return dict(promote=same, shape=nonzero_divisor, takes=(kernel, "float int"))


REMAINDER, FMOD = _dividing("remainder_cpu"), _dividing("fmod_cpu")
remainder = elementwise(
    "remainder", r"x \bmod y", lambda x, y: np.remainder(x, y), signature=TENSORS, grad_fn="RemainderBackward1",
    vjp=dict(x=lambda g: g, y=lambda g, x, y: -g * _floor_quotient(x, y)),
    samples=(sample(reals(0.3, 0.9)(3), nonzero(3)),),
    **REMAINDER,
)  # fmt: skip
remainder_number = elementwise(
    "remainder", r"x \bmod y", lambda x, y: np.remainder(x, y), signature=WITH_NUMBER, grad_fn="RemainderBackward0",
    vjp=dict(x=lambda g: g), samples=(sample(fractions(3), 2.0),), **REMAINDER,
)  # fmt: skip
remainder_of_number = elementwise(
    "remainder", r"x \bmod y", lambda x, y: np.remainder(x, y), signature=NUMBER_FIRST, grad_fn="NotImplemented",
    names="torch",
    vjp=dict(y=not_implemented("remainder")), samples=(sample(2.0, nonzero(3)),), **REMAINDER,
)  # fmt: skip
fmod = elementwise(
    "fmod", r"x - y \operatorname{trunc}\frac{x}{y}", lambda x, y: np.fmod(x, y), signature=TENSORS,
    grad_fn="FmodBackward1",
    vjp=dict(x=lambda g: g, y=lambda g, x, y: -g * _trunc_quotient(x, y)),
    samples=(sample(reals(0.3, 0.9)(3), nonzero(3)),),
    **FMOD,
)  # fmt: skip
fmod_number = elementwise(
    "fmod", r"x - y \operatorname{trunc}\frac{x}{y}", lambda x, y: np.fmod(x, y), signature=WITH_NUMBER,
    grad_fn="FmodBackward0", vjp=dict(x=lambda g: g), samples=(sample(fractions(3), 2.0),), **FMOD,
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide", r"\left\lfloor\frac{x}{y}\right\rfloor", lambda x, y: np.floor_divide(x, y), signature=BINARY,
    grad_fn="NotImplemented", vjp=dict(x=not_implemented("floor_divide"), y=not_implemented("floor_divide")),
    samples=(sample(fractions(3), 2.0),),
    **_dividing("div_floor_cpu"),
)  # fmt: skip


def _nan_to_num(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind not in "fc":
        return x.copy()
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    return np.nan_to_num(x, copy=True, nan=nan or 0.0, posinf=high, neginf=low)


nan_to_num = elementwise(
    "nan_to_num", "x", lambda x, nan=None, posinf=None, neginf=None: _nan_to_num(x, nan, posinf, neginf), promote=None,
    signature="(input: Tensor, nan: float?=None, posinf: float?=None, neginf: float?=None)",
    shape=lambda x, *_: x.shape,
    vjp=dict(x=lambda g, x: g * comparison.isfinite(x)), samples=unary(),
)  # fmt: skip
