"""The artifact store: files named by their content, `<root>/<project>/ab/<sha256>.<extension>`.

Two phases, because durability is paid for in batches while user code goes on: `stage` writes a temporary
file (readable at once through this store), `commit` makes any number of staged artifacts durable and gives
them their names. A file under its final name is therefore always whole. What was never committed lies in
`<project>/staged/` under a name that begins with the pid of its writer.

The extension is part of the address and says how to decode (`parquet`, `pandas.parquet`, `file.csv`, `dir`).
"""
# ruff: noqa: PTH102,PTH103,PTH104,PTH108,PTH110,PTH112,PTH116,PTH120,PTH123
# Paths are plain text here: pathlib would double the cost of a small artifact.

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, NewType
from urllib.parse import urlsplit

from latewood.engine.storage.file_hash import files_in, sha256_of, tree_digest
from latewood.errors import StoreError, UsageError

ArtifactAddress = NewType("ArtifactAddress", str)
"""`<64 hexadecimal digits>.<extension>`: an artifact's name inside its project's store."""

_BLOCK = 1 << 20
_READ_ONLY = 0o444  # an artifact is a fact; whoever wants to change one copies it first
_OPEN_FILES = 128  # at once, during a commit
_AGAIN = "Materialize it again."
WAY_OUT = "Check space and permissions, or say by LATEWOOD_STORE where the store is."


class ArtifactMissing(StoreError):
    """An artifact that should exist is not in the store, or is not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """An artifact that is written, but neither durable nor named yet. Units: size in bytes."""

    address: ArtifactAddress
    size: int
    temporary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One artifact of a store, for a codec to read: as bytes, or by its path."""

    store: "ArtifactStore"
    address: ArtifactAddress
    size: int | None = None

    @property
    def extension(self) -> str:
        """What follows the digest: says how the artifact is decoded."""
        return self.address.partition(".")[2]

    def read(self) -> bytes:
        """The content of a file. Raises ArtifactMissing."""
        return self.store.read(self.address, size=self.size)

    def path(self) -> Path:
        """The final path of the file or directory; read-only. Raises ArtifactMissing."""
        return self.store.path_of(self.address)


