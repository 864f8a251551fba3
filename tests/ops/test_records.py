"""Registry × samples: what holds for every op. A new op needs no new test code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gradcli.autograd.backward import grad
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError, GradcliError
from gradcli.graph.symbol import Symbol, UnknownValue
from gradcli.ops._families import broadcast_rule
from gradcli.ops._op import Op
from gradcli.ops._samples import Sample, T
from tests.ops.cases import CASES, ERROR_CASES, Arguments, Case, results
from tests.ops.differences import STEP, differences, projection

NARROW = {"float64": "float32", "complex128": "complex64"}
VALUES_ONLY = (
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_i1",
    "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "spherical_bessel_j0", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p", *(f"{s}chebyshev_polynomial_{kind}" for s in ("", "shifted_") for kind in "tuvw"), "histc",
)  # fmt: skip
CUT = dict.fromkeys(VALUES_ONLY, "PyTorch gives its values and no derivative") | {
    "detach": "its very purpose is to hide the derivative"
}
"""Records whose results depend on their inputs and do not say so."""
LOOKS_AT_VALUES = {
    "bincount", "unique", "unique_consecutive", "allclose", "equal", "one_hot", "tensor_split", "combinations",
    "repeat_interleave", "where", "masked_select", "argwhere", "nonzero", "nonzero_static", "unravel_index", "__getitem__",
}  # fmt: skip
"""Records that ask for values, or whose results have as many elements as the values say: inference leaves them unknown."""
NAN_TOO = {("pow", "0.0"): "at 0 ** y PyTorch's second derivative is NaN"}
"""Records and first arguments where the second derivative is not that of the mathematics, as in PyTorch."""
WIDE = {
    "float_power": "computes in float64 whatever it is given",
    "double": "converts to float64",
    "cdouble": "converts to complex128",
}
"""Records whose result is no narrower for float32."""
RTOL, ATOL = 1e-5, 1e-6
GRID = ((2, 1, 3), (4, 1), (), (1, 1, 3))
"""Shapes that broadcast to (2, 4, 3)."""

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def differentiable(value: Any) -> list[Tensor]:
    return [t for t in results(value) if t.requires_grad]


def seeds(outputs: Sequence[Tensor]) -> list[np.ndarray]:
    """Return a random v for each output."""
    draws = np.random.RandomState(1)
    return [weights(draws, t) for t in outputs]


def weights(draws: np.random.RandomState, t: Tensor) -> np.ndarray:
    v = draws.uniform(0.5, 1.5, t.shape)
    return v + 1j * draws.uniform(0.5, 1.5, t.shape) if t.dtype.kind == "c" else v


def owned(case: Case, dtype: str = "float64") -> tuple[Arguments, list[np.ndarray]]:
    """Return a case's arguments and the arrays below its drawn tensors, which may be changed."""
    arrays: list[np.ndarray] = []

    def make(array: Any, drawn: bool) -> Tensor:
        data = np.array(array)
        if drawn:
            arrays.append(data)
        return Tensor(data, drawn)

    return case.draw(dtype, make), arrays


@each
def test_a_value_is_the_same_every_time(case: Case) -> None:
    """A record gives the same values for the same arguments, as arrays that it does not share with an earlier call."""
    once, again = (results(case.call(a.args, a.kwargs)) for a in (case.draw(), case.draw()))
    assert len(once) == len(again)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@each
def test_arguments_are_left_alone(case: Case) -> None:
    """No kernel writes to its inputs."""
    drawn, arrays = owned(case)
    before = [array.copy() for array in arrays]
    case.call(drawn.args, drawn.kwargs)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@each
