"""The registry: every public PyTorch name, each a list of overloads that are tried in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import BindError
from gradcli.ops import _index as index
from gradcli.ops._signature import MISSING, Param, Signature, parse, type_name

if TYPE_CHECKING:
    from gradcli.ops._op import Composite, Op

FAMILIES = (
    "norm", "statistics", "quantile", "calculus", "special", "polynomial", "counting",
    "arithmetic", "clamping", "comparison", "exponential", "magnitude", "rounding", "scan", "selection", "trigonometric",
    "creation", "views", "expansion", "parts", "slicing", "windows", "joining", "copies", "rearrange", "indexing",
    "scatter", "replacement",
    "scatter_reduction", "subscript", "conversion", "sampling", "taper", "reduction",
    "product", "contraction", "chain", "distance", "triangular", "factorization", "solving", "spectrum",
    "householder", "linalg", "fft",
    "spectrogram",
    "activation",
    "smooth_activation",
    "softmax",
    "loss",
    "classification_loss",
    "nll_loss",
    "convolution",
    "normalization",
    "group_normalization",
    "dropout",
    "embedding",
    "padding",
    "shuffling",
    "patches",
    "similarity",
    "margin_loss",
    "masked",
    "attention",
    "ctc_loss",
    "pooling",
    "average_pooling",
    "adaptive_pooling",
    "unpooling",
    "resampling",
    "grid_sampling",
    "fractional_pooling",
)  # fmt: skip
SPACES = ("nn.functional", "torch", "Tensor", "linalg", "special", "fft", "masked", "autograd")
BARE = ("nn.functional", "torch", "Tensor")
_PREFIXES = {"F.": "nn.functional.", "torch.": ""}

OVERLOADS: dict[str, list[Overload]] = {}
ATTRIBUTES: set[str] = set()
RECORDS: list[Op | Composite] = []
_ready: dict[str, list[Overload]] = {}
_ORDER = {f"ops.{family}": at for at, family in enumerate(FAMILIES)}


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

    __slots__ = ("_signature", "family", "name", "record", "target", "text")

    def __init__(self, name: str, text: str | None, record: Op | Composite, family: str) -> None:
        self.name, self.text, self.target, self.record, self.family = name, text, record, record, family
        self._signature: Signature | None = None

    @property
    def signature(self) -> Signature:
        """The signature, parsed on first use."""
        if self._signature is None:
            self._signature = parse(self.text) if self.text else self.record.signature
        return self._signature


def add(words: str, name: str, text: str | None, record: Op | Composite, family: str) -> None:
    """Add an overload under each of the words: `torch Tensor special.expit`; a bare namespace stands for itself and `name`."""
    for word in words.split():
        qualified = f"{word}.{name}" if word in SPACES else word
        OVERLOADS.setdefault(qualified, []).append(Overload(qualified, text, record, family))


@lru_cache(maxsize=1)
def load() -> None:
    """Run every family, so that all records are there."""
    for family in FAMILIES:
        import_module(f"gradcli.ops.{family}").__doc__  # noqa: B018 - the first attribute runs a lazy module


def index_data() -> dict[str, Any]:
    """Return what the index holds, computed from the records: qualified name → families, attributes, result names."""
    load()
    declared = {q: " ".join(dict.fromkeys(o.family for o in _sorted(found))) for q, found in sorted(OVERLOADS.items())}
    results = frozenset(name for record in RECORDS for name in record.outputs or ())
    return {"DECLARED": declared, "ATTRIBUTES": frozenset(ATTRIBUTES), "RESULTS": results}


def _sorted(found: Sequence[Overload]) -> list[Overload]:
    """Return overloads in the order they are tried: that of FAMILIES, then of declaration."""
    return sorted(found, key=lambda overload: _ORDER.get(overload.family, 0))


def overloads(qualified: str) -> list[Overload]:
    """Return the overloads of a qualified name, in the order they are tried."""
    found = _ready.get(qualified)
    if found is None:
        for family in index.DECLARED[qualified].split():
            import_module(f"gradcli.{family}").__doc__  # noqa: B018 - the first attribute runs a lazy module
        found = _ready[qualified] = _sorted(OVERLOADS[qualified])
    return found


@cache
def find_exact(dotted: str) -> str | None:
    """Return the qualified name of an exact spelling (`F.softmax`, `torch.linalg.solve`, `Tensor.unfold`), or None."""
    if dotted in index.DECLARED:
        return dotted
    for prefix, replacement in _PREFIXES.items():
        rest = replacement + dotted.removeprefix(prefix)
        if dotted.startswith(prefix) and rest in index.DECLARED:
            return rest
    return None


@cache
def find_bare(name: str) -> str | None:
    """Return the qualified name of a bare one: looked for in nn.functional, then torch, then Tensor."""
    return _first(BARE, name)


@cache
def find_method(name: str) -> str | None:
    """Return the qualified name of a method: looked for in Tensor first."""
    return _first(("Tensor", "nn.functional", "torch"), name)


def _first(spaces: Sequence[str], name: str) -> str | None:
    qualified = (f"{space}.{name}" for space in spaces)
    return next(
        (q for q in qualified if q in index.DECLARED and not (name in index.ATTRIBUTES and q.startswith("Tensor."))),
        None,
    )


def find_attribute(name: str) -> str | None:
    """Return the qualified name of an attribute that is an op (`T`, `mH`, `real`), or None."""
    return f"Tensor.{name}" if name in index.ATTRIBUTES else None


def names() -> list[str]:
    """Return every spelling: the qualified names and the bare ones."""
    return sorted({*index.DECLARED, *(q.rpartition(".")[2] for q in index.DECLARED if q.rpartition(".")[0] in BARE)})


def result_names() -> frozenset[str]:
    """Return the names of the results of ops with several (`values`, `Q`, `eigenvectors`)."""
    return index.RESULTS


@cache
def shortest(qualified: str) -> str:
    """Return the shortest name that finds this op: `matmul` for `torch.matmul`, `linalg.solve`, `Tensor.unfold`."""
    name = qualified.rpartition(".")[2]
    if name in index.ATTRIBUTES and qualified == f"Tensor.{name}":
        return name
    found = find_bare(name)
    if found and (found == qualified or _same(found, qualified)):
        return name
    return qualified


def _same(one: str, other: str) -> bool:
    """Return whether two qualified names lead to a record in common."""
    records = {id(o.record) for o in overloads(one)}
    return any(id(o.record) in records for o in overloads(other))


def call(qualified: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Apply the first overload that the arguments fit; raise BindError with PyTorch's text where none does."""
    key = call_key(qualified, args, kwargs)
    known = _bindings.get(key, False)
    if known:
        return known.results(known.overload.target(*known.values(args, kwargs)))
    choices = _ready.get(qualified) or overloads(qualified)
    name = qualified.rpartition(".")[2]
    if known is False:
        _bindings[key] = _binding(choices[0], args, kwargs)
    if len(choices) == 1:
        return _results(choices[0], choices[0].target(*choices[0].signature.bind(name, args, kwargs)))
    for overload in choices:
        try:
            values = overload.signature.bind(name, args, kwargs)
        except BindError:
            continue
        return _results(overload, overload.target(*values))
    raise BindError(_no_overload(name, choices, args, kwargs))


