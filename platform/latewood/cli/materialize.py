"""`latewood materialize` and `latewood plan`."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from latewood.cli import exits
from latewood.cli.by_hand import by_hand_json, say_replaced
from latewood.cli.deploy import say_broken, say_dropped
from latewood.cli.lines import Lines, warner
from latewood.cli.loading import load
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, duration, plural, print_json, short, table
from latewood.cli.progress import Progress
from latewood.commands.blocked import blocked_lines, is_incomplete
from latewood.commands.bringing import Bringing, bringing, bringing_lines
from latewood.commands.materializing import Prepared, Result, materialize, prepare
from latewood.commands.plan_words import PlanWords
from latewood.commands.planning import STATUS, Asked, awaiting_lines, elsewhere_lines, plan_loaded
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Plan
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.reports import Report
from latewood.events import Action, RunStatus
from latewood.model.definitions import Origin
from latewood.model.keys import AssetKey
from latewood.model.partitions import describe

_ACTION_WORD = {
    Action.RUN: "run",
    Action.REUSE: "reuse",
    Action.DEPENDS: "maybe",
    Action.FRESH: "fresh",
    Action.BLOCKED: "blocked",
    Action.SKIP: "skip",
}
_ACTION_STYLE = {"run": "bold", "maybe": "yellow", "blocked": "red", "skip": "dim", "reuse": "cyan", "fresh": "green"}


def materialize_command(
    *,
    file: Path | None,
    module: str | None,
    location: str | None,
    environment: str | None,
    json_: bool,
    quiet: bool,
    strict: bool,
    **asked: Any,
) -> int:
    """Load, deploy, plan, run; exit code."""
    started = time.perf_counter()
    workspace = open_workspace(environment=environment)
    prepared = prepared_for(workspace, load(workspace, file, module, location), asked_for(**asked))
    return execute(workspace, prepared, started, json_=json_, quiet=quiet, strict=strict)


def execute(
    workspace: Workspace,
    prepared: Prepared,
    started: float,
    *,
    json_: bool,
    quiet: bool,
    strict: bool = False,
    told: Callable[[dict[str, Any]], None] = print_json,
) -> int:
    """Run what was prepared, show how far it is unless that should be quiet, and how it ended; the exit code.

    Where one is `strict`, leaving something out is a failure. What there is to say in JSON is `told`.
    """
    out = None if json_ else console()
    result = _watched(workspace, prepared, out, quiet=quiet)
    if out is None:
        told({**_result_json(result), "left_out": [left.line for left in blocked_lines(prepared.plan)]})
    else:
        _print_result(out, prepared, result, time.perf_counter() - started)
    code = _exit_code(result)
    incomplete = is_incomplete(prepared.plan) or result.tally.barred
    return exits.STEP_FAILED if strict and incomplete and code == exits.OK else code


def _watched(workspace: Workspace, prepared: Prepared, out: Console | None, *, quiet: bool) -> Result:
    """Run what was prepared, live on a terminal, else told in lines on standard error."""
    live = out is not None and out.is_terminal and not quiet
    in_lines = not live and not quiet
    with ExitStack() as stack:
        watching: list[Progress | Lines] = []
        if out is not None:
            watching.append(stack.enter_context(Progress(prepared.plan, out, live=live, told=in_lines)))
        if in_lines:
            watching.append(stack.enter_context(Lines(prepared.plan, sys.stderr, table=out is not None)))
        notice = warner() if quiet else watching[-1].notice

        def report(found: Report) -> None:
            for watch in watching:
                watch.report(found)

        if prepared.plan.length and (prepared.loaded.apart or prepared.plan.has_jobs):
            from latewood.cli.apart import materialize_apart

            return materialize_apart(workspace, prepared, report=report, notice=notice)
        return materialize(workspace, prepared, report=report, notice=notice)


def plan_command(
    *,
    file: Path | None,
    module: str | None,
    location: str | None,
    environment: str | None,
    json_: bool,
    strict: bool = False,
    **asked: Any,
) -> int:
    """Print what materialize would do with the same definitions. Nothing is recorded."""
    workspace = open_workspace(environment=environment)
    loaded = load(workspace, file, module, location)
    return plan_of_loaded(workspace, loaded, asked_for(**asked), json_=json_, strict=strict)


def plan_of_loaded(workspace: Workspace, loaded: Loaded, asked: Asked, *, json_: bool, strict: bool = False) -> int:
    """Print what would be done with what was loaded, what deploying it would drop included. Nothing is recorded."""
    view, made = plan_loaded(workspace, loaded, asked)
    dropped: tuple[AssetKey, ...] = ()
    for each, foreseen in zip(loaded.together, view.all_foreseen, strict=True):
        lost = tuple(key for key in foreseen.deployed.dropped if key not in view.catalog.assets)
        say_dropped(workspace, each, replace(foreseen.deployed, dropped=lost), "would drop")
        say_broken(view, each)
        dropped += lost
    words = PlanWords(workspace, view, made)
    replaced = say_replaced(workspace, made)
    if json_:
        brings = list(map(asdict, bringing(workspace, view.catalog, made)))
        more = {"would_drop": dropped, "replaces": list(map(by_hand_json, replaced)), "brings": brings}
        print_json({**_plan_json(made, words), **more})
    else:
        _print_plan(console(), made, asked, words, bringing(workspace, view.catalog, made))
        other = [f.new.location for f in view.all_foreseen if f.base.deployment and f.defines_otherwise]
        if other and not any(made.counts[action] for action in (Action.RUN, Action.DEPENDS, Action.REUSE)):
            said = f"{', '.join(other)} as it stands here: {workspace.environment} has another deployment of it"
            console().print(f"That is by {said}, of which `latewood assets` tells.", style="dim")
    return exits.STEP_FAILED if strict and is_incomplete(made) else exits.OK


def prepared_for(workspace: Workspace, loaded: Loaded, asked: Asked) -> Prepared:
    """A plan for what was loaded and is deployed now; what that drops is said at once, on standard error."""
    prepared = prepare(workspace, loaded, asked, report=lambda done: say_dropped(workspace, loaded, done, "dropped"))
    say_broken(prepared.view, loaded)
    say_replaced(workspace, prepared.plan)
    return prepared


def asked_for(
    *,
    selection: str,
    partition: str,
    parameters: tuple[str, ...],
    zipped: bool,
    force: bool,
    only: str | None,
    priority: int = 0,
) -> Asked:
    """What the options of a command ask for."""
    return Asked(
        selection=selection,
        partition=partition,
        parameters=parameters,
        zipped=zipped,
        force=force,
        only=f"{STATUS}{only}" if only else "",
        priority=priority,
    )


def _exit_code(result: Result) -> int:
    match result.status:
        case RunStatus.SUCCEEDED:
            return exits.OK
        case RunStatus.CANCELLED:
            return exits.CANCELLED
        case _:
            return exits.STEP_FAILED


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "run": result.run or None,
        "status": result.status,
        "ran": result.tally.ran,
        "reused": result.tally.reused,
        "fresh": result.fresh,
        "failed": result.tally.failed,
        "refused": result.tally.refused,
        "skipped": result.tally.skipped,
        "position": result.position,
        "failures": [
            {
                "asset": found.asset,
                "partitions": found.partitions,
                "step": found.step,
                "steps": found.steps,
                "kind": found.failure.kind,
                "error": found.failure.error,
                "message": found.failure.message,
            }
            for found in result.failures
        ],
        "added": result.added,
        "unclosed": {name: f"{failure.error}: {failure.message}" for name, failure in result.unclosed.items()},
    }


def _print_result(out: Console, prepared: Prepared, result: Result, seconds: float) -> None:
    if not result.run:
        _print_nothing(out, prepared.plan, prepared.asked)
        return
    tally = result.tally
    reused = tally.reused + result.fresh
    parts = [f"{tally.ran:,} run", f"{reused:,} reused"]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    parts += [f"{tally.refused:,} refused"] if tally.refused else []
    parts += [f"{tally.skipped:,} skipped"] if tally.skipped else []
    for left in blocked_lines(prepared.plan):
        out.print(f"left out: {left.line}", style="yellow")
    for handled in result.handled:
        failed = f" failed: {handled.failure.error}: {handled.failure.message}" if handled.failure else " was told"
        out.print(f"on failure of {handled.workflow}: {handled.task}{failed}", style="yellow")
    for name, failure in result.unclosed.items():
        out.print(f"resource {name} could not be closed: {failure.error}: {failure.message}", style="yellow")
    line = f"{', '.join(parts)} in {duration(seconds * 1_000)}."
    if result.added and not prepared.asked.partition:
        out.print(_added_text(result.added), style="yellow")
    match result.status:
        case RunStatus.SUCCEEDED:
            out.print(f"{line} {_outcome(prepared, result)} at position {result.position:,}.", style="green")
        case RunStatus.CANCELLED:
            out.print(f"{line} Cancelled; what was finished is kept.", style="yellow")
        case _:
            out.print(f"{line} See `latewood run {result.run}` and `latewood logs {result.run}`.", style="red")


def _added_text(added: Mapping[AssetKey, int]) -> str:
    partitions = ", ".join(f"{plural(count, 'partition')} of {key}" for key, count in added.items())
    were, them = ("was", "it") if sum(added.values()) == 1 else ("were", "them")
    return f"{partitions} {were} added meanwhile; the next run makes {them}"


def _outcome(prepared: Prepared, result: Result) -> str:
    """What is true once everything that could be made of what was asked for has been."""
    tally = result.tally
    nodes = [task.node for task in prepared.plan.tasks]
    made_in_part = prepared.plan.counts[Action.BLOCKED] or tally.barred
    made = sum(asset.origin is Origin.MADE for asset in prepared.view.catalog.assets.values())
    if (tried := [node for node in nodes if node.is_variant]) and len(tried) < len(nodes):
        of = plural(len({key for node in tried for key in node.keys}), "asset")
        rest = "what could be made of the rest" if made_in_part else "what they do not reach"
        return f"Other parameters than the defaults: variants were made of {of}; {rest} is up to date with its inputs"
    if tried:
        return "Other parameters than the defaults: variants were made, heads are as before,"
    if made_in_part:
        return "What could be made is fresh"
    if result.added:
        return "What there was when it began is up to date"
    if prepared.asked.partition or prepared.asked.only or sum(len(node.keys) for node in nodes) < made:
        return "What was selected is up to date with its inputs"
    return "Everything is fresh"


def _print_nothing(out: Console, made: Plan, asked: Asked) -> None:
    """Why there is no task in the plan."""
    for line in (*awaiting_lines(made), *elsewhere_lines(made)):
        out.print(f"left out: {line}", style="yellow")
    why = (
        ""
        if made.awaiting
        else f": {asked.selection} selects nothing" + (f" that is {asked.status}" if asked.status else "")
    )
    out.print(f"Nothing to do{why}", style="yellow")


def _print_plan(out: Console, made: Plan, asked: Asked, words: PlanWords, brings: Sequence[Bringing]) -> None:
    if not made.tasks:
        _print_nothing(out, made, asked)
        return
    for line in (*awaiting_lines(made), *elsewhere_lines(made)):
        out.print(f"left out: {line}", style="yellow")
    rows = [
        PlanRow(
            group.action,
            key,
            "" if scheme is None else partitions_text(len(group.ordinals), describe(scheme, group.ordinals)),
            "; ".join(words.why(task, group, partial(short, length=40))),
        )
        for task in made.tasks
        for scheme in (task.node.assets[0].partitions,)
        for group in task.groups
        for key in task.node.keys
    ]
    print_plan(out, rows, made.counts, _estimate(made), brings)


class PlanRow(NamedTuple):
    """What is planned for partitions of an asset, and why."""

    action: Action
    key: str
    partitions: str
    why: str


def print_plan(
    out: Console,
    planned: Iterable[PlanRow],
    counts: Mapping[Action, int],
    estimate: str,
    brings: Iterable[Bringing] = (),
) -> None:
    """Print a plan; what is alike, as variants are, is one row."""
    rows = table("", "asset", "partitions", "why")
    for (action, key, partitions, why), count in Counter(planned).items():
        word, variants = _ACTION_WORD[action], "" if count == 1 else f"{count:,} variants"
        rows.add_row(word, key, ", each ".join(filter(None, (variants, partitions))), why, style=_ACTION_STYLE[word])
    out.print(rows)
    out.print(
        f"{counts[Action.RUN]:,} run, {counts[Action.DEPENDS]:,} maybe, {counts[Action.REUSE]:,} reuse, "
        f"{counts[Action.FRESH]:,} fresh"
        + "".join(f", {counts[a]:,} {_ACTION_WORD[a]}" for a in (Action.SKIP, Action.BLOCKED) if counts[a])
    )
    for line in bringing_lines(brings):
        out.print(line)
    if estimate:
        out.print(estimate)


def partitions_text(count: int, described: str) -> str:
    """How many partitions, and which."""
    return f"{count:,}: {short(described, 60)}"


def _estimate(made: Plan) -> str:
    """What running will take, from the durations of past versions; empty without any."""
    low = high = 0.0
    samples = unknown = 0
    for task in made.tasks:
        steps = sum(len(g.ordinals) for g in task.groups if g.action in (Action.RUN, Action.DEPENDS))
        past = made.state.durations.get(task.node.ids[0])
        if not steps:
            continue
        if past is None:
            unknown += steps
            continue
        low += steps * past.p50_ms
        high += steps * past.p90_ms
        samples += past.samples
    return estimate_text(low, high, samples, unknown)


def estimate_text(low: float, high: float, samples: int, unknown: int) -> str:
    """The same from the milliseconds of medians and 90th percentiles, and of how many steps these and others are."""
    if not samples:
        return ""
    more = f", and {plural(unknown, 'step')} never run before" if unknown else ""
    basis = f"p50 to p90 of {plural(samples, 'past step')}"
    span = duration(low) if duration(low) == duration(high) else f"{duration(low)} to {duration(high)}"
    return f"estimated {span} in functions ({basis}), if all of it runs{more}"


def _plan_json(made: Plan, words: PlanWords) -> dict[str, Any]:
    return {
        "position": made.state.position,
        "environment": made.state.environment,
        "counts": {action.value: count for action, count in made.counts.items()},
        "awaiting": made.awaiting,
        "steps": [
            {
                "assets": task.node.keys,
                "action": group.action,
                "partitions": ""
                if task.node.assets[0].partitions is None
                else describe(task.node.assets[0].partitions, group.ordinals),
                "count": len(group.ordinals),
                "trial": {f"{key}.{name}": msgspec.Raw(value.encode()) for key, name, value in task.node.trial},
                "code": [
                    {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after}
                    for c in words.changed(task).code
                ],
                "parameters": [change._asdict() for change in words.changed(task).parameters],
                "inputs": words.changed(task).inputs,
                "each": task.node.task.each,
                "elements": words.changed(task).elements,
                "reasons": [
                    {name: part for name, part in reason._asdict().items() if part or name == "subject"}
                    for reason in group.reasons
                ],
            }
            for task in made.tasks
            for group in task.groups
        ],
    }
