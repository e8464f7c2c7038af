"""Elements of lists: what a mapped task is called for, each a step of its own.

An element has no name that stays: it is known by its content. So it is no asset, and what a step makes of it is never a
head; its versions are recorded as those of `ASSET[]`, where they are found again by their reuse key.
"""

from dataclasses import dataclass
from typing import Final, Self, TypeVar

from msgspec.structs import replace

from latewood.model.definitions import AssetDefinition, TaskDefinition
from latewood.model.keys import AssetId, AssetKey
from latewood.model.types import ANY, TypeSpec

Name = TypeVar("Name", AssetKey, AssetId)

_MARK: Final = "[]"
_ADDRESS: Final = "element"


def elements_of(asset: Name) -> Name:
    """What stands for the elements of a list: for what its key, or its id, is with them."""
    return type(asset)(f"{asset}{_MARK}")


def is_elements(asset: str) -> bool:
    """Whether this key or id stands for the elements of a list."""
    return asset.endswith(_MARK)


def list_of(asset: Name) -> Name:
    """The list that elements are of; any other asset as it is."""
    return type(asset)(asset.removesuffix(_MARK))


def element_named(asset: AssetKey, index: int) -> AssetKey:
    """How people read of one element of a list: `scoring/score[3]`."""
    return AssetKey(f"{list_of(asset)}[{index}]")


@dataclass(frozen=True, slots=True)
class ElementAddress:
    """Where an element lies: at an index of a list that is an artifact."""

    artifact: str
    index: int

    def __str__(self) -> str:
        return f"{_ADDRESS}:{self.index}:{self.artifact}"

    @classmethod
    def of(cls, artifact: str) -> Self | None:
        """The address written so; None for that of an artifact itself."""
        kind, _, rest = artifact.partition(":")
        index, _, whole = rest.partition(":")
        return cls(whole, int(index)) if kind == _ADDRESS else None


def element_asset(asset: AssetDefinition) -> AssetDefinition:
    """What stands for the elements of a list that a mapped task makes: the plain task, of one element."""
    key = elements_of(asset.key)
    return replace(asset, key=key, task=_element_task(asset.task, key), checks=())


def _element_task(task: TaskDefinition, key: AssetKey) -> TaskDefinition:
    (output,) = task.outputs
    return replace(
        task,
        each=(),
        min_success_ratio=1.0,
        inputs=tuple(replace(i, type=_item(i.type)) if i.name in task.each else i for i in task.inputs),
        outputs=(replace(output, asset=key, type=_item(output.type)),),
    )


def _item(spec: TypeSpec) -> TypeSpec:
    return spec.args[0] if spec.args else ANY
