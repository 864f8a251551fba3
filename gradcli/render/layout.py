"""The Layout: where boxes and arrows of a drawing go, in layers from top to bottom (Sugiyama, Tagawa, Toda 1981).

Every box gets a layer below all that point to it; arrows that cross layers get a bend in each; the order inside a layer
follows the neighbours' mean positions; then each layer is placed as near to its neighbours as its widths allow.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP, LAYER_GAP, BEND_WIDTH = 26.0, 46.0, 10.0
PORT_GAP = 14.0
ORDERING_SWEEPS, PLACING_SWEEPS = 12, 16
MOST_BENDS = 20_000
Link = tuple[int, int]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """The centre of every box, the points that every arrow passes from border to border, and the size of it all."""

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def place(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> Layout:
    """Lays out boxes of the given widths and heights; the links must have no cycle."""
    graph = _Layered.of(sizes, links)
    layers = _ordered(graph)
    xs = _placed(graph, layers)
    ys, height = _depths(graph, layers)
    left = min((x - graph.widths[n] / 2 for n, x in xs.items()), default=0.0)
    right = max((x + graph.widths[n] / 2 for n, x in xs.items()), default=0.0)
    centre = {n: (xs[n] - left, ys[graph.ranks[n]]) for n in xs}
    routes = _routes(graph, centre)
    return Layout(tuple(centre[n] for n in range(len(sizes))), routes, right - left, height)


@dataclass(slots=True)
class _Layered:
    """Boxes and bends in layers; `paths` has one chain of them for every link."""

    widths: list[float]
    heights: list[float]
    ranks: list[int]
    paths: list[list[int]] = field(default_factory=list)
    above: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    below: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> _Layered:
        graph = cls([w for w, _ in sizes], [h for _, h in sizes], _ranks(len(sizes), links))
        bends = sum(graph.ranks[head] - graph.ranks[tail] - 1 for tail, head in links)
        for tail, head in links:
            graph.connect(tail, head, bent=bends <= MOST_BENDS)
        return graph

    def connect(self, tail: int, head: int, bent: bool) -> None:
        between = range(self.ranks[tail] + 1, self.ranks[head]) if bent else ()
        path = [tail, *map(self.bend, between), head]
        self.paths.append(path)
        for upper, lower in pairwise(path):
            self.below[upper].append(lower)
            self.above[lower].append(upper)

    def bend(self, rank: int) -> int:
        self.widths.append(BEND_WIDTH)
        self.heights.append(0.0)
        self.ranks.append(rank)
        return len(self.ranks) - 1


def _ranks(count: int, links: Sequence[Link]) -> list[int]:
    """Each box one layer below the lowest that points to it; sources stand just above their first use."""
    after: dict[int, list[int]] = defaultdict(list)
    missing = [0] * count
    for tail, head in links:
        after[tail].append(head)
        missing[head] += 1
    sources = [box for box in range(count) if not missing[box]]
    ranks, ready = [0] * count, list(sources)
    for box in ready:
        for head in after[box]:
            ranks[head] = max(ranks[head], ranks[box] + 1)
            missing[head] -= 1
            if not missing[head]:
                ready.append(head)
    for box in sources:
        ranks[box] = min((ranks[head] for head in after[box]), default=1) - 1
    return ranks


def _ordered(graph: _Layered) -> list[list[int]]:
    """Layers from left to right, the best of some sweeps down and up by the neighbours' mean positions."""
    layers: list[list[int]] = [[] for _ in range(max(graph.ranks, default=-1) + 1)]
    for node in _as_met(graph):
        layers[graph.ranks[node]].append(node)
    best, fewest = [list(layer) for layer in layers], _crossings(graph, layers)
    for sweep in range(ORDERING_SWEEPS):
        if not fewest:
            break
        _sweep(layers, graph.above if sweep % 2 == 0 else graph.below, downwards=sweep % 2 == 0)
        crossings = _crossings(graph, layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _as_met(graph: _Layered) -> Iterable[int]:
    """All boxes and bends, neighbours soon after each other."""
    seen: set[int] = set()
    for start in range(len(graph.ranks)):
        stack = [start]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                yield node
                stack.extend(reversed(graph.above[node] + graph.below[node]))


def _sweep(layers: list[list[int]], neighbours: dict[int, list[int]], downwards: bool) -> None:
    position: dict[int, float] = {node: index for layer in layers for index, node in enumerate(layer)}
    for layer in layers if downwards else reversed(layers):
        wish = {node: _mean(position, neighbours[node], position[node]) for node in layer}
        layer.sort(key=wish.__getitem__)
        position.update((node, index) for index, node in enumerate(layer))


def _mean(position: dict[int, float], nodes: Sequence[int], otherwise: float) -> float:
    return sum(position[node] for node in nodes) / len(nodes) if nodes else otherwise


def _crossings(graph: _Layered, layers: list[list[int]]) -> int:
    position = {node: index for layer in layers for index, node in enumerate(layer)}
    total = 0
    for layer in layers:
        ends: list[int] = []
        for node in layer:
            heads = sorted(position[head] for head in graph.below[node])
            total += sum(len(ends) - bisect_right(ends, head) for head in heads)
            for head in heads:
                insort(ends, head)
    return total


def _placed(graph: _Layered, layers: list[list[int]]) -> dict[int, float]:
    """The x of every box and bend: sweeps that pull each layer towards its neighbours without overlaps."""
    xs: dict[int, float] = {}
    for layer in layers:
        xs.update(_spread(layer, graph.widths, lambda node: 0.0, lambda node: 1.0))
    for sweep in range(PLACING_SWEEPS):
        down = sweep % 2 == 0
        first, second = (graph.above, graph.below) if down else (graph.below, graph.above)
        for layer in layers if down else reversed(layers):
            wishes = {node: _wish(xs, node, first[node], second[node], sweep) for node in layer}
            xs.update(_spread(layer, graph.widths, wishes.__getitem__, lambda node: _weight(graph, node)))
    return xs


def _wish(xs: dict[int, float], node: int, first: list[int], second: list[int], sweep: int) -> float:
    """The mean of the neighbours on one side, and in the last sweeps of those on both."""
    if sweep >= PLACING_SWEEPS - 6:
        return _mean(xs, first + second, xs[node])
    return _mean(xs, first or second, xs[node])


def _weight(graph: _Layered, node: int) -> float:
    is_bend = not graph.heights[node]
    return 4.0 if is_bend else 1.0 + len(graph.above[node]) + len(graph.below[node])


def _spread(
    layer: list[int], widths: list[float], wish: Callable[[int], float], weight: Callable[[int], float]
) -> dict[int, float]:
    """Positions nearest to the wishes that keep order and distances: isotonic regression, by pooling."""
    offsets, offset = {}, 0.0
    pools: list[tuple[float, float, list[int]]] = []
    for before, node in zip([None, *layer], layer, strict=False):
        if before is not None:
            offset += (widths[before] + widths[node]) / 2 + GAP
        offsets[node] = offset
        mean, mass, members = wish(node) - offset, weight(node), [node]
        while pools and pools[-1][0] > mean:
            other, other_mass, others = pools.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, members = mass + other_mass, others + members
        pools.append((mean, mass, members))
    return {node: mean + offsets[node] for mean, _, members in pools for node in members}


def _depths(graph: _Layered, layers: list[list[int]]) -> tuple[list[float], float]:
    """The y of every layer's middle, and the height of them all."""
    ys, top = [], 0.0
    for layer in layers:
        height = max((graph.heights[node] for node in layer), default=0.0)
        ys.append(top + height / 2)
        top += height + LAYER_GAP
    return ys, max(top - LAYER_GAP, 0.0)


def _routes(graph: _Layered, centre: dict[int, Point]) -> tuple[tuple[Point, ...], ...]:
    """The points of every path, its ends on the borders of the boxes and apart from the other ends there."""
    starts = _ports(graph, centre, [(path[0], path[1]) for path in graph.paths])
    ends = _ports(graph, centre, [(path[-1], path[-2]) for path in graph.paths])
    routes = []
    for path, start_x, end_x in zip(graph.paths, starts, ends, strict=True):
        tail, head = path[0], path[-1]
        start = start_x, centre[tail][1] + graph.heights[tail] / 2
        end = end_x, centre[head][1] - graph.heights[head] / 2
        routes.append((start, *(centre[n] for n in path[1:-1]), end))
    return tuple(routes)


def _ports(graph: _Layered, centre: dict[int, Point], ends: list[Link]) -> list[float]:
    """Where on its box every path ends, in the order in which they come; an end is (box, neighbour)."""
    at: dict[int, list[int]] = defaultdict(list)
    for number, (box, _) in enumerate(ends):
        at[box].append(number)
    xs = [0.0] * len(ends)
    for box, numbers in at.items():
        numbers.sort(key=lambda number: centre[ends[number][1]][0])
        gap = min(PORT_GAP, 0.7 * graph.widths[box] / len(numbers))
        for slot, number in enumerate(numbers):
            xs[number] = centre[box][0] + gap * (slot - (len(numbers) - 1) / 2)
    return xs
