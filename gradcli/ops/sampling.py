"""Sampling: tensors of random numbers, which are PyTorch's own for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops import creation
from gradcli.ops._families import broadcast_rule
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._random import current
from gradcli.ops._samples import Constant, sample
from gradcli.ops.creation import checked
from gradcli.types.dtype import DEFAULT

_SIZE = "(*size: int[], dtype: dtype?=None)"


@composite("torch", _SIZE)
def rand(size: Any, dtype: str | None = None) -> Any:
    """Return uniform numbers in [0, 1)."""
    return current().rand(checked(size), dtype or DEFAULT.get())


@composite("torch", _SIZE)
def randn(size: Any, dtype: str | None = None) -> Any:
    """Return standard normal numbers."""
    return current().randn(checked(size), dtype or DEFAULT.get())


@composite("torch", "(high: int, size: int[], *, dtype: dtype?=None)", name="randint")
def randint_below(high: int, size: Any, dtype: str | None = None) -> Any:
    """Return integers in [0, high)."""
    return current().randint(0, high, checked(size), dtype or "int64")


@composite("torch", "(low: int, high: int, size: int[], *, dtype: dtype?=None)")
def randint(low: int, high: int, size: Any, dtype: str | None = None) -> Any:
    """Return integers in [low, high)."""
    return current().randint(low, high, checked(size), dtype or "int64")


@composite("torch", "(n: int, *, dtype: dtype?=None)")
def randperm(n: int, dtype: str | None = None) -> Any:
    """Return the integers below n in a random order."""
    checked((n,))
    return current().randperm(n, dtype or "int64")


def _like_dtype(x: Any, *values: Any) -> str:
    return values[-1] or dtype_name(x)


def _same_shape(x: Any, *_: Any) -> Any:
    return x.shape


_LIKE: dict[str, Any] = {"shape": _same_shape, "dtype": _like_dtype, "names": "torch"}
rand_like = op(
    "rand_like",
    lambda x, dtype=None: current().rand_like(x, dtype),
    signature="(input: Tensor, *, dtype: dtype?=None)",
    **_LIKE,
)
randn_like = op(
    "randn_like",
    lambda x, dtype=None: current().randn_like(x, dtype),
    signature="(input: Tensor, *, dtype: dtype?=None)",
    **_LIKE,
)
randint_like_below = op(
    "randint_like", lambda x, high, dtype=None: current().randint_like(x, 0, high, dtype),
    signature="(input: Tensor, high: int, *, dtype: dtype?=None)", **_LIKE,
)  # fmt: skip
randint_like = op(
    "randint_like", lambda x, low, high, dtype=None: current().randint_like(x, low, high, dtype),
    signature="(input: Tensor, low: int, high: int, *, dtype: dtype?=None)", **_LIKE,
)  # fmt: skip


_HALVES = Constant([0.5, 0.25, 0.75], "float32")


def _nothing(g: Any) -> Any:
    """Return the cotangent of what only steers a draw."""
    return creation.zeros_like(g)


bernoulli = op(
    "bernoulli",
    lambda x: current().bernoulli(x),
    signature="(input: Tensor)",
    shape=_same_shape,
    vjp=dict(x=_nothing),
    samples=lambda: [sample(_HALVES)],
)
bernoulli_p = op(
    "bernoulli", lambda x, p: current().bernoulli(x, p), signature="(input: Tensor, p: float)",
    grad_fn="BernoulliBackward2",
    shape=_same_shape, vjp=dict(x=_nothing), samples=lambda: [sample(_HALVES, 0.25)],
)  # fmt: skip
poisson = op(
    "poisson",
    lambda x: current().poisson(x),
    names="torch",
    signature="(input: Tensor)",
    shape=_same_shape,
    vjp=dict(x=_nothing),
    samples=lambda: [sample(_HALVES)],
)


def _picked_shape(x: Any, num_samples: int, replacement: bool = False) -> Any:
    return (*x.shape[:-1], num_samples)


multinomial = op(
    "multinomial",
    lambda x, num_samples, replacement=False: np.ascontiguousarray(current().multinomial(x, num_samples, replacement)),
    signature="(input: Tensor, num_samples: int, replacement: bool=False)", shape=_picked_shape, dtype="int64",
)  # fmt: skip


@composite("torch", "(mean: float, std: float, size: int[], *, dtype: dtype?=None)", name="normal")
def normal_of_size(mean: float, std: float, size: Any, dtype: str | None = None) -> Any:
    """Return normal numbers of one mean and standard deviation."""
    return current().normal(mean, std, checked(size), dtype or DEFAULT.get())


normal_both = op(
    "normal", lambda mean, std: current().normal(mean, std), names="torch", grad_fn="NormalBackward3",
    shape=broadcast_rule,
    signature="(mean: Tensor, std: Tensor)", vjp=dict(mean=_nothing, std=_nothing),
    samples=lambda: [sample(_HALVES, _HALVES)], latex=r"\mathcal{N}(\mu, \sigma^2)",
)  # fmt: skip
normal_mean = op(
    "normal", lambda mean, std=1.0: current().normal(mean, std), names="torch", grad_fn="NormalBackward1",
    shape=_same_shape,
    signature="(mean: Tensor, std: float=1.0)", vjp=dict(mean=_nothing), samples=lambda: [sample(_HALVES, 2.0)],
)  # fmt: skip
normal_std = op(
    "normal", lambda mean, std: current().normal(mean, std), names="torch", grad_fn="NormalBackward2",
    shape=lambda mean, std: std.shape, dtype=lambda mean, std: dtype_name(std), signature="(mean: float, std: Tensor)",
    vjp=dict(std=_nothing), samples=lambda: [sample(0.5, _HALVES)],
)  # fmt: skip
