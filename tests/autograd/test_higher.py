"""Derivatives of derivatives: create_graph, and autograd.grad in all its arguments."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.errors import AutogradError, BindError
from tests.autograd.leaves import backward, call, gradient, leaf


def test_third_derivatives() -> None:
    """d³(x⁴)/dx³ = 24 x, by three recorded passes."""
    x = leaf([2.0, -3.0])
    y = call("sum", x**4)
    for expected in (4 * x.data**3, 12 * x.data**2, 24 * x.data):
        (g,) = gradient(y, x, create_graph=True)
        np.testing.assert_allclose(g.data, expected, rtol=1e-14)
        y = call("sum", g)


@pytest.mark.parametrize(
    ("name", "derivatives"),
    [
        ("exp", [np.exp, np.exp, np.exp]),
        ("sin", [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)]),
        ("log", [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3]),
        ("tanh", [lambda x: 1 - np.tanh(x) ** 2, lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
                  lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2)]),
        ("reciprocal", [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
    ],
)  # fmt: skip
def test_derivatives_known_from_calculus(name: str, derivatives: list) -> None:
    """The first three derivatives of elementary functions are those of any table."""
    x = leaf([0.5, 1.7])
    y = call(name, x)
    for expected in derivatives:
        (y,) = gradient(call("sum", y), x, create_graph=True)
        np.testing.assert_allclose(y.data, expected(x.data), rtol=1e-12)


def test_create_graph_records_the_grad() -> None:
    """After a pass with create_graph the accumulated grad can be differentiated itself."""
    x = leaf(3.0)
    backward(x**3, create_graph=True)
    assert x.gradient.requires_grad
    (second,) = gradient(x.gradient, x)
    assert second.item() == 18


def test_a_gradient_penalty_trains_through_the_gradient() -> None:
    """(‖∂y/∂x‖ − 1)² differentiated by the weight: y = w·x gives 2 (‖w‖ − 1) w / ‖w‖."""
    w, x = leaf([3.0, 4.0]), leaf([1.0, 1.0])
    (g,) = gradient(call("dot", w, x), x, create_graph=True)
    backward((call("norm", g) - 1) ** 2)
    np.testing.assert_allclose(w.grad, 2 * 4 * np.array([3, 4]) / 5, rtol=1e-14)


def test_a_hessian_vector_product() -> None:
    """H v of xᵀ A x is (A + Aᵀ) v."""
    a, v = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([1.0, -1.0])
    x = leaf([0.3, 0.7])
    (g,) = gradient(call("dot", x, call("mv", leaf(a, requires_grad=False), x)), x, create_graph=True)
    (hv,) = gradient(g, x, v=v)
    np.testing.assert_allclose(hv.data, (a + a.T) @ v, rtol=1e-14)


def test_grad_touches_no_leaf() -> None:
    """autograd.grad returns gradients and accumulates none."""
    x = leaf(2.0)
    (g,) = gradient(x * x, x)
    assert (g.item(), x.grad, g.requires_grad) == (4, None, False)


def test_grad_of_several_outputs_is_their_sum() -> None:
    """Outputs and inputs may be lists; the gradients of the outputs add up."""
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gx, gw = call("autograd.grad", [x * w, x + w], [x, w], [leaf([1.0, 1.0]), leaf([10.0, 10.0])])
    np.testing.assert_array_equal(gx.data, [13, 14])
    np.testing.assert_array_equal(gw.data, [11, 12])


def test_grad_of_an_intermediate() -> None:
    """An input may be any tensor on the way."""
    x = leaf(2.0)
    h = x * x
    (g,) = gradient(h * h, h)
    assert g.item() == 8


def test_unused_inputs_must_be_allowed() -> None:
    """An input that the outputs do not depend on is an error, or None with allow_unused."""
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(AutogradError, match="Tensor at index 1 appears to not have been used in the graph"):
        gradient(x * 2, x, y)
    assert gradient(x * 2, x, y, allow_unused=True)[1] is None


def test_no_inputs_at_all_are_an_error() -> None:
    """An empty list of inputs is refused, in PyTorch's words."""
    with pytest.raises(AutogradError, match=r"`inputs` argument to `grad\(\)` cannot be empty\."):
        gradient(leaf(1.0) * 2)


def test_inputs_must_require_grad() -> None:
    """An input without requires_grad is an error, in PyTorch's words."""
    with pytest.raises(AutogradError, match="One of the differentiated Tensors does not require grad"):
        gradient(leaf(1.0) * 2, leaf(1.0, requires_grad=False))


def test_as_many_seeds_as_outputs() -> None:
    """A list of grad_outputs of another length is an error, in PyTorch's words."""
    x = leaf(1.0)
    with pytest.raises(AutogradError, match="got 2 tensors and 1 gradients"):
        call("autograd.grad", [x * 2, x * 3], [x], [leaf(1.0)])


def test_grad_takes_tensors() -> None:
    """A number is no output and no input."""
    with pytest.raises(BindError, match="argument 'outputs' must be"):
        call("autograd.grad", 1.0, leaf(1.0))


def test_grad_frees_unless_told() -> None:
    """retain_graph defaults to create_graph, as in PyTorch."""
    x = leaf(2.0)
    y = x * x
    gradient(y, x, create_graph=True)
    gradient(y, x, retain_graph=True)
    gradient(y, x)
    with pytest.raises(AutogradError, match="second time"):
        gradient(y, x)


def test_a_seed_that_requires_grad_is_differentiated() -> None:
    """With create_graph the gradient depends on v: ∂(v x²)'/∂v = 2x."""
    x, v = leaf(3.0), leaf(5.0)
    (g,) = gradient(x * x, x, v=v, create_graph=True)
    assert g.item() == 30
    (by_v,) = gradient(g, v)
    assert by_v.item() == 6


def test_fused_backwards_have_pytorch_s_names() -> None:
    """The node of a recorded gradient of tanh is TanhBackwardBackward0."""
    x = leaf([0.5])
    (g,) = gradient(call("tanh", x), x, v=leaf([1.0]), create_graph=True)
    assert g.grad_fn.name() == "TanhBackwardBackward0"
