"""DOT: a graph for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.render.drawing import FLOWING, INK, LOOKS, MUTED, STILL, Arrow, Box, Drawing, draw
from gradcli.report.graph import GraphReport, View

SETTINGS = f"""\
  graph [rankdir=TB, nodesep=0.35, ranksep=0.45, fontname="monospace", fontsize=11, fontcolor="{MUTED}", labelloc=t]
  node [shape=box, style="filled,rounded", margin="0.16,0.09", fontname="monospace", fontsize=11, fontcolor="{INK}"]
  edge [arrowsize=0.7, color="{FLOWING}", fontname="monospace", fontsize=9, fontcolor="{MUTED}"]"""


def render_graph(report: GraphReport, view: View = "forward") -> str:
    """A digraph whose nodes are `n0`, `n1`, …; `dot -Tsvg` draws it."""
    return "\n".join(_lines(draw(report, view))) + "\n"


def quoted(text: str) -> str:
    """A DOT string that shows the text as it is."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _lines(drawing: Drawing) -> Iterator[str]:
    title = drawing.title if drawing.description is None else f"{drawing.title}\n{drawing.description.strip()}"
    yield f"digraph {quoted(drawing.title)} {{"
    yield f"  label={quoted(title)}"
    yield SETTINGS
    yield from map(_box, drawing.boxes)
    yield from map(_arrow, drawing.arrows)
    yield "}"


def _box(box: Box) -> str:
    look = LOOKS[box.style]
    label = quoted("\n".join(filter(None, (box.title, box.detail))))
    style = ', style="filled,rounded,dashed"' if look.dashed else ""
    return f'  n{box.id} [label={label}, fillcolor="{look.fill}", color="{look.stroke}"{style}]'


def _arrow(arrow: Arrow) -> str:
    words = [f"label={quoted(arrow.label)}"] * bool(arrow.label) + [f'color="{STILL}"'] * (not arrow.flowing)
    return f"  n{arrow.tail} -> n{arrow.head}" + (f" [{', '.join(words)}]" if words else "")
