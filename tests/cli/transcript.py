"""Transcripts: commands with what they print, in files that were read before they were accepted.

A transcript is a text of `$ gradcli …` lines, each followed by its standard output, then by `stderr:` and `exit N`
where there are any. `< FILE` feeds standard input, `NAME=VALUE` in front sets the environment, `cat FILE` shows a file
that a command wrote. `GRADCLI_ACCEPT=1 pytest tests/cli` writes the transcripts anew.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from gradcli.cli.main import invoke

FOLDER = Path(__file__).parent
TRANSCRIPTS = FOLDER / "transcripts"
SPECS = FOLDER / "specs"
PROMPT = "$ "
ROUNDING = re.compile(r"(?<=largest difference )\S+")
"""What depends on the last bits of a machine's arithmetic is shown as `…`."""


def commands(text: str) -> list[str]:
    """Return the command lines of a transcript."""
    return [line.removeprefix(PROMPT) for line in text.splitlines() if line.startswith(PROMPT)]


def replay(text: str, folder: Path) -> str:
    """Return a transcript with what its commands print now, run in a copy of the specs' folder."""
    place = folder / "specs"
    shutil.copytree(SPECS, place)
    before = Path.cwd()
    os.chdir(place)
    try:
        return "\n".join(entry(command) for command in commands(text))
    finally:
        os.chdir(before)


def entry(command: str) -> str:
    """Return one command with what it prints."""
    out, err, code = run(command)
    parts = [PROMPT + command + "\n", ROUNDING.sub("…", out)]
    if err:
        parts += ["stderr:\n", err]
    if code:
        parts.append(f"exit {code}\n")
    return "".join(parts)


def run(command: str) -> tuple[str, str, int]:
    """Return standard output, standard error and exit code of a command line."""
    words = shlex.split(command)
    environment = {"COLUMNS": "100", "TERM": "xterm"}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    stdin = b""
    if "<" in words:
        at = words.index("<")
        stdin, words = Path(words[at + 1]).read_bytes(), words[:at] + words[at + 2 :]
    if words[0] == "cat":
        return Path(words[1]).read_text(encoding="utf-8"), "", 0
    return captured(words[1:], environment, stdin)


def captured(arguments: list[str], environment: dict[str, str], stdin: bytes = b"") -> tuple[str, str, int]:
    """Return what one in-process call of the command line writes to its streams, and its exit code."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    feed = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    argv = ["gradcli", *arguments]
    with patch.dict(os.environ, environment), patch.object(sys, "stdin", feed), patch.object(sys, "argv", argv):
        if "NO_COLOR" not in environment:
            os.environ.pop("NO_COLOR", None)
        with redirect_stdout(out), redirect_stderr(err):
            code = invoke(arguments)
    return text_of(out), text_of(err), code


def text_of(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]
