"""Environments of a large project: branch 10,000 assets of 10 partitions each, and promote when all have moved."""

import time
from collections.abc import Iterator
from typing import Final

import msgspec
from bench_server import Bench, quiet

from latewood.commands.environments import create, promote
from latewood.commands.workspace import Workspace, open_workspace
from latewood.engine.running.recorder import new_event
from latewood.events import AssetDefined, Event, OutputMade, StepSucceeded
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId
from latewood.projections.snapshots import snapshot
from latewood.projections.states import heads
from latewood_eventlog.records import Batch, StreamAppend

ASSETS: Final = 10_000
PARTITIONS: Final = 10

_BATCH: Final = 1_000
_MOST: Final = 2  # most of it is preparation


def branching(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """Branch prod, and promote the branch when every head in it is another; seconds of both together."""
    for _ in range(min(repetitions, _MOST)):
        with bench.fresh() as environment:
            workspace = open_workspace(environment)
            _tell(workspace, [_defined(asset) for asset in range(ASSETS)])
            create(workspace, "prod", base="")
            _materialize(workspace, "prod")
            quiet()
            started = time.perf_counter()
            create(workspace, "dev")
            branched = time.perf_counter() - started
            of_base = time.perf_counter()
            assert _heads(workspace, "dev") == ASSETS * PARTITIONS
            of_base = time.perf_counter() - of_base
            _materialize(workspace, "dev")
            quiet()
            started = time.perf_counter()
            done = promote(workspace, "dev", "prod")
            promoted = time.perf_counter() - started
            assert sum(changed.partitions for changed in done.heads) == ASSETS * PARTITIONS
            workspace.log.engine.dispose()
        yield {
            "branch-promote": branched + promoted,
            "branch-promote: the branch": branched,
            "branch-promote: reading the 100,000 heads of the branch from its base": of_base,
        }


def _heads(workspace: Workspace, environment: str) -> int:
    ids = [_id(asset) for asset in range(ASSETS)]
    with snapshot(workspace.log) as connection:
        return sum(map(len, heads(connection, workspace.project, environment, ids).values()))


def _id(asset: int) -> AssetId:
    return AssetId(f"asset{asset:07}")


def _defined(asset: int) -> AssetDefined:
    id_ = _id(asset)
    raw = msgspec.Raw(b"{}")
    return AssetDefined(asset=id_, key=AssetKey(id_), location="l", deployment="d", digest="x", definition=raw)


def _materialize(workspace: Workspace, environment: str) -> None:
    """One run of all partitions of all assets, told without running anything."""
    run = RunId(f"{environment}run")
    _tell(workspace, [_made(run, environment, step) for step in range(ASSETS * PARTITIONS)])


def _made(run: RunId, environment: str, step: int) -> StepSucceeded:
    output = OutputMade(
        asset=_id(step // PARTITIONS),
        output="result",
        data_version=f"json1:{run}{step}",
        artifact="x.json",
        size=4,
        accepted=True,
        head=True,
    )
    return StepSucceeded(
        run=run,
        step=step,
        attempt=1,
        environment=environment,
        code="c",
        logic=f"{run}",
        inputs_digest="i",
        outputs=(output,),
        duration_ms=1.0,
        partition=PartitionKey(str(step % PARTITIONS)),
        reuse_key=f"{run}{step}",
    )


def _tell(workspace: Workspace, facts: list[Event]) -> None:
    for start in range(0, len(facts), _BATCH):
        events = tuple(
            new_event(fact, project="default", stream="bench", name=(fact, start), at=workspace.clock(), actor="bench")
            for fact in facts[start : start + _BATCH]
        )
        workspace.log.append(Batch(appends=(StreamAppend(project="default", stream="bench", events=events),)))
