"""Selection: extremes, medians and other elements picked by their order, and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import NumericError, ShapeError
from gradcli.ops import comparison, rearrange, reduction
from gradcli.ops._dtypes import taking
from gradcli.ops._families import Shape, normalize_dim, reduced_shape
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, distinct, sample

PICK = "(input: Tensor, dim: int, keepdim: bool=False)"
PAIR = ("values", "indices")
REAL = "float int bool"


def placed(g: Any, dim: int, indices: Any, shape: Shape, keepdim: bool = True) -> Any:
    """Return zeros of a shape with a cotangent put back where its elements were picked."""
    if not shape:
        return g
    from gradcli.ops import scatter

    if not keepdim:
        g, indices = rearrange.unsqueeze(g, dim), rearrange.unsqueeze(indices, dim)
    return scatter.scatter(rearrange.expand(_zero(g), shape), dim, indices, g)


def added_at(g: Any, dim: int, indices: Any, shape: Shape) -> Any:
    """Return zeros of a shape with the cotangents added up where their elements were picked."""
    from gradcli.ops import scatter

    return scatter.scatter_add(rearrange.expand(_zero(g), shape), dim, indices, g) if shape else g


def _zero(g: Any) -> Any:
    return np.zeros((), dtype_name(g))


def _kinds(name: str) -> tuple[str, str]:
    """Return the kernel that PyTorch names in its error, and the kinds of dtypes that it takes."""
    if name in ("max", "min"):
        return f"{name}(): does not support complex input", "float int bool"
    return ("median_out", "float int") if "median" in name else (f"{name}_cpu", "float int bool")


def pick_rule(name: str) -> Any:
    """Return the shape rule of an op that picks one element along a dimension."""

    def rule(x: Any, dim: int, keepdim: bool = False) -> tuple[Shape, Shape]:
        reduction.require_elements(name, x, dim)
        shape = reduced_shape(x.shape, (normalize_dim(dim, x.ndim),), keepdim)
        return shape, shape

    return taking(*_kinds(name), rule)


def picked(x: Any, dim: int, keepdim: bool, at: Any) -> Any:
    """Return the elements of x at indices along a dimension that has size one, and the indices."""
    dim = normalize_dim(dim, x.ndim)
    values = np.take_along_axis(x, at, dim)
    return (values, at) if keepdim else (np.squeeze(values, dim)[()], np.squeeze(at, dim)[()])


def _pick_slope(g: Any, x_shape: Shape, out: Any, dim: int, keepdim: bool) -> Any:
    return None if g[0] is None else placed(g[0], dim, out[1], x_shape, keepdim)


def _even_slope(g: Any, x: Any, out: Any) -> Any:
    chosen = comparison.choose(comparison.ne(out, out), comparison.ne(x, x), comparison.eq(x, out))
    return g * chosen / reduction.sum_all(chosen)


def _picking(name: str, find: Any, **record: Any) -> Any:
    """Declare an op (x, dim, keepdim) → (values, indices), where `find` gives the indices along the last axis."""

    def kernel(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
        if not x.ndim:
            return x, np.int64(0)
        at = find(np.moveaxis(x, dim, -1))
        return picked(x, dim, keepdim, np.moveaxis(at[..., None], -1, dim))

    return op(
        name, kernel, signature=record.pop("signature", PICK), shape=pick_rule(name), outputs=PAIR,
        constant=("indices",),
        vjp=dict(x=_pick_slope), samples=lambda: [sample(distinct(2, 3), 1), sample(distinct(2, 3), 0, True)], **record,
    )  # fmt: skip


def _require_some(name: str) -> Any:
    def rule(x: Any) -> Shape:
        if 0 in x.shape:
            raise ShapeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        return ()

    return rule


def _of_all(name: str, kernel: Any, shape: Any, grad_fn: str | None = None) -> Any:
    takes = ("median_cpu", "float int") if "median" in name else (f"{name}_all", "float int bool")
    return op(
        name, kernel, grad_fn=grad_fn, shape=taking(*takes, shape), vjp=dict(x=_even_slope),
        samples=lambda: [sample(distinct(2, 3)), sample(distinct())],
    )  # fmt: skip


max_all = _of_all("max", lambda x: np.max(x), _require_some("max"), "MaxBackward1")
max_ = _picking("max", lambda x: np.argmax(x, -1))
min_all = _of_all("min", lambda x: np.min(x), _require_some("min"), "MinBackward1")
min_ = _picking("min", lambda x: np.argmin(x, -1))


def _lower_median(x: Any) -> Any:
    """Return the indices of the lower medians along the last axis, of the first NaN where there is one."""
    order = np.argsort(x, -1, kind="stable")
    nan = np.isnan(x)
    return np.where(nan.any(-1), np.argmax(nan, -1), order[..., (x.shape[-1] - 1) // 2])


def _lower_nanmedian(x: Any) -> Any:
    order = np.argsort(x, -1, kind="stable")
    numbers = x.shape[-1] - np.isnan(x).sum(-1, keepdims=True)
    return np.take_along_axis(order, np.maximum(numbers - 1, 0) // 2, -1)[..., 0]


def _all_by(find: Any) -> Any:
    def kernel(x: Any) -> Any:
        if not x.size:
            return x.dtype.type(np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
        flat = np.ravel(x)
        return flat[find(flat)]

    return kernel


median_all = _of_all("median", _all_by(_lower_median), lambda x: ())
median = _picking("median", _lower_median, grad_fn="MedianBackward1")
nanmedian_all = _of_all("nanmedian", _all_by(_lower_nanmedian), lambda x: ())
nanmedian = _picking("nanmedian", _lower_nanmedian, grad_fn="NanmedianBackward1")
_PICK_LAST = "(input: Tensor, dim: int=-1, keepdim: bool=False)"


def _mode(x: Any) -> Any:
    """Return the index of the last occurrence of the most frequent, then smallest, value along the last axis."""
    n = x.shape[-1]
    order = np.argsort(x, -1, kind="stable")
    ordered = np.take_along_axis(x, order, -1)
    starts = np.concatenate([np.ones_like(ordered[..., :1], bool), ordered[..., 1:] != ordered[..., :-1]], -1)
    place = np.arange(n)
    run = place - np.maximum.accumulate(np.where(starts, place, 0), -1)
    return np.take_along_axis(order, np.argmax(run, -1)[..., None], -1)[..., 0]


mode = _picking("mode", _mode, signature=_PICK_LAST)


def _kth_rule(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    at = normalize_dim(dim, x.ndim)
    if not 1 <= k <= (x.shape[at] if x.ndim else 1):
        raise NumericError(f"kthvalue(): selected number k out of range for dimension {at}")
    shape = reduced_shape(x.shape, (at,), keepdim)
    return shape, shape


def _kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if not x.ndim:
        return x, np.int64(0)
    order = np.argsort(x, dim, kind="stable")
    return picked(x, dim, keepdim, np.take(order, [k - 1], dim))


kthvalue = op(
    "kthvalue", _kth, signature="(input: Tensor, k: int, dim: int=-1, keepdim: bool=False)", outputs=PAIR,
    shape=taking("kthvalue_cpu", "float int", _kth_rule),
    constant=("indices",), vjp=dict(x=_pick_slope),
    samples=lambda: [
        sample(distinct(2, 3), 2), sample(distinct(2, 3), 1, 0, True), ErrorSample((distinct(3), 4), "out of range")
    ],
)  # fmt: skip


def order_of(x: Any, dim: int, descending: bool) -> Any:
    """Return the stable order along a dimension: NaN is the largest."""
    if not descending:
        return np.argsort(x, dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)


def _sorted(x: Any, dim: int, descending: bool) -> Any:
    if not x.ndim:
        return x, np.int64(0)
    order = order_of(x, dim, descending)
    return np.take_along_axis(x, order, dim), order


def _sort_slope(g: Any, x_shape: Shape, out: Any, dim: int) -> Any:
    return None if g[0] is None else placed(g[0], dim, out[1], x_shape)


SORT: dict[str, Any] = dict(
    outputs=PAIR, constant=("indices",), vjp=dict(x=_sort_slope),
    shape=taking(" Sort does not support complex dtypes on CPU", REAL, lambda x, *_: (x.shape, x.shape)),
)  # fmt: skip
sort = op(
    "sort", lambda x, dim=-1, descending=False: _sorted(x, dim, descending), **SORT,
    signature="(input: Tensor, dim: int=-1, descending: bool=False)",
    samples=lambda: [sample(distinct(2, 3)), sample(distinct(2, 3), 0, True)],
)  # fmt: skip
sort_stable = op(
    "sort", lambda x, *, stable=None, dim=-1, descending=False: _sorted(x, dim, descending), grad_fn="SortBackward1",
    **SORT,
    signature="(input: Tensor, *, stable: bool?, dim: int=-1, descending: bool=False)",
    samples=lambda: [sample(distinct(2, 3), stable=True, dim=0)],
)  # fmt: skip


@composite("torch Tensor", "(input: Tensor)", samples=lambda: [sample(distinct(3, 2))])
def msort(x: Any) -> Any:
    """Return a tensor sorted along its first dimension."""
    return sort(x, 0)[0]


@composite(
    "torch Tensor", "(input: Tensor, dim: int=-1, descending: bool=False, stable: bool=False)",
    samples=lambda: [sample(distinct(2, 3)), sample(distinct(2, 3), 0, True)],
)  # fmt: skip
def argsort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Return the indices that sort a tensor along a dimension."""
    return sort(x, dim, descending)[1]


def _topk_rule(x: Any, k: int, dim: int = -1, *_: Any) -> Any:
    at = normalize_dim(dim, x.ndim)
    if not 0 <= k <= (x.shape[at] if x.ndim else 1):
        raise NumericError("selected index k out of range")
    shape = tuple(k if d == at else n for d, n in enumerate(x.shape))
    return shape, shape


def _topk(x: Any, k: int, dim: int, largest: bool) -> Any:
    if not x.ndim:
        return x, np.int64(0)
    order = np.take(order_of(x, dim, largest), range(k), dim)
    return np.take_along_axis(x, order, dim), order


topk = op(
    "topk", lambda x, k, dim=-1, largest=True, sorted=True: _topk(x, k, dim, largest), outputs=PAIR,
    constant=("indices",), vjp=dict(x=_sort_slope),
    shape=taking(" topk does not support complex dtypes on CPU", REAL, _topk_rule),
    signature="(input: Tensor, k: int, dim: int=-1, largest: bool=True, sorted: bool=True)",
    samples=lambda: [
        sample(distinct(2, 4), 2), sample(distinct(3, 2), 2, 0, False), ErrorSample((distinct(3), 4), "out of range")
    ],
)  # fmt: skip
