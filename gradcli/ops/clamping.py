"""Clamping: the larger and the smaller of two tensors, and tensors kept between bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError
from gradcli.ops import comparison
from gradcli.ops._families import TENSORS, aliases, broadcast_rule, elementwise
from gradcli.ops._op import spelling
from gradcli.ops._promotion import same
from gradcli.ops._samples import distinct, real, sample

REAL = "float int bool"


def _half_where_equal(g: Any, x: Any, y: Any, below: Any) -> Any:
    """Return g, half of it where both are equal, and nothing where the other one was taken."""
    return comparison.choose(below, 0.0, comparison.choose(comparison.eq(x, y), g / 2, g))


maximum = elementwise(
    "maximum", r"\max(x, y)", lambda x, y: np.maximum(x, y), promote=same, signature=TENSORS,
    takes=("maximum not implemented for complex tensors.", REAL),
    vjp=dict(
        x=lambda g, x, y: _half_where_equal(g, x, y, comparison.lt(x, y)),
        y=lambda g, x, y: _half_where_equal(g, x, y, comparison.gt(x, y))
    ),
    samples=(sample(distinct(2, 3), real(3)),),
)  # fmt: skip
minimum = elementwise(
    "minimum", r"\min(x, y)", lambda x, y: np.minimum(x, y), promote=same, signature=TENSORS,
    takes=("minimum not implemented for complex tensors.", REAL),
    vjp=dict(
        x=lambda g, x, y: _half_where_equal(g, x, y, comparison.gt(x, y)),
        y=lambda g, x, y: _half_where_equal(g, x, y, comparison.lt(x, y))
    ),
    samples=(sample(distinct(2, 3), real(3)),),
)  # fmt: skip
fmax = elementwise(
    "fmax", r"\max(x, y)", lambda x, y: np.fmax(x, y), promote=same, signature=TENSORS,
    takes=("fmax not implemented for complex tensors.", REAL),
    vjp=dict(
        x=lambda g, x, y: comparison.choose(comparison.ge(x, y) | comparison.ne(y, y), g, 0.0),
        y=lambda g, x, y: comparison.choose(comparison.ge(x, y) | comparison.ne(y, y), 0.0, g)
    ),
    samples=(sample(distinct(2, 3), real(3)),),
)  # fmt: skip
fmin = elementwise(
    "fmin", r"\min(x, y)", lambda x, y: np.fmin(x, y), promote=same, signature=TENSORS,
    takes=("fmin not implemented for complex tensors.", REAL),
    vjp=dict(
        x=lambda g, x, y: comparison.choose(comparison.le(x, y) | comparison.ne(y, y), g, 0.0),
        y=lambda g, x, y: comparison.choose(comparison.le(x, y) | comparison.ne(y, y), 0.0, g)
    ),
    samples=(sample(distinct(2, 3), real(3)),),
)  # fmt: skip


NO_COMPLEX = ("clamp is not supported for complex types", REAL)


def _clamp_rule(x: Any, low: Any = None, high: Any = None) -> Any:
    if low is None and high is None:
        raise BindError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return broadcast_rule(x, low, high)


def _clamp(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _inside(x: Any, low: Any, high: Any) -> Any:
    """Return where an element was kept; the bounds themselves are inside."""
    if high is None:
        return comparison.ge(x, low)
    below = comparison.le(x, high)
    return below if low is None else below & comparison.ge(x, low)


def _clamp_slope(g: Any, x: Any, low: Any, high: Any) -> Any:
    return comparison.choose(_inside(x, low, high), g, 0.0)


def _clamp_low_slope(g: Any, x: Any, low: Any, high: Any) -> Any:
    raised = comparison.lt(x, low)
    return comparison.choose(raised if high is None else raised & comparison.lt(low, high), g, 0.0)


def _clamp_high_slope(g: Any, x: Any, low: Any, high: Any) -> Any:
    lowered = comparison.gt(x, high)
    return comparison.choose(lowered if low is None else lowered | comparison.gt(low, high), g, 0.0)


BOUNDS = "(input: Tensor, min: Tensor|Scalar?=None, max: Tensor|Scalar?=None)"
clamp_tensors = elementwise(
    "clamp", r"\min(\max(x, l), h)", lambda x, low=None, high=None: _clamp(x, low, high), promote=same,
    shape=_clamp_rule, takes=NO_COMPLEX,
    names="", grad_fn="ClampBackward0", vjp=dict(x=_clamp_slope, low=_clamp_low_slope, high=_clamp_high_slope),
    signature=BOUNDS, samples=(sample(distinct(2, 3), real(3)), sample(distinct(3), real(3), real(3))),
)  # fmt: skip
clamp = elementwise(
    "clamp", r"\min(\max(x, l), h)", lambda x, low=None, high=None: _clamp(x, low, high), promote=same,
    shape=_clamp_rule, takes=NO_COMPLEX,
    names="", grad_fn="ClampBackward1", vjp=dict(x=_clamp_slope), signature=BOUNDS,
    samples=(sample(distinct(2, 3), -1.0, 1.02), sample(distinct(3), None, 0.52)),
)  # fmt: skip
CLIP = "torch Tensor " + aliases("clip")
spelling(CLIP, clamp_tensors, "(input: Tensor, min: Tensor?=None, max: Tensor?=None)")
spelling(CLIP, clamp, "(input: Tensor, min: Scalar?=None, max: Scalar?=None)")


def _bound(name: str, number: int, bound: str, kernel: Any) -> Any:
    """Declare clamp_min or clamp_max for a bound that is a tensor (1) or a number (0)."""

    def inside(x: Any, y: Any) -> Any:
        return comparison.ge(x, y) if bound == "max" else comparison.le(x, y)

    vjp = dict(x=lambda g, x, y: comparison.choose(inside(x, y), g, 0.0))
    if number:
        vjp["y"] = lambda g, x, y: comparison.choose(inside(x, y), 0.0, g)
    kind = "Tensor" if number else "Tensor|Scalar"
    takes = (f"{bound}imum_cpu", REAL) if number else NO_COMPLEX
    return elementwise(
        name, rf"\{bound}(x, y)", kernel, promote=same,
        grad_fn=f"Clamp{name[6:].title()}Backward{number}", signature=f"(input: Tensor, {name[6:]}: {kind})", vjp=vjp,
        takes=takes,
        samples=(sample(distinct(2, 3), real(3) if number else 0.52),),
    )  # fmt: skip


clamp_min_tensor = _bound("clamp_min", 1, "max", lambda x, y: np.maximum(x, y))
clamp_min = _bound("clamp_min", 0, "max", lambda x, y: np.maximum(x, y))
clamp_max_tensor = _bound("clamp_max", 1, "min", lambda x, y: np.minimum(x, y))
clamp_max = _bound("clamp_max", 0, "min", lambda x, y: np.minimum(x, y))
spelling("torch.max Tensor.max", maximum, TENSORS)
spelling("torch.min Tensor.min", minimum, TENSORS)
