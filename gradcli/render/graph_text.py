"""Graph text: the forward view as a listing, the backward view as a tree of grad_fn names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from gradcli.report.graph import BackwardNode, Edge, ForwardNode, GraphReport, View

DEEPEST = 12


def render_graph(report: GraphReport, view: View = "forward") -> str:
    """The title, then one line per node."""
    lines = forward_lines(report.forward) if view == "forward" else backward_lines(report.backward)
    count = len(report.forward if view == "forward" else report.backward)
    title = f"{report.spec}  {view}, {count} node{'s' * (count != 1)}"
    about = [report.description.strip()] if report.description else []
    return "\n".join([title, *about, "", *lines]) + "\n"


def forward_lines(nodes: Sequence[ForwardNode]) -> Iterator[str]:
    """Nodes in evaluation order as assignments: `z = add(z.0, b)  [3]  float32  requires_grad  line 7`."""
    rows = [_forward_cells(node) for node in nodes]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _forward_cells(node: ForwardNode) -> tuple[str, ...]:
    named = ", ".join(node.inputs)
    made = f"= {node.op}({named})" if node.op else f"= {named}" if named else node.kind
    shape = "" if node.shape is None else str(list(node.shape))
    flag = "requires_grad" if node.requires_grad else ""
    return node.name, made, shape, node.dtype or "", flag, "" if node.line is None else f"line {node.line}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node is to be written: behind which rails, with which branch, reached through which edge."""

    edge: Edge
    rail: str = ""
    branch: str = ""
    depth: int = 0

    @property
    def below(self) -> str:
        return self.rail + {"├── ": "│   ", "└── ": "    "}.get(self.branch, "")


def backward_lines(nodes: Sequence[BackwardNode]) -> Iterator[str]:
    """A node's next functions stand below it, a single one without a branch; `(#3)` stands for #3, written elsewhere.

    What would be indented too deep is written below as a tree of its own.
    """
    written: set[int] = set()
    waiting = [_Place((root, 0)) for root in _roots(nodes)]
    for position, start in enumerate(waiting):
        if position and start.edge[0] not in written:
            yield ""
        if start.edge[0] not in written:
            yield from _tree(nodes, start, written, waiting)


def _roots(nodes: Sequence[BackwardNode]) -> list[int]:
    reached = {edge[0] for node in nodes for edge in node.next_functions if edge is not None}
    return [node.id for node in nodes if node.id not in reached]


def _tree(nodes: Sequence[BackwardNode], start: _Place, written: set[int], waiting: list[_Place]) -> Iterator[str]:
    stack = [start]
    while stack:
        place = stack.pop()
        node = nodes[place.edge[0]]
        known = node.id in written
        if known or (place.depth > DEEPEST and node.next_functions):
            yield f"{place.rail}{place.branch}({_title(node)}{_output(place.edge)})"
            if not known:
                waiting.append(_Place((node.id, 0)))
            continue
        written.add(node.id)
        yield f"{place.rail}{place.branch}{_title(node)}{_leaf(node)}{_output(place.edge)}{_missing(node)}"
        stack.extend(reversed(list(_places_below(node, place))))


def _places_below(node: BackwardNode, place: _Place) -> Iterator[_Place]:
    edges = [edge for edge in node.next_functions if edge is not None]
    if len(edges) == 1:
        yield _Place(edges[0], place.below, "", place.depth)
        return
    for number, edge in enumerate(edges, 1):
        yield _Place(edge, place.below, "└── " if number == len(edges) else "├── ", place.depth + 1)


def _title(node: BackwardNode) -> str:
    return f"#{node.id} {node.name}"


def _leaf(node: BackwardNode) -> str:
    shape = "" if node.shape is None else f" {list(node.shape)}"
    return "" if node.tensor is None else f"  {node.tensor}{shape}"


def _output(edge: Edge) -> str:
    return f"  output {edge[1]}" if edge[1] else ""


def _missing(node: BackwardNode) -> str:
    """The next functions by number where one is missing, so that each stands at its input's place."""
    if None not in node.next_functions:
        return ""
    return f"  ({', '.join('None' if edge is None else f'#{edge[0]}' for edge in node.next_functions)})"
