"""Looking through the log for what there is to tell by a Notify, and recording it: each thing once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Final

import msgspec

from latewood.commands.automations import Found
from latewood.commands.runs import requested
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.notifications import About, Occurrence, Over, OverdueNow, Told, Trouble, told_by
from latewood.decide.select import select
from latewood.decide.selection import parse
from latewood.events import (
    AssetObserved,
    AutomationEvaluated,
    CheckEvaluated,
    Notification,
    NotificationsRaised,
    ObservationFailed,
    RunEnded,
    StepFailed,
    from_json,
)
from latewood.model.automations import NotifyDefinition
from latewood.model.keys import AssetId, RunId
from latewood.projections.automations import standings
from latewood.projections.notifications import notify_standing
from latewood.projections.snapshots import snapshot
from latewood.projections.tried import failed_partitions
from latewood.projections.versions import refused_partitions
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.log import READ_LIMIT
from latewood_eventlog.records import Batch, Fence, Position, RecordedEvent

_LOOKS: Final = ("asset.observed", "observation.failed")
_TYPES: Final = ("run.ended", "automation.evaluated", *_LOOKS)
_BYTES_MAX: Final = 40_960
"""Of the notifications in one event, which has room for what was told before, too."""

_SEEN_EVERY: Final = 10_000
"""Positions after which it is recorded that there was nothing to tell: who goes on after a crash begins there."""

_TROUBLES: Final = frozenset({"step.failed", "check.evaluated"})

_CHECKS_BESIDE: Final = 100
"""Verdicts that may follow the last look of an observation in its stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What was recorded, if anything; up to `looked` there is nothing else to tell."""

    fact: NotificationsRaised | None
    looked: Position


def stream_of(environment: str) -> str:
    """The stream of what is told of an environment."""
    return f"notifications/{environment}"


def raise_due(
    workspace: Workspace,
    found: Found,
    looked: Position,
    fence: Fence | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Raised:
    """Raise what there is to tell by a Notify since; `looked` is what was answered before.

    It leaves off where it is asked to, which it asks for each thing that has happened. The workspace is of its
    environment. Raises LogError, UsageError. Cost: O(events of the log since).
    """
    notify = found.definition
    assert isinstance(notify, NotifyDefinition), "nothing else tells anything"
    # Read before where it stands: an append that this does not show makes ours refused.
    version = workspace.log.version(workspace.project, stream_of(found.environment))
    end = workspace.log.position()
    with snapshot(workspace.log) as connection:
        standing = notify_standing(connection, workspace.project, found.environment, found.slot)
        policies = standings(connection, workspace.project, found.environment)
    if standing is None:  # what was before it was there is not told
        overdue = {f"{slot[0]}:{slot[1]}": tuple(each.overdue) for slot, each in policies.items() if each.overdue}
        return _recorded(workspace, found, (), Told(overdue=overdue), end, version, looked, fence)
    told = Told(failing=standing.failing, overdue=standing.overdue)
    after = max(standing.seen, looked, found.standing.seen or 0)  # nor what was while it was off
    about: About | None = None
    while after < end:
        events = workspace.log.read_types(workspace.project, _TYPES, after=after)
        notifications: list[Notification] = []
        before, seen = told, after
        for occurrence in _occurrences(workspace, events):
            if not goes_on():
                return Raised(fact=None, looked=after)
            about = about or _about(workspace, found, notify)
            new, then = told_by(about, told, occurrence)
            if notifications and len(msgspec.json.encode([*notifications, *new])) > _BYTES_MAX:
                break
            notifications, told, seen = [*notifications, *new], then, occurrence.position
        if notifications or told != before:
            return _recorded(workspace, found, tuple(notifications), told, seen, version, looked, fence)
        after = events[-1].position if len(events) == READ_LIMIT else end
        if after - standing.seen >= _SEEN_EVERY:
            return _recorded(workspace, found, (), told, after, version, looked, fence)
    return Raised(fact=None, looked=end)


def _about(workspace: Workspace, found: Found, notify: NotifyDefinition) -> About:
    view: View = view_of(workspace)
    keys = select(parse(notify.selection), view.catalog.graph, view.catalog.assets)
    return About(
        names=(workspace.project, found.environment, *found.slot),
        on=notify.on,
        keys={view.ids[key]: key for key in keys},
    )


def _recorded(
    workspace: Workspace,
    found: Found,
    notifications: tuple[Notification, ...],
    told: Told,
    seen: Position,
    version: int,
    looked: Position,
    fence: Fence | None,
) -> Raised:
    """What was raised, once it is recorded; nothing where somebody else has recorded meanwhile."""
    fact = NotificationsRaised(
        environment=found.environment,
        location=found.location,
        name=found.name,
        at=workspace.clock(),
        seen=seen,
        notifications=notifications,
        failing=told.failing,
        overdue=dict(told.overdue),
    )
    stream, name = stream_of(found.environment), (*found.slot, version)
    append = append_of(workspace, fact, stream=stream, name=name, at=fact.at, expected=version)
    try:
        workspace.log.append(Batch(appends=(append,), fence=fence))
    except (WrongExpectedVersion, EventConflict):
        return Raised(fact=None, looked=looked)
    return Raised(fact=fact, looked=seen)


# ── what has happened ─────────────────────────────────────────────────────────────────────────────────


def _occurrences(workspace: Workspace, events: list[RecordedEvent]) -> Iterator[Occurrence]:
    """What these events are of the workspace's environment, in order; looks of one observation are one."""
    facts = [(event, from_json(event.type, event.data)) for event in events]
    for (_, observation), group in groupby(facts, key=lambda pair: _together(*pair)):
        looked = list(group)
        event, fact = looked[-1]
        match fact:
            case RunEnded() if _is_here(workspace, fact.run):
                yield _run_over(workspace, event, fact.run)
            case AutomationEvaluated() if fact.environment == workspace.environment:
                policy = f"{fact.location}:{fact.name}"
                yield OverdueNow(position=event.position, at=fact.at, policy=policy, overdue=tuple(fact.overdue))
            case AssetObserved() | ObservationFailed() if fact.environment == workspace.environment:
                yield _observation_over(workspace, [each for each, _ in looked], RunId(observation))
            case _:
                pass


