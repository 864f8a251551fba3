"""Places: where in the document each character of a scalar's text stands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.spec.yaml_nodes import YamlScalar

_BREAKS = "\n\r\x85\u2028\u2029"
_FOLD = rf"(?P<fold>[ \t]*[{_BREAKS}][ \t{_BREAKS}]*)"
_DOUBLE = re.compile(
    rf"(?P<join>\\[{_BREAKS}][ \t{_BREAKS}]*)|(?P<char>\\(?:x..|u.{{4}}|U.{{8}}|.))|{_FOLD}|.", re.DOTALL
)
_SINGLE = re.compile(rf"(?P<char>'')|{_FOLD}|.", re.DOTALL)
_BREAK = re.compile(rf"\r\n|[{_BREAKS}]")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


@lru_cache(maxsize=8)
def places(scalar: YamlScalar) -> list[int]:
    """The index in the document of each character of the text, and of its end."""
    start, end = scalar.start.index, scalar.end.index
    raw = scalar.source.text[start:end]
    skip = _PROPERTIES.match(raw).end()  # type: ignore[union-attr]
    if scalar.style == '"':
        return _quoted_places(_DOUBLE, raw, skip + 1, start)
    if scalar.style == "'":
        return _quoted_places(_SINGLE, raw, skip + 1, start)
    if scalar.style in ("|", ">"):
        header = _BREAK.search(raw, skip)
        skip = header.end() if header else len(raw)
    return _aligned_places(scalar.text, raw, skip, start)


def _quoted_places(token: re.Pattern[str], raw: str, skip: int, start: int) -> list[int]:
    indices: list[int] = []
    for match in token.finditer(raw, skip, max(len(raw) - 1, skip)):
        count = 1
        if match.lastgroup == "fold":
            count = max(1, len(_BREAK.findall(match.group())) - 1)
        elif match.lastgroup == "join":
            count = 0
        indices += [start + match.start()] * count
    return [*indices, start + len(raw) - 1]


def _aligned_places(text: str, raw: str, skip: int, start: int) -> list[int]:
    """Follows the text through the raw lines; only blanks differ between the two."""
    indices: list[int] = []
    at = skip
    for char in text:
        if not char.isspace():
            found = raw.find(char, at)
            at = found if found >= 0 else at
        indices.append(start + min(at, max(len(raw) - 1, 0)))
        at += not char.isspace() or raw[at : at + 1].isspace()
    return [*indices, start + min(at, len(raw))]
