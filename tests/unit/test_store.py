import os
import re
import resource
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from latewood.engine.storage.store import ArtifactMissing, ArtifactStore, open_store
from latewood.errors import StoreError, UsageError


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path, "test")


def files(store):
    return sorted(path.name for path in store.directory.rglob("*") if path.is_file())


def test_an_artifact_is_named_by_its_content(store):
    staged = store.stage(b"[1]", "json")
    store.commit([staged])

    digest = sha256(b"[1]").hexdigest()
    path = store.path_of(staged.address)
    assert staged.address == f"{digest}.json"
    assert staged.size == 3
    assert path == store.directory / digest[:1] / f"{digest}.json"
    assert path.read_bytes() == b"[1]"
    assert path.stat().st_mode & 0o222 == 0
    assert store.open(staged.address).extension == "json"


def test_what_is_staged_is_readable_here_and_nowhere_under_its_name(store, tmp_path):
    staged = store.stage(b"x", "bin")

    assert store.exists(staged.address)
    assert store.read(staged.address, size=1) == b"x"
    assert not ArtifactStore(tmp_path, "test").exists(staged.address)
    assert [re.fullmatch(rf"{os.getpid()}-[0-9a-f]{{8}}-\d+", name) is not None for name in files(store)] == [True]


def test_a_path_handed_out_is_final(store):
    staged = store.stage(b"x", "bin")
    path = store.path_of(staged.address)

    store.commit([staged])

    assert path.read_bytes() == b"x"
    assert files(store) == [staged.address]


def test_equal_content_is_written_once(store, tmp_path):
    first, second = store.stage(b"x", "bin"), store.stage(b"x", "bin")
    store.commit([first, second])
    store.commit([first])
    other = ArtifactStore(tmp_path, "test")
    third = other.stage(b"x", "bin")

    assert first is second
    assert files(store) == [first.address]
    other.commit([third])
    assert files(store) == [first.address]


def test_two_writers_of_one_content_agree(store, tmp_path):
    other = ArtifactStore(tmp_path, "test")
    mine, theirs = store.stage(b"x", "bin"), other.stage(b"x", "bin")

    store.commit([mine])
    other.commit([theirs])

    assert files(store) == [mine.address]
    assert other.read(theirs.address) == b"x"


def test_an_artifact_cut_short_is_found_out_and_replaced(store, tmp_path):
    staged = store.stage(b"whole", "bin")
    store.commit([staged])
    path = store.path_of(staged.address)
    path.unlink()
    path.write_bytes(b"who")

    with pytest.raises(ArtifactMissing, match="expected 5 bytes, found 3"):
        store.read(staged.address, size=5)
    store.commit([store.stage(b"whole", "bin")])
    assert store.read(staged.address, size=5) == b"whole"


def test_a_directory_is_one_artifact(store, tmp_path):
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"aa")
    (folder / "deep" / "b").write_bytes(b"bbb")

    staged = store.stage(folder, "dir")
    again = store.stage(folder, "dir")
    store.commit([staged])
    other = ArtifactStore(tmp_path, "test")
    other.commit([other.stage(folder, "dir")])

    assert again is staged
    assert staged.size == 5
    assert (store.path_of(staged.address) / "deep" / "b").read_bytes() == b"bbb"
    assert files(store) == ["a", "b"]


def test_a_copied_file_has_the_address_of_its_bytes(store, tmp_path):
    source = tmp_path / "flights.csv"
    source.write_bytes(b"x" * 3_000_000)

    assert store.stage(source, "bin").address == store.stage(b"x" * 3_000_000, "bin").address


def test_what_is_discarded_is_gone_and_what_is_committed_stays(store):
    kept, dropped = store.stage(b"kept", "bin"), store.stage(b"dropped", "bin")
    store.commit([kept])
    store.discard([kept, dropped])

    assert files(store) == [kept.address]
    assert not store.exists(dropped.address)


def test_a_missing_artifact_says_so_with_the_way_out(store):
    with pytest.raises(ArtifactMissing, match=r"it is not in the store\. Materialize it again"):
        store.read(store.stage(b"x", "bin").address.replace("bin", "json"))
    with pytest.raises(ArtifactMissing):
        store.path_of("00.bin")


def test_a_write_that_fails_leaves_nothing(store):
    store.stage(b"first", "bin")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError, match="File too large") as failed:
            store.stage(b"x" * 5000, "bin")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert failed.value.cause == "File too large"
    assert failed.value.path.startswith(str(store.directory / "staged"))
    assert len(files(store)) == 1


def test_a_store_that_cannot_be_made_says_where(tmp_path):
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(StoreError, match=rf"cannot create {tmp_path}/taken: File exists.*LATEWOOD_STORE"):
        ArtifactStore(tmp_path / "taken", "test").stage(b"x", "bin")


def test_a_source_that_vanished_is_named(store, tmp_path):
    with pytest.raises(StoreError, match=r"nowhere\.csv"):
        store.stage(tmp_path / "nowhere.csv", "file.csv")


def test_only_local_urls_open_a_store(tmp_path):
    assert open_store(f"file://{tmp_path}/a%20b", "p").directory == tmp_path / "a b" / "p"
    assert open_store(str(tmp_path), "p").directory == tmp_path / "p"
    with pytest.raises(UsageError, match='expected a folder or a file: URL, found scheme "s3"'):
        open_store("s3://bucket/store", "p")


def test_readers_and_stagers_do_not_wait_for_or_stumble_over_commits(store):
    failures = []

    def worker(number):
        try:
            for index in range(25):
                staged = store.stage(f"{number % 2}.{index}".encode(), "bin")
                assert store.read(staged.address, size=staged.size) == f"{number % 2}.{index}".encode()
                store.commit([staged])
                assert store.read(staged.address, size=staged.size) == f"{number % 2}.{index}".encode()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(files(store)) == 50


def test_a_store_to_which_nothing_can_be_written_is_told_before_anything_is(tmp_path):
    store = ArtifactStore(tmp_path, "default")
    store.require_writable()
    assert list((tmp_path / "default" / "staged").iterdir()) == []
    (tmp_path / "default" / "staged").rmdir()
    (tmp_path / "default" / "staged").write_text("in the way")
    for unusable in (store, ArtifactStore(tmp_path / "default" / "staged", "default")):
        with pytest.raises(StoreError, match="LATEWOOD_STORE"):
            unusable.require_writable()
    with pytest.raises(StoreError, match=r"cannot create /proc/store: .*LATEWOOD_STORE"):  # ENOENT, whoever asks
        ArtifactStore(Path("/proc/store"), "default").require_writable()
