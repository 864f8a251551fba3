"""Rules of random numbers: what PyTorch's random functions accept, in the words with which they refuse the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import DtypeError, NumericError, ShapeError
from gradcli.types.dtype import DEFAULT, is_complex, is_floating

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

TITLES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float16": "Half", "float32": "Float", "float64": "Double", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip
_C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long", "float16": "c10::Half", "float32": "float", "float64": "double",
}  # fmt: skip
_DIGITS = {"float16": 11, "float32": 24, "float64": 53}


def sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape, or raise for a negative size."""
    found = tuple(int(size) for size in shape)
    for size in found:
        if size < 0:
            raise ShapeError(f"Trying to create tensor with negative dimension {size}: {list(found)}")
    return found


def floating(dtype: DTypeLike | None, kernel: str) -> str:
    """Return the name of a floating or complex dtype (default: the default dtype)."""
    name = DEFAULT.get() if dtype is None else np.dtype(dtype).name
    if not (is_floating(name) or is_complex(name)):
        raise not_implemented(kernel, name)
    return name


def real_floating(dtype: DTypeLike | None, kernel: str) -> str:
    """Return the name of a floating dtype (default: the default dtype)."""
    name = floating(dtype, kernel)
    if is_complex(name):
        raise not_implemented(kernel, name)
    return name


def not_implemented(kernel: str, name: str) -> DtypeError:
    """Return PyTorch's error for a dtype that a kernel does not have."""
    return DtypeError(f"\"{kernel}\" not implemented for '{TITLES[name]}'")


def check_uniform(low: float, high: float) -> None:
    """Raise where the bounds are in the wrong order."""
    if not low <= high:
        raise NumericError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")


def check_probability(p: float) -> None:
    """Raise where p is no probability."""
    if not 0 <= p <= 1:
        raise NumericError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")


def check_probabilities(p: NDArray[Any]) -> None:
    """Raise where one of p is no probability."""
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise NumericError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.", hint="each p lies in [0, 1]")


def check_rate(rate: float) -> None:
    """Raise where an exponential distribution has no such rate."""
    if not rate > 0.0:
        raise NumericError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")


def check_rates(rate: NDArray[Any]) -> None:
    """Raise where a Poisson distribution has no such rate."""
    if rate.size and not rate.min() >= 0:
        raise NumericError("invalid Poisson rate, expected rate to be non-negative")


def check_std(std: Any) -> None:
    """Raise where `std`, a number or an array, is complex or negative."""
    if np.iscomplexobj(std):
        raise DtypeError("normal expects standard deviation to be non-complex")
    if not np.ndim(std) and not isinstance(std, np.ndarray | np.generic):
        if not std >= 0.0:
            raise NumericError(f"normal expects std >= 0.0, but found std {std:g}")
    elif np.size(std) and not np.min(std) >= 0:
        raise NumericError("normal expects all elements of std >= 0.0")


def integer_range(low: int, high: int, name: str) -> tuple[int, int]:
    """Return the bounds of `randint`, for a floating dtype moved to the next values inside that it has."""
    for bound in (low, high):
        if not -(2**63) <= bound < 2**63:
            raise NumericError("Overflow when unpacking long long", hint=f"a bound has 64 bits; {bound} has more")
    _check_order(low, high, "")
    if name in _DIGITS:
        low, high = _representable_low(low, name), _representable_high(high, name)
        _check_order(low, high, " casted to dtype")
    least, most = _bounds(name)
    for label, bound in (("from", low), ("to - 1", high - 1)):
        if not least <= bound <= most:
            raise DtypeError(f"{label} is out of bounds for {_C_NAMES[name]}")
    return low, high


def _check_order(low: int, high: int, cast: str) -> None:
    if low >= high:
        raise NumericError(f"random_ expects 'from'{cast} to be less than 'to'{cast}, but got from={low} >= to={high}")


