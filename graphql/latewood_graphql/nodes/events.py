"""Events of the log, as they were recorded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Final

import graphene
import msgspec

from latewood.commands.views import PRESENT
from latewood.decide.concerned import assets_of_event
from latewood.errors import NotFound, UsageError
from latewood.events import TYPE_OF, TYPES, TokenCreated, TokenRevoked
from latewood.model.access import Role
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import Position, RecordedEvent
from latewood_graphql.access import Caller
from latewood_graphql.calls import Call, ProjectAt
from latewood_graphql.fields import many
from latewood_graphql.scalars import Json, PositionScalar

ADMINS_ALONE: Final = frozenset({TYPE_OF[TokenCreated], TYPE_OF[TokenRevoked]})
"""Types of what only those see who may say who comes in."""


KNOWN: Final = frozenset(TYPES)


def checked_types(types: Sequence[str] | None) -> tuple[str, ...] | None:
    """The types that are asked for, all if none is named.

    Raises NotFound with near ones for what is none, and UsageError for an empty list: of these nothing ever comes.
    """
    if types is not None and not types:
        raise UsageError("types: expected at least one, found none; without `types` there are events of all")
    for type_ in types or ():
        if type_ not in KNOWN:
            near = get_close_matches(type_, sorted(KNOWN), n=3)
            hint = f"near: {', '.join(near)}" if near else "others are, such as run.ended"
            raise NotFound("event type", f'no event is of type "{type_}"; {hint}')
    return None if types is None else tuple(types)


def is_seen(event: RecordedEvent, caller: Caller) -> bool:
    """Whether the caller may see an event of a project that they see."""
    return event.type not in ADMINS_ALONE or caller.may(Role.ADMIN, event.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventThen(RecordedEvent):
    """An event that was asked for as of a moment of the past."""

    as_of: Position


_FIELDS: Final = tuple(field.name for field in fields(RecordedEvent))


def events_at(project: ProjectAt, events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    """These events as they are told at the project's moment, when things may have had other names."""
    if project.as_of == PRESENT:
        return list(events)
    as_of = project.position
    return [EventThen(**{name: getattr(event, name) for name in _FIELDS}, as_of=as_of) for event in events]


class Event(graphene.ObjectType):
    """A fact, as it was recorded: what all else is derived from."""

    position = graphene.Field(PositionScalar, required=True, description="Where it stands in the log.")
    id = graphene.ID(required=True, description="Its id, which a repeated append has again.")
    type = graphene.String(required=True, description="What it tells, as in `step.succeeded`.")
    stream = graphene.String(required=True, description="The stream it belongs to, as in `run/4k0w…`.")
    version = graphene.Int(required=True, description="Its place in the stream, from 1.")
    occurred_at = graphene.DateTime(required=True, description="When it came about, by its author's clock.")
    recorded_at = graphene.DateTime(required=True, description="When the log took it, by the database's clock.")
    actor = graphene.String(required=True, description="Who did it.")
    cause = graphene.Field(PositionScalar, description="The event that it follows from, where it names one.")
    assets = many(
        graphene.String,
        "Keys of the assets that it is about, at the moment that is shown; of one that has none its id.",
    )
    data = graphene.Field(Json, required=True, description="What it says.")

    def resolve_id(self: RecordedEvent, _info: Any) -> str:
        """As text."""
        return str(self.event_id)

    async def resolve_assets(self: RecordedEvent, info: Any) -> list[str]:
        """As they were called, or are."""
        call: Call = info.context
        as_of = self.as_of if isinstance(self, EventThen) else NOW

        def read(ids: Sequence[str]) -> Mapping[str, str]:
            with snapshot(call.workspace.log) as connection:
                return keys_of_ids(connection, self.project, ids, as_of)

        ids = assets_of_event(self.type, self.data)
        keys = [call.load((self.project, as_of), "keys", id_, read) for id_ in ids]
        return [await key or id_ for key, id_ in zip(keys, ids, strict=True)]

    def resolve_data(self: RecordedEvent, _info: Any) -> Any:
        """As it was recorded: it is JSON, and written into the answer without being read."""
        return msgspec.Raw(self.data)
