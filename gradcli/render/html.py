"""HTML: a graph as a page of its own, whose boxes show their neighbours under the pointer."""

from __future__ import annotations

from html import escape
from string import Template

from gradcli.render.drawing import LOOKS, MUTED, Style, draw
from gradcli.render.svg import svg_element
from gradcli.report.graph import GraphReport, View

LEGENDS: dict[View, dict[Style, str]] = {
    "forward": {style: style for style in LOOKS},
    "backward": {"result": "output", "op": "grad_fn", "parameter": "leaf"},
}
PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  body { margin: 2rem; font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #ffffff; }
  h1 { margin: 0; font-size: 1.15rem; font-weight: 600; }
  p { margin: 0.25rem 0; white-space: pre-line; }
  .legend { margin: 0.75rem 0 0; font-size: 0.85rem; color: $muted; }
  .legend span { display: inline-block; margin-right: 0.5rem; padding: 0 0.6rem; }
  .legend span { border: 1px solid; border-radius: 6px; color: #1f2933; }
  figure { margin: 1rem 0 0; overflow: auto; }
  svg .node, svg path { transition: opacity 0.15s; }
  svg.pointed .node, svg.pointed path { opacity: 0.2; }
  svg.pointed .near { opacity: 1; }
</style>
</head>
<body>
<h1>$title</h1>
$description<p class="legend">$legend</p>
<figure>
$svg</figure>
<script>
  const svg = document.querySelector("figure svg");
  const nodes = new Map([...svg.querySelectorAll(".node")].map(node => [node.dataset.id, node]));
  const arrows = [...svg.querySelectorAll("path[data-tail]")];
  for (const [id, node] of nodes) {
    node.addEventListener("mouseenter", () => {
      svg.classList.add("pointed");
      node.classList.add("near");
      for (const arrow of arrows) {
        const {tail, head} = arrow.dataset;
        if (tail === id || head === id)
          for (const part of [arrow, nodes.get(tail), nodes.get(head)]) part.classList.add("near");
      }
    });
    node.addEventListener("mouseleave", () => {
      svg.classList.remove("pointed");
      svg.querySelectorAll(".near").forEach(part => part.classList.remove("near"));
    });
  }
</script>
</body>
</html>
""")


def render_graph(report: GraphReport, view: View = "forward") -> str:
    """A page with the title, the description, a legend and the picture; a LimitError where there are too many nodes."""
    drawing = draw(report, view)
    description = f"<p>{escape(drawing.description.strip())}</p>\n" if drawing.description else ""
    return PAGE.substitute(
        title=escape(drawing.title),
        description=description,
        legend="".join(_sample(style, name) for style, name in LEGENDS[view].items()),
        muted=MUTED,
        svg=svg_element(drawing, headings=[]),
    )


def _sample(style: Style, name: str) -> str:
    look = LOOKS[style]
    line = "dashed" if look.dashed else "solid"
    return f'<span style="background:{look.fill};border-color:{look.stroke};border-style:{line}">{name}</span>'
