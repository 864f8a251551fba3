"""SVG: a graph as a picture of its own, without fonts or scripts from elsewhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from gradcli.errors import LimitError
from gradcli.render.drawing import FLOWING, INK, LOOKS, MUTED, STILL, Box, Drawing, draw
from gradcli.render.layout import Layout, Point, place
from gradcli.report.graph import GraphReport, View

MOST_BOXES = 2000
MARGIN, HEADING = 20.0, 18.0
COLUMN, LINE, PADDING, BASELINE = 7.25, 16.0, 12.0, 4.0
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
STYLE = f"""\
  <style>
    text {{ font: 12px {FONT}; fill: {INK}; text-anchor: middle; }}
    .heading {{ text-anchor: start; fill: {MUTED}; }}
    .detail, .label {{ font-size: 11px; fill: {MUTED}; }}
    .label {{ text-anchor: start; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; }}
    path {{ fill: none; stroke: {FLOWING}; stroke-width: 1.3; }}
    path.still {{ stroke: {STILL}; }}
  </style>
  <defs>
    <marker id="flowing-end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<polygon points="0,0.8 8,4 0,7.2" fill="{FLOWING}"/></marker>
    <marker id="still-end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<polygon points="0,0.8 8,4 0,7.2" fill="{STILL}"/></marker>
  </defs>"""


def render_graph(report: GraphReport, view: View = "forward") -> str:
    """A picture of at most 2000 nodes, with a heading; a LimitError names other formats for larger graphs."""
    drawing = draw(report, view)
    about = (drawing.description or "").strip()
    headings = [drawing.title, *about.splitlines()] if about else [drawing.title]
    return svg_element(drawing, headings)


def svg_element(drawing: Drawing, headings: list[str]) -> str:
    """An `<svg>` element with the headings above the graph; it is a file of its own too."""
    if len(drawing.boxes) > MOST_BOXES:
        raise LimitError(
            f"a picture of {len(drawing.boxes)} nodes cannot be read: at most {MOST_BOXES} are drawn",
            hint="--format text and json show graphs of any size, and Graphviz may draw --format dot",
        )
    return "\n".join(_lines(drawing, headings)) + "\n"


def _lines(drawing: Drawing, headings: list[str]) -> Iterator[str]:
    layout = place([_size(box) for box in drawing.boxes], [(arrow.tail, arrow.head) for arrow in drawing.arrows])
    top = MARGIN + (len(headings) * HEADING + 12 if headings else 0)
    width = max(layout.width, *(_columns(text) * COLUMN for text in headings), 0.0) + 2 * MARGIN
    height = layout.height + top + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    )
    yield f"  <title>{_text(drawing.title)}</title>"
    yield STYLE
    yield f'  <rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    for number, heading in enumerate(headings):
        y = MARGIN + (number + 0.5) * HEADING + BASELINE
        yield f'  <text class="heading" x="{MARGIN:.0f}" y="{y:.1f}">{_text(heading)}</text>'
    left = (width - layout.width) / 2
    yield f'  <g transform="translate({left:.1f} {top:.1f})">'
    yield from _graph(drawing, layout)
    yield "  </g>"
    yield "</svg>"


def _graph(drawing: Drawing, layout: Layout) -> Iterator[str]:
    labels = []
    for arrow, route in zip(drawing.arrows, layout.routes, strict=True):
        kind = "flowing" if arrow.flowing else "still"
        ends = f'data-tail="{arrow.tail}" data-head="{arrow.head}"'
        yield f'    <path class="{kind}" {ends} d="{_curve(route)}" marker-end="url(#{kind}-end)"/>'
        if arrow.label:
            labels.append(_label(arrow.label, route))
    for box, centre in zip(drawing.boxes, layout.centres, strict=True):
        yield _box(box, centre)
    yield from labels


def _size(box: Box) -> tuple[float, float]:
    columns = max(_columns(box.title), _columns(box.detail))
    return columns * COLUMN + 2 * PADDING, LINE * (2 if box.detail else 1) + PADDING


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _curve(points: Sequence[Point]) -> str:
    """A smooth line that leaves and arrives vertically (cubic Hermite pieces as Bézier curves)."""
    slopes = [0.0, *(_slope(before, after) for before, after in zip(points, points[2:], strict=False)), 0.0]
    (x, y), *_ = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for (x, y), (next_x, next_y), slope, next_slope in zip(points, points[1:], slopes, slopes[1:], strict=False):
        reach = (next_y - y) * 0.4
        controls = f"{x + slope * reach:.1f} {y + reach:.1f} {next_x - next_slope * reach:.1f} {next_y - reach:.1f}"
        parts.append(f"C{controls} {next_x:.1f} {next_y:.1f}")
    return "".join(parts)


def _slope(before: Point, after: Point) -> float:
    return (after[0] - before[0]) / (after[1] - before[1])


def _label(text: str, points: Sequence[Point]) -> str:
    (x, y), (next_x, next_y) = points[:2]
    x, y = (x + next_x) / 2 + 6, (y + next_y) / 2 + BASELINE
    return f'    <text class="label" x="{x:.1f}" y="{y:.1f}">{_text(text)}</text>'


def _box(box: Box, centre: Point) -> str:
    (x, y), (width, height), look = centre, _size(box), LOOKS[box.style]
    dash = ' stroke-dasharray="4 3"' if look.dashed else ""
    shape = (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
        f'fill="{look.fill}" stroke="{look.stroke}"{dash}/>'
    )
    rise, base = LINE / 2 if box.detail else 0.0, y + BASELINE
    title = f'<text x="{x:.1f}" y="{base - rise:.1f}">{_text(box.title)}</text>'
    detail = f'<text class="detail" x="{x:.1f}" y="{base + rise:.1f}">{_text(box.detail)}</text>' if box.detail else ""
    return f'    <g class="node" data-id="{box.id}">{shape}{title}{detail}</g>'


def _text(text: str) -> str:
    return escape("".join(character for character in text if character.isprintable()))
