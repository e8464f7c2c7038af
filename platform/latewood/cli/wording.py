"""What happened, in words that two commands share."""

from typing import Any

from latewood.cli.output import content_text, duration, metadata_text, moment, plural
from latewood.decide.deploy import Rename
from latewood.decide.findings import Finding
from latewood.decide.freshness import Judged
from latewood.decide.moves import By, Moved
from latewood.decide.reasons import Cause
from latewood.engine.running.reports import Begun, DatabaseAway, Notice, SlotsLost, WaitingForPools
from latewood.events import CheckEvaluated, ObservationFailed, RunRequested, StepFailed
from latewood.model.policies import QUOTA


def parameter_text(finding: Finding, where: str) -> str:
    """A change of a parameter as a clause: `depth of model: 3 -> 6`."""
    if not finding.subject:
        return f"of {where} changed"
    name, before, after = f"{finding.subject} of {where}", finding.before, finding.after
    if not finding.path:
        if finding.pin is None:
            return f"{name}: {before} -> {after}"
        return f"{name}: {before} -> {after} ({'' if finding.pin.pinned else 'un'}pinned by {finding.pin.actor})"
    verb = "changed" if before and after else "is there now" if after else "is gone"
    return f"{name}: content of {finding.path} {verb} {_from_to(before, after)}"


def configuration_text(finding: Finding) -> str:
    """A change of a resource's configuration as a clause: `Warehouse.url: sqlite:///a -> sqlite:///b`."""
    if "." in finding.subject:
        return f"{finding.subject}: {finding.before or 'nothing'} -> {finding.after or 'nothing'}"
    if not finding.subject:
        return "of resources changed"
    return f"{finding.subject} {'was not there before' if finding.after else 'is not configured in this environment'}"


def displaced_text(finding: Finding, where: str) -> str:
    """What became of the place where a version lay, as a clause."""
    there = finding.lying
    assert there is not None, "what lies there was looked at"
    if there.version:
        run = there.version.rpartition(".")[0]
        return f"{where}: {finding.path} was overwritten by run {run} in {there.environment}, with {there.version}"
    verb = f"has another content {_from_to(finding.before, finding.after)}" if finding.after else "is gone"
    return f"{where} outside of Latewood: {finding.path} {verb}"


def _from_to(before: str, after: str) -> str:
    """Two contents, of which either may be none."""
    return f"({content_text(before) or 'nothing'} -> {content_text(after) or 'nothing'})"


def failure_text(fact: StepFailed | CheckEvaluated | ObservationFailed) -> str:
    """What went wrong: `ValueError: no such day`, or `blocking check not_negative failed: found -1`."""
    if isinstance(fact, StepFailed | ObservationFailed):
        return f"{fact.failure.error}: {fact.failure.message}"
    found = fact.message or metadata_text(fact.metadata)
    return f"{'blocking ' if fact.blocking else ''}check {fact.check} failed{f': {found}' if found else ''}"


def rename_json(rename: Rename) -> dict[str, Any]:
    """A change of name, for machines."""
    return {"old": rename.old, "new": rename.new, "event": rename.position}


def rename_text(rename: Rename) -> str:
    """A change of name as a clause: `sales -> turnover (event 12)`."""
    return f"{rename.old} -> {rename.new} (event {rename.position:,})"


def notice_text(notice: Notice) -> str:
    """What a run says of itself, in one line."""
    if isinstance(notice, Begun):
        return f"run {notice.run}  {plural(notice.steps, 'step')}"
    if isinstance(notice, DatabaseAway):
        patience = duration(notice.patience.total_seconds() * 1_000)
        return f"{notice.reason} The run waits for it, at most {patience}; what is finished is kept."
    if isinstance(notice, WaitingForPools | SlotsLost):
        names = " and ".join(pool_text(name) for name in notice.pools)
        if isinstance(notice, SlotsLost):
            return f"this process was not heard of for too long: others may have its step's slot of {names} by now"
        return f"a step waits for a slot of {names}; `latewood pools` shows who has them"
    return f"the database is back after {duration(notice.after.total_seconds() * 1_000)}; the run goes on"


def pool_text(name: str) -> str:
    """A pool by its name."""
    return "the quota" if name == QUOTA else f"pool {name}"


def freshness_text(judged: Judged) -> str:
    """What a policy says of how current an asset is."""
    up_to = "" if judged.up_to is None else f", up to {moment(judged.up_to)}"
    if not judged.is_overdue:
        return f"in time by {judged.policy}{f': {judged.why}' if judged.why else up_to}"
    since = "" if judged.since is None else f" since {moment(judged.since)}"
    return f"overdue by {judged.policy}{since}: {judged.why}{up_to}"


def freshness_json(judged: Judged) -> dict[str, Any]:
    """The same for machines."""
    return {
        "policy": judged.policy,
        "overdue": judged.is_overdue,
        "since": judged.since,
        "why": judged.why,
        "up_to": judged.up_to,
    }


def asked_by_text(requested: RunRequested | None) -> str:
    """What has asked for a run by itself; nothing where somebody did."""
    if requested is None or not requested.automation:
        return ""
    return f"{requested.automation}, run key {requested.run_key}" if requested.run_key else requested.automation


def moved_text(moved: Moved) -> str:
    """By what a version became head, and when."""
    at = moment(moved.at)
    match moved.by:
        case By.ROLLBACK:
            return f"a rollback by {moved.actor} at {at}"
        case By.PROMOTION:
            return f"a promotion by {moved.actor} at {at}"
        case By.ENVIRONMENT:
            return f"the promotion of {moved.environment} by {moved.actor} at {at}"
        case By.BRANCH:
            return f"branching from {moved.environment}, by {moved.actor} at {at}"
        case By.REUSE:
            return f"run {moved.run}, which reused it at {at}"


def moved_json(moved: Moved | None) -> dict[str, Any] | None:
    """The same for machines."""
    if moved is None:
        return None
    return {
        "event": moved.position,
        "by": moved.by,
        "at": moved.at,
        "actor": moved.actor,
        "environment": moved.environment,
        "run": moved.run,
    }


def ran_because(written: str) -> str:
    """Why a step was run, from how events keep it."""
    cause, _, subject = written.partition(":")
    match cause:
        case Cause.UPSTREAM:
            return f"{subject} was to be made anew"
        case Cause.CODE | Cause.PARAMETERS | Cause.CONFIGURATION:
            return f"its {cause} changed"
        case Cause.INPUT:
            return "the content of an input changed"
        case Cause.FAILED:
            return "its last attempt had failed"
        case Cause.MISSING | Cause.FORCED | Cause.UNCHECKED:
            return f"it was {cause}"
        case Cause.REUSE_OFF:
            return "its results are not reused"
        case Cause.EXPIRED | Cause.LOST:
            return f"its {cause}" if cause == Cause.EXPIRED else "its artifact was lost"
        case Cause.REFUSED:
            asset, _, check = subject.partition(":")
            return f"blocking check {check} refused {asset}" if check else f"a blocking check refused {asset or 'it'}"
        case _:
            return f"{subject} was {cause}" if subject else cause
