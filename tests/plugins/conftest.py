"""Workspaces with engines, as tests of runs that are killed have them."""

from crash.conftest import (  # noqa: F401 - fixtures
    asked_for,
    forked_workers,
    load,
    within,
    workspace,
)
