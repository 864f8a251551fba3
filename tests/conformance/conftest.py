"""The score of a run: how many of PyTorch's samples agree, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print `N/M samples` for the entries that ran."""
    scores = list(_scores(terminalreporter.stats))
    if scores:
        passed, total = (sum(column) for column in zip(*scores, strict=True))
        terminalreporter.write_line(f"{passed}/{total} samples")


def _scores(stats: dict[str, list[Any]]) -> Iterator[tuple[int, int]]:
    for reports in stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "samples" and getattr(report, "when", "") == "call":
                    yield tuple(value)
