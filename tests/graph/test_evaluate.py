"""Evaluation: order, names, flags, parts and numbers of a spec as it runs."""

from __future__ import annotations

import numpy as np
import pytest

import gradcli
from gradcli.errors import SpecError
from gradcli.graph.evaluate import Limits
from tests.graph.runs import failure, plain, run, values


def test_ops_may_use_what_is_written_below() -> None:
    """An op may use another that is written below it; reports keep the document's order."""
    result = run("inputs: {x: 3.0}\nops: {b: a * 2, a: x + 1}")
    assert result["b"].item() == 8
    assert list(result) == ["x", "b", "a"]


def test_random_numbers_are_drawn_in_order() -> None:
    """Numbers are drawn from top to bottom, except that what is used above its line comes just before its first use."""
    plain_order = values("ops: {a: rand(2), b: rand(2)}", "a", "b")
    assert values("ops: {c: b + 0, a: rand(2), b: rand(2)}", "b", "a") == plain_order
    first, second = values("inputs: {a: rand(2), b: rand(2)}", "a", "b")
    assert [first, second] == plain_order
    assert values("ops: {c: rand(2) - rand(2)}", "c") == [(np.float32(first) - np.float32(second)).tolist()]


def test_the_seed_decides_the_numbers() -> None:
    """manual_seed 0 is the default, gives torch's numbers, and another seed gives others."""
    text = "parameters: {w: 'randn(5, 3)'}"
    default, zero, one = (values(head + text, "w")[0] for head in ("", "manual_seed: 0\n", "manual_seed: 1\n"))
    np.testing.assert_allclose(default[0], [1.5410, -0.2934, -2.1788], atol=5e-5)
    assert default == zero != one


def test_unused_ops_are_evaluated_too() -> None:
    """An op that nothing uses is still computed, and fails where it must."""
    assert failure("inputs: {x: [1.0]}\nops: {a: x + 1, b: 'x[7]'}").diagnostics[0].code.startswith("GC")


def test_the_default_dtype() -> None:
    """`dtype` decides what floats are, also those of creation and of parameters' integers."""
    text = "dtype: float64\ninputs: {a: 1.0, i: 2}\nparameters: {p: 3}\nops: {o: ones(2), d: a / i}"
    result = run(text)
    assert [str(result[n].dtype) for n in ("a", "i", "p", "o", "d")] == [
        "float64",
        "int64",
        "float64",
        "float64",
        "float64",
    ]


def test_no_grad_holds_at_any_depth() -> None:
    """no_grad holds for what is written inside it, through calls, scopes, loops and branches, until no_grad: false."""
    result = run("""
parameters: {x: 2.0}
ops:
  a: {expr: x * 2, no_grad: true}
  b: {op: mul, args: [x, 2], no_grad: true}
  s:
    no_grad: true
    ops:
      h: x * 2
      again: {expr: x * 3, no_grad: false}
      inner: {ops: {g: x * 4}}
      loop: {carry: {h: x}, repeat: 2, ops: {h: h * 2}}
      branch: {if: x > 0, then: {out: x * 5}, else: {out: x}}
      choice: x * 6 if x > 0 else x
""")
    names = ["a", "b", "s.h", "s.again", "s.inner.g", "s.loop.h", "s.branch.out", "s.choice"]
    assert [n for n in names if result[n].requires_grad] == ["s.again"]


def test_detach_and_requires_grad_make_new_leaves() -> None:
    """A detached op with requires_grad is a leaf of its own, with a grad of its own."""
    result = run("""
parameters: {x: 3.0}
ops:
  h: x * 2
  leaf: {expr: h.detach(), requires_grad: true}
  y: leaf * h
backward: y
""")
    assert result["leaf"].is_leaf
    assert (result["leaf"].grad, result["x"].grad) == (6, 12)


def test_frozen_parameters_get_no_grad() -> None:
    """A parameter with requires_grad: false is a constant of the graph."""
    result = run("parameters: {w: 2.0, k: {value: 3.0, requires_grad: false}}\nops: {y: w * k}\nbackward: y")
    assert (result["w"].grad, result["k"].grad, result["k"].requires_grad) == (3, None, False)


def test_parts_are_numbered_in_evaluation_order() -> None:
    """One part per operator or call as written; the outermost has the op's own name."""
    result = run("inputs: {x: [1.0, 2.0], w: [3.0, 4.0]}\nops: {z: (x * w).sum() - x.max() / 2}")
    assert [plain(result[name]) for name in ("z.0", "z.1", "z.2", "z.3", "z")] == [[3, 8], 11, 2, 1, 10]
    assert "z.4" not in result