def _together(event: RecordedEvent, fact: object) -> tuple[Position, str]:
    if isinstance(fact, AssetObserved | ObservationFailed):
        return 0, fact.version.rpartition(".")[0]
    return event.position, ""


def _is_here(workspace: Workspace, run: RunId) -> bool:
    asked = requested(workspace, run)
    return asked is not None and asked.environment == workspace.environment


def _run_over(workspace: Workspace, ended: RecordedEvent, run: RunId) -> Over:
    facts: list[StepFailed | CheckEvaluated] = []
    after = 0
    while after < ended.version:
        events = workspace.log.read(workspace.project, ended.stream, after=after)
        said = (from_json(event.type, event.data) for event in events if event.type in _TROUBLES)
        facts += [fact for fact in said if isinstance(fact, StepFailed | CheckEvaluated)]
        after = events[-1].version
    return Over(
        position=ended.position,
        at=ended.occurred_at,
        run=run,
        failures=[
            Trouble(asset, f"{fact.failure.error}: {fact.failure.message}")
            for fact in facts
            if isinstance(fact, StepFailed) and fact.retry_at is None
            for asset in fact.assets
        ],
        checks=[_refusal(fact) for fact in facts if isinstance(fact, CheckEvaluated) and _did_not_pass(fact, run)],
        failing=_failing(workspace, ended.position),
    )


def _observation_over(workspace: Workspace, looks: list[RecordedEvent], observation: RunId) -> Over:
    """Of these looks, and of the verdicts on them: what follows the next look is told with that."""
    first, last = looks[0], looks[-1]
    limit = last.version - first.version + 1 + _CHECKS_BESIDE
    events = workspace.log.read(workspace.project, first.stream, after=first.version - 1, limit=limit)
    own = takewhile(lambda event: event.version <= last.version or event.type not in _LOOKS, events)
    facts = [from_json(event.type, event.data) for event in own]
    failures = [f for f in facts if isinstance(f, ObservationFailed) and f.version.startswith(f"{observation}.")]
    verdicts = [fact for fact in facts if isinstance(fact, CheckEvaluated) and _did_not_pass(fact, observation)]
    return Over(
        position=last.position,
        at=last.occurred_at,
        run=observation,
        failures=[Trouble(fact.asset, f"{fact.failure.error}: {fact.failure.message}") for fact in failures],
        checks=[_refusal(fact) for fact in verdicts],
        failing=_failing(workspace, last.position),
    )


def _did_not_pass(fact: CheckEvaluated, run: RunId) -> bool:
    return fact.run == run and not fact.passed and not fact.variant


def _refusal(fact: CheckEvaluated) -> Trouble:
    return Trouble(fact.asset, f"check {fact.check}: {fact.message}" if fact.message else f"check {fact.check}")


def _failing(workspace: Workspace, position: Position) -> frozenset[AssetId]:
    """What of the environment failed, or was refused, and was not overtaken, up to there."""
    with snapshot(workspace.log) as connection:
        asked = (connection, workspace.project, workspace.environment, position)
        return frozenset(
            asset for found in (failed_partitions(*asked), refused_partitions(*asked)) for asset, _ in found
        )
