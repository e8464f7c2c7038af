"""Events of the log, as they were recorded."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import graphene
import msgspec

from latewood.decide.concerned import assets_of_event
from latewood.events import TYPE_OF, TokenCreated, TokenRevoked
from latewood.model.access import Role
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import RecordedEvent
from latewood_graphql.access import Caller
from latewood_graphql.calls import Call
from latewood_graphql.fields import many
from latewood_graphql.scalars import Json, PositionScalar

ADMINS_ALONE: Final = frozenset({TYPE_OF[TokenCreated], TYPE_OF[TokenRevoked]})
"""Types of what only those see who may say who comes in."""


def is_seen(event: RecordedEvent, caller: Caller) -> bool:
    """Whether the caller may see an event of a project that they see."""
    return event.type not in ADMINS_ALONE or caller.may(Role.ADMIN, event.project)


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
    assets = many(graphene.String, "Keys of the assets that it is about; of one that nobody knows any more its id.")
    data = graphene.Field(Json, required=True, description="What it says.")

    def resolve_id(self: RecordedEvent, _info: Any) -> str:
        """As text."""
        return str(self.event_id)

    async def resolve_assets(self: RecordedEvent, info: Any) -> list[str]:
        """As they are called now."""
        call: Call = info.context

        def read(ids: Sequence[str]) -> Mapping[str, str]:
            with snapshot(call.workspace.log) as connection:
                return keys_of_ids(connection, self.project, ids)

        ids = assets_of_event(self.type, self.data)
        keys = [call.load(self.project, "keys", id_, read) for id_ in ids]
        return [await key or id_ for key, id_ in zip(keys, ids, strict=True)]

    def resolve_data(self: RecordedEvent, _info: Any) -> Any:
        """As it was recorded: it is JSON, and written into the answer without being read."""
        return msgspec.Raw(self.data)
