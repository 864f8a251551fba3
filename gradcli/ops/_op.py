"""Op and Composite: the record of one operation, from which everything else follows.

PyTorch has a node for it → an Op; it has none → a Composite over ops. An op called on raw data (arrays, numbers) runs its
kernel; called on anything else it calls `value.__apply__(op, values)`, which is the whole dispatch: Tensor records, Symbol
infers. The formulas of `vjp` speak ops and operators, so the same line serves all three.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from gradcli.ops import registry
from gradcli.ops._signature import Param, Signature, parse

Formula = Callable[..., Any]
TAPE: ContextVar[Any] = ContextVar("tape", default=None)
"""The tape that kernel calls are written to (gradcli.autograd.plan), or None."""
RAW: set[type] = {bool, int, float, complex, str, type(None)}
"""The types of raw data that need not be asked for `__apply__`; NumPy's are among them as soon as it is imported."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What one call of an op saves for backward, and how each formula finds it again.

    `saved` are (kind, index) with kind value, out, shape, dtype or needs; `formulas` are (which differentiable parameters,
    formula, indices into (g, *saved)); `one_each` says that there is one for each of these parameters, in their order.
    """

    saved: tuple[tuple[str, Any], ...]
    formulas: tuple[tuple[tuple[int, ...], Formula, tuple[int, ...]], ...]
    saves_tensors: bool
    one_each: bool


class Op:
    """An operation that PyTorch has a node for.

    name: PyTorch's name, and from it the node's (`grad_fn` where that differs)
    kernel: raw values in, array out (a tuple with several `outputs`)
    vjp: parameter (or several, `"x, w"`) → formula over g, out, parameters, `x_shape`, `x_dtype`, `needs`
    promote: None, or a function of (op, raw values) that returns them in one compute dtype
    shape: raises PyTorch's error where the values do not fit, and returns the output's shape(s)
    dtype: the output's dtype where it is not the first tensor's after promotion: a name or a function of the values
    outputs, constant: names of several results, and those of them that have no derivative
    by_type: whether scalars' types alone say how they are promoted and that they fit, as `settled` remembers
    zeros: whether unused outputs' cotangents are zeros in the formulas (else None)
    """

    __slots__ = (
        "_signature",
        "_tensors",
        "by_type",
        "constant",
        "defaults",
        "differentiable",
        "dtype",
        "elementwise",
        "flat",
        "grad_fn",
        "kernel",
        "keyword_from",
        "latex",
        "name",
        "notes",
        "outputs",
        "params",
        "plans",
        "promote",
        "samples",
        "settled",
        "shape",
        "text",
        "view",
        "vjp",
        "zeros",
    )  # fmt: skip

    def __init__(
        self, name: str, kernel: Callable[..., Any], *, vjp: Mapping[str, Formula] | None = None, grad_fn: str | None = None,
        signature: str | None = None, promote: Callable[..., Any] | None = None, shape: Callable[..., Any] | None = None,
        dtype: Any = None, outputs: Sequence[str] | None = None, constant: Sequence[str] = (), zeros: bool = False,
        latex: str = "", samples: Any = None, notes: str = "",
    ) -> None:  # fmt: skip
        self.name, self.kernel, self.vjp = name, kernel, dict(vjp or {})
        self.grad_fn = grad_fn or node_name(name)
        self.text, self.promote, self.shape, self.dtype = signature, promote, shape, dtype
        self.outputs, self.constant, self.zeros = tuple(outputs) if outputs else None, frozenset(constant), zeros
        self.latex, self.samples, self.notes = latex, samples, notes
        self.elementwise = self.view = self.by_type = False
        self.settled: set[tuple[type, ...]] = set()
        code = kernel.__code__
        self.params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.keyword_from = code.co_argcount
        self.defaults = _defaults(kernel)
        derived = {name for key in self.vjp for name in key.split(", ")}
        self.differentiable = tuple(i for i, p in enumerate(self.params) if p in derived)
        self._signature: Signature | None = None
        self._tensors: tuple[int, ...] | None = None
        self.flat: Callable[..., Any] | None = None
        self.plans: dict[tuple[bool, ...], Plan] = {}
        if unknown := derived - set(self.params):
            raise TypeError(f"{name}: vjp names {', '.join(unknown)}; the kernel has {', '.join(self.params)}")

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def signature(self) -> Signature:
        """The public signature: as declared, else the kernel's own (tensors, then keyword scalars)."""
        if self._signature is None:
            self._signature = parse(self.text) if self.text else _signature_of(self)
        return self._signature

    @property
    def tensor_params(self) -> tuple[int, ...]:
        """The positions of the parameters that are tensors or lists of tensors."""
        found = self._tensors
        if found is None:
            found = self._tensors = tuple(i for i, p in enumerate(self.signature.params) if p.kind.startswith("Tensor"))
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the kernel on raw data; hand anything else to its own `__apply__`."""
        for value in (*args, *kwargs.values()) if kwargs else args:
            if type(value) in RAW:
                continue
            if hasattr(value, "__apply__"):
                return value.__apply__(self, self.arrange(args, kwargs))
            if type(value) in (list, tuple):
                for item in value:
                    if hasattr(item, "__apply__"):
                        return item.__apply__(self, self.arrange(args, kwargs))
        return self.kernel(*args, **kwargs) if len(args) <= self.keyword_from else self.run(args)

    def arrange(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Return one value per parameter of the kernel, in its order."""
        values = list(args)
        for name in self.params[len(args) :]:
            values.append(kwargs[name] if name in kwargs else self.defaults[name])
        return values

    def run(self, values: Sequence[Any]) -> Any:
        """Run the kernel on one raw value per parameter."""
        return (self.flat or self.flattened())(*values)

    def flattened(self) -> Callable[..., Any]:
        """Return the kernel as a function that takes its keyword-only parameters by position too, kept in `flat`."""
        if self.flat is None:
            self.flat = _by_position(self.kernel)
        return self.flat

    def plan(self, needs: tuple[bool, ...]) -> Plan:
        """Return what to save when these of the differentiable parameters need a gradient."""
        found = self.plans.get(needs)
        if found is None:
            found = self.plans[needs] = _make_plan(self, needs)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """A public name that PyTorch computes from other ops, and so has no node of its own."""

    name: str
    function: Callable[..., Any]
    text: str
    samples: Any = None
    latex: str = ""
    outputs: tuple[str, ...] | None = None
    notes: str = ""

    def __call__(self, *values: Any) -> Any:
        return self.function(*values)

    @property
    def signature(self) -> Signature:
        """The public signature."""
        return parse(self.text)


