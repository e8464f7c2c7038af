"""Sweeps, pins and promotions in any order leave the heads that a plain model has: variants are none by themselves."""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from latewood.commands.comparing import compare
from latewood.commands.environments import create, promote
from latewood.commands.heads import promote_version
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin, unpin
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.showing import show
from latewood.engine.loading.loader import load_file
from latewood_eventlog.audit import verify

SOURCE = """
from pathlib import Path
from latewood import asset

def called(name):
    with Path(__file__).with_name("calls").open("a") as file:
        file.write(f"{name}\\n")

@asset
def split() -> int:
    called("split")
    return 1000

@asset
def train(split: int, *, depth: int = 3, eta: int = 1) -> int:
    called(f"train {depth} {eta}")
    return split + 10 * depth + eta

@asset
def score(train: int, *, scale: int = 1) -> int:
    called(f"score {train} {scale}")
    return train * scale
"""
DEFAULTS = {"train.depth": 3, "train.eta": 1, "score.scale": 1}
ABOVE_SCORE = ["train.depth", "train.eta"]


@dataclass
class Plain:
    """An environment: what it pins and points to, and what of that is its own."""

    pins: dict = field(default_factory=dict)
    heads: dict = field(default_factory=dict)
    own_pins: set = field(default_factory=set)
    own_heads: set = field(default_factory=set)

    @property
    def parameters(self):
        return DEFAULTS | self.pins

    def made(self, *assets):
        """A run made these with the environment's own parameters: they are heads."""
        train = 1000 + 10 * self.parameters["train.depth"] + self.parameters["train.eta"]
        for asset, value in {"split": 1000, "train": train, "score": train * self.parameters["score.scale"]}.items():
            if asset in assets:
                self.own_heads |= {asset} if self.heads.get(asset) != value else set()
                self.heads[asset] = value

    def branched(self):
        return Plain(dict(self.pins), dict(self.heads))


class World:
    """The log and the model side by side."""

    def __init__(self, workspace, loaded, chance) -> None:
        self.workspace = workspace
        self.loaded = loaded
        self.chance = chance
        self.plain = {"prod": Plain()}
        self.run("prod", {})

    def there(self, name):
        return replace(self.workspace, environment=name)

    def run(self, name, tried) -> None:
        texts = tuple(f"{slot}={','.join(map(str, values))}" for slot, values in tried.items())
        materialize(self.there(name), prepare(self.there(name), self.loaded, Asked(selection="*", parameters=texts)))
        model = self.plain[name]
        with_own = {slot for slot, value in model.parameters.items() if value in tried.get(slot, [value])}
        if with_own == DEFAULTS.keys():
            model.made("split", "train", "score")
        elif with_own.issuperset(ABOVE_SCORE):
            model.made("split", "train")
        else:
            model.made("split")

    def sweep(self, name) -> None:
        swept = self.chance.sample(sorted(DEFAULTS), self.chance.randint(0, 3))
        self.run(name, {slot: self.chance.sample([1, 2, 3, 4], self.chance.randint(1, 3)) for slot in swept})

    def pin(self, name) -> None:
        slot, value = self.chance.choice(sorted(DEFAULTS)), self.chance.randint(1, 4)
        pin(self.there(name), [f"{slot}={value}"])
        self.plain[name].pins[slot] = value
        self.plain[name].own_pins.add(slot)

    def unpin(self, name) -> None:
        if model := self.plain[name].pins:
            slot = self.chance.choice(sorted(model))
            unpin(self.there(name), [slot])
            del model[slot]
            self.plain[name].own_pins.add(slot)

    def choose(self, name) -> None:
        """Promote any version there ever was."""
        asset, there = self.chance.choice(["train", "score"]), self.there(name)
        chosen = self.chance.choice(compare(there, asset, limit=1_000).versions)
        promote_version(there, chosen.facts.version)
        if not chosen.head:
            self.plain[name].own_heads.add(asset)
        self.plain[name].heads[asset] = show(there, asset, version=chosen.facts.version).value.value

    def merge(self) -> None:
        promote(self.workspace, "dev", "prod", force=True)
        dev, prod = self.plain["dev"], self.plain["prod"]
        for slot in dev.own_pins:
            prod.pins.pop(slot, None)
            prod.pins |= {slot: dev.pins[slot]} if slot in dev.pins else {}
        prod.heads |= {asset: dev.heads[asset] for asset in dev.own_heads}

    def compare(self) -> None:
        for name, model in self.plain.items():
            assets = read(self.there(name)).view.catalog.assets
            assert {asset: show(self.there(name), asset).value.value for asset in model.heads} == model.heads, name
            fixed = {f"{key}.{n}": value for key, asset in assets.items() for n, value in asset.task.fixed.items()}
            assert fixed == model.pins, name


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_sweeps_pins_and_promotions_equals_a_plain_model(workspace, tmp_path, seed):
    (tmp_path / "assets.py").write_text(SOURCE)
    chance = Random(seed)
    world = World(workspace, load_file(tmp_path / "assets.py", root=tmp_path), chance)
    for _ in range(25):
        name = chance.choice(sorted(world.plain))
        match chance.randint(0, 9):
            case 0 | 1 | 2 | 3:
                world.sweep(name)
            case 4 | 5:
                world.pin(name)
            case 6:
                world.unpin(name)
            case 7:
                world.choose(name)
            case 8 if "dev" not in world.plain:
                create(workspace, "dev")
                world.plain["dev"] = world.plain["prod"].branched()
            case 9 if "dev" in world.plain:
                world.merge()
        world.compare()
    calls = Counter((tmp_path / "calls").read_text().splitlines())
    assert set(calls.values()) == {1}, "what has the same parameters and inputs is computed once"
    verify(workspace.log.engine, workspace.log.projections)
