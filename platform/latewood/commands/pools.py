"""Pools and the quota of a project: how many steps run at once, over all engines and inline runs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis, append_decided
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.plan import Plan
from latewood.decide.step_waits import SlotTaken
from latewood.engine.running.slots import limits_now, taken, waiting
from latewood.errors import UsageError
from latewood.events import Event, Executor, PoolRemoved, PoolSet, RunRequested, from_json
from latewood.model.keys import RunId
from latewood.model.policies import QUOTA
from latewood.projections.catalog import defined, deployed
from latewood.projections.environments import existing
from latewood.projections.pools import PoolRow, pool_rows
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import log_position
from latewood_eventlog.errors import WrongExpectedVersion
from latewood_eventlog.records import Position
from latewood_eventlog.tailer import announce

STREAM: Final = "pools"

LIMIT_MAX: Final = 10_000

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_\-]{0,62}")
_NAMED_MAX: Final = 5
"""Tasks that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as it stands: its limit, who has its slots, and the runs that wait for one."""

    name: str
    limit: int
    slots: tuple[SlotTaken, ...] = ()
    waiting: tuple[RunId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The limits before and after, None where there was or is none; `position` is None where nothing was changed."""

    name: str
    before: int | None
    after: int | None
    position: Position | None


def pools(workspace: Workspace) -> list[Pool]:
    """All pools, in order of names, the quota first if there is one."""
    limits, slots = limits_now(workspace.log, workspace.project), taken(workspace.log, workspace.project)
    runs = waiting(workspace.log, workspace.project)
    return [
        Pool(name=name, limit=row.limit, slots=tuple(slots.get(name, ())), waiting=tuple(runs.get(name, ())))
        for name, row in sorted(limits.items())
    ]


def pools_waited_for(workspace: Workspace, run: RunId) -> list[str]:
    """The pools of which a step of the run waits for a slot."""
    return [name for name, runs in waiting(workspace.log, workspace.project).items() if run in runs]


def set_pool(workspace: Workspace, name: str, limit: int) -> Changed:
    """Let at most `limit` steps that take part in the pool run at once; those that run already go on.

    Raises UsageError for what can be no name of a pool, or no limit.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f'pool "{name}": expected 1 to 63 lower-case letters, digits, "_" and "-", beginning with a letter or digit'
        )
    return _changed(workspace, name, limit)


def set_quota(workspace: Workspace, limit: int | None) -> Changed:
    """The same of all steps of the project; None: as many as there are workers."""
    return _changed(workspace, QUOTA, limit)


def remove_pool(workspace: Workspace, name: str) -> Changed:
    """Have no such pool any more.

    Raises UsageError where there is none, and while deployed tasks take part in it, or those of runs that go on.
    """
    return _changed(workspace, name, None)


def _changed(workspace: Workspace, name: str, limit: int | None) -> Changed:
    if limit is not None and not 1 <= limit <= LIMIT_MAX:
        raise UsageError(f"limit {limit:,}: expected 1 to {LIMIT_MAX:,}")
    project = workspace.project
    for _ in range(ATTEMPTS):
        version = workspace.log.version(project, STREAM)
        with snapshot(workspace.log) as connection:
            known, position = pool_rows(connection, project, NOW), log_position(connection)
            if limit is None and name != QUOTA:
                _refuse_unknown(name, known)
                _refuse_named(name, _naming(connection, workspace, name))
        before = known[name].limit if name in known else None
        if before == limit:
            return Changed(name=name, before=before, after=limit, position=None)
        fact: Event = PoolRemoved(name=name) if limit is None else PoolSet(name=name, limit=limit)
        append = append_of(workspace, fact, stream=STREAM, name=(version,), expected=version)
        try:
            # What is deployed meanwhile may take part in it.
            done = append_decided(workspace, append, Basis(position=position, assets=()))
        except (WrongExpectedVersion, *OVERTAKEN):
            continue
        announce(workspace.log.engine)
        return Changed(name=name, before=before, after=limit, position=done.last)
    raise UsageError(f"others deployed or changed pools in each of {ATTEMPTS} attempts; nothing was changed, try again")


def _refuse_unknown(name: str, known: Mapping[str, PoolRow]) -> None:
    if name not in known:
        raise UsageError(unknown_pool(name, known))


def _refuse_named(name: str, naming: Iterable[str]) -> None:
    found = list(naming)
    if found:
        more = f" and {len(found) - _NAMED_MAX:,} more" if found[_NAMED_MAX:] else ""
        raise UsageError(
            f'pool "{name}" is named by {", ".join(found[:_NAMED_MAX])}{more}; '
            "deploy them without it first, let their runs end, or set another limit"
        )


def _naming(connection: Snapshot, workspace: Workspace, name: str) -> Iterator[str]:
    """The assets whose tasks are deployed anywhere with this pool, or run with it, each with its location."""
    project = workspace.project
    there = {
        pair
        for environment in existing(connection, project, NOW)
        for pair in deployed(connection, project, environment.environment, NOW).items()
    }
    going_on = [row for executor in Executor for row in unfinished_runs(connection, project, executor)]
    for event in workspace.log.read_positions([row.requested_position for row in going_on]):
        fact = from_json(event.type, event.data)
        assert isinstance(fact, RunRequested), "the projection says so"
        there.update(fact.deployments.items())
    found: dict[str, None] = {}
    for location, deployment in sorted(there):
        for each in defined(connection, project, location, deployment):
            if each.definition.task.pool == name:
                found[f"{each.definition.key} of {location}"] = None
    return iter(found)


def unknown_pool(name: str, known: Iterable[str]) -> str:
    """That there is no such pool, which ones there are, and how one is made."""
    there = [each for each in known if each != QUOTA]
    near = get_close_matches(name, there, n=1)
    hint = f"did you mean {near[0]}? " if near else f"there are {', '.join(there)}; " if there else ""
    return f'there is no pool "{name}"; {hint}`latewood pools set {name} LIMIT` makes it'


def refuse_unknown_pools(workspace: Workspace, made: Plan) -> None:
    """Raise UsageError for a plan of which a task takes part in a pool that is not there."""
    named = {task.node.task.pool: task.node.keys[0] for task in made.tasks if task.node.task.pool}
    if not named:
        return
    known = limits_now(workspace.log, workspace.project)
    for name, key in named.items():
        if name not in known:
            raise UsageError(f"{key}: {unknown_pool(name, known)}")
