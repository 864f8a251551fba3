"""Connectionist temporal classification: the loss of a sequence of labels without their places in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import arithmetic, comparison, views
from gradcli.ops import reduction as reductions
from gradcli.ops._dtypes import no_kernel
from gradcli.ops._families import Shape, not_implemented
from gradcli.ops._losses import mode, torch_mode
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, index, real

Lengths = tuple[int, ...]


def _offsets(targets: Any, target_lengths: Lengths) -> list[Any]:
    """Return each sample's labels: rows of a padded matrix, or stretches of one vector."""
    if targets.ndim == 2:
        return [row[:n] for row, n in zip(targets, target_lengths, strict=True)]
    ends = np.cumsum(target_lengths)
    return [targets[end - n : end] for end, n in zip(ends, target_lengths, strict=True)]


def _states(labels: Any, blank: int) -> tuple[Any, Any]:
    """Return the labels with blanks around each, and which states may be reached by skipping a blank."""
    states = np.full(2 * len(labels) + 1, blank, np.int64)
    states[1::2] = labels
    skips = np.zeros(len(states), np.bool_)
    skips[3::2] = states[3::2] != states[1:-2:2]
    return states, skips


def _shifted(row: Any, by: int) -> Any:
    out = np.full_like(row, -np.inf)
    out[by:] = row[:-by] if by < len(row) else row[:0]
    return out


def _forward(log_p: Any, skips: Any) -> Any:
    """Return, for time and state, the log probability of all ways to there; `log_p` is (time, states)."""
    alpha = np.full_like(log_p, -np.inf)
    alpha[0, :2] = log_p[0, :2]
    for t in range(1, len(log_p)):
        before = alpha[t - 1]
        total = np.logaddexp(before, _shifted(before, 1))
        alpha[t] = np.where(skips, np.logaddexp(total, _shifted(before, 2)), total) + log_p[t]
    return alpha


def _backward(log_p: Any, skips: Any) -> Any:
    """Return, for time and state, the log probability of all ways from there to the end."""
    flipped = np.zeros_like(skips)
    flipped[2:] = skips[::-1][:-2]
    return _forward(log_p[::-1, ::-1], flipped)[::-1, ::-1]


def _negative_log_likelihood(alpha: Any) -> Any:
    return -np.logaddexp.reduce(alpha[-1, -2:])


def _ctc(
    log_probs: Any, targets: Any, input_lengths: Lengths, target_lengths: Lengths, blank: int, zero_infinity: bool
) -> Any:  # fmt: skip
    losses = []
    for n, labels in enumerate(_offsets(targets, target_lengths)):
        states, skips = _states(labels, blank)
        log_p = log_probs[: input_lengths[n], n][:, states]
        without_time = np.inf if len(labels) else 0.0
        losses.append(_negative_log_likelihood(_forward(log_p, skips)) if len(log_p) else without_time)
    return np.array(losses, log_probs.dtype)


def _ctc_backward(
    dy: Any, log_probs: Any, targets: Any, loss: Any, input_lengths: Lengths, target_lengths: Lengths, blank: int,
    zero_infinity: bool,
) -> Any:  # fmt: skip
    grad = np.zeros(log_probs.shape, log_probs.dtype)
    for n, labels in enumerate(_offsets(targets, target_lengths)):
        length = input_lengths[n]
        if not length or (zero_infinity and np.isinf(loss[n])):
            continue
        states, skips = _states(labels, blank)
        log_p = log_probs[:length, n][:, states]
        ways = _forward(log_p, skips) + _backward(log_p, skips) - log_p
        occupied = np.full((length, log_probs.shape[2]), -np.inf, log_probs.dtype)
        np.logaddexp.at(occupied, (slice(None), states), ways)
        grad[:length, n] = (np.exp(log_probs[:length, n]) - np.exp(occupied + loss[n])) * dy[n]
    return grad


ctc_backward = op(
    "_ctc_loss_backward", _ctc_backward, names="", grad_fn="NotImplemented",
    shape=lambda dy, log_probs, *_: log_probs.shape,
    signature="(dy: Tensor, log_probs: Tensor, targets: Tensor, loss: Tensor, input_lengths: int[], "
    "target_lengths: int[], "
    "blank: int, zero_infinity: bool)",
    vjp={"dy, log_probs": not_implemented("_ctc_loss_backward")},
)  # fmt: skip


