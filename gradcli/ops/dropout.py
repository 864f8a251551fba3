"""Dropout: random elements or channels set to zero, with PyTorch's own numbers for a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.ops import _random, views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape
from gradcli.ops._losses import element_count
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.ops.activation import no_in_place
from gradcli.types.dtype import BY_NAME

FUNCTIONAL = "(input: Tensor, p: float=0.5, training: bool={}, inplace: bool=False)"
PLAIN = "(input: Tensor, p: float, train: bool)"


def _mask_rule(x: Any, p: float) -> Shape:
    category = BY_NAME[dtype_name(x)].category
    if category == "complex":
        raise DtypeError(f"\"bernoulli_scalar_cpu_\" not implemented for '{scalar_type(x)}'")
    if category != "float":
        raise DtypeError(f"result type Float can't be cast to the desired output type {scalar_type(x)}")
    return x.shape  # type: ignore[no-any-return]


def _feature_rule(x: Any, p: float) -> Shape:
    _mask_rule(x, p)
    if x.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    return x.shape[:2] + (1,) * (x.ndim - 2)  # type: ignore[no-any-return]


MASK = "(input: Tensor, p: float)"
element_mask = op(
    "dropout_mask", lambda x, p: _random.current().dropout_mask(x, p), names="", signature=MASK, shape=_mask_rule
)
feature_mask = op(
    "feature_dropout_mask", lambda x, p: _random.current().feature_dropout_mask(x, p), names="", signature=MASK,
    shape=_feature_rule,
)  # fmt: skip
alpha_mask = op(
    "alpha_dropout_mask", lambda x, p: _random.current().alpha_dropout_mask(x, p), names="", signature=MASK,
    shape=lambda x, p: (_mask_rule(x, p),) * 2, outputs=("factor", "shift"),
)  # fmt: skip
feature_alpha_mask = op(
    "feature_alpha_dropout_mask", lambda x, p: _random.current().feature_alpha_dropout_mask(x, p), names="",
    signature=MASK,
    shape=lambda x, p: (_feature_rule(x, p),) * 2, outputs=("factor", "shift"),
)  # fmt: skip
nothing = op(
    "zeros", lambda x: np.zeros((), x.dtype), names="", signature="(input: Tensor)", shape=lambda x: ()
)  # fmt: skip


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise NumericError(f"dropout probability has to be between 0 and 1, but got {p}")


def _is_identity(x: Any, p: float, training: bool) -> bool:
    return p == 0.0 or not training or not element_count(x.shape)


def _dropped(x: Any, p: float, training: bool, mask: Any) -> Any:
    _check(p)
    if _is_identity(x, p, training):
        return x
    return x * (nothing(x) if p == 1.0 else mask(x, p))


def _alpha_dropped(x: Any, p: float, training: bool, mask: Any) -> Any:
    _check(p)
    if _is_identity(x, p, training):
        return x
    if p == 1.0:
        return x * nothing(x)
    factor, shift = mask(x, p)
    return x * factor + shift


_EVALUATION = (
    sample(real(2, 3), 0.5, False),
    ErrorSample((real(2), 1.5), "dropout probability has to be between 0 and 1, but got 1.5"),
    ErrorSample((real(2), 0.5, True, True), "gradcli has no in-place operations"),
)  # fmt: skip
_TRAINING = (sample(real(2, 3), 0.3, True), sample(real(2, 3, 2), 0.5, True))


@composite("nn.functional", FUNCTIONAL.format(True), samples=_EVALUATION)
def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Return x with elements set to zero with probability p, the others divided by 1 - p."""
    no_in_place(inplace)
    return _dropped(x, p, training, element_mask)


@composite("torch", PLAIN, name="dropout", samples=_TRAINING)
def torch_dropout(x: Any, p: float, train: bool) -> Any:
    """Return `nn.functional.dropout` without defaults."""
    return _dropped(x, p, train, element_mask)


@composite("torch", PLAIN, name="feature_dropout", samples=_TRAINING)
def feature_dropout(x: Any, p: float, train: bool) -> Any:
    """Return x with whole channels set to zero, for each sample and channel (dimensions 0 and 1) alone."""
    return _dropped(x, p, train, feature_mask)