def open_store(url: str, project: str) -> "ArtifactStore":
    """The store of a project under a root: a folder or a `file:` URL. Raises UsageError for any other URL."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        from urllib.request import url2pathname  # noqa: PLC0415 - start-up: brings HTTP and TLS with it

        return ArtifactStore(Path(url2pathname(parts.path)), project)
    if "://" in url:
        raise UsageError(f'artifact store "{url}": expected a folder or a file: URL, found scheme "{parts.scheme}"')
    return ArtifactStore(Path(url), project)


def address_of(content: Any, extension: str) -> ArtifactAddress:
    """Where bytes-like content lies, or would."""
    return ArtifactAddress(f"{sha256(content).hexdigest()}.{extension}")


class ArtifactStore:
    """Artifacts of one project on a local file system. Any number of threads and processes may share it."""

    def __init__(self, root: Path, project: str) -> None:
        self.directory = root.absolute() / project
        self._root = str(self.directory)
        self._staging = f"{self._root}/staged"
        self._token = token_hex(4)
        self._serial = count()
        self._lock = threading.Lock()  # over the staged, held for moments
        self._staged: dict[ArtifactAddress, Staged] = {}
        self._folders: set[str] = set()  # that exist
        self._durable: set[str] = set()  # whose names the root holds whatever happens
        self._committing = threading.Lock()  # one commit at a time, so that a staged file has one mover

    def require_writable(self) -> None:
        """Raises StoreError where nothing can be written. Cost: an empty file."""
        temporary = self._temporary()
        with _written(temporary):
            _write(temporary, ())
        _remove(temporary)

    def stage(self, content: Any, extension: str) -> Staged:
        """Write content, bytes-like or the Path of a file or directory to copy, under a temporary name.

        Content that is in the store already is not written again. Not durable before `commit`.
        Cost: O(bytes), about 50 µs for a small one. Raises StoreError with the cause; nothing is left then.
        """
        if isinstance(content, Path):
            return self._stage_copy(content, extension)
        address = address_of(content, extension)
        size = memoryview(content).nbytes
        present = self._present(address, size)
        if present is not None:
            return present
        temporary = self._temporary()
        with _written(temporary):
            _write(temporary, (memoryview(content).cast("B"),))
        return self._keep(Staged(address=address, size=size, temporary=temporary))

    def commit(self, batch: Iterable[Staged]) -> None:
        """Make staged artifacts durable under their addresses; done already is fine. Replay: safe.

        Order: contents first, then names, then the folders that hold the names, so that no crash leaves a
        name without its content. Cost: about 0.2 ms an artifact, mostly waiting for the disk.
        Raises StoreError; all of the batch may then be committed again.
        """
        batch = tuple({staged.address: staged for staged in batch}.values())  # equal results of several steps are one
        with self._committing:
            waiting = [staged for staged in batch if staged.address in self._staged]
            for start in range(0, len(waiting), _OPEN_FILES):
                _sync_contents([staged.temporary for staged in waiting[start : start + _OPEN_FILES]])
            for staged in waiting:
                self._name(staged)
                with self._lock:
                    self._staged.pop(staged.address, None)
            # those that were there already too: their writer may not have come to this line yet
            folders = {self._folder(staged.address) for staged in batch}
            for folder in folders:
                _sync(folder)
            if folders - self._durable:
                _sync(self._root)
                self._durable |= folders

    def publish(self, addresses: Iterable[ArtifactAddress]) -> None:
        """Commit those that are staged here only, so that other processes can read them. Raises StoreError."""
        self.commit([staged for address in addresses if (staged := self._staged.get(address)) is not None])

    def discard(self, batch: Iterable[Staged]) -> None:
        """Remove staged artifacts that will not be recorded. Committed ones stay."""
        with self._committing:
            for staged in batch:
                known = self._staged.pop(staged.address, None)
                if known is not None:
                    _remove(known.temporary)

    def exists(self, address: ArtifactAddress) -> bool:
        """Whether the artifact can be read now: committed by anyone, or staged here."""
        return address in self._staged or os.path.exists(self._final(address))

    def size_of(self, address: ArtifactAddress) -> int:
        """Bytes of an artifact that is a file. Raises ArtifactMissing."""
        return self.path_of(address).stat().st_size

    def open(self, address: ArtifactAddress, *, size: int | None = None) -> Artifact:
        """The artifact, to be read later; `size` in bytes is what was recorded of it."""
        return Artifact(store=self, address=address, size=size)

    def read(self, address: ArtifactAddress, *, size: int | None = None) -> bytes:
        """The bytes of an artifact, staged or committed.

        Raises ArtifactMissing if it is gone, not of the recorded size, or damaged: then it is set aside; StoreError if
        it cannot be read. Cost: O(bytes), its digest among them, 1 to 2 GB/s.
        """
        staged = self._staged.get(address)
        final = self._final(address)
        for path in (final,) if staged is None else (staged.temporary, final):
            with suppress(FileNotFoundError), _errors("read", path), open(path, "rb", buffering=0) as file:
                content = file.read()
                if size is not None and len(content) != size:
                    raise ArtifactMissing("read", path, f"expected {size} bytes, found {len(content)}", _AGAIN)
                if sha256(content).hexdigest() != address.partition(".")[0]:
                    # Out of the way it is made again, as any that is lost; under its name it would be taken for whole.
                    with suppress(OSError):
                        os.rename(path, f"{path}.damaged")
                    raise ArtifactMissing("read", path, "its content is not what it was written with", _AGAIN)
                return content
        raise ArtifactMissing("read", final, "it is not in the store", _AGAIN)

    def require_whole(self, address: ArtifactAddress) -> None:
        """Raise ArtifactMissing for a file that is gone, or damaged: then it is set aside. Cost: reading it."""
        path = self.path_of(address)
        if sha256_of(path) != address.partition(".")[0]:
            with suppress(OSError):
                path.rename(f"{path}.damaged")
            raise ArtifactMissing("read", str(path), "its content is not what it was written with", _AGAIN)

    def path_of(self, address: ArtifactAddress) -> Path:
        """Where the artifact is for good; one still staged is committed first, for its path must not change.

        Raises ArtifactMissing, StoreError.
        """
        staged = self._staged.get(address)
        if staged is not None:
            self.commit([staged])
        final = self._final(address)
        if not os.path.exists(final):
            raise ArtifactMissing("find", final, "it is not in the store", _AGAIN)
        return Path(final)

    def _stage_copy(self, source: Path, extension: str) -> Staged:
        temporary = self._temporary()
        with _written(temporary):
            digest, size = _copy(source, temporary)
        address = ArtifactAddress(f"{digest}.{extension}")
        return self._keep(Staged(address=address, size=size, temporary=temporary))

    def _present(self, address: ArtifactAddress, size: int) -> Staged | None:
        """The artifact if it is staged here, or committed by anyone and whole."""
        staged = self._staged.get(address)
        if staged is not None:
            return staged
        final = self._final(address)
        try:
            whole = os.stat(final).st_size == size
        except OSError:
            return None
        return Staged(address=address, size=size, temporary=final) if whole else None

    def _keep(self, staged: Staged) -> Staged:
        """The staged artifact of this address: the one that was first, if another thread was faster."""
        with self._lock:
            kept = self._staged.setdefault(staged.address, staged)
        if kept is not staged:
            _remove(staged.temporary)
        return kept

    def _name(self, staged: Staged) -> None:
        """Give a staged artifact its final name. A file replaces what is there; a directory cannot."""
        final = self._final(staged.address)
        self._make_folder(self._folder(staged.address))
        with _still_there(staged.temporary), _errors("write", final):
            if os.path.isdir(final):
                _remove(staged.temporary)
            else:
                os.rename(staged.temporary, final)

    def _temporary(self) -> str:
        self._make_folder(self._staging)
        return f"{self._staging}/{os.getpid()}-{self._token}-{next(self._serial)}"

    def _folder(self, address: ArtifactAddress) -> str:
        return f"{self._root}/{address[:1]}"

    def _final(self, address: ArtifactAddress) -> str:
        return f"{self._root}/{address[:1]}/{address}"

    def _make_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        if not os.path.isdir(folder):
            parent = os.path.dirname(folder)
            self._make_folder(parent)
            try:
                with _errors("create", folder):
                    os.makedirs(folder, exist_ok=True)
            except FileNotFoundError as error:  # as where the system makes the folders
                raise StoreError("create", folder, error.strerror or str(error), WAY_OUT) from error
            if parent != self._root:
                _sync(parent)
        self._folders.add(folder)


@contextmanager
def _errors(act: str, path: str) -> Iterator[None]:
    """Turn the system's errors into the store's; a missing file is for the caller to judge."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        cause = error.strerror or str(error)
        raise StoreError(act, where, cause, WAY_OUT) from error


