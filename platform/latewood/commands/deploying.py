"""Deploying a location: its definitions and source become a deployment of the environment, or would."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

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
from latewood.engine.loading.loader import Loaded
from latewood.engine.loading.naming import defined_elsewhere
from latewood.engine.loading.problems import Problems
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.archives import EXTENSION, packed, source_name
from latewood.engine.storage.store import address_of
from latewood.errors import DefinitionsInvalid
from latewood.events import Event, ResourceConfigured
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.automations import automations_of
from latewood.projections.catalog import Defined, defined, deployed, deployment, ids_of, locations_of
from latewood.projections.configurations import Configuration, configured_along
from latewood.projections.environments import line_of
from latewood.projections.launchables import launchables_of
from latewood.projections.renames import renames
from latewood.projections.snapshots import Snapshot as Connection
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.tasks import tasks_of
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


def deploy_loaded(workspace: Workspace, loaded: Loaded) -> Deployed:
    """Make what was loaded the environment's deployment of its location; nothing is recorded if it is already.

    What its resources are configured to is recorded with it, as far as that is new.

    Races with another deployer: whoever comes second decides again on what the first has recorded.
    Raises DefinitionsInvalid for keys that another location has come to define since this one was loaded.
    """
    assert not loaded.resources or loaded.environment == workspace.environment, "configured for another environment"
    _store_lock(workspace, loaded.settings.lock)
    new = _snapshot_of(loaded)
    while True:
        try:
            return _try_deploy(workspace, loaded, new)
        except (WrongExpectedVersion, EventConflict):
            continue


def _store_lock(workspace: Workspace, lock: bytes | None) -> None:
    """Keep a lock file in the store, where it is as long as deployments name it."""
    if lock is not None:
        workspace.store.commit([workspace.store.stage(lock, _LOCK)])


def _snapshot_of(loaded: Loaded) -> Snapshot:
    lock = loaded.settings.lock
    source, launchables, offered = source_name(loaded.sources), loaded.launchables, loaded.offered
    new = snapshot_of(loaded.location, loaded.assets, source, launchables, offered, loaded.automations)
    return replace(new, python=loaded.settings.python, lock="" if lock is None else address_of(lock, _LOCK))


def _try_deploy(workspace: Workspace, loaded: Loaded, new: Snapshot) -> Deployed:
    project, environment = workspace.project, workspace.environment
    streams = (f"location/{loaded.location}", f"environment/{environment}", CORRECTIONS)
    # Read before the snapshot: an append that the snapshot does not show makes ours refused.
    versions = workspace.log.versions(project, streams)
    with snapshot(workspace.log) as connection:
        foreseen = _foresee(connection, workspace, loaded, new)
    if foreseen.is_deployed:
        return foreseen.deployed
    new, base = foreseen.new, foreseen.base
    if not foreseen.known:
        staged = workspace.store.stage(packed(loaded.sources), EXTENSION)
        workspace.store.commit([staged])
        new = replace(new, archive=staged.address, paths=loaded.paths)
    defining, pointing = deploy(new, base, foreseen.ids, environment, known=foreseen.known)
    facts = (defining, [*foreseen.configured, *pointing], ())
    at = workspace.clock()
    appends = tuple(
        _append(workspace, stream, version, told, (new.deployment, base.deployment, version), at)
        for stream, version, told in zip(streams, versions, facts, strict=True)
    )
    workspace.log.append(Batch(appends=appends))
    return foreseen.deployed


def _foresee(connection: Connection, workspace: Workspace, loaded: Loaded, new: Snapshot) -> Foreseen:
    project, keys = workspace.project, [asset.key for asset in loaded.assets]
    others = deployed(connection, project, workspace.environment, NOW)
    current = others.pop(loaded.location, "")
    for other in loaded.besides:
        others.pop(other.location, None)
    renamed = renames(connection, project, NOW)
    standing = known_ids(keys, ids_of(connection, project, keys), renamed)
    ids = asset_ids(keys, standing, {**{id_: key for key, id_ in standing.items()}, **current_names(renamed)})
    new = identified(new, ids) if renamed else new
    had = configured_along(connection, project, line_of(connection, project, workspace.environment, NOW))
    configured = _configured(loaded, workspace.environment, had)
    if current == new.deployment and not configured:
        return Foreseen(new=new, base=Base(deployment=current), ids=ids, known=True)
    _refuse_duplicates(loaded, locations_of(connection, project, others))
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
        for name, found in sorted(loaded.resources.items())
        if (loaded.location, name) not in had or had[loaded.location, name].digest != found.digest
    ]


def _refuse_duplicates(loaded: Loaded, others: Container[AssetKey]) -> None:
    problems = Problems(loaded.root)
    for asset in loaded.assets:
        if asset.key in others:
            problems.at(loaded.places[asset.key], defined_elsewhere(asset.key))
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
