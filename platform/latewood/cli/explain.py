"""`latewood why`."""

from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import STATUS_STYLE, console, content_text, duration, moment, plural, print_json
from latewood.cli.run_reasons import show_run_reasons, show_step_reasons
from latewood.cli.wording import (
    asked_by_text,
    configuration_text,
    displaced_text,
    failure_text,
    freshness_json,
    freshness_text,
    moved_json,
    moved_text,
    parameter_text,
    ran_because,
    rename_json,
    rename_text,
)
from latewood.commands.blocked import way_on
from latewood.commands.explaining import why
from latewood.commands.plan_words import change_text
from latewood.commands.run_reasons import jobs_heard_of, why_run, why_step
from latewood.commands.runs import requested, run_named
from latewood.commands.views import PRESENT, look_text, moment_meant
from latewood.commands.workspace import Workspace
from latewood.decide.findings import Explanation, Finding, OfElements
from latewood.decide.moves import BY_HAND
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status
from latewood.decide.state import VersionFacts
from latewood.errors import NotFound
from latewood.events import CheckEvaluated, ObservationFailed, RunRequested, StepFailed
from latewood.model.keys import AssetKey
from latewood.projections.runs import RunRow


def why_command(
    *,
    key: str,
    step: int | None,
    file: Path | None,
    module: str | None,
    location: str | None,
    partition: str,
    environment: str | None,
    as_of: int | datetime | None,
    json_: bool,
) -> int:
    """Explain what is deployed, or the definitions that are named as if they were."""
    workspace = open_workspace(environment=environment)
    is_named = file is not None or module is not None or location is not None
    moment = moment_meant(workspace, as_of)
    if step is not None:
        explained = why_step(workspace, run_named(workspace, key), step, up_to=moment.position)
        if moment == PRESENT:
            explained = jobs_heard_of(workspace.store, explained)
        return show_step_reasons(explained, json_=json_)
    loaded = None
    if is_named:
        from latewood.cli.loading import load

        loaded = load(workspace, file, module, location)
    try:
        found = why(workspace, key, partition=partition, as_of=moment, loaded=loaded)
    except NotFound:
        row = None if is_named or partition else _run_called(workspace, key)
        if row is None:
            raise
        return show_run_reasons(why_run(workspace, row, up_to=moment.position), json_=json_)
    asked = None if found.head is None else requested(workspace, found.head.run)
    return show_explanation(found, asked, is_named=bool(partition), json_=json_)


def _run_called(workspace: Workspace, text: str) -> RunRow | None:
    try:
        return run_named(workspace, text)
    except NotFound:
        return None


def show_explanation(found: Explanation, asked: RunRequested | None, *, is_named: bool, json_: bool) -> int:
    """Print it, with what the run that made the head was asked for; `is_named` is its partition. Exit code."""
    if json_:
        print_json({**explanation_json(found), "asked_by": asked_by_json(asked)})
        return exits.OK
    out = console()
    _print_explanation(out, found)
    if found.head is not None and (by := asked_by_text(asked)):
        out.print(f"run {found.head.run} was asked for by {by}")
    if found.partition and not is_named:
        which = "the last partition: none is stale or missing" if found.status is Status.FRESH else "the first such one"
        out.print(f"{found.partition} is {which}; --partition asks about another", style="dim")
    return exits.OK


def explanation_json(found: Explanation) -> dict[str, Any]:
    """All of it, for machines."""
    return {
        "asset": found.asset,
        "partition": found.partition,
        "status": found.status,
        "position": found.position,
        "foreseen": found.foreseen,
        "since": found.since,
        "absent": found.beside is not None,
        "head": None if found.head is None else found.head._asdict(),
        "head_since": found.head_since,
        "moved": moved_json(found.moved),
        "replaced": moved_json(found.replaced),
        "taken_from": None
        if found.source is None
        else {
            "asset": found.source[0],
            "version": found.source[1].version,
            "event": found.source[1].position,
            "made_at": found.source[1].made_at,
        },
        "failed": found.failed,
        "renames": [rename_json(rename) for rename in found.renames],
        "freshness": [freshness_json(judged) for judged in found.freshness],
        "carried": None if found.carried is None else found.carried._asdict(),
        "nearest": None
        if found.nearest is None
        else {"version": found.nearest.version.version, "differs": found.nearest.differs},
        "elements": None if found.elements is None else asdict(found.elements),
        "barred": None if found.barred is None else found.barred._asdict(),
        "made_because": () if found.started is None else found.started.reasons,
        "findings": [
            {
                "cause": finding.cause,
                "asset": finding.asset,
                "partitions": finding.partitions,
                "subject": finding.subject,
                "path": finding.path,
                "before": finding.before,
                "after": finding.after,
                "event": finding.event,
                "since": finding.since,
                "moved": moved_json(finding.moved),
                "pinned_by": "" if finding.pin is None or not finding.pin.pinned else finding.pin.actor,
                "failure": None if finding.failure is None else _failure_json(finding.failure),
                "retracted": None if finding.retraction is None else finding.retraction._asdict(),
                "code": [
                    {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after} for c in finding.code
                ],
                "through": finding.through,
                "observed": finding.observed,
                "undefined": bool(finding.undefined_in),
                "lying": None if finding.lying is None else finding.lying._asdict(),
            }
            for finding in found.findings
        ],
    }


