"""`latewood automation`: what happens by itself."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from latewood.automation import eager, on_cron, on_missing
from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, duration, moment, plural, print_json, table, value_text
from latewood.commands.automations import (
    Found,
    automation_named,
    automations_here,
    evaluations,
    explanations,
    switch,
)
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import coming
from latewood.events import AutomationEvaluated
from latewood.model.automations import Automation, FreshnessDefinition, RuleDefinition, ScheduleDefinition
from latewood.model.conditions import AnyCondition, Condition, text_of, ticking
from latewood.serving.automating import evaluate_here

_SHOWN = 10
"""Evaluations of one automation that are shown."""

_COMING = 3
"""Ticks to come that are shown."""


def list_command(*, environment: str | None, json_: bool) -> int:
    """All of the environment; exit code."""
    workspace = open_workspace(environment=environment)
    found, now = automations_here(workspace), workspace.clock()
    if json_:
        print_json({"automations": [_json(each, now) for each in found]})
        return exits.OK
    rows = table("name", "state", "when", "asks for", "next", "problem", whole=("name", "next"), spare=("problem",))
    for each in found:
        coming_ = next(iter(_coming(each, now)), None)
        rows.add_row(
            each.name,
            "on" if each.is_on else "off",
            when_text(each.definition),
            target_text(each.definition),
            "" if coming_ is None else moment(coming_),
            (each.standing.problem or "").split("\n", 1)[0],
        )
    nothing = f"Nothing happens by itself in {workspace.environment}."
    console().print(rows if found else nothing)
    return exits.OK


def show_command(*, name: str, environment: str | None, json_: bool) -> int:
    """One, and what came of it; exit code."""
    workspace = open_workspace(environment=environment)
    found, now = automation_named(workspace, name), workspace.clock()
    said = evaluations(workspace, found, limit=_SHOWN)
    if json_:
        told = [{"position": event.position, **_evaluated_json(fact)} for event, fact in said]
        rule = found.definition
        explained = explanations(workspace, found, rule) if isinstance(rule, RuleDefinition) else []
        print_json({**_json(found, now), "assets": explained, "evaluations": told})
        return exits.OK
    out, definition = console(), found.definition
    out.print(f"{found.name}  {'on' if found.is_on else 'off'} in {found.environment}  ({found.location})")
    if definition.description:
        out.print(f"  {definition.description}")
    out.print(f"  {when_text(definition)}: {target_text(definition)}")
    if isinstance(definition, FreshnessDefinition):
        _print_overdue(workspace, found)
    elif isinstance(definition, ScheduleDefinition):
        for target, value in definition.parameters.items():
            out.print(f"  {target}={value_text(value)}")
        out.print(f"  what went by is made up for: {definition.catch_up}")
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
    looked = evaluate_here(open_workspace(environment=environment))
    if json_:
        print_json(
            {"evaluated": [_evaluated_json(fact) for fact in looked.evaluated], "next": _written(looked.again_at)}
        )
        return exits.OK
    for fact in looked.evaluated:
        console().print(f"{fact.name}: {evaluated_text(fact)}")
    if not looked.evaluated:
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
    return f"cron {definition.cron} ({definition.timezone})"


def _condition_text(condition: AnyCondition) -> str:
    """The condition; one that is made up by the name that it is imported by."""
    made_up: dict[Condition, str] = {eager(): "eager()", on_missing(): "on_missing()"}
    for tick in ticking(condition):
        made_up[on_cron(tick.cron, tick.timezone)] = f'on_cron("{tick.cron}", "{tick.timezone}")'
    return made_up.get(condition) or text_of(condition)


def target_text(definition: Automation) -> str:
    """What is asked for then."""
    if not isinstance(definition, ScheduleDefinition):
        return definition.selection
    what = f"launch {definition.launch}" if definition.launch else definition.selection
    which = "the last window" if definition.last_window else definition.partition
    return f"{what}, {which}" if which else what


def evaluated_text(fact: AutomationEvaluated) -> str:
    """What came of looking at it, in a few words."""
    asked = [
        f"asked for run {asked.run}{f', tick {moment(asked.tick)}' if asked.tick else ''}" for asked in fact.requests
    ]
    missed = [f"{plural(fact.missed, 'tick')} went by"] if fact.missed else []
    problem = [f"could not ask: {fact.problem}"] if fact.problem else []
    return "; ".join((*asked, *missed, *problem)) or f"counts from {moment(fact.until)}"


def _coming(found: Found, now: datetime) -> Sequence[datetime]:
    if not found.is_on or not isinstance(found.definition, ScheduleDefinition):
        return ()
    return tuple(islice(coming(found.definition, found.standing, now), _COMING))


def _print_overdue(workspace: Workspace, found: Found) -> None:
    names = {id_: key for key, id_ in view_of(workspace).ids.items()}
    for id_, since in found.standing.overdue.items():
        console().print(f"  overdue since {moment(since)}: {names.get(id_, id_)}")


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
    }


def _evaluated_json(fact: AutomationEvaluated) -> dict[str, Any]:
    return {
        "name": fact.name,
        "at": fact.at,
        "until": fact.until,
        "requests": fact.requests,
        "missed": fact.missed,
        "problem": fact.problem,
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