def test_a_part_can_be_an_output() -> None:
    """A backward step may name a part."""
    result = run("parameters: {x: 3.0}\nops: {z: x * x + 1}\nbackward: z.0")
    assert result["x"].grad == 6


def test_numbers_stay_python_s() -> None:
    """Sizes and constants are Python numbers: weak in promotion, usable as sizes."""
    result = run(
        "inputs: {x: {value: [1.0, 2.0], dtype: float16}}\nops: {n: 'x.shape[0]', k: 2.5, y: x * k, z: zeros(n)}"
    )
    assert (result["n"], result["k"]) == (2, 2.5)
    assert str(result["y"].dtype) == "float16"
    assert result["z"].shape == (2,)


def test_numbers_are_converted_as_python_does() -> None:
    """`int`, `float` and `bool` of a number are Python's; of a tensor they are the ops of these names."""
    text = "inputs: {x: [1.5, 2.5]}\nops: {a: int(x), n: x.shape[0], d: int(n / 2 + 0.7), e: float(n), o: ones(d)}"
    assert values(text.replace("x.shape[0]", "len(x)"), "a", "d", "e", "o") == [[1, 2], 1, 2.0, [1]]
    assert str(run("inputs: {x: [1.5]}\nops: {a: bool(x)}")["a"].dtype) == "bool"


def test_a_name_alone_is_an_alias() -> None:
    """An op that is only a name is the same tensor."""
    result = run("parameters: {x: 2.0}\nops: {y: x, z: y * y}\nbackward: z")
    assert result["y"] is result["x"]
    assert result["x"].grad == 4


def test_several_results() -> None:
    """Results have names, positions and the op's own names for them; each can be differentiated."""
    result = run("""
parameters: {a: [[2.0, 1.0], [1.0, 3.0]]}
ops:
  v, i: max(a, 1)
  both: max(a, 1)
  named: both.values * 1
backward: [{output: "both[0]", v: [1.0, 1.0]}]
""")
    assert (
        result["v"].tolist()
        == result["both"][0].tolist()
        == result["both[0]"].tolist()
        == result["named"].tolist()
        == [2, 3]
    )
    assert result["i"].tolist() == [0, 1]
    assert result["a"].grad.tolist() == [[1, 0], [0, 1]]


def test_calls_bind_by_the_signature() -> None:
    """In args and kwargs a string is a tensor, a string or a dtype, as the signature says; lists are lists of them."""
    assert values(
        """
inputs: {x: [1.0, 2.0], y: [3.0, 4.0]}
ops:
  c: {op: cat, args: [[x, y + 1]]}
  s: {op: sum, args: [x], kwargs: {dtype: float64}}
  l: {op: nn.functional.mse_loss, args: [x, y], kwargs: {reduction: sum}}
  g: {op: gelu, args: [x], kwargs: {approximate: none}}
""",
        "c", "l",
    ) == [[1, 2, 4, 5], 8]  # fmt: skip


def test_calls_choose_the_overload_whose_place_a_string_suits() -> None:
    """A text that names nothing is a string where an overload takes one; attributes are ops too."""
    result = run("""
inputs: {x: "ones(1, 1, 3, 3)", w: "ones(1, 1, 3, 3)", m: [[1.0, 2.0], [3.0, 4.0]]}
ops:
  k: 1
  a: {op: conv2d, args: [x, w], kwargs: {padding: same}}
  b: {op: conv2d, args: [x, w, null, 1, valid]}
  c: {op: conv2d, args: [x, w], kwargs: {padding: k}}
  t: {op: T, args: [m]}
""")
    assert [result[name].shape for name in "abc"] == [(1, 1, 3, 3), (1, 1, 1, 1), (1, 1, 3, 3)]
    assert result["t"].tolist() == [[1, 3], [2, 4]]


def test_keywords_may_have_numpy_s_names() -> None:
    """PyTorch takes `axis` for `dim` and `keepdims` for `keepdim`."""
    called = "{op: sum, args: [x], kwargs: {axis: 0, keepdims: true}}"
    text = f"inputs: {{x: [[1.0, 2.0], [3.0, 4.0]]}}\nops: {{a: x.sum(axis=0), b: {called}}}"
    assert values(text, "a", "b") == [[4, 6], [[4, 6]]]


def test_backward_steps_run_in_order() -> None:
    """Steps accumulate, are labelled, and zero_grad sets the grads to none."""
    result = run("""
parameters: {x: [1.0, 2.0], k: 1.0}
ops: {y: x * x * k}
backward:
  - {output: y, v: ones_like(y), retain_graph: true, label: one}
  - {output: y, v: "x.grad", retain_graph: true}
  - {zero_grad: [x]}
  - {output: [y, y.sum()], v: [[1, 0], null], inputs: [x]}
""")
    grads = [{k: None if g is None else g.tolist() for k, g in step.items()} for step in result.backward]
    assert grads == [
        {"x": [2, 4], "k": 5},
        {"x": [6, 20], "k": 5 + 18},
        {"x": None, "k": 23},
        {"x": [4, 4], "k": 23},
    ]


