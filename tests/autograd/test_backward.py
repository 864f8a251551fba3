"""Backward passes: what accumulates where, what may be repeated, and what v may be."""

from __future__ import annotations

import numpy as np
import pytest

import gradcli
from gradcli.autograd import backward as passes
from gradcli.autograd.tensor import Tensor, recording
from gradcli.errors import AutogradError
from tests.autograd.leaves import backward, call, gradient, leaf


def test_grads_accumulate_until_they_are_zeroed() -> None:
    """The tutorial's Jacobian product gives 4 on the diagonal, 8 in a second call, and 4 again after zeroing."""
    inp = Tensor(np.eye(4, 5, dtype=np.float32), True)
    out = call("t", (inp + 1) ** 2)
    expected = np.where(np.eye(4, 5, dtype=bool), 4, 2).astype(np.float32)
    ones = np.ones_like(out.data)
    backward(out, ones, retain_graph=True)
    np.testing.assert_array_equal(inp.grad, expected)
    backward(out, ones, retain_graph=True)
    np.testing.assert_array_equal(inp.grad, 2 * expected)
    inp.gradient = None
    backward(out, ones)
    np.testing.assert_array_equal(inp.grad, expected)


def test_a_second_pass_through_freed_values_is_an_error() -> None:
    """What was saved is freed by a pass without retain_graph, and a second pass says so in PyTorch's words."""
    x = leaf(2.0)
    y = x * x
    backward(y)
    with pytest.raises(AutogradError, match="Trying to backward through the graph a second time") as caught:
        backward(y)
    assert caught.value.code == "GC402"
    assert x.grad == 4


def test_a_second_pass_where_nothing_was_saved_is_fine() -> None:
    """Addition saves nothing, so that it can be differentiated again and again."""
    x = leaf([1.0, 2.0])
    y = call("sum", x + x)
    backward(y)
    backward(y)
    np.testing.assert_array_equal(x.grad, [4, 4])


def test_a_pass_after_retain_graph_frees() -> None:
    """retain_graph holds for its own pass only."""
    x = leaf(3.0)
    y = call("exp", x)
    backward(y, retain_graph=True)
    backward(y)
    with pytest.raises(AutogradError, match="second time"):
        backward(y)


def test_freeing_stops_where_no_gradient_is_asked_for() -> None:
    """A pass to one input frees only the nodes on its way."""
    x, w = leaf(2.0), leaf(3.0)
    left, right = x * x, w * w
    gradient(left * right, x)
    backward(right)
    assert w.grad == 6
    with pytest.raises(AutogradError, match="second time"):
        backward(left)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_an_output_of_one_element_needs_no_v(shape: tuple[int, ...]) -> None:
    """The implicit v is a 1 in the output's shape, whatever its number of dimensions."""
    x = leaf(np.full(shape, 3.0))
    backward(x * x)
    np.testing.assert_array_equal(x.grad, np.full(shape, 6.0))


@pytest.mark.parametrize("shape", [(2,), (0,), (1, 2)])
def test_other_outputs_need_v(shape: tuple[int, ...]) -> None:
    """Without v an output of several elements, or of none, is an error."""
    with pytest.raises(AutogradError, match="grad can be implicitly created only for scalar outputs"):
        backward(leaf(np.ones(shape)) * 2)


