"""Numbers in data formats: the shortest decimals that read back in their dtype, for JSON, YAML and CSV."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """An array or number as (nested lists of) what JSON knows; "nan" and "inf" are strings, complex is `[re, im]`."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain_array(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (int, float, str)) or value is None else str(value)


def _plain_array(array: np.ndarray) -> Any:
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    if array.dtype.kind != "f":
        return array.tolist()
    doubles = decimal_doubles(array)
    finite = np.isfinite(doubles)
    if finite.all():
        return doubles.tolist()
    mixed = doubles.astype(object)
    mixed[~finite] = [str(item) for item in doubles[~finite].tolist()]
    return mixed.tolist()


def decimal_doubles(array: np.ndarray) -> np.ndarray:
    """Doubles whose shortest decimals are those of the elements: 0.1 for the float32 0.1, not 0.10000000149011612."""
    if array.dtype == np.float64:
        return array
    doubles = np.fromiter((float(str(item)) for item in array.reshape(-1)), np.float64, array.size)
    return doubles.reshape(array.shape)