def test_the_gradient_is_that_of_central_differences(case: Case) -> None:
    """vᵀJ agrees with central differences; a result without gradient does not depend on the inputs."""
    drawn, arrays = owned(case)
    value = case.call(drawn.args, drawn.kwargs)
    outputs = differentiable(value)
    if not outputs:
        assert_constant(case, drawn, arrays)
        return
    vs = seeds(outputs)

    def function() -> float:
        again = differentiable(case.call(drawn.args, drawn.kwargs))
        return sum(projection(v, t.data) for v, t in zip(vs, again, strict=True))

    found = gradients(outputs, drawn.tensors, vs)
    if found is not UNDEFINED:
        assert_gradients(found, differences(function, arrays, coarse(outputs)))


UNDEFINED: Sequence[Tensor | None] = ()
"""What stands for the gradients of an op for which PyTorch says that it has none."""


def gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], vs: Sequence[Any], record: bool = False
) -> Sequence[Tensor | None]:
    """Return vᵀJ for each input, or UNDEFINED where PyTorch has no derivative either."""
    if not outputs:
        return [None] * len(inputs)
    with np.errstate(all="ignore"):
        try:
            return grad(outputs, inputs, vs, create_graph=record, allow_unused=True)
        except AutogradError as error:
            if error.message.startswith("derivative for aten::"):
                return UNDEFINED
            raise


def coarse(outputs: Sequence[Tensor]) -> float:
    """Return the step of the differences: results in single precision (of casts, which are linear) need a wide one."""
    return STEP if all(str(t.dtype) in NARROW for t in outputs) else 2.0**-4


def assert_gradients(found: Sequence[Tensor | None], expected: Sequence[np.ndarray]) -> None:
    for number, (g, numerical) in enumerate(zip(found, expected, strict=True)):
        analytical = np.zeros(numerical.shape) if g is None else g.numpy()
        np.testing.assert_allclose(analytical, numerical, RTOL, ATOL, err_msg=f"tensor {number}")


def assert_constant(case: Case, drawn: Arguments, arrays: list[np.ndarray]) -> None:
    """Fail where a floating result depends on inputs that require grad."""
    if case.record.name in CUT:
        return

    def function() -> float:
        found = results(case.call(drawn.args, drawn.kwargs))
        return sum(float(np.sum(np.nan_to_num(np.abs(t.data)))) for t in found if t.dtype.kind in "fc")

    for slope in differences(function, arrays):
        np.testing.assert_allclose(slope, 0, atol=ATOL, err_msg="no gradient, but the value depends on the input")


@each
def test_the_second_gradient_is_that_of_central_differences(case: Case) -> None:
    """The gradients of u·gradient, by the inputs and by v, agree with central differences where PyTorch has them."""
    if (case.record.name, repr(case.sample.args[0])) in NAN_TOO:
        return
    drawn, arrays = owned(case)
    us = [np.random.RandomState(2).uniform(0.5, 1.5, t.shape) for t in drawn.tensors]
    vs = [Tensor(v, v.dtype.kind == "f") for v in seeds(differentiable(case.call(drawn.args, drawn.kwargs)))]
    inputs = [*drawn.tensors, *(v for v in vs if v.requires_grad)]

    def first(record: bool) -> tuple[list[Tensor], Sequence[Tensor | None]]:
        outputs = differentiable(case.call(drawn.args, drawn.kwargs))
        return outputs, gradients(outputs, drawn.tensors, vs, record)

    def function() -> float:
        return sum(projection(u, g.data) for u, g in zip(us, first(False)[1], strict=True) if g is not None)

    outputs, gs = first(True)
    if gs is UNDEFINED:
        return
    chosen = [(g, u) for g, u in zip(gs, us, strict=True) if g is not None and g.requires_grad]
    found = gradients([g for g, _ in chosen], inputs, [u for _, u in chosen])
    if found is not UNDEFINED:
        changed = [*arrays, *(v.data for v in inputs[len(arrays) :])]
        assert_gradients(found, differences(function, changed, coarse(outputs)))


