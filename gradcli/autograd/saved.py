"""Saved values: what the formulas' parameters stand for when a node's turn comes."""

from __future__ import annotations

from typing import Any

from gradcli.autograd.grad_fn import Cast, GradFn
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def recorded(node: GradFn) -> list[Any]:
    """Return the saved values as Tensors, for a pass that is recorded; raise AutogradError where they are freed."""
    if node.saved is None:
        raise AutogradError(FREED, code="GC402", hint="write retain_graph: true on the earlier backward step")
    kinds = [kind for kind, _ in node.plan.saved]
    return [_results(v, node) if kind == "out" else _as_tensor(v) for kind, v in zip(kinds, node.saved, strict=True)]


def raw(value: Any) -> Any:
    """Return a saved value as data, for a pass that is not recorded."""
    kind = type(value)
    if kind is Cast:
        return value.raw
    if kind is list:
        return [raw(item) for item in value]
    return value.data if kind is Tensor else value


def _as_tensor(value: Any) -> Any:
    kind = type(value)
    if kind is Cast:
        from gradcli.ops.creation import to_dtype

        return to_dtype(value.tensor, str(value.raw.dtype))
    if kind is list:
        return [_as_tensor(item) for item in value]
    return value


def _results(raw: Any, node: GradFn) -> Any:
    """Return the results of a node as its outputs; they were kept without it, so that no cycle arises."""
    if node.op.outputs is None and not isinstance(raw, (list, tuple)):
        return Tensor.of_node(raw, node, 0)
    names = node.op.outputs or ()
    constant = [i < len(names) and names[i] in node.op.constant for i in range(len(raw))]
    return tuple(
        Tensor(r) if fixed else Tensor.of_node(r, node, i)
        for i, (r, fixed) in enumerate(zip(raw, constant, strict=True))
    )
