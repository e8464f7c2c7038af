"""What holds for every test."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """Folders that a test loaded definitions from are none that later tests, and their processes, import from."""
    before = list(sys.path)
    yield
    sys.path[:] = before
