"""Layout: boxes in layers, without overlaps and with few crossings."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from gradcli.render import layout
from gradcli.render.layout import place


def _random_graph(seed: int) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    chance = random.Random(seed)
    sizes = [(chance.uniform(20, 200), chance.choice([28.0, 44.0])) for _ in range(40)]
    links = {(chance.randrange(head), head) for head in range(1, 40) for _ in range(chance.randrange(3))}
    return sizes, sorted(links)


@pytest.mark.parametrize("seed", range(20))
def test_boxes_do_not_overlap_and_arrows_go_down(seed: int) -> None:
    """Any two boxes are apart, all are inside the picture, and every route goes down from its tail to its head."""
    sizes, links = _random_graph(seed)
    result = place(sizes, links)
    boxes = list(zip(result.centres, sizes, strict=True))
    for ((x, y), (w, h)), ((u, v), (p, q)) in combinations(boxes, 2):
        assert abs(x - u) >= (w + p) / 2 or abs(y - v) >= (h + q) / 2
    for (x, y), (w, h) in boxes:
        assert -1e-6 <= x - w / 2 <= x + w / 2 <= result.width + 1e-6
        assert -1e-6 <= y - h / 2 <= y + h / 2 <= result.height + 1e-6
    for (tail, head), route in zip(links, result.routes, strict=True):
        assert route[0][1] == result.centres[tail][1] + sizes[tail][1] / 2
        assert route[-1][1] == result.centres[head][1] - sizes[head][1] / 2
        assert all(upper[1] < lower[1] for upper, lower in pairwise(route))


def test_a_tangle_is_undone() -> None:
    """Arrows that need not cross do not cross."""
    result = place([(40.0, 20.0)] * 6, [(0, 5), (1, 4), (2, 3)])
    order = [result.centres[n][0] for n in range(6)]
    assert all((order[a] < order[b]) == (order[5 - a] < order[5 - b]) for a, b in combinations(range(3), 2))


def test_a_chain_is_straight() -> None:
    """Boxes in a row stand exactly below each other, however wide they are."""
    result = place([(40.0, 20.0), (90.0, 20.0), (10.0, 44.0)], [(0, 1), (1, 2)])
    assert {x for x, _ in result.centres} == {45.0}


def test_many_long_arrows_go_without_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where arrows would have too many bends they are drawn directly."""
    sizes, links = [(40.0, 20.0)] * 5, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    assert len(place(sizes, links).routes[4]) == 5
    monkeypatch.setattr(layout, "MOST_BENDS", 2)
    assert len(place(sizes, links).routes[4]) == 2
