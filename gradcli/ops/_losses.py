"""Losses: what all loss functions have in common, which is mostly `reduction`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.errors import AutogradError, BindError
from gradcli.ops import reduction as reductions
from gradcli.ops._dtypes import require_floating
from gradcli.ops._families import Shape, broadcast_shapes
from gradcli.ops._op import Op, op
from gradcli.ops._promotion import same

LEGACY = "size_average: bool?=None, reduce: bool?=None, reduction: str='mean'"
"""The last parameters of most losses; the first two are PyTorch's older words for the third."""

MODES = ("none", "mean", "sum")


def mode(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """Return how a loss is reduced: `none`, `mean` or `sum`, in old words or new ones."""
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in MODES:
        raise BindError(f"{reduction} is not a valid value for reduction", hint="it is 'none', 'mean' or 'sum'")
    return reduction


def checked_mode(reduction: str) -> str:
    """Return the reduction of a loss that has no older words for it."""
    if reduction not in MODES:
        raise BindError(f"{reduction} is not valid", hint="it is 'none', 'mean' or 'sum'")
    return reduction


def torch_mode(reduction: int) -> str:
    """Return the reduction that a `torch.` spelling of a loss names by number: 0, 1 or 2."""
    if reduction not in (0, 1, 2):
        raise BindError(f"{reduction} is not a valid value for reduction", hint="0 is 'none', 1 'mean', 2 'sum'")
    return MODES[reduction]


def reduced(loss: Any, reduction: str) -> Any:
    """Return a loss per element, its mean or its sum, as nodes of their own."""
    if reduction == "none":
        return loss
    return reductions.mean_all(loss) if reduction == "mean" else reductions.sum_all(loss)


def reduced_raw(loss: Any, reduction: str) -> Any:
    """Return raw losses, their mean or their sum, inside a kernel."""
    if reduction == "none":
        return loss
    total = np.sum(loss, dtype=np.float32 if loss.dtype == np.float16 else None)
    return (total / np.float64(loss.size) if reduction == "mean" else total).astype(loss.dtype)


def share(g: Any, x: Any, reduction: str) -> Any:
    """Return what of the cotangent of a reduced loss belongs to each element of x."""
    return g / max(element_count(x.shape), 1) if reduction == "mean" else g


def element_count(shape: Shape) -> int:
    """Return the number of elements of a shape."""
    count = 1
    for size in shape:
        count *= size
    return count


def reduced_shape(shape: Shape, reduction: str) -> Shape:
    """Return the shape of a loss."""
    return shape if reduction == "none" else ()


def refuse_gradient(function: str, **arguments: Any) -> None:
    """Raise AutogradError with PyTorch's text where an argument requires grad that has no derivative."""
    for name, value in arguments.items():
        if getattr(value, "requires_grad", False):
            raise AutogradError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This input "
                "cannot have "
                "requires_grad True."
            )


def size_text(shape: Shape) -> str:
    """Return a shape as PyTorch prints it: `torch.Size([2, 3])`."""
    return f"torch.Size({list(shape)})"


def difference_loss(
    name: str, kernel: str, loss: Callable[..., Any], slope: Callable[..., Any], bend: Callable[..., Any]
) -> Op:  # fmt: skip
    """Declare a loss of d = x - target with one number b: loss(d, b), its slope and its second derivative.

    `bend` speaks ops; the others run on raw data. `kernel` is PyTorch's name in its complaints about dtypes.
    """

    def rule(x: Any, target: Any, reduction: str = "mean", b: float = 1.0) -> Shape:
        require_floating(kernel, x)
        return reduced_shape(broadcast_shapes(x.shape, target.shape), reduction)

    def curvature(g: Any, dy: Any, x: Any, target: Any, reduction: str, b: float) -> Any:
        return share(g * dy * bend(x - target, b), x, reduction)

    backward = op(
        f"{name}_backward",
        lambda dy, x, target, reduction="mean", b=1.0: share(dy, x, reduction) * slope(x - target, b),
        names="", signature="(dy: Tensor, input: Tensor, target: Tensor, reduction: str, b: float)",
        shape=lambda dy, x, target, reduction, b: x.shape,
        vjp=dict(
            dy=lambda g, x, target, reduction, b: backward(g, x, target, reduction, b),
            x=lambda g, dy, x, target, reduction, b: curvature(g, dy, x, target, reduction, b),
            target=lambda g, dy, x, target, reduction, b: -curvature(g, dy, x, target, reduction, b),
        ),
    )  # fmt: skip
    return op(
        name, lambda x, target, reduction="mean", b=1.0: reduced_raw(loss(x - target, b), reduction), names="",
        shape=rule,
        promote=same, signature="(input: Tensor, target: Tensor, reduction: str='mean', b: float=1.0)",
        vjp=dict(
            x=lambda g, x, target, reduction, b: backward(g, x, target, reduction, b),
            target=lambda g, x, target, reduction, b: backward(g, target, x, reduction, b),
        ),
    )  # fmt: skip
