"""The plain table: what is printed off a terminal, without rich."""

from __future__ import annotations

import pytest

from gradcli.render import plain_table, table
from tests.render import samples


@pytest.mark.parametrize("report", [samples.LAYER, samples.ODD, samples.BROKEN], ids=lambda report: report.spec)
def test_it_looks_like_the_rich_table(report):
    """Off a terminal the page is, byte for byte, the one that rich draws without a width."""
    assert plain_table.render_run(report) == table.render_run(report)
