"""`latewood automation`: what happens by itself."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from latewood.automation import eager, on_cron, on_missing
from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, duration, moment, plural, print_json, table, value_text
from latewood.cli.wording import freshness_text
from latewood.commands.automations import (
    Evaluated,
    Found,
    automation_named,
    automations_here,
    evaluations,
    explanations,
    switch,
)
from latewood.commands.freshness import Overdue, overdue_among
from latewood.commands.workspace import Workspace
from latewood.decide.automation import coming
from latewood.decide.freshness import Judged
from latewood.decide.notifications import in_words
from latewood.decide.sensors import due_again
from latewood.engine.storage.caches import caches_in_use
from latewood.errors import UsageError
from latewood.events import Notification, SensorEvaluated
from latewood.model.automations import (
    Automation,
    FreshnessDefinition,
    NotifyDefinition,
    Occasion,
    RuleDefinition,
    ScheduleDefinition,
    SensorDefinition,
)
from latewood.model.conditions import AnyCondition, Condition, text_of, ticking
from latewood.projections.notifications import NotificationRow, latest_notifications
from latewood.projections.snapshots import snapshot
from latewood.secrets import Secret
from latewood.serving.automating import evaluate_here
from latewood.serving.posting import NotTaken, post
from latewood.serving.sensors import Sensors

_SHOWN = 10
"""Evaluations of one automation that are shown."""

_COMING = 3
"""Ticks to come that are shown."""


def list_command(*, environment: str | None, json_: bool) -> int:
    """All of the environment; exit code."""
    workspace = open_workspace(environment=environment)
    found = automations_here(workspace)
    overdue, now = overdue_among(workspace, found), workspace.clock()
    return show_automations(found, overdue, workspace.environment, now, json_=json_)


def show_automations(found: Sequence[Found], overdue: Overdue, environment: str, now: datetime, *, json_: bool) -> int:
    """Print them, with what is overdue by policies of freshness; exit code."""
    if json_:
        listed = [
            {**_json(each, now), "overdue": list(map(_overdue_json, overdue.get(each.slot, ())))} for each in found
        ]
        print_json({"automations": listed})
        return exits.OK
    rows = table("name", "state", "when", "asks for", "next", "problem", whole=("name", "next"), spare=("problem",))
    for each in found:
        coming_ = next(iter(_coming(each, now)), None)
        rows.add_row(
            each.name,
            _state_text(each, overdue.get(each.slot, ())),
            when_text(each.definition),
            target_text(each.definition),
            "" if coming_ is None else moment(coming_),
            (each.standing.problem or "").split("\n", 1)[0],
        )
    nothing = f"Nothing happens by itself in {environment}."
    console().print(rows if found else nothing)
    for judged in islice((judged for each in found for judged in overdue.get(each.slot, ())), _SHOWN):
        console().print(f"{judged.asset} is {freshness_text(judged)}", style="yellow")
    return exits.OK


def _state_text(found: Found, overdue: Sequence[Judged]) -> str:
    state = "on" if found.is_on else "off"
    return f"{state}, {len(overdue):,} overdue" if overdue else state


def _overdue_json(judged: Judged) -> dict[str, Any]:
    return {"asset": judged.asset, "since": _written(judged.since), "why": judged.why}


def show_command(*, name: str, environment: str | None, json_: bool) -> int:
    """One, and what came of it; exit code."""
    workspace = open_workspace(environment=environment)
    found, now = automation_named(workspace, name), workspace.clock()
    said = evaluations(workspace, found, limit=_SHOWN)
    if json_:
        told = [{"position": event.position, **_evaluated_json(fact)} for event, fact in said]
        rule = found.definition
        explained = explanations(workspace, found, rule) if isinstance(rule, RuleDefinition) else []
        rows = _told(workspace, found) if isinstance(rule, NotifyDefinition) else []
        print_json({**_json(found, now), "assets": explained, "evaluations": told, "notifications": rows})
        return exits.OK
    out, definition = console(), found.definition
    out.print(f"{found.name}  {'on' if found.is_on else 'off'} in {found.environment}  ({found.location})")
    if definition.description:
        out.print(f"  {definition.description}")
    out.print(f"  {when_text(definition)}: {target_text(definition)}")
    if isinstance(definition, FreshnessDefinition):
        for judged in overdue_among(workspace, [found]).get(found.slot, ()):
            out.print(f"  {judged.asset} is {freshness_text(judged)}", style="yellow")
    elif isinstance(definition, SensorDefinition):
        _print_sensor(found, definition)
    elif isinstance(definition, ScheduleDefinition):
        for target, value in definition.parameters.items():
            out.print(f"  {target}={value_text(value)}")
        out.print(f"  what went by is made up for: {definition.catch_up}")
    elif isinstance(definition, NotifyDefinition):
        _print_told(workspace, found)
    else:
        _print_explained(workspace, found, definition)
    for at in _coming(found, now):
        out.print(f"  due {moment(at)}")
    for event, fact in said:
        out.print(f"{event.position:>10,}  {moment(fact.at)}  {evaluated_text(fact)}")
    return exits.OK


def switch_command(*, name: str, on: bool, environment: str | None, json_: bool) -> int:
    """Turn one on or off; exit code."""
    workspace = open_workspace(environment=environment)
    found = automation_named(workspace, name)
    changed, word = switch(workspace, found, on=on), "on" if on else "off"
    if json_:
        print_json({"name": found.name, "environment": found.environment, "on": on, "changed": changed})
    else:
        console().print(f"{found.name} is {word} in {found.environment}{'' if changed else ', as it was'}")
    return exits.OK


def tick_command(*, environment: str | None, json_: bool) -> int:
    """Ask for all that is due; exit code."""
    workspace = open_workspace(environment=environment)
    looked = evaluate_here(workspace)
    evaluated = list(looked.evaluated)
    with caches_in_use(workspace.home), closing(Sensors(workspace, workspace.actor, evaluated.append)) as sensors:
        sensors.ask_here()
    if json_:
        print_json({"evaluated": [_evaluated_json(fact) for fact in evaluated], "next": _written(looked.again_at)})
        return exits.OK
    for fact in evaluated:
        console().print(f"{fact.name}: {evaluated_text(fact)}")
    if not evaluated:
        console().print("Nothing is due.")
    if looked.again_at is not None:
        console().print(f"next at {moment(looked.again_at)}")
    return exits.OK


def when_text(definition: Automation) -> str:
    """When something is due."""
    if isinstance(definition, RuleDefinition):
        return _condition_text(definition.condition)
    if isinstance(definition, FreshnessDefinition):
        lag = [] if definition.max_lag_s is None else [f"lag of at most {duration(definition.max_lag_s * 1_000)}"]
        deadline = [f"deadline {definition.deadline} ({definition.timezone})"] if definition.deadline else []
        return ", ".join((*deadline, *lag))
    if isinstance(definition, NotifyDefinition):
        return ", ".join(definition.on)
    if isinstance(definition, SensorDefinition):
        every = [f"at most every {duration(definition.interval_s * 1_000)}"] if definition.interval_s else []
        watch = [f"for each run that {' or '.join(map(_ending_text, definition.watch))}"] if definition.watch else []
        return ", ".join((*watch, *every))
    return f"cron {definition.cron} ({definition.timezone})"


def _condition_text(condition: AnyCondition) -> str:
    """The condition; one that is made up by the name that it is imported by."""
    made_up: dict[Condition, str] = {eager(): "eager()", on_missing(): "on_missing()"}
    for tick in ticking(condition):
        made_up[on_cron(tick.cron, tick.timezone)] = f'on_cron("{tick.cron}", "{tick.timezone}")'
    return made_up.get(condition) or text_of(condition)


def target_text(definition: Automation) -> str:
    """What is asked for then."""
    if isinstance(definition, RuleDefinition | FreshnessDefinition):
        return definition.selection
    if isinstance(definition, NotifyDefinition):
        return f"tell {_address_text(definition)} of {definition.selection}"
    if isinstance(definition, SensorDefinition):
        return f"launch {definition.launch}" if definition.launch else definition.selection
    what = f"launch {definition.launch}" if definition.launch else definition.selection
    what = f"look at {what}" if definition.observe else what
    which = "the last window" if definition.last_window else definition.partition
    return f"{what}, {which}" if which else what


def _ending_text(status: str) -> str:
    return f"was {status}" if status in ("cancelled", "interrupted") else status


def evaluated_text(fact: Evaluated) -> str:
    """What came of looking at it, or of asking it, in a few words."""
    if isinstance(fact, SensorEvaluated):
        return _sensed_text(fact)
    asked = [
        f"asked for run {asked.run}{f', tick {moment(asked.tick)}' if asked.tick else ''}" for asked in fact.requests
    ]
    asked += [f"looked, observation {fact.observed}"] if fact.observed else []
    missed = [f"{plural(fact.missed, 'tick')} went by"] if fact.missed else []
    problem = [f"could not ask: {fact.problem}"] if fact.problem else []
    return "; ".join((*asked, *missed, *problem)) or f"counts from {moment(fact.until)}"


def _sensed_text(fact: SensorEvaluated) -> str:
    told = [f"told of run {fact.told}"] if fact.told else []
    asked = [f"asked for run {asked.run}, run key {asked.key}" for asked in fact.requests]
    repeated = [f"{plural(fact.repeated, 'run key')} had a run before"] if fact.repeated else []
    skipped = [f"asked for nothing: {fact.skipped}"] if fact.skipped else []
    times = f", {plural(fact.failures, 'time')} in a row" if fact.failures > 1 else ""
    problem = [f"failed{times}: {fact.problem}"] if fact.problem else []
    cursor = [f"cursor {value_text(fact.cursor)}"] if fact.cursor and not fact.problem else []
    return "; ".join((*told, *asked, *repeated, *skipped, *problem, *cursor)) or "asked for nothing"


def _coming(found: Found, now: datetime) -> Sequence[datetime]:
    if not found.is_on or not isinstance(found.definition, ScheduleDefinition):
        return ()
    return tuple(islice(coming(found.definition, found.standing, now), _COMING))


def _print_sensor(found: Found, sensor: SensorDefinition) -> None:
    out, standing = console(), found.standing
    out.print(f"  a call may take {duration(sensor.timeout_s * 1_000)}")
    if standing.cursor:
        out.print(f"  cursor {value_text(standing.cursor)}")
    if standing.skipped:
        out.print(f"  asks for nothing: {standing.skipped}")
    if standing.failures and standing.until is not None:
        again = due_again(sensor, standing, standing.until)
        out.print(f"  failed {plural(standing.failures, 'time')} in a row; asked again from {moment(again)} on")


def _address_text(notify: NotifyDefinition) -> str:
    """Where it is told, without what may be secret of it."""
    return urlsplit(notify.url).netloc if notify.url else f"secret {Secret(**notify.url_from, root=None).name}"


def _print_told(workspace: Workspace, found: Found) -> None:
    """What was told last, and what could not be."""
    for row in _told(workspace, found):
        told = in_words(found.environment, row.notification).split("\n", 1)[0]
        tries = f" after {plural(row.attempts, 'try').replace('trys', 'tries')}" if row.attempts > 1 else ""
        problem = f": {row.problem}" if row.problem else ""
        console().print(f"{row.position:>10,}  {moment(row.raised_at)}  {told}  {row.status}{tries}{problem}")


def _told(workspace: Workspace, found: Found) -> list[NotificationRow]:
    with snapshot(workspace.log) as connection:
        return latest_notifications(connection, workspace.project, found.environment, found.slot, limit=_SHOWN)


def test_command(*, name: str, environment: str | None, json_: bool) -> int:
    """Send a test message to where a Notify tells things; exit code."""
    workspace = open_workspace(environment=environment)
    found = automation_named(workspace, name)
    notify = found.definition
    if not isinstance(notify, NotifyDefinition):
        raise UsageError(f'"{name}" tells nothing to anybody: only a Notify does')
    told = Notification(
        id=f"msg_{workspace.new_run()}", occasion=Occasion.TEST, at=workspace.clock(), assets=(), count=0
    )
    try:
        status, problem = post(workspace, notify, told), ""
    except NotTaken as error:
        status, problem = None, str(error)
    if json_:
        print_json({"name": found.name, "id": told.id, "status": status, "problem": problem})
    elif problem:
        console().print(f"{_address_text(notify)}: {problem}", style="red")
    else:
        console().print(f"{_address_text(notify)} has taken it: {status}")
    return exits.STEP_FAILED if problem else exits.OK


def _print_explained(workspace: Workspace, found: Found, rule: RuleDefinition) -> None:
    """What is true of each part of the condition, of each of its assets."""
    out = console()
    for explained in explanations(workspace, found, rule):
        out.print(f"\n{explained.key}  {explained.verdict}")
        for part in explained.lines:
            sign, which = "✓" if part.is_true else "✕", f"  {part.partitions}" if part.partitions else ""
            out.print(f"  {'  ' * part.depth}{sign} {part.text}{which}")
    out.print("")


def _json(found: Found, now: datetime) -> dict[str, Any]:
    return {
        "name": found.name,
        "location": found.location,
        "environment": found.environment,
        "on": found.is_on,
        "definition": found.definition,
        "next": [_written(at) for at in _coming(found, now)],
        "dealt_with_until": _written(found.standing.until),
        "problem": found.standing.problem or "",
        "cursor": found.standing.cursor,
        "skipped": found.standing.skipped,
        "failures": found.standing.failures,
    }


def _evaluated_json(fact: Evaluated) -> dict[str, Any]:
    if isinstance(fact, SensorEvaluated):
        return {
            "name": fact.name,
            "at": fact.at,
            "cursor": fact.cursor,
            "requests": fact.requests,
            "repeated": fact.repeated,
            "skipped": fact.skipped,
            "problem": fact.problem,
            "failures": fact.failures,
            "told": fact.told,
        }
    return {
        "name": fact.name,
        "at": fact.at,
        "until": fact.until,
        "requests": fact.requests,
        "missed": fact.missed,
        "observed": fact.observed,
        "problem": fact.problem,
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
