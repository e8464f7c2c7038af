"""Plans of large projects, made in a fresh process from the log alone: definitions decoded, heads loaded, judged.

The past is told through the log with all its projections, as runs would have told it, only faster.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from bench_server import Bench, run_python

from latewood.commands.deploying import deploy_loaded
from latewood.commands.workspace import Workspace, open_workspace
from latewood.decide.keys import digest, inputs_digest, reuse_key
from latewood.decide.nodes import Node, nodes_of
from latewood.decide.state import State
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running.recorder import new_event
from latewood.events import Event, OutputMade, RunRequested, StepSucceeded
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood_eventlog.records import Batch, StreamAppend

ASSETS: Final = 10_000
LAYER: Final = 100
PARTITIONS: Final = 100_000

_BATCH: Final = 1_000
_RUN: Final = RunId("bench0000000")

_PATTERN: Final = """
from latewood import asset

@asset
def first() -> int:
    return 1

@asset
def second() -> int:
    return 2

@asset
def third() -> int:
    return 3

@asset(owners=["team:bench"], tags={"tier": "gold"}, description="What the asset is, in a sentence or two.")
def pattern(first: int, second: int, third: int, *, weight: float = 1.0) -> int:
    return first + second + third
"""

_PARTITIONED: Final = """
from latewood import Hourly, asset

@asset(partitions=Hourly("2010-01-01T00", "2021-05-29T16"))
def hourly() -> int:
    return 1
