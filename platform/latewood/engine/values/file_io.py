"""Latewood's own IO: tables as Parquet or CSV and documents as JSON, in files at places of the author's choosing.

They are what the artifact store would hold, under another name: Parquet and JSON are written by its codecs.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Final

from latewood.engine.storage.file_hash import path_version
from latewood.engine.values.codecs import decode, encode
from latewood.engine.values.edge import edge_of
from latewood.engine.values.encoded import Encoded
from latewood.errors import ValueRefused
from latewood.model.types import FOREIGN, TypeSpec, display
from latewood.places import IO, Address, Place

_NAME_BYTES_MAX: Final = 200  # of a file's 255, so that the temporary name has room


class FileIO(IO):
    """A file for each place: written beside it, flushed, then renamed, so that readers see all of it or the old one.

    The place is a path, relative to the project's folder or absolute. Its fingerprint is a hash of the file.
    """

    def load(self, place: Place) -> Any:
        """The value in the file. Raises ValueRefused for one that the annotation does not promise."""
        return self.read(place.path.read_bytes(), place.annotation)

    def store(self, place: Place, value: Any) -> None:
        """Replace the file. Raises ValueRefused for a value that the format does not give back as it is."""
        self.write(place, encode(value, place.annotation))

    def exists(self, place: Place) -> bool:
        """Whether there is a file."""
        return place.path.is_file()

    def fingerprint(self, place: Place) -> str:
        """A hash of the file's bytes. Cost: O(bytes)."""
        return path_version(place.path)

    def write(self, place: Place, encoded: Encoded) -> None:
        """The same as `store`, of a value that is encoded already."""
        _replace(place.path, self.content(encoded, place.annotation))

    def content(self, encoded: Encoded, annotation: Any) -> Any:
        """The bytes of the file. Raises ValueRefused."""
        raise NotImplementedError

    def read(self, content: bytes, annotation: Any) -> Any:
        """The value of a file's bytes. Raises ValueRefused."""
        raise NotImplementedError

    @classmethod
    def takes(cls, spec: TypeSpec) -> bool:
        """Whether values of the type may be stored so; of a union or Any only the value can tell."""
        raise NotImplementedError


class TableFile(FileIO):
    """Tables and frames in files."""

    @classmethod
    def takes(cls, spec: TypeSpec) -> bool:
        """Tables and frames of all kinds."""
        return spec.kind in ("table", "dataframe", "any") or (spec.kind == "union" and any(map(cls.takes, spec.args)))

    def table_of(self, encoded: Encoded) -> Any:
        """The table to write. Raises ValueRefused for a value that is none."""
        if encoded.table is None:
            kind = encoded.extension.partition(".")[0]
            raise ValueRefused(f"{type(self).__name__} stores tables, found a value that is stored as {kind}")
        return encoded.table


class Parquet(TableFile):
    """Tables and frames as Parquet files: `Parquet("warehouse/flights/{partition}.parquet")`."""

    def content(self, encoded: Encoded, _: Any) -> Any:
        """The file that the artifact store would hold."""
        self.table_of(encoded)
        return encoded.content

    def read(self, content: bytes, annotation: Any) -> Any:
        """The table or frame, with the schema that it was written with."""
        return decode(_Bytes(content, f"{_library(annotation)}parquet"), annotation)


class Csv(TableFile):
    """Tables and frames as CSV files with a header: `Csv("exports/{partition}.csv")`.

    Types are those that the annotation declares, else those that the text looks like. A table that would not come back
    as it is is refused.
    """

    def content(self, encoded: Encoded, annotation: Any) -> Any:
        """The text, which was read back and compared."""
        from pyarrow import (  # noqa: PLC0415 - start-up: loaded by now, there is a table
            ArrowException,
            BufferOutputStream,
            csv,
        )

        table, sink = self.table_of(encoded), BufferOutputStream()
        try:
            csv.write_csv(table, sink)
            content = sink.getvalue().to_pybytes()
            again = encode(self.read(content, annotation), annotation)
        except ArrowException as error:
            raise ValueRefused(f"Csv cannot store the table: {error}. Parquet can") from None
        if again.version != encoded.version:
            raise ValueRefused(f"Csv cannot store the table: {_difference(table, again.table)}. Parquet can")
        return content

    def read(self, content: bytes, annotation: Any) -> Any:
        """The table or frame. Empty fields are nulls, empty text stands in quotes."""
        from pyarrow import BufferReader, csv  # noqa: PLC0415 - start-up

        types = {column.name: column.type for column in declared_columns(annotation)}
        options = csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            column_types={name: dtype for name, text in types.items() if (dtype := arrow_type(text)) is not None},
        )
        table = csv.read_csv(
            BufferReader(content),
            convert_options=options,
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        )
        return as_promised(table, annotation)


