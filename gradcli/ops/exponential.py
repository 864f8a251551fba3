"""Exponential: exponentials, logarithms and what is made of them."""

from __future__ import annotations

from math import log as number_log
from math import nan
from typing import Any

import numpy as np

from gradcli.ops import comparison
from gradcli.ops._families import NUMBER_FIRST, TENSORS, WITH_NUMBER, conj, elementwise
from gradcli.ops._promotion import same
from gradcli.ops._samples import pairs, positive, real, reals, sample, unary

LN2, LN10 = number_log(2), number_log(10)


def log_of(x: Any, like: Any) -> Any:
    """Return the logarithm of a tensor or a number (the number's as PyTorch computes it, inf for 0)."""
    if hasattr(x, "dtype"):
        return log(x)
    return complex(np.log(complex(x))) if isinstance(x, complex) else float(np.log(np.float64(x)))


exp = elementwise("exp", "e^x", lambda x: np.exp(x), vjp=dict(x=lambda g, out: g * conj(out)), samples=unary())
exp2 = elementwise(
    "exp2", "2^x", lambda x: np.exp2(x), names="torch Tensor special", vjp=dict(x=lambda g, out: g * conj(out) * LN2),
    samples=unary(),
)  # fmt: skip
expm1 = elementwise(
    "expm1", "e^x - 1", lambda x: np.expm1(x), names="torch Tensor special",
    vjp=dict(x=lambda g, out: g * (conj(out) + 1)),
    samples=unary(),
)  # fmt: skip
log = elementwise("log", r"\ln x", lambda x: np.log(x), vjp=dict(x=lambda g, x: g / conj(x)), samples=unary(positive))
log2 = elementwise(
    "log2", r"\log_2 x", lambda x: np.log2(x), vjp=dict(x=lambda g, x: g / (conj(x) * LN2)), samples=unary(positive)
)
log10 = elementwise(
    "log10",
    r"\log_{10} x",
    lambda x: np.log10(x),
    vjp=dict(x=lambda g, x: g / (conj(x) * LN10)),
    samples=unary(positive),
)
log1p = elementwise(
    "log1p", r"\ln(1 + x)", lambda x: np.log1p(x), names="torch Tensor special", grad_fn="Log1PBackward0",
    vjp=dict(x=lambda g, x: g / conj(x + 1)), samples=unary(reals(-0.7, 3)),
)  # fmt: skip


sigmoid_backward = elementwise(
    "sigmoid_backward", "", lambda grad_output, y: grad_output * conj((1 - y) * y), names="", promote=None,
    signature="(grad_output: Tensor, output: Tensor)", shape=lambda grad_output, y: grad_output.shape,
    vjp=dict(
        grad_output=lambda g, y: sigmoid_backward(g, conj(y)),
        y=lambda g, grad_output, y: conj(g) * grad_output * (-2 * conj(y) + 1),
    ),
)  # fmt: skip
sigmoid = elementwise(
    "sigmoid", r"\sigma(x) = \frac{1}{1 + e^{-x}}", lambda x: 1 / (1 + np.exp(-x)),
    names="torch Tensor nn.functional special.expit",
    vjp=dict(x=lambda g, out: sigmoid_backward(g, out)), samples=unary(),
)  # fmt: skip


def _clipped(x: Any, eps: Any) -> Any:
    return x if eps is None else np.minimum(np.maximum(x, x.dtype.type(eps)), x.dtype.type(1 - eps))


def _logit_slope(g: Any, x: Any, eps: Any) -> Any:
    """Return g / (x (1 - x)), nothing where eps clips, and NaN outside 0 … 1 where there is no eps."""
    slope = g / (x * (1 - x))
    if eps is None:
        return comparison.choose((x >= 0.0) & (x <= 1.0), slope, nan)
    return comparison.choose((x >= eps) & (x <= 1 - eps), slope, 0.0)


logit = elementwise(
    "logit", r"\ln\frac{x}{1 - x}", lambda x, eps=None: np.log(_clipped(x, eps) / (1 - _clipped(x, eps))),
    names="torch Tensor special", signature="(input: Tensor, eps: float?=None)",
    takes=("logit_cpu", "float"), shape=lambda x, eps: x.shape,
    vjp=dict(x=_logit_slope), samples=(*unary(reals(0.1, 0.9)), sample(reals(0.3, 0.7)(3), 0.2)),
)  # fmt: skip


def _log_sum(x: Any, y: Any) -> Any:
    if x.dtype.kind != "c":
        return np.logaddexp(x, y)
    larger, smaller = np.where(x.real >= y.real, x, y), np.where(x.real >= y.real, y, x)
    return larger + np.log1p(np.exp(smaller - larger))


