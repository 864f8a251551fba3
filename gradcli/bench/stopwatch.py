"""The stopwatch: calls of a module's functions, each with its own seconds and the bytes of what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from gradcli.autograd.tensor import Tensor


@dataclass(slots=True)
class Spent:
    """What the calls under one name took together."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def add(self, seconds: float, size: int) -> None:
        """Count one more call."""
        self.calls += 1
        self.seconds += seconds
        self.bytes += size


class Stopwatch:
    """Measures the functions that it is put on; the time of a measured call inside another one is not the outer one's.

    `spent` is what was measured, by the names that `name` gives to a call's arguments.
    """

    __slots__ = ("_inner", "spent")

    def __init__(self) -> None:
        self.spent: dict[Any, Spent] = {}
        self._inner: list[float] = []

    @property
    def running(self) -> bool:
        """Whether a measured call is under way."""
        return bool(self._inner)

    @contextmanager
    def on(self, module: Any, function: str, name: Callable[..., Any]) -> Iterator[None]:
        """Measure every call of a module's function while the context lasts."""
        original = getattr(module, function)
        setattr(module, function, self._measured(original, name))
        try:
            yield
        finally:
            setattr(module, function, original)

    def _measured(self, original: Callable[..., Any], name: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            start, result = perf_counter(), None
            try:
                result = original(*args, **kwargs)
                return result
            finally:
                seconds = perf_counter() - start
                own = seconds - self._inner.pop()
                if self._inner:
                    self._inner[-1] += seconds
                self.spent.setdefault(name(*args, **kwargs), Spent()).add(own, size_of(result))

        return measured


def size_of(value: Any) -> int:
    """Return the bytes of the numbers in a result: of a tensor, an array, or several of them; other things have none.

    >>> import numpy as np
    >>> size_of((Tensor(np.ones(3)), None, np.float32(1)))
    28
    """
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return int(getattr(value.data if isinstance(value, Tensor) else value, "nbytes", 0))
