"""What is wrong with a spec is said with its code and place, all of it at once."""

from __future__ import annotations

import pytest

from gradcli.errors import SpecError
from gradcli.source.codes import CODES
from tests.spec.notation import HEAD, load

OPS = [
    # the language
    ("y2: x.add_(1)", ["GC122 4:9 `.add_()` is not part of the language"]),
    ("y2: x.backward()", ["GC122 4:9 `.backward()` is not part of the language"]),
    ("y2: (x + y).requires_grad_()", ["GC122 4:15 `.requires_grad_()` is not part of the language"]),
    ("y2: add(x, y, out=w)", ["GC122 4:17 `out=` is not part of the language"]),
    ('y2: "relu(x, inplace=True)"', ["GC122 4:16 `inplace=` is not part of the language"]),
    ("y2: x.data", ["GC122 4:9 `.data` is not part of the language"]),
    ("y2: print(x)", ["GC122 4:7 `print` is not part of the language"]),
    ("y2: range(3)", ["GC122 4:7 `range` is not part of the language"]),
    ("y2: torch.no_grad()", ["GC122 4:7 `torch.no_grad` is not part of the language"]),
    ('y2: "x + (lambda: x)"', ["GC121 4:13 a lambda is not part of the language"]),
    ("y2: stack([v for v in x])", ["GC121 4:13 a comprehension is not part of the language"]),
    ("y2: sum(v for v in x)", ["GC121 4:10 a generator is not part of the language"]),
    ("y2: (z := x)", ["GC121 4:8 an assignment `:=` is not part of the language"]),
    ("y2: z = x", ["GC121 4:9 an assignment is not part of an expression"]),
    ("y2: z += x", ["GC121 4:9 an assignment is not part of an expression"]),
    ("y2: x is y", ["GC121 4:7 `is` is not part of the language"]),
    ("y2: x in y", ["GC121 4:7 `in` is not part of the language"]),
    ("y2: 1 < x not in y", ["GC121 4:7 `not in` is not part of the language"]),
    ("y2: add(*x)", ["GC121 4:11 a starred argument is not part of the language"]),
    ("y2: add(**x)", ["GC121 4:11 a starred argument is not part of the language"]),
    ("y2: f'{x}'", ["GC121 4:7 an f-string is not part of the language"]),
    ("y2: b'x'", ["GC121 4:7 a bytes string is not part of the language"]),
    ("y2: await x", ["GC121 4:7 `await` is not part of the language"]),
    ("y2: x.__class__", ["GC121 4:9 `.__class__`: private attributes are not part of the language"]),
    ("y2: x._a()", ["GC121 4:9 `._a`: private attributes are not part of the language"]),
    ("y2: '{1: 2}'", ["GC121 4:8 a dictionary is not part of the language"]),
    ("y2: x << 1", ["GC121 4:7 `<<` is not part of the language"]),
    ("y2: x[0](y)", ["GC121 4:7 only ops and methods can be called"]),
    ("y2: (x", ["GC120 4:7 not an expression: '(' was never closed"]),
    ("y2: x +", ["GC120 4:9 not an expression: it ends where a value is expected"]),
    ("y2: x && y", ["GC120 4:10 not an expression: invalid syntax"]),
    ("y2: ''", ["GC120 4:8 the expression is empty"]),
    ("y2: x; y", ["GC120 4:8 not an expression: invalid syntax"]),
    ("y2: " + "(" * 300 + "x" + ")" * 300, ["GC905 4:7 the expression is nested too deeply"]),
    ("y2: " + "x ** " * 300 + "x", ["GC905"]),
    ("y2: " + "x if y else " * 300 + "x", ["GC905"]),
    ("y2: '" + "not " * 40_000 + "x'", ["GC905 4:8 the expression is nested too deeply"]),
    # names and ops
    ("y2: xx + ww", ["GC201 4:7 `xx` is not declared", "GC201 4:12 `ww` is not declared"]),
    ("y2: relu", ["GC201 4:7 `relu` is an op, not a value"]),
    ("y2: F.relu", ["GC201 4:7 `F.relu` is an op, not a value"]),
    ("y2: torch", ["GC201 4:7 `torch` is a namespace of ops, not a value"]),
    ("y2: foo.bar(1).baz", ["GC201 4:7 `foo` is not declared"]),
    ("y2: true", []),
    ("y2: true + 1", ["GC201 4:7 `true` is not declared"]),
    ("y2: softmaxx(x, 0)", ["GC202 4:7 there is no op `softmaxx`"]),
    ("y2: torch.foo(x)", ["GC202 4:7 there is no op `torch.foo`"]),
    ("y2: x(1)", ["GC202 4:7 `x` is a value, not an op"]),
    ("y2: x.summ()", ["GC202 4:9 there is no method `summ`"]),
    ("y2: x.foo", ["GC202 4:9 there is no attribute `foo`"]),
    ("y2: x.T()", ["GC202 4:9 `T` is an attribute, not a method"]),
    ("y2: relu(x).sum", ["GC202 4:15 `sum` is a method"]),
    ("y2: x.grad", ["GC207 4:9 `.grad` is there after a backward pass only, in `backward` and `expect`"]),
    ("y2: x.sum(dim=0, dim=1)", ["GC206 4:20 the argument `dim` is given twice"]),
    ("y2: softmax(x, dimension=0)", ["GC206 4:18 softmax() got an unexpected keyword argument 'dimension'"]),
    ("y2: relu(x, y)", ["GC206 4:7 relu() takes 1 positional arguments but 2 were given"]),
    ("y2: x.relu(y)", ["GC206 4:7 relu() takes 1 positional arguments but 2 were given"]),
    ("x: y", ["GC203 4:3 `x` is declared twice"]),
    ("a, a: x", ["GC203 4:6 `a` is declared twice"]),
    ("ﬁ: x\n  fi: y", ["GC203 5:3 `fi` is declared twice"]),
    ("float: x", ["GC204 4:3 `float` is a dtype and cannot be a name"]),
    ("pi: x", ["GC204 4:3 `pi` is a constant and cannot be a name"]),
    ("lambda: x", ["GC204 4:3 `lambda` is a keyword of Python and cannot be a name"]),
    ("my-y: x", ["GC204 4:3 `my-y` is no identifier and cannot be a name"]),
    ("a.b: x", ["GC204 4:3 `a.b` is no identifier and cannot be a name"]),
    ("a, : x", ["GC204 4:5 `` is no identifier and cannot be a name"]),
    ("a: a + 1", ["GC205 4:3 `a` needs itself"]),
    ("a: x\n  e: {ops: {a: a}}", ["GC205 5:13 `e.a` needs itself"]),
    ("a: b\n  b: c\n  c: a", ["GC205 4:3 these ops need each other: `a` → `b` → `c` → `a`"]),
    ("a: x + 1\n  b: a.0 + 1", ["GC207 5:6 `a.0` is a part, and cannot stand in an expression"]),
    ("a, b: (x, y, w)", ["GC208 4:3 2 names for 3 results"]),
    # forms
    ("y2:", ["GC111 4:6 `y2` must be an expression or a number, not nothing"]),
    ("y2: [1, 2]", ["GC111 4:7 `y2` must be an expression or a number, not a list"]),
    ("y2: {value: 1}", ["GC112 4:7 `y2` is a mapping of no known form"]),
    ("y2: {expr: x, op: relu}", ["GC113"]),
    ("y2: {expr: x, no_grd: true}", ["GC110 4:17 the expression `y2` has no key `no_grd`"]),
    ("y2: {expr: x, no_grad: yes}", ["GC111 4:26 `no_grad` must be `true` or `false`, not the text `yes`"]),
    ("y2: {no_grad: true}", ["GC112 4:7 `y2` is a mapping of no known form"]),
    ("y2: {args: [x]}", ["GC112 4:7 a call has no `op`"]),
    ("y2: {op: reluu, args: [x]}", ["GC202 4:12 there is no op `reluu`"]),
    ("y2: {op: relu, args: x}", ["GC111 4:24 `args` must be a list, not the text `x`"]),
    ("y2: {op: relu, args: [x, y]}", ["GC206 4:7 relu() does not take these arguments"]),
    ("y2: {op: relu, args: [[1.0]]}", ["GC206 4:25 the argument `input` must be a tensor, not a list"]),
    ("y2: {op: softmax, args: [x], kwargs: {dimm: 0}}",
     ["GC206 4:41 softmax() got an unexpected keyword argument 'dimm'"]),
    ("y2: {op: sum, args: [x], kwargs: {dtype: flaot}}", ["GC201 4:44 `flaot` is not declared"]),
    ("a, b: {ops: {c: x}}", ["GC204 4:3 a scope has one name, not `a, b`"]),
    ("e: {ops: {h: x}}\n  z: e + 1\n  q: e.g", ["GC209 5:6 `e` is a group of tensors, not one",
                                               "GC201 6:6 `e.g` is not declared"]),
    # loops and branches
    ("l: {carry: {h: x}, ops: {h: h}}", ["GC112 4:6 the loop `l` has no `while`, `for` or `repeat`"]),
    ("l: {carry: {h: x}, repeat: 3}", ["GC112 4:6 the loop `l` has no `ops`"]),
    ("l: {repeat: 3, ops: {h: x}}", ["GC112 4:6 the loop `l` carries nothing"]),
    ("l: {carry: {h: x}, repeat: 3, while: h, ops: {h: h}}", ["GC113 4:22 `while` and `repeat` exclude each other"]),
    ("l: {carry: {h: x}, repeat: -1, ops: {h: h}}",
     ["GC111 4:30 `repeat` must be a number of turns, not the number `-1`"]),
    ("l: {carry: {h: x}, for: i, ops: {h: h}}", ["GC111 4:27 `for` must be a text like `row in x`, not the text `i`"]),
    ("l: {carry: {h: x}, for: i in 3, ops: {h: h}}", ["GC210 4:32 a loop goes over rows, not over `3`"]),
    ("l: {carry: {h: x}, for: h in y, ops: {h: h}}", ["GC203 4:27 `h` is carried and cannot be bound by `for` too"]),
    ("l: {carry: {h: x}, repeat: 3, ops: {h: h, t: h}}\n  z: l.t + t",
     ["GC207 5:6 `l.t` exists only inside the loop `l`: carry it to see it outside",
      "GC207 5:12 `t` exists only inside the loop `l`: carry it to see it outside"]),
    ("l: {carry: {h: x}, repeat: 3, ops: {h: l.h}}", ["GC205 4:3 `l` needs itself"]),
    ("l: {carry: {h: x}, repeat: 3, ops: {h: {ops: {a: x}}}}",
     ["GC203 4:39 `h` is carried: its next value is one tensor, not a scope"]),
    ("s: {if: x, then: {a: x}, else: {b: x}}\n  z: s.a",
     ["GC210 4:6 the two sides of the branch `s` share no name",
      "GC207 5:6 `s.a` exists only in `then` of the branch `s`: declare it on both sides"]),
    ("s: {if: x, then: {a: x}}", ["GC112 4:6 the branch `s` has no `else`"]),
    ("s: {if: x, then: x, else: {a: x}}", ["GC111 4:20 `then` must be a mapping of names and ops, not the text `x`"]),
]  # fmt: skip