@pytest.mark.parametrize(("found", "expected"), [((1, 3), (3,)), ((), (1,)), ((3, 1), (3,)), ((2,), (3,))])
def test_v_has_exactly_the_output_s_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A v that would only broadcast is refused, with both shapes in PyTorch's words."""
    output = leaf(np.ones(expected)) * 2
    with pytest.raises(AutogradError) as caught:
        backward(output, np.ones(found))
    assert caught.value.message == (
        f"Mismatch in shape: grad_output[0] has a shape of torch.Size({list(found)}) and output[0] has a shape of "
        f"torch.Size({list(expected)})."
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_v_may_have_any_real_dtype(dtype: str) -> None:
    """A v of another real dtype is taken as it is, and the grad has the leaf's dtype."""
    x = leaf([1.0, 2.0], "float32")
    backward(x * 3, np.ones(2, dtype))
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_v_of_a_complex_output_is_complex() -> None:
    """Complex and real do not mix between v and the output."""
    z = leaf([1 + 1j], "complex128")
    with pytest.raises(AutogradError, match="both grad_output and output are required to have the same dtype"):
        backward(z * 2, np.ones(1))
    with pytest.raises(AutogradError, match="grad can be implicitly created only for real scalar outputs but got"):
        backward(z * 2)
    backward(z * 2, np.array([1 + 0j]))
    np.testing.assert_array_equal(z.grad, [2 + 0j])


def test_an_unreached_leaf_has_no_grad() -> None:
    """None is not zero: what no path leads to has no grad, what zero reaches has a grad of zeros."""
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    backward(call("sum", x * 0))
    assert y.grad is None
    np.testing.assert_array_equal(x.grad, [0, 0])


def test_what_requires_no_grad_cannot_be_differentiated() -> None:
    """An output without grad_fn is an error, in PyTorch's words."""
    text = "element 0 of tensors does not require grad and does not have a grad_fn"
    with pytest.raises(AutogradError, match=text):
        backward(leaf(1.0, requires_grad=False) * 2)
    with recording(False):
        y = leaf(1.0) * 2
    with pytest.raises(AutogradError, match=text):
        backward(y)


def test_a_leaf_can_be_an_output() -> None:
    """The gradient of a leaf by itself is v."""
    x = leaf([1.0, 2.0])
    backward(x, [5.0, 7.0])
    np.testing.assert_array_equal(x.grad, [5, 7])


def test_several_outputs_are_one_pass() -> None:
    """The grads of several outputs add up, and shared saved values are used before they are freed."""
    x = leaf(2.0)
    h = x * x
    passes.backward([h, h * x], [None, np.float64(10.0)])
    assert x.grad == 4 + 10 * 12


def test_inputs_choose_who_gets_a_grad() -> None:
    """With `inputs` only these tensors get a grad, be they leaves or not."""
    x, w = leaf(2.0), leaf(5.0)
    h = x * w
    backward(h * h, inputs=[w, h])
    assert x.grad is None
    assert (w.grad, h.grad) == (2 * 10 * 2, 20)


def test_an_input_that_is_no_leaf_retains_its_grad() -> None:
    """It gets its grad once, however often it is named, and again in later passes; its own saved values are freed."""
    x = leaf(3.0)
    h = x * x
    h.retain_grad()
    z = h + h
    backward(z, inputs=[h, h], retain_graph=True)
    assert (h.grad, x.grad) == (2, None)
    backward(z, inputs=[x, x])
    assert (h.grad, x.grad) == (4, 12)
    k = x * x
    z = k + k
    backward(z, inputs=[k])
    assert (k.grad, k.retains_grad) == (2, True)
    with pytest.raises(AutogradError, match="a second time"):
        backward(z)


def test_retained_grads_beside_the_way_to_the_inputs_stay_none() -> None:
    """A pass for some inputs leaves alone what is not on the way to them."""
    x, w = leaf(3.0), leaf(2.0)
    h = x * x
    h.retain_grad()
    backward(h * w, inputs=[w])
    assert (h.grad, w.grad) == (None, 9)
    (found,) = gradient(h * w, w)
    assert (h.grad, found.item()) == (None, 9)  # type: ignore[union-attr]


def test_inputs_of_a_pass_must_require_grad() -> None:
    """PyTorch asks them to retain their grad."""
    with pytest.raises(AutogradError, match="can't retain_grad on Tensor that has requires_grad=False"):
        backward(leaf(1.0) * 2, inputs=[leaf(1.0, requires_grad=False)])


def test_no_inputs_at_all_are_an_error() -> None:
    """An empty list of inputs is refused, in PyTorch's words."""
    with pytest.raises(AutogradError, match=r"`inputs` argument to `backward\(\)` cannot be empty\."):
        backward(leaf(1.0) * 2, inputs=[])


def test_retain_grad_keeps_what_passes_through() -> None:
    """A tensor with retain_grad has the whole cotangent of all its uses, and accumulates like a leaf."""
    x = leaf(3.0)
    h = x * 2
    h.retain_grad()
    h.retain_grad()
    y = h * h + h
    backward(y, retain_graph=True)
    assert h.grad == 13
    backward(y)
    assert h.grad == 26
    assert x.grad == 52


def test_retain_grad_needs_a_gradient() -> None:
    """A tensor that requires no grad cannot retain one."""
    with pytest.raises(AutogradError, match="can't retain_grad on Tensor that has requires_grad=False"):
        leaf(1.0, requires_grad=False).retain_grad()


def test_integers_require_no_grad() -> None:
    """Only floating and complex tensors can require grad, and the results of integer ops do not."""
    with pytest.raises(AutogradError, match="Only Tensors of floating point and complex dtype can require gradients"):
        leaf([1, 2], "int64")
    x = leaf([1.0, 3.0])
    assert not call("argmax", x).requires_grad
    assert not (x > 2).requires_grad


def test_the_grad_is_the_leaf_s_own_array() -> None:
    """Two leaves never share the memory of their grads, and no grad is a read-only view."""
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    backward(call("sum", x + y))
    x.grad[0] = 100
    np.testing.assert_array_equal(y.grad, [1, 1])


def test_broadcast_inputs_get_sums() -> None:
    """A cotangent is summed to the shape of the input that was broadcast."""
    x, b, s = leaf(np.ones((2, 3))), leaf(np.ones((3,))), leaf(1.0)
    backward(x * b * s, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(b.grad, [3, 5, 7])
    assert s.grad == 15
    assert (b.grad.shape, s.grad.shape) == ((3,), ())


def test_the_gradient_has_the_input_s_dtype() -> None:
    """Each input of mixed dtypes gets a grad of its own dtype."""
    x, y = leaf([1.0], "float32"), leaf([2.0], "float64")
    z = x * y
    assert str(z.dtype) == "float64"
    backward(z)
    assert (str(x.grad.dtype), str(y.grad.dtype)) == ("float32", "float64")


def test_complex_gradients_of_real_inputs_are_real() -> None:
    """A real input that meets complex numbers gets the real part of the cotangent."""
    x, z = leaf([2.0]), leaf([1 + 3j], "complex128")
    backward(call("real", x * z))
    np.testing.assert_array_equal(x.grad, [1.0])
    assert str(x.grad.dtype) == "float64"
    np.testing.assert_array_equal(z.grad, [2 + 0j])


def test_next_functions_are_pytorch_s() -> None:
    """The graph is that of PyTorch: nodes by name, leaves as AccumulateGrad, numbers as missing edges."""
    x, w = leaf(np.ones(5)), leaf(np.ones((5, 3)))
    z = call("matmul", x, w) + 1.0
    node = z.grad_fn
    names = [node.name()]
    while node.next_functions:
        node = node.next_functions[0][0]
        names.append(node.name())
    assert names == ["AddBackward0", "SqueezeBackward4", "MmBackward0", "UnsqueezeBackward0", "AccumulateGrad"]
    assert z.grad_fn.next_functions[1] == (None, 0)
    assert x.edge() == x.edge()


def test_a_view_that_was_not_recorded_requires_grad_without_a_node() -> None:
    """Under no_grad a view (`x.T`, `x[0]`) of what requires grad still says that it does, and a computation does not."""
    result = gradcli.run(
        {"parameters": {"x": [[1.0, 2.0]]}, "ops": {"s": {"no_grad": True, "ops": {"v": "x.T", "r": "x[0]", "m": "x * 2"}}}}
    )
    assert [result[f"s.{name}"].requires_grad for name in "vrm"] == [True, True, False]
    assert [result[f"s.{name}"].grad_fn for name in "vrm"] == [None] * 3


def test_a_pass_that_fails_leaves_what_was_finished() -> None:
    """Leaves that nothing still to come could reach have their grad; the others have none of this pass."""
    done, pending, shared = leaf(2.0), leaf(3.0), leaf(5.0)
    first = pending * shared
    backward(first)
    for x in (pending, shared):
        x.gradient = None
    last = done * shared
    with pytest.raises(AutogradError, match="second time"):
        passes.backward([first, last], [None, None])
    assert (done.grad, pending.grad, shared.grad) == (5.0, None, None)
