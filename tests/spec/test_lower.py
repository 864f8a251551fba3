"""Expressions become statements: one for each operator or call as written."""

from __future__ import annotations

import pytest

from gradcli.graph.graph import Apply
from gradcli.spec.expression import MAX_DEPTH
from tests.spec.notation import HEAD, load, ops

CASES = [
    ("z: x", ["z = x"]),
    ("z: 2", ["z = 2"]),
    ("z: true", ["z = True"]),
    ("z: '-1.5'", ["z = -1.5"]),
    ("z: -inf", ["z = -inf"]),
    ("z: 1j", ["z = 1j"]),
    ("z: (x, 'a', [1, ...])", ["z = (x, 'a', [1, ...])"]),
    ("z: x.to(float64)", ["z = method.to(x, float64)"]),
    ("z: x.to(torch.float)", ["z = method.to(x, float32)"]),
    ("z: -x", ["z = operator.neg(x)"]),
    ("z: ~x", ["z = operator.invert(x)"]),
    ("z: not x", ["z = operator.not_(x)"]),
    ("z: '- - 1'", ["z = operator.neg(-1)"]),
    ("z: 2 * 3", ["z = operator.mul(2, 3)"]),
    ("z: x @ w + y", ["z.0 = operator.matmul(x, w)", "z = operator.add(z.0, y)"]),
    (
        "z: x - (y - w) ** 2",
        ["z.0 = operator.sub(y, w)", "z.1 = operator.pow(z.0, 2)", "z = operator.sub(x, z.1)"],
    ),
    (
        "z: relu(x / y).sum(dim=0)",
        ["z.0 = operator.truediv(x, y)", "z.1 = nn.functional.relu(z.0)", "z = method.sum(z.1, dim=0)"],
    ),
    ("z: torch.softmax(x, 0)", ["z = torch.softmax(x, 0)"]),
    ("z: F.softmax(x, 0)", ["z = nn.functional.softmax(x, 0)"]),
    ("z: linalg.qr(x).Q", ["z.0 = linalg.qr(x)", "z = attr.Q(z.0)"]),
    ("z: Tensor.unfold(x, 0, 1, 1)", ["z = Tensor.unfold(x, 0, 1, 1)"]),
    ("z: x.T @ y.mT", ["z.0 = attr.T(x)", "z.1 = attr.mT(y)", "z = operator.matmul(z.0, z.1)"]),
    ("z: x.shape", ["z = attr.shape(x)"]),
    ("n: x.size(0) // len(y)", ["n.0 = method.size(x, 0)", "n.1 = builtin.len(y)", "n = operator.floordiv(n.0, n.1)"]),
    ("z: x[0]", ["z = operator.getitem(x, 0)"]),
    (
        "z: x[1:, None, ..., ::-1]",
        ["z = operator.getitem(x, (slice(1, None, None), None, ..., slice(None, None, -1)))"],
    ),
    ("z: x[y > 0]", ["z.0 = operator.gt(y, 0)", "z = operator.getitem(x, z.0)"]),
    ("z: x < y", ["z = operator.lt(x, y)"]),
    (
        "z: x < y < w",
        ["z.0 = operator.lt(x, y)", "z = {z.0} and {z = operator.lt(y, w); z}"],
    ),
    (
        "z: x < -y <= w != 1",
        [
            "z.0 = operator.neg(y)",
            "z.1 = operator.lt(x, z.0)",
            "z = {z.1} and {z.2 = operator.le(z.0, w); z.2} and {z = operator.ne(w, 1); z}",
        ],
    ),
    (
        "z: x and y or -w",
        ["z = {z.0 = {x} and {y}; z.0} or {z.1 = operator.neg(w); z.1}"],
    ),
    (
        "z: x * 2 if y.sum() > 0 else -x",
        [
            "z = if {z.0 = method.sum(y); z.1 = operator.gt(z.0, 0); z.1} {z = operator.mul(x, 2); z}"
            " else {z = operator.neg(x); z}"
        ],
    ),
    ("z: x if y else w", ["z = if {y} {x} else {w}"]),
    (
        "z: -x if y else (x + 1 if w else x)",
        ["z = if {y} {z = operator.neg(x); z} else {z = if {w} {z = operator.add(x, 1); z} else {x}; z}"],
    ),
    ("z: autograd.grad(x, w, create_graph=True)[0]",
     ["z.0 = autograd.grad(x, w, create_graph=True)", "z = operator.getitem(z.0, 0)"]),
    ("q, r: linalg.qr(x + 1)", ["q.0 = operator.add(x, 1)", "_5 = linalg.qr(q.0)", "q, r = *_5"]),
    ("relu: relu(x)\nz: relu + 1", ["relu = nn.functional.relu(x)", "z = operator.add(relu, 1)"]),
    ("linalg: x\nz: linalg.norm(linalg)", ["linalg = x", "z = linalg.norm(linalg)"]),
    ("z: >\n    x +\n    y", ["z = operator.add(x, y)"]),
    ("z: |\n    x +  # the first\n    y", ["z = operator.add(x, y)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_expression_becomes_its_operations(text: str, expected: list[str]) -> None:
    """Each operator or call is one statement in Python's order of evaluation; the outermost writes the op's slot."""
    assert ops(text) == expected


def test_a_conditional_inside_an_expression_has_parts_on_both_sides() -> None:
    """Where a conditional is not the outermost, its sides are parts, condition first, and it has no number itself."""
    (first, last) = ops("z: 1 + (x * 2 if y else -x)")
    assert first.endswith(" = if {y} {z.0 = operator.mul(x, 2); z.0} else {z.1 = operator.neg(x); z.1}")
    assert last == f"z = operator.add(1, {first.split(' = ')[0]})"


def test_shapes_on_the_way_are_no_parts() -> None:
    """`x.shape` computes nothing, so it has no number; taking a size of it has."""
    shape, size, z = ops("z: x * x.shape[0]")
    assert shape == f"{shape.split(' = ')[0]} = attr.shape(x)"
    assert size == f"z.0 = operator.getitem({shape.split(' = ')[0]}, 0)"
    assert z == "z = operator.mul(x, z.0)"


def test_names_that_look_alike_are_one() -> None:
    """Identifiers are normalized by NFKC, as Python does it."""
    assert ops("ﬁt: x\nz: fit + ﬁt") == ["fit = x", "z = operator.add(fit, fit)"]


def test_places_count_characters() -> None:
    """The span of an operation is where it was written, in characters, through quotes and blocks."""
    graph = load(HEAD + '  größe: x\n  z: "größe + \\u0078 @ w"\n')
    spans = [(s.span.line, s.span.column) for s in graph.statements if isinstance(s, Apply)]
    assert spans == [(5, 15), (5, 7)]


CHAINS = ["x" + " + x" * 5_000, "x" + ".relu()" * 5_000, "-" * 2_000 + "x", "x" + "[0]" * 5_000]


@pytest.mark.parametrize("text", CHAINS, ids=["sum", "methods", "signs", "indices"])
def test_long_chains_are_read(text: str) -> None:
    """A chain of thousands of operations is one expression as any other."""
    graph = load(HEAD + f"  z: {text}\n")
    assert graph.names[f"z.{len(graph.statements) - 2}"] > graph.names["z"]
    assert len(graph.statements) >= 2_000


@pytest.mark.parametrize("text", ["relu(" * 50 + "x" + ")" * 50, "x ** " * (MAX_DEPTH - 2) + "x"])
def test_nesting_is_followed_to_a_limit(text: str) -> None:
    """What people write is far below the limit of nesting."""
    assert load(HEAD + f"  z: {text}\n").names["z"] == 3


def test_no_grad_is_inherited_and_ended() -> None:
    """`no_grad` holds at any depth, and `no_grad: false` records again."""
    assert ops(
        """
e: {no_grad: true, ops: {a: -x, f: {ops: {b: -a}}, c: {expr: -b2, no_grad: false}, b2: f.b}}
d: {expr: -x, no_grad: true}
g: {op: relu, args: [x], no_grad: true}
h: -x"""
    ) == [
        "e.a = operator.neg(x) #",
        "e.f.b = operator.neg(e.a) #",
        "e.b2 = e.f.b",
        "e.c = operator.neg(e.b2)",
        "d = operator.neg(x) #",
        "g = nn.functional.relu(x) #",
        "h = operator.neg(x)",
    ]


def test_flags_are_marks() -> None:
    """`retain_grad` and `requires_grad` follow the op that they belong to."""
    assert ops("h: {expr: x.detach(), requires_grad: true}\nz: {op: relu, args: [h], retain_grad: true}") == [
        "h = method.detach(x)",
        "mark h False True",
        "z = nn.functional.relu(h)",
        "mark z True None",
    ]
