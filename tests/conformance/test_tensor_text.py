"""Tensor text and deviations against torch: random tensors of every dtype are printed alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcli.render.tensor_text import print_options, tensor_text
from gradcli.report.deviation import TOLERANCES, deviation

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")

FLOATS, COMPLEX = ("float16", "float32", "float64"), ("complex64", "complex128")
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")


def _shape(rng: np.random.Generator) -> tuple[int, ...]:
    if rng.random() < 0.1:
        return (int(rng.integers(1500)),)
    most = 20 if rng.random() < 0.15 else 5
    return tuple(int(size) for size in rng.integers(rng.random() > 0.1, most, size=rng.integers(5)))


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of one scale or of many, whole or not, some of them not finite."""
    numbers = np.asarray(rng.standard_normal(shape))
    scale = [1.0, 10.0, 10.0 ** rng.integers(-6, 10), 10.0 ** rng.integers(-3, 4, size=shape), 0.0][rng.integers(5)]
    numbers = np.round(numbers * scale) if rng.random() < 0.2 else numbers * scale
    special = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0])
    return np.asarray(np.where(rng.random(shape) < 0.2, special, numbers) if rng.random() < 0.2 else numbers)


def _array(rng: np.random.Generator, dtype: str) -> np.ndarray:
    shape = _shape(rng)
    with np.errstate(all="ignore"):
        if dtype in COMPLEX:
            return (_numbers(rng, shape) + 1j * _numbers(rng, shape)).astype(dtype)
        numbers = _numbers(rng, shape)
        return (np.nan_to_num(numbers * 20, posinf=9, neginf=-9) if dtype in INTEGERS else numbers).astype(dtype)


@pytest.fixture(autouse=True)
def _printing_and_default_dtype():
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("dtype", FLOATS + COMPLEX + INTEGERS)
def test_printed_as_torch_prints(dtype: str) -> None:
    """Four hundred random tensors of each dtype, under random options, are printed alike."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        array = _array(rng, dtype)
        precision, width, default = rng.choice([4, 4, 2, 0, 7]), rng.choice([80, 40, 120]), rng.choice(FLOATS)
        full, requires_grad = rng.random() < 0.3, dtype not in INTEGERS and rng.random() < 0.5
        torch.set_default_dtype(getattr(torch, default))
        torch.set_printoptions(precision, math.inf if full else 1000, linewidth=width)
        tensor = torch.from_numpy(np.array(array)).requires_grad_(requires_grad)
        options = print_options(int(precision), full, int(width), str(default))
        assert tensor_text(array, options, requires_grad=requires_grad) == repr(tensor)


@pytest.mark.parametrize("width", [30, 60, 80])
def test_grad_fn_is_printed_as_torch_does(width: int) -> None:
    """The grad_fn of a result follows its numbers, on its own line where torch breaks it."""
    torch.set_printoptions(linewidth=width)
    for shape in ((), (3,), (2, 4), (0, 2)):
        result = torch.ones(shape, requires_grad=True) + 0.5
        text = tensor_text(result.detach().numpy(), print_options(4, False, width, "float32"), grad_fn="AddBackward0")
        assert text == repr(result)


@pytest.mark.parametrize("dtype", FLOATS + COMPLEX)
def test_tolerances_and_words_of_assert_close(dtype: str) -> None:
    """What differs, by how much and where is said as torch.testing.assert_close says it."""
    rng = np.random.default_rng(1)
    rtol, atol = TOLERANCES[dtype]
    for _ in range(50):
        expected = rng.standard_normal((3, 4)).astype(dtype)
        found = np.where(rng.random((3, 4)) < 0.5, expected, expected * 1.5 + 1).astype(dtype)
        ours = deviation(found, expected, rtol, atol)
        assert ours is not None
        with pytest.raises(AssertionError) as raised:
            torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(expected))
        said = str(raised.value)
        assert f"Mismatched elements: {ours.mismatched} / 12" in said
        assert f"at index {ours.absolute_at} (up to {atol} allowed)" in said
        assert f"at index {ours.relative_at} (up to {rtol} allowed)" in said