def _rule(
    log_probs: Any, targets: Any, input_lengths: Lengths, target_lengths: Lengths, blank: int, zero: bool
) -> Shape:  # fmt: skip
    steps, batch, labels = log_probs.shape
    if dtype_name(log_probs) not in ("float32", "float64"):
        raise no_kernel("ctc_loss_cpu", log_probs)
    if not 0 <= blank < labels:
        raise NumericError("blank must be in label range")
    for name, lengths in (("input", input_lengths), ("target", target_lengths)):
        if len(lengths) != batch:
            raise ShapeError(f"{name}_lengths must be of size batch_size")
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    if max(input_lengths, default=0) > steps:
        raise ShapeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(input_lengths)} {where}"
        )
    total, longest = sum(target_lengths), max(target_lengths, default=0)
    if targets.ndim == 1 and targets.shape[0] != total:
        raise ShapeError(
            f"Expected tensor to have size {total} at dimension 0, but got size {targets.shape[0]} for argument #2 "
            f"'targets' {where}"
        )
    if targets.ndim == 2 and targets.shape[1] < longest:
        raise ShapeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for "
            "argument #2 "
            f"'targets' {where}"
        )
    return (batch,)


ctc = op(
    "_ctc_loss", _ctc, names="", shape=_rule,
    signature="(log_probs: Tensor, targets: Tensor, input_lengths: int[], target_lengths: int[], blank: int, "
    "zero_infinity: bool)",
    vjp=dict(
        log_probs=lambda g, log_probs, targets, out, input_lengths, target_lengths, blank, zero_infinity: ctc_backward(
            g, log_probs, targets, out, input_lengths, target_lengths, blank, zero_infinity
        )
    ),
)  # fmt: skip


def _lengths(value: Any) -> Lengths:
    """Return lengths that a tensor or a sequence gives."""
    if isinstance(value, (list, tuple)):
        return tuple(int(n) for n in value)
    raw = views.array_of(value)
    if raw is None:
        raise BindError("ctc_loss needs the lengths' values")
    if raw.dtype.kind not in "iu":
        raise DtypeError("input_lengths and target_lengths must be integral")
    return tuple(int(n) for n in np.atleast_1d(raw))


def _loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, reduction: str,
    zero_infinity: bool
) -> Any:  # fmt: skip
    inputs, lengths = _lengths(input_lengths), _lengths(target_lengths)
    batched = log_probs.ndim == 3
    if not batched:
        log_probs = views.unsqueeze(log_probs, 1)
        targets = views.unsqueeze(targets, 0) if targets.ndim else targets
    loss = ctc(log_probs, targets, inputs, lengths, blank, zero_infinity)
    if zero_infinity:
        loss = comparison.choose(loss == float("inf"), arithmetic.zeros(loss), loss)
    if reduction == "mean":
        return reductions.mean_all(loss / _at_least_one(lengths, dtype_name(log_probs)))
    if reduction == "sum":
        return reductions.sum_all(loss)
    return loss if batched else views.squeeze_dim(loss, 0)


def _at_least_one(lengths: Sequence[int], dtype: str) -> Any:
    return np.maximum(np.array(lengths, dtype), 1)


CTC = (
    "(log_probs: Tensor, targets: Tensor, input_lengths: any, target_lengths: any, blank: int=0, {}, "
    "zero_infinity: bool=False)"
)


@composite(
    "nn.functional", CTC.format("reduction: str='mean'"),
    samples=lambda: [
        ErrorSample((real(3, 1, 2), index([[1, 1]]), [4], [2]), "Expected input_lengths to have value at most 3"),
    ],
    notes="the gradient is that of log_softmax's input, as PyTorch's: it assumes that log_probs are normalized",
)  # fmt: skip
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """Return minus the log probability of label sequences under (T, N, C) log probabilities (Graves et al., 2006)."""
    return _loss(log_probs, targets, input_lengths, target_lengths, blank, mode(reduction), zero_infinity)


@composite("torch", CTC.format("reduction: int=0"), name="ctc_loss")
def torch_ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """Return `nn.functional.ctc_loss` with the reduction as a number."""
    return _loss(log_probs, targets, input_lengths, target_lengths, blank, torch_mode(reduction), zero_infinity)
