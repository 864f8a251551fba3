"""Samples: inputs on which the tests try every op, drawn from domains where its formulas hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """An interval of reals, without the numbers nearer than `gap` to the `excluded` ones."""

    low: float
    high: float
    excluded: tuple[float, ...] = ()
    gap: float = 0.1

    def __call__(self, *shape: int) -> T:
        """Return a tensor of this shape to be drawn from the domain."""
        return T(shape, self)


@dataclass(frozen=True, slots=True, eq=False)
class T:
    """A tensor to be drawn; `distinct` keeps its elements apart (for max, sort, median)."""

    shape: tuple[int, ...]
    domain: Domain
    distinct: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor of given values that has no gradient: indices, masks, targets."""

    values: Any
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One call of an op: its values in order and by name; T and Constant are replaced by tensors, also inside lists."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorSample:
    """A call that must fail with an error that contains this text."""

    args: tuple[Any, ...]
    error: str
    kwargs: dict[str, Any] = field(default_factory=dict)


Samples = Callable[[], Sequence[Sample | ErrorSample]]

real = Domain(-3, 3)
nonzero = Domain(-3, 3, (0.0,), 0.2)
positive = Domain(0.2, 3)


def reals(low: float, high: float, *excluded: float) -> Domain:
    """Return the interval from low to high, without the neighbourhoods of the excluded numbers."""
    return Domain(low, high, excluded)


def sample(*args: Any, **kwargs: Any) -> Sample:
    """Return one call: `sample(real(3, 4), dim=1)`."""
    return Sample(args, kwargs)


def distinct(*shape: int) -> T:
    """Return a tensor whose elements differ by at least 0.05, for ops that select."""
    return T(shape, real, True)


def index(values: Any) -> Constant:
    """Return an int64 tensor of these values."""
    return Constant(values, "int64")


def mask(values: Any) -> Constant:
    """Return a bool tensor of these values."""
    return Constant(values, "bool")


def unary(domain: Domain = real) -> tuple[Sample, ...]:
    """Return the calls of a function of one tensor: a matrix, a scalar and an empty tensor."""
    return sample(domain(2, 3)), sample(domain()), sample(domain(0))


def pairs(first: Domain = real, second: Domain = real) -> tuple[Sample, ...]:
    """Return the calls of a function of two tensors: equal shapes, broadcasting both ways, and scalars."""
    shapes = (((2, 3), (2, 3)), ((2, 1), (1, 3)), ((3,), (2, 3)), ((), (2,)), ((), ()))
    return tuple(sample(first(*a), second(*b)) for a, b in shapes)
