"""Waiting: a progress bar on the terminal while a command takes longer than a second."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from gradcli.cli.options import Color
from gradcli.cli.streams import use_color
from gradcli.progress import WATCHED, Progress

DELAY = 1.0
"""Seconds without a bar."""
INTERVAL = 0.25
"""Seconds between two looks."""


@contextmanager
def waiting(specs: Iterable[str], quiet: bool, color: Color) -> Iterator[None]:
    """Show how far the work inside is, on standard error and only if that is a terminal; then nothing of it is left."""
    if quiet or not _is_shown(specs):
        yield
        return
    watcher = Watcher(Progress(), use_color(sys.stderr, color))
    token = WATCHED.set(watcher.progress)
    watcher.start()
    try:
        yield
    finally:
        WATCHED.reset(token)
        watcher.stop()


def _is_shown(specs: Iterable[str]) -> bool:
    """Return whether a bar can be drawn, and disturbs nobody who types a spec."""
    typed = "-" in specs and sys.stdin.isatty()
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not typed


class Watcher(Thread):
    """Looks at the progress of the main thread now and then; rich is imported when there is something to draw."""

    def __init__(self, progress: Progress, colored: bool) -> None:
        super().__init__(daemon=True)
        self.progress, self._colored, self._over = progress, colored, Event()

    def run(self) -> None:
        """Wait for a second, then draw until it is over."""
        if self._over.wait(DELAY):
            return
        from gradcli.render.progress_bar import ProgressBar

        with ProgressBar(sys.stderr, self._colored) as bar:
            bar.show(self.progress.now)
            while not self._over.wait(INTERVAL):
                bar.show(self.progress.now)

    def stop(self) -> None:
        """Take the bar away."""
        self._over.set()
        self.join()
