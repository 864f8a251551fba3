"""Generator draws PyTorch's own numbers: golden results are recorded from torch by tests/golden/record_random.py."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.errors import DtypeError, NumericError, OpError, ShapeError
from gradcli.ops._layout import memory_order
from gradcli.ops._mt19937 import BLOCK, Stream
from gradcli.ops._random import Generator, current, seeded

GOLDEN = Path(__file__).parents[1] / "golden"
SEQUENCES = json.loads((GOLDEN / "random.json").read_text())


def array(argument: dict[str, Any]) -> np.ndarray:
    """Return an array argument as the recording script makes it."""
    shape, order = argument["ramp"], argument["order"]
    flat = np.linspace(*argument["span"], math.prod(shape), dtype=argument["dtype"])
    return flat.reshape([shape[d] for d in order]).transpose(np.argsort(order))


def draw(generator: Generator, method: str, arguments: dict[str, Any]) -> list[np.ndarray]:
    """Return what a method of the generator gives, in the form in which torch's was recorded."""
    given = {key: array(value) if isinstance(value, dict) else value for key, value in arguments.items()}
    results = getattr(generator, method)(**given)
    if "alpha" in method:
        factor, shift = results
        results = (factor + shift, shift)
    return list(results) if isinstance(results, tuple) else [results]


def thin(values: np.ndarray) -> np.ndarray:
    """Return what was recorded of a result."""
    flat = values.ravel()
    return flat if flat.size <= 120 else np.concatenate([flat[::97], flat[-40:]])


def agree(actual: np.ndarray, expected: np.ndarray) -> None:
    """Raise where numbers differ; in the last bits of float64 NumPy's functions and torch's may."""
    if actual.dtype in (np.float64, np.complex128):
        np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-15)
    else:
        np.testing.assert_array_equal(actual, expected)


def test_every_sequence_of_calls_gives_torchs_numbers() -> None:
    """Whatever is drawn before, each call gives the dtype, the shape and the numbers that torch gives."""
    with np.load(GOLDEN / "random.npz", allow_pickle=False) as recorded:
        kept = {name: recorded[name] for name in recorded.files}
    position = dict.fromkeys(kept, 0)
    for sequence in SEQUENCES:
        generator = Generator(sequence["seed"])
        for method, arguments, signatures in sequence["calls"]:
            results = draw(generator, method, arguments)
            assert [[values.dtype.name, list(values.shape)] for values in results] == signatures, (method, arguments)
            for values in results:
                name, sample = values.dtype.name, thin(values)
                start = position[name]
                position[name] += sample.size
                agree(sample, kept[name][start : position[name]])
    assert position == {name: values.size for name, values in kept.items()}


def test_the_recording_covers_every_method() -> None:
    """No public method of the generator goes without numbers from torch."""
    recorded = {call[0] for sequence in SEQUENCES for call in sequence["calls"]}
    assert recorded == {name for name in vars(Generator) if not name.startswith("_")}


def test_manual_seed_zero_gives_the_well_known_numbers() -> None:
    """`torch.manual_seed(0); torch.randn(5, 3)` begins with 1.5410, -0.2934, -2.1788."""
    np.testing.assert_allclose(Generator(0).randn((5, 3), "float32")[0], [1.5410, -0.2934, -2.1788], atol=5e-5)


@given(st.lists(st.integers(0, 3 * BLOCK), max_size=6), st.integers(-(2**63), 2**64 - 1))
def test_the_stream_is_numpys_mt19937(counts: list[int], seed: int) -> None:
    """Words drawn in any portions are those of NumPy's legacy generator with the low 32 bits of the seed."""
    stream, reference = Stream(seed), np.random.RandomState(seed & 0xFFFFFFFF)
    for count in counts:
        expected = reference.randint(0, 2**32, size=count, dtype=np.uint32)
        np.testing.assert_array_equal(stream.words(count), expected)


