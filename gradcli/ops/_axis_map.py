"""AxisMap: a sparse linear map along one dimension, which padding, interpolation and adaptive pooling are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
FEW = 16


@dataclass(frozen=True, slots=True, eq=False)
class AxisMap:
    """out[row] = Σ weight · x[column] over entries that are sorted by row; without weights they are 1."""

    size_in: int
    size_out: int
    rows: Array
    columns: Array
    weights: Array | None = None

    def transposed(self) -> AxisMap:
        """Return the map that takes cotangents back."""
        order = np.argsort(self.columns, kind="stable")
        weights = None if self.weights is None else self.weights[order]
        return AxisMap(self.size_out, self.size_in, self.columns[order], self.rows[order], weights)

    def __call__(self, x: Array, axis: int) -> Array:
        """Return the map of x along one dimension; elements that no entry names have no say, not even NaN."""
        counts = np.bincount(self.rows, minlength=self.size_out)
        if counts.size and counts.min() == counts.max() and 0 < counts[0] <= FEW:
            return self._by_columns(x, axis, int(counts[0]))
        return self._by_rows(x, axis, counts)

    def _by_columns(self, x: Array, axis: int, count: int) -> Array:
        """Return the sum of as many picks as every row has entries."""
        total: Any = None
        for at in range(count):
            term = _pick(x, self.columns[at::count], axis)
            if self.weights is not None:
                term = term * _along(self.weights[at::count], x, axis)
            total = term if total is None else total + term
        return total  # type: ignore[no-any-return]

    def _by_rows(self, x: Array, axis: int, counts: Array) -> Array:
        """Return the sums of runs of picked elements."""
        terms = np.take(x, self.columns, axis)
        if self.weights is not None:
            terms = terms * _along(self.weights, x, axis)
        present = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[present]
        out = np.zeros((*x.shape[:axis], self.size_out, *x.shape[axis + 1 :]), terms.dtype)
        if present.size:
            out[(slice(None),) * axis + (present,)] = np.add.reduceat(terms, starts, axis)
        return out


def _along(weights: Array, x: Array, axis: int) -> Array:
    return weights.astype(x.dtype, copy=False).reshape(-1, *(1,) * (x.ndim - axis - 1))


def _pick(x: Array, indices: Array, axis: int) -> Array:
    """Return the elements at these places of a dimension, as a view where the places are evenly spaced."""
    steps = np.diff(indices)
    if steps.size and steps[0] > 0 and (steps == steps[0]).all():
        return x[(slice(None),) * axis + (slice(int(indices[0]), int(indices[-1]) + 1, int(steps[0])),)]
    return np.take(x, indices, axis)


def picking(size_in: int, columns: Array) -> AxisMap:
    """Return the map that picks one element for each place of the result."""
    return AxisMap(size_in, len(columns), np.arange(len(columns)), columns)


def from_table(size_in: int, columns: Array, weights: Array) -> AxisMap:
    """Return the map of (out, taps) tables of places and weights."""
    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    return AxisMap(size_in, len(columns), rows, columns.ravel(), weights.ravel())


def apply(x: Array, maps: Sequence[AxisMap]) -> Array:
    """Return x with the maps applied to its last dimensions, as a new contiguous array."""
    out = x
    for axis in reversed(range(x.ndim - len(maps), x.ndim)):
        out = maps[axis - x.ndim + len(maps)](out, axis)
    return out.copy() if out.base is not None or out is x else np.ascontiguousarray(out)


def apply_transposed(g: Array, maps: Sequence[AxisMap]) -> Array:
    """Return a cotangent taken back through the maps."""
    return apply(g, [m.transposed() for m in maps])
