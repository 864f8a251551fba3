"""Shuffling: channels made pixels, pixels made channels, and channels dealt among groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ShapeError
from gradcli.ops._families import Shape
from gradcli.ops._layout import formatted
from gradcli.ops._op import composite, op
from gradcli.ops._samples import ErrorSample, real, sample


def _positive(name: str, what: str, factor: int, x: Any) -> None:
    if x.ndim < 3:
        raise ShapeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)"
        )
    if factor <= 0:
        raise ShapeError(f"{name} expects a positive {what}, but got {factor}")


def _shuffled_shape(x: Any, factor: int) -> Shape:
    _positive("pixel_shuffle", "upscale_factor", factor, x)
    *lead, c, h, w = x.shape
    if c % factor**2:
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            "but "
            f"input.size(-3)={c} is not divisible by {factor**2}"
        )
    return (*lead, c // factor**2, h * factor, w * factor)


def _unshuffled_shape(x: Any, factor: int) -> Shape:
    _positive("pixel_unshuffle", "downscale_factor", factor, x)
    *lead, c, h, w = x.shape
    for name, at, size in (("height", -2, h), ("width", -1, w)):
        if size % factor:
            raise ShapeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={size} "
                "is not divisible "
                f"by {factor}"
            )
    return (*lead, c * factor**2, h // factor, w // factor)


def _shuffle(x: Any, r: int) -> Any:
    shape = _shuffled_shape(x, r)
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c // r**2, r, r, h, w)
    n = len(lead)
    return np.ascontiguousarray(blocks.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)).reshape(shape)


def _unshuffle(x: Any, r: int) -> Any:
    shape = _unshuffled_shape(x, r)
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c, h // r, r, w // r, r)
    n = len(lead)
    return formatted(np.ascontiguousarray(blocks.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)).reshape(shape), x)


pixel_shuffle = op(
    "pixel_shuffle", lambda x, factor: _shuffle(x, factor), names="torch nn.functional", shape=_shuffled_shape,
    signature="(input: Tensor, upscale_factor: int)", vjp=dict(x=lambda g, factor: pixel_unshuffle(g, factor)),
    samples=lambda: [sample(real(1, 4, 2, 3), 2), ErrorSample((real(1, 3, 2, 2), 2), "is not divisible by 4")],
)  # fmt: skip
pixel_unshuffle = op(
    "pixel_unshuffle", lambda x, factor: _unshuffle(x, factor), names="torch nn.functional", shape=_unshuffled_shape,
    signature="(input: Tensor, downscale_factor: int)", vjp=dict(x=lambda g, factor: pixel_shuffle(g, factor)),
    samples=lambda: [sample(real(1, 1, 4, 2), 2), ErrorSample((real(1, 1, 3, 2), 2), "is not divisible by 2")],
)  # fmt: skip


def _dealt_shape(x: Any, groups: int) -> Shape:
    if x.ndim < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(x.shape)}")
    if groups <= 0:
        raise ShapeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if x.shape[1] % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {x.shape[1]} channels and {groups} groups."
        )
    return x.shape  # type: ignore[no-any-return]


def _deal(x: Any, groups: int) -> Any:
    _dealt_shape(x, groups)
    dealt = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]).swapaxes(1, 2)
    return formatted(np.ascontiguousarray(dealt).reshape(x.shape), x)


channel_shuffle = op(
    "channel_shuffle", lambda x, groups: _deal(x, groups), names="torch nn.functional", shape=_dealt_shape,
    signature="(input: Tensor, groups: int)", vjp=dict(x=lambda g, groups: channel_shuffle(g, g.shape[1] // groups)),
    samples=lambda: [sample(real(1, 6, 2, 2), 2), ErrorSample((real(1, 3, 2), 2), "must be divisible by groups")],
)  # fmt: skip


@composite("torch nn.functional", "(input: Tensor, groups: int)", samples=lambda: [sample(real(1, 4, 2, 2), 2)])
def native_channel_shuffle(x: Any, groups: int) -> Any:
    """Return the channels dealt among the groups, as `channel_shuffle` does."""
    return channel_shuffle(x, groups)
