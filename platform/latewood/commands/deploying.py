"""Deploying a location: its definitions and source become a deployment of the environment, or would."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from latewood.commands.deployed_code import put_back
from latewood.commands.pools import STREAM as POOLS
from latewood.commands.pools import unknown_pool
from latewood.commands.workspace import Workspace
from latewood.decide.deploy import (
    Base,
    Snapshot,
    asset_ids,
    current_names,
    deploy,
    dropped_keys,
    identified,
    known_ids,
    snapshot_of,
)
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.naming import defined_elsewhere
from latewood.engine.loading.problems import Problems
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.archives import EXTENSION, packed, source_name
from latewood.engine.storage.store import address_of
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import EnvironmentDeployed, Event, ResourceConfigured
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.automations import automations_of
from latewood.projections.catalog import Defined, defined, deployed, deployment, ids_of, locations_of
from latewood.projections.configurations import Configuration, configured_along
from latewood.projections.environments import line_of
from latewood.projections.launchables import launchables_of
from latewood.projections.pools import pool_rows
from latewood.projections.renames import renames
from latewood.projections.snapshots import Snapshot as Connection
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.tasks import Offered, tasks_of
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, StreamAppend

_LOCK: Final = "lock"
"""Extension of lock files in the store."""

CORRECTIONS: Final = "corrections"
"""The stream of what was retracted or renamed: a deployment is decided anew when somebody renames meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What the environment has of the location now, which assets it no longer has, and which it had not before.

    `before` is the deployment that it had.
    """

    deployment: str
    ids: Mapping[AssetKey, AssetId]
    dropped: tuple[AssetKey, ...] = ()
    added: tuple[AssetKey, ...] = ()
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What deploying comes to: the definitions against what the environment has of their location, and their ids.

    `known`: this very deployment was recorded before, here or in another environment. `configured` is what resources
    are configured to otherwise than the environment has it.
    """

    new: Snapshot
    base: Base
    ids: Mapping[AssetKey, AssetId]
    known: bool
    configured: Sequence[Event] = ()

    @property
    def is_deployed(self) -> bool:
        """True where deploying would change nothing."""
        return self.new.deployment == self.base.deployment and not self.configured

    @property
    def defines_otherwise(self) -> bool:
        """Whether any asset is other than the environment has it."""
        return self.new.deployment != self.base.deployment and self.new.digests != self.base.digests

    @property
    def deployed(self) -> Deployed:
        """What the environment has once it is deployed."""
        dropped = tuple(sorted(dropped_keys(self.base, self.ids)))
        had = set(self.base.ids.values())
        return Deployed(
            deployment=self.new.deployment,
            ids=self.ids,
            dropped=dropped,
            added=tuple(key for key, id_ in self.ids.items() if id_ not in had),
            before=self.base.deployment,
        )


def foresee(connection: Connection, workspace: Workspace, loaded: Loaded) -> Foreseen:
    """What deploying what was loaded, and what is besides, would come to for its own location; nothing is recorded.

    Raises DefinitionsInvalid for keys that another location of the environment defines.
    """
    return _foresee(connection, workspace, loaded, _snapshot_of(loaded))


def is_new(workspace: Workspace, loaded: Loaded) -> bool:
    """Whether the environment has no deployment of the location yet, under whatever name."""
    with snapshot(workspace.log) as connection:
        there = deployed(connection, workspace.project, workspace.environment, NOW)
    return there.keys().isdisjoint({loaded.location, *loaded.settings.former})


def deploy_loaded(workspace: Workspace, loaded: Loaded, *, asked: UUID | None = None) -> Deployed:
    """Make what was loaded the environment's deployment of its location; nothing is recorded if it is already.

    What its resources are configured to is recorded with it, as far as that is new. Where its source had gone from the
    store it is put back.

    Races with another deployer: whoever comes second decides again on what the first has recorded.
    Raises DefinitionsInvalid for keys that another location has come to define since this one was loaded. Where it is
    `asked` for by that id, its event has it: WrongExpectedVersion or EventConflict, if another one has it already.
    """
    (deployed,) = deploy_together(workspace, [loaded], asked=asked)
    return deployed


def deploy_together(workspace: Workspace, loaded: Sequence[Loaded], *, asked: UUID | None = None) -> list[Deployed]:
    """The same of several locations, in one append: all of them are deployed, or none is.

    Raises UsageError too, where one refers to another one's task as it would have been deployed when that was loaded,
    and it would be deployed otherwise by now.
    """
    assert all(not each.configurations or each.environment == workspace.environment for each in loaded), (
        "configured for another environment"
    )
    for each in loaded:
        _store_lock(workspace, each.settings.lock)
    together = [*loaded, *_formers(workspace, loaded)]
    new = [_snapshot_of(each) for each in together]
    while True:
        try:
            return _try_deploy(workspace, list(each_besides_others(together)), new, asked)[: len(loaded)]
        except (WrongExpectedVersion, EventConflict):
            if asked is not None and workspace.log.read_ids([asked]):
                raise


