"""The catalogue: every record is complete, every public name finds its op, and every op has a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any

import numpy as np
import pytest

from gradcli.api.catalogue import op_list, op_page
from gradcli.autograd import higher  # noqa: F401 - declares autograd.grad
from gradcli.autograd.backward import grad
from gradcli.autograd.grad_fn import GradFn
from gradcli.autograd.tensor import Tensor
from gradcli.errors import AutogradError
from gradcli.ops import registry
from gradcli.ops._families import broadcast_rule
from gradcli.ops._op import Composite, Op
from gradcli.ops._samples import Sample
from gradcli.render.ops_text import render_op
from tests.ops.cases import CASES, results, samples_of
from tests.ops.structured import STRUCTURED

registry.load()
PUBLIC = {id(overload.record) for overloads in registry.OVERLOADS.values() for overload in overloads}
NAMES = sorted(registry.OVERLOADS)
ELSEWHERE = {
    "grad": "autograd.grad takes results of ops; tests/autograd/test_higher.py holds it",
    "geqrf": "PyTorch has no derivative of it; test_structured.py holds its values",
    "matrix_rank": "a whole number; test_structured.py holds it",
}
"""Records that no generated test can try, and what tries them instead."""
BY_HAND = {id(overload.record) for name in STRUCTURED for overload in registry.overloads(name.partition(" ")[0])}
"""Records that tests/ops/test_structured.py tries."""


def takes(record: Op | Composite, count: int) -> bool:
    """Return whether a record can be called with so many values."""
    if isinstance(record, Op):
        return count <= len(record.params) and all(name in record.defaults for name in record.params[count:])
    try:
        signature(record.function).bind(*range(count))
    except TypeError:
        return False
    return True


def test_every_composite_of_tensors_has_samples() -> None:
    """What takes a tensor and is computed from other ops is tried by the generated tests."""
    composites = [r for r in registry.records() if isinstance(r, Composite) and id(r) not in BY_HAND]
    taking = [r for r in composites if any(p.kind.startswith("Tensor") for p in r.signature.params)]
    untried = {r.name for r in taking if not any(isinstance(s, Sample) for s in samples_of(r))}
    assert untried - set(ELSEWHERE) == set()


def test_every_derivative_is_tried() -> None:
    """Each op with a derivative has samples, or leaves a node in the derivatives of another's up to the third."""
    ran = {id(case.record) for case in CASES} | BY_HAND
    for inputs, outputs in (*drawn_calls(), *structured_calls()):
        differentiable = [t for t in outputs if t.requires_grad]
        ran |= nodes_below(differentiable)
        if differentiable:
            first = [g for g in first_gradients(differentiable, inputs) if g is not None and g.requires_grad]
            ran |= nodes_below(first) | nodes_below(first_gradients(first, inputs) if first else ())
    untried = {r.name for r in registry.records() if isinstance(r, Op) and r.vjp and id(r) not in ran}
    assert untried - set(ELSEWHERE) == set()


def drawn_calls() -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Yield the tensors of every sample and what its record gives."""
    for case in CASES:
        drawn = case.draw()
        yield drawn.tensors, results(case.call(drawn.args, drawn.kwargs))


def structured_calls() -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Yield the tensors of every structured call and what it gives."""
    draws = np.random.RandomState(0)
    for function, shapes in STRUCTURED.values():
        inputs = [Tensor(draws.uniform(-1, 1, shape), True) for shape in shapes]
        yield inputs, results(function(*inputs))


def nodes_below(tensors: Sequence[Tensor | None]) -> set[int]:
    """Return the identities of the ops in the graph below some tensors."""
    seen: set[Any] = set()
    stack = [t.grad_fn for t in tensors if t is not None]
    while stack:
        node = stack.pop()
        if isinstance(node, GradFn) and node not in seen:
            seen.add(node)
            stack.extend(following for following, _ in node.next_functions)
    return {id(node.op) for node in seen}


def first_gradients(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """Return recorded gradients, or none where PyTorch has no derivative either."""
    with np.errstate(all="ignore"), suppress(AutogradError):
        ones = [Tensor(np.ones(t.shape, t.dtype), True) for t in outputs]
        return grad(outputs, inputs, ones, create_graph=True, allow_unused=True)
    return ()


@pytest.mark.parametrize("name", NAMES)
def test_signatures_fit_what_they_lead_to(name: str) -> None:
    """Each overload's signature parses and fits its record; no two overloads are alike."""
    overloads = registry.overloads(name)
    for overload in overloads:
        count = len(overload.signature.params)
        assert takes(overload.record, count), f"{overload.signature.text} leads to {overload.record}"
    twice = [text for text, n in Counter(repr(o.signature.params) for o in overloads).items() if n > 1]
    assert not twice


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_found_and_has_a_page(name: str) -> None:
    """Each name is exact, its shortest form leads back to it, and its page says what it computes and in which form."""
    assert registry.find_exact(name) == name
    short = registry.shortest(name)
    assert op_page(short).name == short
    text = render_op(op_page(name))
    assert short in text
    for overload in registry.overloads(name):
        record = overload.record
        assert record.name
        if isinstance(record, Composite):
            assert record.function.__doc__, f"the composite {record.name} has no docstring"
        elif record.shape is broadcast_rule:
            assert record.latex, f"the elementwise op {record.name} has no formula"


def test_the_list_has_at_least_the_promised_ops() -> None:
    """More than 200 ops can be called from a spec, each under one shortest name."""
    names = [row.name for row in op_list().rows]
    assert len(names) == len(set(names)) > 200


def test_bare_names_are_looked_for_in_pytorch_s_order() -> None:
    """A bare name is that of nn.functional, else of torch, else of Tensor; a method is that of Tensor first."""
    assert registry.find_bare("softmax") == "nn.functional.softmax"
    assert registry.find_bare("sum") == "torch.sum"
    assert registry.find_bare("view") == "Tensor.view"
    assert registry.find_method("softmax") == "Tensor.softmax"
    assert registry.find_bare("no_such_op") is None


def test_other_spellings_are_exact() -> None:
    """`F.`, `torch.` and the namespaces lead to the same op."""
    assert registry.find_exact("F.softmax") == registry.find_exact("nn.functional.softmax") == "nn.functional.softmax"
    assert registry.find_exact("torch.linalg.solve") == registry.find_exact("linalg.solve") == "linalg.solve"
    assert registry.find_exact("torch.nn.functional.relu") == "nn.functional.relu"
