"""The Deviation: how far two tensors are apart, in the terms of `torch.testing.assert_close`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcli.report.run import Array

TOLERANCES: dict[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
"""rtol and atol by dtype, as in torch.testing; integers and booleans must be equal."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How many elements differ by more than is allowed, and where the largest differences stand."""

    mismatched: int
    total: int
    absolute: float
    absolute_at: tuple[int, ...]
    relative: float
    relative_at: tuple[int, ...]
    rtol: float
    atol: float

    def text(self) -> str:
        """The paragraph that assert_close ends its message with."""
        share = self.mismatched / self.total
        return (
            f"Mismatched elements: {self.mismatched} / {self.total} ({share:.1%})\n"
            f"Greatest absolute difference: {self.absolute}{_at(self.absolute_at)} (up to {self.atol} allowed)\n"
            f"Greatest relative difference: {self.relative}{_at(self.relative_at)} (up to {self.rtol} allowed)"
        )


def deviation(found: Array, expected: Array, rtol: float, atol: float) -> Deviation | None:
    """What sets two arrays of one shape apart, or None where they are close; NaN equals NaN."""
    import numpy as np

    exact = np.promote_types(np.promote_types(found.dtype, expected.dtype), np.float64)
    with np.errstate(all="ignore"):
        a, b = found.astype(exact), expected.astype(exact)
        close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
        if found.dtype.kind in "iub" and expected.dtype.kind in "iub" and rtol == atol == 0:
            close = found == expected
        if close.all():
            return None
        apart = np.where(close, 0.0, np.abs(a - b))
        relative = np.where(close, 0.0, apart / np.abs(b))
    wrong = int(close.size - np.count_nonzero(close))
    return Deviation(wrong, int(close.size), *_largest(apart), *_largest(relative), rtol, atol)


def _largest(differences: Any) -> tuple[float, tuple[int, ...]]:
    import numpy as np

    index = np.unravel_index(int(np.argmax(differences)), differences.shape)
    return float(differences[index]), tuple(int(i) for i in index)


def _at(index: tuple[int, ...]) -> str:
    return f" at index {index}" if index else ""