@contextmanager
def _still_there(path: str) -> Iterator[None]:
    """A staged file that is missing was removed by somebody else."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError("write", path, str(error), "Was it removed meanwhile?") from error


@contextmanager
def _written(temporary: str) -> Iterator[None]:
    """Nothing is left of a file whose writing fails."""
    try:
        with _still_there(temporary), _errors("write", temporary):
            yield
    except BaseException:
        _remove(temporary)
        raise


def _copy(source: Path, target: str) -> tuple[str, int]:
    """Copy a file or directory; its digest and size in bytes."""
    if not source.is_dir():
        return _copy_file(source, target)
    os.mkdir(target)
    digests, size = {}, 0
    for name in files_in(source):
        os.makedirs(os.path.dirname(f"{target}/{name}"), exist_ok=True)
        digests[name], length = _copy_file(source / name, f"{target}/{name}")
        size += length
    return tree_digest(digests), size


def _copy_file(source: Path, target: str) -> tuple[str, int]:
    sha = sha256()
    with source.open("rb", buffering=0) as reader:

        def blocks() -> Iterator[memoryview]:
            while block := reader.read(_BLOCK):
                sha.update(block)
                yield memoryview(block)

        size = _write(target, blocks())
    return sha.hexdigest(), size


def _write(path: str, blocks: Iterable[memoryview]) -> int:
    """Write a new file; how many bytes it has."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _READ_ONLY)
    size = 0
    try:
        for block in blocks:
            written = 0
            while written < len(block):  # one call writes at most 2 GiB, and less when the disk fills up
                written += os.write(file, block[written:])
            size += written
    finally:
        os.close(file)
    return size


def _sync_contents(paths: list[str]) -> None:
    """Flush files and directories. The disk begins with all before the first is waited for: half the time."""
    with ExitStack() as opened:
        files = []
        for path in paths:
            if os.path.isdir(path):
                _sync_tree(path)
                continue
            with _still_there(path), _errors("write", path):
                file = os.open(path, os.O_RDONLY)
            opened.callback(os.close, file)
            if sys.platform == "linux":
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)  # dirty pages: begin to write them
            files.append((path, file))
        for path, file in files:
            with _errors("write", path):
                os.fsync(file)


def _sync_tree(directory: str) -> None:
    for folder, _, names in os.walk(directory, topdown=False):
        for name in names:
            _sync(f"{folder}/{name}")
        _sync(folder)


def _sync(path: str) -> None:
    with _errors("write", path):
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        os.unlink(path)