"""


def many_assets(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """10,000 assets in layers of 100, 20,000 edges; from the middle layer on stale by a code change; seconds."""
    with (
        materialized(bench, layered, lambda node, _: layer_of(node) == ASSETS // LAYER // 2) as half,
        materialized(bench, layered, lambda _node, _ordinal: False) as none,
    ):
        for _ in range(repetitions):
            stale, fresh = _planned(half), _planned(none)
            assert stale["counts"]["run"] + stale["counts"]["depends"] == stale["counts"]["fresh"] == ASSETS // 2
            assert fresh["counts"]["fresh"] == ASSETS
            yield {
                "plan-assets": stale["seconds"][0],
                "plan-assets: of this, definitions read and decoded": stale["view_s"],
                "plan-assets: again in the same process": stale["seconds"][1],
                "plan-assets: nothing stale": fresh["seconds"][0],
            }


def many_partitions(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """One asset of 100,000 hourly partitions, the first half or every other one by older code; seconds."""
    with (
        materialized(bench, partitioned, lambda _, ordinal: ordinal < PARTITIONS // 2) as first_half,
        materialized(bench, partitioned, lambda _, ordinal: ordinal % 2 == 0) as every_other,
    ):
        for _ in range(repetitions):
            half, scattered = _planned(first_half), _planned(every_other)
            assert half["counts"]["run"] == half["counts"]["fresh"] == PARTITIONS // 2, half["counts"]
            assert scattered["counts"]["run"] == PARTITIONS // 2, scattered["counts"]
            yield {
                "plan-partitions": half["seconds"][0],
                "plan-partitions: again in the same process": half["seconds"][1],
                "plan-partitions: every other one stale": scattered["seconds"][0],
            }


def _planned(environment: Mapping[str, str]) -> dict[str, object]:
    result: dict[str, object] = run_python("child_plan.py", environment=environment).result()
    return result


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────


def layered(folder: Path) -> Loaded:
    """Each asset reads two of the layer above; 200 of them three, so that there are 20,000 edges."""
    loaded = loaded_from(folder / "layered.py", _PATTERN)
    pattern = next(asset for asset in loaded.assets if asset.key == "pattern")
    return replace(loaded, assets=tuple(_copy(pattern, number) for number in range(ASSETS)))


def _copy(pattern: AssetDefinition, number: int) -> AssetDefinition:
    key, layer, place = _key(number), number // LAYER, number % LAYER
    degree = 0 if layer == 0 else 3 if layer <= 2 else 2
    inputs = tuple(
        msgspec.structs.replace(input_, asset=_key((layer - 1) * LAYER + (place + step) % LAYER))
        for step, input_ in enumerate(pattern.task.inputs[:degree])
    )
    outputs = (msgspec.structs.replace(pattern.task.outputs[0], asset=key),)
    code = msgspec.structs.replace(pattern.task.code, version=digest(key))
    name = f"layered:{key.rpartition('/')[2]}"
    task = msgspec.structs.replace(pattern.task, name=name, code=code, inputs=inputs, outputs=outputs)
    return msgspec.structs.replace(pattern, key=key, task=task)


def _key(number: int) -> AssetKey:
    return AssetKey(f"layer{number // LAYER:02}/a{number:05}")


def layer_of(node: Node) -> int:
    return int(node.keys[0][len("layer") :].partition("/")[0])


def partitioned(folder: Path) -> Loaded:
    return loaded_from(folder / "partitioned.py", _PARTITIONED)


def loaded_from(file: Path, text: str) -> Loaded:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return load_file(file, root=file.parent)


# ── the past ─────────────────────────────────────────────────────────────────────────────────────────────

_IsOld = Callable[[Node, int], bool]


@contextmanager
def materialized(
    bench: Bench, define: Callable[[Path], Loaded], is_old: _IsOld, times: int = 1
) -> Iterator[Mapping[str, str]]:
    """A database in which everything was materialized, what `is_old` says by other code than is deployed.

    So many `times`, each by a run of its own.
    """
    with bench.fresh() as environment:
        workspace = open_workspace(environment)
        loaded = define(bench.home / "definitions")
        deployed = deploy_loaded(workspace, loaded)
        state = State(
            environment=workspace.environment,
            position=workspace.log.position(),
            now=workspace.clock(),
            ids=deployed.ids,
        )
        nodes = nodes_of(Catalog.of(loaded.assets), state)
        for run in (_RUN, *(RunId(f"bench{number:07}") for number in range(1, times))):
            told: list[Event] = [RunRequested(run=run, environment="prod", selection="*", deployments={})]
            for fact in _successes(nodes, state, is_old):
                told.append(msgspec.structs.replace(fact, run=run))
                if len(told) == _BATCH:
                    _append(workspace, told, run)
                    told = []
            _append(workspace, told, run)
        workspace.log.engine.dispose()
        # What the server itself would do within minutes of such a load.
        bench.execute("VACUUM ANALYZE", environment)
        yield environment


def _successes(nodes: Sequence[Node], state: State, is_old: _IsOld) -> Iterator[StepSucceeded]:
    step = 0
    for node in nodes:
        inputs = inputs_digest((i.name, _data_version(i.asset, PartitionKey(""))) for i in node.task.inputs)
        for ordinal in node.existing(state):
            old = is_old(node, ordinal)
            partition, logic = node.partition_key(ordinal), digest("old", node.logic) if old else node.logic
            data = _data_version(node.keys[0], partition)
            output = OutputMade(
                asset=node.ids[0],
                output=node.assets[0].output,
                data_version=data,
                artifact=f"{data.removeprefix('json1:')}.json",
                size=5,
                accepted=True,
                head=True,
            )
            yield StepSucceeded(
                run=_RUN,
                step=step,
                attempt=1,
                environment="prod",
                code=digest("old") if old else node.task.code.version,
                logic=logic,
                inputs_digest=inputs,
                outputs=(output,),
                duration_ms=0.1,
                partition=partition,
                reuse_key=reuse_key(logic, inputs, partition),
            )
            step += 1


def _data_version(key: AssetKey, partition: PartitionKey) -> str:
    return f"json1:{sha256(f'{key} {partition}'.encode()).hexdigest()}"


def _append(workspace: Workspace, facts: Sequence[Event], run: RunId) -> None:
    stream, at = f"run/{run}", workspace.clock() - timedelta(hours=1)
    events = tuple(
        new_event(
            fact,
            project=workspace.project,
            stream=stream,
            name=(getattr(fact, "step", "requested"),),
            at=at,
            actor=workspace.actor,
        )
        for fact in facts
    )
    append = StreamAppend(project=workspace.project, stream=stream, events=events)
    workspace.log.append(Batch(appends=(append,)))