def _bounds(name: str) -> tuple[float, float]:
    if name == "bool":
        return 0, 1
    if name.startswith("complex"):
        raise DtypeError("check_random_bounds handles only integral, floating-point and boolean types")
    info = np.finfo(name) if name in _DIGITS else np.iinfo(name)
    return (float if name in _DIGITS else int)(info.min), (float if name in _DIGITS else int)(info.max)


def _representable_low(low: int, name: str) -> int:
    with np.errstate(over="ignore"):
        rounded = np.dtype(name).type(low + 1)
    if np.isfinite(rounded) and int(rounded) < low:
        return int(rounded) + (1 << (abs(low + 1).bit_length() - _DIGITS[name]))
    return low


def _representable_high(high: int, name: str) -> int:
    with np.errstate(over="ignore"):
        rounded = np.dtype(name).type(high - 1)
    if np.isfinite(rounded) and int(rounded) >= high:
        return int(rounded) - (1 << (abs(high - 1).bit_length() - _DIGITS[name]))
    return high


def check_permutation(n: int, name: str) -> None:
    """Raise where a dtype does not hold the numbers below n."""
    if n < 0:
        raise ShapeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if name == "bool" or name.startswith("complex"):
        raise not_implemented("randperm", name)
    if name in _DIGITS:
        if n > 2 ** _DIGITS[name] + 1:
            bound = "2049" if name == "float16" else f"2^{_DIGITS[name]}+1"
            raise DtypeError(f"n cannot be greater than {bound} for {TITLES[name]} type.")
    elif n - 1 > np.iinfo(name).max:
        raise DtypeError(f"value cannot be converted to type {name if name == 'int' else name + '_t'} without overflow")


def check_multinomial(p: NDArray[Any], count: int, replacement: bool) -> None:
    """Raise where there is no such sample of the weights p."""
    if not 1 <= p.ndim <= 2:
        raise ShapeError("prob_dist must be 1 or 2 dim")
    if not is_floating(p.dtype.name):
        raise DtypeError(f"multinomial only supports floating-point dtypes for input, got: {TITLES[p.dtype.name]}")
    if count <= 0:
        raise NumericError("cannot sample n_sample <= 0 samples")
    if not replacement and count > p.shape[-1]:
        raise NumericError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if p.size:
        _check_weights(p, fast=not replacement or count == 1)
    elif p.shape[0] and replacement:
        raise NumericError("invalid multinomial distribution (sum of probabilities <= 0)")


def _check_weights(p: NDArray[Any], fast: bool) -> None:
    if not (p.max() < np.inf and p.min() >= 0):
        found = "entry = infinity or NaN" if np.all(p >= 0) else "entry < 0"
        slow = f"invalid multinomial distribution (encountering probability {found})"
        raise NumericError("probability tensor contains either `inf`, `nan` or element < 0" if fast else slow)
    if np.any(p.sum(axis=-1) == 0):
        raise NumericError("invalid multinomial distribution (sum of probabilities <= 0)")


def poisson(rate: float, uniform: Callable[[], float]) -> int:
    """Return one Poisson number (Hörmann's transformed rejection, 1993, from a rate of 10 on)."""
    if rate >= 10:
        return _poisson_large(rate, uniform)
    if rate == 0:
        return 0
    floor, product, count = math.exp(-rate), uniform(), 0
    while product > floor:
        product, count = product * uniform(), count + 1
    return count


def _poisson_large(rate: float, uniform: Callable[[], float]) -> int:
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha, bound = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        room = 0.5 - abs(u)
        count = math.floor((2 * a / room + b) * u + rate + 0.43) if room else -1
        if room >= 0.07 and v <= bound:
            return count
        if count < 0 or (room < 0.013 and v > room):
            continue
        accepted = math.log(v) + math.log(inverse_alpha) - math.log(a / (room * room) + b) if v else -math.inf
        if accepted <= -rate + count * math.log(rate) - math.lgamma(count + 1):
            return count