def call_key(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what calls have in common that are bound alike: the name, the arguments' types and their names."""
    if kwargs:
        return (name, *map(type, args), *kwargs, *map(type, kwargs.values()))
    return (name, *map(type, args))


class Binding(NamedTuple):
    """A first overload that fits calls for their types alone, and the values of what is not given by position.

    `rest` are (keyword or None, default) of the parameters after the positional ones; `defaults` serve calls without keywords.
    """

    overload: Overload
    rest: tuple[tuple[str | None, Any], ...]
    defaults: tuple[Any, ...]

    def values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Return one value per parameter, as `Signature.bind` does."""
        if not kwargs:
            return (*args, *self.defaults) if self.defaults else args
        return (*args, *[default if name is None else kwargs[name] for name, default in self.rest])

    def results(self, value: Any) -> Any:
        """Return several results with their names."""
        return _results(self.overload, value) if type(value) is tuple else value


_bindings: dict[tuple[Any, ...], Binding | None] = {}
"""What is known of calls by their keys; None where values decide how they are bound."""


def binding(qualified: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Binding | None:
    """Return how calls like this one are bound, or None where their values have to be looked at."""
    return _binding(overloads(qualified)[0], args, kwargs)


def _binding(overload: Overload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Binding | None:
    params, given = overload.signature.params, len(args)
    rest = params[given:]
    if given > len(params) or not set(kwargs) <= {p.name for p in rest} or any(p.varargs for p in params):
        return None
    if any(p.default is MISSING and p.name not in kwargs for p in rest) or any(p.keyword_only for p in params[:given]):
        return None
    if not all(_fits(p, value) for p, value in zip(params, args, strict=False)):
        return None
    if not all(_fits(p, kwargs[p.name]) for p in rest if p.name in kwargs):
        return None
    found = [(p.name if p.name in kwargs else None, None if p.name in kwargs else p.default) for p in rest]
    return Binding(overload, tuple(found), tuple([default for _, default in found]))


_KINDS: dict[str, frozenset[type]] = {
    "Tensor|Scalar": frozenset((bool, int, float, complex)), "Scalar": frozenset((bool, int, float, complex)),
    "float": frozenset((bool, int, float)), "int": frozenset((int,)), "bool": frozenset((bool,)), "str": frozenset((str,)),
}  # fmt: skip
"""The types whose values a parameter of this kind takes as they are."""


def _fits(param: Param, value: Any) -> bool:
    if hasattr(type(value), "__apply__"):
        return param.kind in ("Tensor", "Tensor|Scalar", "any")
    if value is None:
        return param.optional or param.default is None or param.kind == "any"
    return param.kind == "any" or type(value) in _KINDS.get(param.kind, ())


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
