"""The index of public names is the one that the records give."""

from __future__ import annotations

from tests.ops import write_index


def test_the_index_is_what_the_records_declare():
    """gradcli/ops/_index.py has every public name; after adding an op: `python -m tests.ops.write_index`."""
    assert write_index.TARGET.read_text(encoding="utf-8") == write_index.text()
