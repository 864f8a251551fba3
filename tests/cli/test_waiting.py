"""The progress bar: on a terminal, after a second, and gone when it is over."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

import gradcli
from gradcli.progress import WATCHED, Progress, follow

pytest.importorskip("pty", reason="terminals are POSIX's")

ROOT = Path(gradcli.__file__).parent.parent
SPEC = b"parameters: {x: 2.0}\nops: {y: x * x}\nbackward: y\n"
AT_ONCE = "import sys, gradcli.cli.waiting as w; w.DELAY = {delay}; from gradcli.cli.main import main; main()"


def on_a_terminal(*arguments: str, delay: float = 0, until: bytes = b"", term: str = "xterm") -> tuple[bytes, bytes, int]:
    """Return standard output, what standard error's terminal was sent, and the exit code.

    The spec is fed to standard input as soon as the terminal has shown `until`.
    """
    import pty

    terminal, device = pty.openpty()
    command = [sys.executable, "-c", AT_ONCE.format(delay=delay), *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"PYTHONPATH": str(ROOT), "TERM": term}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=device, env=environment)
    os.close(device)
    shown = b""
    while until not in shown:
        shown += os.read(terminal, 4096)
    out, _ = process.communicate(SPEC, timeout=60)
    while select.select([terminal], [], [], 0)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
    os.close(terminal)
    return out, shown, process.returncode


def plain(*arguments: str) -> bytes:
    """Return standard output where there is no terminal at all."""
    command, environment = [sys.executable, "-m", "gradcli", *arguments], {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=SPEC, capture_output=True, env=environment, check=True).stdout


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_bar_is_drawn_and_taken_away(verb: str) -> None:
    """While a spec takes its time the terminal shows the phase; then its line is erased, and the output is as anywhere."""
    out, shown, code = on_a_terminal(verb, "-", until=b"reading")
    assert code == 0
    assert out == plain(verb, "-")
    assert shown.endswith(b"\x1b[2K")
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") == 1, "the cursor is back"


@pytest.mark.parametrize(
    ("arguments", "delay", "term"),
    [((), 60, "xterm"), (("--quiet",), 0, "xterm"), ((), 0, "dumb")],
    ids=["in less than a second", "quiet", "dumb"],
)
def test_no_bar(arguments: tuple[str, ...], delay: float, term: str) -> None:
    """What is done soon, --quiet and terminals that cannot draw have no bar."""
    _, shown, code = on_a_terminal("run", "-", *arguments, delay=delay, term=term)
    assert (shown, code) == (b"", 0)


def test_rich_is_not_imported_before_there_is_something_to_draw() -> None:
    """A run of less than a second imports no rich on account of the bar."""
    script = "import sys, gradcli.cli.waiting; sys.exit('rich' in sys.modules or 'gradcli.render' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


def test_how_far_an_evaluation_is() -> None:
    """Reading, evaluating, the turns of a long loop and a backward pass say how many of all they have done."""
    seen: dict[tuple[str, str, int | None], list[int]] = {}

    class Recorder(Progress):
        __slots__ = ()

        def begin(self, phase, unit, total, done):  # type: ignore[no-untyped-def]
            super().begin(phase, unit, total, done)
            seen.setdefault((phase, unit, total), []).append(done())

    ops = "\n".join(f"  h{i + 1}: h{i} * 2" for i in range(9))
    loop = "  l: {carry: {y: h9}, repeat: 2000, ops: {y: y + 1}}"
    token = WATCHED.set(Recorder())
    try:
        gradcli.run(gradcli.loads(f"parameters: {{h0: 1.0}}\nops:\n{ops}\n{loop}\nbackward: l.y\n"))
    finally:
        WATCHED.reset(token)
    assert seen == {
        ("reading", "values", None): [0],
        ("reading", "ops", 10): [0],
        ("evaluating", "ops", 10): [0],
        ("evaluating", "turns", 2000): [0],
        ("backward", "nodes", 2009): [0],
    }


def test_what_is_followed_is_not_slowed_down() -> None:
    """Who is followed goes through the items of a list by themselves; nobody counts."""
    progress = Progress()
    token = WATCHED.set(progress)
    try:
        items = iter(follow("reading", "ops", [1, 2, 3]))
        assert type(items) is type(iter([]))
        assert [(next(items), progress.now.done()) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]
    finally:
        WATCHED.reset(token)
    assert follow("reading", "ops", items := [1]) is items


def test_ranges_longer_than_python_counts_are_followed_silently() -> None:
    """A loop over an enormous range ends at its limit of turns, watched or not."""
    token = WATCHED.set(Progress())
    try:
        assert next(iter(follow("evaluating", "turns", range(10**30), 1000))) == 0
    finally:
        WATCHED.reset(token)
