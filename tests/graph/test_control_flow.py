"""Control flow: loops and branches that look at values, and the graph that they leave behind."""

from __future__ import annotations

import pytest

import gradcli
from gradcli.errors import SpecError
from gradcli.graph.evaluate import Limits
from tests.graph.runs import failure, nodes, run, values


@pytest.mark.parametrize(("start", "turns"), [(1.0, 10), (999.0, 1), (1000.0, 0)])
def test_while_looks_at_values(start: float, turns: int) -> None:
    """A while loop doubles until the norm is 1000 at least; its graph has what ran, and the gradient is 2 per turn."""
    result = run(f"""
parameters: {{x: {start}}}
ops:
  y: {{carry: {{h: x}}, while: h.norm() < 1000, ops: {{h: h * 2}}}}
backward: y.h
""")
    assert result["y.h"].item() == start * 2**turns
    assert result["x"].grad == 2**turns
    assert nodes(result, "y.h") == (["MulBackward0"] * turns + ["AccumulateGrad"] if turns else [])


def test_zero_turns_give_the_initial_tensor_itself() -> None:
    """After no turn the carried name is the very tensor that it began with."""
    result = run("parameters: {x: 2.0}\nops: {y: {carry: {h: x}, repeat: 0, ops: {h: h * 2}}}")
    assert result["y.h"] is result["x"]


def test_a_step_reports_each_leaf_once() -> None:
    """Other names of a leaf, such as an alias or a loop after no turn, are no leaves of their own."""
    head = "ops: {a: x, y: {carry: {h: a}, repeat: 0, ops: {h: h * 2}}, k: {expr: x * 2, retain_grad: true}, l: k}\n"
    result = run(head + "parameters: {x: 2.0}\nbackward: k * y.h")
    assert {name: g.tolist() for name, g in result.backward[0].items()} == {"k": 2, "x": 8}


def test_new_values_take_effect_together() -> None:
    """In a turn carried names mean their values at its start: Fibonacci needs no third name."""
    text = "ops: {f: {carry: {a: 0, b: 1}, repeat: 10, ops: {a: b, b: a + b}}}"
    assert values(text, "f.a", "f.b") == [55, 89]


def test_a_carried_name_without_an_op_keeps_its_value() -> None:
    """What the body does not compute anew stays."""
    assert values("ops: {f: {carry: {a: 0, k: 3}, repeat: 4, ops: {a: a + k}}}", "f.a", "f.k") == [12, 3]


def test_for_goes_over_rows() -> None:
    """A tensor is gone over row by row, and the gradient reaches every row through unbind."""
    result = run("""
parameters: {xs: [[1.0, 2.0], [3.0, 4.0]]}
ops: {y: {carry: {s: 0}, for: x_t in xs, ops: {s: s * 10 + x_t.sum()}}}
backward: y.s
""")
    assert result["y.s"].item() == 37
    assert result["xs"].grad.tolist() == [[10, 10], [1, 1]]
    assert "UnbindBackward0" in nodes(result, "y.s")


def test_for_goes_over_a_range() -> None:
    """A range gives Python numbers, usable as indices."""
    text = """
inputs: {x: [1.0, 2.0, 4.0]}
ops: {y: {carry: {s: 0.0}, for: "i in range(1, 3)", ops: {s: "s + x[i] * i"}}}
"""
    assert values(text, "y.s") == [10]


def test_for_goes_over_a_zip() -> None:
    """A zip gives one value for each name, as long as the shortest lasts."""
    text = """
inputs: {xs: [1.0, 2.0, 3.0], ms: [10.0, 100.0]}
ops: {y: {carry: {s: 0.0}, for: "x, m in zip(xs, ms)", ops: {s: s + x * m}}}
"""
    assert values(text, "y.s") == [210]


def test_repeat_takes_an_expression() -> None:
    """The number of turns may be an expression that gives an int."""
    text = "inputs: {x: [1.0, 1.0, 1.0]}\nops: {y: {carry: {h: 1}, repeat: 'x.shape[0] + 1', ops: {h: h * 2}}}"
    assert values(text, "y.h") == [16]


