"""A Drawing: boxes and arrows, what DOT, Mermaid, SVG and HTML have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gradcli.report.graph import BackwardNode, ForwardNode, GraphReport, View

Style: TypeAlias = Literal["input", "parameter", "op", "part", "number", "result"]


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a style."""

    fill: str
    stroke: str
    dashed: bool = False


INK, MUTED = "#1f2933", "#5f6b7a"
FLOWING, STILL = "#3d6fb4", "#a9b2bd"
"""Arrows along which gradients flow, and the others."""
LOOKS: dict[Style, Look] = {
    "input": Look("#eef1f4", "#8793a1"),
    "parameter": Look("#e3eefb", "#3d6fb4"),
    "op": Look("#ffffff", "#4b5865"),
    "part": Look("#ffffff", "#a9b2bd"),
    "number": Look("#ffffff", "#a9b2bd", dashed=True),
    "result": Look("#fdf1dc", "#b9791c"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A node; its id counts from 0, `detail` is a second and smaller line."""

    id: int
    title: str
    detail: str
    style: Style


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another; `flowing` where gradients pass."""

    tail: int
    head: int
    label: str = ""
    flowing: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """One view of a graph, to be drawn from top to bottom."""

    title: str
    description: str | None
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw(report: GraphReport, view: View) -> Drawing:
    """The forward view goes from the leaves to the results, the backward view from their grad_fns to the leaves."""
    title = f"{report.spec} · {view}"
    if view == "forward":
        boxes, arrows = _forward_boxes(report.forward), _forward_arrows(report.forward)
    else:
        boxes, arrows = _backward_boxes(report.backward), _backward_arrows(report.backward)
    return Drawing(title, report.description, tuple(boxes), tuple(arrows))


def _forward_boxes(nodes: tuple[ForwardNode, ...]) -> Iterable[Box]:
    used = {name for node in nodes for name in node.inputs}
    for number, node in enumerate(nodes):
        title = node.name if node.op is None else f"{node.name} = {node.op}"
        detail = "" if node.shape is None else f"{list(node.shape)} {node.dtype}"
        is_result = node.kind in ("op", "part") and node.name not in used
        yield Box(number, title, detail, "result" if is_result else node.kind)


def _forward_arrows(nodes: tuple[ForwardNode, ...]) -> Iterable[Arrow]:
    numbers = {node.name: number for number, node in enumerate(nodes)}
    for number, node in enumerate(nodes):
        for name, times in Counter(node.inputs).items():
            tail = numbers.get(name)
            if tail is not None:
                flowing = node.requires_grad and nodes[tail].requires_grad
                yield Arrow(tail, number, f"×{times}" if times > 1 else "", flowing)


def _backward_boxes(nodes: tuple[BackwardNode, ...]) -> Iterable[Box]:
    reached = {edge[0] for node in nodes for edge in node.next_functions if edge is not None}
    for node in nodes:
        shape = "" if node.shape is None else f" {list(node.shape)}"
        if node.tensor is not None:
            yield Box(node.id, node.name, node.tensor + shape, "parameter")
        else:
            yield Box(node.id, node.name, "", "op" if node.id in reached else "result")


def _backward_arrows(nodes: tuple[BackwardNode, ...]) -> Iterable[Arrow]:
    for node in nodes:
        edges = Counter(edge for edge in node.next_functions if edge is not None)
        for (following, output), times in edges.items():
            words = [f"output {output}"] * (output > 0) + [f"×{times}"] * (times > 1)
            yield Arrow(node.id, following, " ".join(words))
