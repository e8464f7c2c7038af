"""What lies at the places where IO stores values: who stored there last, or what was seen there instead."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, Text, text

from latewood.decide.keys import digest
from latewood.decide.state import Lying
from latewood.events import AssetObserved, RunPlanned, StepReused, StepSucceeded
from latewood.model.keys import VersionId, version_id
from latewood.places import Address, identity
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.snapshots import tuples
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

# By a digest: a place may be longer than what an index takes.
places: Final = Table(
    "places",
    metadata,
    project(),
    key("place_digest"),
    Column("from_position", BigInteger, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("version", Name, nullable=False),
    Column("environment", Name, nullable=False),
)


class PlacesProjection:
    """What lies at each place, from the event on that says so: a version, or what was found instead of any.

    A file is one place, however its path is written and whichever IO stores there.
    """

    name = "places"
    version = 4
    inline = True
    tables = (places,)
    types = frozenset({"asset.observed", "run.planned", "step.reused", "step.succeeded"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        match event_of(event):
            case StepSucceeded() as fact:
                for output in fact.outputs:
                    if (address := Address.of(output.artifact)) is not None:
                        version = version_id(fact.run, fact.step)
                        yield _row(event, address.where, address.fingerprint, version, fact.environment)
            case StepReused() as fact:
                for reused in fact.outputs:
                    if (address := Address.of(reused.placed)) is not None:
                        yield _row(event, address.where, address.fingerprint, reused.version, fact.environment)
            case AssetObserved() as fact:
                if (address := Address.of(fact.artifact)) is not None:
                    yield _row(event, address.where, address.fingerprint, VersionId(""), "")
            case RunPlanned() as fact:
                for where, fingerprint in fact.places.items():
                    yield _row(event, where, fingerprint, VersionId(""), "")
            case other:
                raise AssertionError(f"not an event of places: {other}")


def _row(event: RecordedEvent, where: str, fingerprint: str, version: VersionId, environment: str) -> Change:
    return Put(
        places,
        {
            "project": event.project,
            "place_digest": digest(identity(where)),
            "from_position": event.position,
            "fingerprint": fingerprint,
            "version": version,
            "environment": environment,
        },
    )


_LYING: Final = (
    "SELECT p.place, l.fingerprint, l.version, l.environment, l.from_position "
    "FROM unnest(CAST(:places AS text[])) AS p (place) CROSS JOIN LATERAL ("
    "  SELECT fingerprint, version, environment, from_position FROM places WHERE project = :project "
    "  AND place_digest = p.place AND from_position <= :as_of {only} ORDER BY from_position DESC LIMIT 1) l"
)
_LATEST: Final = text(_LYING.format(only=""))
_STORED: Final = text(_LYING.format(only="AND version <> ''"))


def lying(
    connection: Connection, project: str, wheres: Collection[str], as_of: Position, *, stored: bool = False
) -> dict[str, Lying]:
    """What the log says last of each of these places, where it says anything; or who `stored` there last.

    Cost: an index lookup each.
    """
    digests = {where: digest(identity(where)) for where in wheres}
    if not digests:
        return {}
    parameters = {"project": project, "places": list(dict.fromkeys(digests.values())), "as_of": as_of}
    rows = tuples(connection, _STORED if stored else _LATEST, parameters)
    found = {slot: Lying._make(row) for slot, *row in rows}
    return {where: found[slot] for where, slot in digests.items() if slot in found}
