"""What was made of an asset: its versions, their numbers, and what checks found."""

from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from latewood.commands.versions import partitions_meant
from latewood.decide.state import VersionFacts
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.projections.pages import histories, history_counts
from latewood.projections.snapshots import snapshot
from latewood.projections.versions import CheckRow, checks_of_each
from latewood_eventlog.records import Position
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.nodes.series import series_of
from latewood_graphql.nodes.versions import VersionAt
from latewood_graphql.pages import Page, checked_first, key_of, page_of

CHECKS_MAX: Final = 1_000
"""Verdicts of an asset at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Which versions of an asset are wanted, the newest first."""

    before: Position
    limit: int
    partitions: tuple[PartitionKey, ...] | None


def _asked(
    at: EnvironmentAt, key: AssetKey, limit: int, partition: str | None = None, before: Position | None = None
) -> _Asked:
    """Raises UsageError for partitions that are none."""
    end = at.view.as_of + 1
    of = _partitions(at, key, partition)
    return _Asked(before=min(before or end, end), limit=limit, partitions=None if of is None else tuple(of))


def _partitions(at: EnvironmentAt, key: AssetKey, text: str | None) -> list[PartitionKey] | None:
    return None if text is None else partitions_meant(at.view, key, text)


async def _history(at: EnvironmentAt, key: AssetKey, asked: _Asked) -> Sequence[VersionFacts]:
    """Of all assets that it is asked of at once."""

    def read(keys: Sequence[AssetKey]) -> Mapping[AssetKey, Sequence[VersionFacts]]:
        ids = {key: at.view.ids[key] for key in keys}
        with snapshot(at.workspace.log) as connection:
            found = histories(
                connection,
                at.workspace.project,
                list(ids.values()),
                as_of=at.view.as_of,
                before=asked.before,
                limit=asked.limit,
                partitions=asked.partitions,
            )
        return {key: found[id_] for key, id_ in ids.items()}

    found: Sequence[VersionFacts] = await at.load(str(asked), key, read)
    return found


async def versions_page(
    at: EnvironmentAt, key: AssetKey, first: int, after: str | None = None, partition: str | None = None
) -> Page:
    """By the position of the event that made each."""
    asked = _asked(at, key, checked_first(first, "after") + 1, partition, key_of(after, int))
    found = await _history(at, key, asked)

    def counts(assets: Sequence[AssetId]) -> Mapping[AssetId, int]:
        with snapshot(at.workspace.log) as connection:
            return history_counts(
                connection, at.workspace.project, assets, as_of=at.view.as_of, partitions=asked.partitions
            )

    def count_all() -> Any:
        return at.load(f"counts {asked.partitions}", at.view.ids[key], counts)

    nodes = [VersionAt(environment=at, key=key, facts=facts) for facts in found]
    return page_of(nodes, first, lambda version: version.facts.position, count_all)


async def series_at(
    at: EnvironmentAt, key: AssetKey, first: int, names: list[str] | None = None, partition: str | None = None
) -> Any:
    """Of what was recorded with the latest versions."""
    found = await _history(at, key, _asked(at, key, checked_first(first), partition))
    nodes = [VersionAt(environment=at, key=key, facts=facts) for facts in reversed(found)]
    recorded = await gather(*(node.metadata() for node in nodes))
    return series_of(list(zip(nodes, recorded, strict=True)), names)


async def durations_at(at: EnvironmentAt, key: AssetKey, first: int) -> list[float]:
    """Of what was computed: what others made took nobody any time."""
    found = await _history(at, key, _asked(at, key, checked_first(first)))
    return [facts.duration_ms for facts in reversed(found) if facts.artifact]


def verdicts_at(at: EnvironmentAt, key: AssetKey, first: int, partition: str | None = None) -> Any:
    """As recorded, of all assets that they are asked of at once."""
    of, limit = _partitions(at, key, partition), min(checked_first(first), CHECKS_MAX)

    def of_many(assets: Sequence[AssetId]) -> Mapping[AssetId, Sequence[CheckRow]]:
        with snapshot(at.workspace.log) as connection:
            return checks_of_each(
                connection, at.workspace.project, assets, as_of=at.view.as_of, limit=limit, partitions=of
            )

    return at.load(f"verdicts {limit} {of}", at.view.ids[key], of_many)