def test_repeat_takes_a_tensor_that_holds_an_int() -> None:
    """As `range` does, and no other tensor."""
    text = "inputs: {{n: {}}}\nops: {{y: {{carry: {{h: 1}}, repeat: n, ops: {{h: h * 2}}}}}}"
    assert values(text.format(3), "y.h") == [8]
    assert failure(text.format(3.0)).diagnostics[0].message == "repeat takes a whole number, not a Tensor"


def test_loops_nest() -> None:
    """A loop in a loop starts anew in each turn of the outer one."""
    text = """
ops:
  y:
    carry: {s: 0}
    for: i in range(4)
    ops:
      inner: {carry: {t: 0}, for: j in range(3), ops: {t: t + i}}
      s: s + inner.t
"""
    assert values(text, "y.s") == [18]


def test_only_the_carried_names_exist_outside() -> None:
    """What the body declares besides is not seen from outside."""
    text = "ops: {y: {carry: {h: 1}, repeat: 2, ops: {h: h * k, k: h + 1}}, z: y.k}"
    assert failure(text).diagnostics[0].code == "GC207"


@pytest.mark.parametrize(("x", "value", "grad"), [(3.0, 6, 2), (-3.0, 3, -1)])
@pytest.mark.parametrize(
    "form", ["{if: x.sum() > 0, then: {out: x * 2}, else: {out: -x}}", "x * 2 if x.sum() > 0 else -x"]
)
def test_a_branch_records_the_side_that_ran(form: str, x: float, value: float, grad: float) -> None:
    """Only the side that the condition chose is evaluated and differentiated."""
    name = "s.out" if form.startswith("{") else "s"
    result = run(f"parameters: {{x: {x}}}\nops: {{s: {form}}}\nbackward: {name}")
    assert (result[name].item(), result["x"].grad) == (value, grad)


def test_the_other_side_is_not_evaluated() -> None:
    """A side that would fail does no harm where it does not run."""
    assert values("inputs: {x: [1.0]}\nops: {s: 'x if x.shape[0] == 1 else x[5]'}", "s") == [[1.0]]


def test_and_or_stop_where_they_are_decided() -> None:
    """Operands are evaluated from left to right until one decides, and its value is the value."""
    text = "inputs: {x: [1.0]}\nops:\n  a: x.shape[0] == 1 or x[7]\n  b: x.shape[0] == 2 and x[7]\n  c: not x\n"
    assert values(text, "a", "b", "c") == [True, False, False]


def test_a_condition_of_several_elements_is_ambiguous() -> None:
    """A tensor of several elements is neither true nor false, in PyTorch's words."""
    error = failure("inputs: {x: [1.0, 2.0]}\nops: {y: 1 if x > 0 else 2}")
    assert "Boolean value of Tensor with more than one value is ambiguous" in str(error)


def test_the_graph_is_built_anew_at_each_evaluation() -> None:
    """A compiled loop takes as many turns as its values ask for in that call."""
    import gradcli

    text = (
        "inputs: {n: 2}\nparameters: {x: 1.0}\nops: {y: {carry: {h: x}, while: h < n, ops: {h: h * 2}}}\nbackward: y.h"
    )
    step = gradcli.compile(gradcli.loads(text))
    assert [step(n=n)["x"].grad.item() if n > 1 else step(n=n)["y.h"].item() for n in (8, 1, 100)] == [8, 1, 128]


def test_endless_loops_end() -> None:
    """A loop without end is stopped by --max-steps, with the place of the loop."""
    spec = gradcli.loads("ops:\n  y: {carry: {h: 1.0}, while: h > 0, ops: {h: h + 1}}")
    with pytest.raises(SpecError, match="the loops took more than 50 turns") as caught:
        gradcli.run(spec, limits=Limits(max_steps=50))
    diagnostic = caught.value.diagnostics[0]
    assert (diagnostic.code, diagnostic.span.line) == ("GC903", 2)
