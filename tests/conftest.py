"""The order of the tests, and how property tests draw."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.register_profile("new", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("GRADCLI_HYPOTHESIS", "same"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Put the tutorial first: when it fails, nothing else matters."""
    items.sort(key=lambda item: item.path.name != "test_tiny.py")