def asked_by_json(asked: RunRequested | None) -> dict[str, str] | None:
    """What has asked for a run by itself, if something has."""
    if asked is None or not asked.automation:
        return None
    return {"run": asked.run, "automation": asked.automation, "run_key": asked.run_key}


def _failure_json(failure: StepFailed | CheckEvaluated | ObservationFailed) -> dict[str, str]:
    if isinstance(failure, StepFailed | ObservationFailed):
        return {"check": "", "error": failure.failure.error, "message": failure.failure.message}
    return {"check": failure.check, "error": "", "message": failure.message}


def _print_explanation(out: Console, found: Explanation) -> None:
    name = f"{found.asset} {found.partition}".rstrip()
    since = f" since position {found.since:,}" if found.since is not None else ""
    if found.beside is not None and found.head is None:
        out.print(f"{name} is absent: an optional output that its task did not make", style=STATUS_STYLE["absent"])
    elif found.foreseen:
        said = f"would be {found.status.value} once {found.foreseen} is deployed"
        out.print(f"{name} {said}", style=STATUS_STYLE[found.status.value])
    else:
        out.print(f"{name} is {found.status.value}{since}", style=STATUS_STYLE[found.status.value])
    for number, (line, event) in enumerate(_numbered(found), start=1):
        out.print(f" {number:<2} {line}" + (f"   event {event:,}" if event is not None else ""))
    for line in (*_made_lines(found), *_remarks(found), *map(freshness_text, found.freshness)):
        out.print(line)


def _numbered(found: Explanation) -> Iterator[tuple[str, int | None]]:
    """The findings, each after what moved the head that it is about."""
    refused = {finding.asset for finding in found.findings if isinstance(finding.failure, CheckEvaluated)}
    told = set() if found.moved is None else {found.moved.position}
    for finding in found.findings:
        if finding.moved is not None and finding.moved.position not in told:
            told.add(finding.moved.position)
            key = finding.subject if finding.cause is Cause.INPUT else finding.asset
            yield f"head       of {key} was set by {moved_text(finding.moved)}", finding.moved.position
        yield from _finding_lines(finding, refused)


def _made_lines(found: Explanation) -> Iterator[str]:
    """How the head was made, or what was made in place of an absent output, and how it became head."""
    if found.beside is not None:
        run, at = found.beside.run, moment(found.beside.made_at)
        yield f"its task was run by run {run} at {at}, event {found.beside.position:,}, and made none of it"
    if (head := found.head) is None:
        return
    computed = head
    if not head.artifact:
        yield f"observed as {content_text(head.data_version)} at {moment(head.made_at)}, event {head.position:,}"
    elif found.source is None:
        yield f"its version {head.version} was made by run {_made_text(head)}"
    else:
        asset, computed = found.source
        taken = f"taken from {asset} {computed.version} by run {head.run}, event {head.position:,}"
        yield f"its version {head.version} was {taken}"
        yield f"that was made by run {_made_text(computed)}"
    if found.started is not None and found.started.reasons:
        yield f"it was run because: {'; '.join(map(ran_because, found.started.reasons))}"
    if found.elements is not None:
        yield _elements_text(found.elements)
    if found.moved is not None:
        is_replaced = found.moved.by in BY_HAND and found.status is not Status.FRESH
        rest = "; running it replaces that" if is_replaced else ""
        yield f"it became head by {moved_text(found.moved)}, event {found.moved.position:,}{rest}"
    if found.replaced is not None:
        yield f"it replaced what was head by {moved_text(found.replaced)}, event {found.replaced.position:,}"


def _elements_text(made: OfElements) -> str:
    """`of its 4 elements: 1 computed for it, element 0 ("south"); 3 taken from before`."""
    there = made.count - made.computed - made.failed
    parts = []
    if made.first is not None:
        number, label = made.first
        which = f"{'' if made.computed == 1 else 'the first of them '}element {number} ({label})"
        parts.append(f"{made.computed:,} computed for it, {which}")
    parts += [f"{made.failed:,} failed"] if made.failed else []
    parts += [f"{there:,} taken from before"] if there else []
    return f"of its {plural(made.count, 'element')}: {'; '.join(parts) or 'none'}"


