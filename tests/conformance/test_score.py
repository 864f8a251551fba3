"""The score that README shows."""

from __future__ import annotations

import pytest

from tests.conformance.score import sentence, written

SCORES = [("add", 3, 3), ("mul", 1, 2)]


def test_the_sentence_counts_samples_and_whole_entries() -> None:
    """Samples are added up, and an entry is whole where all of its samples agree."""
    words = sentence(SCORES)
    assert "4 of 5 samples" in words
    assert "1 of 2 entries" in words


def test_the_score_is_written_between_its_markers() -> None:
    """What stands between the markers is replaced, however often, and nothing else."""
    text = "before\n<!-- score -->old<!-- /score -->\nafter\n"
    once = written(text, "new")
    assert once == "before\n<!-- score -->\nnew\n<!-- /score -->\nafter\n"
    assert written(once, "new") == once


def test_a_text_without_markers_is_an_error() -> None:
    """A README that lost its markers is not written over."""
    with pytest.raises(ValueError, match="has no <!-- score -->"):
        written("text", "new")
