"""Consistent readings: everything read through one snapshot is true for one position of the log."""

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, Final

from sqlalchemy import Connection, Executable, text

from latewood_eventlog.log import EventLog, OneSnapshot, SeenBy

Snapshot = Connection
"""What the queries of this package read through."""


@contextmanager
def snapshot(log: EventLog) -> Iterator[Snapshot]:
    """A read-only transaction that sees one moment of the database; appends go on meanwhile.

    Of a log that is one transaction's it is that one; of one that a reader sees it has the rights of this one.
    """
    if isinstance(log, OneSnapshot):
        yield log.snapshot
        return
    if isinstance(log, SeenBy):
        with log.reading() as connection:
            yield connection
        return
    with log.engine.connect() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: a large project is many small objects that all stay.

    Searching them for cycles again and again was two fifths of the time of a plan of 10,000 assets. Afterwards they
    count as old, or the first new object would have them all searched at once.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not _is_anything_frozen():  # what others have frozen stays so
                gc.freeze()
                gc.unfreeze()  # to the oldest generation
            gc.enable()


def _is_anything_frozen() -> bool:
    """Whether something was, once; then it is not asked again.

    Where nothing is frozen that is told at once. Else it is counted: all that a server imported takes 18 ms, which
    each of its readings took longer.
    """
    if not _FROZEN.is_set() and gc.get_freeze_count():
        _FROZEN.set()
    return _FROZEN.is_set()


_FROZEN: Final = Event()


@contextmanager
def joined_at_once(connection: Snapshot) -> Iterator[None]:
    """Rows are joined as sets meanwhile, never each looked up by itself.

    Of heads the planner expects two where there are a hundred thousand, until they are analyzed; looping over them
    took minutes.
    """
    connection.execute(_LOOP_NEVER)
    yield
    connection.execute(_LOOP_AGAIN)


_LOOP_NEVER: Final = text("SET LOCAL enable_nestloop = off")
_LOOP_AGAIN: Final = text("SET LOCAL enable_nestloop = on")


def tuples(connection: Snapshot, statement: Executable, parameters: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
    """Rows as the driver's plain tuples: a hundred thousand heads are read on the way to a plan."""
    cursor: Any = connection.execute(statement, parameters).cursor
    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows


def text_array(texts: Collection[str]) -> str:
    """The texts as one literal for `CAST(:name AS text[])`.

    A list becomes `ARRAY['…', '…']`, of which the server's parser makes a node for each: with ten thousand keys that
    takes longer than finding them.
    """
    if not texts:
        return "{}"
    together = "".join(texts)
    if '"' in together or "\\" in together:
        texts = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(texts) + '"}'
