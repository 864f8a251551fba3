"""Mermaid: a graph as a flowchart, which GitHub shows in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradcli.render.drawing import FLOWING, INK, LOOKS, STILL, Arrow, Box, Drawing, Look, draw
from gradcli.report.graph import GraphReport, View

SPECIAL = re.compile(r"[^\w \n,.()=·]|_")
"""What is not left to Mermaid, which reads quotes, brackets, `#`, HTML and Markdown in labels."""


def render_graph(report: GraphReport, view: View = "forward") -> str:
    """A `flowchart TD` whose nodes are `n0`, `n1`, …."""
    return "\n".join(_lines(draw(report, view))) + "\n"


def escaped(text: str) -> str:
    """Text as a quoted label shows it: everything special as `#35;`."""
    return SPECIAL.sub(lambda found: f"#{ord(found[0])};", text).replace("\n", "<br/>")


def _lines(drawing: Drawing) -> Iterator[str]:
    yield "flowchart TD"
    yield "  %% " + drawing.title.replace("\n", " ").replace("%%", "% %")
    for style, look in LOOKS.items():
        yield f"  classDef {style} {_colours(look)}"
    yield from map(_box, drawing.boxes)
    yield from map(_arrow, drawing.arrows)
    still = [str(number) for number, arrow in enumerate(drawing.arrows) if not arrow.flowing]
    if drawing.arrows:
        yield f"  linkStyle default stroke:{FLOWING},stroke-width:1.3px"
    if still:
        yield f"  linkStyle {','.join(still)} stroke:{STILL},stroke-width:1.3px"


def _colours(look: Look) -> str:
    dash = ",stroke-dasharray:4 3" if look.dashed else ""
    return f"fill:{look.fill},stroke:{look.stroke},color:{INK},font-family:monospace{dash}"


def _box(box: Box) -> str:
    label = escaped("\n".join(filter(None, (box.title, box.detail))))
    return f'  n{box.id}("{label}"):::{box.style}'


def _arrow(arrow: Arrow) -> str:
    label = f'|"{escaped(arrow.label)}"|' if arrow.label else ""
    return f"  n{arrow.tail} -->{label} n{arrow.head}"
