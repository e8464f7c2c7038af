"""A deployment's source: packed, and unpacked into a folder that is whole or not there."""

import gzip
import io
import multiprocessing
import tarfile

import pytest

from latewood.engine.storage.archives import files_of, find_archive, packed, source_name, unpacked
from latewood.engine.storage.store import ArtifactMissing, ArtifactStore
from latewood.errors import StoreError

SOURCES = {"assets.py": b"x = 1\n", "shop/prices.py": b"y = 2\n", "shop/__init__.py": b"", "ä" * 120 + ".py": b"long"}


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "store", "default")


def stored(store, content):
    staged = store.stage(content, "tar.gz")
    store.commit([staged])
    return staged.address


def tar_of(*entries):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for entry, text in entries:
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return gzip.compress(content.getvalue())


def entry(name, type_=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = type_, link
    return made


def test_what_is_packed_comes_back():
    assert files_of(packed(SOURCES), name="a") == SOURCES
    assert packed(SOURCES) == packed(dict(reversed(SOURCES.items())))


def test_it_is_unpacked_under_the_name_of_its_content(store, tmp_path):
    name = source_name(SOURCES)
    folder = unpacked(store, stored(store, packed(SOURCES)), name, tmp_path)
    assert folder == tmp_path / "code" / name
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == SOURCES


@pytest.mark.parametrize("change", ["edit", "add", "remove", "link"])
def test_what_was_changed_since_is_unpacked_again(store, tmp_path, change):
    address, name = stored(store, packed(SOURCES)), source_name(SOURCES)
    file = unpacked(store, address, name, tmp_path) / "assets.py"
    match change:
        case "edit":
            file.chmod(0o644)
            file.write_text("x = 3\n")
        case "add":
            file.with_name("json.py").write_text("would hide the one of Python")
        case "remove":
            file.unlink()
        case "link":
            elsewhere = tmp_path / "elsewhere.py"
            elsewhere.write_bytes(SOURCES["assets.py"])
            file.unlink()
            file.symlink_to(elsewhere)
    again = unpacked(store, address, name, tmp_path)
    assert {p.relative_to(again).as_posix(): p.read_bytes() for p in again.rglob("*") if p.is_file()} == SOURCES
    assert not (again / "assets.py").is_symlink()
    assert [p.name for p in (tmp_path / "code").iterdir() if p.name != "lock"] == [name]


def test_bytecode_beside_it_does_not_matter(store, tmp_path):
    address, name = stored(store, packed(SOURCES)), source_name(SOURCES)
    cache = unpacked(store, address, name, tmp_path) / "__pycache__"
    cache.mkdir()
    (cache / "assets.pyc").write_bytes(b"")
    assert (unpacked(store, address, name, tmp_path) / "__pycache__" / "assets.pyc").exists()


@pytest.mark.parametrize(
    "bad",
    [
        [(entry("../outside.py"), b"")],
        [(entry("/etc/passwd"), b"")],
        [(entry("a/../../b.py"), b"")],
        [(entry("./a.py"), b"")],
        [(entry("a\\..\\b.py"), b"")],
        [(entry("a.py", tarfile.SYMTYPE, "/etc/passwd"), b"")],
        [(entry("a.py", tarfile.LNKTYPE, "b.py"), b"")],
        [(entry("a", tarfile.DIRTYPE), b"")],
        [(entry("a", tarfile.FIFOTYPE), b"")],
        [(entry("a.py"), b"1"), (entry("a.py"), b"2")],
        [(entry("__pycache__/a.cpython-311.pyc"), b"")],
    ],
    ids=lambda bad: f"{bad[0][0].name} {bad[0][0].type!r}",
)
def test_what_latewood_would_not_have_packed_is_refused(store, tmp_path, bad):
    address = stored(store, tar_of(*bad))
    with pytest.raises(StoreError, match=r"cannot unpack .* Deploy the location again"):
        unpacked(store, address, "0" * 32, tmp_path)
    assert not (tmp_path / "code").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", packed(SOURCES)[:60], packed(SOURCES)[:40] + bytes(200)])
def test_what_is_no_archive_is_refused(content):
    with pytest.raises(StoreError, match="is no archive"):
        files_of(content, name="a")


def test_another_source_is_not_taken_for_it(store, tmp_path):
    with pytest.raises(StoreError, match="not those of source"):
        unpacked(store, stored(store, packed(SOURCES)), source_name({}), tmp_path)


def test_one_that_is_gone_is_missing(store, tmp_path):
    address = stored(store, packed(SOURCES))
    store.path_of(address).unlink()
    with pytest.raises(ArtifactMissing):
        unpacked(store, address, source_name(SOURCES), tmp_path)


def test_a_home_that_cannot_be_written_is_named(store, tmp_path):
    (tmp_path / "home").write_text("a file in its place")
    with pytest.raises(StoreError, match=r"home.*another LATEWOOD_HOME"):
        unpacked(store, stored(store, packed(SOURCES)), source_name(SOURCES), tmp_path / "home")


def test_an_archive_that_no_deployment_names_is_found_by_its_content(store):
    stored(store, b"damaged")
    stored(store, packed({"other.py": b""}))
    address = stored(store, packed(SOURCES))
    assert find_archive(store, source_name(SOURCES)) == address
    assert find_archive(store, "0" * 32) is None


def unpack_many(root, address, name):
    for _ in range(5):
        folder = unpacked(ArtifactStore(root / "store", "default"), address, name, root)
        assert (folder / "assets.py").read_bytes() == SOURCES["assets.py"]


def test_any_number_of_processes_unpack_at_once(store, tmp_path):
    address = stored(store, packed(SOURCES))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=unpack_many, args=(tmp_path, address, source_name(SOURCES))) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_what_a_process_left_that_died_is_swept_up(store, tmp_path):
    left_over = tmp_path / "code" / ".0123-42"
    left_over.mkdir(parents=True)
    (left_over / "half.py").write_text("x =")
    unpacked(store, stored(store, packed(SOURCES)), source_name(SOURCES), tmp_path)
    assert not left_over.exists()