@given(st.permutations(range(4)), st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_like_keeps_the_memory_order(order: list[int], shape: list[int]) -> None:
    """What is made like a transposed array lies in memory as that array does."""
    x = np.empty([shape[d] for d in order], np.float32).transpose(np.argsort(order))
    made = Generator(0).rand_like(x)
    assert made.shape == x.shape
    assert (memory_order(made) is None) == (memory_order(x) is None)
    assert [s for s, n in zip(made.strides, x.shape, strict=True) if n > 1] == [
        s for s, n in zip(x.strides, x.shape, strict=True) if n > 1
    ]


def test_seeded_generators_nest() -> None:
    """The innermost `seeded` context gives the current generator, and the outer one goes on after it."""
    with seeded(1) as outer:
        first = current().rand((2,))
        with seeded(2):
            assert current() is not outer
            current().rand((5,))
        assert current() is outer
        rest = current().rand((2,))
    np.testing.assert_array_equal(np.concatenate([first, rest]), Generator(1).rand((4,)))


def test_the_current_generator_has_seed_zero() -> None:
    """Where nothing was seeded, numbers are those of seed 0."""
    import contextvars

    drawn = contextvars.Context().run(lambda: current().rand((3,)))
    np.testing.assert_array_equal(drawn, Generator(0).rand((3,)))


def test_dropout_of_probability_one_draws_nothing() -> None:
    """Dropout with p = 1 gives a zero without touching the stream."""
    generator = Generator(0)
    assert generator.dropout_mask(np.ones(5, np.float32), 1.0) == 0
    np.testing.assert_array_equal(generator.rand((3,)), Generator(0).rand((3,)))


@pytest.mark.parametrize("scalar", [np.array(0.5, np.float32), np.float32(0.5)], ids=["array", "scalar"])
def test_numbers_are_drawn_for_a_single_element(scalar: Any) -> None:
    """Zero-dimensional arrays and NumPy scalars count as one element."""
    generator = Generator(0)
    drawn = [
        generator.rand_like(scalar),
        generator.randn_like(scalar),
        generator.bernoulli(scalar),
        generator.dropout_mask(scalar, 0.5),
        generator.rrelu_noise(-scalar, 0.1, 0.3),
        generator.poisson(scalar),
        generator.normal(scalar, scalar),
    ]
    assert [(each.shape, each.dtype.name) for each in drawn] == [((), "float32")] * len(drawn)


F32 = np.ones(3, np.float32)
REFUSED = [
    (lambda g: Generator(2**64), NumericError, "Overflow when unpacking long long"),
    (lambda g: Generator(-(2**63) - 1), NumericError, "Overflow when unpacking long long"),
    (lambda g: g.rand((2, -1)), ShapeError, "Trying to create tensor with negative dimension -1: [2, -1]"),
    (lambda g: g.rand((3,), "int64"), DtypeError, "\"check_uniform_bounds\" not implemented for 'Long'"),
    (lambda g: g.randn((3,), "bool"), DtypeError, "\"normal_kernel_cpu\" not implemented for 'Bool'"),
    (lambda g: g.uniform(2, 1, (3,)), NumericError, "expects to return a [from, to) range, but found from=2 > to=1"),
    (lambda g: g.normal(0.0, -1.0, (2,)), NumericError, "normal expects std >= 0.0, but found std -1"),
    (lambda g: g.normal(0.0, -F32), NumericError, "normal expects all elements of std >= 0.0"),
    (lambda g: g.normal(F32, F32 * 1j), DtypeError, "normal expects standard deviation to be non-complex"),
    (lambda g: g.randint(5, 5, (3,)), NumericError, "'from' to be less than 'to', but got from=5 >= to=5"),
    (lambda g: g.randint(0, 2**63, (3,)), NumericError, "Overflow when unpacking long long"),
    (lambda g: g.randint(0, 300, (3,), "uint8"), DtypeError, "to - 1 is out of bounds for unsigned char"),
    (lambda g: g.randint(-5, 3, (3,), "uint8"), DtypeError, "from is out of bounds for unsigned char"),
    (lambda g: g.randint(0, 3, (3,), "bool"), DtypeError, "to - 1 is out of bounds for bool"),
    (lambda g: g.randint(0, 70000, (3,), "float16"), DtypeError, "to - 1 is out of bounds for c10::Half"),
    (lambda g: g.randint(0, 3, (3,), "complex64"), DtypeError, "check_random_bounds handles only integral"),
    (lambda g: g.randperm(-1), ShapeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda g: g.randperm(257, "uint8"), DtypeError, "value cannot be converted to type uint8_t without overflow"),
    (lambda g: g.randperm(5000, "float16"), DtypeError, "n cannot be greater than 2049 for Half type."),
    (lambda g: g.randperm(2**24 + 2, "float32"), DtypeError, "n cannot be greater than 2^24+1 for Float type."),
    (lambda g: g.randperm(5, "bool"), DtypeError, "\"randperm\" not implemented for 'Bool'"),
    (lambda g: g.bernoulli(F32 * 1.5), NumericError, "Expected p_in >= 0 && p_in <= 1 to be true, but got false."),
    (lambda g: g.bernoulli(np.ones(2, np.int64)), DtypeError, "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"),
    (lambda g: g.bernoulli(F32 * 1j), DtypeError, "\"bernoulli_tensor_cpu_self_\" not implemented for 'ComplexFloat'"),
    (lambda g: g.bernoulli(F32 * 1j, 0.5), DtypeError, "\"bernoulli_scalar_cpu_\" not implemented for 'ComplexFloat'"),
    (lambda g: g.bernoulli(F32, 1.5), NumericError, "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    (lambda g: g.feature_dropout_mask(F32, 0.5), ShapeError, "Feature dropout requires at least 2 dimensions"),
    (lambda g: g.exponential((3,), -1.0), NumericError, "exponential_ expects lambda > 0.0, but found lambda=-1"),
    (lambda g: g.poisson(-F32), NumericError, "invalid Poisson rate, expected rate to be non-negative"),
    (lambda g: g.poisson(F32 * 1j), DtypeError, "\"poisson_cpu\" not implemented for 'ComplexFloat'"),
    (lambda g: g.multinomial(np.ones((1, 1, 1)), 1), ShapeError, "prob_dist must be 1 or 2 dim"),
    (lambda g: g.multinomial(np.ones(2, np.int64), 1), DtypeError, "floating-point dtypes for input, got: Long"),
    (lambda g: g.multinomial(F32, 0), NumericError, "cannot sample n_sample <= 0 samples"),
    (lambda g: g.multinomial(F32, 4), NumericError, "n_sample > prob_dist.size(-1) samples without replacement"),
    (lambda g: g.multinomial(-F32, 2), NumericError, "contains either `inf`, `nan` or element < 0"),
    (lambda g: g.multinomial(-F32, 2, True), NumericError, "(encountering probability entry < 0)"),
    (lambda g: g.multinomial(F32 * np.inf, 2, True), NumericError, "entry = infinity or NaN"),
    (lambda g: g.multinomial(F32 * 0, 2, True), NumericError, "(sum of probabilities <= 0)"),
    (lambda g: g.multinomial(np.ones((2, 0)), 2, True), NumericError, "(sum of probabilities <= 0)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_torch_refuses_is_refused_in_its_words(call: Any, error: type[OpError], text: str) -> None:
    """A wrong argument raises torch's message."""
    with pytest.raises(error) as raised:
        call(Generator(0))
    assert text in str(raised.value)