SPECS = [
    ("inputs: [x]", ["GC111 1:9 `inputs` must be a mapping of names and tensors, not a list"]),
    ("inputs: {x: y}\nops: {y: x}", ["GC207 1:13 `y` is an op; inputs and parameters see only each other"]),
    ("inputs: {x: z, z: x}", ["GC205 1:10 these tensors need each other: `x` → `z` → `x`"]),
    ("inputs: {x: 1}\nparameters: {x: 1}", ["GC203 2:14 `x` is declared twice"]),
    ("inputs: {x: null}", ["GC111 1:13 `x` must be a tensor, not `null`"]),
    ("inputs: {x: [[1, 2], [3]]}", ["GC307 1:22 expected sequence of length 2 at dim 1 (got 1)"]),
    ("inputs: {x: [1, [2]]}", ["GC307 1:17 numbers and lists stand side by side in a literal"]),
    ("inputs: {x: [1, null, a]}", ["GC115 1:17 a literal is numbers in lists, not `null`",
                                   "GC115 1:23 a literal is numbers in lists, not the text `a`"]),
    ("inputs: {x: [{a: 1}]}", ["GC115 1:14 a mapping stands among the numbers of a literal"]),
    ("inputs: {x: {value: 1, file: b}}", ["GC113 1:24 `value` and `file` exclude each other"]),
    ("inputs: {x: {dtype: float33, value: 1}}", ["GC303 1:21 `dtype` must be a dtype, not the text `float33`"]),
    ("inputs: {x: {dtype: float32}}", ["GC112 1:13 the tensor `x` has neither `value` nor `file`"]),
    ("inputs: {x: {file: a.npy}}", ["GC911 1:20 files cannot be read here"]),
    ("inputs: {y: 1, x: relu(y.grad)}",
     ["GC207 1:26 `.grad` is there after a backward pass only, in `backward` and `expect`"]),
    ("parametres: {x: 1}", ["GC110 1:1 a spec has no key `parametres`"]),
    ("gradcli: 2", ["GC114 1:10 unknown format version `2`"]),
    ("dtype: int32", ["GC111 1:8 the default `dtype` must be a floating dtype, not the text `int32`"]),
    ("manual_seed: a", ["GC111 1:14 `manual_seed` must be an integer of 64 bits, not the text `a`"]),
    ("[1]", ["GC111 1:1 a spec must be a mapping with `inputs`, `parameters` and `ops`, not a list"]),
    ("backward: y", ["GC201 1:11 `y` is not declared"]),
    ("backward: []", ["GC111 1:11 `backward` must be an output, a step or a list of them, not an empty list"]),
    ("backward: {outputs: x}", ["GC112 1:11 a step of `backward` has neither `output` nor `zero_grad`",
                                "GC110 1:12 a step of `backward` has no key `outputs`"]),
    ("inputs: {x: 1}\nbackward: {output: [x, x], v: [1]}",
     ["GC111 2:31 `v` of 2 outputs is a list of as many, not a list of 1"]),
    ("inputs: {x: 1}\nbackward: [{zero_grad: [y, x.0]}, x.0, 3]",
     ["GC201 2:25 `y` is not declared", "GC201 2:28 `x` has no part `x.0`", "GC201 2:35 `x` has no part `x.0`",
      "GC111 2:40 a step of `backward` must be an output, or a mapping with `output` or `zero_grad`,"
      " not the number `3`"]),
    ("inputs: {x: 1}\nbackward: {output: x, zero_grad: x}", ["GC113 2:23 `output` and `zero_grad` exclude each other"]),
    ("inputs: {x: 1}\nbackward: {output: x, retain_graph: yes}",
     ["GC111 2:37 `retain_graph` must be `true` or `false`, not the text `yes`"]),
    ("inputs: {x: 1}\nexpect: {y: 1, x: {vaule: 1}}", ["GC201 2:10 `y` is not declared",
                                                      "GC110 2:20 what is expected of `x` has no key `vaule`"]),
    ("inputs: {x: 1}\nexpect: {x: {shape: 3, rtol: a, is_leaf: 1}}",
     ["GC111 2:21 `shape` must be a list of sizes, such as `[2, 3]`, not the number `3`",
      "GC111 2:30 `rtol` must be a number that is not negative, not the text `a`",
      "GC111 2:42 `is_leaf` must be `true` or `false`, not the number `1`"]),
    ("inputs: {x: 1}\nexpect: {x: null}",
     ["GC111 2:13 what is expected of `x` must be a value or a mapping, not `null`"]),
    ("raises: [1]", ["GC111 1:9 `raises` must be a text, not a list"]),
]  # fmt: skip


