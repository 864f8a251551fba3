"""The progress bar: one line on a terminal, which is taken away when it is over."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gradcli.progress import Stretch


class ProgressBar:
    """Draws the stretch that is gone through: its phase, a bar, how many units are done, and the time."""

    def __init__(self, stream: TextIO, colored: bool) -> None:
        console = Console(file=stream, force_terminal=True, no_color=not colored, highlight=False, emoji=False)
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[how_far]}"), TimeElapsedColumn()
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False,
                                  redirect_stderr=False)  # fmt: skip
        self._task = self._progress.add_task("", total=None, how_far="")

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()

    def show(self, stretch: Stretch) -> None:
        """Draw a stretch as it is now."""
        done = stretch.done()
        self._progress.update(
            self._task, description=stretch.phase, total=stretch.total, completed=done, how_far=how_far(stretch, done),
            refresh=True,
        )  # fmt: skip


def how_far(stretch: Stretch, done: int) -> str:
    """Return what is said beside the bar.

    Example: `"120,000 of 300,000 ops"`, or `"4,096 turns"` where nobody knows how many there will be.
    """
    of_all = "" if stretch.total is None else f" of {stretch.total:,}"
    return f"{done:,}{of_all} {stretch.unit}" if stretch.unit else ""
