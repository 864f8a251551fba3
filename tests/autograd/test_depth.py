"""Depth: chains that would overflow any recursion, and passes that visit each node once."""

from __future__ import annotations

import os
import sys
import tracemalloc

import numpy as np
import pytest

from tests.autograd.leaves import backward, leaf

LONG = 1_000_000 if os.environ.get("GRADCLI_LONG") else 200_000
"""Nodes of the chain: a million takes ten seconds and some GB, so the default suite takes a fifth of it."""


def test_a_long_chain_needs_no_recursion() -> None:
    """A chain of ops is evaluated, differentiated and freed with a recursion limit that it exceeds a thousandfold."""
    x = leaf(1.0)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        y = x
        for _ in range(LONG):
            y = y + x
        backward(y)
        del y
    finally:
        sys.setrecursionlimit(limit)
    assert x.grad == LONG + 1


def test_memory_grows_linearly_with_the_chain() -> None:
    """Twice the ops take twice the memory."""

    def peak(length: int) -> int:
        tracemalloc.start()
        x = leaf(1.0)
        y = x
        for _ in range(length):
            y = y * 1.0
        backward(y)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(2_000), peak(8_000)
    assert 3 < large / small < 5


def test_shared_nodes_run_once() -> None:
    """Sixty doublings by y + y have 2⁶⁰ paths, and a pass takes sixty steps."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    backward(y)
    assert x.grad == 2.0**60


@pytest.mark.parametrize("width", [1, 1000])
def test_a_wide_graph_accumulates_every_branch(width: int) -> None:
    """All branches that leave one tensor come back to it."""
    x = leaf(2.0)
    total = x * 0
    for k in range(width):
        total = total + x * k
    backward(total)
    assert x.grad == np.arange(width).sum()
