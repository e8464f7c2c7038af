"""Deploying a location: its definitions and source become a deployment of the environment."""

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
from latewood.engine.archives import EXTENSION, packed, source_name
from latewood.engine.loader import Loaded
from latewood.engine.naming import defined_elsewhere
from latewood.engine.problems import Problems
from latewood.engine.recorder import new_event
from latewood.errors import DefinitionsInvalid
from latewood.events import Event
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.catalog import Defined, defined, deployed, deployment, ids_of, locations_of
from latewood.projections.launchables import launchables_of
from latewood.projections.renames import renames
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, StreamAppend

CORRECTIONS: Final = "corrections"
"""The stream of what was retracted or renamed: a deployment is decided anew when somebody renames meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What the environment has of the location now, and which assets it no longer has."""

    deployment: str
    ids: Mapping[AssetKey, AssetId]
    dropped: tuple[AssetKey, ...] = ()


def deploy_loaded(workspace: Workspace, loaded: Loaded) -> Deployed:
    """Make what was loaded the environment's deployment of its location; nothing is recorded if it is already.

    Races with another deployer: whoever comes second decides again on what the first has recorded.
    Raises DefinitionsInvalid for keys that another location has come to define since this one was loaded.
    """
    source = source_name(loaded.sources)
    new = snapshot_of(loaded.location, loaded.assets, source, loaded.launchables)
    new = replace(new, python=loaded.settings.python, lock=_stored_lock(workspace, loaded.settings.lock))
    while True:
        try:
            return _try_deploy(workspace, loaded, new)
        except (WrongExpectedVersion, EventConflict):
            continue


def _stored_lock(workspace: Workspace, lock: bytes | None) -> str:
    """The address of a lock file in the store, where it is as long as deployments name it; empty for none."""
    if lock is None:
        return ""
    staged = workspace.store.stage(lock, "lock")
    workspace.store.commit([staged])
    return staged.address


def _try_deploy(workspace: Workspace, loaded: Loaded, new: Snapshot) -> Deployed:
    project, environment = workspace.project, workspace.environment
    keys = [asset.key for asset in loaded.assets]
    streams = (f"location/{loaded.location}", f"environment/{environment}", CORRECTIONS)
    # Read before the snapshot: an append that the snapshot does not show makes ours refused.
    versions = [workspace.log.version(project, stream) for stream in streams]
    with snapshot(workspace.log) as connection:
        others = deployed(connection, project, environment, NOW)
        current = others.pop(loaded.location, "")
        renamed = renames(connection, project, NOW)
        standing = known_ids(keys, ids_of(connection, project, keys), renamed)
        ids = asset_ids(keys, standing, {**{id_: key for key, id_ in standing.items()}, **current_names(renamed)})
        new = identified(new, ids) if renamed else new
        if current == new.deployment:
            return Deployed(deployment=current, ids=ids)
        _refuse_duplicates(loaded, locations_of(connection, project, others))
        assets: Sequence[Defined] = defined(connection, project, loaded.location, current) if current else ()
        launchables = launchables_of(connection, project, {loaded.location: current} if current else {})
        known = deployment(connection, project, new.deployment) is not None
    base = Base(
        deployment=current,
        digests={d.definition.key: d.digest for d in assets},
        ids={d.definition.key: d.asset for d in assets},
        launchables={name: digest for name, ((_, digest, _),) in launchables.items()},
    )
    if not known:
        staged = workspace.store.stage(packed(loaded.sources), EXTENSION)
        workspace.store.commit([staged])
        new = replace(new, archive=staged.address, paths=loaded.paths)
    facts = (*deploy(new, base, ids, environment, known=known), ())
    at = workspace.clock()
    appends = tuple(
        _append(workspace, stream, version, told, (new.deployment, current, version), at)
        for stream, version, told in zip(streams, versions, facts, strict=True)
    )
    workspace.log.append(Batch(appends=appends))
    return Deployed(deployment=new.deployment, ids=ids, dropped=tuple(sorted(dropped_keys(base, ids))))


def _refuse_duplicates(loaded: Loaded, others: Container[AssetKey]) -> None:
    problems = Problems(loaded.root)
    for asset in loaded.assets:
        if asset.key in others:
            problems.add(loaded.tasks[asset.key].function, defined_elsewhere(asset.key))
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
