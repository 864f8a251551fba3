"""Comparison: truth values of tensors, logic on them and on bits, and the larger and smaller of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError
from gradcli.ops import indexing
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import (
    BINARY,
    TENSORS,
    aliases,
    broadcast_rule,
    elementwise,
    not_implemented,
)  # fmt: skip
from gradcli.ops._families import (
    comparison as compared,
)
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name, same
from gradcli.ops._samples import ErrorSample, index, mask, nonzero, pairs, real, sample, unary


def choose(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y (`torch.where`)."""
    return indexing.where(condition, x, y)


def _compared(name: str, alias: str, latex: str, kernel: Any) -> Any:
    names = f"torch Tensor {aliases(alias)}" if alias else "torch Tensor"
    return compared(name, latex, kernel, takes=(f"{name}_cpu", "float int bool"), names=names, samples=pairs())


eq = compared("eq", "x = y", lambda x, y: np.equal(x, y), samples=pairs())
ne = compared(
    "ne", r"x \ne y", lambda x, y: np.not_equal(x, y), names="torch Tensor " + aliases("not_equal"), samples=pairs()
)
lt = _compared("lt", "less", "x < y", lambda x, y: np.less(x, y))
le = _compared("le", "less_equal", r"x \le y", lambda x, y: np.less_equal(x, y))
gt = _compared("gt", "greater", "x > y", lambda x, y: np.greater(x, y))
ge = _compared("ge", "greater_equal", r"x \ge y", lambda x, y: np.greater_equal(x, y))


def _test(name: str, latex: str, kernel: Any, **record: Any) -> Any:
    return elementwise(
        name, latex, kernel, promote=None, dtype="bool", signature="(input: Tensor)", samples=unary(), **record
    )


REAL = "float int bool"
isnan = _test("isnan", r"x = \mathrm{nan}", lambda x: np.isnan(x))
isinf = _test("isinf", r"|x| = \infty", lambda x: np.isinf(x))
isfinite = _test("isfinite", r"|x| < \infty", lambda x: np.isfinite(x))
isposinf = _test(
    "isposinf", r"x = \infty", lambda x: np.equal(x, np.inf), takes=("isposinf does not support complex inputs.", REAL)
)
isneginf = _test(
    "isneginf",
    r"x = -\infty",
    lambda x: np.equal(x, -np.inf),
    takes=("isneginf does not support complex inputs.", REAL),
)
isreal = _test("isreal", r"\Im x = 0", lambda x: np.equal(np.imag(x), 0))
signbit = _test(
    "signbit",
    "x < 0",
    lambda x: np.signbit(x) if x.dtype.kind == "f" else np.less(x, 0),
    takes=("signbit is not implemented for complex tensors.", REAL),
)
logical_not = _test("logical_not", r"\lnot x", lambda x: np.logical_not(x))


def _logical(name: str, latex: str, kernel: Any) -> Any:
    return elementwise(
        name, latex, kernel, promote=None, dtype="bool", signature=TENSORS,
        samples=lambda: [sample(mask([True, False]), mask([True, True]))],
    )  # fmt: skip


logical_and = _logical("logical_and", r"x \land y", lambda x, y: np.logical_and(x, y))
logical_or = _logical("logical_or", r"x \lor y", lambda x, y: np.logical_or(x, y))
logical_xor = _logical("logical_xor", r"x \oplus y", lambda x, y: np.logical_xor(x, y))


def _bitwise(name: str, latex: str, kernel: Any, takes: Any = None, signature: str = BINARY) -> Any:
    return elementwise(
        name, latex, kernel, promote=same, takes=takes or (f"{name}_cpu", "int bool"), signature=signature,
        samples=lambda: [sample(index([1, 5]), index([3, 2])), ErrorSample((real(2), real(2)), "not implemented for")],
    )  # fmt: skip


bitwise_and = _bitwise("bitwise_and", r"x \mathbin{\&} y", lambda x, y: np.bitwise_and(x, y))
bitwise_or = _bitwise("bitwise_or", r"x \mid y", lambda x, y: np.bitwise_or(x, y))
bitwise_xor = _bitwise("bitwise_xor", r"x \oplus y", lambda x, y: np.bitwise_xor(x, y))
bitwise_left_shift = _bitwise("bitwise_left_shift", r"x \ll y", lambda x, y: np.left_shift(x, y), ("lshift_cpu", "int"))
bitwise_right_shift = _bitwise(
    "bitwise_right_shift", r"x \gg y", lambda x, y: np.right_shift(x, y), ("rshift_cpu", "int")
)
gcd = _bitwise("gcd", r"\gcd(x, y)", lambda x, y: np.gcd(x, y), ("gcd_cpu", "int"), TENSORS)
lcm = _bitwise("lcm", r"\operatorname{lcm}(x, y)", lambda x, y: np.lcm(x, y), ("lcm_cpu", "int"), TENSORS)


bitwise_not = elementwise(
    "bitwise_not", r"\lnot x", lambda x: np.invert(x), promote=None, takes=("bitwise_not_cpu", "int bool"),
    signature="(input: Tensor)",
    samples=lambda: [sample(index([1, 5])), sample(mask([True, False]))],
)  # fmt: skip


def _heaviside_rule(x: Any, values: Any) -> Any:
    if "complex" in dtype_name(x) + dtype_name(values):
        raise DtypeError("heaviside is not yet implemented for complex tensors.")
    if dtype_name(x) != dtype_name(values):
        raise DtypeError("heaviside is not yet implemented for tensors with different dtypes.")
    return broadcast_rule(x, values)


heaviside = elementwise(
    "heaviside", r"\theta(x)", lambda x, values: np.where(x == 0, values, x > 0).astype(x.dtype)[()], promote=None,
    shape=_heaviside_rule,
    signature="(input: Tensor, values: Tensor)", grad_fn="NotImplemented",
    vjp=dict(x=not_implemented("heaviside"), values=not_implemented("heaviside")), samples=pairs(nonzero),
)  # fmt: skip

NEAR = "(input: Tensor, other: Tensor, rtol: float=1e-05, atol: float=1e-08, equal_nan: bool=False)"


def _one_dtype(x: Any, y: Any, *_: Any) -> Any:
    if dtype_name(x) != dtype_name(y):
        raise DtypeError(f"{scalar_type(x)} did not match {scalar_type(y)}")
    return broadcast_rule(x, y)


isclose = elementwise(
    "isclose", r"|x - y| \le a + r |y|",
    lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: np.isclose(x, y, rtol, atol, equal_nan), promote=None,
    dtype="bool",
    shape=_one_dtype, signature=NEAR, samples=pairs(),
)  # fmt: skip
_allclose = op(
    "allclose", lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: np.bool_(np.allclose(x, y, rtol, atol, equal_nan)),
    names="", dtype="bool", shape=lambda *values: _one_dtype(*values) and (), signature=NEAR, samples=pairs(),
)  # fmt: skip
_equal = op(
    "equal", lambda x, y: np.bool_(np.array_equal(x, y)), names="", dtype="bool", shape=lambda x, y: (),
    signature=TENSORS, samples=pairs(),
)  # fmt: skip


@composite("torch Tensor", NEAR, samples=pairs())
def allclose(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> bool:
    """Return whether all elements are near each other, as a Python bool."""
    return bool(_allclose(x, y, rtol, atol, equal_nan))


@composite("torch Tensor", TENSORS, samples=pairs())
def equal(x: Any, y: Any) -> bool:
    """Return whether two tensors have the same size and elements, as a Python bool."""
    return bool(_equal(x, y))
