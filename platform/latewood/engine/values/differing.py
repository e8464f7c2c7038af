"""The first difference between two artifacts, found without the code that made them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latewood.engine.storage.file_hash import files_in
from latewood.engine.values.encoded import Stored

if TYPE_CHECKING:
    import pyarrow as pa  # start-up: documents and files do without it

_SHOWN_MAX: Final = 60
"""Characters of a value that is shown."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where two values part first: `row 3, column delay`, `$.a[2]`, `byte 17`, and what each has there.

    `same_shape`: both are tables of one schema and as many rows. `place` alone tells nothing of the content.
    """

    place: str
    before: str
    after: str
    same_shape: bool = False


def first_difference(before: Stored, after: Stored) -> Difference:
    """Where the artifacts part. Raises ArtifactMissing. Cost: O(bytes) of both.

    Of equal content (versions may differ that a task gave itself) the place is "nothing".
    """
    kinds = tuple(stored.extension.partition(".")[0] for stored in (before, after))
    if before.extension != after.extension:
        return Difference(place="kind of value", before=before.extension, after=after.extension)
    match kinds[0]:
        case "parquet" | "pandas" | "polars":
            return _of_tables(_table(before), _table(after))
        case "json":
            return _of_documents(before, after)
        case _ if before.path().is_dir():
            return _of_folders(before.path(), after.path())
        case _:
            return _of_files(before.path(), after.path()) or _NOTHING


_NOTHING: Final = Difference(place="nothing", before="", after="")


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────


def _table(stored: Stored) -> "pa.Table":
    from latewood.engine.values.parquet import from_parquet  # noqa: PLC0415 - start-up

    return from_parquet(stored.read())


def _of_tables(before: "pa.Table", after: "pa.Table") -> Difference:
    names = before.column_names, after.column_names
    if names[0] != names[1]:
        return Difference(place="columns", before=_shown(names[0]), after=_shown(names[1]))
    for old, new in zip(before.schema, after.schema, strict=True):
        if not old.type.equals(new.type):
            return Difference(place=f"type of column {old.name}", before=str(old.type), after=str(new.type))
    rows = min(before.num_rows, after.num_rows)
    found = _first_cell(before.slice(0, rows), after.slice(0, rows))
    if before.num_rows != after.num_rows:
        where = f"; first at row {found[0]}, column {before.column_names[found[1]]}" if found else ""
        return Difference(place=f"number of rows{where}", before=f"{before.num_rows:,}", after=f"{after.num_rows:,}")
    if found is None:
        return Difference(place="nothing", before="", after="", same_shape=True)
    row, column = found
    return Difference(
        place=f"row {row}, column {before.column_names[column]}",
        before=_shown(before.column(column)[row].as_py()),
        after=_shown(after.column(column)[row].as_py()),
        same_shape=True,
    )


def _first_cell(before: "pa.Table", after: "pa.Table") -> tuple[int, int] | None:
    """Row and column of the first cell that differs, rows first. Cost: O(cells), by halves."""
    first: tuple[int, int] | None = None
    for column in range(before.num_columns):
        # Nothing behind the first row that is known already is of interest.
        rows = before.num_rows if first is None else first[0]
        row = _first_row(before.select([column]).slice(0, rows), after.select([column]).slice(0, rows))
        if row is not None:
            first = (row, column)
    return first


def _first_row(before: "pa.Table", after: "pa.Table") -> int | None:
    """By the data version of halves: what counts as equal there counts here, -0.0 and NaN and all."""
    from latewood.engine.values.arrow_hash import table_version  # noqa: PLC0415 - start-up

    if table_version(before) == table_version(after):
        return None
    start, rows = 0, before.num_rows
    while rows > 1:
        half = rows // 2
        if table_version(before.slice(start, half)) == table_version(after.slice(start, half)):
            start, rows = start + half, rows - half
        else:
            rows = half
    return start


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────


def _of_documents(before: Stored, after: Stored) -> Difference:
    values = (json.loads(stored.read(), parse_constant=str) for stored in (before, after))
    return next(_parting("$", *values), _NOTHING)


def _parting(path: str, before: Any, after: Any) -> Iterator[Difference]:
    """Where two JSON values part, in the order of the first one."""
    match before, after:
        case dict(), dict():
            for name in [*before, *(name for name in after if name not in before)]:
                where = f"{path}.{name}"
                if name in before and name in after:
                    yield from _parting(where, before[name], after[name])
                else:
                    yield Difference(place=where, before=_entry(before, name), after=_entry(after, name))
        case list(), list():
            for index, (old, new) in enumerate(zip(before, after, strict=False)):
                yield from _parting(f"{path}[{index}]", old, new)
            if len(before) != len(after):
                yield Difference(place=f"length of {path}", before=f"{len(before):,}", after=f"{len(after):,}")
        case _:
            if type(before) is not type(after) or before != after:
                yield Difference(place=path, before=_shown(before), after=_shown(after))


def _entry(values: dict[str, Any], name: str) -> str:
    return _shown(values[name]) if name in values else "nothing"


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def _of_folders(before: Path, after: Path) -> Difference:
    old, new = set(files_in(before)), set(files_in(after))
    for name in sorted(old | new):
        if name not in old or name not in new:
            there = ("there" if name in old else "absent", "there" if name in new else "absent")
            return Difference(place=f"file {name}", before=there[0], after=there[1])
        found = _of_files(before / name, after / name)
        if found is not None:
            return Difference(place=f"file {name}, {found.place}", before=found.before, after=found.after)
    return _NOTHING


def _of_files(before: Path, after: Path) -> Difference | None:
    offset = 0
    with before.open("rb") as old, after.open("rb") as new:
        while True:
            one, other = old.read(_BLOCK), new.read(_BLOCK)
            if one != other:
                break
            if not one:
                return None
            offset += len(one)
    parting = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if parting is None:
        parting = min(len(one), len(other))
    sizes = before.stat().st_size, after.stat().st_size
    return Difference(
        place=f"byte {offset + parting:,}",
        before=_byte(one, parting) + f" of {sizes[0]:,} bytes",
        after=_byte(other, parting) + f" of {sizes[1]:,} bytes",
    )


def _byte(block: bytes, index: int) -> str:
    return f"0x{block[index]:02x}" if index < len(block) else "the end"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"
