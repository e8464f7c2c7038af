"""Deploying a location of the project that this process works in, without any of its code in this process."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from uuid import UUID

from latewood.commands.breaking import broken_readers, broken_references
from latewood.commands.deploying import Deployed, deploy_loaded
from latewood.commands.environments import DEFAULT
from latewood.commands.loading import load_location, named_as, others_of
from latewood.commands.sharing import resolver
from latewood.commands.views import lying_in, refuse_unknown, view_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.location_settings import entries
from latewood.engine.running.recorder import event_id
from latewood.errors import Conflict, NotFound
from latewood.events import TYPE_OF, EnvironmentDeployed, from_json
from latewood.projections.catalog import deployed
from latewood.projections.environments import existing
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion

LOADING_S: Final = 60.0
"""How long the code of a location may take to be imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedApart:
    """What came of it; `broken` says which assets of others cannot be made any more as they are, a line each.

    `repeated`: it was asked for before, and came of it then.
    """

    location: str
    deployed: Deployed
    broken: tuple[str, ...]
    repeated: bool = False


def deploy_here(workspace: Workspace, location: str, *, key: str = "", limit_s: float = LOADING_S) -> DeployedApart:
    """Make the location, as its code stands below the project's root, the environment's deployment of it.

    It is one that the project's file lists, or that is deployed from here: no path that somebody names is loaded. As
    it stands it is one deployment, whoever asks again: nothing more is recorded. With a `key` it is asked for once:
    who asks again with it gets what was deployed then, whatever its code is by now; that is known if something was.
    Raises NotFound for others, DefinitionsInvalid with all problems, VenvFailed, Conflict for another location's key.
    """
    if key and (before := deployed_by(workspace, location, key)) is not None:
        return before
    root = project_root(Path.cwd())
    with snapshot(workspace.log) as connection:
        if workspace.environment != DEFAULT:  # that one comes to be with what is first deployed to it
            known = [each.environment for each in existing(connection, workspace.project, NOW)]
            refuse_unknown(workspace.environment, known)
        there = deployed(connection, workspace.project, workspace.environment, NOW)
    here = sorted({*entries(root), *lying_in(root, there)})
    if location not in here:
        near = get_close_matches(location, here, n=3) or here[:5]
        raise NotFound("location", f'no location "{location}" here; there is {", ".join(near) or "none"}')
    others = others_of(workspace, root, [location])
    resolve = resolver(workspace, location)
    loaded = load_location(workspace, named_as(root, location), root, others, resolve, limit_s=limit_s)
    try:
        done = deploy_loaded(workspace, loaded, asked=_asked(workspace, key) if key else None)
    except (WrongExpectedVersion, EventConflict):
        if not key or (before := deployed_by(workspace, location, key)) is None:
            raise
        return before
    view = view_of(workspace, loaded=loaded, ids=done.ids)
    broken = (*broken_readers(view, location), *broken_references(view, location, loaded.offered))
    return DeployedApart(location=location, deployed=done, broken=broken)


def deployed_by(workspace: Workspace, location: str, key: str) -> DeployedApart | None:
    """What was asked for by the key before, if something was. Raises Conflict for another location's key."""
    for event in workspace.log.read_ids([_asked(workspace, key)]):
        fact = from_json(event.type, event.data)
        assert isinstance(fact, EnvironmentDeployed), "the id says so"
        if fact.location != location:
            raise Conflict(f'key "{key}": {fact.location} was deployed by it; take another key')
        done = Deployed(deployment=fact.deployment, ids={}, before=fact.previous)
        return DeployedApart(location=location, deployed=done, broken=(), repeated=True)
    return None


def _asked(workspace: Workspace, key: str) -> UUID:
    stream = f"environment/{workspace.environment}"
    return event_id(workspace.project, stream, TYPE_OF[EnvironmentDeployed], "asked", key)
