"""Where the events about each asset stand, so that those of a rare one need not be looked for among all."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Column, Table

from latewood.decide.concerned import ABOUT_ASSETS, assets_of
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import RecordedEvent

asset_events: Final = Table(
    "asset_events",
    metadata,
    project(),
    key("asset"),
    Column("position", BigInteger, primary_key=True),
)


class AssetEventsProjection:
    """A row for each event and asset that it is about."""

    name = "asset_events"
    version = 1
    inline = True
    tables = (asset_events,)
    types = ABOUT_ASSETS

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        for asset in assets_of(event_of(event)):
            yield Put(asset_events, {"project": event.project, "asset": asset, "position": event.position})
