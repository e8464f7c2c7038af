"""`latewood tasks`, and granting their use to other projects: `grant`, `revoke`, `grants`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, print_json, short, table
from latewood.commands.granting import Change, Usable, grant, list_granted, list_usable, list_versions, revoke
from latewood.commands.views import moment_meant


def tasks_command(*, task: str | None, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """The tasks that may be referred to; of one that is named every version."""
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    found = list_usable(workspace, at) if task is None else list_versions(workspace, task, at)
    return show_tasks(found, workspace.environment, json_=json_)


def show_tasks(found: Sequence[Usable], environment: str, *, json_: bool) -> int:
    """Print them; exit code."""
    if json_:
        print_json({"tasks": [asdict(usable) for usable in found]})
        return exits.OK
    shown = table("task", "project", "version", "deployment", "deployed", "description", spare=("description",))
    for usable in found:
        shown.add_row(*_row(usable))
    console().print(shown if found else f"No tasks are deployed in {environment}, and none is granted.")
    return exits.OK


def _row(usable: Usable) -> tuple[str, ...]:
    description = usable.description.partition("\n")[0]
    return (
        usable.task,
        usable.project,
        usable.version[:12],
        usable.deployment,
        moment(usable.since),
        short(description, 60),
    )


def grant_command(*, task: str, project: str, version: str, environment: str | None, json_: bool) -> int:
    """`latewood grant`."""
    workspace = open_workspace(environment=environment)
    return _print(grant(workspace, task, to=project, version=version), workspace.project, json_=json_)


def revoke_command(*, task: str, project: str, environment: str | None, json_: bool) -> int:
    """`latewood revoke`."""
    done = revoke(open_workspace(environment=environment), task, of=project)
    if json_:
        print_json(asdict(done))
    elif done.position is None:
        console().print(f"Somebody else has revoked it meanwhile: project {project} may not run {task}.")
    else:
        console().print(
            f"Project {project} may not run {task} from position {done.position:,} on. What it made by it stays."
        )
    return exits.OK


def _print(done: Change, owner: str, *, json_: bool) -> int:
    if json_:
        print_json(asdict(done))
        return exits.OK
    version = f"{done.task} in version {done.version[:12]}, deployment {done.deployment}"
    if done.position is None:
        console().print(f"Project {done.project} may run {version} already; nothing is recorded.")
    else:
        console().print(
            f"Project {done.project} may run {version}, from position {done.position:,} on.\n"
            f'  There: task_ref("{done.task}", project="{owner}")'
        )
    return exits.OK


def grants_command(*, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """What is granted to others, and by others."""
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    granted = list_granted(workspace, at)
    received = [usable for usable in list_usable(workspace, at) if usable.project]
    if json_:
        print_json(
            {
                "granted": [found._asdict() for found in granted],
                "received": [asdict(usable) for usable in received],
            }
        )
        return exits.OK
    shown = table("task", "project", "version", "deployment", "since", "")
    for found in granted:
        state = "" if found.revoked is None else f"revoked, event {found.revoked:,}"
        task, since = f"{found.location}:{found.name}", moment(found.granted_at)
        shown.add_row(task, f"to {found.grantee}", found.version[:12], found.deployment, since, state)
    for usable in received:
        since = moment(usable.since)
        shown.add_row(usable.task, f"by {usable.project}", usable.version[:12], usable.deployment, since, "")
    console().print(shown if shown.row_count else "Nothing is granted to other projects or by them.")
    return exits.OK
