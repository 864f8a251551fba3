"""Pooling and convolution: what samples of distinct numbers do not show."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.autograd.backward import grad
from gradcli.autograd.tensor import Tensor
from gradcli.ops import _correlation, registry

NAN, INF = float("nan"), float("inf")


def pooled(x: list[list[float]], **settings: int) -> tuple[list, list]:
    """Return the maxima and indices of 2 × 2 windows of one plane."""
    out, at = call("max_pool2d", np.array([x]), 2, return_indices=True, **settings)
    return out[0].tolist(), at[0].tolist()


def call(name: str, *args: object, **kwargs: object) -> object:
    registry.load()
    return registry.call(f"nn.functional.{name}", args, kwargs)


def test_the_first_of_equal_maxima_is_chosen() -> None:
    """Where elements of a window are equal, the index is the first one's, in rows."""
    assert pooled([[1.0, 3.0], [3.0, 3.0]]) == ([[3.0]], [[1]])


def test_the_last_nan_is_chosen() -> None:
    """A NaN is larger than any number, and of several the last one's index is given."""
    out, at = pooled([[NAN, 3.0], [NAN, 4.0]])
    assert np.isnan(out[0][0])
    assert at == [[2]]


def test_padding_is_never_chosen() -> None:
    """A window whose elements are all -inf gives the index of the first that lies inside."""
    assert pooled([[-INF, -INF], [-INF, -INF]], padding=1) == ([[-INF] * 2] * 2, [[0, 1], [2, 3]])


def test_overlapping_windows_add_their_gradients() -> None:
    """An element that is the maximum of several windows gets the sum of their gradients."""
    x = Tensor(np.array([[0.0, 5.0, 1.0]]), True)
    (g,) = grad([call("max_pool1d", x, 2, 1)], [x], [np.array([[1.0, 10.0]])])
    assert g.data.tolist() == [[0.0, 11.0, 0.0]]


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "interpolate", "conv2d"])
def test_channels_stay_innermost(name: str) -> None:
    """An image whose channels lie innermost in memory gives a result of the same layout and the same values."""
    x = np.arange(48.0).reshape(1, 4, 4, 3).transpose(0, 3, 1, 2)
    argument = np.ones((2, 3, 2, 2)) if name == "conv2d" else 2
    out, same = call(name, x, argument), call(name, np.ascontiguousarray(x), argument)
    np.testing.assert_array_equal(out, same)
    assert out.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("stride", [1, 2])
def test_a_large_batch_is_convolved_in_parts(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is unrolled in parts gives what it gives at once, forward and backward."""
    draws = np.random.RandomState(0)
    x, w, v = draws.randn(3, 8, 6, 6), draws.randn(2, 8, 3, 3), draws.randn(3, 2, 4 // stride, 4 // stride)
    whole = slopes(x, w, v, stride)
    monkeypatch.setattr(_correlation, "CHUNK_BYTES", 1)
    for one, other in zip(whole, slopes(x, w, v, stride), strict=True):
        np.testing.assert_allclose(one, other)


def slopes(x: np.ndarray, w: np.ndarray, v: np.ndarray, stride: int) -> list[np.ndarray]:
    """Return a convolution and its gradients."""
    tensors = [Tensor(x, True), Tensor(w, True)]
    y = call("conv2d", *tensors, stride=stride)
    return [y.data, *(g.data for g in grad([y], tensors, [v]))]
