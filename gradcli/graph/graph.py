"""The Graph: what a spec means before it has numbers, as statements over numbered slots.

Every value of a spec has one slot, and one list of slots is the whole memory of an evaluation: loops write
the slots of their bodies again at each turn, and nothing ever recurses over what a user wrote.

Statements are named tuples: a big spec has a million of them, and a start-up twenty kinds of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from typing import Literal as OneOf

from gradcli.source.span import Span


class Ref:
    """A use of the value in a slot."""

    __slots__ = ("slot",)

    def __init__(self, slot: int) -> None:
        self.slot = slot

    def __eq__(self, other: object) -> bool:
        return type(other) is Ref and self.slot == other.slot

    def __hash__(self) -> int:
        return hash((Ref, self.slot))

    def __repr__(self) -> str:
        return f"Ref({self.slot})"


class Literal(NamedTuple):
    """A constant: a number, string, bool, None, Ellipsis or Dtype."""

    value: Any


class Pack(NamedTuple):
    """A list, tuple or slice whose items are arguments themselves (a slice has start, stop, step)."""

    kind: OneOf["list", "tuple", "slice"]
    items: tuple[Arg, ...]


Arg: TypeAlias = Ref | Literal | Pack
Kind: TypeAlias = OneOf["input", "parameter", "op", "part"]


class Value(NamedTuple):
    """What a slot stands for: its full name (`encoder.h`, or `encoder.h.0` for a part) and where it was written.

    What has no name of its own (`x.shape` on the way to `x.shape[0]`, what a backward step computes) is a part
    whose name is empty.
    """

    name: str
    kind: Kind
    span: Span


class Apply(NamedTuple):
    """One operator, call, method, attribute or indexing as written.

    `target` is a qualified public op (`torch.matmul`, `Tensor.sum`, `nn.functional.relu`, `linalg.qr`), an operator
    (`operator.add`, `operator.getitem`), a method or attribute whose receiver decides (`method.sum`, `attr.shape`,
    `attr.Q`), or a Python builtin of the language (`builtin.range`). The receiver is the first argument.
    """

    out: int
    target: str
    args: tuple[Arg, ...]
    kwargs: tuple[tuple[str, Arg], ...]
    span: Span
    record: bool = True


class Alias(NamedTuple):
    """A second name for a value (`h: x`), or a constant under a name (`k: 2`)."""

    out: int
    arg: Arg
    span: Span


class Unpack(NamedTuple):
    """Several names for the results of one value (`q, r: linalg.qr(a)`): as many results as slots, in their order."""

    outs: tuple[int, ...]
    arg: Arg
    span: Span


class Mark(NamedTuple):
    """Flags of a declared op, applied right after it was computed."""

    slot: int
    span: Span
    retain_grad: bool = False
    requires_grad: bool | None = None


class Block(NamedTuple):
    """Statements in evaluation order and the argument that is their value (None: they are run for their slots)."""

    statements: tuple[Statement, ...]
    result: Arg | None = None


class Choose(NamedTuple):
    """A conditional expression `a if c else b`."""

    out: int
    condition: Block
    then: Block
    otherwise: Block
    span: Span


class Logical(NamedTuple):
    """`a and b`, `a or b`: the operands are evaluated from left to right until one decides."""

    out: int
    kind: OneOf["and", "or"]
    operands: tuple[Block, ...]
    span: Span


class Branch(NamedTuple):
    """`if`/`then`/`else` over ops: `merged` are (outer slot, then's slot, else's slot) of the names that both declare."""

    condition: Block
    then: Block
    otherwise: Block
    merged: tuple[tuple[int, int, int], ...]
    span: Span


class Carried(NamedTuple):
    """One carried name of a loop: the slot that the body reads, what it starts with, the slot of its next value
    (None: it keeps its value) and the slot that holds it outside, after the loop."""

    inside: int
    initial: TensorForm
    update: int | None
    outside: int


class Loop(NamedTuple):
    """A loop: `while` tests `condition` before each turn; `for` binds `targets` to the items of `over`."""

    carry: tuple[Carried, ...]
    body: Block
    span: Span
    condition: Block | None = None
    over: Block | None = None
    targets: tuple[int, ...] = ()
    repeat: bool = False


Statement: TypeAlias = Apply | Alias | Unpack | Mark | Choose | Logical | Branch | Loop


class Data(NamedTuple):
    """A literal as YAML or Python gives it: nested lists of numbers, or an array from a file (`array` is then True)."""

    value: Any
    array: bool = False


class TensorForm(NamedTuple):
    """How a tensor is written: a literal or file (`Data`) or an expression (`Block`), perhaps with a dtype."""

    source: Data | Block
    span: Span
    text: str
    dtype: str | None = None
    requires_grad: bool | None = None


class LeafValue(NamedTuple):
    """An input or a parameter: a slot and the form that fills it."""

    slot: int
    form: TensorForm
    requires_grad: bool


class Output(NamedTuple):
    """One output of a backward step: an expression, its text, and the form of its v (None: an implicit 1)."""

    expression: Block
    text: str
    span: Span
    v: TensorForm | None = None


class BackwardStep(NamedTuple):
    """One backward pass; `inputs` are the slots whose leaves get a grad (None: all)."""

    outputs: tuple[Output, ...]
    span: Span
    retain_graph: bool | None = None
    create_graph: bool = False
    inputs: tuple[int, ...] | None = None
    label: str | None = None
    expect: tuple[Expectation, ...] = ()


class ZeroGradStep(NamedTuple):
    """Sets the grads of some leaves (None: of all) to none."""

    slots: tuple[int, ...] | None
    names: tuple[str, ...]
    span: Span
    label: str | None = None
    expect: tuple[Expectation, ...] = ()


Step: TypeAlias = BackwardStep | ZeroGradStep


class Expectation(NamedTuple):
    """What must hold of one name: only the keys that were written are in `checks` (grad: None means no grad)."""

    name: str
    subject: Block
    checks: Mapping[str, Any]
    """value, grad: TensorForm (grad: None for `null`); shape: tuple; dtype, grad_fn: str; requires_grad, is_leaf: bool;
    rtol, atol: float."""
    span: Span


@dataclass(slots=True, eq=False, repr=False)
class Graph:
    """A whole spec: slots, leaves and statements in evaluation order, then the backward steps and expectations."""

    values: list[Value] = field(default_factory=list)
    leaves: list[LeafValue] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    """Declared full names and the parts' names → slots, in document order."""
    declared: list[str] = field(default_factory=list)
    """What reports list: declared names in document order, `y.h` of loops and branches, without parts."""
    steps: list[Step] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    dtype: str = "float32"
    manual_seed: int = 0
    description: str | None = None
    raises: str | None = None
    path: str = "-"
