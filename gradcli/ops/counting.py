"""Counting: places in sorted sequences, histograms and distinct values. None of them has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import NumericError, ShapeError
from gradcli.ops import views
from gradcli.ops._dtypes import no_kernel, taking
from gradcli.ops._families import Shape, not_implemented
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import distinct, index, real, sample

REAL = "float int bool"


def _unknown(*values: Any) -> None:
    """Say that the size depends on the values."""


def _int_dtype(values: tuple[Any, ...], at: int) -> str:
    return "int32" if values[at] else "int64"


def _bucketize(x: Any, boundaries: Any, out_int32: bool, right: bool) -> Any:
    side = "right" if right else "left"
    return np.searchsorted(boundaries, x, side=side).astype("int32" if out_int32 else "int64")


def _bucketize_rule(x: Any, boundaries: Any, *_: Any) -> Shape:
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return getattr(x, "shape", ())


bucketize = op(
    "bucketize", lambda x, boundaries, *, out_int32=False, right=False: _bucketize(x, boundaries, out_int32, right),
    names="torch", signature="(input: Tensor|Scalar, boundaries: Tensor, *, out_int32: bool=False, right: bool=False)",
    shape=taking("searchsorted_out_cpu", REAL, _bucketize_rule), dtype=lambda *values: _int_dtype(values, 2),
    samples=lambda: [sample(real(2, 3), index([-1, 0, 1]))],
)  # fmt: skip


def _searchsorted_rule(sequence: Any, x: Any, *_: Any) -> Shape:
    shape = getattr(x, "shape", ())
    if sequence.ndim != 1 and sequence.shape[:-1] != shape[:-1]:
        raise ShapeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {list(shape)}"
        )
    return shape  # type: ignore[no-any-return]


def _searchsorted(sequence: Any, x: Any, out_int32: bool, right: bool, side: Any, sorter: Any) -> Any:
    side = side or ("right" if right else "left")
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter, -1)
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, x, side=side)
    else:
        rows, values = sequence.reshape(-1, sequence.shape[-1]), np.asarray(x).reshape(-1, x.shape[-1])
        found = np.array([np.searchsorted(r, v, side=side) for r, v in zip(rows, values, strict=True)]).reshape(x.shape)
    return np.asarray(found, "int32" if out_int32 else "int64")[()]


searchsorted = op(
    "searchsorted",
    lambda sequence, x, *, out_int32=False, right=False, side=None, sorter=None: _searchsorted(
        sequence, x, out_int32, right, side, sorter
    ),
    names="torch", shape=taking("searchsorted_out_cpu", REAL, _searchsorted_rule),
    dtype=lambda *values: _int_dtype(values, 2),
    signature="(sorted_sequence: Tensor, input: Tensor|Scalar, *, out_int32: bool=False, right: bool=False, "
    "side: str?=None, sorter: Tensor?=None)",
    samples=lambda: [sample(index([-1, 0, 1]), real(2, 3))],
)  # fmt: skip


def _histc(x: Any, bins: int, low: float, high: float) -> Any:
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NumericError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    return np.histogram(x, bins, (low, high))[0].astype(x.dtype)


def _histc_rule(x: Any, bins: int = 100, low: Any = 0, high: Any = 0) -> Shape:
    if not dtype_name(x).startswith("float"):
        raise no_kernel("histogram_cpu", x)
    if bins <= 0:
        raise NumericError("torch.histc(): bins must be > 0")
    if low > high:
        raise NumericError("torch.histc: max must be larger than min")
    return (bins,)


histc = op(
    "histc", lambda x, bins=100, min=0, max=0: _histc(x, bins, min, max), shape=_histc_rule,
    signature="(input: Tensor, bins: int=100, min: Scalar=0, max: Scalar=0)",
    samples=lambda: [sample(real(20), 4, -3, 3)],
)  # fmt: skip


def _bincount_rule(x: Any, weights: Any = None, minlength: int = 0) -> None:
    if not dtype_name(x).startswith(("int", "uint")):
        raise no_kernel("bincount_cpu", x)
    values = views.array_of(x)
    if x.ndim != 1 or (values is not None and values.size and values.min() < 0):
        raise NumericError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != x.shape:
        raise ShapeError("weights should be 1-d and have the same length as input")


def _bincount(x: Any, weights: Any, minlength: int) -> Any:
    counts = np.bincount(x, weights, minlength)
    return counts if weights is None or weights.dtype != np.float32 else counts.astype(np.float32)


bincount = op(
    "bincount", lambda x, weights=None, minlength=0: _bincount(x, weights, minlength), shape=_bincount_rule,
    dtype=lambda x, weights=None, minlength=0: "int64" if weights is None else "float32" if dtype_name(
        weights
    ) == "float32" else "float64",
    signature="(input: Tensor, weights: Tensor?=None, minlength: int=0)", samples=lambda: [sample(index([0, 2, 2]))],
)  # fmt: skip


def _isin(x: Any, among: Any, invert: bool) -> Any:
    return np.isin(x, among, invert=invert)[()]


isin = op(
    "isin", lambda x, among, *, assume_unique=False, invert=False: _isin(x, among, invert), names="torch", dtype="bool",
    signature="(elements: Tensor|Scalar, test_elements: Tensor|Scalar, *, assume_unique: bool=False, "
    "invert: bool=False)",
    shape=taking(
        "Unsupported input type encountered for isin(): {}", "float int", lambda x, *_: getattr(x, "shape", ())
    ),
    samples=lambda: [sample(index([1, 2, 3]), index([2, 5]))],
)  # fmt: skip
_unique = op(
    "_unique2", lambda x: np.unique(x, return_inverse=True, return_counts=True), names="", signature="(input: Tensor)",
    shape=taking("unique", REAL, _unknown),
    grad_fn="Unique2Backward0", outputs=("output", "inverse_indices", "counts"), constant=("inverse_indices", "counts"),
    vjp=dict(x=not_implemented("_unique2")),
)  # fmt: skip
_unique_dim = op(
    "unique_dim", lambda x, dim: np.unique(x, return_inverse=True, return_counts=True, axis=dim), names="",
    shape=taking("unique_dim", REAL, _unknown), signature="(input: Tensor, dim: int)",
    outputs=("output", "inverse_indices", "counts"),
    constant=("inverse_indices", "counts"), vjp=dict(x=not_implemented("unique_dim")),
)  # fmt: skip


def _chosen(results: Any, *wanted: bool) -> Any:
    """Return the first result, with the others that are wanted."""
    kept = (results[0], *(r for r, want in zip(results[1:], wanted, strict=True) if want))
    return kept if len(kept) > 1 else kept[0]


@composite(
    "torch Tensor",
    "(input: Tensor, sorted: bool=True, return_inverse: bool=False, return_counts: bool=False, dim: int?=None)",
    samples=lambda: [sample(index([3, 1, 1])), sample(distinct(4)), sample(distinct(3, 2), dim=0)],
)  # fmt: skip
def unique(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """Return the distinct elements, or slices along a dimension, in order."""
    return _chosen(_unique(x) if dim is None else _unique_dim(x, dim), return_inverse, return_counts)


def _runs(x: Any, dim: int | None) -> Any:
    """Return the first of each run of equal elements or slices, which run each one is in, and their lengths."""
    rows = np.ravel(x)[:, None] if dim is None else np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
    starts = np.ones(len(rows), bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(1)
    place = np.flatnonzero(starts)
    lengths = np.diff(np.append(place, len(rows)))
    inverse = np.cumsum(starts) - 1
    return (
        (np.ravel(x)[place] if dim is None else np.take(x, place, dim)),
        inverse.reshape(x.shape) if dim is None else inverse,
        lengths,
    )


_unique_consecutive = op(
    "unique_consecutive", lambda x, dim=None: _runs(x, dim), names="", signature="(input: Tensor, dim: int?=None)",
    shape=taking("unique", REAL, _unknown),
    outputs=("output", "inverse_indices", "counts"), constant=("inverse_indices", "counts"),
    vjp=dict(x=not_implemented("unique_consecutive")),
)  # fmt: skip


@composite(
    "torch Tensor", "(input: Tensor, return_inverse: bool=False, return_counts: bool=False, dim: int?=None)",
    samples=lambda: [sample(index([3, 1, 1, 3])), sample(distinct(4))],
)  # fmt: skip
def unique_consecutive(x: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    """Return the first element, or slice, of each run of equal ones."""
    return _chosen(_unique_consecutive(x, dim), return_inverse, return_counts)
