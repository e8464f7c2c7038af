"""What steps ask, in the words of workers: who is asked what, and what the answer means."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from latewood.decide.retry import time_left
from latewood.engine.running.asks import (
    Attempt,
    Collect,
    Copy,
    Evaluate,
    Look,
    Split,
)
from latewood.engine.running.attempt import Evaluated, Made
from latewood.engine.running.calls import Raised
from latewood.engine.running.worker_protocol import (
    Answered,
    CallRange,
    Check,
    Checked,
    Copied,
    CopyTo,
    Elements,
    Failed,
    PutTogether,
    Read,
    Request,
    Returned,
    ReturnedRange,
    Seen,
    TakeApart,
)
from latewood.engine.running.worker_protocol import Look as LookAt
from latewood.engine.running.workers import Crew, call_of, evaluated_of, made_of, raised_of
from latewood.engine.values.values import Values
from latewood.model.keys import RunId
from latewood.serving.crews import RunCrews


class ToAsk(NamedTuple):
    """Whom to ask what, and what the step is to be told of the answer."""

    crew: Crew
    request: Request
    meaning: Callable[[Answered], Any]


def to_ask_for(ask: Evaluate | Look | Copy | Split | Collect, crews: RunCrews, run: RunId, values: Values) -> ToAsk:
    """What is asked of whom, for all that is asked besides an attempt."""
    match ask:
        case Evaluate(step=step, asset=asset, check=check, facts=facts):
            request = Check(
                asset=asset.key,
                check=check.name,
                version=Read(partition=step.partition, artifact=facts.artifact),
                data_version=facts.data_version,
                run=run,
                step=step.number,
            )
            return ToAsk(crews.at_home[asset.key], request, verdict_in)
        case Look(asset=key, facts=facts):
            version = Read(partition=facts.partition, artifact=facts.artifact)
            return ToAsk(crews.at_home[key], LookAt(asset=key, version=version), _fingerprint)
        case Copy(step=step, asset=asset, facts=facts):
            to_copy = CopyTo(
                asset=asset.key,
                version=Read(partition=facts.partition, artifact=facts.artifact),
                data_version=facts.data_version,
                partition=step.partition,
                step=step.number,
            )
            return ToAsk(crews.at_home[asset.key], to_copy, _address)
        case Split(due=due):
            key, reading = due.step.task.node.keys[0], call_of(due.step, due.bound, 1, run).inputs
            return ToAsk(crews.making[key], TakeApart(asset=key, inputs=reading), _elements)
        case Collect(due=due, results=results):
            key = due.step.task.node.keys[0]
            artifacts = tuple(None if facts is None else facts.artifact for facts in results)
            together = PutTogether(asset=key, results=artifacts)
            return ToAsk(crews.making[key], together, lambda answered: _collected(answered, values))


def call_for(ask: Attempt, run: RunId, now: datetime) -> CallRange:
    """One call of the task for all that is due. Its own location asks the checks of what it makes at once.

    But for what a job has left elsewhere, which has to be brought here first.
    """
    node, left = ask.due[0].step.task.node, time_left(ask.deadline, now)
    is_own = node.task.shared is None
    elsewhere = () if ask.job is None else ask.job.elsewhere
    asked = [a for a in node.assets if a.checks and is_own and a.output not in elsewhere]
    checks = {a.output: tuple(check.name for check in a.checks) for a in asked}
    calls = tuple(
        replace(
            call_of(one.step, one.bound, ask.number, run, left),
            placing=is_own and not node.is_variant,
            live=ask.job is None,  # else the engine tells what the job prints
            checks=checks,
            job=ask.job,
        )
        for one in ask.due
    )
    return CallRange(calls=calls)


def verdict_in(answered: Answered) -> Evaluated:
    """The verdict that was asked for."""
    assert isinstance(answered, Checked | Failed), "of a check"
    return evaluated_of(answered)


def _address(answered: Answered) -> str | None:
    return answered.address if isinstance(answered, Copied) else None


def _elements(answered: Answered) -> Elements | Raised:
    if isinstance(answered, Failed):
        return raised_of(answered)
    assert isinstance(answered, Elements), "of lists"
    return answered


def _fingerprint(answered: Answered) -> str | None:
    return answered.fingerprint if isinstance(answered, Seen) else None


def _collected(answered: Answered, values: Values) -> Made | Raised:
    if isinstance(answered, Failed):
        return raised_of(answered)
    assert isinstance(answered, Returned), "of a list"
    (made,) = made_of(ReturnedRange(each=(answered,)), values)
    return made
