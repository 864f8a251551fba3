"""Collecting graphs: an Evaluation turned into the plain data of a GraphReport."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gradcli.autograd.grad_fn import AccumulateGrad
from gradcli.autograd.tensor import Tensor
from gradcli.graph.evaluate import Evaluation
from gradcli.graph.graph import (
    Alias,
    Apply,
    Arg,
    BackwardStep,
    Block,
    Branch,
    Choose,
    Logical,
    Loop,
    Mark,
    Pack,
    Ref,
    Statement,
    Unpack,
)  # fmt: skip
from gradcli.report.collect import op_name
from gradcli.report.graph import ForwardNode, GraphReport, Leaf, walk_backward
from gradcli.report.run import Kind


def graph_report(evaluation: Evaluation, spec: str) -> GraphReport:
    """Return both views of an evaluated spec."""
    diagnostics = tuple(evaluation.error.diagnostics) if evaluation.error else ()
    forward = tuple(forward_nodes(evaluation))
    backward = walk_backward([t.grad_fn or t.edge()[0] for t in roots(evaluation, forward)], _leaf_names(evaluation))
    return GraphReport(spec, evaluation.graph.description, forward, backward, diagnostics)


def forward_nodes(evaluation: Evaluation) -> Iterator[ForwardNode]:
    """Yield the leaves, then what each statement made, in evaluation order; a loop or branch is its results."""
    graph = evaluation.graph
    for leaf in graph.leaves:
        yield _node(evaluation, leaf.slot, ())
    sources: dict[int, list[int]] = {}
    aliases = {statement.out for statement in graph.statements if isinstance(statement, Alias)}
    for out, used in _made_by(graph.statements):
        slots = [source for slot in used for source in sources.get(slot, [slot])]
        if graph.values[out].name:
            names = tuple(dict.fromkeys(graph.values[slot].name for slot in slots))
            node = _node(evaluation, out, names)
            yield node._replace(op=None) if out in aliases else node
        else:
            sources[out] = slots


def _node(evaluation: Evaluation, slot: int, inputs: tuple[str, ...]) -> ForwardNode:
    value, about = evaluation.slots[slot], evaluation.graph.values[slot]
    op = op_name(evaluation.made[slot])
    if not isinstance(value, Tensor):
        kind: Kind = about.kind if evaluation.made[slot] is None or isinstance(value, tuple) else "number"
        recorded = isinstance(value, tuple) and any(isinstance(t, Tensor) and t.requires_grad for t in value)
        return ForwardNode(about.name, op, inputs, None, None, recorded, about.span.line, kind)
    return ForwardNode(
        about.name, op, inputs, value.shape, str(value.dtype), value.requires_grad, about.span.line, about.kind
    )


def _made_by(statements: Iterable[Statement]) -> Iterator[tuple[int, list[int]]]:
    """Yield the slots that statements fill and the slots that each was made from."""
    for statement in statements:
        if isinstance(statement, Apply | Alias):
            yield statement.out, list(used_slots(statement))
        elif isinstance(statement, Unpack):
            for out in statement.outs:
                yield out, list(used_slots(statement))
        elif isinstance(statement, Choose | Logical):
            inner = list(inner_slots(statement))
            yield statement.out, [slot for slot in used_slots(statement) if slot not in inner and slot != statement.out]
        elif isinstance(statement, Branch | Loop):
            inner = list(inner_slots(statement))
            used = [slot for slot in used_slots(statement) if slot not in inner]
            outs = (
                [m[0] for m in statement.merged]
                if isinstance(statement, Branch)
                else [c.outside for c in statement.carry]
            )
            for out in outs:
                yield out, used


def _blocks(statement: Statement) -> Iterator[Block]:
    """Yield the blocks inside a statement."""
    if isinstance(statement, Choose | Branch):
        yield from (statement.condition, statement.then, statement.otherwise)
    elif isinstance(statement, Logical):
        yield from statement.operands
    elif isinstance(statement, Loop):
        forms = [c.initial.source for c in statement.carry]
        yield from (source for source in forms if isinstance(source, Block))
        yield from (b for b in (statement.condition, statement.over, statement.body) if b is not None)


def inner_slots(statement: Statement) -> Iterator[int]:
    """Yield the slots that the blocks of a statement fill themselves."""
    if isinstance(statement, Loop):
        yield from statement.targets
        yield from (c.inside for c in statement.carry)
    for block in _blocks(statement):
        for inner in block.statements:
            if isinstance(inner, Apply | Alias | Choose | Logical):
                yield inner.out
            elif isinstance(inner, Unpack):
                yield from inner.outs
            elif isinstance(inner, Branch):
                yield from (m[0] for m in inner.merged)
            elif isinstance(inner, Loop):
                yield from (c.outside for c in inner.carry)
            yield from inner_slots(inner)


def used_slots(statement: Statement) -> Iterator[int]:
    """Yield the slots that a statement reads, also in its blocks."""
    if isinstance(statement, Apply):
        for arg in (*statement.args, *(arg for _, arg in statement.kwargs)):
            yield from _refs(arg)
    elif isinstance(statement, Alias | Unpack):
        yield from _refs(statement.arg)
    elif not isinstance(statement, Mark):
        for block in _blocks(statement):
            for inner in block.statements:
                yield from used_slots(inner)
            yield from () if block.result is None else _refs(block.result)


def _refs(arg: Arg) -> Iterator[int]:
    if isinstance(arg, Ref):
        yield arg.slot
    elif isinstance(arg, Pack):
        for item in arg.items:
            yield from _refs(item)


def roots(evaluation: Evaluation, forward: Iterable[ForwardNode]) -> list[Tensor]:
    """Return the tensors from which the backward graph is walked: the steps' outputs, else what no other op uses."""
    graph = evaluation.graph
    outputs = [o.expression.result for step in graph.steps if isinstance(step, BackwardStep) for o in step.outputs]
    if outputs:
        values = [evaluation.slots[result.slot] for result in outputs if isinstance(result, Ref)]
    else:
        used = {name for node in forward for name in node.inputs}
        values = [evaluation.slots[graph.names[name]] for name in graph.declared if name not in used]
    tensors = [t for v in values for t in (v if isinstance(v, tuple) else (v,))]
    return list({id(t): t for t in tensors if isinstance(t, Tensor) and t.requires_grad}.values())


def _leaf_names(evaluation: Evaluation) -> Any:
    names: dict[int, str] = {}
    for name in evaluation.graph.declared:
        value = evaluation.slots[evaluation.graph.names[name]]
        if isinstance(value, Tensor) and value.is_leaf:
            names.setdefault(id(value), name)

    def leaf(node: Any) -> Leaf:
        if not isinstance(node, AccumulateGrad):
            return None, None
        return names.get(id(node.variable)), node.variable.shape

    return leaf
