"""JSON of a graph: both views in one line."""

from __future__ import annotations

from typing import Any

from gradcli.render.json import error_list, json_line
from gradcli.report.graph import BackwardNode, ForwardNode, GraphReport


def render_graph(report: GraphReport) -> str:
    """One line with the forward and the backward nodes, and the errors if there were any."""
    data: dict[str, Any] = {
        "forward": {"nodes": [_forward(node) for node in report.forward]},
        "backward": {"nodes": [_backward(node) for node in report.backward]},
    }
    if report.diagnostics:
        data["errors"] = error_list(report.diagnostics)
    return json_line(data)


def _forward(node: ForwardNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "op": node.op,
        "inputs": list(node.inputs),
        "shape": None if node.shape is None else list(node.shape),
        "dtype": node.dtype,
        "requires_grad": node.requires_grad,
        "line": node.line,
    }


def _backward(node: BackwardNode) -> dict[str, Any]:
    following = [None if edge is None else list(edge) for edge in node.next_functions]
    return {"id": node.id, "name": node.name, "tensor": node.tensor, "next_functions": following}
