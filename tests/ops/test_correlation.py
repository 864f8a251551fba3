"""Every way that correlations are computed, held to their definition and to the identity of adjoints."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from gradcli.ops import _correlation
from gradcli.ops._correlation import correlate, correlate_input, correlate_weight

CASES = {
    # name: (input, weight, stride, padding, dilation, groups)
    "rows": ((3, 2, 9, 10), (4, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "rows of groups": ((2, 6, 9, 10), (4, 3, 3, 2), (2, 1), (1, 0), (1, 2), 2),
    "rows of volumes": ((2, 2, 4, 5, 6), (3, 2, 2, 3, 3), (1, 1, 2), (0, 1, 1), (1, 1, 1), 1),
    "shared rows": ((3, 4, 26, 23), (2, 4, 3, 3), (1, 1), (1, 1), (2, 1), 1),
    "shared rows of groups": ((2, 8, 30, 60), (4, 4, 3, 3), (1, 2), (1, 1), (2, 1), 2),
    "many windows": ((3, 1, 26, 25), (2, 1, 3, 2), (1, 1), (0, 1), (2, 1), 1),
    "few windows together": ((6, 2, 3, 4), (3, 2, 2, 2), (1, 1), (0, 0), (1, 1), 1),
    "one tap": ((2, 6, 24, 24), (8, 3, 1, 1), (1, 1), (0, 0), (1, 1), 2),
    "a signal": ((4, 3, 40), (5, 3, 4), (2,), (3,), (2,), 1),
    "a long signal": ((2, 3, 600), (5, 3, 4), (1,), (2,), (1,), 1),
    "sums cut short": ((2, 15, 16, 40), (9, 15, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "negative padding": ((2, 2, 12, 12), (2, 2, 2, 2), (1, 1), (-1, 2), (1, 1), 1),
    "no windows": ((0, 2, 5, 5), (3, 2, 3, 3), (1, 1), (0, 0), (1, 1), 1),
}


def by_definition(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Return the correlation tap by tap."""
    for axis, p in enumerate(padding, 2):
        if p < 0:
            x = x[(slice(None),) * axis + (slice(-p, p),)]
    x = np.pad(x, [(0, 0), (0, 0), *((max(p, 0),) * 2 for p in padding)])
    sizes = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    ]
    total = np.zeros((len(x), w.shape[0], *sizes))
    c, o = w.shape[1], w.shape[0] // groups
    for group, tap in product(range(groups), np.ndindex(*w.shape[2:])):
        seen = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilation, sizes, stride, strict=True))
        part = x[(slice(None), slice(group * c, (group + 1) * c), *seen)]
        matrix = w[(slice(group * o, (group + 1) * o), slice(None), *tap)]
        total[:, group * o : (group + 1) * o] += np.einsum("nc...,oc->no...", part, matrix)
    return total


@pytest.fixture(params=["at once", "item by item"])
def _parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "item by item":
        monkeypatch.setattr(_correlation, "CHUNK_BYTES", 1)


@pytest.fixture(params=[_correlation.SMALL, 1 << 17, 1], ids=["small products", "products cut short", "large products"])
def _products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_correlation, "SMALL", request.param)


@pytest.mark.usefixtures("_parts", "_products")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
class TestCorrelation:
    """The sums, and the two products with their transposed Jacobian."""

    def test_by_definition(self, case: Any) -> None:
        """With a bias, and in order in memory."""
        (x, w), settings = arrays(case), case[2:]
        bias = np.linspace(-1, 1, len(w))
        out = correlate(x, w, *settings, bias)
        expected = by_definition(x, w, *settings) + bias.reshape(-1, *(1,) * (w.ndim - 2))
        assert out.flags.c_contiguous
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)

    def test_adjoints(self, case: Any) -> None:
        """⟨g, f(x, w)⟩ is ⟨∂x, x⟩ and ⟨∂w, w⟩, also for another x or w."""
        (x, w), settings = arrays(case), case[2:]
        out = correlate(x, w, *settings)
        g = np.random.default_rng(1).standard_normal(out.shape)
        dx, dw = correlate_input(g, w, x.shape[2:], *settings), correlate_weight(g, x, w.shape, *settings)
        assert (dx.shape, dw.shape) == (x.shape, w.shape)
        other_x, other_w = arrays(case, seed=2)
        np.testing.assert_allclose(np.vdot(dx, other_x), np.vdot(g, correlate(other_x, w, *settings)), atol=1e-9)
        np.testing.assert_allclose(np.vdot(dw, other_w), np.vdot(g, correlate(x, other_w, *settings)), atol=1e-9)


def arrays(case: Any, seed: int = 0) -> tuple[Any, Any]:
    """Return an input and a weight of a case's shapes."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(case[0]), rng.standard_normal(case[1])


@pytest.mark.usefixtures("_products")
def test_infinite_inputs_reach_only_the_windows_and_taps_that_meet_them() -> None:
    """An infinity in a corner: in the windows that hold it; times a slope of zero it is NaN at the taps that met it."""
    x, w, g = np.zeros((1, 2, 24, 24)), np.ones((2, 2, 3, 3)), np.zeros((1, 2, 24, 24))
    x[0, 0, 0, 23] = np.inf
    settings = ((1, 1), (1, 1), (1, 1), 1)
    with np.errstate(invalid="ignore"):
        out, dw = correlate(x, w, *settings), correlate_weight(g, x, w.shape, *settings)
    meets = np.zeros_like(out, bool)
    meets[:, :, :2, 22:] = True
    np.testing.assert_array_equal(np.isinf(out), meets)
    meets = np.zeros_like(dw, bool)
    meets[:, 0, :2, 1:] = True
    np.testing.assert_array_equal(np.isnan(dw), meets)