def findings(text: str) -> list[str]:
    """The findings of a spec as `CODE line:column message`."""
    try:
        load(text)
    except SpecError as error:
        return [f"{CODES[d.code].code} {d.span.line}:{d.span.column} {d.message}" for d in error.diagnostics if d.span]
    return []


def _same(found: list[str], expected: list[str]) -> None:
    assert [f if " " in e else f.split()[0] for f, e in zip(found, expected, strict=False)] == expected
    assert len(found) == len(expected), found


@pytest.mark.parametrize(("text", "expected"), OPS, ids=[case[0][:60] for case in OPS])
def test_a_wrong_op_is_found_at_its_place(text: str, expected: list[str]) -> None:
    """Each mistake in an op is said once, with its code, line and column."""
    _same(findings(f"{HEAD}  {text}\n"), expected)


@pytest.mark.parametrize(("text", "expected"), SPECS, ids=[case[0][:60] for case in SPECS])
def test_a_wrong_spec_is_found_at_its_place(text: str, expected: list[str]) -> None:
    """Each mistake in a spec is said once, with its code, line and column."""
    _same(findings(text), expected)


HINTS = [
    ("y2: softmaxx(x, 0)", "did you mean `softmax`?"),
    ("y2: x.summ()", "did you mean `sum`?"),
    ("y2: softmax(x, dimm=0)", "did you mean `dim`?"),
    ("y2: x.add_(1)", "use `add`, which gives a new tensor, under a name of its own"),
    ("y2: x.backward()", "write `backward: NAME` at the top of the spec"),
    ("my-y: x", "`my_y` is one"),
    ("e: {ops: {hidden: x}}\n  z: hidden", "did you mean `e.hidden`?"),
    ("a: b\n  b: a", "`a` in line 4, `b` in line 5"),
    ("y2: x && y", "write `and`"),
    ("y2: {expr: x, no_grad: yes}", "write `true`: in YAML 1.2 `yes` is a text"),
    ("x: 1", "it was declared in line 1, column 10"),
]


@pytest.mark.parametrize(("text", "hint"), HINTS, ids=[case[0] for case in HINTS])
def test_a_hint_says_what_to_try(text: str, hint: str) -> None:
    """A mistake comes with the nearest name, or with the spec's way to say it."""
    with pytest.raises(SpecError) as caught:
        load(f"{HEAD}  {text}\n")
    assert caught.value.diagnostics[0].hint == hint


def test_all_findings_are_told_at_once() -> None:
    """Reading goes on after a mistake, and the findings come in the order of their places."""
    text = "dtype: flaot\ninputs: {x: [1, a]}\nops:\n  y: foo(x) + bar\n  z: y.nope\n  y: x\nbackward: zz\n"
    assert [f.split()[0] for f in findings(text.replace("  y: x\n", ""))] == [
        "GC303", "GC115", "GC202", "GC201", "GC202", "GC201",
    ]  # fmt: skip
    with pytest.raises(SpecError) as caught:
        load(text.replace("  y: x\n", ""))
    assert [d.source_line for d in caught.value.diagnostics][2] == "  y: foo(x) + bar"
