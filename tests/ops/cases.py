"""Case: one sample of one record, drawn into tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad
from gradcli.autograd.tensor import Tensor
from gradcli.errors import BindError
from gradcli.graph.call import wrapped
from gradcli.ops import _random, registry
from gradcli.ops._op import Composite, Op
from gradcli.ops._promotion import as_dtype
from gradcli.ops._samples import Constant, Domain, ErrorSample, Sample, T
from gradcli.ops._signature import Signature
from gradcli.types.dtype import DEFAULT

SPREAD = 4
"""How many elements the widest gap between distinct elements is divided by."""


@dataclass(frozen=True, slots=True)
class Case:
    """A record, one of its samples and the seed of its numbers."""

    record: Op | Composite
    sample: Sample | ErrorSample
    id: str

    def draw(self, dtype: str = "float64", make: Callable[[Any, bool], Any] = Tensor) -> Arguments:
        """Return the sample's arguments with tensors made by `make(array, requires_grad)`; the same ones every time."""
        return Arguments(self, np.random.RandomState(crc32(self.id.encode())), dtype, make)

    def call(self, args: Any, kwargs: Any) -> Any:
        """Apply the record to arguments as a spec would write them, by the first of its signatures that they fit."""
        with settings():
            *others, last = signatures(self.record)
            for signature in others:
                with suppress(BindError):
                    return wrapped(self.record(*signature.bind(self.record.name, args, kwargs)))
            return wrapped(self.record(*last.bind(self.record.name, args, kwargs)))


class Arguments:
    """The drawn arguments of a case, and its tensors that were drawn from a domain, in order."""

    def __init__(self, case: Case, draws: np.random.RandomState, dtype: str, make: Callable[[Any, bool], Any]) -> None:
        self.draws, self.dtype, self.make = draws, dtype, make
        self.tensors: list[Any] = []
        self.args = [self._value(value) for value in case.sample.args]
        self.kwargs = {name: self._value(value) for name, value in case.sample.kwargs.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, T):
            self.tensors.append(self.make(_array(self.draws, value).astype(as_dtype(self.dtype))[()], True))
            return self.tensors[-1]
        if isinstance(value, Constant):
            return self.make(np.array(value.values, as_dtype(value.dtype))[()], False)
        return type(value)(map(self._value, value)) if type(value) in (list, tuple) else value


def _array(draws: np.random.RandomState, t: T) -> np.ndarray:
    if t.distinct:
        size = int(np.prod(t.shape))
        grid = np.linspace(t.domain.low, t.domain.high, size + 2)[1:-1]
        gap = (t.domain.high - t.domain.low) / (size + 1) / SPREAD
        return (draws.permutation(grid) + draws.uniform(-gap, gap, size)).reshape(t.shape)
    return outside(t.domain, draws.uniform(t.domain.low, t.domain.high, t.shape))


def outside(domain: Domain, x: np.ndarray) -> np.ndarray:
    """Return the numbers moved away from what a domain excludes."""
    for point in domain.excluded:
        near = np.abs(x - point) < domain.gap
        x = np.where(near, point + np.where(x < point, -1, 1) * (domain.gap + np.abs(x - point)), x)
    return x


@contextmanager
def settings() -> Iterator[None]:
    """Evaluate as a spec does: a seeded generator, float32 by default, silent floating-point errors."""
    token = DEFAULT.set("float32")
    try:
        with _random.seeded(0), np.errstate(all="ignore"):
            yield
    finally:
        DEFAULT.reset(token)


def signatures(record: Op | Composite) -> list[Signature]:
    """Return the signatures that lead to a record, its own first."""
    found = [record.signature, *(o.signature for os in registry.OVERLOADS.values() for o in os if o.record is record)]
    return list(dict.fromkeys(found))


def samples_of(record: Op | Composite) -> list[Sample | ErrorSample]:
    """Return the samples that a record declares."""
    found = record.samples() if callable(record.samples) else record.samples
    return list(found or ())


def all_cases(kind: type) -> list[Case]:
    """Return the samples of one kind of all records, with ids that name the record: `add`, `add-2`."""
    found, seen = [], dict[str, int]()
    for record in registry.records():
        for sample in samples_of(record):
            number = seen[record.name] = seen.get(record.name, 0) + 1
            if isinstance(sample, kind):
                found.append(Case(record, sample, record.name if number == 1 else f"{record.name}-{number}"))
    return found


def results(value: Any) -> list[Any]:
    """Return the tensors of a result, in order, also of nested tuples."""
    if type(value) is Tensor:
        return [value]
    return [t for item in value for t in results(item)] if isinstance(value, (list, tuple)) else []


CASES = all_cases(Sample)
ERROR_CASES = all_cases(ErrorSample)
