"""Scopes, loops, branches and the order of ops."""

from __future__ import annotations

import pytest

from tests.spec.notation import HEAD, lines, load, ops


def test_ops_are_ordered_by_use() -> None:
    """What is used above its own line is evaluated just before the op that first uses it."""
    assert ops("a: -x\nb: c + d\nd: -y\nc: -d\ne: -w") == [
        "a = operator.neg(x)",
        "d = operator.neg(y)",
        "c = operator.neg(d)",
        "b = operator.add(c, d)",
        "e = operator.neg(w)",
    ]


def test_names_are_listed_in_document_order() -> None:
    """Reports list declared names as they were written, and a part's name finds it."""
    graph = load(HEAD + "  b: c * 2 + 1\n  s: {ops: {c: x}}\n  c: -x\n")
    assert graph.declared == ["x", "y", "w", "b", "s.c", "c"]
    assert list(graph.names) == ["x", "y", "w", "b.0", "b", "s.c", "c"]


def test_a_scope_sees_its_own_names_first() -> None:
    """Inside a scope a name means the innermost declaration around it; scopes name each other's tensors by dots."""
    assert ops("h: -x\ne: {ops: {h: +x, z: h + d.h}}\nd: {ops: {h: e.h, f: {ops: {g: h}}}}\nz: d.f.g - h") == [
        "h = operator.neg(x)",
        "e.h = operator.pos(x)",
        "d.h = e.h",
        "e.z = operator.add(e.h, d.h)",
        "d.f.g = d.h",
        "z = operator.sub(d.f.g, h)",
    ]


def test_a_loop_reads_the_values_at_the_start_of_the_turn() -> None:
    """In the body a carried name is its value at the start of the turn, any other its value of this turn."""
    assert ops("l: {carry: {a: x, b: y, c: 1}, repeat: 3, ops: {a: b, b: t, t: a + c}}") == [
        "loop (l.a: {x}, l.b: {y}, l.c: {1} kept) repeatfor  in {3}"
        " {l.a = l.b; l.t = operator.add(l.a, l.c); l.b = l.t; -}"
    ]


def test_a_while_loop_sees_carried_and_outer_names() -> None:
    """`while` is tested with the carried names' values."""
    graph = load(HEAD + "  l: {carry: {h: x}, while: h < y, ops: {h: h * 2}}\n  z: l.h\n")
    (loop, alias) = graph.statements
    assert lines(graph)[1] == "z = l.h"
    carried = loop.carry[0]  # type: ignore[union-attr]
    test = loop.condition.statements[0]  # type: ignore[union-attr]
    assert test.args[0].slot == carried.inside
    assert alias.arg.slot == carried.outside  # type: ignore[union-attr]
    assert len({carried.inside, carried.outside, carried.update}) == 3


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("for: r in x", "for l.r in {x}"),
        ("for: i in range(3)", "for l.i in {l.0 = builtin.range(3); l.0}"),
        ('for: "a, b in zip(x, -y)"', "for l.a, l.b in {l.0 = operator.neg(y); l.1 = builtin.zip(x, l.0); l.1}"),
        ("repeat: 'x.shape[0]'", "repeatfor  in "),
    ],
)
def test_for_binds_rows_and_counts(head: str, expected: str) -> None:
    """`for` goes over rows, a range or a zip; `repeat` takes an expression too."""
    (line,) = ops(f"l: {{carry: {{h: x}}, {head}, ops: {{h: h}}}}")
    assert expected in line


def test_a_carried_form_may_be_a_literal_or_a_file_form() -> None:
    """Carried names start with any tensor form, resolved outside; a plain number stays a number."""
    (line,) = ops("l: {carry: {a: [1, 2], b: {value: 0, dtype: float64}, h: -x}, repeat: 1, ops: {a: a}}")
    assert line.startswith("loop (l.a: [1, 2], l.b: 0 kept, l.h: {_")


def test_a_loop_is_ordered_as_a_whole() -> None:
    """What a body uses is evaluated before the whole loop."""
    first, second, third = ops("z: l.h\nl: {carry: {h: x}, repeat: 2, ops: {h: h + k}}\nk: -y")
    assert first == "k = operator.neg(y)"
    assert second.startswith("loop")
    assert third == "z = l.h"


