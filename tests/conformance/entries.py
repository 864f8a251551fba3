"""Entries of the record of PyTorch's OpInfo, and the gaps that are known among them; it imports no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def recorded() -> dict[str, Any]:
    """Return what was recorded of each entry: samples, grad_fn, nodes."""
    return json.loads((FOLDER / "opinfo-2.13.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Gap:
    """Why an entry differs from torch, and whether it does so on every machine."""

    reason: str
    everywhere: bool


def gaps() -> dict[str, Gap]:
    """Return the gaps that known_gaps.txt lists: lines `entry: reason`, or `entry?: reason` where it depends."""
    lines = (FOLDER / "known_gaps.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(": ") for line in lines if line and not line.startswith("#"))
    return {entry.removesuffix("?"): Gap(reason, not entry.endswith("?")) for entry, _, reason in pairs}
