"""CallForm: `{op, args, kwargs}`, where the op's signature says what each value is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcli.graph.graph import Arg, Literal, Pack
from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.keys import found, mapping_of, wrong
from gradcli.spec.language import own_way
from gradcli.spec.lower import Lowering
from gradcli.spec.reading import POISON, Reading
from gradcli.types.dtype import DTYPES


def lower_call(lowering: Lowering, node: YamlMapping, out: int) -> Arg:
    """Lower a call in YAML's own form; its op writes the slot `out`."""
    reading = lowering.reading
    qualified = find_op(reading, node)
    positional, named = _given(reading, node)
    if qualified is None:
        return POISON
    signature = _chosen(lowering, qualified, positional, named)
    params, by_name = (None, {}) if signature is None else (signature.params, signature.keywords)
    args = tuple([_argument(lowering, value, _at(params, at)) for at, value in enumerate(positional)])
    kwargs = tuple([(key.text, _argument(lowering, value, by_name.get(key.text))) for key, value in named])
    if params is None:
        _no_fit(reading, node, qualified)
        return POISON
    place = node.get("op") or node
    return lowering.emit(qualified, args, kwargs, place.span, out)


def find_op(reading: Reading, node: YamlMapping) -> str | None:
    """The qualified name of the op that a mapping names, or None and a finding."""
    op = node.get("op")
    if op is None:
        reading.findings.add("GC112", "a call has no `op`", node.span, "write `{op: relu, args: [x]}`")
        return None
    if not isinstance(op, YamlScalar) or not isinstance(op.value, str):
        wrong(reading, op, "`op`", "the name of an op")
        return None
    name = op.text.strip()
    found = reading.ops.find_exact(name) if "." in name else reading.ops.find_bare(name)
    qualified = found or reading.ops.find_attribute(name)
    if qualified is None:
        way = own_way(name.rpartition(".")[2])
        message = f"`{name}` is not part of the language" if way else f"there is no op `{name}`"
        reading.findings.add("GC122" if way else "GC202", message, op.span, way or reading.suggest_op(name))
    return qualified


_Named = Sequence[tuple[YamlScalar, Yaml]]


def _given(reading: Reading, node: YamlMapping) -> tuple[Sequence[Yaml], _Named]:
    args, kwargs = node.get("args"), node.get("kwargs")
    positional: Sequence[Yaml] = ()
    if isinstance(args, YamlSequence):
        positional = args.items
    elif args is not None:
        text = f"write `args: [{args.text}]`" if isinstance(args, YamlScalar) and args.text else None
        wrong(reading, args, "`args`", "a list", text)
    named = mapping_of(reading, kwargs, "`kwargs`", "a mapping of names and values") if kwargs else None
    for key, _ in named.entries if named else ():
        if key.text in ("out", "inplace"):
            hint = "the name of a result is the key of its op"
            reading.findings.add("GC122", f"`{key.text}` is not part of the language", key.span, hint)
    return positional, named.entries if named else ()


def _chosen(lowering: Lowering, qualified: str, positional: Sequence[Yaml], named: _Named) -> Any | None:
    """The signature of the first overload that takes so many arguments and these names, best with these kinds."""
    fitting = [
        overload.signature
        for overload in lowering.reading.ops.overloads(qualified)
        if _takes(overload.signature, len(positional), [key.text for key, _ in named])
    ]
    suiting = (signature for signature in fitting if _all_suit(lowering, signature, positional, named))
    return next(suiting, fitting[0] if fitting else None)


def _takes(signature: Any, count: int, names: list[str]) -> bool:
    positions = sum(not param.keyword_only for param in signature.params)
    if count > positions and not any(param.varargs for param in signature.params):
        return False
    return set(names) <= set(signature.keywords)


def _all_suit(lowering: Lowering, signature: Any, positional: Sequence[Yaml], named: _Named) -> bool:
    by_name = signature.keywords
    return all(_suits(lowering, value, _at(signature.params, at)) for at, value in enumerate(positional)) and all(
        _suits(lowering, value, by_name[key.text]) for key, value in named
    )


def _at(params: Sequence[Any] | None, position: int) -> Any | None:
    """The parameter at a position; sizes one by one all belong to the one that takes them."""
    for at, param in enumerate(params or ()):
        if param.keyword_only:
            return None
        if at == position or param.varargs:
            return param
    return None


def _suits(lowering: Lowering, value: Yaml, param: Any | None) -> bool:
    kind = param.kind if param else "any"
    if isinstance(value, YamlSequence):
        return bool(kind.endswith("[]") or kind == "any" or (param and param.count))
    if isinstance(value, YamlScalar) and isinstance(value.value, str):
        text = value.text.strip()
        return kind in ("str", "dtype", "any") or not text.isidentifier() or _means_something(lowering, text)
    numeric = isinstance(value, YamlScalar) and value.value is not None
    return not (numeric and kind in ("Tensor", "Tensor[]", "str", "dtype"))


def _no_fit(reading: Reading, node: YamlMapping, qualified: str) -> None:
    given = node.get("kwargs")
    names = reading.arity(qualified).names
    for key, _ in given.entries if isinstance(given, YamlMapping) else ():
        if key.text not in names:
            hint = reading.findings.suggest(key.text, names, f"it takes {', '.join(names)}")
            name = qualified.rpartition(".")[2]
            reading.findings.add("GC206", f"{name}() got an unexpected keyword argument '{key.text}'", key.span, hint)
            return
    expected = " or ".join(overload.signature.describe() for overload in reading.ops.overloads(qualified))
    name = qualified.rpartition(".")[2]
    reading.findings.add("GC206", f"{name}() does not take these arguments", node.span, f"it takes {expected}")


_EXPECTED = {"Tensor": "a tensor", "Tensor[]": "a list of tensors"}


def _argument(lowering: Lowering, node: Yaml, param: Any | None) -> Arg:
    kind, name = (param.kind.rstrip("?"), param.name) if param else ("any", "?")
    return _value(lowering, node, kind, name)


def _value(lowering: Lowering, node: Yaml, kind: str, name: str) -> Arg:
    if isinstance(node, YamlScalar) and isinstance(node.value, str):
        return _string(lowering, node, kind)
    if isinstance(node, YamlScalar) and (node.value is None or isinstance(node.value, bool | int | float | complex)):
        return Literal(node.value)
    if not isinstance(node, YamlSequence) or kind == "Tensor":
        expected = _EXPECTED.get(kind, "an expression, a number or a list")
        message = f"the argument `{name}` must be {expected}, not {found(node)}"
        hint = "declare a literal tensor under `inputs` and write its name here"
        lowering.reading.findings.add("GC206", message, node.span, hint)
        return POISON
    item = kind.removesuffix("[]")
    return Pack("list", tuple([_value(lowering, value, item, name) for value in node.items]))


def _string(lowering: Lowering, node: YamlScalar, kind: str) -> Arg:
    text = node.text.strip()
    if kind == "str":
        return Literal(node.text)
    if kind == "dtype" and text.removeprefix("torch.") in DTYPES:
        return Literal(DTYPES[text.removeprefix("torch.")])
    if kind == "any" and text.isidentifier() and not _means_something(lowering, text):
        return Literal(node.text)
    return lowering.text(node)


def _means_something(lowering: Lowering, name: str) -> bool:
    return lowering.scope.find(name) is not None or name in ("nan", "inf", "pi", "True", "False", "None")