logaddexp = elementwise(
    "logaddexp", r"\ln(e^x + e^y)", _log_sum, samples=pairs(), promote=same,
    takes=("logaddexp_cpu", "float complex"),
    vjp=dict(x=lambda g, x, y: g / conj(1 + exp(y - x)), y=lambda g, x, y: g / conj(1 + exp(x - y))),
)  # fmt: skip
logaddexp2 = elementwise(
    "logaddexp2", r"\log_2(2^x + 2^y)", lambda x, y: np.logaddexp2(x, y), samples=pairs(),
    grad_fn="Logaddexp2Backward0", takes=("logaddexp2_cpu", "float"), promote=same,
    vjp=dict(x=lambda g, x, y: g / (1 + exp2(y - x)), y=lambda g, x, y: g / (1 + exp2(x - y))),
)  # fmt: skip


def _x_log(x: Any, y: Any, log_y: Any) -> Any:
    """Return x·log_y, 0 where x is 0 and NaN where y is."""
    return np.where(np.isnan(y), y, np.where(np.equal(x, 0), 0, x * log_y))[()]


def _xlogy(x: Any, y: Any) -> Any:
    return _x_log(x, y, np.log(y)).astype(result_dtype(x, y))


def _xlog1py(x: Any, y: Any) -> Any:
    return _x_log(x, y, np.log1p(y)).astype(result_dtype(x, y))


def result_dtype(x: Any, y: Any) -> Any:
    """Return the dtype of the operand that is no number (the kernel sees both in one dtype)."""
    return x.dtype if hasattr(x, "dtype") else y.dtype


def _xlogy_slope(g: Any, x: Any, y: Any) -> Any:
    return comparison.choose((x == 0.0) & (y <= 0.0), 0.0, xlogy(g, y))


def _xlog1py_slope(g: Any, x: Any, y: Any) -> Any:
    return comparison.choose((x == 0.0) & (y <= -1.0), 0.0, xlog1py(g, y))


XLOGY = dict(x=_xlogy_slope, y=lambda g, x, y: g * x / y)
XLOG1PY = dict(x=_xlog1py_slope, y=lambda g, x, y: g * x / (y + 1))
xlogy = elementwise(
    "xlogy",
    r"x \ln y",
    _xlogy,
    takes=("xlogy_cpu", "float"),
    names="torch Tensor special",
    signature=TENSORS,
    vjp=XLOGY,
    samples=pairs(real, positive),
)
xlogy_of_number = elementwise(
    "xlogy", r"x \ln y", _xlogy, takes=("xlogy_cpu", "float"), names="torch special", signature=NUMBER_FIRST,
    grad_fn="XlogyBackward1",
    vjp=dict(y=XLOGY["y"]), samples=(sample(2.0, positive(3)),),
)  # fmt: skip
xlogy_number = elementwise(
    "xlogy", r"x \ln y", _xlogy, takes=("xlogy_cpu", "float"), names="torch Tensor special", signature=WITH_NUMBER,
    grad_fn="XlogyBackward2",
    vjp=dict(x=XLOGY["x"]), samples=(sample(real(3), 2.0),),
)  # fmt: skip
xlog1py = elementwise(
    "xlog1py", r"x \ln(1 + y)", _xlog1py, takes=("xlog1py_cpu", "float"), names="special", signature=TENSORS,
    grad_fn="SpecialXlog1PyBackward0", vjp=XLOG1PY,
    samples=pairs(real, positive),
)  # fmt: skip
xlog1py_of_number = elementwise(
    "xlog1py", r"x \ln(1 + y)", _xlog1py, takes=("xlog1py_cpu", "float"), names="special", signature=NUMBER_FIRST,
    grad_fn="SpecialXlog1PyBackward1",
    vjp=dict(y=XLOG1PY["y"]), samples=(sample(2.0, positive(3)),),
)  # fmt: skip
xlog1py_number = elementwise(
    "xlog1py", r"x \ln(1 + y)", _xlog1py, takes=("xlog1py_cpu", "float"), names="special", signature=WITH_NUMBER,
    grad_fn="SpecialXlog1PyBackward2",
    vjp=dict(x=XLOG1PY["x"]), samples=(sample(real(3), 2.0),),
)  # fmt: skip
entr = elementwise(
    "entr", r"-x \ln x", lambda x: np.where(x < 0, -np.inf, -_x_log(x, x, np.log(x))).astype(x.dtype), names="special",
    grad_fn="SpecialEntrBackward0", takes=("entr_cpu", "float"), vjp=dict(x=lambda g, x: g * (-(1 + log(x)))),
    samples=unary(positive),
)  # fmt: skip
