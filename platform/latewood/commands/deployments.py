"""The deployments of a project: what was deployed when, how two differ, and going back to an earlier one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from latewood.commands.deployed_code import require_source
from latewood.commands.environments import append_to_environment
from latewood.commands.pools import STREAM as POOLS
from latewood.commands.pools import unknown_pool
from latewood.commands.reading import Read, read
from latewood.commands.workspace import Workspace
from latewood.decide.definition_changes import Definitions, Difference, difference
from latewood.decide.staleness import Status
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import DeploymentCreated, EnvironmentDeployed, from_json
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe
from latewood.projections.automations import automations_of
from latewood.projections.catalog import (
    Deployment,
    Pointed,
    defined,
    deployed,
    deployments_beginning,
    latest_deployments,
    latest_of_each,
    locations_of,
    pointed,
)
from latewood.projections.launchables import launchables_of
from latewood.projections.pools import pool_rows
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.tasks import tasks_of
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Position, StreamAppend


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A deployment in a list: what it was when it was made, and the environments that have it."""

    deployment: Deployment
    changed: int
    dropped: int
    environments: tuple[str, ...]


def listed(workspace: Workspace, location: str = "", *, limit: int, as_of: Position = NOW) -> list[Listed]:
    """The latest deployments, newest first, of one location if it is named; as they were at a position.

    Raises UsageError for a location that is none.
    """
    with snapshot(workspace.log) as connection:
        found = latest_deployments(connection, workspace.project, location=location, limit=limit, as_of=as_of)
        everywhere = pointed(connection, workspace.project, as_of)
    if location and not found:
        raise unknown_location(location, {each.location for each in everywhere})
    return _listed(workspace, found, everywhere)


def listed_of_each(
    workspace: Workspace,
    locations: Collection[str],
    *,
    limit: int,
    as_of: Position,
    before: Position | None = None,
) -> dict[str, list[Listed]]:
    """By location the latest deployments by a position, of those made `before` one, newest first."""
    upto = as_of if before is None else min(as_of, before - 1)
    with snapshot(workspace.log) as connection:
        found = latest_of_each(connection, workspace.project, locations, limit=limit, as_of=upto)
        everywhere = pointed(connection, workspace.project, as_of)
    by_location: dict[str, list[Listed]] = {location: [] for location in locations}
    for each in _listed(workspace, found, everywhere):
        by_location[each.deployment.location].append(each)
    return by_location


def listed_with(workspace: Workspace, found: Sequence[Deployment], *, as_of: Position) -> list[Listed]:
    """These deployments as they are listed, and who has them at a position."""
    with snapshot(workspace.log) as connection:
        everywhere = pointed(connection, workspace.project, as_of)
    return _listed(workspace, found, everywhere)


def _listed(workspace: Workspace, found: Sequence[Deployment], everywhere: Sequence[Pointed]) -> list[Listed]:
    events = {event.position: event for event in workspace.log.read_positions([each.position for each in found])}
    rows = []
    for each in found:
        fact = from_json(events[each.position].type, events[each.position].data)
        assert isinstance(fact, DeploymentCreated), "the projection says so"
        here = tuple(
            p.environment for p in everywhere if (p.location, p.deployment) == (each.location, fact.deployment)
        )
        rows.append(Listed(deployment=each, changed=fact.changed, dropped=fact.dropped, environments=here))
    return rows


