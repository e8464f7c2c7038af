"""What a server tells of runs, as the values that are shown of them here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.cli.history import Steps
from latewood.cli.remote.connection import PAGE, nodes_of, of_one_state, of_project
from latewood.commands.elements import ElementSteps
from latewood.decide.deploy import Rename
from latewood.decide.freshness import Judged
from latewood.decide.how_far import TaskSteps
from latewood.decide.moves import By, Moved
from latewood.decide.state import VersionFacts
from latewood.errors import UsageError
from latewood.events import (
    SCHEMA_VERSIONS,
    TYPE_OF,
    Event,
    Failure,
    FailureKind,
    RunRequested,
    StepExpanded,
    StepFailed,
    from_json,
)
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.projections.runs import Expansion, RunRow, StepRow

if TYPE_CHECKING:
    from latewood.client import Client, Progress, Run, TaskProgress

VERSION: Final = "id asset partition position madeAt durationMs dataVersion codeVersion artifact isAccepted"
"""The fields of a version of which `version_of` makes it."""

JUDGED: Final = "renames { old new position } freshness { policy isOverdue upTo since why }"
"""Of what `renames_of` and `freshness_of` are made."""

UNTOLD: Final = frozenset({"asset", "logic", "inputs", "reuse_key"})
"""What no server tells of a version."""

_STEPS: Final = """query ($project: String!, $asOf: Moment, $run: ID!, $first: Int!, $after: String) {
  project(name: $project, asOf: $asOf) { position run(id: $run) { steps(first: $first, after: $after) {
    nodes { number assets partition status attempt startedAt durationMs } pageInfo { endCursor hasNextPage }
  } } }
}"""
_EVENTS: Final = """query ($project: String!, $run: ID!, $first: Int!, $after: String) {
  project(name: $project) { run(id: $run) { events(first: $first, after: $after) {
    nodes { type data } pageInfo { endCursor hasNextPage }
  } } }
}"""


def version_of(found: Mapping[str, Any]) -> VersionFacts:
    """A version as the database has it; by what it is found again is not told."""
    return VersionFacts(
        asset=AssetId(found["asset"]),
        partition=PartitionKey(found["partition"]),
        version=VersionId(found["id"]),
        position=found["position"],
        made_at=datetime.fromisoformat(found["madeAt"]),
        duration_ms=found["durationMs"],
        data_version=found["dataVersion"],
        artifact=found["artifact"],
        code=found["codeVersion"],
        logic="",
        inputs="",
        reuse_key="",
        accepted=found["isAccepted"],
    )


def defined_as(found: Mapping[str, Any], event: type[Event], kind: Any) -> Any:
    """The `definition` that a server exports, as events of that type have it. Raises UsageError for another version."""
    known, theirs = SCHEMA_VERSIONS[TYPE_OF[event]], found["definitionVersion"]
    try:
        if theirs == known:
            return msgspec.convert(found["definition"], kind)
        problem = f"version {theirs} of the event `{TYPE_OF[event]}`, and this command knows version {known}"
    except msgspec.ValidationError as error:
        problem = str(error)
    raise UsageError(f"this server describes it in a way of its own: {problem}. A `latewood` of its release reads that")


def moved_of(found: Mapping[str, Any]) -> Moved:
    """By what a version became head."""
    return Moved(**{**found, "by": By(found["by"]), "at": datetime.fromisoformat(found["at"])})


def renames_of(found: Mapping[str, Any]) -> tuple[Rename, ...]:
    """Other names that an asset had."""
    renames = found["renames"]
    return tuple(Rename(AssetId(""), AssetKey(r["old"]), AssetKey(r["new"]), r["position"]) for r in renames)


def freshness_of(found: Mapping[str, Any], asset: AssetKey) -> tuple[Judged, ...]:
    """What policies say of it."""

    def time(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text)

    return tuple(
        Judged(
            policy=each["policy"],
            asset=asset,
            is_overdue=each["isOverdue"],
            up_to=time(each["upTo"]),
            since=time(each["since"]),
            why=each["why"],
        )
        for each in found["freshness"]
    )


def row_of(run: "Run") -> RunRow:
    """A run as the database has it. When its process was last heard of nobody elsewhere knows."""
    status = run.status.lower()
    return RunRow(
        run=RunId(run.id),
        environment=run.environment,
        selection=run.selection,
        partitions=run.partitions,
        executor="",
        status=status,
        actor=run.actor,
        automation=run.automation,
        requested_position=run.requested_position,
        requested_at=run.requested_at,
        ended_position=run.ended_position,
        ended_at=run.ended_at,
        counts=dict(run.counts) if run.ended_position is not None else None,
        recorded=status != "interrupted" or run.ended_position is not None,
        unheard_s=None,
        priority=0,
    )


class Task:
    """How the steps of one task stand, in the words that the server has for their partitions."""

    def __init__(self, found: "TaskProgress") -> None:
        self.assets = tuple(map(AssetKey, found.assets))
        self.steps = TaskSteps(
            assets=tuple(map(AssetId, found.assets)),
            counts={alike.status: alike.count for alike in found.steps},
            ordinals={},
        )
        self._partitions = {alike.status: alike for alike in found.steps}

    def partitions(self, status: str, ranges_max: int | None = None) -> str:  # noqa: ARG002 - the server has cut it
        """Of which partitions they are."""
        return self._partitions[status].partitions

    def is_cut(self, status: str, ranges_max: int) -> bool:  # noqa: ARG002 - the same
        """Whether there are more."""
        return self._partitions[status].is_cut


@dataclass(frozen=True, slots=True)
class Far:
    """How far a run is."""

    row: RunRow
    tasks: Sequence[Task]
    rate: float
    left: timedelta | None
    failures: Sequence[tuple[AssetKey, StepFailed]]
    total: int
    ended: int


def far_of(found: "Progress") -> Far:
    """As it is shown here."""
    return Far(
        row=row_of(found.run),
        tasks=[Task(task) for task in found.tasks],
        rate=found.rate,
        left=None if found.seconds_left is None else timedelta(seconds=found.seconds_left),
        failures=[
            (
                AssetKey(failed.asset),
                StepFailed(
                    run=RunId(found.run.id),
                    step=failed.step,
                    attempt=1,
                    failure=Failure(kind=FailureKind.USER, error=failed.error, message=failed.message),
                    duration_ms=0.0,
                    partition=PartitionKey(failed.partition),
                ),
            )
            for failed in found.failures
        ],
        total=found.total,
        ended=found.ended,
    )


def looks(client: "Client", run: str) -> Iterator[Far]:
    """Looks at a run up to its end."""
    return map(far_of, client.watch(run))


def far_now(client: "Client", run: str) -> Far:
    """How far it is now."""
    return next(looks(client, run))


def facts_of(client: "Client", run: str, *, limit: int | None = None) -> list[Any]:
    """What is recorded of a run, oldest first: all of it, or the first so many facts."""
    first = limit or PAGE
    pages = nodes_of(lambda after: of_project(client, _EVENTS, run=run, first=first, after=after)["run"]["events"])
    events = islice(pages, limit)
    return [from_json(event["type"], msgspec.json.encode(event["data"]).decode()) for event in events]


def asked_of(facts: Sequence[Any]) -> RunRequested:
    """What was asked for."""
    assert isinstance(facts[0], RunRequested), "a run begins with it"
    return facts[0]


def steps_of(client: "Client", run: str, facts: Sequence[Any]) -> Steps:
    """Its steps; what elements look like is in the store, which is not asked."""
    found = of_one_state(client, _STEPS, lambda project: project["run"]["steps"], run=run, first=PAGE)
    rows = [
        StepRow(
            step=step["number"],
            assets=step["assets"],
            partition=step["partition"],
            status=step["status"],
            attempt=step["attempt"],
            started_at=None,
            duration_ms=step["durationMs"],
        )
        for step in found
    ]
    made = {row.step: row.assets for row in rows}
    expansions = [
        Expansion(fact.step, AssetId(made[fact.step][0]), fact.first, fact.count, fact.elements)
        for fact in facts
        if isinstance(fact, StepExpanded) and fact.step in made
    ]
    return Steps(
        rows=rows,
        names={row.step: list(map(AssetKey, row.assets)) for row in rows},
        elements=ElementSteps(lambda _: (), expansions),
    )