@composite("nn.functional", FUNCTIONAL.format(False), samples=_EVALUATION)
def alpha_dropout(x: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Return x with elements set to SELU's lower bound, so that mean and variance stay (Klambauer et al., 2017)."""
    no_in_place(inplace)
    return _alpha_dropped(x, p, training, alpha_mask)


@composite("torch", PLAIN, name="alpha_dropout", samples=_TRAINING)
def torch_alpha_dropout(x: Any, p: float, train: bool) -> Any:
    """Return `nn.functional.alpha_dropout` without defaults."""
    return _alpha_dropped(x, p, train, alpha_mask)


@composite("nn.functional", FUNCTIONAL.format(False), samples=_TRAINING)
def feature_alpha_dropout(x: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Return `alpha_dropout` of whole channels."""
    no_in_place(inplace)
    return _alpha_dropped(x, p, training, feature_alpha_mask)


@composite("torch", PLAIN, name="feature_alpha_dropout", samples=_TRAINING)
def torch_feature_alpha_dropout(x: Any, p: float, train: bool) -> Any:
    """Return `nn.functional.feature_alpha_dropout` without defaults."""
    return _alpha_dropped(x, p, train, feature_alpha_mask)


def _of_channels(x: Any, p: float, training: bool, inplace: bool, batched: bool) -> Any:
    """Return feature dropout of a batch, or of one sample that is made a batch of one."""
    no_in_place(inplace)
    _check(p)
    if batched:
        return _dropped(x, p, training, feature_mask)
    return views.squeeze_dim(_dropped(views.unsqueeze(x, 0), p, training, feature_mask), 0)


@composite("nn.functional", FUNCTIONAL.format(True), samples=lambda: [sample(real(2, 3), 0.5, False)])
def dropout1d(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Return x with whole channels of shape (L) set to zero; x is (N, C, L) or (C, L)."""
    _check(p)
    if x.ndim not in (2, 3):
        raise ShapeError(
            f"dropout1d: Expected 2D or 3D input, but received a {x.ndim}D input. Note that dropout1d exists to "
            "provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _of_channels(x, p, training, inplace, x.ndim == 3)


@composite("nn.functional", FUNCTIONAL.format(True), samples=lambda: [sample(real(2, 3, 2, 2), 0.5, False)])
def dropout2d(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Return x with whole channels of shape (H, W) set to zero; x is (N, C, H, W), or (N, C, L) as in `dropout1d`."""
    return _of_channels(x, p, training, inplace, True)


@composite("nn.functional", FUNCTIONAL.format(True), samples=lambda: [sample(real(3, 2, 2, 1), 0.5, False)])
def dropout3d(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Return x with whole channels of shape (D, H, W) set to zero; x is (N, C, D, H, W) or (C, D, H, W)."""
    return _of_channels(x, p, training, inplace, x.ndim == 5)


def _keep_scale(p: float, train: bool | None) -> float:
    """Return what native_dropout multiplies kept elements by."""
    if train is False:
        return 1.0
    return 0.0 if p == 1.0 else 1.0 / (1.0 - p)


def _native_dropout(x: Any, p: float, train: bool | None = None) -> Any:
    if train is False or p == 0.0:
        return np.array(x), np.ones_like(x, np.bool_)
    mask = np.zeros_like(x, np.bool_) if p == 1.0 else np.asarray(_random.current().dropout_mask(x, p) != 0)
    return (x * mask * _keep_scale(p, train)).astype(x.dtype), mask


def _native_rule(x: Any, p: float, train: bool | None = None) -> tuple[Shape, Shape]:
    _mask_rule(x, p)
    return x.shape, x.shape


native_dropout = op(
    "native_dropout", _native_dropout, names="torch", signature="(input: Tensor, p: float, train: bool?)",
    shape=_native_rule,
    outputs=("output", "mask"), constant=("mask",), dtype=lambda x, *_: (dtype_name(x), "bool"),
    vjp=dict(x=lambda g, p, train, out: g[0] * out[1] * _keep_scale(p, train)),
    samples=lambda: [sample(real(2, 3), 0.5, False), sample(real(2, 3), 0.5, True)],
)  # fmt: skip
