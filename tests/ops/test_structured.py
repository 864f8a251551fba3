"""Ops on structured inputs: matrices that are symmetric or triangular, log-probabilities, points of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gradcli.autograd.backward import grad
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError
from tests.ops.cases import results, settings
from tests.ops.differences import differences, projection
from tests.ops.structured import STRUCTURED, call


def weights(tensors: list[Tensor], seed: int) -> list[np.ndarray]:
    draws = np.random.RandomState(seed)
    return [draws.uniform(0.5, 1.5, t.shape) for t in tensors]


ONCE = {"nn.functional.ctc_loss", "torch.ctc_loss"}
"""Ops for which PyTorch has no second derivative either."""


@pytest.mark.parametrize("name", STRUCTURED)
def test_gradients_of_both_orders(name: str) -> None:
    """First and second gradients agree with central differences."""
    function, shapes = STRUCTURED[name]
    draws = np.random.RandomState(0)
    arrays = [draws.uniform(-1, 1, shape) for shape in shapes]
    inputs = [Tensor(array, True) for array in arrays]

    def outputs() -> list[Tensor]:
        with settings():
            return [t for t in results(function(*inputs)) if t.requires_grad]

    def first(record: bool) -> list[Tensor]:
        found = outputs()
        return list(grad(found, inputs, weights(found, 1), create_graph=record))

    def value() -> float:
        found = outputs()
        return sum(projection(v, t.data) for v, t in zip(weights(found, 1), found, strict=True))

    def slope() -> float:
        return sum(projection(u, g.data) for u, g in zip(weights(inputs, 2), first(False), strict=True))

    assert outputs()
    for g, expected in zip(first(False), differences(value, arrays), strict=True):
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-5, atol=1e-6)
    if name in ONCE:
        with pytest.raises(AutogradError, match=r"derivative for aten::\w+ is not implemented"):
            second(first(True), inputs)
        return
    for g, expected in zip(second(first(True), inputs), differences(slope, arrays), strict=True):
        np.testing.assert_allclose(0 if g is None else g.numpy(), expected, rtol=1e-4, atol=1e-5)


def second(gs: list[Tensor], inputs: list[Tensor]) -> Sequence[Tensor | None]:
    """Return the gradients of weighted gradients; a linear function's do not depend on its inputs."""
    us = weights(inputs, 2)
    chosen = [(g, u) for g, u in zip(gs, us, strict=True) if g.requires_grad]
    if not chosen:
        return [None] * len(inputs)
    return grad([g for g, _ in chosen], inputs, [u for _, u in chosen], allow_unused=True)


def test_a_rank_counts_independent_rows() -> None:
    """matrix_rank is NumPy's."""
    a = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    assert call("linalg.matrix_rank", Tensor(a)).item() == np.linalg.matrix_rank(a) == 2


def test_geqrf_holds_the_reflectors_of_q() -> None:
    """householder_product of geqrf's results is Q, and the upper triangle is R."""
    a = np.random.RandomState(0).uniform(-1, 1, (4, 3))
    packed, tau = call("torch.geqrf", Tensor(a))
    q, r = call("linalg.householder_product", packed, tau), np.triu(packed.data[:3])
    np.testing.assert_allclose(q.data @ r, a, atol=1e-12)
    np.testing.assert_allclose(q.data.T @ q.data, np.eye(3), atol=1e-12)
