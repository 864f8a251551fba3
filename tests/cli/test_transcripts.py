"""Transcripts of every command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.transcript import TRANSCRIPTS, replay


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_commands_print_what_the_transcript_says(path: Path, tmp_path: Path) -> None:
    """Every command of a transcript prints the same bytes on both streams and exits with the same code."""
    text = path.read_text(encoding="utf-8")
    found = replay(text, tmp_path)
    if os.environ.get("GRADCLI_ACCEPT"):
        path.write_text(found, encoding="utf-8", newline="\n")
    assert found == path.read_text(encoding="utf-8")
