"""Waiting: a progress bar on the terminal while a command takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from gradcli.progress import WATCHED, Progress

DELAY = 1.0
"""Seconds without a bar."""
INTERVAL = 0.25
"""Seconds between two looks."""


@contextmanager
def waiting(colored: bool) -> Iterator[None]:
    """Show how far the work inside is, on the terminal of standard error; then nothing of it is left."""
    watcher = Watcher(Progress(), colored)
    token = WATCHED.set(watcher.progress)
    watcher.start()
    try:
        yield
    finally:
        WATCHED.reset(token)
        watcher.stop()


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
