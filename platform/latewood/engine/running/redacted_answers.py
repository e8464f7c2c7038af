"""What workers answer, without secrets: a process may be killed before it can replace them itself."""

from msgspec.structs import replace

from latewood.engine.running.worker_protocol import (
    Answer,
    Checked,
    Closed,
    Copied,
    Defined,
    Elements,
    Failed,
    Hello,
    NothingThere,
    Opened,
    Placing,
    Referring,
    Refused,
    Returned,
    ReturnedRange,
    Running,
    Seen,
    Sensed,
    Sighted,
)
from latewood.engine.values.redaction import redacted, redacted_json
from latewood.events import Failure


def without_secrets(answer: Answer) -> Answer:
    """The same, with every secret that this process knows replaced in what users may have put there."""
    match answer:
        case ReturnedRange(each=each):
            return replace(answer, each=tuple(map(_part, each)), logs=redacted(answer.logs))
        case Returned() | Failed():
            return _part(answer)
        case Checked():
            return _verdict(answer)
        case Closed():
            return replace(answer, failures={name: _failure(found) for name, found in answer.failures.items()})
        case Refused():
            return replace(answer, message=redacted(answer.message))
        case Sensed():
            return replace(answer, skipped=redacted(answer.skipped), logs=redacted(answer.logs))
        case Elements():
            return replace(answer, labels=tuple(map(redacted, answer.labels)))
        case Sighted():
            return replace(answer, metadata=redacted_json(answer.metadata), logs=redacted(answer.logs))
        case NothingThere():
            return replace(answer, place=redacted(answer.place))
        case Hello() | Referring() | Defined() | Opened() | Running() | Placing() | Copied() | Seen():
            return answer


def _part(answer: Returned | Failed) -> Returned | Failed:
    if isinstance(answer, Failed):
        return replace(answer, failure=_failure(answer.failure), logs=redacted(answer.logs))
    return replace(
        answer,
        outputs={
            name: replace(result, metadata=redacted_json(result.metadata)) for name, result in answer.outputs.items()
        },
        logs=redacted(answer.logs),
        metadata=redacted_json(answer.metadata),
        no_reuse=redacted(answer.no_reuse),
        verdicts={
            name: {check: _verdict(found) for check, found in checks.items()}
            for name, checks in answer.verdicts.items()
        },
    )


def _verdict(answer: Checked) -> Checked:
    return replace(
        answer,
        message=redacted(answer.message),
        metadata=redacted_json(answer.metadata),
        failure=None if answer.failure is None else _failure(answer.failure),
        no_reuse=redacted(answer.no_reuse),
        logs=redacted(answer.logs),
    )


def _failure(failure: Failure) -> Failure:
    return replace(
        failure,
        error=redacted(failure.error),
        message=redacted(failure.message),
        traceback=redacted(failure.traceback),
    )