def _formers(workspace: Workspace, loaded: Sequence[Loaded]) -> Iterator[Loaded]:
    """What is deployed under the file's name of locations that have got another one: nothing is left of it there."""
    with snapshot(workspace.log) as connection:
        there = deployed(connection, workspace.project, workspace.environment, NOW)
    for each in loaded:
        for name in each.settings.former & there.keys():
            yield _nothing_of(workspace, name, each.root)


def _nothing_of(workspace: Workspace, location: str, root: Path) -> Loaded:
    return Loaded(
        location=location, root=root, assets=(), sources={}, tasks={}, checks={}, environment=workspace.environment
    )


def retire(workspace: Workspace, location: str, root: Path) -> Deployed:
    """Make nothing the environment's deployment of a location: no code is looked at, and versions stay."""
    return deploy_loaded(workspace, _nothing_of(workspace, location, root))


def is_retired(workspace: Workspace, location: str, deployment: str) -> bool:
    """Whether nothing is what is deployed of it."""
    return _snapshot_of(_nothing_of(workspace, location, Path())).deployment == deployment


def each_besides_others(loaded: Sequence[Loaded]) -> Iterator[Loaded]:
    """Each with all others besides it."""
    for each in loaded:
        yield replace(each, besides=tuple(other for other in loaded if other is not each))


def tasks_offered(connection: Connection, workspace: Workspace, loaded: Loaded) -> list[Offered]:
    """The tasks that others may refer to once this is deployed, in order of names; nothing is recorded."""
    new, _ = _identified(connection, workspace, loaded, _snapshot_of(loaded))
    return [
        Offered(loaded.location, new.deployment, new.task_digests[task.name], task)
        for task in sorted(new.tasks, key=lambda task: task.name)
    ]


def _store_lock(workspace: Workspace, lock: bytes | None) -> None:
    """Keep a lock file in the store, where it is as long as deployments name it."""
    if lock is not None:
        workspace.store.commit([workspace.store.stage(lock, _LOCK)])


def _snapshot_of(loaded: Loaded) -> Snapshot:
    lock = loaded.settings.lock
    source, launchables, offered = source_name(loaded.sources), loaded.launchables, loaded.offered
    new = snapshot_of(loaded.location, loaded.assets, source, launchables, offered, loaded.automations)
    return replace(
        new,
        python=loaded.settings.python,
        lock="" if lock is None else address_of(lock, _LOCK),
        entry=loaded.settings.entry,
        directory=loaded.settings.directory,
        variables=loaded.settings.variables,
    )


def _try_deploy(
    workspace: Workspace, loaded: Sequence[Loaded], new: Sequence[Snapshot], asked: UUID | None
) -> list[Deployed]:
    project, environment = workspace.project, workspace.environment
    streams = [f"location/{each.location}" for each in loaded]
    # Read before the snapshot: an append that the snapshot does not show makes ours refused.
    versions = workspace.log.versions(project, (*streams, f"environment/{environment}", CORRECTIONS, POOLS))
    with snapshot(workspace.log) as connection:
        foreseen = [_foresee(connection, workspace, *pair) for pair in zip(loaded, new, strict=True)]
    _refuse_others(foreseen)
    for each, found in zip(loaded, foreseen, strict=True):
        if found.known:
            put_back(workspace, found.new.deployment, partial(packed, each.sources))
    if all(found.is_deployed for found in foreseen):
        return [found.deployed for found in foreseen]
    at = workspace.clock()
    appends: list[StreamAppend] = []
    names: list[str] = []
    told: list[Event] = []
    for each, found, stream, version in zip(loaded, foreseen, streams, versions, strict=False):
        if found.is_deployed:
            continue
        defining, pointing = deploy(
            found.new if found.known else _archived(workspace, each, found.new),
            found.base,
            found.ids,
            environment,
            known=found.known,
        )
        name = found.new.deployment, found.base.deployment
        appends.append(_append(workspace, stream, version, defining, (*name, version), at))
        names += name
        told += [*found.configured, *pointing]
    pointed, corrected, pooled = versions[len(streams) :]
    pointing_there = _append(workspace, f"environment/{environment}", pointed, told, (*names, pointed), at)
    appends.append(pointing_there if asked is None else _asked_for(pointing_there, told, loaded[0].location, asked))
    appends.append(_append(workspace, CORRECTIONS, corrected, (), (), at))
    if any(asset.task.pool for found in foreseen for asset in found.new.assets):
        appends.append(_append(workspace, POOLS, pooled, (), (), at))
    workspace.log.append(Batch(appends=tuple(appends)))
    return [found.deployed for found in foreseen]


def _asked_for(append: StreamAppend, facts: Sequence[Event], location: str, asked: UUID) -> StreamAppend:
    """The same, where the event that deploys this location has this id; what stood under its former name has none."""
    events = tuple(
        replace(event, event_id=asked) if isinstance(fact, EnvironmentDeployed) and fact.location == location else event
        for event, fact in zip(append.events, facts, strict=True)
    )
    return replace(append, events=events)


