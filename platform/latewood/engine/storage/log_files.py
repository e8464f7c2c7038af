"""The log as files: Parquet with every column of every event, and a manifest that says what is whole.

The manifest is written last and names each file by its digest: a folder in which an export was interrupted has none, or
that of the export before, whose files are left alone.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from latewood.errors import UsageError
from latewood_eventlog.errors import LogCorrupt
from latewood_eventlog.records import Place, Position, RecordedEvent
from latewood_eventlog.transfer import PAGE

MANIFEST: Final = "manifest.json"
VIEWS: Final = "views.sql"

_FORMAT: Final = 1
_PAGES: Final = 50
"""Pages in one file: 100,000 events."""

_NAME: Final = re.compile(r"events-\d{12}-\d{12}\.parquet")
_PARTIAL: Final = ".partial"
_COLUMNS: Final = pa.schema(
    [
        pa.field(name, type_, nullable=name == "cause")
        for name, type_ in (
            ("project", pa.string()),
            ("position", pa.int64()),
            ("event_id", pa.string()),
            ("stream", pa.string()),
            ("version", pa.int32()),
            ("type", pa.string()),
            ("schema_version", pa.int16()),
            ("occurred_at", pa.timestamp("us", tz="UTC")),
            ("recorded_at", pa.timestamp("us", tz="UTC")),
            ("actor", pa.string()),
            ("cause", pa.int64()),
            ("data", pa.string()),
            ("hash", pa.binary(32)),
        )
    ]
)


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: the events from `first` to `last`."""

    name: str
    first: Position
    last: Position
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds: the events after one place of the chain up to another. Hashes are hexadecimal."""

    format: int = _FORMAT
    after_position: Position
    after_hash: str
    first_position: Position
    last_position: Position
    last_hash: str
    count: int
    files: tuple[LogFile, ...]

    @property
    def after(self) -> Place:
        """Where the chain stands before the first event."""
        return Place(position=self.after_position, hash=bytes.fromhex(self.after_hash))

    @property
    def last(self) -> Place:
        """Where it stands after the last one."""
        return Place(position=self.last_position, hash=bytes.fromhex(self.last_hash))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an export that was finished; None without one. Raises UsageError for what is no manifest."""
    path = folder / MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
        _ = found.after, found.last  # their hashes are hashes
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"{path}: expected the manifest of an exported log: {error}") from None
    if found.format != _FORMAT:
        raise UsageError(f"{path}: expected format {_FORMAT}, found {found.format}; upgrade Latewood")
    return found


def write_export(
    folder: Path,
    before: Manifest | None,
    after: Place,
    pages: Iterable[Sequence[RecordedEvent]],
    views: Callable[[Sequence[str]], str],
) -> Manifest:
    """Write these events behind those that the folder has; the manifest that is true from then on.

    `pages` begin after the last event of `before`, or after `after` without one; `views` are written too, made from
    the names of all files. Cost: O(events), one page of them in memory. Replay: whatever an interrupted export left
    is written anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [] if before is None else list(before.files)
    _remove_leftovers(folder, {file.name for file in files})
    place = after if before is None else before.last
    pages = iter(pages)
    while (page := next(pages, None)) is not None:
        file, place = _write_file(folder, chain([page], islice(pages, _PAGES - 1)))
        files.append(file)
    begin = after if before is None else before.after
    manifest = Manifest(
        after_position=begin.position,
        after_hash=begin.hash.hex(),
        first_position=begin.position + 1,
        last_position=place.position,
        last_hash=place.hash.hex(),
        count=place.position - begin.position,
        files=tuple(files),
    )
    _put(folder / VIEWS, lambda path: path.write_text(views([file.name for file in files]), encoding="utf-8"))
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    _put(folder / MANIFEST, lambda path: path.write_bytes(text + b"\n"))
    return manifest


def read_export(folder: Path, manifest: Manifest) -> Iterator[list[RecordedEvent]]:
    """The events of a folder, in pages, oldest first; every file is held against its digest before the first page.

    Raises LogCorrupt when a file is not what the manifest says, or the last event is another one.
    """
    for file in manifest.files:
        path = folder / file.name
        found = _sha256(path) if _NAME.fullmatch(file.name) and path.is_file() else "no such file"
        if found != file.sha256:
            raise LogCorrupt(f"{path}: expected sha256 {file.sha256}, found {found}; copy the export again")
    last = manifest.after
    for file in manifest.files:
        for events in _read_file(folder / file.name):
            last = Place(position=events[-1].position, hash=events[-1].hash)
            yield events
    if last != manifest.last:
        raise LogCorrupt(f"{folder / MANIFEST}: expected the last event at {manifest.last}, found it at {last}")


def _read_file(path: Path) -> Iterator[list[RecordedEvent]]:
    """The events of a file, in pages. Raises LogCorrupt for a file that no export has written."""
    try:
        with pq.ParquetFile(path) as parquet:
            if parquet.schema_arrow.remove_metadata() != _COLUMNS:
                raise LogCorrupt(f"{path}: expected the columns of an exported log, found others")
            for batch in parquet.iter_batches(batch_size=PAGE):
                yield [_event(row) for row in batch.to_pylist()]
    except (pa.ArrowException, ValueError) as error:
        raise LogCorrupt(f"{path}: expected events as they are exported: {error}") from error


def _write_file(folder: Path, pages: Iterable[Sequence[RecordedEvent]]) -> tuple[LogFile, Place]:
    """One file of these pages, at least one; where the chain stands after them."""
    first, last = 0, Place(position=0, hash=b"")
    partial = folder / f"events{_PARTIAL}"
    with pq.ParquetWriter(partial, _COLUMNS, compression="zstd") as writer:
        for page in pages:
            first = first or page[0].position
            last = Place(position=page[-1].position, hash=page[-1].hash)
            writer.write_batch(pa.RecordBatch.from_pylist([_row(event) for event in page], schema=_COLUMNS))
    file = LogFile(
        name=f"events-{first:012}-{last.position:012}.parquet",
        first=first,
        last=last.position,
        sha256=_sha256(partial),
        bytes=partial.stat().st_size,
    )
    _name(partial, folder / file.name)
    return file, last


def _row(event: RecordedEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _COLUMNS.names} | {"event_id": str(event.event_id)}


def _event(row: dict[str, Any]) -> RecordedEvent:
    return RecordedEvent(**row | {"event_id": UUID(row["event_id"])})


def _put(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    write(partial)
    _name(partial, path)


def _name(partial: Path, path: Path) -> None:
    """Give a file that is written its name, durably: contents first, then the name, then the folder."""
    _sync(partial)
    partial.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_leftovers(folder: Path, kept: set[str]) -> None:
    for path in folder.iterdir():
        if path.name.endswith(_PARTIAL) or (_NAME.fullmatch(path.name) and path.name not in kept):
            path.unlink()
