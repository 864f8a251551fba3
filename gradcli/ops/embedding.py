"""Embedding: rows of a table looked up by index, alone or summed in bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import BindError, DtypeError, NumericError, ShapeError
from gradcli.ops import views
from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._families import Shape, not_implemented
from gradcli.ops._losses import element_count, size_text
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, index, real, sample


def check_indices(function: str, indices: Any) -> None:
    """Raise DtypeError where indices into a table are neither int64 nor int32."""
    if dtype_name(indices) not in ("int64", "int32"):
        raise DtypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{scalar_type(indices)}Tensor instead (while checking arguments for {function})"
        )


def renormalized(weight: Any, indices: Any, max_norm: float | None, norm_type: float) -> Any:
    """Return a raw table whose rows at these indices have at most this norm."""
    if max_norm is None:
        return weight
    norms = np.linalg.norm(weight, norm_type, 1)
    factor = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
    used = np.zeros(len(weight), np.bool_)
    used[indices.ravel()] = True
    return np.where(used[:, None], weight * factor[:, None], weight)


def _embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False,
    max_norm: float | None = None, norm_type: float = 2.0,
) -> Any:  # fmt: skip
    if np.any((indices < 0) | (indices >= weight.shape[0])):
        raise NumericError("index out of range in self", code="GC305")
    return renormalized(weight, np.asarray(indices), max_norm, norm_type)[indices]


def _rule(weight: Any, indices: Any, *_: Any) -> Shape:
    if weight.ndim != 2:
        raise ShapeError("'weight' must be 2-D")
    check_indices("embedding", indices)
    return indices.shape + weight.shape[1:]  # type: ignore[no-any-return]


def _row_factors(indices: Any, padding_idx: int, scale: bool, dtype: Any) -> Any:
    """Return what the cotangent of each looked-up row is multiplied by: 0 for padding, 1 / count where scaled."""
    factors = np.asarray(indices != padding_idx).astype(dtype)
    if scale:
        _, inverse, counts = np.unique(indices, return_inverse=True, return_counts=True)
        factors = factors / counts[inverse].reshape(indices.shape).astype(dtype)
    return factors[..., None]


def _dense_backward(dy: Any, indices: Any, rows: int, padding_idx: int, scale: bool) -> Any:
    dw = np.zeros((rows, dy.shape[-1]), dy.dtype)
    np.add.at(dw, indices, dy * _row_factors(indices, padding_idx, scale, dy.dtype))
    return dw


dense_backward = op(
    "embedding_dense_backward", _dense_backward, names="", shape=lambda dy, indices, rows, *_: (rows, dy.shape[-1]),
    signature="(dy: Tensor, indices: Tensor, rows: int, padding_idx: int, scale: bool)",
    samples=lambda: [sample(real(3, 2), index([1, 0, 1]), 4, 0, True)],
    vjp=dict(dy=lambda g, indices, padding_idx, scale: dense_double_backward(g, indices, padding_idx, scale)),
)  # fmt: skip
dense_double_backward = op(
    "embedding_dense_double_backward",
    lambda w, indices, padding_idx, scale: w[indices] * _row_factors(indices, padding_idx, scale, w.dtype), names="",
    signature="(weight: Tensor, indices: Tensor, padding_idx: int, scale: bool)",
    samples=lambda: [sample(real(4, 2), index([1, 0, 1]), 0, True)],
    shape=lambda w, indices, *_: indices.shape + w.shape[1:],
    vjp=dict(
        w=lambda g, w_shape, indices, padding_idx, scale: dense_backward(g, indices, w_shape[0], padding_idx, scale)
    ),
)  # fmt: skip
lookup = op(
    "embedding", _embedding, names="torch", shape=_rule,
    signature="(weight: Tensor, indices: Tensor, padding_idx: int=-1, scale_grad_by_freq: bool=False, sparse: "
    "bool=False)",
    vjp=dict(
        weight=lambda g, weight_shape, indices, padding_idx, scale_grad_by_freq: dense_backward(
            g, indices, weight_shape[0], padding_idx, scale_grad_by_freq
        )
    ),
    samples=lambda: [sample(real(4, 2), index([[1, 3], [1, 0]]))],
)  # fmt: skip


def _padding(padding_idx: int | None, rows: int) -> int:
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise NumericError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


@composite(
    "nn.functional",
    "(input: Tensor, weight: Tensor, padding_idx: int?=None, max_norm: float?=None, norm_type: float=2.0, "
    "scale_grad_by_freq: bool=False, sparse: bool=False)",
    samples=lambda: [
        sample(index([[1, 3], [1, 0]]), real(4, 2)),
        ErrorSample((index([4]), real(4, 2)), "index out of range in self"),
    ],
    notes="max_norm limits the rows that are returned; PyTorch also writes them back to the weight",
)  # fmt: skip
def embedding(
    x: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """Return the rows of `weight` at these indices; the padding row gets no gradient."""
    padding = _padding(padding_idx, weight.shape[0] if weight.ndim else 0)
    return lookup(weight, x, padding, scale_grad_by_freq, sparse, max_norm, norm_type)


MODES = {"sum": 0, "mean": 1, "max": 2}


def _bags(indices: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, int]:
    """Return the bag of each index, and the number of bags."""
    starts = offsets[:-1] if include_last_offset else offsets
    return np.searchsorted(starts, np.arange(len(indices)), "right") - 1, len(starts)


def _check_bags(weight: Any, indices: Any, offsets: Any) -> None:
    if len(offsets) and offsets[0] != 0:
        raise NumericError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            "However, got "
            f"{offsets[0]}"
        )
    if len(offsets) and offsets[-1] > len(indices):
        raise NumericError(
            f"offsets[-1] can not be greater than input's length {len(indices)} but got offsets[-1] of {offsets[-1]}"
        )
    wrong = np.flatnonzero((indices < 0) | (indices >= len(weight)))
    if len(wrong):
        raise NumericError(
            f"Index {wrong[0]} of input takes value {indices[wrong[0]]} which is not in the valid range [0, "
            f"{len(weight)})",
            code="GC305",
        )


def _embedding_bag(
    weight: Any, indices: Any, offsets: Any, scale_grad_by_freq: bool = False, mode: int = 0, sparse: bool = False,
    per_sample_weights: Any = None, include_last_offset: bool = False, padding_idx: int = -1,
    max_norm: float | None = None,
    norm_type: float = 2.0,
) -> Any:  # fmt: skip
    _check_bags(weight, indices, offsets)
    weight = renormalized(weight, indices, max_norm, norm_type)
    bag, count = _bags(indices, offsets, include_last_offset)
    kept = indices != padding_idx
    sizes = np.bincount(bag[kept], minlength=count).astype(indices.dtype)
    rows = weight[indices] if per_sample_weights is None else weight[indices] * per_sample_weights[:, None]
    largest = np.full((count, weight.shape[1]), -1, indices.dtype)
    if mode == 2:
        out = np.full((count, weight.shape[1]), -np.inf, weight.dtype)
        for at in np.flatnonzero(kept):
            higher = rows[at] > out[bag[at]]
            out[bag[at]][higher] = rows[at][higher]
            largest[bag[at]][higher] = indices[at]
        out[largest < 0] = 0
    else:
        out = np.zeros((count, weight.shape[1]), weight.dtype)
        np.add.at(out, bag[kept], rows[kept])
        out = out / np.maximum(sizes, 1)[:, None].astype(out.dtype) if mode == 1 else out
    return out, bag.astype(indices.dtype), sizes, largest


def _bag_rule(
    weight: Any, indices: Any, offsets: Any, scale_grad_by_freq: bool = False, mode: int = 0, sparse: bool = False,
    per_sample_weights: Any = None, include_last_offset: bool = False, *_: Any,
) -> tuple[Shape, ...]:  # fmt: skip
    check_indices("embedding_bag", indices)
    count = offsets.shape[0] - include_last_offset
    return (count, weight.shape[1]), indices.shape, (count,), (count, weight.shape[1])


def _bag_row_cotangents(g: Any, indices: Any, out: Any, mode: int, padding_idx: int) -> Any:
    """Return the cotangent of each row that went into a sum or a mean."""
    _, bag, sizes, _ = out
    dy = g / np.maximum(sizes, 1)[:, None].astype(g.dtype) if mode == 1 else g
    return np.where((indices != padding_idx)[:, None], dy[bag], 0)


def _bag_slopes(
    dy: Any, weight: Any, indices: Any, factors: Any, out: Any, mode: int, scale: bool, padding_idx: int
) -> Any:  # fmt: skip
    dw = np.zeros(weight.shape, dy.dtype)
    if mode == 2:
        at, column = np.nonzero(out[3] >= 0)
        np.add.at(dw, (out[3][at, column], column), dy[at, column])
        return dw, None
    rows = _bag_row_cotangents(dy, indices, out, mode, padding_idx)
    df = None if factors is None else np.sum(rows * weight[indices], 1)
    rows = rows if factors is None else rows * factors[:, None]
    np.add.at(dw, indices, rows * _row_factors(indices, -1, True, dy.dtype) if scale else rows)
    return dw, df


bag_backward = op(
    "_embedding_bag_backward",
    lambda dy, weight, indices, factors, bag, sizes, largest, mode, scale, padding_idx: _bag_slopes(
        dy, weight, indices, factors, (None, bag, sizes, largest), mode, scale, padding_idx
    )[0],
    names="", grad_fn="NotImplemented", shape=lambda dy, weight, *_: weight.shape,
    vjp=dict(dy=not_implemented("_embedding_bag_backward")),
    signature="(dy: Tensor, weight: Tensor, indices: Tensor, factors: Tensor?, bag: Tensor, sizes: Tensor, "
    "largest: Tensor, "
    "mode: int, scale: bool, padding_idx: int)",
)  # fmt: skip
bag_factors_backward = op(
    "_embedding_bag_per_sample_weights_backward",
    lambda dy, weight, indices, bag, padding_idx: np.sum(
        _bag_row_cotangents(dy, indices, (None, bag, None, None), 0, padding_idx) * weight[indices], 1
    ),
    names="", shape=lambda dy, weight, indices, *_: indices.shape,
    signature="(dy: Tensor, weight: Tensor, indices: Tensor, bag: Tensor, padding_idx: int)", grad_fn="NotImplemented",
    vjp={"dy, weight": not_implemented("_embedding_bag_per_sample_weights_backward")},
)  # fmt: skip
bags = op(
    "embedding_bag", _embedding_bag, names="torch", shape=_bag_rule,
    dtype=lambda weight, indices, *_: (dtype_name(weight), *(dtype_name(indices),) * 3),
    outputs=("output", "offset2bag", "bag_size", "max_indices"), constant=("offset2bag", "bag_size", "max_indices"),
    signature="(weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool=False, mode: int=0, "
    "sparse: bool=False, "
    "per_sample_weights: Tensor?=None, include_last_offset: bool=False, padding_idx: int?=None)",
    vjp=dict(
        weight=lambda g, weight, indices, per_sample_weights, out, mode, scale_grad_by_freq, padding_idx: bag_backward(
            g[0], weight, indices, per_sample_weights, out[1], out[2], out[3], mode, scale_grad_by_freq, padding_idx
        ),
        per_sample_weights=lambda g, weight, indices, out, padding_idx: bag_factors_backward(
            g[0], weight, indices, out[1], padding_idx
        ),
    ),
    samples=lambda: [sample(real(4, 2), index([1, 3, 1]), index([0, 2]))],
)  # fmt: skip


def _even_offsets(x: Any) -> Any:
    return np.arange(0, element_count(x.shape), x.shape[1], dtype=dtype_name(x))


@composite(
    "nn.functional",
    "(input: Tensor, weight: Tensor, offsets: Tensor?=None, max_norm: float?=None, norm_type: float=2, "
    "scale_grad_by_freq: bool=False, mode: str='mean', sparse: bool=False, per_sample_weights: Tensor?=None, "
    "include_last_offset: bool=False, padding_idx: int?=None)",
    samples=lambda: [
        sample(index([[1, 3], [1, 0]]), real(4, 2), mode="sum", per_sample_weights=real(2, 2)),
        sample(index([[1, 3], [1, 0]]), real(4, 2)), ErrorSample((index([1, 3]), real(4, 2)), "offsets has to be a 1D"),
    ],
    notes="max_norm limits the rows that are summed; PyTorch also writes them back to the weight",
)  # fmt: skip
def embedding_bag(
    x: Any, weight: Any, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """Return sums, means or maxima of rows of `weight`, one for each row of x, or for each stretch between offsets."""
    if per_sample_weights is not None and x.shape != per_sample_weights.shape:
        raise ShapeError(
            f"embedding_bag: If per_sample_weights ({size_text(per_sample_weights.shape)}) is not None, then it must "
            "have the "
            f"same shape as the input ({size_text(x.shape)})"
        )
    if weight.ndim != 2:
        raise ShapeError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if x.ndim == 2:
        if offsets is not None:
            raise ShapeError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                "sequences. "
                "However, found offsets of type <class 'torch.Tensor'>"
            )
        offsets, include_last_offset = _even_offsets(x), False
        x = views.reshape(x, (-1,))
        per_sample_weights = None if per_sample_weights is None else views.reshape(per_sample_weights, (-1,))
    elif x.ndim != 1:
        raise ShapeError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {x.ndim}")
    elif offsets is None or offsets.ndim != 1:
        raise ShapeError("offsets has to be a 1D Tensor" + (" but got None" if offsets is None else ""))
    if mode not in MODES:
        raise BindError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise BindError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise BindError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise BindError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    padding = _padding(padding_idx, weight.shape[0])
    return bags(
        weight, x, offsets, scale_grad_by_freq, MODES[mode], sparse, per_sample_weights, include_last_offset, padding,
        max_norm,
        norm_type,
    )[0]  # fmt: skip
