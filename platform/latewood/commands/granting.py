"""Granting other projects the use of a task, and taking it back; and which tasks there are to use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from latewood.commands.deployed_code import created_as
from latewood.commands.sharing import offered_task
from latewood.commands.views import PRESENT, AsOf
from latewood.commands.workspace import Workspace, checked_name
from latewood.decide.deploy import definition_pieces
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.engine.storage.sweeping import in_use
from latewood.errors import DefinitionError, UsageError
from latewood.events import Event, GrantRevoked, TaskGranted, TaskReceived, TaskWithdrawn
from latewood.model.definitions import definition_digest
from latewood.projections.catalog import deployed, deployment
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.tasks import (
    Granted,
    Offered,
    granted_tasks,
    projects,
    received_tasks,
    task_versions,
    tasks_of,
)
from latewood.sharing import Reference
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, Position, StreamAppend

_STREAM: Final = "grants"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was granted or revoked; `position` is None where it had been already, and nothing is recorded."""

    task: str
    project: str
    deployment: str
    version: str
    position: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """A task that may be referred to: as it is deployed here now, or as another project granted it."""

    task: str
    project: str
    version: str
    deployment: str
    since: datetime
    description: str


def referred(text: str, version: str = "") -> Reference:
    """The reference that `LOCATION:TASK` says. Raises UsageError."""
    location, _, name = text.partition(":")
    if not (location and name):
        raise UsageError(f'task "{text}": expected LOCATION:TASK as in "flights/assets.py:scale"')
    return Reference(location=location, name=name, version=version)


def grant(workspace: Workspace, named: str, *, to: str, version: str = "") -> Change:
    """Let another project use a task of this one, as it is deployed in the environment now, or in that version.

    All that it takes is given at once: the task's definition into the other project's log, with the same append, and
    its source and lock file into its store. Nothing else of this project can be read there.
    Raises UsageError for a task that there is not, or that asks for resources: those are this project's own; and for a
    project that is called almost like others and has recorded nothing yet.
    """
    checked_name("project", to)
    if to == workspace.project:
        raise UsageError(f"{to} is this project, which may use its tasks anyway")
    _refuse_misspelt(workspace, to)
    reference = referred(named, version)
    offered = _offered(workspace, reference)
    if uses := sorted({use.resource for use in offered.task.task.uses}):
        raise UsageError(
            f"{reference} asks for {', '.join(uses)}, configured in project {workspace.project} and nowhere else; only "
            "tasks without resources can be granted"
        )
    store = ArtifactStore(workspace.store.directory.parent, to)

    def decided() -> tuple[list[Event], list[Event]]:
        if any(_is(found, reference, to) and found.deployment == offered.deployment for found in _granted(workspace)):
            return [], []
        granted = TaskGranted(
            to=to,
            location=offered.location,
            name=offered.task.name,
            deployment=offered.deployment,
            version=offered.task.task.code.version,
        )
        return [granted], list(received)

    with in_use(store):  # what is put there is not removed before it is said that it is needed
        received = _received(workspace, offered, store)
        position = _record(workspace, to, decided)
    return Change(
        task=str(reference),
        project=to,
        deployment=offered.deployment,
        version=offered.task.task.code.version,
        position=position,
    )


def revoke(workspace: Workspace, named: str, *, of: str) -> Change:
    """Take the use of a task back, in all versions; what the other project made by it stays. Raises UsageError."""
    reference = referred(named)
    standing = [found for found in _granted(workspace) if _is(found, reference, of)]
    if not standing:
        others = ", ".join(f"{found.location}:{found.name} to {found.grantee}" for found in _granted(workspace))
        raise UsageError(f"{reference} is not granted to project {of}; granted are: {others or 'none'}")

    def decided() -> tuple[list[Event], list[Event]]:
        if not any(_is(found, reference, of) for found in _granted(workspace)):
            return [], []  # somebody else was faster
        place = {"location": reference.location, "name": reference.name}
        return [GrantRevoked(to=of, **place)], [TaskWithdrawn(project=workspace.project, **place)]

    position = _record(workspace, of, decided)
    newest = standing[0]
    return Change(
        task=str(reference), project=of, deployment=newest.deployment, version=newest.version, position=position
    )


def list_granted(workspace: Workspace, as_of: AsOf = PRESENT) -> list[Granted]:
    """What this project grants to others, and what it granted once."""
    with snapshot(workspace.log) as connection:
        return granted_tasks(connection, workspace.project, as_of.position)


def list_usable(workspace: Workspace, as_of: AsOf = PRESENT) -> list[Usable]:
    """The tasks that are deployed in the environment, and those of other projects that are granted to this one."""
    with snapshot(workspace.log) as connection:
        deployments = deployed(connection, workspace.project, workspace.environment, as_of.position)
        own = tasks_of(connection, workspace.project, deployments)
        since = {name: _created_at(connection, workspace, name) for name in deployments.values()}
        received = received_tasks(connection, workspace.project, as_of.position)
    usable = [_usable(offered, "", since[offered.deployment]) for offered in own]
    return sorted(usable, key=lambda found: found.task) + [_usable(r.offered, r.owner, r.at) for r in received]


