"""DuckDB, in this process: each query sees the tables that it is given, and nothing else."""

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb
import pyarrow as pa

from latewood.errors import LatewoodError
from latewood.model.policies import Resources

if TYPE_CHECKING:
    from latewood.decide.sql.query import Query

_MEMORY: Final = 1 << 30
"""Bytes that a query may hold by itself where its task does not say; what is more goes to a temporary folder."""

_SHARE: Final = 0.6
"""Of the memory that a task says: tables that come and go take from it, too."""

_SCHEMA_AND_NAME: Final = 2
"""Parts of a name; what there is before them is another catalog, which all connections of an instance see."""

_BATCH: Final = 1 << 17
_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)


class QueryFailed(LatewoodError):
    """A database refused a query, or failed at it; in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a query may take: threads, and bytes of memory."""

    threads: int
    memory: int

    @classmethod
    def of(cls, resources: Resources) -> Self:
        """What a task has. By more than one thread sums of floats are not the same each time."""
        said = resources.memory_bytes
        return cls(threads=max(1, int(resources.cpu)), memory=int(said * _SHARE) if said else _MEMORY)


def answer(
    query: "Query",
    tables: Mapping[tuple[str, ...], Any],
    binds: Mapping[str, Any],
    *,
    means: Means,
    zone: str,
    place: Callable[[int], str],
) -> pa.Table:
    """The result of the query over these tables, by the parts of the names that it has for them.

    Rows are in the order that the query says, else in that of their columns: so equal results are equal. `place` says
    where a line of the query is found. Raises QueryFailed.
    """
    with _connection(means, apart=any(len(parts) > _SCHEMA_AND_NAME for parts in tables)) as database:
        _give(database, tables)
        database.execute(f"SET TimeZone = '{zone}'")
        return _interruptible(database, lambda: _result(database, query, binds, place))


_INSTANCES: Final[dict[tuple[int, Means], "tuple[duckdb.DuckDBPyConnection, tempfile.TemporaryDirectory[str]]"]] = {}
"""By process and means: beginning and ending one takes three times as long as a small query."""

_NUMBERS: Final = count()


@contextmanager
def _connection(means: Means, *, apart: bool) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection with a catalog of its own, in which there is nothing; `apart`: in an instance of its own."""
    if apart:
        database, folder = _instance(means)
        with folder, database:
            yield database
        return
    slot = (os.getpid(), means)
    if slot not in _INSTANCES:
        _INSTANCES[slot] = _instance(means)
    name = f"query_{next(_NUMBERS)}"
    with _INSTANCES[slot][0].cursor() as database:
        database.execute(f"ATTACH ':memory:' AS {name}")
        try:
            database.execute(f"USE {name}")
            yield database
        finally:
            database.execute("USE memory")
            database.execute(f"DETACH {name}")


def _instance(means: Means) -> "tuple[duckdb.DuckDBPyConnection, tempfile.TemporaryDirectory[str]]":
    folder = tempfile.TemporaryDirectory(prefix="latewood-duckdb-")
    settings: dict[str, str | int | float | list[str]] = {
        "threads": means.threads,
        "memory_limit": f"{means.memory}B",
        "temp_directory": folder.name,
        "python_enable_replacements": False,
    }
    database = duckdb.connect(":memory:", config=settings)
    database.execute("SET enable_external_access = false")  # for good: it cannot be taken back
    return database, folder


def _give(database: "duckdb.DuckDBPyConnection", tables: Mapping[tuple[str, ...], Any]) -> None:
    for number, (parts, table) in enumerate(tables.items()):
        database.register(f"latewood input {number}", table)
        *above, name = map(_quoted, parts)
        if len(above) > 1:
            database.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {above[0]}")
        if above:
            database.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(above)}")
        view = ".".join((*above, name))
        database.execute(f'CREATE VIEW {view} AS SELECT * FROM temp."latewood input {number}"')  # noqa: S608 - quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _result(
    database: "duckdb.DuckDBPyConnection", query: "Query", binds: Mapping[str, Any], place: Callable[[int], str]
) -> pa.Table:
    given = dict(binds) or None
    try:
        columns = database.execute(f"DESCRIBE\n{query.bound}", given).fetchall()
        _require_names([str(column[0]) for column in columns])
        text = f"\n{query.bound}" if query.ordered else f"FROM (\n{query.bound}\n) ORDER BY ALL"
        reader = database.sql(text, params=given).to_arrow_reader(_BATCH)
        return pa.Table.from_batches(list(reader), schema=reader.schema)
    except duckdb.Error as error:
        raise QueryFailed(_told(str(error), place)) from None


def _require_names(columns: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in columns:
        if name.casefold() in seen:
            raise QueryFailed(f'two columns of the result are called "{name}": name one of them, … AS …')
        seen.add(name.casefold())


def _told(message: str, place: Callable[[int], str]) -> str:
    """What DuckDB says, at the user's own line: what it was given has one line more before it."""
    found = _LINE.search(message)
    return (
        message if found is None else f"{place(int(found[1]) - 1)}: {_LINE.sub(' ' * len(found[0]), message, count=1)}"
    )


def _interruptible(database: "duckdb.DuckDBPyConnection", work: Callable[[], pa.Table]) -> pa.Table:
    """Do it in a thread, so that a timeout or an interrupt that is raised here ends the query and is what is raised."""
    results: list[pa.Table] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            failures.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="query", daemon=True).start()
    try:
        done.wait()  # join() takes a thread for ended once it was interrupted itself
    except BaseException:
        database.interrupt()
        done.wait()
        raise
    if failures:
        raise failures[0]
    return results[0]
