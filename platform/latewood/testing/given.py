"""Values given in place of what a task would make: the task is replaced by one that returns them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final

from msgspec import structs

from latewood.decide.fingerprint import given_version
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import LiveTask
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition, Receives, TaskDefinition
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.policies import Retry, Reuse, Timeouts

_PARTITION: Final = "partition"
_Slot = tuple[str, PartitionKey]


@dataclass(slots=True)
class Given:
    """The values of a task's outputs, by output and partition; called like the task's function."""

    values: dict[_Slot, Any] = field(default_factory=dict)

    def __call__(self, partition: PartitionKey = UNPARTITIONED) -> Any:
        """What was given for the partition: a value, or a dict of those of several outputs."""
        by_output = {output: value for (output, of), value in self.values.items() if of == partition}
        if not by_output and all(output == RESULT for output, _ in self.values):
            raise LookupError(f'no value was given for it: Project.give(…, partition="{partition}")')
        return by_output[RESULT] if by_output.keys() == {RESULT} else by_output


def known_asset(loaded: Loaded, key: str) -> AssetDefinition:
    """The asset's definition. Raises UsageError with near matches."""
    found = next((asset for asset in loaded.assets if asset.key == key), None)
    if found is None:
        keys = [asset.key for asset in loaded.assets]
        near = get_close_matches(key, keys, n=3) or keys
        raise UsageError(f'no asset "{key}" in this project; there is {", ".join(near)}')
    return found


def with_given(loaded: Loaded, given: dict[AssetKey, Given]) -> Loaded:
    """The definitions with the tasks of these assets replaced. Several assets of one task share one `Given`."""
    tasks = dict(loaded.tasks)
    assets = []
    for asset in loaded.assets:
        found = given.get(asset.key)
        if found is None:
            assets.append(asset)
            continue
        told = asset.partitions is not None
        assets.append(structs.replace(asset, task=_stand_in(asset.task, told=told), step_of=None))
        tasks[asset.key] = _live(loaded.tasks[asset.key], found, told=told)
    return replace(loaded, assets=tuple(assets), tasks=tasks)


def outputs_beside(loaded: Loaded, key: AssetKey) -> Iterable[AssetKey]:
    """All that the task of this asset makes."""
    return (output.asset for output in loaded.outputs_of(key))


def _stand_in(task: TaskDefinition, *, told: bool) -> TaskDefinition:
    """A task with the same outputs that reads nothing; of several outputs each may be given or not."""
    several = len(task.outputs) > 1
    return structs.replace(
        task,
        name=f"given:{task.outputs[0].asset}",
        code=given_version("given", file="", qualname="give"),
        outputs=tuple(structs.replace(output, optional=several) for output in task.outputs),
        inputs=(),
        parameters=(),
        receives=((_PARTITION, "key"),) if told else (),
        fixed={},
        uses=(),
        reuse=Reuse(),
        retries=Retry(),
        timeouts=Timeouts(),
        subsettable=several,
        partition_column="",
        each=(),
        min_success_ratio=1.0,
    )


def _live(live: LiveTask, given: Given, *, told: bool) -> LiveTask:
    receives: dict[str, Receives] = {_PARTITION: "key"} if told else {}
    return replace(live, function=given, inputs={}, parameters={}, receives=receives, resources={})
