"""Softmax: exponentials that sum to one along a dimension, and their logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops import _random, exponential, reduction
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape, normalize_dim
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, index, real, sample
from gradcli.ops.creation import to_dtype

FUNCTIONAL = "(input: Tensor, dim: int?=None, _stacklevel: int=3, dtype: dtype?=None)"
POSITIONAL = "(input: Tensor, dim: int, dtype: dtype?=None)"
KEYWORD = "(input: Tensor, dim: int, *, dtype: dtype?=None)"


def axis_of(x: Any, dim: int) -> int | None:
    """Return the axis of a dimension, None for a 0-d tensor, whose only dimension is itself."""
    return normalize_dim(dim, x.ndim) if x.ndim else None


def _softmax(x: Any, dim: int) -> Any:
    return _softmax_into(x, dim, None)


def _softmax_into(x: Any, dim: int, out: Any) -> Any:
    axis = axis_of(x, dim)
    if axis is None:
        return np.exp(x - x)
    e = np.subtract(x, np.max(x, axis, keepdims=True, initial=-np.inf), out=out, order="C")
    np.exp(e, out=e)
    return np.divide(e, _summed(e, axis), out=e)


def _summed(x: Any, axis: int) -> Any:
    """Return the sum along an axis, which stays as a one."""
    if axis == x.ndim - 1 and x.dtype.itemsize > 2:
        return np.matmul(x, np.ones(x.shape[-1], x.dtype))[..., None]
    return np.sum(x, axis, keepdims=True)


def _products_summed(a: Any, b: Any, axis: int | None) -> Any:
    """Return Σ a·b along an axis, which stays as a one."""
    if axis is not None and axis == a.ndim - 1 and a.dtype.itemsize > 2:
        return np.vecdot(a, b)[..., None]
    return np.sum(a * b, axis, keepdims=True)


def _log_softmax(x: Any, dim: int) -> Any:
    axis = axis_of(x, dim)
    shifted = x - np.max(x, axis, keepdims=True, initial=-np.inf)
    return np.subtract(shifted, np.log(np.sum(np.exp(shifted), axis, keepdims=True)), order="C")


def _rule(name: str) -> Any:
    def rule(x: Any, dim: int) -> Shape:
        at = normalize_dim(dim, x.ndim)
        require_floating(f"{name}_{'lastdim_' if at >= x.ndim - 1 else ''}kernel_impl", x)
        return x.shape  # type: ignore[no-any-return]

    return rule


def _sum(x: Any, dim: int) -> Any:
    return reduction.sum_(x, (dim,), True)


def _softmax_backward_data(dy: Any, y: Any, dim: int) -> Any:
    return _softmax_backward_into(dy, y, dim, None)


def _softmax_backward_into(dy: Any, y: Any, dim: int, out: Any) -> Any:
    d = np.asarray(np.subtract(dy, _products_summed(dy, y, axis_of(y, dim)), out=out, order="C"))
    return np.multiply(d, y, out=d)


OVERWRITING = {_softmax: _softmax_into, _softmax_backward_data: _softmax_backward_into}
"""Kernels and the same with an array `out` for the result, which may be their first argument."""


def _softmax_curvature(g: Any, dy: Any, y: Any, dim: int) -> Any:
    return dy * g - _sum(y * dy, dim) * g - dy * _sum(y * g, dim)


softmax_backward_data = op(
    "_softmax_backward_data", _softmax_backward_data, names="", signature="(dy: Tensor, y: Tensor, dim: int)",
    shape=lambda dy, y, dim: y.shape,
    vjp=dict(
        dy=lambda g, y, dim: softmax_backward_data(g, y, dim), y=lambda g, dy, y, dim: _softmax_curvature(g, dy, y, dim)
    ),
)  # fmt: skip
softmax_op = op(
    "softmax", _softmax, names="", signature="(input: Tensor, dim: int)", shape=_rule("softmax"),
    vjp=dict(x=lambda g, out, dim: softmax_backward_data(g, out, dim)),
)  # fmt: skip


def _log_softmax_backward_data(dy: Any, y: Any, dim: int) -> Any:
    return dy - np.exp(y) * np.sum(dy, axis_of(y, dim), keepdims=True)


log_softmax_backward_data = op(
    "_log_softmax_backward_data", _log_softmax_backward_data, names="", signature="(dy: Tensor, y: Tensor, dim: int)",
    shape=lambda dy, y, dim: y.shape,
    vjp=dict(
        dy=lambda g, y, dim: g - _sum(g * exponential.exp(y), dim),
        y=lambda g, dy, y, dim: -_sum(dy, dim) * exponential.exp(y) * g,
    ),
)  # fmt: skip
log_softmax_op = op(
    "log_softmax", _log_softmax, names="", signature="(input: Tensor, dim: int)", shape=_rule("log_softmax"),
    vjp=dict(x=lambda g, out, dim: log_softmax_backward_data(g, out, dim)),
)  # fmt: skip


def _safe_softmax(x: Any, dim: int) -> Any:
    return np.where(np.all(x == -np.inf, axis_of(x, dim), keepdims=True), 0, _softmax(x, dim))


safe_softmax = op(
    "_safe_softmax", _safe_softmax, names="", signature="(input: Tensor, dim: int)", shape=_rule("softmax"),
    vjp=dict(x=lambda g, out, dim: softmax_backward_data(g, out, dim)),
)  # fmt: skip


def _in(x: Any, dtype: str | None) -> Any:
    return x if dtype is None else to_dtype(x, dtype)


def _implied_dim(x: Any, dim: int | None) -> int:
    """Return the dimension that PyTorch's functional forms take where none is given."""
    return (0 if x.ndim in (0, 1, 3) else 1) if dim is None else dim


