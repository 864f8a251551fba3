"""Creation: new tensors, and tensors in another dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.ops._dtype_text import scalar_type
from gradcli.ops._layout import copied
from gradcli.ops._op import composite, op
from gradcli.ops._promotion import as_dtype, dtype_name

def is_complex_value(x: Any) -> bool:
    """Return whether a tensor, array, Symbol or number is complex."""
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else str(dtype).startswith("complex")


def values_of(x: Any) -> np.ndarray[Any, Any]:
    """Return the values of a tensor that an op must look at, as an array."""
    return np.asarray(x.data if hasattr(x, "__apply__") else x)


def _convert(x: Any, dtype: str) -> Any:
    target = as_dtype(dtype)
    return copied(x.real if x.dtype.kind == "c" and target.kind != "c" and dtype != "bool" else x, target)


_to_copy = op(
    "_to_copy", _convert, names="", grad_fn="ToCopyBackward0", signature="(input: Tensor, dtype: dtype)",
    dtype=lambda x, dtype: dtype, shape=lambda x, dtype: x.shape, vjp=dict(x=lambda g, x_dtype: to_dtype(g, str(x_dtype))),
)  # fmt: skip


def to_dtype(x: Any, dtype: str) -> Any:
    """Return a value in a dtype; a value that has it already is returned as it is."""
    return x if str(x.dtype) == dtype else _to_copy(x, dtype)


new_zeros = op(
    "new_zeros", lambda x, size, dtype=None: np.zeros(size, dtype or x.dtype), names="Tensor",
    signature="(input: Tensor, *size: int[], dtype: dtype?=None)", shape=lambda x, size, dtype=None: size,
    dtype=lambda x, size, dtype=None: dtype or dtype_name(x),
)  # fmt: skip
