"""Looking at what happens by itself: what is due is asked for, and recorded together with the request.

Whoever looks, and however often: an evaluation is appended at the version of the stream that it was decided on, and a
run is named by its tick, or by that version. So of several that look at once one asks, and the others find nothing due.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

from msgspec import structs

from latewood.commands.automations import (
    Found,
    automations_everywhere,
    automations_here,
    read_facts,
    ruled,
    stands_now,
    stream_of,
)
from latewood.commands.planning import Asked
from latewood.commands.reading import Read, select_keys
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.automation import due, run_at, run_by, timing_of
from latewood.decide.conditions import Facts, due_by, with_asked
from latewood.decide.freshness import judged_by
from latewood.errors import UsageError
from latewood.events import AskedByItself, AutomationEvaluated, SensorEvaluated
from latewood.model.automations import (
    FreshnessDefinition,
    NotifyDefinition,
    RuleDefinition,
    ScheduleDefinition,
    SensorDefinition,
)
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, keys_of
from latewood.serving.log_lines import LOG
from latewood.serving.requesting import planned_request
from latewood.serving.ticking import asked_at
from latewood_eventlog.errors import DatabaseUnreachable, EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, StreamAppend
from latewood_eventlog.tailer import announce

_PROBLEM_MAX: Final = 2_000
"""Characters of a problem that are recorded."""

_PARTITIONS_MAX: Final = 2_000
"""Characters by which a request says in words which partitions it is for."""

_AGAIN_AFTER: Final = timedelta(minutes=1)
"""When an automation is looked at again in which there was a fault, if nothing happens before."""

_OVERDUE_MAX: Final = 800
"""Overdue assets that one event has room for."""

_ID: Final = itemgetter(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What looking at automations came to: what was recorded, in order, and when something can be due next."""

    evaluated: tuple[AutomationEvaluated | SensorEvaluated, ...] = ()
    again_at: datetime | None = None


def evaluate(workspace: Workspace) -> datetime | None:
    """Ask for all that is due now, in every environment; when something can become due next, if nothing changes.

    None where nothing can. Raises DatabaseUnreachable; what cannot be asked for, for whatever reason, is recorded as a
    problem, and the others go on. Cost: three queries an environment, of one with rules that are on as `read`, and
    planning of what is due.
    """
    return _evaluated(workspace, automations_everywhere(workspace)).again_at


def evaluate_here(workspace: Workspace) -> Looked:
    """The same in the workspace's environment, with what came of it."""
    return _evaluated(workspace, automations_here(workspace))


def _evaluated(workspace: Workspace, found: Sequence[Found]) -> Looked:
    looked: list[Looked] = []
    for name in dict.fromkeys(automation.environment for automation in found if automation.is_on):
        here = [each for each in found if each.environment == name and each.is_on]
        rules = [each.definition for each in here if isinstance(each.definition, RuleDefinition)]
        look = _Look(replace(workspace, environment=name), rules)
        looked += map(look.at, here)
    evaluated = tuple(fact for each in looked for fact in each.evaluated)
    if any(fact.requests for fact in evaluated):
        announce(workspace.log.engine)
    return Looked(evaluated=evaluated, again_at=min((e.again_at for e in looked if e.again_at), default=None))


