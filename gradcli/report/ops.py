"""The OpsReport: the ops that gradcli knows, as a list and as one op's page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpRow:
    """One line of the list: the shortest name, its first signature, its grad_fn names (none: not differentiable)."""

    name: str
    signature: str
    grad_fn: tuple[str, ...] = ()
    family: str = ""


@dataclass(frozen=True, slots=True)
class OpPage:
    """Everything about one op; `derivatives` maps an input to its formula as text."""

    name: str
    spellings: tuple[str, ...]
    signatures: tuple[str, ...]
    grad_fn: tuple[str, ...] = ()
    formula: str | None = None
    derivatives: tuple[tuple[str, str], ...] = ()
    conventions: tuple[str, ...] = ()
    composite: bool = False


@dataclass(frozen=True, slots=True)
class OpsReport:
    """A list of ops (`gradcli ops`)."""

    rows: tuple[OpRow, ...] = ()
