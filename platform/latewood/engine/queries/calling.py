"""A call of a query: what it is given and asked with, its result, and what the columns of that come from."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Final

from latewood.decide.sql.columns import derivations
from latewood.engine.code.queries import ANSWERED_HERE, END, GRID, KEY, START, WINDOW, LiveQuery
from latewood.engine.loading.naming import RESULT
from latewood.engine.processes.told import told_to
from latewood.engine.queries.database import Means, QueryFailed, answer
from latewood.model.column_sources import compact
from latewood.model.policies import Resources

_SOURCES_BYTES_MAX: Final = 2_048
"""Of what is recorded of where columns come from: a version may take 4 KB of the database in all."""


def call_query(function: Any, live: LiveQuery, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What the query makes of these arguments, the `function` that stands for it having been called with them.

    For a step, or by itself as in a test. Raises QueryFailed.
    """
    if live.query is None:
        raise QueryFailed("; ".join(live.faults))
    if live.query.dialect != ANSWERED_HERE:
        raise QueryFailed(f"a query in the dialect of {live.query.dialect} is a job there, and not answered here")
    told = told_to(function)
    bound = inspect.signature(live.function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = bound.arguments
    tables = {mention.parts: arguments[name] for name, mention in live.tables.items()}
    result = answer(
        live.query,
        tables,
        _binds(live, arguments),
        means=Means.of(told.resources if told is not None else Resources()),
        zone=_zone(arguments),
        place=lambda line: f"{live.file.name}:{line + live.first - 1}",
    )
    if told is not None:
        columns = {mention.name: _names(arguments[name]) for name, mention in live.tables.items()}
        inputs = {mention.name: name for name, mention in live.tables.items()}
        found = derivations(live.query, columns, result.column_names)
        named = [replace(each, sources=tuple((inputs[of], column) for of, column in each.sources)) for each in found]
        told.column_sources[RESULT] = compact(named, _SOURCES_BYTES_MAX)
    return result


def _names(table: Any) -> list[str]:
    return list(table.schema.names)


def _binds(live: LiveQuery, arguments: Mapping[str, Any]) -> dict[str, Any]:
    assert live.query is not None, "checked before"
    found: dict[str, Any] = {}
    for asked in live.query.parameters:
        name = asked.name
        if name not in live.partition:
            found[name] = arguments[name]
        elif name in (START, END):
            window = arguments[WINDOW]
            found[name] = window.start if name == START else window.end
        elif name == KEY:
            found[name] = str(arguments[KEY])
        else:
            found[name] = arguments[GRID].parts[name.removeprefix("partition_")]
    return found


def _zone(arguments: Mapping[str, Any]) -> str:
    """The time zone in which times without one are read: that of the partitions, so that their bounds are as said."""
    window = arguments.get(WINDOW)
    zone: tzinfo | None = window.start.tzinfo if window is not None else None
    return str(getattr(zone, "key", "UTC"))
