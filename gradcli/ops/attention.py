"""Attention: values averaged by how well queries fit keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcli.errors import AutogradError, DtypeError, ShapeError
from gradcli.ops import arithmetic, dropout, expansion, product, rearrange, softmax, views
from gradcli.ops._dtype_text import c_type, scalar_type
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import dtype_name
from gradcli.ops._samples import ErrorSample, real, sample
from gradcli.types.dtype import is_floating


def _check(q: Any, k: Any, v: Any, attn_mask: Any) -> None:
    dtypes = {dtype_name(x) for x in (q, k, v)}
    if len(dtypes) > 1:
        raise DtypeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {c_type(q)} key.dtype: "
            f"{c_type(k)} and "
            f"value.dtype: {c_type(v)} instead."
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q.ndim} key.dim: "
            f"{k.ndim} "
            f"and value.dim: {v.ndim} instead."
        )
    if attn_mask is not None and dtype_name(attn_mask) not in ("bool", "float32", dtype_name(q)):
        raise DtypeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{c_type(attn_mask)} and  query.dtype: {c_type(q)} instead."
        )


def _is_fused(q: Any, k: Any, v: Any, attn_mask: Any, dropout_p: float, enable_gqa: bool) -> bool:
    """Return whether PyTorch's CPU kernel for whole attention takes these values."""
    if dropout_p > 0 or not q.ndim == k.ndim == v.ndim == 4 or len({x.shape[-1] for x in (q, k, v)}) > 1:
        return False
    batches, heads = {x.shape[0] for x in (q, k, v)}, {x.shape[1] for x in (q, k, v)}
    if len(batches) > 1 or (len(heads) > 1 and not enable_gqa) or k.shape[1] != v.shape[1]:
        return False
    if not q.shape[2] or not k.shape[2] or any(_last_stride(x) != 1 for x in (q, k, v)):
        return False
    return attn_mask is None or _takes_mask(q, k, attn_mask)


def _last_stride(x: Any) -> int:
    raw = views.layout_of(x)
    return 1 if raw is None or raw.shape[-1] == 1 else raw.strides[-1] // raw.itemsize


def _takes_mask(q: Any, k: Any, attn_mask: Any) -> bool:
    if getattr(attn_mask, "requires_grad", False) or attn_mask.ndim not in (2, 4):
        return False
    wanted = (q.shape[0], q.shape[1], q.shape[2], k.shape[2])[-attn_mask.ndim :]
    return all(n in (1, w) for n, w in zip(attn_mask.shape, wanted, strict=True))


def additive(attn_mask: Any, dtype: str) -> Any:
    """Return a mask that is added to scores: 0 and -inf for a boolean one."""
    if attn_mask is None or dtype_name(attn_mask) != "bool":
        return attn_mask
    return no_score(attn_mask, dtype)


no_score = op(
    "attention_mask", lambda keep, dtype: np.where(keep, np.dtype(dtype).type(0), np.dtype(dtype).type(-np.inf)),
    names="",
    signature="(mask: Tensor, dtype: str)", shape=lambda keep, dtype: keep.shape, dtype=lambda keep, dtype: dtype,
)  # fmt: skip
no_future = op(
    "causal_mask",
    lambda q, k: np.triu(np.full((q.shape[-2], k.shape[-2]), -np.inf, q.dtype), 1),
    names="", signature="(query: Tensor, key: Tensor)", shape=lambda q, k: (q.shape[-2], k.shape[-2]),
)  # fmt: skip


