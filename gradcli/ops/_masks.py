"""Masks: what is kept of an array, at the speed of the memory."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGE = 4096
"""From so many elements on `np.where` is several times slower than bits."""
_BITS = {np.dtype("float32"): np.int32, np.dtype("float64"): np.int64}


def kept(x: Any, keep: Any) -> Any:
    """Return x where `keep` holds and 0 elsewhere, whatever x is there (NaN and inf too)."""
    bits = _BITS.get(x.dtype)
    if bits is None or x.size < LARGE or x.shape != keep.shape:
        return np.where(keep, x, x.dtype.type(0))
    return np.multiply(x.view(bits), keep.view(np.int8)).view(x.dtype)
