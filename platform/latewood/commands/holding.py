"""Recording a decision that read more than a stream: it holds while nobody moves what it was read from."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from latewood.commands.workspace import Workspace
from latewood.events import (
    ArtifactsCollected,
    AssetObserved,
    AssetRenamed,
    EnvironmentCreated,
    EnvironmentDeployed,
    EnvironmentDropped,
    EnvironmentPromoted,
    HeadsMoved,
    ParameterPinned,
    ParameterUnpinned,
    ResourceConfigured,
    RetractionUndone,
    StepReused,
    StepSucceeded,
    VersionAccepted,
    VersionsRetracted,
)
from latewood.model.keys import AssetId
from latewood.projections.columns import event_of
from latewood_eventlog.errors import EventConflict, LogMoved
from latewood_eventlog.log import READ_LIMIT
from latewood_eventlog.records import Appended, Batch, Position, RecordedEvent, StreamAppend

OVERTAKEN: Final = (LogMoved, EventConflict)
"""Somebody moved what was decided on, or recorded something else that was decided on the same: decide again."""

ATTEMPTS: Final = 50
"""How often something is decided anew before its caller gives up."""

_TRIES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision was read from: heads, pins, deployments and configurations as of a position.

    Of these environments and assets; None = of all.
    """

    position: Position
    environments: Collection[str] | None = None
    assets: Collection[AssetId] | None = None


def append_decided(workspace: Workspace, append: StreamAppend, basis: Basis) -> Appended:
    """Record what was decided, wherever the log ends by now, unless somebody has moved what it was decided on.

    Raises one of OVERTAKEN when somebody has: decide again. Cost: two round trips, and a few more for each time that
    others wrote in between; nothing else is done between a look and the next try, so that a busy log lets one through.
    """
    at = basis.position
    for _ in range(_TRIES):
        try:
            return workspace.log.append(Batch(appends=(append,), at=at))
        except LogMoved as moved:
            refused = moved
        while since := workspace.log.read_all(after=at):
            if any(_moves(event, workspace.project, basis) for event in since):
                raise refused
            at = since[-1].position
            if len(since) < READ_LIMIT:
                break
    raise refused


def _moves(event: RecordedEvent, project: str, basis: Basis) -> bool:
    """Whether the event may change what the decision read."""
    if event.project != project:
        return False
    environment, assets = "", set[AssetId]()
    match event_of(event):
        case StepSucceeded() | StepReused() as fact:
            environment, assets = fact.environment, {output.asset for output in fact.outputs}
        case VersionAccepted() | AssetObserved() as fact:
            environment, assets = fact.environment, {fact.asset}
        case HeadsMoved() as fact:
            environment, assets = fact.environment, set(fact.moves)
        case EnvironmentPromoted() as fact:
            environment, assets = fact.environment, set(fact.assets)
        case ParameterPinned() | ParameterUnpinned() as fact:
            environment, assets = fact.environment, {fact.asset}
        case EnvironmentCreated() | EnvironmentDropped() | EnvironmentDeployed() | ResourceConfigured() as fact:
            environment = fact.environment
        case VersionsRetracted() | RetractionUndone() | AssetRenamed() | ArtifactsCollected():
            return True
        case _:
            return False
    here = basis.environments is None or environment in basis.environments
    # Without assets it is about all of them.
    return here and (basis.assets is None or not assets or not assets.isdisjoint(basis.assets))
