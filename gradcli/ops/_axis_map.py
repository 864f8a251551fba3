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
        starts = np.cumsum(counts) - counts
        most = int(counts.max()) if counts.size else 0
        return self._by_rank(x, axis, counts, starts, most) if most <= FEW else self._by_runs(x, axis, counts, starts)

    def _by_rank(self, x: Array, axis: int, counts: Array, starts: Array, most: int) -> Array:
        """Return the sum of every row's first entries, second entries, and so on."""
        before = (slice(None),) * axis
        total: Any = None
        if not counts.size or not counts.min():
            total = np.zeros((*x.shape[:axis], self.size_out, *x.shape[axis + 1 :]), x.dtype)
        for rank in range(most):
            rows = np.flatnonzero(counts > rank)
            entries = starts[rows] + rank
            term = _taken(x, self.columns[entries], axis)
            if self.weights is not None:
                term = term * _along(self.weights[entries], x, axis)
            if total is None:
                total = term.copy() if term.base is not None else term
            else:
                total[(*before, _even(rows))] += term
        return total  # type: ignore[no-any-return]

    def _by_runs(self, x: Array, axis: int, counts: Array, starts: Array) -> Array:
        """Return the sums of long runs of picked elements."""
        terms = np.take(x, self.columns, axis)
        if self.weights is not None:
            terms = terms * _along(self.weights, x, axis)
        present = np.flatnonzero(counts)
        out = np.zeros((*x.shape[:axis], self.size_out, *x.shape[axis + 1 :]), terms.dtype)
        if present.size:
            out[(slice(None),) * axis + (present,)] = np.add.reduceat(terms, starts[present], axis)
        return out


def _along(weights: Array, x: Array, axis: int) -> Array:
    return weights.astype(x.dtype, copy=False).reshape(-1, *(1,) * (x.ndim - axis - 1))


def _even(places: Array) -> Any:
    """Return places of a dimension as a slice where they are evenly spaced."""
    steps = np.diff(places)
    if steps.size and steps[0] > 0 and (steps == steps[0]).all():
        return slice(int(places[0]), int(places[-1]) + 1, int(steps[0]))
    return places


def _taken(x: Array, places: Array, axis: int) -> Array:
    """Return the elements at these places of a dimension, as a view where they are evenly spaced."""
    even = _even(places)
    return np.take(x, places, axis) if even is places else x[(slice(None),) * axis + (even,)]


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
