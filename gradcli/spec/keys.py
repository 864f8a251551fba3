"""Keys: the closed sets of keys of the spec's mappings, and their values of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradcli.spec.document import Yaml, YamlMapping, YamlScalar, YamlSequence
from gradcli.spec.reading import Reading
from gradcli.types.dtype import DTYPES

_WORDS = {"yes": True, "on": True, "no": False, "off": False, "y": True, "n": False}


def found(node: Yaml) -> str:
    """What a node is, for messages.

    >>> from gradcli.spec.document import from_data
    >>> found(from_data([1])), found(from_data(True)), found(from_data(None)), found(from_data("a"))
    ('a list', '`true`', 'nothing', 'the text `a`')
    """
    if isinstance(node, YamlMapping):
        return "a mapping" if node.entries else "an empty mapping"
    if isinstance(node, YamlSequence):
        return "a list" if node.items else "an empty list"
    if node.value is None:
        return "nothing" if node.text in ("", "~") else "`null`"
    if isinstance(node.value, bool):
        return "`true`" if node.value else "`false`"
    if isinstance(node.value, str):
        return f"the text `{_short(node.value)}`"
    return f"the number `{node.value}`" if isinstance(node.value, int | float) else f"a {type(node.value).__name__}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "…"


def check_keys(reading: Reading, mapping: YamlMapping, allowed: Iterable[str], what: str) -> None:
    """Note every key that is not allowed here."""
    allowed = tuple(allowed)
    for key, _ in mapping.entries:
        if key.text not in allowed:
            listed = ", ".join(f"`{name}`" for name in allowed)
            hint = reading.findings.suggest(key.text, allowed, f"its keys are {listed}")
            reading.findings.add("GC110", f"{what} has no key `{_short(key.text)}`", key.span, hint)


def exclusive(reading: Reading, mapping: YamlMapping, names: Iterable[str]) -> str | None:
    """The one key of these that is there; more than one is a finding."""
    there = [name for name in names if name in mapping]
    for name in there[1:]:
        key = mapping.key(name)
        assert key is not None
        message = f"`{there[0]}` and `{name}` exclude each other"
        reading.findings.add("GC113", message, key.span, "keep the keys of one form")
    return there[0] if there else None


def wrong(reading: Reading, node: Yaml, what: str, expected: str, hint: str | None = None) -> None:
    """Note a value of the wrong kind."""
    reading.findings.add("GC111", f"{what} must be {expected}, not {found(node)}", node.span, hint)


def boolean(reading: Reading, mapping: YamlMapping, key: str) -> bool | None:
    """The boolean under a key; None where there is none or `null`."""
    node = mapping.get(key)
    if node is None:
        return None
    value = node.value if isinstance(node, YamlScalar) else node
    if isinstance(value, bool) or (value is None and key == "retain_graph"):
        return value
    word = _WORDS.get(str(value).lower())
    hint = None if word is None else f"write `{'true' if word else 'false'}`: in YAML 1.2 `{value}` is a text"
    wrong(reading, node, f"`{key}`", "`true` or `false`", hint)
    return None


def string(reading: Reading, mapping: YamlMapping, key: str) -> str | None:
    """The text under a key; None where there is none."""
    node = mapping.get(key)
    if node is None:
        return None
    if isinstance(node, YamlScalar) and node.value is not None:
        return node.text or str(node.value)
    wrong(reading, node, f"`{key}`", "a text")
    return None


def number(reading: Reading, mapping: YamlMapping, key: str) -> float | None:
    """The number under a key, not negative; None where there is none."""
    node = mapping.get(key)
    if node is None:
        return None
    value: Any = node.value if isinstance(node, YamlScalar) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    wrong(reading, node, f"`{key}`", "a number that is not negative")
    return None


def dtype(reading: Reading, mapping: YamlMapping, key: str = "dtype") -> str | None:
    """The name of the dtype under a key; None where there is none."""
    node = mapping.get(key)
    if node is None:
        return None
    text = node.text.removeprefix("torch.") if isinstance(node, YamlScalar) else ""
    if text in DTYPES:
        return DTYPES[text].name
    every = ", ".join(dict.fromkeys(dtype.name for dtype in DTYPES.values()))
    hint = reading.findings.suggest(text, DTYPES, f"the dtypes are {every}")
    reading.findings.add("GC303", f"`{key}` must be a dtype, not {found(node)}", node.span, hint)
    return None


def mapping_of(reading: Reading, node: Yaml, what: str, expected: str = "a mapping") -> YamlMapping | None:
    """The node as a mapping, or None and a finding."""
    if isinstance(node, YamlMapping):
        return node
    wrong(reading, node, what, expected)
    return None