def op(name: str, kernel: Callable[..., Any], *, names: str = "torch Tensor", **record: Any) -> Op:
    """Declare an op under public names: `torch Tensor nn.functional special.expit` (a bare namespace adds `name`)."""
    declared = Op(name, kernel, **record)
    registry.RECORDS.append(declared)
    registry.add(names, name, None, declared, _family())
    return declared


def composite(
    names: str, signature: str, *, name: str | None = None, samples: Any = None, latex: str = "",
    outputs: Sequence[str] | None = None, notes: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # fmt: skip
    """Declare a function over ops under public names; it is called with one value per parameter of the signature.

    Example: `@composite("nn.functional", "(input: Tensor)")` above `def softsign(x): return x / (1 + abs_(x))`.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        stem = name or function.__name__.rstrip("_")
        record = Composite(stem, function, signature, samples, latex, tuple(outputs) if outputs else None, notes)
        registry.RECORDS.append(record)
        registry.add(names, stem, None, record, _family())
        return function

    return declare


def spelling(names: str, target: Op, signature: str | None = None) -> None:
    """Add public names of an op, perhaps with another signature (one value per parameter of the kernel, in its order)."""
    registry.add(names, target.name, signature, target, _family())


def _family() -> str:
    """Return the module that is being declared, without `gradcli.`: the nearest one whose body runs."""
    frame = sys._getframe(2)
    while frame.f_code.co_name != "<module>" and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals["__name__"]).removeprefix("gradcli.")


def attribute(name: str) -> None:
    """Make `Tensor.NAME` an attribute: `x.T`, not `x.T()`."""
    registry.ATTRIBUTES.add(name)


@cache
def node_name(name: str) -> str:
    """Return the name of the node that PyTorch makes for an op of this name.

    Example: `node_name("log_softmax")` is `"LogSoftmaxBackward0"`.
    """
    return "".join(word[:1].upper() + word[1:] for word in name.rpartition(".")[2].split("_")) + "Backward0"


def _defaults(kernel: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a kernel's parameters (`inspect.signature` is ten times slower at start-up)."""
    code, defaults = kernel.__code__, kernel.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    return dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True)) | (
        kernel.__kwdefaults__ or {}
    )


def _by_position(kernel: Any) -> Callable[..., Any]:
    """Return a function whose keyword-only parameters are positional, which makes each call of it cheaper."""
    code = kernel.__code__
    if not code.co_kwonlyargcount:
        return kernel  # type: ignore[no-any-return]
    count = code.co_argcount + code.co_kwonlyargcount
    flat = code.replace(co_argcount=count, co_kwonlyargcount=0)
    return FunctionType(flat, kernel.__globals__, kernel.__name__, None, kernel.__closure__)


def _signature_of(op: Op) -> Signature:
    """Return the signature of a plain lambda: tensors, then keyword scalars."""
    tensors = [p for p in op.params if p not in op.defaults]
    public = {1: ["input"], 2: ["input", "other"]}.get(len(tensors), tensors)
    params = [Param(name, "Tensor") for name in public]
    for at, name in enumerate(op.params[len(tensors) :], len(tensors)):
        kind = {bool: "bool", str: "str"}.get(type(op.defaults[name]), "Scalar")
        params.append(Param(name, kind, op.defaults[name], keyword_only=at >= op.keyword_from))
    return Signature(tuple(params), "")


def _make_plan(op: Op, needs: tuple[bool, ...]) -> Plan:
    slots: dict[tuple[str, Any], int] = {}
    place = {op.params[i]: k for k, i in enumerate(op.differentiable)}
    formulas = []
    for key, formula in op.vjp.items():
        inputs = tuple(place[name] for name in key.split(", "))
        if any(needs[k] for k in inputs):
            code = formula.__code__
            words = code.co_varnames[: code.co_argcount]
            indices = tuple(0 if w == "g" else slots.setdefault(_saved(op, w, needs), len(slots)) + 1 for w in words)
            formulas.append((inputs, formula, indices))
    tensors = set(op.tensor_params)
    saves_tensors = any(kind == "out" or (kind == "value" and at in tensors) for kind, at in slots)
    one_each = [inputs for inputs, _, _ in formulas] == [(k,) for k in range(len(op.differentiable))]
    return Plan(tuple(slots), tuple(formulas), saves_tensors, one_each)


def _saved(op: Op, word: str, needs: tuple[bool, ...]) -> tuple[str, Any]:
    """Return what a formula's parameter stands for."""
    if word == "out":
        return ("out", None)
    if word == "needs":
        return ("needs", needs)
    if word in op.params:
        return ("value", op.params.index(word))
    stem, _, suffix = word.rpartition("_")
    if suffix in ("shape", "dtype") and stem in op.params:
        return (suffix, op.params.index(stem))
    raise TypeError(f"{op.name}: a formula asks for {word!r}; the kernel has {', '.join(op.params)}")
