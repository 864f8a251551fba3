"""Leaves and short names of the passes, for tests of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.autograd import backward as passes
from gradcli.autograd.tensor import Tensor
from gradcli.ops import registry


def leaf(value: Any, dtype: str = "float64", requires_grad: bool = True) -> Tensor:
    """Return a leaf with these values."""
    return Tensor(np.array(value, dtype), requires_grad)


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply a public op by a bare or exact name."""
    qualified = registry.find_bare(name) or registry.find_exact(name)
    assert qualified, name
    return registry.call(qualified, args, kwargs)


def backward(output: Tensor, v: Any = None, **options: Any) -> None:
    """Run one backward pass from one output; v is a tensor, an array or nested lists in the output's dtype."""
    if v is not None and not hasattr(v, "dtype"):
        v = np.array(v, output.dtype)
    passes.backward([output], [v], **options)


def gradient(output: Tensor, *inputs: Tensor, v: Any = None, **options: Any) -> tuple[Tensor | None, ...]:
    """Return the gradients of one output."""
    return passes.grad([output], inputs, None if v is None else [v], **options)