class _Look:
    """One look at the automations of an environment. What its rules are judged by is read once."""

    def __init__(self, workspace: Workspace, rules: Sequence[RuleDefinition]) -> None:
        self._workspace = workspace
        self._rules = rules
        self._read: tuple[Read, Facts] | None = None

    def at(self, automation: Found) -> Looked:
        """Decide and record; again, where somebody has recorded meanwhile."""
        while True:
            # Read before where it stands: an append that this does not show makes ours refused.
            version = self._workspace.log.version(self._workspace.project, stream_of(automation.environment))
            automation = stands_now(self._workspace, automation)
            if not automation.is_on:
                return Looked()
            try:
                match automation.definition:
                    case ScheduleDefinition(observe=False) as schedule:
                        return self._at_ticks(automation, schedule, version)
                    case RuleDefinition() as rule:
                        return self._by_rule(automation, rule, version)
                    case FreshnessDefinition() as freshness:
                        return self._overdue(automation, freshness, version)
                    case ScheduleDefinition() | SensorDefinition() | NotifyDefinition():
                        return Looked()  # see `latewood.serving.sensors`, and `latewood.serving.notifying`
            except (WrongExpectedVersion, EventConflict):
                self._read = None
            except DatabaseUnreachable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are not to wait for it
                LOG.exception("automation %s", automation.name)
                return self._failed(automation, error)

    # ── schedules ─────────────────────────────────────────────────────────────────────────────────────

    def _at_ticks(self, automation: Found, schedule: ScheduleDefinition, version: int) -> Looked:
        """Each tick with its request, one after the other: whoever goes on after a crash finds what is left."""
        found = due(schedule, automation.standing, self._workspace.clock())
        if not found.is_news:
            return Looked(again_at=found.again_at)
        assert found.until is not None, "news is of some time"
        told: list[AutomationEvaluated] = []
        for number, tick in enumerate(found.ticks or (None,)):
            is_last = number >= len(found.ticks) - 1
            fact = self._fact(
                automation,
                until=found.until if is_last or tick is None else tick,
                missed=0 if number else found.missed,
            )
            fact, appends = (fact, ()) if tick is None else self._asked_at(automation, schedule, tick, fact)
            record(self._workspace, automation, fact, appends, version + number)
            told.append(fact)
        return Looked(evaluated=tuple(told), again_at=found.again_at)

    def _asked_at(
        self, automation: Found, schedule: ScheduleDefinition, tick: datetime, fact: AutomationEvaluated
    ) -> tuple[AutomationEvaluated, tuple[StreamAppend, ...]]:
        run = run_at(self._names(automation), tick)
        if self._workspace.log.version(self._workspace.project, f"run/{run}"):
            return fact, ()  # the clock was set back, and this tick had its run
        try:
            view = view_of(self._workspace)
            asked = asked_at(self._workspace, view, automation.location, schedule, tick)
            append = planned_request(self._workspace, view, automation.location, asked, run, empty=True)
        except UsageError as error:
            return structs.replace(fact, problem=str(error)[:_PROBLEM_MAX]), ()
        return structs.replace(fact, requests=(AskedByItself(run=run, tick=tick),)), (append,)

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────────

    def _by_rule(self, automation: Found, rule: RuleDefinition, version: int) -> Looked:
        read, facts = self._facts(automation)
        try:
            selected = ruled(read, rule)
        except UsageError as error:
            return self._cannot(automation, error, version)
        found = due_by(rule, selected, facts, automation.standing)
        if not found.is_news:
            return Looked(again_at=found.again_at)
        now, run = facts.state.now, run_by(self._names(automation), version + 1)
        until = automation.standing.until
        fact = self._fact(automation, until=now if found.began or until is None else until)
        appends: tuple[StreamAppend, ...] = ()
        asked = found.waiting
        if found.partitions:
            asked = with_asked(found, facts, run, position=facts.state.position, at=now)
            try:
                asked_now = _at_places(read.view, rule, found.partitions)
                append = planned_request(self._workspace, read.view, automation.location, asked_now, run)
                fact, appends = structs.replace(fact, requests=(AskedByItself(run=run),)), (append,)
            except UsageError as error:  # asked for again when there is something new, as after a run that failed
                fact = structs.replace(fact, problem=str(error)[:_PROBLEM_MAX])
        fact = structs.replace(fact, asked=asked)
        record(self._workspace, automation, fact, appends, version)
        return Looked(evaluated=(fact,), again_at=found.again_at)

    # ── how current things are ────────────────────────────────────────────────────────────────────────

    def _overdue(self, automation: Found, freshness: FreshnessDefinition, version: int) -> Looked:
        """Record which assets are overdue, where these are others than before."""
        read, facts = self._facts(automation)
        try:
            judged = judged_by(freshness, select_keys(read, freshness.selection), facts)
        except UsageError as error:
            return self._cannot(automation, error, version)
        again_at = min((each.again_at for each in judged.values() if each.again_at), default=None)
        before, now = automation.standing.overdue, facts.state.now
        named = sorted(((facts.state.ids[key], each) for key, each in judged.items() if each.is_overdue), key=_ID)
        ids = dict(named[:_OVERDUE_MAX])
        if before.keys() == ids.keys():
            return Looked(again_at=again_at)
        overdue = {id_: before.get(id_) or each.since or now for id_, each in ids.items()}
        fact = structs.replace(self._fact(automation, until=now), overdue=overdue)
        record(self._workspace, automation, fact, (), version)
        return Looked(evaluated=(fact,), again_at=again_at)

    # ── all of them ───────────────────────────────────────────────────────────────────────────────────

    def _facts(self, automation: Found) -> tuple[Read, Facts]:
        """Those of before, unless somebody has looked at it since."""
        if self._read is None or (automation.standing.position or 0) > self._read[1].state.position:
            self._read = read_facts(self._workspace, self._rules)
        return self._read

    def _failed(self, automation: Found, error: Exception) -> Looked:
        """Say so once where it is a fault that nothing can be asked for, and try again after a while."""
        version = self._workspace.log.version(self._workspace.project, stream_of(automation.environment))
        looked = Looked()
        with suppress(WrongExpectedVersion, EventConflict):  # said then, if it is still so
            automation = stands_now(self._workspace, automation)
            looked = self._cannot(automation, UsageError(unforeseen(error)), version)
        return replace(looked, again_at=self._workspace.clock() + _AGAIN_AFTER)

    def _cannot(self, automation: Found, error: UsageError, version: int) -> Looked:
        """Say once that nothing can be asked for."""
        standing, now = automation.standing, self._workspace.clock()
        fact = structs.replace(self._fact(automation, until=standing.until or now), problem=str(error)[:_PROBLEM_MAX])
        if standing.problem == fact.problem:
            return Looked()
        fact = structs.replace(fact, asked=standing.asked)
        record(self._workspace, automation, fact, (), version)
        return Looked(evaluated=(fact,))

    def _names(self, automation: Found) -> tuple[str, ...]:
        return (self._workspace.project, automation.environment, *automation.slot)

    def _fact(self, automation: Found, *, until: datetime, missed: int = 0) -> AutomationEvaluated:
        return AutomationEvaluated(
            environment=automation.environment,
            location=automation.location,
            name=automation.name,
            timing=timing_of(automation.definition),
            at=self._workspace.clock(),
            until=until,
            missed=missed,
        )


