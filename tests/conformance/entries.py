"""Entries of the record of PyTorch's OpInfo, and the gaps that are known among them; it imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def recorded() -> dict[str, Any]:
    """Return what was recorded of each entry: samples, grad_fn, nodes."""
    return json.loads((FOLDER / "opinfo-2.13.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def gaps() -> dict[str, str]:
    """Return the reason of each entry that is known to differ: the lines `entry: reason` of known_gaps.txt."""
    lines = (FOLDER / "known_gaps.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(": ") for line in lines if line and not line.startswith("#"))
    return {entry: reason for entry, _, reason in pairs}
