"""Splits: how calls act on halves of their arrays, so that two threads can do one half each.

A rule says, for one op, along which dimension each argument is halved and what that makes of the results: halves along a
dimension, or partial sums that have to be added. An op without a rule needs whole arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.autograd.plan import Call, Traced, slots

SUM = "sum"
Axes = Sequence[int | None]
Rule = Callable[[Call, Axes], "Split | None"]


class Split(NamedTuple):
    """Along which dimension each argument of a call is halved (None: it is needed whole), and what the results are.

    `outs` are dimensions along which the results are halves, or SUM; `size` is the argument that holds the first result's
    sizes, if one does.
    """

    args: tuple[int | None, ...]
    outs: tuple[int | str, ...]
    size: int | None = None


def split(call: Call, axes: Axes) -> Split | None:
    """Return how a call acts on halves where its arguments are halves along these dimensions (None: whole arrays)."""
    if not call.results:
        return None
    rule = _elementwise if call.elementwise else RULES.get(call.op.name) if call.op else None
    found = rule(call, axes) if rule else None
    if found is None or not all(map(_even, call.args, found.args)):
        return None
    asked = (axis is None or axis == wanted for axis, wanted in zip(axes, found.args, strict=True))
    return found if all(asked) and all(map(_can_be_joined, call.results, found.outs)) else None


def cost(call: Call) -> int:
    """Return about how much work a call is, in elements that an elementwise function maps."""
    name = call.op.name if call.op else ""
    size = prod(call.shape)
    if name in VIEWS:
        return 0
    if name in ("mm", "bmm", "addmm"):
        return size * call.args[name == "addmm"].shape[-1] // 16
    if name == "convolution":
        return size * prod(call.args[1].shape[1:]) // 16
    if name == "convolution_backward":
        return prod(call.args[0].shape) * prod(call.args[2].shape[1:]) // 4
    return size if isinstance(call.function, np.ufunc) else 4 * max(size, *(prod(_shape(v)) for v in call.args))


def _shape(value: Any) -> tuple[int, ...]:
    return getattr(value, "shape", ())


def _even(value: Any, axis: int | None) -> bool:
    return axis is None or (value.shape[axis] > 1 and value.shape[axis] % 2 == 0)


def _can_be_joined(result: Traced, out: int | str) -> bool:
    """Return whether halves of a result make the whole: of even length, and sums in which nothing is rounded much."""
    if result.raw is None:
        return True
    return result.dtype.kind in "fc" and result.dtype.itemsize > 2 if isinstance(out, str) else _even(result, out)


def _elementwise(call: Call, axes: Axes) -> Split | None:
    if not call.shape or any(type(value) in (list, tuple) and list(slots(value)) for value in call.args):
        return None
    axis = next((axis for axis in axes if axis is not None), 0)
    args = []
    for value in call.args:
        shape = _shape(value)
        if shape and len(shape) > len(call.shape):
            return None
        at = axis - len(call.shape) + len(shape)
        args.append(at if shape and at >= 0 and shape[at] == call.shape[axis] else None)
    return Split(tuple(args), (axis,))


def _first(*halved: int, unless: Callable[[Call], bool] = lambda _: False, outs: Sequence[int | str] = (0,)) -> Rule:
    """Return the rule of an op that does the same to every item along the first dimension of these arguments."""

    def rule(call: Call, axes: Axes) -> Split | None:
        args = tuple(0 if at in halved and call.args[at] is not None else None for at in range(len(call.args)))
        return None if unless(call) else Split(args, tuple(outs))

    return rule


def _product(call: Call, axes: Axes) -> Split | None:
    """Rows of the left operand, columns of the right one, or halves of what is summed over."""
    left, right = axes[:2]
    if left == 1 or right == 0:
        return Split((1, 0), (SUM,))
    return Split((None, 1), (1,)) if right == 1 else Split((0, None), (0,))


def _convolved_back(call: Call, axes: Axes) -> Split | None:
    """Items of the batch; a slope that is not asked for is an empty array, whose halves are added."""
    outs = (0 if call.args[-1][0] else SUM, SUM, SUM)
    return _first(0, 1, outs=outs)(call, axes)


def _added_product(call: Call, axes: Axes) -> Split | None:
    return Split((None, 0, None, None, None), (0,)) if len(_shape(call.args[0])) < 2 else None


def _resized(call: Call, axes: Axes) -> Split | None:
    """A view of other sizes: halves of the first dimension stay halves of the elements in order."""
    if axes[0] != 0:
        return None
    return Split((0, *(None,) * (len(call.args) - 1)), (0,), 1)


def _expanded(call: Call, axes: Axes) -> Split | None:
    same = call.args[0].shape == call.shape
    return _resized(call, axes) if same else None


def _permuted(order: Callable[[Call], Sequence[int]]) -> Rule:
    """Return the rule of an op that gives dimension `order[i]` of its argument place i; alone it is not worth a split."""

    def rule(call: Call, axes: Axes) -> Split | None:
        if axes[0] is None:
            return None
        return Split((axes[0], *(None,) * (len(call.args) - 1)), (list(order(call)).index(axes[0]),))

    return rule


def _exchanged(call: Call) -> Sequence[int]:
    dims = list(range(call.args[0].ndim))
    one, other = (call.args[1], call.args[2]) if len(call.args) > 1 else (0, -1)
    dims[one], dims[other] = dims[other], dims[one]
    return dims


def _summed(call: Call, axes: Axes) -> Split | None:
    x, axis = call.args[0], axes[0] or 0
    if not x.ndim:
        return None
    dims = call.args[1] if len(call.args) > 2 else None
    over = [d % x.ndim for d in dims] if dims else range(x.ndim)
    out: int | str = SUM if axis in over else axis if call.args[2] else axis - sum(d < axis for d in over)
    return Split((axis, *(None,) * (len(call.args) - 1)), (out,))


def _along_first(at: int) -> Callable[[Call], bool]:
    """Return whether the dimension that an op works along (its argument `at`) is the first one."""
    return lambda call: call.args[at] % max(call.args[0].ndim, 1) == 0


def _normalizes_first(call: Call) -> bool:
    sizes = call.args[1] if call.op and call.op.name == "native_layer_norm" else call.args[5]
    return call.args[0].ndim <= len(sizes)


def _unbatched(dims: int) -> Callable[[Call], bool]:
    return lambda call: call.args[0].ndim < dims + 2


VIEWS = frozenset({"view", "_unsafe_view", "_reshape_alias", "expand", "t", "transpose", "permute"})
RULES: dict[str, Rule] = {
    "mm": _product, "bmm": _first(0, 1), "addmm": _added_product,
    "view": _resized, "_unsafe_view": _resized, "_reshape_alias": _resized, "expand": _expanded,
    "t": _permuted(_exchanged), "transpose": _permuted(_exchanged), "permute": _permuted(lambda call: call.args[1]),
    "clone": _first(0), "sum": _summed,
    "softmax": _first(0, unless=_along_first(1)), "_softmax_backward_data": _first(0, 1, unless=_along_first(2)),
    "log_softmax": _first(0, unless=_along_first(1)), "_log_softmax_backward_data": _first(0, 1, unless=_along_first(2)),
    "native_layer_norm": _first(0, unless=_normalizes_first, outs=(0, 0, 0)),
    "native_layer_norm_backward": _first(0, 1, 2, 3, unless=_normalizes_first, outs=(0, SUM, SUM)),
    "convolution": _first(0), "convolution_backward": _convolved_back,
    "max_pool2d_with_indices": _first(0, unless=_unbatched(2), outs=(0, 0)),
    "max_pool2d_with_indices_backward": _first(0, 1, unless=_unbatched(2)),
}  # fmt: skip