@each
def test_float32_stays_float32(case: Case) -> None:
    """Results and gradients of float32 arguments have the dtypes that those of float64 have, in single precision."""
    wide, narrow = case.draw("float64"), case.draw("float32")
    expected = [str(t.dtype) for t in results(case.call(wide.args, wide.kwargs))]
    outputs = results(case.call(narrow.args, narrow.kwargs))
    if case.record.name not in WIDE and "dtype" not in case.sample.kwargs:
        assert [str(t.dtype) for t in outputs] == [NARROW.get(name, name) for name in expected]
    outputs = [t for t in outputs if t.requires_grad]
    vs = [v.astype(t.dtype) for v, t in zip(seeds(outputs), outputs, strict=True)]
    for g, tensor in zip(gradients(outputs, narrow.tensors, vs), narrow.tensors, strict=False):
        assert g is None or (g.shape, str(g.dtype)) == (tensor.shape, "float32")


@each
def test_inference_gives_what_evaluation_gives(case: Case) -> None:
    """A Symbol has the shape, dtype and requires_grad of the value that an evaluation computes, or is unknown."""
    drawn = case.draw()
    symbols = case.draw(make=lambda array, drawn: Symbol(array.shape, array.dtype, drawn))
    try:
        found = case.call(symbols.args, symbols.kwargs)
    except UnknownValue:
        assert case.record.name in LOOKS_AT_VALUES
        return
    expected = case.call(drawn.args, drawn.kwargs)
    pairs = zip(flat(found), flat(expected), strict=False)
    for symbol, value in pairs:
        if isinstance(symbol, Symbol) and not symbol.known:
            assert case.record.name in LOOKS_AT_VALUES
            continue
        if isinstance(value, Tensor):
            assert (symbol.shape, str(symbol.dtype)) == (value.shape, str(value.dtype))
            assert symbol.requires_grad == value.requires_grad
        else:
            assert symbol == value


def flat(value: Any) -> list[Any]:
    return [v for item in value for v in flat(item)] if isinstance(value, (list, tuple)) else [value]


def broadcasting(case: Case) -> bool:
    """Return whether a case is one of an elementwise op of several tensors."""
    drawn = [value for value in case.sample.args if isinstance(value, T)]
    return isinstance(case.record, Op) and case.record.shape is broadcast_rule and 2 <= len(drawn) <= len(GRID)


FIRSTS = list({id(case.record): case for case in reversed(CASES) if broadcasting(case)}.values())


@pytest.mark.parametrize("case", FIRSTS, ids=lambda case: case.id)
def test_elementwise_ops_broadcast(case: Case) -> None:
    """An elementwise op that broadcasts equals that of the expanded arrays, and its gradients are their sums."""
    shapes = iter(GRID)
    args = tuple(T(next(shapes), a.domain) if isinstance(a, T) else a for a in case.sample.args)
    spread = Case(case.record, Sample(args, case.sample.kwargs), case.id)
    small = spread.draw()
    whole = np.broadcast_shapes(*(t.shape for t in small.tensors))
    large = spread.draw(make=lambda array, drawn: Tensor(np.broadcast_to(array, whole).copy(), drawn))
    one, other = (case.call(a.args, a.kwargs) for a in (small, large))
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-14)
    if one.requires_grad:
        vs = seeds([one])
        for g, full in zip(grad([one], small.tensors, vs), grad([other], large.tensors, vs), strict=True):
            axes = tuple(range(len(whole) - g.ndim)) + tuple(
                i + len(whole) - g.ndim for i, n in enumerate(g.shape) if n == 1 and whole[i + len(whole) - g.ndim] > 1
            )
            np.testing.assert_allclose(g.numpy(), full.numpy().sum(axes).reshape(g.shape), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", ERROR_CASES, ids=lambda case: case.id)
def test_errors_have_pytorch_s_text(case: Case) -> None:
    """Arguments that do not fit raise the error that the record promises."""
    drawn = case.draw()
    with pytest.raises(GradcliError) as caught:
        case.call(drawn.args, drawn.kwargs)
    assert case.sample.error in str(caught.value)
