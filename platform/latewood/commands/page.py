"""Everything there is to see of one asset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from latewood.commands.reading import known_key, read_through
from latewood.commands.versions import step_facts
from latewood.commands.workspace import Workspace
from latewood.decide.deploy import Rename
from latewood.decide.judge import retraction
from latewood.decide.keys import parameters_of
from latewood.decide.staleness import Assessed
from latewood.decide.state import Pin, VersionFacts
from latewood.events import Event, OutputMade, StepReused, StepStarted, StepSucceeded
from latewood.model.definitions import AssetDefinition
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, history
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
    """A version and its use here, the environment it was made in, and by which parameters other than today's."""

    facts: VersionFacts
    use: Use
    environment: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPage:
    """An asset as it stands. `shown` is what was recorded of its newest head, without one of its newest version."""

    definition: AssetDefinition
    assessed: Assessed
    versions: tuple[PageVersion, ...]
    shown: OutputMade | None
    checks: tuple[CheckRow, ...]
    renames: tuple[Rename, ...]
    pins: Mapping[str, Pin]
    position: Position


def asset_page(workspace: Workspace, key: str, as_of: Position = NOW, limit: int = 10) -> AssetPage:
    """Status, latest versions, metadata, schema and checks of an asset at a position."""
    with snapshot(workspace.log) as connection:
        found = read_through(connection, workspace, as_of)
        asset = known_key(found.view, key)
        definition, id_ = found.view.catalog[asset], found.view.ids[asset]
        node = found.assessed[asset].node
        made = history(connection, workspace.project, id_, before=as_of + 1, limit=limit)
        heads = {facts.version: facts for facts in found.state.heads[id_].values()}
        newest = max(heads.values(), key=lambda facts: facts.position, default=made[0] if made else None)
        named = {facts.version for facts in (*made, *filter(None, [newest]))}
        past = heads_ever(connection, workspace.project, workspace.environment, id_, named, found.view.position)
        steps = step_facts(connection, workspace, named)
        checks = checks_of(connection, workspace.project, id_, as_of=as_of, limit=100)

    def page_version(facts: VersionFacts) -> PageVersion:
        own = parameters_of(definition.task, {})
        environment, parameters = workspace.environment, own
        for fact in steps.get(facts.version, ()):
            match fact:
                case StepStarted():
                    parameters = {**own, **fact.parameters}
                case StepSucceeded() | StepReused():
                    environment = fact.environment
                case _:
                    pass
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
        return PageVersion(facts=facts, use=use, environment=environment, parameters=other)

    return AssetPage(
        definition=definition,
        assessed=found.assessed[asset],
        versions=tuple(map(page_version, made)),
        shown=_made(steps.get(newest.version, ()), definition.output) if newest is not None else None,
        checks=checks,
        renames=tuple(rename for rename in found.view.renames if rename.asset == id_),
        pins=found.view.pins.get(asset, {}),
        position=found.view.position,
    )


def _made(facts: Iterable[Event], output: str) -> OutputMade | None:
    """What the step said of this output; it may have several."""
    made = [made for fact in facts if isinstance(fact, StepSucceeded) for made in fact.outputs]
    return next((entry for entry in made if entry.output == output), None)
