"""Chains: products of several matrices, multiplied in the cheapest order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcli.errors import DtypeError, ShapeError
from gradcli.ops import product, rearrange
from gradcli.ops._dtype_text import c_type
from gradcli.ops._families import Shape
from gradcli.ops._op import composite
from gradcli.ops._samples import ErrorSample, real, sample


@composite("linalg", "(tensors: Tensor[])", samples=lambda: [
    sample([real(2, 3), real(3, 4), real(4, 2)]), sample([real(3), real(3, 4), real(4, 2), real(2)]),
    ErrorSample(([real(2, 3), real(2, 3)],), "cannot be multiplied"),
])  # fmt: skip
def multi_dot(tensors: Sequence[Any]) -> Any:
    """Return the product of matrices (the first and last may be vectors), multiplied in the cheapest order."""
    count = len(tensors)
    if count < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    matrices, out = _checked_chain(tensors)
    if count == 2:
        result = product.mm(*matrices)
    else:
        order = _chain_order([matrices[0].shape[0], *(m.shape[1] for m in matrices)])
        result = _multiply_chain(matrices, order, 0, count - 1)
    return rearrange.view(result, out)


@composite("torch", "(*matrices: Tensor[])", samples=lambda: [sample(real(2, 3), real(3, 4), real(4, 2))])
def chain_matmul(matrices: Sequence[Any]) -> Any:
    """Return the product of matrices, multiplied in the cheapest order."""
    for m in matrices:
        if m.ndim != 2:
            raise ShapeError(f"Tensor dimension is {m.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def _checked_chain(tensors: Sequence[Any]) -> tuple[list[Any], Shape]:
    """Return the tensors of a chain as matrices, and the shape of their product."""
    matrices = list(tensors)
    last = len(matrices) - 1
    for at, name in ((0, "first"), (last, "last")):
        if matrices[at].ndim not in (1, 2):
            raise ShapeError(f"multi_dot(): the {name} tensor must be 1D or 2D but got {matrices[at].ndim}D")
    out = matrices[0].shape[:-1] + (matrices[last].shape[1:] if matrices[last].ndim == 2 else ())
    if matrices[0].ndim == 1:
        matrices[0] = rearrange.unsqueeze(matrices[0], 0)
    if matrices[last].ndim == 1:
        matrices[last] = rearrange.unsqueeze(matrices[last], -1)
    for at in range(1, last):
        if matrices[at].ndim != 2:
            raise ShapeError(f"multi_dot(): tensor {at} must be 2D but got {matrices[at].ndim}D")
    for at, m in enumerate(matrices):
        if m.dtype != matrices[0].dtype:
            raise DtypeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {c_type(matrices[0])} and "
                f"tensor {at} {c_type(m)}"
            )
    for at in range(last):
        if matrices[at].shape[1] != matrices[at + 1].shape[0]:
            raise ShapeError(
                f"multi_dot(): tensors {at} and {at + 1} with shapes {list(tensors[at].shape)} and "
                f"{list(tensors[at + 1].shape)} cannot be multiplied"
            )
    return matrices, out


def _chain_order(p: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return where to split every stretch of a chain whose matrix i is p[i] × p[i+1].

    Source: Cormen et al., Introduction to Algorithms, section 15.2.
    """
    count = len(p) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = [(cost[i, k] + cost[k + 1, j] + p[i] * p[k + 1] * p[j + 1], k) for k in range(i, j)]
            cost[i, j], split[i, j] = min(choices)
    return split


def _multiply_chain(matrices: Sequence[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return matrices[i]
    k = split[i, j]
    return product.mm(_multiply_chain(matrices, split, i, k), _multiply_chain(matrices, split, k + 1, j))