def deployment_named(workspace: Workspace, text: str, *, location: str = "", as_of: Position = NOW) -> Deployment:
    """The deployment of that name, or whose name alone begins so, by a position; of that location, if one is given.

    Raises UsageError with near ones, or those that begin so.
    """
    with snapshot(workspace.log) as connection:
        found = deployments_beginning(connection, workspace.project, text, as_of) if text.strip() else []
        latest = latest_deployments(connection, workspace.project, location=location, limit=1_000, as_of=as_of)
    if location and not latest:
        raise unknown_location(location, known_locations(workspace))
    found = [each for each in found if location in ("", each.location)]
    exact = [each for each in found if each.deployment == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    of = f" of {location}" if location else ""
    if found:
        listed_ = ", ".join(each.deployment for each in found)
        raise NotFound("deployment", f'deployment "{text}"{of}: several begin so, the latest are {listed_}')
    near = get_close_matches(text, [each.deployment for each in latest], n=3)
    hint = f"near: {', '.join(near)}" if near else "`latewood deployments` lists them"
    raise NotFound("deployment", f'no deployment "{text}"{of}; {hint}')


def known_locations(workspace: Workspace) -> set[str]:
    """The locations that any environment has deployed now."""
    with snapshot(workspace.log) as connection:
        return {each.location for each in pointed(connection, workspace.project, NOW)}


def unknown_location(text: str, known: set[str]) -> UsageError:
    """What is said of a location that nobody has deployed."""
    near = get_close_matches(text, known, n=3)
    there = f"near: {', '.join(near)}" if near else f"there is {', '.join(sorted(known)) or 'none'}"
    return NotFound("location", f'no deployment of location "{text}"; {there}')


def differing(workspace: Workspace, before: Deployment, after: Deployment) -> Difference:
    """What becomes of the definitions from one to the other. Cost: O(definitions + bases) of both."""
    with snapshot(workspace.log) as connection:
        return difference(*(_definitions(connection, workspace.project, each) for each in (before, after)))


def _definitions(connection: Snapshot, project: str, of: Deployment) -> Definitions:
    own = {of.location: of.deployment}
    assets = defined(connection, project, of.location, of.deployment)
    return Definitions(
        assets={entry.asset: entry.definition for entry in assets},
        launchables={name: it for name, ((_, _, it),) in launchables_of(connection, project, own).items()},
        tasks={offered.task.name: offered.task for offered in tasks_of(connection, project, own)},
        automations={name: it.definition for (_, name), it in automations_of(connection, project, own).items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """An environment that has another deployment of a location again.

    `stale` are partitions that are not fresh by it and were before, `fresh` the reverse, in words by asset; empty where
    the asset has no partitions. `dropped` are assets that it does not define, `added` those that only it does.
    """

    deployment: Deployment
    before: str
    stale: Mapping[AssetKey, str] = field(default_factory=dict)
    fresh: Mapping[AssetKey, str] = field(default_factory=dict)
    dropped: tuple[AssetKey, ...] = ()
    added: tuple[AssetKey, ...] = ()

    @property
    def is_as_before(self) -> bool:
        """Whether the environment had it already."""
        return self.before == self.deployment.deployment


def roll_back(workspace: Workspace, location: str, named: str) -> RolledBack:
    """Give the environment that deployment of the location again; nothing is run, and no head is moved.

    What runs already keeps its code. Raises UsageError for one that is unknown, whose source is gone, that defines what
    another location of the environment has come to define, or of which a task takes part in a pool that is there no
    more; then nothing is recorded.
    """
    wanted = deployment_named(workspace, named, location=location)
    require_source(workspace, wanted.deployment)
    while True:
        found = read(workspace)
        version, pooled = workspace.log.versions(workspace.project, (f"environment/{workspace.environment}", POOLS))
        with snapshot(workspace.log) as connection:
            there = deployed(connection, workspace.project, workspace.environment, NOW)
            before = there.pop(location, "")
            _refuse_duplicates(connection, workspace, wanted, there)
            _refuse_unknown_pools(connection, workspace, wanted)
        if before == wanted.deployment:
            return RolledBack(deployment=wanted, before=before)
        fact = EnvironmentDeployed(
            environment=workspace.environment, location=location, deployment=wanted.deployment, previous=before
        )
        try:
            append_to_environment(
                workspace,
                workspace.environment,
                [fact],
                ("rolled back", version),
                version=version,
                besides=[StreamAppend(project=workspace.project, stream=POOLS, events=(), expected=pooled)],
            )
        except (WrongExpectedVersion, EventConflict):
            continue
        return _rolled_back(wanted, before, found, read(workspace))


def _refuse_duplicates(
    connection: Snapshot, workspace: Workspace, wanted: Deployment, others: Mapping[str, str]
) -> None:
    elsewhere = locations_of(connection, workspace.project, others)
    own = defined(connection, workspace.project, wanted.location, wanted.deployment)
    if taken := [entry.definition.key for entry in own if entry.definition.key in elsewhere]:
        where = ", ".join(dict.fromkeys(location for key in taken for location in elsewhere[key]))
        raise Conflict(
            f"{wanted.location} as deployed in {wanted.deployment} defines {', '.join(sorted(taken)[:5])}, which "
            f"{where} defines in {workspace.environment} by now; go back with that one first, or deploy it without"
        )


def _refuse_unknown_pools(connection: Snapshot, workspace: Workspace, wanted: Deployment) -> None:
    known = pool_rows(connection, workspace.project, NOW)
    for entry in defined(connection, workspace.project, wanted.location, wanted.deployment):
        if entry.definition.task.pool and entry.definition.task.pool not in known:
            raise UsageError(f"{entry.definition.key}: {unknown_pool(entry.definition.task.pool, known)}")


def _rolled_back(wanted: Deployment, previous: str, before: Read, after: Read) -> RolledBack:
    """What came of it: which partitions are no longer fresh, and which are again."""
    old_keys, new_keys = ({id_: key for key, id_ in found.view.ids.items()} for found in (before, after))
    stale: dict[AssetKey, str] = {}
    fresh: dict[AssetKey, str] = {}
    for key, assessed in after.assessed.items():
        old = before.assessed.get(old_keys.get(after.view.ids[key], key))
        was = Ordinals() if old is None else old.by_status.get(Status.FRESH, Ordinals())
        now = assessed.by_status.get(Status.FRESH, Ordinals())
        scheme = after.view.catalog[key].partitions
        for told, gone in ((stale, was - now), (fresh, now - was)):
            if gone:
                told[key] = "" if scheme is None else describe(scheme, gone)
    return RolledBack(
        deployment=wanted,
        before=previous,
        stale=stale,
        fresh=fresh,
        dropped=tuple(sorted(key for id_, key in old_keys.items() if id_ not in new_keys)),
        added=tuple(sorted(key for id_, key in new_keys.items() if id_ not in old_keys)),
    )