def _refuse_others(foreseen: Sequence[Foreseen]) -> None:
    """No deployment refers to one that never is: somebody may have renamed an asset since the tasks were looked up."""
    deployments = {found.new.location: found.new.deployment for found in foreseen}
    for found in foreseen:
        for asset in found.new.assets:
            source = asset.task.shared
            if source is None or source.project or source.version:
                continue
            if deployments.get(source.location, source.deployment) != source.deployment:
                raise UsageError(
                    f"{source} has become another one since {found.new.location} was loaded; nothing was deployed: "
                    "do it again"
                )


def _archived(workspace: Workspace, loaded: Loaded, new: Snapshot) -> Snapshot:
    """The snapshot with its source in the store."""
    staged = workspace.store.stage(packed(loaded.sources), EXTENSION)
    workspace.store.commit([staged])
    return replace(new, archive=staged.address, paths=loaded.paths)


def _foresee(connection: Connection, workspace: Workspace, loaded: Loaded, new: Snapshot) -> Foreseen:
    project = workspace.project
    others = deployed(connection, project, workspace.environment, NOW)
    current = others.pop(loaded.location, "")
    for name in (*(other.location for other in loaded.besides), *loaded.settings.former):
        others.pop(name, None)
    new, ids = _identified(connection, workspace, loaded, new)
    had = configured_along(connection, project, line_of(connection, project, workspace.environment, NOW))
    configured = _configured(loaded, workspace.environment, had)
    if current == new.deployment and not configured:
        return Foreseen(new=new, base=Base(deployment=current), ids=ids, known=True)
    besides = {asset.key for other in loaded.besides for asset in other.assets}
    _refuse_duplicates(loaded, besides.union(locations_of(connection, project, others)))
    _refuse_unknown_pools(connection, project, loaded)
    assets: Sequence[Defined] = defined(connection, project, loaded.location, current) if current else ()
    own = {loaded.location: current} if current else {}
    launchables, tasks = launchables_of(connection, project, own), tasks_of(connection, project, own)
    base = Base(
        deployment=current,
        digests={d.definition.key: d.digest for d in assets},
        ids={d.definition.key: d.asset for d in assets},
        launchables={name: digest for name, ((_, digest, _),) in launchables.items()},
        tasks={offered.task.name: offered.digest for offered in tasks},
        automations={name: found.digest for (_, name), found in automations_of(connection, project, own).items()},
    )
    known = deployment(connection, project, new.deployment) is not None
    return Foreseen(new=new, base=base, ids=ids, known=known, configured=configured)


def _identified(
    connection: Connection, workspace: Workspace, loaded: Loaded, new: Snapshot
) -> tuple[Snapshot, dict[AssetKey, AssetId]]:
    """The snapshot as of the assets that its keys stand for, and their ids."""
    project, keys = workspace.project, [asset.key for asset in loaded.assets]
    renamed = renames(connection, project, NOW)
    standing = known_ids(keys, ids_of(connection, project, keys), renamed)
    ids = asset_ids(keys, standing, {**{id_: key for key, id_ in standing.items()}, **current_names(renamed)})
    return (identified(new, ids) if renamed else new), ids


def _configured(loaded: Loaded, environment: str, had: Mapping[tuple[str, str], Configuration]) -> list[Event]:
    """What the location's resources are configured to, where that is not what the environment has already."""
    return [
        ResourceConfigured(
            environment=environment,
            location=loaded.location,
            resource=name,
            digest=found.digest,
            values=found.values,
            secrets=found.secrets,
        )
        for name, found in sorted(loaded.configurations.items())
        if (loaded.location, name) not in had or had[loaded.location, name].digest != found.digest
    ]


def _refuse_duplicates(loaded: Loaded, others: Collection[AssetKey]) -> None:
    problems = Problems(loaded.root)
    for asset in loaded.assets:
        if asset.key in others:
            problems.at(loaded.places[asset.key], defined_elsewhere(asset.key))
    if problems.found:
        raise DefinitionsInvalid(tuple(problems.found))


def _refuse_unknown_pools(connection: Connection, project: str, loaded: Loaded) -> None:
    named = [asset for asset in loaded.assets if asset.task.pool]
    if not named:
        return
    known = pool_rows(connection, project, NOW)
    problems = Problems(loaded.root)
    for asset in named:
        if asset.task.pool not in known:
            problems.at(loaded.places[asset.key], f'"{asset.key}": {unknown_pool(asset.task.pool, known)}')
    if problems.found:
        raise DefinitionsInvalid(tuple(problems.found))


def _append(
    workspace: Workspace, stream: str, version: int, facts: Sequence[Event], name: Sequence[object], at: datetime
) -> StreamAppend:
    project, actor = workspace.project, workspace.actor
    events = tuple(
        new_event(fact, project=project, stream=stream, name=(*name, number), at=at, actor=actor)
        for number, fact in enumerate(facts)
    )
    return StreamAppend(project=project, stream=stream, events=events, expected=version)
