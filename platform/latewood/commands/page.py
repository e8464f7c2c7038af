"""Everything there is to see of one asset."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from latewood.commands.freshness import about_one, freshness_of
from latewood.commands.reading import heads_read, reading
from latewood.commands.versions import makings, names_of, partitions_meant
from latewood.commands.views import PRESENT, AsOf, View, known_key
from latewood.commands.workspace import Workspace
from latewood.decide.deploy import Rename
from latewood.decide.freshness import Judged
from latewood.decide.judge import retraction
from latewood.decide.keys import parameters_of
from latewood.decide.staleness import Assessed
from latewood.decide.state import Pin, VersionFacts, counted_as
from latewood.events import OutputMade
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, VersionId
from latewood.projections.carried import carried_over
from latewood.projections.states import history, history_count
from latewood.projections.statistics import heads_ever
from latewood.projections.versions import CheckRow, checks_of
from latewood_eventlog.records import Position


class Use(StrEnum):
    """What an environment has to do with a version."""

    HEAD = "head"
    PAST = "past head"
    REFUSED = "refused"
    VARIANT = "variant"
    ELSEWHERE = "elsewhere"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVersion:
    """A version and its use here, the environment it was made in, and by which parameters other than today's.

    `source` is the version that it was taken from, of another asset of the same task: the one that was computed.
    """

    facts: VersionFacts
    use: Use
    environment: str
    parameters: Mapping[str, Any]
    source: tuple[AssetKey, VersionId] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPage:
    """An asset, or some of its partitions.

    `versions` are the latest of `versions_count`. `shown` is what was recorded of the newest head, without one of the
    newest version. `secrets` says where those of its resources are read, by resource and field. `freshness` is
    what policies say of how current it is.
    """

    definition: AssetDefinition
    location: str
    versions: tuple[PageVersion, ...]
    versions_count: int
    shown: OutputMade | None
    checks: tuple[CheckRow, ...]
    renames: tuple[Rename, ...]
    pins: Mapping[str, Pin]
    secrets: Mapping[str, Mapping[str, Mapping[str, str]]]
    position: Position
    freshness: tuple[Judged, ...] = ()


def asset_page(
    workspace: Workspace,
    key: str,
    *,
    partition: str = "",
    as_of: AsOf = PRESENT,
    limit: int = 10,
    view: View | None = None,
) -> tuple[AssetPage, Assessed]:
    """Latest versions, metadata, schema and checks of an asset at a moment, and how it stands. Raises UsageError.

    A `view` that is of that moment is not read again.
    """
    with reading(workspace, as_of, about=about_one(workspace, key), view=view) as (connection, found):
        asset = known_key(found.view, key)
        definition, id_ = found.view.catalog[asset], found.view.ids[asset]
        node = found.assessed[asset].node
        chosen = partitions_meant(found.view, asset, partition) if partition else None
        carried = carried_over(connection, workspace.project, [id_], found.view.as_of)
        of = None if chosen is None else counted_as(chosen, carried)
        made = history(connection, workspace.project, id_, before=found.view.as_of + 1, limit=limit, partitions=of)
        count = history_count(connection, workspace.project, id_, before=found.view.as_of + 1, partitions=of)
        here = heads_read(connection, workspace, [id_], found.view.as_of)[id_]  # of partitions that were, too
        heads = {here[slot].version: here[slot] for slot in (here if chosen is None else chosen) if slot in here}
        newest = max(heads.values(), key=lambda facts: facts.position, default=made[0] if made else None)
        named = {facts.version for facts in (*made, *filter(None, [newest]))}
        past = heads_ever(connection, workspace.project, workspace.environment, id_, named, found.view.position)
        steps = makings(connection, workspace, [(id_, version) for version in named])
        sources = [making.source for making in steps.values() if making.source is not None]
        names = names_of(connection, workspace, found.view, [source for source, _ in sources])
        freshness = freshness_of(connection, workspace, found, asset)
        checks = checks_of(connection, workspace.project, id_, as_of=found.view.as_of, limit=100, partitions=of)

    def page_version(facts: VersionFacts) -> PageVersion:
        own = parameters_of(definition.task, {})
        making = steps[id_, facts.version]
        environment = making.environment or workspace.environment
        parameters = own if making.started is None else {**own, **making.started.parameters}
        use = Use.VARIANT
        if retraction(node, node.ids.index(id_), facts, found.state) is not None:
            use = Use.RETRACTED
        elif facts.version in heads:
            use = Use.HEAD
        elif facts.version in past:
            use = Use.PAST
        elif not facts.accepted:
            use = Use.REFUSED
        elif environment != workspace.environment:
            use = Use.ELSEWHERE
        other = {name: value for name, value in parameters.items() if name not in own or value != own[name]}
        source = None if making.source is None else (names[making.source[0]], making.source[1])
        return PageVersion(facts=facts, use=use, environment=environment, parameters=other, source=source)

    page = AssetPage(
        definition=definition,
        location=found.view.locations[asset],
        versions=tuple(map(page_version, made)),
        versions_count=count,
        shown=steps[id_, newest.version].output(definition.output) if newest is not None else None,
        checks=checks,
        renames=tuple(rename for rename in found.view.renames if rename.asset == id_),
        pins=found.view.pins.get(asset, {}),
        secrets={
            resource: configuration.secrets
            for (location, resource), configuration in found.view.configurations.items()
            if location == found.view.locations[asset]
        },
        position=found.view.position,
        freshness=freshness,
    )
    return page, found.assessed[asset]