def test_a_branch_shows_what_both_sides_declare() -> None:
    """Names of both sides are seen outside, of nested scopes too; each side is ordered on its own."""
    graph = load(
        HEAD
        + "  s: {if: x > 0, then: {o: t, t: -x, e: {ops: {h: x}}}, else: {e: {ops: {h: y}}, o: y}}\n"
        + "  z: s.e.h + s.o\n"
    )
    assert lines(graph) == [
        "branch {s.0 = operator.gt(x, 0); s.0} {s.t = operator.neg(x); s.o = s.t; s.e.h = x; -}"
        " else {s.e.h = y; s.o = y; -} -> s.o, s.e.h",
        "z = operator.add(s.e.h, s.o)",
    ]
    assert graph.declared[3:] == ["s.o", "s.e.h", "z"]


def test_loops_nest() -> None:
    """A loop in a loop carries for the outer body, and a scope in a body keeps its names."""
    graph = load(
        HEAD
        + """
  o:
    carry: {h: x}
    repeat: 2
    ops:
      i: {carry: {g: h}, repeat: 3, ops: {g: s.k, s: {ops: {k: g * 2}}}}
      h: i.g
"""
    )
    assert lines(graph) == [
        "loop (o.h: {x}) repeatfor  in {2} {loop (o.i.g: {o.h}) repeatfor  in {3}"
        " {o.i.s.k = operator.mul(o.i.g, 2); o.i.g = o.i.s.k; -}; o.h = o.i.g; -}"
    ]
    assert graph.declared[3:] == ["o.h"]


def test_twenty_thousand_ops_are_ordered() -> None:
    """Resolution and order take linear time and no recursion, whichever way the ops are written."""
    count = 20_000
    chain = "".join(f"  h{i}: h{i + 1} + x\n" for i in range(count)) + f"  h{count}: x\n"
    graph = load(HEAD + chain)
    assert lines(graph)[:2] == [f"h{count} = x", f"h{count - 1} = operator.add(h{count}, x)"]
    assert len(graph.statements) == count + 1


CALLS = [
    ("z: {op: relu, args: [x]}", ["z = nn.functional.relu(x)"]),
    ("z: {op: relu, args: [x @ w]}", ["z.0 = operator.matmul(x, w)", "z = nn.functional.relu(z.0)"]),
    ("z: {op: torch.softmax, args: [x, 0], kwargs: {dtype: float64}}", ["z = torch.softmax(x, 0, dtype=float64)"]),
    ("z: {op: softmax, args: [x], kwargs: {dim: y.dim() - 1}}",
     ["z.0 = method.dim(y)", "z.1 = operator.sub(z.0, 1)", "z = nn.functional.softmax(x, dim=z.1)"]),
    ("z: {op: binary_cross_entropy_with_logits, args: [x, y], kwargs: {reduction: sum}}",
     ["z = nn.functional.binary_cross_entropy_with_logits(x, y, reduction='sum')"]),
    ("z: {op: cat, args: [[x, -y], 0]}", ["z.0 = operator.neg(y)", "z = torch.cat([x, z.0], 0)"]),
    ('z: {op: einsum, args: ["i,i->", x, y]}', ["z = torch.einsum('i,i->', x, y)"]),
    ("z: {op: max, args: [x, y]}", ["z = torch.max(x, y)"]),
    ("z: {op: max, args: [x, 0]}", ["z = torch.max(x, 0)"]),
    ("z: {op: norm, args: [x, fro]}", ["z = torch.norm(x, 'fro')"]),
    ("z: {op: norm, args: [x, inf]}", ["z = torch.norm(x, inf)"]),
    ("z: {op: linear, args: [x, w, null]}", ["z = nn.functional.linear(x, w, None)"]),
    ("z: {op: Tensor.reshape, args: [x, 3, '-1']}", ["z = Tensor.reshape(x, 3, -1)"]),
    ("z: {op: sum, args: [x], kwargs: {dim: [0, 1], keepdim: true}}", ["z = torch.sum(x, dim=[0, 1], keepdim=True)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CALLS, ids=[case[0] for case in CALLS])
def test_the_signature_says_what_a_text_is(text: str, expected: list[str]) -> None:
    """In a tensor's or number's place a text is an expression, in a text's place itself, in a dtype's place a dtype."""
    assert ops(text) == expected
