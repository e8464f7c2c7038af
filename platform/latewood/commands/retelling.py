"""A run that is driven elsewhere, told by what it records, in the words of one that is executed here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from latewood.commands.materializing import Prepared, Result, result_of
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Step
from latewood.engine.running.reports import Report, Tally, refusal_text, retracted_text, said_of
from latewood.events import (
    CheckEvaluated,
    Event,
    Failure,
    FailureHandled,
    FailureKind,
    OutputMade,
    RunEnded,
    SkipReason,
    StepExpanded,
    StepFailed,
    StepReused,
    StepSkipped,
    StepSucceeded,
    from_json,
)
from latewood.model.elements import element_named
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey, RunId


class Retelling:
    """Reports of a run's steps, and how it ended, by its events: whoever drives it, and however often that changes."""

    def __init__(self, workspace: Workspace, prepared: Prepared, run: RunId) -> None:
        self._workspace = workspace
        self._prepared = prepared
        self._run = run
        self._version = 0
        self._steps = {step.number: step for step in prepared.plan.steps()}
        self._expanded: list[StepExpanded] = []
        self._verdicts: dict[int, list[CheckEvaluated]] = {}
        self._reports: list[Report] = []
        self._failures: list[tuple[Step, Failure]] = []
        self._refusals: dict[tuple[int, AssetId], list[str]] = {}  # by step: its checks may be seen at several looks
        self._handled: list[FailureHandled] = []
        self._barred = 0
        self._ended: RunEnded | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its end is recorded."""
        return self._ended is not None

    def look(self) -> Sequence[Report]:
        """What has become of steps since the last look. Raises DatabaseUnreachable; safe to repeat then.

        Cost: O(events since).
        """
        stream = f"run/{self._run}"
        while events := self._workspace.log.read(self._workspace.project, stream, after=self._version):
            for event in events:
                self._hear(from_json(event.type, event.data))
            self._version = events[-1].version
        for number, verdicts in self._verdicts.items():
            self._judged(number, verdicts)
        self._verdicts.clear()
        found, self._reports = self._reports, []
        return found

    def result(self) -> Result:
        """How it ended."""
        ended = self._ended
        assert ended is not None, "it has"
        tally = Tally(
            ran=ended.ran,
            reused=ended.reused,
            failed=ended.failed,
            refused=ended.refused,
            skipped=ended.skipped,
            barred=self._barred,
        )
        # As if one step had come after the other; they may have failed in any order.
        failures = sorted([*self._failures, *self._refused()], key=lambda failed: failed[0].number)
        return result_of(self._workspace, self._prepared, ended, tally, failures, handled=tuple(self._handled))

    def _hear(self, fact: Event) -> None:
        match fact:
            case StepExpanded():
                self._expanded.append(fact)
            case StepSucceeded(step=number, outputs=outputs):
                self._tell(number, "succeeded", fact.duration_ms, outputs[0].metadata if outputs else {})
                if retracted := next((output for output in outputs if output.retracted), None):
                    text = self._retracted_text(retracted)
                    self._failures.append(self._refusal(number, "Retracted", text))
                    self._tell(number, "refused", message=text)
            case StepReused():
                self._tell(fact.step, "reused")
            case StepFailed(step=number, failure=failure):
                message = f"{failure.error}: {failure.message}"
                self._tell(number, "retrying" if fact.retry_at else "failed", fact.duration_ms, message=message)
                if fact.retry_at is None and number in self._steps:  # of an element it is its list's matter
                    self._failures.append((self._steps[number], failure))
            case StepSkipped():
                self._barred += fact.reason is SkipReason.RETRACTED
                self._tell(fact.step, "skipped", message=fact.reason)
            case CheckEvaluated(passed=False):
                self._verdicts.setdefault(fact.step, []).append(fact)
            case FailureHandled():
                self._handled.append(fact)
            case RunEnded():
                self._ended = fact
            case _:
                pass

    def _judged(self, number: int, verdicts: Sequence[CheckEvaluated]) -> None:
        if not any(step == number for step, _ in self._refusals):  # else that was told, and there is nothing worse
            status, metadata, message = said_of(verdicts)
            self._tell(number, status, metadata=metadata, message=message)
        for verdict in verdicts:
            if verdict.blocking:
                self._refusals.setdefault((number, verdict.asset), []).append(refusal_text(verdict))

    def _refused(self) -> Iterator[tuple[Step, Failure]]:
        keys = {id_: key for key, id_ in self._prepared.view.ids.items()}
        for (number, id_), texts in self._refusals.items():
            yield self._refusal(number, "CheckFailed", f"{keys[id_]}: {'; '.join(texts)}")

    def _refusal(self, number: int, error: str, message: str) -> tuple[Step, Failure]:
        return self._steps[number], Failure(kind=FailureKind.REFUSED, error=error, message=message)

    def _retracted_text(self, output: OutputMade) -> str:
        of_asset = self._prepared.plan.state.retracted.of_asset(output.asset)
        return retracted_text(next(found for found in of_asset if found.version == output.retracted))

    def _tell(
        self,
        number: int,
        status: str,
        duration_ms: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        message: str = "",
    ) -> None:
        assets, partition, element_of = self._named(number)
        report = Report(
            assets=assets,
            partition=partition,
            status=status,
            step=number,
            duration_ms=duration_ms,
            metadata=metadata or {},
            message=message,
            element_of=element_of,
        )
        self._reports.append(report)

    def _named(self, number: int) -> tuple[tuple[AssetKey, ...], PartitionKey, AssetKey | None]:
        """What a step makes, and of which list, if it is one of its elements."""
        if (step := self._steps.get(number)) is not None:
            return step.task.node.keys, step.partition, None
        of = next(found for found in self._expanded if 0 <= number - found.first < found.count)
        key = self._steps[of.step].task.node.keys[0]
        return (element_named(key, number - of.first),), UNPARTITIONED, key
