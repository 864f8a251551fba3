"""Deviation: how far arrays are apart."""

from __future__ import annotations

import numpy as np

from gradcli.report.deviation import deviation


def test_close_arrays_have_none() -> None:
    """Within the tolerances there is no deviation, and NaN equals NaN, infinity itself."""
    assert deviation(np.array([1.0, np.nan, np.inf]), np.array([1.0 + 1e-9, np.nan, np.inf]), 1e-7, 1e-7) is None
    assert deviation(np.zeros((0, 3)), np.zeros((0, 3)), 0, 0) is None


def test_the_largest_differences_are_named() -> None:
    """The count and the places of the largest absolute and relative difference are those of the mismatched elements."""
    found = deviation(np.array([[1.0, 2.0], [100.0, 5.0]]), np.array([[1.0, 1.0], [90.0, 5.0]]), 0.0, 0.5)
    assert found is not None
    assert (found.mismatched, found.total) == (2, 4)
    assert (found.absolute, found.absolute_at) == (10.0, (1, 0))
    assert (found.relative, found.relative_at) == (1.0, (0, 1))
    assert found.text() == (
        "Mismatched elements: 2 / 4 (50.0%)\n"
        "Greatest absolute difference: 10.0 at index (1, 0) (up to 0.5 allowed)\n"
        "Greatest relative difference: 1.0 at index (0, 1) (up to 0.0 allowed)"
    )


def test_a_lone_nan_is_a_mismatch() -> None:
    """NaN against a number is counted, and the difference is NaN."""
    found = deviation(np.array([np.nan, 1.0]), np.array([0.0, 1.0]), 0.1, 0.1)
    assert found is not None
    assert found.mismatched == 1
    assert np.isnan(found.absolute)
    assert found.absolute_at == (0,)


def test_integers_are_exact() -> None:
    """Integers that doubles cannot tell apart are still different."""
    assert deviation(np.array([2**53 + 1]), np.array([2**53]), 0.0, 0.0) is not None


def test_scalars_have_no_index() -> None:
    """For a tensor of no dimension no index is named."""
    found = deviation(np.array(1.0), np.array(2.0), 0.0, 0.5)
    assert found is not None
    assert "index" not in found.text()
