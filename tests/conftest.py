"""What holds for every test."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A gate says the same of the same code each time; `make soak` looks where nobody has looked.
settings.register_profile("gate", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("gate")


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """Folders that a test loaded definitions from are none that later tests, and their processes, import from."""
    before = list(sys.path)
    yield
    sys.path[:] = before