_SAMPLES = (
    sample(real(2, 3), 1), sample(real(2, 3, 2), 0), sample(real(), 0), sample(real(0, 3), 1),
    ErrorSample((real(2, 3), 2), "Dimension out of range"),
    ErrorSample((index([1, 2]), 0), "not implemented for 'Long'"),
)  # fmt: skip


@composite("torch Tensor", POSITIONAL, name="softmax", samples=_SAMPLES, latex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}")
def softmax(x: Any, dim: int, dtype: str | None = None) -> Any:
    """Return exponentials that sum to one along a dimension."""
    return softmax_op(_in(x, dtype), dim)


@composite("special", KEYWORD, name="softmax", samples=_SAMPLES)
def special_softmax(x: Any, dim: int, dtype: str | None = None) -> Any:
    """Return `torch.softmax`."""
    return softmax(x, dim, dtype)


@composite("nn.functional", FUNCTIONAL, name="softmax", samples=_SAMPLES, latex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}")
def functional_softmax(x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: str | None = None) -> Any:
    """Return softmax; without dim, along dimension 0 of 0-d, 1-d and 3-d tensors, else along 1."""
    return softmax(x, _implied_dim(x, dim), dtype)


@composite("torch Tensor", POSITIONAL, name="log_softmax", samples=_SAMPLES, latex=r"x_i - \ln \sum_j e^{x_j}")
def log_softmax(x: Any, dim: int, dtype: str | None = None) -> Any:
    """Return the logarithm of softmax."""
    return log_softmax_op(_in(x, dtype), dim)


@composite("special", KEYWORD, name="log_softmax", samples=_SAMPLES)
def special_log_softmax(x: Any, dim: int, dtype: str | None = None) -> Any:
    """Return `torch.log_softmax`."""
    return log_softmax(x, dim, dtype)


@composite("nn.functional", FUNCTIONAL, name="log_softmax", samples=_SAMPLES, latex=r"x_i - \ln \sum_j e^{x_j}")
def functional_log_softmax(x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: str | None = None) -> Any:
    """Return the logarithm of softmax; without dim, along 0 of 0-d, 1-d and 3-d tensors, else 1."""
    return log_softmax(x, _implied_dim(x, dim), dtype)


@composite("nn.functional", FUNCTIONAL, samples=_SAMPLES, latex=r"\frac{e^{-x_i}}{\sum_j e^{-x_j}}")
def softmin(x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: str | None = None) -> Any:
    """Return the softmax of -x."""
    return softmax(-x, _implied_dim(x, dim), dtype)


gumbel_noise = op(
    "gumbel_noise", lambda x: -np.log(_random.current().exponential(x.shape, 1.0, x.dtype)), names="",
    signature="(logits: Tensor)", shape=lambda x: x.shape,
)  # fmt: skip


def _one_hot_of_largest(y: Any, dim: int) -> Any:
    axis = axis_of(y, dim)
    return np.asarray(np.arange(max(y.size, 1) if axis is None else y.shape[axis]).reshape(
        [-1 if i == axis else 1 for i in range(y.ndim)]
    ) == np.argmax(y, axis, keepdims=True)).astype(y.dtype)  # fmt: skip


one_hot_of_largest = op(
    "one_hot_of_largest",
    _one_hot_of_largest,
    names="",
    signature="(input: Tensor, dim: int)",
    shape=lambda y, dim: y.shape,
)
detached = op("detach", lambda x: x, names="", signature="(input: Tensor)", shape=lambda x: x.shape)


@composite(
    "nn.functional", "(logits: Tensor, tau: float=1, hard: bool=False, eps: float=1e-10, dim: int=-1)",
    samples=lambda: [sample(real(2, 3))],
)  # fmt: skip
def gumbel_softmax(x: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """Return a sample of the Gumbel-softmax distribution (Jang et al., 2017); `hard` makes its value one-hot."""
    y = softmax((x + gumbel_noise(x)) / tau, dim)
    return one_hot_of_largest(y, dim) - detached(y) + y if hard else y
