"""A project as large ones are: 10,000 assets in 120 groups of six stages, which read what is near them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from bench_plans import ASSETS, layered

from latewood.decide.nodes import Node
from latewood.engine.loading.loaded import Loaded
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey

GROUPS: Final = 120
_SIZE: Final = ASSETS / GROUPS
_PARTS: Final = 4
_STAGES: Final = ("raw", "stg", "int", "mart", "feature", "report")
_NOUNS: Final = (
    "orders",
    "payments",
    "flights",
    "weather",
    "sessions",
    "leads",
    "tickets",
    "invoices",
    "stock",
    "routes",
)


def grouped(folder: Path) -> Loaded:
    """About 20,000 edges; the same each time."""
    loaded, random = layered(folder), Random(7)
    three = max((asset.task.inputs for asset in loaded.assets), key=len)

    def of(number: int, asset: AssetDefinition) -> AssetDefinition:
        sources = sorted({source for _ in range(random.randint(1, 4)) for source in _source(number, random)})
        inputs = tuple(
            msgspec.structs.replace(input_, asset=_key(source)) for input_, source in zip(three, sources, strict=False)
        )
        output = msgspec.structs.replace(asset.task.outputs[0], asset=_key(number))
        task = msgspec.structs.replace(asset.task, name=f"grouped:a{number}", inputs=inputs, outputs=(output,))
        return msgspec.structs.replace(asset, key=_key(number), group=group_name(_group(number)), task=task)

    return replace(loaded, assets=tuple(of(number, asset) for number, asset in enumerate(loaded.assets)))


def is_late(node: Node, _ordinal: int) -> bool:
    """Whether it is of one of the last three stages."""
    return node.keys[0].partition("_")[0] in _STAGES[3:]


def group_name(group: int) -> str:
    return f"{_STAGES[_stage(group)]}_{_NOUNS[group % 10]}_{group // 10}"


def _key(number: int) -> AssetKey:
    return AssetKey(f"{group_name(_group(number))}/{_NOUNS[number % 10]}_{number}")


def _group(number: int) -> int:
    return int(number // _SIZE)


def _stage(group: int) -> int:
    return group * len(_STAGES) // GROUPS


def _first(group: int) -> int:
    return -int(-group * _SIZE // 1)


def _source(number: int, random: Random) -> Iterator[int]:
    """In a group most read from a part before theirs, of four; the others from a group of a stage before."""
    group = _group(number)
    part = int((number - _first(group)) * _PARTS // _SIZE)
    if part > 0 and random.random() < 0.75:
        yield _first(group) + int(random.random() * part * _SIZE / _PARTS)
    elif _stage(group) > 0:
        by_stage = GROUPS // len(_STAGES)
        near = group - by_stage if random.random() < 0.7 else int(random.random() * _stage(group) * by_stage)
        yield _first(near) + int(random.random() * _SIZE)
