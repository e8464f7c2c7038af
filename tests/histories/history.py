"""Stored histories: the events of real runs, one JSON object per line with every column, and what they fold to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Engine, Table, TextClause, text

from latewood_eventlog.codec import encode_json
from latewood_eventlog.projector import Projection, changes_of, statements_of
from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.statements import execute_together

FOLDER = Path(__file__).parent
HISTORIES = tuple(sorted(FOLDER.glob("*.jsonl")))


def read_history(file: Path) -> list[RecordedEvent]:
    """The events, as they were recorded."""
    return [_event(json.loads(line)) for line in file.read_text().splitlines()]


def write_history(file: Path, events: Iterable[RecordedEvent]) -> None:
    """One line per event; `data` is text, for the hash covers it byte for byte."""
    file.write_bytes(b"".join(encode_json(asdict(event) | {"hash": event.hash.hex()}) + b"\n" for event in events))


def read_rows(file: Path) -> dict[str, list[dict[str, Any]]]:
    """What the history folds to, as it was when it was stored: rows by table, by key."""
    return json.loads(file.with_suffix(".rows.json").read_text())


def write_rows(file: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Keep what the history folds to: one row per line, so that a difference can be read."""
    tables = (
        f'"{table}": [\n' + ",\n".join(encode_json(row).decode() for row in found) + "\n]"
        for table, found in sorted(rows.items())
    )
    file.with_suffix(".rows.json").write_text("{\n" + ",\n".join(tables) + "\n}\n")


def folded(
    engine: Engine, projections: Sequence[Projection], events: Iterable[RecordedEvent]
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the events leave in the projections' tables, by table and key, in a database that has no events."""
    with engine.connect() as connection:
        execute_together(connection, statements_of(changes_of(projections, events)))
        return {
            table.name: list(connection.execute(_rows(table)).scalars())
            for projection in projections
            for table in projection.tables
        }


def _rows(table: Table) -> TextClause:
    key = ", ".join(column.name for column in table.primary_key.columns)
    return text(f"SELECT to_json(t) FROM {table.name} t ORDER BY {key}")


def _event(columns: dict[str, Any]) -> RecordedEvent:
    return RecordedEvent(
        **columns
        | {
            "event_id": UUID(columns["event_id"]),
            "occurred_at": msgspec.convert(columns["occurred_at"], datetime),
            "recorded_at": msgspec.convert(columns["recorded_at"], datetime),
            "hash": bytes.fromhex(columns["hash"]),
        }
    )
