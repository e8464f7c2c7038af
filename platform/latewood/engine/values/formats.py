"""Values as files for other programs, and back: the suffix of a file says the format.

| values | files |
|---|---|
| tables and frames | `.parquet`; `.csv` with a header; `.jsonl`, a JSON object a line |
| text | `.json`; `.txt`, the text itself |
| other plain values and records | `.json` |
| `bytes`, arrays | `.bin`, `.npy` |
| `Path` | the file or folder itself |

The first of each is meant where no name is said.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from latewood.engine.values.codecs import decode, encode
from latewood.engine.values.edge import edge_of
from latewood.engine.values.encoded import Encoded
from latewood.engine.values.file_io import Csv, Json, Parquet, PlacedFile, TableFile, arrow_type, as_promised
from latewood.engine.values.file_io import declared_columns as columns_of
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.types import FOREIGN, TypeSpec, display

_TABLES: Final = (".parquet", ".csv", ".jsonl")
_ONE_FORMAT: Final = {"ndarray": ".npy", "bytes": ".bin"}
_ROWS: Final = 10_000


def suffixes_of(spec: TypeSpec) -> tuple[str, ...]:
    """The formats that values of the type may have, the usual one first; none where any name will do.

    Raises DefinitionError for a type that no other program reads or writes.
    """
    match spec.kind:
        case "path":
            return ()
        case "table" | "dataframe":
            return _TABLES
        case "ndarray" | "bytes":
            return (_ONE_FORMAT[spec.kind],)
        case "str":
            return (".json", ".txt")
        case "union" if any(arm.kind in FOREIGN for arm in spec.args):
            arms = [arm for arm in spec.args if arm.kind != "none"]
            if len(arms) == 1:
                return suffixes_of(arms[0])
        case kind if kind not in FOREIGN and kind != "any":
            return (".json",)
    raise DefinitionError(
        f"expected a Path, a table, an array, bytes or what JSON can say, found {display(spec)}: "
        "no file that other programs read or write"
    )


def fault_of_name(name: str, spec: TypeSpec) -> str | None:
    """What is wrong with a file of this name for values of the type; the name is below the folder of the command."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        return f'expected a path below the folder where the command is started, found "{name}"'
    if spec.kind == "any":
        return None
    known = suffixes_of(spec)
    if known and path.suffix not in known:
        return f'expected a name that ends in {" or ".join(known)}, for {display(spec)}, found "{name}"'
    return None


def usual_suffix(spec: TypeSpec) -> str:
    """What a file of values of this type ends in, where nothing else is said."""
    return next(iter(suffixes_of(spec)), "")


def hand_over(value: Any, annotation: Any, place: Callable[[str], Path], *, linked: bool = False) -> Path:
    """Write the value where `place` says, which is told the usual suffix; a Path is itself, or `linked` to from there.

    Raises ValueRefused.
    """
    if isinstance(value, Path):
        if not linked:
            return value
        link = place(value.suffix)
        link.symlink_to(value.absolute())
        return link
    encoded = encode(value, annotation)
    with encoded.scratch:
        path = place(f".{encoded.extension.rpartition('.')[2]}")
        match path.suffix:
            case ".csv" | ".jsonl" as suffix:
                _write_table(_table(encoded, path), path, suffix)
            case ".txt" if isinstance(value, str):
                path.write_text(value, encoding="utf-8", newline="")
            case _ if isinstance(encoded.content, Path):
                copy = shutil.copytree if encoded.content.is_dir() else shutil.copyfile
                copy(encoded.content, path)
            case _:
                path.write_bytes(encoded.content)
    return path


def read_back(path: Path, annotation: Any) -> Any:
    """The value that a program has written, as the annotation promises it. Raises ValueRefused."""
    spec = edge_of(annotation).spec
    kind = next((arm.kind for arm in spec.args if arm.kind != "none"), "") if spec.kind == "union" else spec.kind
    if kind == "path":
        return path
    if not path.is_file():
        raise ValueRefused(f"expected a file, found a folder: {path.name}")
    if kind == "bytes":
        return path.read_bytes()
    try:
        match path.suffix:
            case ".parquet":
                return Parquet("").read(path.read_bytes(), annotation)
            case ".csv":
                return Csv("").read(path.read_bytes(), annotation)
            case ".jsonl":
                return _JsonLines("").read(path.read_bytes(), annotation)
            case ".npy":
                return decode(PlacedFile(path, "npy"), annotation)
            case ".txt":
                return path.read_text(encoding="utf-8").removesuffix("\n")
        return Json("").read(path.read_bytes(), annotation)
    except ValueRefused:
        raise
    except (ValueError, OSError, TypeError) as error:  # ArrowInvalid and JSONDecodeError are ValueErrors
        raise ValueRefused(f"expected {display(spec)} in {path.name}, found what cannot be read: {error}") from None


class _JsonLines(TableFile):
    """A table as JSON, an object a line."""

    def read(self, content: bytes, annotation: Any) -> Any:
        """The table or frame, with the types that the annotation declares, else those that the values look like."""
        import pyarrow as pa  # noqa: PLC0415 - start-up
        from pyarrow import json  # noqa: PLC0415 - start-up

        types = [(column.name, arrow_type(column.type)) for column in columns_of(annotation)]
        known = [(name, dtype) for name, dtype in types if dtype is not None]
        if not content.strip():
            return as_promised(pa.schema(known).empty_table(), annotation)
        options = json.ParseOptions(explicit_schema=pa.schema(known) if known else None)
        return as_promised(json.read_json(pa.BufferReader(content), parse_options=options), annotation)


def _table(encoded: Encoded, path: Path) -> Any:
    if encoded.table is None:
        raise ValueRefused(f"{path.name}: expected a table, found a value that is stored as {encoded.extension}")
    return encoded.table


def _write_table(table: Any, path: Path, suffix: str) -> None:
    from pyarrow import ArrowException, csv  # noqa: PLC0415 - start-up: loaded by now, there is a table

    try:
        if suffix == ".csv":
            csv.write_csv(table, path)
            return
        with path.open("wb") as file:
            for row in _rows(table):
                file.write(msgspec.json.encode(row) + b"\n")
    except (ArrowException, TypeError) as error:
        raise ValueRefused(f"{path.name} cannot hold the table: {error}. Parquet can") from None


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_ROWS):
        yield from batch.to_pylist()