def record(
    workspace: Workspace,
    automation: Found,
    fact: AutomationEvaluated | SensorEvaluated,
    appends: Sequence[StreamAppend],
    version: int,
) -> None:
    """Append what came of looking at it, at that version of its stream, with the runs that were asked for.

    Raises WrongExpectedVersion and EventConflict where somebody has recorded meanwhile.
    """
    stream, name = stream_of(automation.environment), (*automation.slot, version)
    own = append_of(workspace, fact, stream=stream, name=name, at=fact.at, expected=version)
    workspace.log.append(Batch(appends=(own, *appends)))


def unforeseen(error: Exception) -> str:
    """What is recorded of a fault that is not the automation's own: its words are left out, and may differ always."""
    return f"a fault that nobody has foreseen, {type(error).__name__}; the engine's log has what and where"


def _at_places(view: View, rule: RuleDefinition, due_: Mapping[AssetKey, Ordinals]) -> Asked:
    """A request for these partitions and no others."""
    schemes = {key: view.catalog[key].partitions for key in due_}
    texts = dict.fromkeys(describe(schemes[key], found) for key, found in due_.items() if schemes[key] is not None)
    return Asked(
        selection=rule.selection,
        automation=rule.name,
        partition=", ".join(texts)[:_PARTITIONS_MAX],
        places={key: keys_of(schemes[key], found) for key, found in due_.items()},
    )
