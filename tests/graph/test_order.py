"""The order of evaluation: document order, what is needed first, and cycles."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.graph.order import order


@pytest.mark.parametrize(
    ("needs", "sequence"),
    [
        ([], []),
        ([[], [], []], [0, 1, 2]),
        ([[], [0], [1, 0]], [0, 1, 2]),
        ([[2], [], [1]], [1, 2, 0]),
        ([[3, 2], [], [], [2]], [2, 3, 0, 1]),
        ([[], [3], [], [], [1]], [0, 3, 1, 2, 4]),
    ],
)
def test_items_keep_their_place_unless_they_are_needed_earlier(needs: list[list[int]], sequence: list[int]) -> None:
    """Evaluation follows the document, and what is used above its own line comes just before its first use."""
    assert list(order(needs).sequence) == sequence
    assert order(needs).cycles == ()


@pytest.mark.parametrize(
    ("needs", "cycles"),
    [
        ([[0]], [(0,)]),
        ([[1], [0]], [(0, 1)]),
        ([[], [3], [1], [2]], [(1, 3, 2)]),
        ([[1], [0], [3], [2]], [(0, 1), (2, 3)]),
        ([[2], [2], [1, 3], [2]], [(1, 2), (2, 3)]),
    ],
)
def test_each_cycle_is_found_once(needs: list[list[int]], cycles: list[tuple[int, ...]]) -> None:
    """A cycle is given once, in the direction of use, beginning with its first item of the document."""
    assert list(order(needs).cycles) == cycles


graphs = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=4), min_size=n, max_size=n)
)


@given(graphs)
def test_every_item_follows_what_it_needs(needs: list[list[int]]) -> None:
    """Without a cycle each item stands after all that it needs; and there is a cycle just where graphlib finds one."""
    found = order(needs)
    assert sorted(found.sequence) == list(range(len(needs)))
    try:
        list(TopologicalSorter({item: set(uses) for item, uses in enumerate(needs)}).static_order())
    except CycleError:
        assert found.cycles
        return
    place = {item: at for at, item in enumerate(found.sequence)}
    assert not found.cycles
    assert all(place[need] < place[item] for item, uses in enumerate(needs) for need in uses)


@given(graphs)
def test_a_cycle_is_a_walk_along_uses(needs: list[list[int]]) -> None:
    """Each item of a cycle uses the next one, and the last one the first."""
    for cycle in order(needs).cycles:
        assert all(later in needs[item] for item, later in zip(cycle, cycle[1:] + cycle[:1], strict=True))


def test_a_reversed_chain_of_a_million_is_ordered() -> None:
    """Order needs no recursion: a million items, each using the one below it, come out backwards."""
    n = 1_000_000
    needs = [[i + 1] for i in range(n - 1)] + [[]]
    assert list(order(needs).sequence[:2]) == [n - 1, n - 2]
