"""Why a run is, and why a step of it was run or was not, as a server tells it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from latewood.cli.remote.connection import PAGE, of_project
from latewood.cli.remote.facts import asked_of, facts_of
from latewood.decide.near_miss import Nearest
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import VersionFacts
from latewood.decide.step_reasons import Decision, Planned, RunExplained, StepExplained, StepJob, Taken
from latewood.decide.step_waits import Awaited, AwaitedStep, SlotTaken, Wait
from latewood.events import Action, Failure, FailureKind, SkipReason
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId

if TYPE_CHECKING:
    from latewood.client import Client

_REASONS: Final = "reasons { cause subject check }"
_RUN: Final = f"""query ($project: String!, $asOf: Moment, $run: ID!, $first: Int!, $after: String) {{
  project(name: $project, asOf: $asOf) {{ position whyRun(run: $run) {{
    run actor at position evaluation tick plannedFrom fresh
    planned(first: $first, after: $after) {{
      nodes {{ assets action partitions {{ text }} first steps trial {_REASONS} }} pageInfo {{ endCursor hasNextPage }}
    }}
  }} }}
}}"""
_STEP: Final = f"""query ($project: String!, $asOf: Moment, $run: ID!, $step: Int!) {{
  project(name: $project, asOf: $asOf) {{ whyStep(run: $run, step: $step) {{
    run step assets partition planned decision position noReuse attempts skipped because lost
    failure {{ error message }}
    plannedReasons {{ cause subject check }} {_REASONS} taken {{ asset version source computedAs computedOf }}
    nearest {{ version position madeAt differs }}
    waits {{ kind count engines until pool limit
      steps {{ run step assets partition }} slots {{ number holder since }} }}
    jobs {{ attempt connector key handle state link }}
  }} }}
}}"""


def run_reasons(client: "Client", run: str, as_of: int | str | None) -> RunExplained:
    """Who asked for it, and what was planned. Raises RunNotFound."""
    planned: list[Planned] = []
    at, after = as_of, None
    while True:
        project = of_project(client, _RUN, asOf=at, run=run, first=PAGE, after=after)
        found, at = project["whyRun"], project["position"]  # the pages are of one moment
        planned += map(_planned, found["planned"]["nodes"])
        if not found["planned"]["pageInfo"]["hasNextPage"]:
            break
        after = found["planned"]["pageInfo"]["endCursor"]
    return RunExplained(
        requested=asked_of(facts_of(client, found["run"], limit=1)),
        actor=found["actor"],
        at=datetime.fromisoformat(found["at"]),
        position=found["position"],
        evaluation=found["evaluation"],
        tick=None if found["tick"] is None else datetime.fromisoformat(found["tick"]),
        planned_from=found["plannedFrom"],
        planned=tuple(planned),
        fresh=found["fresh"],
    )


def _planned(found: Mapping[str, Any]) -> Planned:
    return Planned(
        assets=tuple(map(AssetKey, found["assets"])),
        action=Action[found["action"]],
        partitions=found["partitions"]["text"],
        first=found["first"],
        steps=found["steps"],
        reasons=_reasons(found["reasons"]),
        trial=found["trial"],
    )


def _reasons(found: Iterable[Mapping[str, str]]) -> tuple[Reason, ...]:
    return tuple(Reason(Cause[reason["cause"]], reason["subject"], reason["check"]) for reason in found)


def step_reasons(client: "Client", run: str, step: int, as_of: int | str | None) -> StepExplained:
    """What was planned for it, and decided. Raises RunNotFound, NotFound."""
    found = of_project(client, _STEP, asOf=as_of, run=run, step=step)["whyStep"]
    failure, near = found["failure"], found["nearest"]
    return StepExplained(
        run=RunId(found["run"]),
        step=found["step"],
        assets=tuple(map(AssetKey, found["assets"])),
        partition=found["partition"],
        planned=None if found["planned"] is None else Action[found["planned"]],
        planned_reasons=_reasons(found["plannedReasons"]),
        decision=Decision[found["decision"]],
        position=found["position"],
        reasons=_reasons(found["reasons"]),
        no_reuse=found["noReuse"],
        attempts=found["attempts"],
        failure=None if failure is None else Failure(kind=FailureKind.USER, **failure),
        skipped=None if found["skipped"] is None else SkipReason[found["skipped"]],
        because=found["because"],
        taken=tuple(map(_taken, found["taken"])),
        lost=tuple(map(VersionId, found["lost"])),
        nearest=None if near is None else Nearest(_version(near), tuple(Cause[cause] for cause in near["differs"])),
        waits=tuple(map(_awaited, found["waits"])),
        jobs=tuple(StepJob(**job) for job in found["jobs"]),
    )


def _awaited(found: Mapping[str, Any]) -> Awaited:
    return Awaited(
        what=Wait[found["kind"]],
        steps=tuple(
            AwaitedStep(RunId(one["run"]), one["step"], tuple(map(AssetKey, one["assets"])), one["partition"])
            for one in found["steps"]
        ),
        count=found["count"],
        engines=tuple(found["engines"]),
        until=None if found["until"] is None else datetime.fromisoformat(found["until"]),
        pool=found["pool"],
        limit=found["limit"],
        slots=tuple(
            SlotTaken(slot["number"], slot["holder"], datetime.fromisoformat(slot["since"]), None)
            for slot in found["slots"]
        ),
    )


def _taken(found: Mapping[str, Any]) -> Taken:
    return Taken(
        asset=AssetKey(found["asset"]),
        version=VersionId(found["version"]),
        source=found["source"],
        computed_as=found["computedAs"],
        computed_of=found["computedOf"],
    )


def _version(found: Mapping[str, Any]) -> VersionFacts:
    """As much of it as is shown."""
    return VersionFacts(
        asset=AssetId(""),
        partition=PartitionKey(""),
        version=VersionId(found["version"]),
        position=found["position"],
        made_at=datetime.fromisoformat(found["madeAt"]),
        duration_ms=0.0,
        data_version="",
        artifact="",
        code="",
        logic="",
        inputs="",
        reuse_key="",
        accepted=True,
    )