class Json(FileIO):
    """Plain values and records as JSON documents: `Json("exports/{asset}.json")`."""

    @classmethod
    def takes(cls, spec: TypeSpec) -> bool:
        """All that is no file of its own."""
        return spec.kind not in FOREIGN and (spec.kind != "union" or any(map(cls.takes, spec.args)))

    def content(self, encoded: Encoded, _: Any) -> Any:
        """The document that the artifact store would hold."""
        if encoded.extension != "json":
            kind = encoded.extension.partition(".")[0]
            raise ValueRefused(f"Json stores plain values and records, found a value that is stored as {kind}")
        return encoded.content

    def read(self, content: bytes, annotation: Any) -> Any:
        """The value, as the annotation promises it."""
        return decode(_Bytes(content, "json"), annotation)


BUILT_IN: Final[dict[str, type[FileIO]]] = {cls.__name__: cls for cls in (Csv, Json, Parquet)}
"""By the name that addresses have: their places can be looked at without anybody's code."""


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file at a place, for who looks at it without the code of its asset."""

    file: Path
    extension: str

    def read(self) -> bytes:
        """The whole content."""
        return self.file.read_bytes()

    def path(self) -> Path:
        """Where it lies."""
        return self.file


def file_at(address: Address, root: Path) -> PlacedFile | None:
    """The file where a version lies; None where it is no file of Latewood's own IO."""
    if address.io not in BUILT_IN:
        return None
    return PlacedFile(Place(name=address.place, root=root).path, address.io.lower())


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A file's content as codecs read it."""

    content: bytes
    extension: str

    def read(self) -> bytes:
        return self.content

    def path(self) -> Path:
        raise ValueRefused(f"a value that is stored as {self.extension} has no path of its own")


def _table_spec(annotation: Any) -> TypeSpec | None:
    """The table or frame that the annotation promises, if it does."""
    spec = edge_of(annotation).spec
    arms = spec.args if spec.kind == "union" else (spec,)
    return next((arm for arm in arms if arm.kind in ("table", "dataframe")), None)


def _library(annotation: Any) -> str:
    """Of a frame the library, as artifacts' extensions begin."""
    spec = _table_spec(annotation)
    return "" if spec is None or spec.kind == "table" else f"{spec.name or 'pandas'}."


def as_promised(table: Any, annotation: Any) -> Any:
    """The table, or the frame of it that the annotation promises."""
    match _library(annotation):
        case "pandas.":
            return table.to_pandas()
        case "polars.":
            import polars  # noqa: ICN001, PLC0415 - optional dependency

            return polars.from_arrow(table)
    return table


def declared_columns(annotation: Any) -> Any:
    """The columns that the annotation promises, if it does."""
    spec = _table_spec(annotation)
    return () if spec is None else spec.columns or ()


def arrow_type(text: str) -> Any:
    """The Arrow type of that name; None for one that is made of others, which CSV does not have."""
    from pyarrow import type_for_alias  # noqa: PLC0415 - start-up

    with suppress(ValueError):
        return type_for_alias(text)
    return None


def _difference(table: Any, again: Any) -> str:
    """The first column that comes back as something else."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        there = name in again.column_names
        if there and again[name].type != column.type:
            return f"column {name} is {column.type} and comes back as {again[name].type}; declare it, Table[…]"
        if not there or not again[name].equals(column):
            return f"column {name} does not come back as it was"
    return "it does not come back as it was"


def takes(io: IO, spec: TypeSpec) -> str | None:
    """What is wrong with storing values of the type by an IO of Latewood's own; None for any other IO."""
    if not isinstance(io, FileIO) or io.takes(spec):
        return None
    kinds = "plain values and records" if isinstance(io, Json) else "tables and frames"
    return f"io: {type(io).__name__} stores {kinds}, but the type is {display(spec)}"


def _replace(path: Path, content: Any) -> None:
    """Give the file this content: whoever looks, also after a loss of power, finds all of it or what was there."""
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in made:
        with _syncing(folder.parent):
            pass
    with _syncing(path.parent), _beside(path) as (temporary, file):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An empty file to be renamed, which is gone if that fails.

    What a writer that died has left is used again. One that is still at it, or stands still, has it locked; then, or
    where there are no locks, the file has another name.
    """
    stem = f".{path.name.encode()[:_NAME_BYTES_MAX].decode(errors='ignore')}"
    temporary = path.with_name(f"{stem}.writing")
    descriptor = _taken(temporary)
    if descriptor is None:
        temporary = path.with_name(f"{stem}.{token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, whose closing ends the lock
        try:
            yield temporary, file
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _taken(temporary: Path) -> int | None:
    """A descriptor of the file, locked and empty; None where it cannot be had."""
    descriptor = None
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.stat().st_ino == os.fstat(descriptor).st_ino:  # else it was renamed before it could be locked
            os.truncate(descriptor, 0)
            return descriptor
    except OSError:  # whatever is wrong there, a file of another name will tell
        pass
    if descriptor is not None:
        os.close(descriptor)
    return None


@contextmanager
def _syncing(folder: Path) -> Iterator[None]:
    """Make what becomes of names in the folder durable. One that may be written to and not read is left to the system.

    It is opened first: where that fails, nothing was done yet.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        yield
        return
    try:
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
