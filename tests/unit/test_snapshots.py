"""Readings are made without a search for garbage, and leave what others have frozen as it is."""

import gc
from threading import Event

import pytest

from latewood.projections import snapshots
from latewood.projections.snapshots import uncollected


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch):
    monkeypatch.setattr(snapshots, "_FROZEN", Event())
    gc.unfreeze()  # the tests
    yield
    gc.unfreeze()


def test_meanwhile_nothing_is_searched_and_afterwards_what_was_made_is_old():
    with uncollected():
        assert not gc.isenabled()
        made = [[] for _ in range(3)]
    assert gc.isenabled()
    old = {id(found) for found in gc.get_objects(generation=2)}
    assert all(id(one) in old for one in made)


def test_what_others_have_frozen_stays_so_and_is_counted_once(monkeypatch):
    counts, count = [], gc.get_freeze_count
    monkeypatch.setattr(gc, "get_freeze_count", lambda: counts.append(count()) or counts[-1])
    gc.freeze()
    for _ in range(3):
        with uncollected():
            pass
    assert len(counts) == 1
    assert count() >= counts[0] > 0