def list_versions(workspace: Workspace, named: str, as_of: AsOf = PRESENT) -> list[Usable]:
    """Every version of a task that was ever deployed, newest first. Raises UsageError for one that there is not."""
    reference = referred(named)
    with snapshot(workspace.log) as connection:
        versions = task_versions(connection, workspace.project, reference.location, reference.name, as_of.position)
    if not versions and as_of.position < NOW:
        raise UsageError(f"{reference}: no task was called so at position {as_of.position:,}")
    if not versions:
        _offered(workspace, reference)  # says what there is
    return [_usable(offering.offered, "", offering.at) for offering in versions]


def _created_at(connection: Snapshot, workspace: Workspace, name: str) -> datetime:
    found = deployment(connection, workspace.project, name)
    assert found is not None, "an environment points to it"
    return found.created_at


def _usable(offered: Offered, project: str, since: datetime) -> Usable:
    return Usable(
        task=f"{offered.location}:{offered.task.name}",
        project=project,
        version=offered.task.task.code.version,
        deployment=offered.deployment,
        since=since,
        description=offered.task.description,
    )


def _offered(workspace: Workspace, reference: Reference) -> Offered:
    try:
        with snapshot(workspace.log) as connection:
            return offered_task(connection, workspace, reference)
    except DefinitionError as error:
        raise UsageError(error.message) from None


def _granted(workspace: Workspace) -> list[Granted]:
    return [found for found in list_granted(workspace) if found.revoked is None]


def _is(found: Granted, reference: Reference, grantee: str) -> bool:
    return (found.location, found.name, found.grantee) == (reference.location, reference.name, grantee)


def _refuse_misspelt(workspace: Workspace, project: str) -> None:
    """A project may be granted something before it has anything; one that is nearly another is taken for that."""
    with snapshot(workspace.log) as connection:
        known = projects(connection)
    if project in known:
        return
    if near := [name for name in known if name != workspace.project and _is_slip(project, name)]:
        raise UsageError(
            f'no project "{project}" has recorded anything yet; near: {", ".join(near)}. If it is another one, deploy '
            "something there first"
        )


def _is_slip(given: str, meant: str) -> bool:
    """Whether the two differ by a letter or two that are swapped; names of a family differ by words and numbers."""
    steps = SequenceMatcher(None, given, meant, autojunk=False).get_opcodes()
    differing = "".join(given[a:b] + meant[c:d] for kind, a, b, c, d in steps if kind != "equal")
    return len(differing) <= len("ab") and not any(map(str.isdigit, differing))


def _received(workspace: Workspace, offered: Offered, store: ArtifactStore) -> list[TaskReceived]:
    """What the other project is given, once source and lock file are in its store: nothing is promised before.

    There it stands under its digest, so it must be what that says.
    """
    created = created_as(workspace, offered.deployment)
    if definition_digest(offered.task) != offered.digest:
        raise UsageError(
            f"{offered.location}:{offered.task.name}: its definition in the log is not what its digest says; "
            f"deploy {offered.location} again"
        )
    for address in filter(None, (created.archive, created.lock)):
        content = workspace.store.read(ArtifactAddress(address))
        store.commit([store.stage(content, address.partition(".")[2])])
    pieces = definition_pieces(offered.task)
    return [
        TaskReceived(
            project=workspace.project,
            location=offered.location,
            name=offered.task.name,
            deployment=offered.deployment,
            digest=offered.digest,
            definition=piece,
            source=created.source,
            archive=created.archive,
            paths=created.paths,
            lock=created.lock,
            python=created.python,
            entry=created.entry,
            part=part,
            parts=len(pieces),
        )
        for part, piece in enumerate(pieces, start=1)
    ]


def _record(
    workspace: Workspace, other: str, decide: Callable[[], tuple[Sequence[Event], Sequence[Event]]]
) -> Position | None:
    """Record in both projects at once what is decided, on what nobody has changed since; None if that is nothing."""
    while True:
        version = workspace.log.version(workspace.project, _STREAM)
        own, theirs = decide()
        if not own:
            return None
        appends = tuple(
            StreamAppend(
                project=project,
                stream=_STREAM,
                events=tuple(
                    new_event(
                        fact,
                        project=project,
                        stream=_STREAM,
                        name=(workspace.project, other, version, number),
                        at=workspace.clock(),
                        actor=workspace.actor,
                    )
                    for number, fact in enumerate(facts)
                ),
                expected=version if project == workspace.project else None,
            )
            for project, facts in ((workspace.project, own), (other, theirs))
        )
        try:
            return workspace.log.append(Batch(appends=appends)).positions[0]
        except (WrongExpectedVersion, EventConflict):
            continue
