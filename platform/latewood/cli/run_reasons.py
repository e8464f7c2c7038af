"""`latewood why` of a run, and of one of its steps."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from latewood.cli import exits
from latewood.cli.output import console, moment, plural, print_json, table
from latewood.cli.wording import asked_by_text, ran_because
from latewood.decide.reasons import Reason
from latewood.decide.step_reasons import Decision, RunExplained, StepExplained
from latewood.decide.step_waits import Awaited, AwaitedStep, Wait


def show_run_reasons(found: RunExplained, *, json_: bool) -> int:
    """Print who asked for a run, and what was planned; exit code."""
    if json_:
        print_json(_run_json(found))
        return exits.OK
    out, asked = console(), found.requested
    tick = "" if found.tick is None else f" for {moment(found.tick)}"
    by = f"{asked_by_text(asked)}{tick}, event {found.evaluation:,}" if found.evaluation else found.actor
    out.print(f"run {asked.run} was asked for by {by}, at {moment(found.at)}, event {found.position:,}")
    out.print(f"{asked.selection} {asked.partitions}".rstrip() + f" in {asked.environment}{''.join(_asked(found))}")
    if found.planned_from is None:
        out.print("nothing was planned yet", style="dim")
        return exits.OK
    rows = table("asset", "partitions", "steps", "planned", "because", right=("steps",))
    for planned in found.planned:
        rows.add_row(
            ", ".join(planned.assets),
            planned.partitions,
            f"{planned.first:,}" if planned.steps == 1 else _numbers(planned.first, planned.steps),
            planned.action,
            _because(planned.reasons),
        )
    out.print(rows if found.planned else "no step was planned")
    if found.fresh:
        out.print(f"{plural(found.fresh, 'partition')} needed nothing", style="dim")
    out.print(f"planned from what position {found.planned_from:,} says", style="dim")
    return exits.OK


def _numbers(first: int, steps: int) -> str:
    return f"{first:,}-{first + steps - 1:,}" if steps else ""


def _asked(found: RunExplained) -> Iterator[str]:
    asked = found.requested
    if asked.rerun_of:
        yield f", again what run {asked.rerun_of} was asked for"
    if asked.only:
        yield f", {asked.only} of it"
    if asked.launch:
        yield f", launched as {asked.launch}"
    if asked.force:
        yield ", whatever was there"


def _because(reasons: Iterable[Reason]) -> str:
    return "; ".join(ran_because(reason.written) for reason in reasons)


_SAID = {
    Decision.RUN: "was run",
    Decision.REUSED: "was reused",
    Decision.SKIPPED: "was skipped",
    Decision.WAITS: "waits",
    Decision.LEFT: "was left: the run was over before it began",
}


def show_step_reasons(found: StepExplained, *, json_: bool) -> int:
    """Print what was planned for a step and what was decided; exit code."""
    if json_:
        print_json(_step_json(found))
        return exits.OK
    out = console()
    of = f"{', '.join(found.assets)} {found.partition}".rstrip()
    at = "" if found.position is None else f", event {found.position:,}"
    out.print(f"step {found.step} of run {found.run}, {of}, {_SAID[found.decision]}{at}")
    for line in _lines(found):
        out.print(line)
    return exits.OK


def _lines(found: StepExplained) -> Iterator[str]:
    if found.planned is not None:
        because = _because(found.planned_reasons)
        yield f"planned: {found.planned}{f', since {because}' if because else ''}"
    if found.reasons and found.reasons != found.planned_reasons:
        yield f"it was run because: {_because(found.reasons)}"
    for version in found.lost:
        yield f"version {version} could have been taken, but its artifact was not found"
    for taken in found.taken:
        source = "" if taken.source is None else f" of {taken.source}"
        root = "" if taken.computed_as is None else f"; that was computed as {taken.computed_as} of {taken.computed_of}"
        yield f"{taken.asset}: version {taken.version}{source} is what would have been computed{root}"
    if found.skipped is not None:
        yield f"{found.skipped}{'' if found.because is None else f': step {found.because}'}"
    for job in found.jobs:
        of = f"attempt {job.attempt}: job {job.handle or job.key} of {job.connector}"
        said = job.state or ("" if job.handle else "nobody knows yet whether it was submitted")
        yield ", ".join(filter(None, [of, said, job.link]))
    if found.failure is not None:
        yield f"it failed, at attempt {found.attempts}: {found.failure.error}: {found.failure.message}"
    for awaited in found.waits:
        yield f"it waits for {_awaited(awaited)}"
    if found.no_reuse:
        yield f"its result is not reused: {found.no_reuse}"
    if found.nearest is not None:
        near, differs = found.nearest.version, ", ".join(found.nearest.differs)
        said = f"differs in {differs}" if differs else "equals what it was to compute"
        yield f"nearest earlier version: {near.version} (event {near.position:,}), which {said}"


def _awaited(found: Awaited) -> str:
    match found.what:
        case Wait.STEPS:
            more = found.count - len(found.steps)
            return ", ".join(map(_step_text, found.steps)) + (f" and {plural(more, 'more step')}" if more else "")
        case Wait.ENGINE:
            there = (
                f": {', '.join(found.engines)}" if found.engines else "; none is running: `latewood engine` starts one"
            )
            return f"an engine to take its run{there}"
        case Wait.RETRY:
            return f"its next attempt, due at {moment(found.until)}" if found.until else "its next attempt"
        case Wait.SLOT:
            pool, held = f"pool {found.pool}" if found.pool else "the quota", "; ".join(s.holder for s in found.slots)
            return f"a slot of {pool}, of which all {found.limit or 0:,} are taken: {held}"
        case Wait.OTHER:
            named = ", ".join(f"{_step_text(step)} of run {step.run}" for step in found.steps)
            more = found.count - len(found.steps)
            return f"{named}{f' and {more:,} more' if more else ''}, to take what is made there: it computes the same"
        case Wait.TURN:
            return "its turn: a free worker, where higher priorities come first"


def _step_text(step: AwaitedStep) -> str:
    return f"step {step.step}, {', '.join(step.assets)} {step.partition}".rstrip()


def _awaited_json(found: Awaited) -> dict[str, Any]:
    return {
        "kind": found.what,
        "steps": [step._asdict() for step in found.steps],
        "count": found.count,
        "engines": found.engines,
        "until": found.until,
        "pool": found.pool,
        "limit": found.limit,
        "slots": [{"number": each.number, "holder": each.holder, "since": each.since} for each in found.slots],
    }


def _reasons_json(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"cause": cause.value, "subject": subject, "check": check} for cause, subject, check in reasons]


def _run_json(found: RunExplained) -> dict[str, Any]:
    asked = found.requested
    return {
        "run": asked.run,
        "actor": found.actor,
        "automation": asked.automation,
        "run_key": asked.run_key,
        "evaluation": found.evaluation,
        "tick": found.tick,
        "rerun_of": asked.rerun_of,
        "only": asked.only,
        "launch": asked.launch,
        "forced": asked.force,
        "parameters": asked.parameters,
        "at": found.at,
        "position": found.position,
        "planned_from": found.planned_from,
        "planned": [{**planned._asdict(), "reasons": _reasons_json(planned.reasons)} for planned in found.planned],
        "fresh": found.fresh,
    }


def _step_json(found: StepExplained) -> dict[str, Any]:
    failure, nearest = found.failure, found.nearest
    return {
        "run": found.run,
        "step": found.step,
        "assets": found.assets,
        "partition": found.partition,
        "planned": found.planned,
        "planned_reasons": _reasons_json(found.planned_reasons),
        "decision": found.decision,
        "position": found.position,
        "reasons": _reasons_json(found.reasons),
        "no_reuse": found.no_reuse,
        "attempts": found.attempts,
        "failure": None if failure is None else {"error": failure.error, "message": failure.message},
        "skipped": found.skipped,
        "because": found.because,
        "taken": [taken._asdict() for taken in found.taken],
        "lost": found.lost,
        "jobs": [asdict(job) for job in found.jobs],
        "nearest": None if nearest is None else {"version": nearest.version.version, "differs": nearest.differs},
        "waits": list(map(_awaited_json, found.waits)),
    }
