"""Hashes that are remembered: of files that nobody touched since, and of no others."""

import os
import time

import pytest

from latewood.engine.storage.file_hash import path_version
from latewood.engine.storage.known_hashes import KnownHashes

LATER = 10**10


@pytest.fixture
def hashes(tmp_path):
    """Ten seconds later: whatever lies there has settled."""
    return KnownHashes(tmp_path / "home", lambda: time.time_ns() + LATER)


def falsified(tmp_path):
    """Whoever says this has not read the file."""
    file = tmp_path / "home" / "hashes.msgpack"
    file.write_bytes(file.read_bytes().replace(path_version(tmp_path / "x").encode(), b"file1:" + b"0" * 64))


def test_a_file_that_nobody_touched_is_not_read_again_by_any_process(hashes, tmp_path):
    (tmp_path / "x").write_bytes(b"one")
    assert hashes.version(tmp_path / "x") == path_version(tmp_path / "x")
    hashes.save()
    falsified(tmp_path)
    assert KnownHashes(tmp_path / "home").version(tmp_path / "x") == "file1:" + "0" * 64


def rewrite(file):
    file.write_bytes(b"two")


def rewrite_as_of_then(file):
    before = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_another_there(file):
    before = file.stat()
    other = file.with_name("other")
    other.write_bytes(b"two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize("act", [rewrite, rewrite_as_of_then, put_another_there])
def test_a_file_that_was_touched_is_read(hashes, tmp_path, act):
    (tmp_path / "x").write_bytes(b"one")
    hashes.version(tmp_path / "x")
    hashes.save()
    act(tmp_path / "x")
    again = KnownHashes(tmp_path / "home")
    assert again.version(tmp_path / "x") == hashes.version(tmp_path / "x") == path_version(tmp_path / "x")


def test_what_was_written_just_now_is_not_relied_on(tmp_path):
    (tmp_path / "x").write_bytes(b"one")
    hashes = KnownHashes(tmp_path / "home", lambda: (tmp_path / "x").stat().st_mtime_ns + 1)
    hashes.version(tmp_path / "x")
    hashes.save()
    assert not (tmp_path / "home").exists()


def test_without_a_whole_memory_files_are_read(hashes, tmp_path):
    (tmp_path / "x").write_bytes(b"one")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "hashes.msgpack").write_bytes(b"\x93nonsense")
    assert hashes.version(tmp_path / "x") == path_version(tmp_path / "x")
    hashes.save()
    falsified(tmp_path)
    with pytest.raises(FileNotFoundError):
        hashes.version(tmp_path / "y")
