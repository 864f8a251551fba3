"""The registry: every public PyTorch name, each a list of overloads that are tried in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcli.errors import BindError
from gradcli.ops._signature import Signature, parse, type_name

if TYPE_CHECKING:
    from gradcli.ops._op import Composite, Op

FAMILIES = (
    "arithmetic", "clamping", "comparison", "exponential", "magnitude", "rounding", "scan", "selection", "trigonometric",
    "creation", "rearrange", "reduction", "product", "contraction", "distance",
    "activation",
    "smooth_activation",
    "softmax",
)  # fmt: skip
SPACES = ("nn.functional", "torch", "Tensor", "linalg", "special", "fft", "masked", "autograd")
BARE = ("nn.functional", "torch", "Tensor")
_PREFIXES = {"F.": "nn.functional.", "torch.": ""}

OVERLOADS: dict[str, list[Overload]] = {}
ATTRIBUTES: set[str] = set()
RECORDS: list[Op | Composite] = []


class Results(tuple[Any, ...]):
    """Several results of one op, by position and by name (`qr[0]`, `qr.Q`)."""

    names: tuple[str, ...]

    def __new__(cls, items: Iterable[Any], names: tuple[str, ...] = ()) -> Results:
        """Return a tuple of the items that knows their names."""
        results = super().__new__(cls, items)
        results.names = names
        return results


class Overload:
    """One signature of a public name and what it leads to: an op, or a function over ops."""

    __slots__ = ("name", "text", "target", "record", "_signature")

    def __init__(self, name: str, text: str | None, target: Callable[..., Any], record: Op | Composite) -> None:
        self.name, self.text, self.target, self.record = name, text, target, record
        self._signature: Signature | None = None

    @property
    def signature(self) -> Signature:
        """The signature, parsed on first use."""
        if self._signature is None:
            self._signature = parse(self.text) if self.text else self.record.signature
        return self._signature


def add(words: str, name: str, text: str | None, record: Op | Composite) -> None:
    """Add an overload under each of the words: `torch Tensor special.expit`; a bare namespace stands for itself and `name`."""
    for word in words.split():
        qualified = f"{word}.{name}" if word in SPACES else word
        OVERLOADS.setdefault(qualified, []).append(Overload(qualified, text, record, record))


@lru_cache(maxsize=1)
def load() -> None:
    """Import every family, so that all names are known."""
    for family in FAMILIES:
        import_module(f"gradcli.ops.{family}")


@lru_cache(maxsize=None)
def find_exact(dotted: str) -> str | None:
    """Return the qualified name of an exact spelling (`F.softmax`, `torch.linalg.solve`, `Tensor.unfold`), or None."""
    load()
    if dotted in OVERLOADS:
        return dotted
    for prefix, replacement in _PREFIXES.items():
        rest = replacement + dotted.removeprefix(prefix)
        if dotted.startswith(prefix) and rest in OVERLOADS:
            return rest
    return None


@lru_cache(maxsize=None)
def find_bare(name: str) -> str | None:
    """Return the qualified name of a bare one: looked for in nn.functional, then torch, then Tensor."""
    load()
    return next((f"{space}.{name}" for space in BARE if f"{space}.{name}" in OVERLOADS and name not in ATTRIBUTES), None)


@lru_cache(maxsize=None)
def find_method(name: str) -> str | None:
    """Return the qualified name of a method: looked for in Tensor first."""
    load()
    spaces = ("Tensor", "nn.functional", "torch")
    return next((f"{space}.{name}" for space in spaces if f"{space}.{name}" in OVERLOADS and name not in ATTRIBUTES), None)


def find_attribute(name: str) -> str | None:
    """Return the qualified name of an attribute that is an op (`T`, `mH`, `real`), or None."""
    load()
    return f"Tensor.{name}" if name in ATTRIBUTES else None


def names() -> list[str]:
    """Return every spelling: the qualified names and the bare ones."""
    load()
    return sorted({*OVERLOADS, *(q.rpartition(".")[2] for q in OVERLOADS if q.rpartition(".")[0] in BARE)})


@lru_cache(maxsize=1)
def result_names() -> frozenset[str]:
    """Return the names of the results of ops with several (`values`, `Q`, `eigenvectors`)."""
    load()
    return frozenset(name for record in RECORDS for name in record.outputs or ())


def overloads(qualified: str) -> list[Overload]:
    """Return the overloads of a qualified name, in the order they are tried."""
    load()
    return OVERLOADS[qualified]


@lru_cache(maxsize=None)
def shortest(qualified: str) -> str:
    """Return the shortest name that finds this op: `matmul` for `torch.matmul`, `linalg.solve`, `Tensor.unfold`."""
    name = qualified.rpartition(".")[2]
    if name in ATTRIBUTES:
        return name
    found = find_bare(name)
    if found and (found == qualified or _same(found, qualified)):
        return name
    return qualified


def _same(one: str, other: str) -> bool:
    """Return whether two qualified names lead to a record in common."""
    records = {id(o.record) for o in OVERLOADS[one]}
    return any(id(o.record) in records for o in OVERLOADS[other])


def call(qualified: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Apply the first overload that the arguments fit; raise BindError with PyTorch's text where none does."""
    choices = OVERLOADS[qualified]
    name = qualified.rpartition(".")[2]
    if len(choices) == 1:
        return _results(choices[0], choices[0].target(*choices[0].signature.bind(name, args, kwargs)))
    for overload in choices:
        try:
            values = overload.signature.bind(name, args, kwargs)
        except BindError:
            continue
        return _results(overload, overload.target(*values))
    raise BindError(_no_overload(name, choices, args, kwargs))


def _results(overload: Overload, value: Any) -> Any:
    """Return several results with their names."""
    if type(value) is tuple and overload.record.outputs:
        return Results(value, overload.record.outputs)
    return value


def _no_overload(name: str, choices: Sequence[Overload], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    got = [type_name(a) for a in args] + [f"{key}={type_name(value)}" for key, value in kwargs.items()]
    expected = "".join(f"\n * {o.signature.describe()}" for o in choices)
    return f"{name}() received an invalid combination of arguments - got ({', '.join(got)}), but expected one of:{expected}"


def records() -> Iterator[Op | Composite]:
    """Yield every record, in the order of declaration."""
    load()
    yield from RECORDS