def _made_text(facts: VersionFacts) -> str:
    at, took = moment(facts.made_at), duration(facts.duration_ms)
    return f"{facts.run} at {at}, event {facts.position:,}, in {took}"


def _remarks(found: Explanation) -> Iterator[str]:
    if (carried := found.carried) is not None:
        yield f"versions of {carried.old} count as those of {carried.new}: {carried.actor}, event {carried.position:,}"
    if found.renames:
        yield f"renamed: {'; '.join(map(rename_text, found.renames))}"
    if found.barred is not None:
        yield (
            f"running it does not help: that would make what was retracted, {found.barred.version} "
            f"({found.barred.reason}); {way_on(found.barred.version)}"
        )
    if found.nearest is not None and found.nearest.differs:
        near = found.nearest.version
        differs = ", ".join(cause.value for cause in found.nearest.differs)
        yield f"nearest earlier version: {near.version} (event {near.position:,}), which differs in {differs}"
    variant = [f for f in found.findings if f.cause is Cause.PARAMETERS and f.before and not f.path and _is_promoted(f)]
    if variant and not found.foreseen:
        written = " ".join(f"{finding.asset}.{finding.subject}={finding.before}" for finding in variant)
        yield f"made with other parameters than those of the environment; for them to stay: latewood pin {written}"
    if found.status is Status.FRESH and found.head is not None and found.head.artifact:
        yield "nothing changed since: code, parameters, inputs and packages are the same"


def _is_promoted(finding: Finding) -> bool:
    """The parameter is other than the environment's because such a version was made head, not by a later event."""
    return finding.event is None or (finding.moved is not None and finding.event == finding.moved.position)


def _finding_lines(finding: Finding, refused: Collection[AssetKey]) -> list[tuple[str, int | None]]:
    where = f"{finding.asset} {finding.partitions}".rstrip()
    through = f", read through {' -> '.join(finding.through)}" if finding.through else ""
    match finding.cause:
        case Cause.MISSING if finding.undefined_in:
            reader, *readers = finding.through
            further = f", read through {' -> '.join(readers)}" if readers else ""
            gone = f"{where} is not defined in {finding.undefined_in} any more"
            return [(f"missing    {gone}, read by {reader}{further}", None)]
        case Cause.MISSING:
            never = "no version that may be used" if finding.asset in refused else "never materialized here"
            return [(f"missing    {where}: {never}{through}", None)]
        case Cause.CODE if finding.code:
            return [
                (f"code       {change_text(change)}, used by {where}{through}", finding.event)
                for change in finding.code
            ]
        case Cause.CODE:
            return [(f"code       of {where} changed{through}", finding.event)]
        case Cause.PARAMETERS:
            return [(f"parameter  {parameter_text(finding, where)}{through}", finding.event)]
        case Cause.CONFIGURATION:
            return [(f"configuration {configuration_text(finding)}, used by {where}{through}", finding.event)]
        case Cause.FAILED | Cause.REFUSED:
            word = "refused" if isinstance(finding.failure, CheckEvaluated) else "failed"
            said = ", before that" if finding.failure is None else f": {failure_text(finding.failure)}"
            return [(f"{word:<10} {where}{said}{through}", finding.event)]
        case Cause.RETRACTED:
            assert finding.retraction is not None, "what was retracted is known by its event"
            said = f"{finding.retraction.version} was retracted: {finding.retraction.reason}"
            return [(f"retracted  {where}: {said}{through}", finding.event)]
        case Cause.OVERWRITTEN | Cause.CHANGED_OUTSIDE:
            word = "overwritten" if finding.cause is Cause.OVERWRITTEN else "changed"
            return [(f"{word:<10} {displaced_text(finding, where)}{through}", finding.event)]
        case Cause.ABSENT:
            return [(f"absent     {where}: an optional output that its task did not make{through}", None)]
        case Cause.INPUT:
            before, after = content_text(finding.before), content_text(finding.after)
            subject = f"{finding.subject} was observed" if finding.observed else finding.subject
            return [(f"input      {subject}: {before} -> {after}, read by {where}{through}", finding.event)]
        case Cause.UNOBSERVED:
            return [(f"unobserved {where} was never observed: {look_text(finding.asset)}{through}", None)]
        case Cause.UNSEEN:
            said = f"{where} has {Cause.UNSEEN}: `latewood observe {finding.asset}`"
            return [(f"unobserved {said}{through}", None)]
        case cause:
            return [(f"{cause:<10} {where}{through}", finding.event)]
