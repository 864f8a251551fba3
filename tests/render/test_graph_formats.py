"""The formats of `graph`: text, DOT, Mermaid, JSON, SVG and HTML."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any
from xml.dom import minidom

import pytest

from gradcli.errors import LimitError
from gradcli.render import dot, graph_json, graph_text, html, mermaid, svg
from gradcli.report.graph import BackwardNode, ForwardNode, GraphReport, View

from .samples import BROKEN, GRAPH
from .snapshot import assert_snapshot

FORMATS: dict[str, Any] = {"txt": graph_text, "dot": dot, "mmd": mermaid, "svg": svg, "html": html}
NASTY = 'a"b\\n]<&>\n`x` _y_ #35; %%{'


def _chain(count: int, width: int = 1) -> GraphReport:
    """A graph whose every grad_fn leads to the next one, `width` times."""
    nodes = (BackwardNode(i, "MulBackward0", None, ((i + 1, 0),) * width) for i in range(count - 1))
    return GraphReport("chain.yaml", backward=(*nodes, BackwardNode(count - 1, "AccumulateGrad", "x", ())))


@pytest.mark.parametrize("view", ["forward", "backward"])
@pytest.mark.parametrize("suffix", ["txt", "dot", "mmd"])
def test_snapshots(suffix: str, view: View) -> None:
    """The text formats show a small graph as their snapshots have it."""
    assert_snapshot(f"graph-{view}.{suffix}.txt", FORMATS[suffix].render_graph(GRAPH, view))


@pytest.mark.parametrize("view", ["forward", "backward"])
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("report", [GRAPH, GraphReport("empty.yaml")])
def test_whole_lines_without_trailing_spaces(report: GraphReport, suffix: str, view: View) -> None:
    """Every text ends with one newline and no line with a space, for an empty graph too."""
    text = FORMATS[suffix].render_graph(report, view)
    assert text.endswith("\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_json_is_the_contracts() -> None:
    """JSON has both views in one line; a missing edge is null."""
    text = graph_json.render_graph(GRAPH._replace(forward=GRAPH.forward[:1], backward=GRAPH.backward[3:6]))
    assert text.count("\n") == 1
    x = {
        "name": "x", "op": None, "inputs": [], "shape": [5],
        "dtype": "float32", "requires_grad": False, "line": 3,
    }  # fmt: skip
    backward = [
        {"id": 3, "name": "MmBackward0", "tensor": None, "next_functions": [None, [4, 1]]},
        {"id": 4, "name": "LinalgQrBackward0", "tensor": None, "next_functions": [[5, 0]]},
        {"id": 5, "name": "AccumulateGrad", "tensor": "w", "next_functions": []},
    ]
    assert json.loads(text) == {"forward": {"nodes": [x]}, "backward": {"nodes": backward}}
    broken = GraphReport("a.yaml", diagnostics=BROKEN.diagnostics)
    assert [error["code"] for error in json.loads(graph_json.render_graph(broken))["errors"]] == ["GC301"]


def test_deep_graphs_do_not_indent_for_ever() -> None:
    """A chain of 100,000 nodes stands at the margin, and a deep tree is continued below."""
    lines = graph_text.render_graph(_chain(100_000), "backward").splitlines()
    assert len(lines) == 100_002
    assert lines[-1] == "#99999 AccumulateGrad  x"
    nodes = [BackwardNode(2 * i, "AddBackward0", None, ((2 * i + 1, 0), (2 * i + 2, 0))) for i in range(500)]
    leaves = [BackwardNode(2 * i + 1, "AccumulateGrad", f"w{i}", ()) for i in range(500)]
    tree = sorted([*nodes, *leaves, BackwardNode(1000, "AccumulateGrad", "w", ())], key=lambda node: node.id)
    text = graph_text.render_graph(GraphReport("tree.yaml", backward=tuple(tree)), "backward")
    assert max(map(len, text.splitlines())) < 100
    written = re.findall(r"^[│├└─ ]*#(\d+) ", text, re.MULTILINE)
    assert sorted(map(int, written)) == list(range(1001))


def test_a_shared_node_is_written_once() -> None:
    """Where paths meet, the node is written at the first and referred to at the others."""
    text = graph_text.render_graph(_chain(40, width=2), "backward")
    assert len(re.findall(r"^[│├└─ ]*#\d+ ", text, re.MULTILINE)) == 40
    assert text.count("└── (#1 MulBackward0)") == 1


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("view", ["forward", "backward"])
def test_graphviz_reads_dot(view: View) -> None:
    """Graphviz shows every label as it is, whatever characters a description or a name has."""
    report = GRAPH._replace(description=NASTY, forward=(GRAPH.forward[0]._replace(name='x"\\'), *GRAPH.forward[1:]))
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=dot.render_graph(report, view), capture_output=True, text=True, check=True
    )
    texts = [node.firstChild.data for node in minidom.parseString(drawn.stdout).getElementsByTagName("text")]
    assert NASTY.splitlines()[0] in texts
    assert ('x"\\' if view == "forward" else "MulBackward0") in texts


def test_mermaid_escapes_its_labels() -> None:
    """Nothing in a label can end it or be read as Markdown, HTML or an entity."""
    assert mermaid.escaped('[3] "x" _y_') == "#91;3#93; #34;x#34; #95;y#95;"
    assert not set(re.sub(r"#\d+;|<br/>", "", mermaid.escaped(NASTY))) & set('"\\[]<>&`_#%{}')


@pytest.mark.parametrize("view", ["forward", "backward"])
def test_pictures_are_well_formed(view: View) -> None:
    """SVG and HTML hold any characters, draw every node and arrow, and refer to nothing outside."""
    report = GRAPH._replace(spec=NASTY, description=NASTY)
    text = svg.render_graph(report, view)
    picture = minidom.parseString(text)
    groups = [g for g in picture.getElementsByTagName("g") if g.getAttribute("class") == "node"]
    assert len(groups) == (6 if view == "forward" else 8)
    page = html.render_graph(report, view)
    assert NASTY.splitlines()[0] not in page
    outside = re.findall(r"""(?:src|href)=|@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg")""", text + page)
    assert outside == []


@pytest.mark.parametrize("module", [svg, html])
def test_too_many_nodes_for_a_picture(module: Any) -> None:
    """A graph that nobody could look at is an error that names what can show it."""
    with pytest.raises(LimitError, match=r"a picture of 2001 nodes cannot be read: at most 2000 are drawn") as raised:
        module.render_graph(_chain(2001), "backward")
    assert "--format dot" in str(raised.value.hint)
    assert module.render_graph(_chain(2000), "backward").count('class="node"') == 2000


def test_an_input_that_is_not_a_node_is_left_out() -> None:
    """A picture has arrows between its own nodes only."""
    report = GraphReport("a.yaml", forward=(ForwardNode("z", "neg", ("elsewhere",), (), "float32", False, 1),))
    assert "->" not in dot.render_graph(report)
