"""Unpacked code and virtual environments: what goes when nobody has used it for long, and what stays."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from latewood.engine.storage.archives import packed, source_name, unpacked
from latewood.engine.storage.caches import cached, caches_in_use, remove_unused
from latewood.engine.storage.store import ArtifactStore

NOW = datetime(2013, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def used_at(folder, at):
    os.utime(folder, (at.timestamp(), at.timestamp()))


@pytest.fixture
def home(tmp_path):
    """One folder of either kind that was used lately, and one that was not."""
    for name, days in (("code/old", 31), ("code/new", 29), ("venvs/old", 31), ("venvs/new", 29)):
        folder = tmp_path / name
        (folder / "inside").mkdir(parents=True)
        (folder / "inside" / "file").write_text("12345")
        (folder / "inside" / "link").symlink_to(folder / "inside" / "file")
        used_at(folder, NOW - timedelta(days=days))
    (tmp_path / "code" / "lock").touch()
    return tmp_path


def names(found):
    return [folder.name for folder in found]


def test_what_nobody_used_for_so_long_goes_and_the_bytes_are_told(home):
    removed = remove_unused(home, NOW - MONTH)
    assert [(folder.name, folder.bytes) for folder in removed] == [("code/old", 5), ("venvs/old", 5)]
    assert names(cached(home)) == ["code/new", "venvs/new"]
    assert remove_unused(home, NOW - MONTH) == []
    assert (home / "code" / "lock").exists()


def test_nothing_goes_while_any_of_them_is_in_use(home):
    with caches_in_use(home), caches_in_use(home):
        assert remove_unused(home, NOW) is None
        assert len(cached(home)) == 4
    assert len(remove_unused(home, NOW)) == 4


def test_what_was_left_half_removed_is_nothing_that_is_used_and_goes_too(home):
    for kind in ("code", "venvs"):
        (home / kind / "old").rename(home / kind / ".old")
    (home / "venvs" / ".new" / "rest").mkdir(parents=True)  # of an earlier one under that name
    assert names(remove_unused(home, NOW + MONTH)) == ["code/.old", "code/new", "venvs/.old", "venvs/new"]
    assert cached(home) == []


def test_what_is_used_is_not_old_and_what_went_is_unpacked_again(tmp_path):
    store, sources = ArtifactStore(tmp_path / "store", "default"), {"assets.py": b"A = 1\n"}
    staged = store.stage(packed(sources), "tar.gz")
    store.commit([staged])
    arguments = (store, staged.address, source_name(sources), tmp_path)
    folder = unpacked(*arguments)
    used_at(folder, NOW - MONTH)
    assert unpacked(*arguments) == folder
    assert remove_unused(tmp_path, NOW) == []
    used_at(folder, NOW - MONTH)
    assert names(remove_unused(tmp_path, NOW)) == [f"code/{folder.name}"]
    assert (unpacked(*arguments) / "assets.py").read_bytes() == b"A = 1\n"


def test_without_any_there_is_nothing_to_do(tmp_path):
    assert (cached(tmp_path / "home"), remove_unused(tmp_path / "home", NOW)) == ([], [])