def _repeated_heads(x: Any, heads: int) -> Any:
    """Return keys or values with each head repeated for the group of queries that shares it."""
    if x.shape[1] == heads:
        return x
    n, own, length, size = x.shape
    wide = expansion.expand(views.unsqueeze(x, 2), (n, own, heads // own, length, size))
    return views.reshape(wide, (n, heads, length, size))


def _weights(q: Any, k: Any, attn_mask: Any, is_causal: bool, scale: float) -> Any:
    scores = product.matmul(q, views.transpose(k, -2, -1)) * scale
    if attn_mask is not None:
        scores = scores + attn_mask
    if is_causal:
        scores = scores + no_future(q, k)
    return softmax.safe_softmax(scores, -1)


def _fused(q: Any, k: Any, v: Any, attn_mask: Any, is_causal: bool, scale: float) -> Any:
    heads = q.shape[1]
    out = np.empty_like(q)
    out[...] = _weights(q, _repeated_heads(k, heads), attn_mask, is_causal, scale) @ _repeated_heads(v, heads)
    return out


def _of_own_heads(dx: Any, x: Any) -> Any:
    """Return the cotangent of heads that were repeated, summed over the repetitions."""
    from gradcli.ops import reduction

    n, own, length, size = x.shape
    if dx.shape[1] == own:
        return dx
    return reduction.sum_(views.reshape(dx, (n, own, dx.shape[1] // own, length, size)), (2,))


def _slopes(g: Any, q: Any, k: Any, v: Any, attn_mask: Any, is_causal: bool, scale: float) -> Any:
    from gradcli.ops import reduction

    keys, values = _repeated_heads(k, q.shape[1]), _repeated_heads(v, q.shape[1])
    p = _weights(q, keys, attn_mask, is_causal, scale)
    dv = product.matmul(views.transpose(p, -2, -1), g)
    dp = product.matmul(g, views.transpose(values, -2, -1))
    ds = p * (dp - reduction.sum_(dp * p, (-1,), True)) * scale
    dk = product.matmul(views.transpose(ds, -2, -1), q)
    return product.matmul(ds, keys), _of_own_heads(dk, k), _of_own_heads(dv, v)


fused_attention = op(
    "_scaled_dot_product_flash_attention_for_cpu", _fused, names="", shape=lambda q, *_: q.shape,
    signature="(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor?, is_causal: bool, scale: float)",
    vjp={"q, k, v": lambda g, q, k, v, attn_mask, is_causal, scale: _slopes(g, q, k, v, attn_mask, is_causal, scale)},
)  # fmt: skip


def _composed(
    q: Any, k: Any, v: Any, attn_mask: Any, dropout_p: float, is_causal: bool, scale: float, gqa: bool
) -> Any:  # fmt: skip
    """Return attention op by op, as PyTorch computes what its kernel does not take."""
    if is_causal:
        if attn_mask is not None:
            raise AutogradError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True", code="GC206"
            )
        attn_mask = no_future(q, k)
    if gqa and q.ndim == 4:
        k, v = _interleaved(k, q.shape[1]), _interleaved(v, q.shape[1])
    root = math.sqrt(abs(scale))
    left = arithmetic.mul_scalar(q, -root if scale < 0 else root)
    scores = product.matmul(left, arithmetic.mul_scalar(views.transpose(k, -2, -1), root))
    if attn_mask is not None:
        scores = scores + attn_mask
    weights = softmax.safe_softmax(scores, -1)
    if dropout_p > 0:
        weights = dropout.torch_dropout(weights, dropout_p, True)
    return product.matmul(weights, v)


def _interleaved(x: Any, heads: int) -> Any:
    return x if x.shape[1] == heads else rearrange.repeat_interleave(x, heads // x.shape[1], 1)


def _check_groups(q: Any, k: Any, v: Any) -> None:
    if q.ndim < 3 or k.ndim < 3 or v.ndim < 3 or q.shape[-3] % k.shape[-3] or q.shape[-3] % v.shape[-3]:
        raise ShapeError(
            "Number of heads in key and value must divide the number of heads in query: got "
            f"{list(q.shape)}, {list(k.shape)}, {list(v.shape)}"
        )


@composite(
    "nn.functional",
    "(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor?=None, dropout_p: float=0.0, is_causal: "
    "bool=False, *, "
    "scale: float?=None, enable_gqa: bool=False)",
    latex=r"\operatorname{softmax}\left(\frac{q k^\top}{\sqrt{d}}\right) v",
    samples=lambda: [
        sample(real(1, 2, 3, 2), real(1, 2, 3, 2), real(1, 2, 3, 2), is_causal=True),
        sample(real(2, 3, 2), real(2, 4, 2), real(2, 4, 2)),
        sample(real(1, 1, 2, 3), real(1, 1, 2, 3), real(1, 1, 2, 3), scale=0.5),
        ErrorSample((real(3), real(3), real(3)), "at least 2 dimensional"),
    ],
)  # fmt: skip
def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """Return softmax(q kᵀ · scale + mask) v over (…, length, features); the scale is 1/√features."""
    _check(q, k, v, attn_mask)
    if not is_floating(dtype_name(q)):
        raise DtypeError(f"expected scalar type Float but found {scalar_type(q)}")
    if enable_gqa:
        _check_groups(q, k, v)
    factor = scale if scale is not None else 1 / math.sqrt(q.shape[-1]) if q.shape[-1] else 1.0
    added = additive(attn_mask, dtype_name(q))
    if _is_fused(q, k, v, attn_mask, dropout_p, enable_gqa):
        return fused_attention(q, k, v, added, is_causal, factor)
    return _composed(q, k, v, added, dropout_p, is_causal, factor, enable_gqa)
