"""Central differences of real functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STEP = 1e-6


def differences(function: Callable[[], float], arrays: Sequence[np.ndarray], step: float = STEP) -> list[np.ndarray]:
    """Return the derivative of `function()` by every element of some arrays, which are changed and restored."""
    found = []
    for array in arrays:
        slope = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + step
            up = function()
            array[index] = value - step
            down = function()
            array[index] = value
            slope[index] = (up - down) / (2 * step)
        found.append(slope)
    return found


def projection(v: Any, value: Any) -> float:
    """Return the real part of v* · value, whose gradient is what a backward pass with v gives."""
    return float(np.real(np.sum(np.conj(np.asarray(v)) * np.asarray(value))))
