"""Copies: the results of views as tensors of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops import expansion, parts, slicing, views, windows
from gradcli.ops._op import Op, op
from gradcli.ops._samples import Constant, sample
from gradcli.ops._samples import real as reals


def _copy(
    kernel: Any, source: Op, *samples: Any, names: str = "torch", stem: str | None = None, signature: str | None = None
) -> Op:
    """Declare the copying twin of a view: its node, its rule and its derivative."""
    return op(
        f"{stem or source.name}_copy", kernel, names=names, grad_fn=f"{source.grad_fn}_copy", vjp=source.vjp,
        shape=source.shape,
        signature=signature or source.text, dtype=source.dtype, zeros=source.zeros, samples=lambda: list(samples),
    )  # fmt: skip


def _all(parts: Any) -> Any:
    return tuple(part.copy() for part in parts)


def _dense(x: Any) -> Any:
    """Return a copy whose elements lie in order."""
    return x.copy()


_m = reals(2, 3)
alias_copy = _copy(lambda x: _dense(x), views.alias, sample(_m), signature="(input: Tensor)")
expand_copy = _copy(
    lambda x, size: _dense(expansion.expand.kernel(x, size)),
    expansion.expand,
    sample(_m, (2, -1, -1)),
    signature="(input: Tensor, size: int[])",
)
permute_copy = _copy(lambda x, dims: _dense(np.transpose(x, dims)), views.permute, sample(_m, (1, 0)))
squeeze_all_copy = _copy(lambda x: _dense(np.squeeze(x)), views.squeeze, sample(reals(1, 2)))
squeeze_dim_copy = _copy(
    lambda x, dim: _dense(views.squeeze_dim.kernel(x, dim)), views.squeeze_dim, sample(reals(1, 2), 0)
)
squeeze_dims_copy = _copy(
    lambda x, dim: _dense(views.squeeze_dims.kernel(x, dim)), views.squeeze_dims, sample(reals(1, 2), (0,))
)
t_copy = _copy(lambda x: _dense(x.T), views.t, sample(_m))
transpose_copy = _copy(
    lambda x, dim0, dim1: _dense(views.transpose.kernel(x, dim0, dim1)), views.transpose, sample(_m, 0, 1)
)
unsqueeze_copy = _copy(lambda x, dim: _dense(np.expand_dims(x, dim)), views.unsqueeze, sample(_m, 1))
view_copy = _copy(
    lambda x, size: _dense(views.view.kernel(x, size)),
    views.view,
    sample(_m, (3, -1)),
    signature="(input: Tensor, size: int[])",
)
diagonal_copy = _copy(
    lambda x, offset=0, dim1=0, dim2=1: _dense(np.diagonal(x, offset, dim1, dim2)), slicing.diagonal, sample(_m, 1)
)
select_copy = _copy(
    lambda x, dim, index: _dense(slicing.select.kernel(x, dim, index)), slicing.select, sample(_m, 1, 1)
)
slice_copy = _copy(
    lambda x, dim=0, start=None, end=None, step=1: _dense(slicing.slice_.kernel(x, dim, start, end, step)),
    slicing.slice_,
    sample(_m, 1, 1),
)  # fmt: skip
unbind_copy = _copy(lambda x, dim=0: _all(slicing.unbind.kernel(x, dim)), slicing.unbind, sample(_m, 1))
split_copy = _copy(
    lambda x, split_size, dim=0: _all(slicing.split.kernel(x, split_size, dim)), slicing.split, sample(_m, 2, 1),
    signature="(input: Tensor, split_size: int, dim: int=0)",
)  # fmt: skip
split_with_sizes_copy = _copy(
    lambda x, split_sizes, dim=0: _all(slicing.split_with_sizes.kernel(x, split_sizes, dim)), slicing.split_with_sizes,
    sample(_m, (1, 2), 1),
)  # fmt: skip
unfold_copy = _copy(
    lambda x, dimension, size, step: _dense(windows.unfold.kernel(x, dimension, size, step)),
    windows.unfold,
    sample(_m, 1, 2, 1),
)
as_strided_copy = _copy(
    lambda x, size, stride, storage_offset=None: _dense(windows.as_strided.kernel(x, size, stride, storage_offset)),
    windows.as_strided, sample(reals(3, 3), (2, 2), (1, 2)),
)  # fmt: skip
detach_copy = op(
    "detach_copy", lambda x: _dense(x), names="torch", signature="(input: Tensor)", shape=lambda x: x.shape
)
view_as_real_copy = _copy(
    lambda x: _dense(parts.view_as_real.kernel(x)), parts.view_as_real, sample(Constant([1 + 2j, -0.5j], "complex64"))
)
view_as_complex_copy = _copy(
    lambda x: _dense(parts.view_as_complex.kernel(x)), parts.view_as_complex, sample(reals(3, 2))
)
narrow_copy = op(
    "narrow_copy", lambda x, dim, start, length: _dense(_narrow(x, dim, start, length)), names="torch Tensor",
    signature="(input: Tensor, dim: int, start: int, length: int)", shape=lambda x, *where: _narrow_rule(x, *where),
    vjp=dict(x=lambda g, x_shape, dim, start, length: slicing.slice_backward(
        g, x_shape, dim, *slicing.resolved(x_shape, dim, start, length), 1)),
    samples=lambda: [sample(reals(2, 5), 1, 1, 3)],
)  # fmt: skip


def _narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return slicing.slice_.kernel(x, dim, *slicing.narrowed(x, dim, start, length), 1)


def _narrow_rule(x: Any, dim: int, start: int, length: int) -> Any:
    slicing.narrowed(x, dim, start, length)
    at = dim % x.ndim
    return (*x.shape[:at], length, *x.shape[at + 1 :])
