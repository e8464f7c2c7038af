"""The source of a deployment: packed into an artifact, and unpacked again into a folder of its own.

`<home>/code/<source>/` holds the files of one source, whatever deployments have it. The name is the digest over paths
and contents; a folder under it is whole, and is held against its archive whenever it is used.
"""

import fcntl
import gzip
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from latewood.engine.storage.caches import used
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.errors import StoreError

EXTENSION: Final = "tar.gz"
"""Of archives among the artifacts."""

_BYTES_MAX: Final = 1 << 30
"""Most bytes of all files of an archive: code is small, and a crafted archive may unpack to anything."""

_READ_ONLY: Final = 0o444
_CACHES: Final = "__pycache__"


def source_name(sources: Mapping[str, bytes]) -> str:
    """32 hex digits over the paths and contents of first-party files."""
    named = "".join(f"{path}\x00{sha256(sources[path]).hexdigest()}\n" for path in sorted(sources))
    return sha256(named.encode()).hexdigest()[:32]


def packed(sources: Mapping[str, bytes]) -> bytes:
    """The files as a tar.gz with the same bytes whenever and wherever it is made."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(sources):
            entry = tarfile.TarInfo(path)
            entry.size = len(sources[path])
            tar.addfile(entry, io.BytesIO(sources[path]))
    return gzip.compress(content.getvalue(), compresslevel=6, mtime=0)


def files_of(archive: bytes, *, name: str) -> dict[str, bytes]:
    """The files in an archive by path. Nothing is written. Raises StoreError for what Latewood would not have packed.

    Such are paths that lead out of the folder, links, devices, and files that come twice.
    """
    files: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for entry in tar:
                size += entry.size
                _require_plain(entry, files, size, name)
                content = tar.extractfile(entry)
                assert content is not None, "a regular file has content"
                files[entry.name] = content.read()
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        raise _refused(name, f"it is no archive: {error}") from error
    return files


def unpacked(store: ArtifactStore, address: ArtifactAddress, source: str, home: Path) -> Path:
    """The folder with the files of that source; made if it is not there yet, made again if it was changed.

    Any number of processes may ask at once. A process that dies in between leaves nothing under the final name.
    Raises StoreError, and ArtifactMissing where the archive is gone.
    """
    files = files_of(store.read(address), name=address)
    if source_name(files) != source:
        raise _refused(address, f"its files are not those of source {source}")
    folder = home / "code" / source
    used(folder)
    if _holds(folder, files):
        return folder
    with _written(folder), _locked(home / "code"):
        for left_over in (home / "code").glob(".*"):  # of processes that died
            _remove(left_over)
        if not _holds(folder, files):
            _make(folder, files)
    return folder


def find_archive(store: ArtifactStore, source: str) -> ArtifactAddress | None:
    """The archive of a source by looking into all of them, for deployments that do not name it. Cost: reads each."""
    for path in sorted(store.directory.glob(f"?/*.{EXTENSION}")):
        address = ArtifactAddress(path.name)
        try:
            if source_name(files_of(store.read(address), name=address)) == source:
                return address
        except StoreError:
            continue  # one of another location, damaged: not the one that is asked for, or no use
    return None


def _require_plain(entry: tarfile.TarInfo, before: Mapping[str, bytes], size: int, name: str) -> None:
    path = PurePosixPath(entry.name)
    if not entry.isreg():
        raise _refused(name, f'"{entry.name}" is no regular file')
    if path.is_absolute() or ".." in path.parts or path.as_posix() != entry.name or "\\" in entry.name:
        raise _refused(name, f'"{entry.name}" leads out of its folder, or is written in another way')
    if _CACHES in path.parts:
        raise _refused(name, f'"{entry.name}" is no source')
    if entry.name in before:
        raise _refused(name, f'"{entry.name}" is in it twice')
    if size > _BYTES_MAX:
        raise _refused(name, f"it unpacks to more than {_BYTES_MAX:,} bytes")


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether the folder has these files and no others. Bytecode does not count: it is not used for these."""
    if not folder.is_dir():
        return False
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and _CACHES not in path.parts
    }
    return found.keys() == files.keys() and all(
        not path.is_symlink() and path.read_bytes() == files[name] for name, path in found.items()
    )


def _make(folder: Path, files: Mapping[str, bytes]) -> None:
    temporary = folder.with_name(f".{folder.name}-{os.getpid()}")
    for name, content in files.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(_READ_ONLY)
    temporary.mkdir(parents=True, exist_ok=True)  # of no files at all
    if folder.exists():  # and is not what it should be
        folder.rename(folder.with_name(f".{folder.name}-{os.getpid()}-changed"))
    temporary.rename(folder)
    for left_over in folder.parent.glob(".*"):
        _remove(left_over)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system gives the lock back when it dies."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        raise StoreError(
            "unpack", str(error.filename or folder), cause, "Check space and permissions, or another LATEWOOD_HOME."
        ) from error


def _refused(name: str, cause: str) -> StoreError:
    return StoreError("unpack", name, cause, "Deploy the location again.")
