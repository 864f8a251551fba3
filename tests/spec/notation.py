"""A graph's statements as short lines, so that tests can show them."""

from __future__ import annotations

from gradcli.graph.graph import (
    Alias,
    Apply,
    Arg,
    Block,
    Branch,
    Choose,
    Data,
    Graph,
    Literal,
    Logical,
    Loop,
    Mark,
    Pack,
    Ref,
    Statement,
    TensorForm,
    Unpack,
)
from gradcli.spec.loader import load_graph
from tests.spec import stub_ops

HEAD = "inputs: {x: 1.0, y: 2.0}\nparameters: {w: 3.0}\nops:\n"


def load(text: str, **options: object) -> Graph:
    """Load a spec with the stub's ops."""
    return load_graph(text, "a.yaml", ops=stub_ops, **options)  # type: ignore[arg-type]


def ops(text: str) -> list[str]:
    """The statements of some ops over the inputs x and y and the parameter w, as lines."""
    graph = load(HEAD + "".join(f"  {line}\n" for line in text.strip("\n").split("\n")))
    return lines(graph)


def lines(graph: Graph) -> list[str]:
    """The statements of a graph, one line each."""
    return [_statement(graph, statement) for statement in graph.statements]


def _name(graph: Graph, slot: int) -> str:
    return graph.values[slot].name or f"_{slot}"


def show(graph: Graph, arg: Arg | None) -> str:
    """An argument."""
    if isinstance(arg, Ref):
        return _name(graph, arg.slot)
    if isinstance(arg, Literal):
        return "..." if arg.value is ... else str(getattr(arg.value, "name", repr(arg.value)))
    if isinstance(arg, Pack):
        inner = ", ".join(show(graph, item) for item in arg.items)
        return {"list": f"[{inner}]", "tuple": f"({inner})", "slice": f"slice({inner})"}[arg.kind]
    return "-"


def block(graph: Graph, of: Block | None) -> str:
    """A block: its statements and result in braces."""
    if of is None:
        return "-"
    return "{" + "; ".join([*(_statement(graph, s) for s in of.statements), show(graph, of.result)]) + "}"


def form(graph: Graph, of: TensorForm) -> str:
    """A tensor form."""
    return repr(of.source.value) if isinstance(of.source, Data) else block(graph, of.source)


def _statement(graph: Graph, s: Statement) -> str:
    if isinstance(s, Apply):
        given = [*(show(graph, a) for a in s.args), *(f"{k}={show(graph, a)}" for k, a in s.kwargs)]
        return f"{_name(graph, s.out)} = {s.target}({', '.join(given)})" + ("" if s.record else " #")
    if isinstance(s, Alias):
        return f"{_name(graph, s.out)} = {show(graph, s.arg)}"
    if isinstance(s, Unpack):
        return f"{', '.join(_name(graph, out) for out in s.outs)} = *{show(graph, s.arg)}"
    if isinstance(s, Mark):
        return f"mark {_name(graph, s.slot)} {s.retain_grad} {s.requires_grad}"
    if isinstance(s, Choose):
        then, otherwise = block(graph, s.then), block(graph, s.otherwise)
        return f"{_name(graph, s.out)} = if {block(graph, s.condition)} {then} else {otherwise}"
    if isinstance(s, Logical):
        return f"{_name(graph, s.out)} = " + f" {s.kind} ".join(block(graph, b) for b in s.operands)
    if isinstance(s, Branch):
        merged = [f"{_name(graph, slot)}" for slot, _, _ in s.merged]
        then, otherwise = block(graph, s.then), block(graph, s.otherwise)
        return f"branch {block(graph, s.condition)} {then} else {otherwise} -> {', '.join(merged)}"
    assert isinstance(s, Loop)
    kept = [" kept" if c.update is None else "" for c in s.carry]
    carry = ", ".join(
        f"{_name(graph, c.outside)}: {form(graph, c.initial)}{k}" for c, k in zip(s.carry, kept, strict=True)
    )
    targets = ", ".join(_name(graph, target) for target in s.targets)
    turns = f"while {block(graph, s.condition)}" if s.condition else f"for {targets} in {block(graph, s.over)}"
    return f"loop ({carry}) {'repeat' if s.repeat else ''}{turns} {block(graph, s.body)}"