def test_errors_have_the_place_of_the_statement() -> None:
    """An error of an op is a finding at the call's line and column."""
    (diagnostic,) = failure("inputs:\n  x: ones(2, 3)\nops:\n  y: 1 + matmul(x, x)\n").diagnostics
    assert (diagnostic.span.line, diagnostic.span.column, diagnostic.code) == (4, 10, "GC301")
    assert diagnostic.message == "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"


def test_cycles_are_shown() -> None:
    """Ops that need each other are an error that shows the cycle."""
    message = str(failure("ops: {a: b + 1, b: c, c: a * 2}"))
    assert "`a` → `b` → `c` → `a`" in message


def test_a_tensor_that_is_too_large_is_refused_before_it_is_made() -> None:
    """max_memory refuses an op that would exceed it, with the place of the op."""
    with pytest.raises(SpecError) as caught:
        gradcli.run(
            gradcli.loads("inputs: {x: 1.0}\nops:\n  y: ones(100000, 100000) * x"), limits=Limits(max_memory=1 << 30)
        )
    assert caught.value.diagnostics[0].code == "GC901"
    assert caught.value.diagnostics[0].span.line == 3


def test_the_default_limit_is_the_machine_s() -> None:
    """Without a limit of its own a spec cannot ask for more memory than there is."""
    assert failure("ops: {y: 'zeros(300000, 300000)'}").diagnostics[0].code == "GC901"


def test_every_finding_of_a_failed_evaluation_is_a_finding_of_the_spec() -> None:
    """Errors of NumPy and Python inside an evaluation never come out raw."""
    for text in (
        "ops: {y: '1 // 0'}",
        "inputs: {x: [1]}\nops: {y: x // 0}",
        "ops: {y: '2 ** 100000'}",
        "ops: {y: 'range(1)[3]'}",
    ):
        assert failure(text).diagnostics


@pytest.mark.parametrize(
    ("numbers", "dtype", "stored"),
    [("[-1, -255]", "uint8", [255, 1]), ("[2.7]", "uint8", [2]), ("[1j, 0]", "bool", [True, False])],
)
def test_literals_become_what_torch_tensor_makes_of_them(numbers: str, dtype: str, stored: list[object]) -> None:
    """Negative integers wrap in uint8, fractions are cut off, and everything but zero is true."""
    written = f"{{a: {{value: {numbers}, dtype: {dtype}}}, b: 'tensor({numbers}, dtype={dtype})'}}"
    assert values(f"inputs: {written}", "a", "b") == [stored, stored]


@pytest.mark.parametrize(
    ("number", "dtype", "message"),
    [
        ("1j", "float32", "must be real number, not complex"),
        ("1j", "int64", "'complex' object cannot be interpreted as an integer"),
        ("-256", "uint8", "value cannot be converted to type uint8 without overflow"),
        ("-0.5", "uint8", "value cannot be converted to type uint8 without overflow"),
        ("127.5", "int8", "value cannot be converted to type int8 without overflow"),
        ("nan", "int32", "value cannot be converted to type int32 without overflow"),
    ],
)
@pytest.mark.parametrize("form", ["{{value: [{}], dtype: {}}}", "'tensor([{}], dtype={})'"])
def test_literals_that_a_dtype_cannot_hold(form: str, number: str, dtype: str, message: str) -> None:
    """A number without a place in the dtype is PyTorch's error."""
    assert failure(f"inputs: {{a: {form.format(number, dtype)}}}").diagnostics[0].message == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("x + None", "unsupported operand type(s) for +: 'Tensor' and 'NoneType'"),
        ("x @ 2", "unsupported operand type(s) for @: 'Tensor' and 'int'"),
        ("2 @ x", "unsupported operand type(s) for @: 'int' and 'Tensor'"),
        ("2 @ 3", "unsupported operand type(s) for @: 'int' and 'int'"),
        ("x < None", "'<' not supported between instances of 'Tensor' and 'NoneType'"),
        ("~x", "~ (operator.invert) is only implemented on integer and Boolean-type tensors"),
    ],
)
def test_operators_refuse_operands_in_python_s_words(expression: str, message: str) -> None:
    """What an operator has no meaning for is the error of the same Python program."""
    assert failure(f"inputs: {{x: [1.0]}}\nops:\n  z: '{expression}'").diagnostics[0].message == message
