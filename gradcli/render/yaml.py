"""YAML: the data of the JSON format in blocks, each tensor's numbers on one line, with YAML's own `.nan` and `.inf`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gradcli.render.json import plain_or_none, run_data
from gradcli.report.run import RunReport

PLAIN = re.compile(r"[^\W\d][\w./\[\]-]*")
READ_AS_OTHERS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
NOT_FINITE = {'"nan"': ".nan", '"inf"': ".inf", '"-inf"': "-.inf"}
BARE_EXPONENT = re.compile(r"(?<![.\d])(\d+)e")
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class Numbers(str):
    """Numbers as YAML text, written as they are."""


def render_run(report: RunReport) -> str:
    """One YAML document, which starts with `---` so that documents can follow each other."""
    return "\n".join(("---", *_block(run_data(report, _numbers), ""))) + "\n"


def _numbers(value: Any) -> Numbers:
    """JSON's numbers with what YAML 1.1 and 1.2 both read: `.nan` for "nan" and `1.0e-05` for `1e-05`."""
    text = json.dumps(plain_or_none(value))
    for written, meant in NOT_FINITE.items():
        text = text.replace(written, meant)
    return Numbers(BARE_EXPONENT.sub(r"\1.0e", text))


def _block(data: dict[str, Any], margin: str) -> Iterator[str]:
    for key, value in data.items():
        head = f"{margin}{_scalar(key)}:"
        if isinstance(value, dict) and value:
            yield head
            yield from _block(value, margin + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield head
            for item in value:
                yield from _item(item, margin)
        else:
            yield f"{head} {_scalar(value)}"


def _item(data: dict[str, Any], margin: str) -> Iterator[str]:
    first, *rest = _block(data, margin + "  ")
    yield f"{margin}- {first.lstrip()}"
    yield from rest


def _scalar(value: Any) -> str:
    """A key or a value on its own line; words go without quotes."""
    is_word = type(value) is str and PLAIN.fullmatch(value) and value.lower() not in READ_AS_OTHERS
    return value if is_word else _flow(value)


def _flow(value: Any) -> str:
    if isinstance(value, Numbers):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
