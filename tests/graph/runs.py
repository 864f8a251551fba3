"""Runs of specs that are written in the tests."""

from __future__ import annotations

from typing import Any

import gradcli
from gradcli.errors import SpecError


def run(text: str) -> Any:
    """Return the result of a spec."""
    return gradcli.run(gradcli.loads(text))


def values(text: str, *names: str) -> list[Any]:
    """Return the values of some names of a spec as nested lists (numbers stay numbers)."""
    result = run(text)
    return [plain(result[name]) for name in names]


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def failure(text: str) -> SpecError:
    """Return the error that a spec ends with."""
    try:
        run(text)
    except SpecError as error:
        return error
    raise AssertionError("the spec evaluates")


def nodes(result: Any, name: str) -> list[str]:
    """Return the names of the nodes below a tensor, depth first, each once."""
    found, stack, seen = [], [result[name].grad_fn], set()
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found.append(node.name())
            stack.extend(n for n, _ in reversed(node.next_functions))
    return found
