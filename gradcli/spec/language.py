"""Language: what of Python's expressions a spec may use, and what it writes instead of the rest."""

from __future__ import annotations

import ast
from math import inf, nan, pi

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "operator.add",
    ast.Sub: "operator.sub",
    ast.Mult: "operator.mul",
    ast.Div: "operator.truediv",
    ast.FloorDiv: "operator.floordiv",
    ast.Mod: "operator.mod",
    ast.Pow: "operator.pow",
    ast.MatMult: "operator.matmul",
    ast.BitAnd: "operator.and_",
    ast.BitOr: "operator.or_",
    ast.BitXor: "operator.xor",
}
UNARY: dict[type[ast.unaryop], str] = {
    ast.USub: "operator.neg",
    ast.UAdd: "operator.pos",
    ast.Invert: "operator.invert",
    ast.Not: "operator.not_",
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "operator.eq",
    ast.NotEq: "operator.ne",
    ast.Lt: "operator.lt",
    ast.LtE: "operator.le",
    ast.Gt: "operator.gt",
    ast.GtE: "operator.ge",
}
CONSTANTS = {"inf": inf, "nan": nan, "pi": pi}
BUILTINS = frozenset({"len", "int", "float", "bool"})
ITERATORS = frozenset({"range", "zip"})

VALUE_ATTRIBUTES = frozenset({"shape", "ndim", "dtype", "device", "requires_grad", "is_leaf", "grad"})
"""Attributes that tell something about a value and compute nothing."""
VALUE_METHODS = frozenset(
    {"size", "dim", "ndimension", "numel", "nelement", "item", "tolist", "stride", "is_contiguous",
     "is_floating_point", "is_complex"}
)  # fmt: skip
"""Methods that tell something about a value and may be no ops."""

_LOOP = "use an op on the whole tensor, or a loop: `y: {carry: …, for: row in x, ops: …}`"
REFUSED: dict[type[ast.AST], tuple[str, str | None]] = {
    ast.Lambda: ("a lambda", "write the expression itself, or several ops"),
    ast.ListComp: ("a comprehension", _LOOP),
    ast.SetComp: ("a comprehension", _LOOP),
    ast.DictComp: ("a comprehension", _LOOP),
    ast.GeneratorExp: ("a generator", _LOOP),
    ast.NamedExpr: ("an assignment `:=`", "give the value a name of its own: it is the key of an op"),
    ast.Starred: ("a starred argument", "write the arguments one by one; a list of sizes can stand as it is"),
    ast.JoinedStr: ("an f-string", None),
    ast.FormattedValue: ("an f-string", None),
    ast.Dict: ("a dictionary", "write `name=value` arguments, or `{op: …, kwargs: {…}}` in YAML"),
    ast.Set: ("a set", "write a list: `[a, b]`"),
    ast.Await: ("`await`", None),
    ast.Yield: ("`yield`", None),
    ast.YieldFrom: ("`yield`", None),
    ast.Is: ("`is`", "write `==`"),
    ast.IsNot: ("`is not`", "write `!=`"),
    ast.In: ("`in`", "write `(x == value).any()`; `in` belongs into `for: row in x`"),
    ast.NotIn: ("`not in`", "write `(x != value).all()`"),
    ast.LShift: ("`<<`", "write `bitwise_left_shift(x, n)`"),
    ast.RShift: ("`>>`", "write `bitwise_right_shift(x, n)`"),
    ast.Slice: ("a slice outside of `[…]`", "write `x[1:3]`"),
}

_GRAD_MODE = "write `no_grad: true` beside `expr`, `op` or `ops`"
OWN_WAYS: dict[str, str] = {
    "backward": "write `backward: NAME` at the top of the spec",
    "requires_grad_": "write `{expr: …, requires_grad: true}`, or `{value: …, requires_grad: true}` for an input",
    "retain_grad": "write `{expr: …, retain_grad: true}`",
    "zero_grad": "write a step of `backward`: `{zero_grad: [x]}`",
    "manual_seed": "write `manual_seed: 0` at the top of the spec",
    "set_default_dtype": "write `dtype: float64` at the top of the spec",
    "no_grad": _GRAD_MODE,
    "enable_grad": _GRAD_MODE,
    "set_grad_enabled": _GRAD_MODE,
    "inference_mode": _GRAD_MODE,
    "load": "write an input: `x: {file: weights.npz, key: w}`",
    "save": "use `gradcli run SPEC -o FILE`",
    "enumerate": "carry a counter: `{carry: {i: 0, …}, for: row in x, ops: {i: i + 1, …}}`",
    "print": "`gradcli run` prints every name; `--select NAME` one of them",
    "range": "`range` stands in `for: i in range(10)` only; as a tensor it is `arange`",
    "zip": "`zip` stands in `for: a, b in zip(x, y)` only",
}
OWN_ATTRIBUTES: dict[str, str] = {
    "data": "write `x.detach()`",
    "grad_fn": "reports show it; a spec can hold it to be: `expect: {z: {grad_fn: AddBackward0}}`",
}


def own_way(name: str) -> str | None:
    """The spec's way to say what a call by this name does in Python, or None where the name is an ordinary one."""
    if name in OWN_WAYS:
        return OWN_WAYS[name]
    if name.endswith("_") and not name.startswith("_") and not name.endswith("__"):
        return f"use `{name.rstrip('_')}`, which gives a new tensor, under a name of its own"
    return None
