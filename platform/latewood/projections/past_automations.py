"""Where the log has what became of automations, up to a position."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from latewood.projections.automations import Slot
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.records import Position

# Of each automation the last event of each sort: how it was switched, what came of it, and what a sensor asked for.
# What was before the environment was dropped is of another environment of that name.
_LAST: Final = text(
    "SELECT DISTINCT ON (e.data ->> 'location', e.data ->> 'name', e.type, e.data ->> 'on', asks) e.position FROM ("
    "  SELECT *, coalesce(json_array_length(data -> 'requests'), 0) > 0 AS asks FROM events "
    "  WHERE project = :project AND stream = :stream AND position <= :as_of AND position > coalesce(("
    "    SELECT max(d.position) FROM events d WHERE d.project = :project AND d.stream = :environment_stream "
    "    AND d.type = 'environment.dropped' AND d.position <= :as_of), 0)"
    ") AS e ORDER BY e.data ->> 'location', e.data ->> 'name', e.type, e.data ->> 'on', asks, e.position DESC"
)
_EVALUATIONS: Final = text(
    "SELECT location, name, position FROM ("
    "  SELECT location, name, position, row_number() OVER (PARTITION BY location, name ORDER BY position DESC) AS n "
    "  FROM (SELECT e.type, e.position, e.data ->> 'location' AS location, e.data ->> 'name' AS name FROM events e "
    "    WHERE e.project = :project AND e.stream = :stream AND e.position <= :as_of "
    "    ORDER BY e.version DESC LIMIT :among) AS latest WHERE type IN ('automation.evaluated', 'sensor.evaluated') "
    "  AND (location, name) IN (SELECT * FROM unnest(CAST(:locations AS text[]), CAST(:names AS text[])))"
    ") AS numbered WHERE n <= :limit ORDER BY position DESC"
)
# What is between it and the position is of the same batch, as long as it was asked for by itself there.
_BEFORE: Final = text(
    "SELECT position FROM events WHERE project = :project AND stream = :stream AND position < :before "
    "ORDER BY position DESC LIMIT 1"
)


def standing_positions(
    connection: Connection, project: str, environment: str, stream: str, as_of: Position
) -> list[Position]:
    """The events of a stream that say how automations stood at a position, oldest first. Cost: O(events of it)."""
    given = {"project": project, "stream": stream, "environment_stream": f"environment/{environment}", "as_of": as_of}
    return sorted(position for (position,) in tuples(connection, _LAST, given))


def evaluation_positions(
    connection: Connection,
    project: str,
    stream: str,
    slots: Collection[Slot],
    *,
    limit: int,
    among: int,
    as_of: Position,
) -> dict[Slot, list[Position]]:
    """Of each automation where its last evaluations by a position are, newest first, of so many events of a stream."""
    found: dict[Slot, list[Position]] = {slot: [] for slot in slots}
    given = {"project": project, "stream": stream, "limit": limit, "among": among, "as_of": as_of}
    locations, names = zip(*found, strict=True) if found else ((), ())
    named = {"locations": text_array(locations), "names": text_array(names)}
    for location, name, position in tuples(connection, _EVALUATIONS, {**given, **named}):
        found[location, name].append(position)
    return found


def position_before(connection: Connection, project: str, stream: str, before: Position) -> Position | None:
    """Where the stream's last event before a position is. Cost: O(events of the log in between)."""
    return next(
        (
            position
            for (position,) in tuples(connection, _BEFORE, {"project": project, "stream": stream, "before": before})
        ),
        None,
    )
