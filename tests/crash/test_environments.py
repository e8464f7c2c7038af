"""Environments in any order of branching, working, promoting, rolling back and dropping are what a plain model says."""

from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from uuid import uuid4

import pytest
from msgspec import Raw

from latewood.commands.environments import PromotionRefused, create, diff, drop, environments, promote
from latewood.commands.workspace import open_workspace
from latewood.engine.running.recorder import new_event
from latewood.errors import UsageError
from latewood.events import (
    AssetDefined,
    Failure,
    FailureKind,
    HeadsMoved,
    OutputMade,
    RunRequested,
    StepFailed,
    StepStarted,
    StepSucceeded,
)
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, heads, heads_since
from latewood.projections.tried import failed_partitions
from latewood_eventlog.audit import verify
from latewood_eventlog.records import Batch, StreamAppend

ASSETS = [AssetId(f"asset{n}") for n in range(3)]
PARTITIONS = [PartitionKey("p"), PartitionKey("q")]


@dataclass
class Plain:
    """An environment as a copy of its base: what it points to, what of that is its own, what it ever pointed to.

    Since when it points there, and what failed after that.
    """

    heads: dict = field(default_factory=dict)
    own: set = field(default_factory=set)
    known: dict = field(default_factory=dict)
    since: dict = field(default_factory=dict)
    failed: set = field(default_factory=set)

    def branched(self, position) -> "Plain":
        known = {slot: set(versions) for slot, versions in self.known.items()}
        return Plain(dict(self.heads), set(), known, dict.fromkeys(self.heads, position))

    def move(self, slot, version, position) -> None:
        self.heads[slot] = version
        self.own.add(slot)
        self.known.setdefault(slot, set()).add(version)
        self.since[slot] = position
        self.failed.discard(slot)

    def seen(self):
        """What is to be seen of it, by the asset of which it is asked since when."""
        since = {asset: {slot: at for slot, at in self.since.items() if slot[0] == asset} for asset in ASSETS}
        return {asset: (dict(self.heads), since[asset], set(self.failed)) for asset in ASSETS}


class World:
    """The log and the model side by side."""

    def __init__(self, workspace) -> None:
        self.workspace = workspace
        self.plain = {"prod": Plain()}
        self.made = 0
        self.past = {}
        for asset in ASSETS:
            self.tell(
                AssetDefined(asset=asset, key=asset, location="l", deployment="d", digest="x", definition=Raw(b"{}"))
            )
        create(workspace, "prod", base="")

    def tell(self, fact) -> None:
        event = new_event(
            fact, project="default", stream="test", name=(uuid4(),), at=self.workspace.clock(), actor="test"
        )
        self.workspace.log.append(Batch(appends=(StreamAppend(project="default", stream="test", events=(event,)),)))

    def make(self, environment, asset, partition) -> None:
        self.made += 1
        run = RunId(f"run{self.made:05}")
        output = OutputMade(
            asset=asset, output="result", data_version="x", artifact="x", size=1, accepted=True, head=True
        )
        self.tell(
            StepSucceeded(
                run=run,
                step=0,
                attempt=1,
                environment=environment,
                code="c",
                logic="l",
                inputs_digest="i",
                outputs=(output,),
                duration_ms=1.0,
                partition=partition,
            )
        )
        self.plain[environment].move((asset, partition), f"{run}.0", self.workspace.log.position())

    def fail(self, environment, asset, partition) -> None:
        self.made += 1
        run = RunId(f"run{self.made:05}")
        step = {"run": run, "step": 0, "attempt": 1, "assets": (asset,), "partition": partition}
        self.tell(RunRequested(run=run, environment=environment, selection="*", deployments={}))
        self.tell(StepStarted(**step, task="t", code="c", logic="l", inputs_digest="i"))
        failure = Failure(kind=FailureKind.USER, error="ValueError", message="no")
        self.tell(StepFailed(**step, failure=failure, duration_ms=1.0))
        self.plain[environment].failed.add((asset, partition))

    def branch(self, name, base) -> None:
        create(self.workspace, name, base=base)
        self.plain[name] = self.plain[base].branched(self.workspace.log.position())

    def drop(self, name) -> None:
        drop(self.workspace, name)
        del self.plain[name]

    def promote(self, source, target, *, force) -> None:
        here, there = self.plain[source], self.plain[target]
        # What the target has from its base becomes its own, though it be the same version.
        differing = {slot for slot in here.own if slot not in there.own or there.heads[slot] != here.heads[slot]}
        moved = {slot for slot in differing & there.own if there.heads[slot] not in here.known.get(slot, ())}
        found = {(c.key, c.partitions, c.moved) for c in diff(self.workspace, source, target).heads}
        assert found == {
            (asset, len(those), len(those & moved))
            for asset in ASSETS
            if (those := {slot for slot in differing if slot[0] == asset})
        }
        if moved and not force:
            with pytest.raises(PromotionRefused):
                promote(self.workspace, source, target)
            return
        promote(self.workspace, source, target, force=force)
        for slot in differing:
            there.move(slot, here.heads[slot], self.workspace.log.position())

    def move(self, environment, chance) -> None:
        """Back to something it pointed to before."""
        plain = self.plain[environment]
        if slots := sorted(plain.known):
            slot = chance.choice(slots)
            version = chance.choice(sorted(plain.known[slot]))
            moves = {slot[0]: {version: (slot[1],)}}
            self.tell(HeadsMoved(environment=environment, moves=moves, reason="rolled back"))
            plain.move(slot, version, self.workspace.log.position())

    def heads(self, environment, as_of=NOW):
        with snapshot(self.workspace.log) as connection:
            return heads_in(connection, environment, as_of)

    def remember(self) -> None:
        self.past[self.workspace.log.position()] = {name: plain.seen() for name, plain in self.plain.items()}


def heads_in(connection, environment, as_of):
    found = heads(connection, "default", environment, ASSETS, as_of)
    return {(a, p): facts.version for a, by in found.items() for p, facts in by.items()}


def seen_in(connection, environment, asset, at, as_of=NOW):
    """Heads, since when those of the asset are that, and what failed after it, at this position."""
    asked = (connection, "default", environment)
    since = {(asset, p): n for p, n in heads_since(*asked, [asset], as_of)[asset].items()}
    partition = PARTITIONS[at % len(PARTITIONS)]  # now one and now another
    named = heads_since(*asked, ASSETS, as_of, {asset: [partition]})[asset]
    assert named == {p: n for (_, p), n in since.items() if p == partition}
    return heads_in(connection, environment, as_of), since, set(failed_partitions(*asked, at))


@pytest.mark.parametrize("seed", range(8))
def test_any_order_equals_a_plain_model(workspace, seed):
    chance, world = Random(seed), World(workspace)
    world.branch("dev", "prod")
    for step in range(60):
        names = sorted(world.plain)
        match chance.randint(0, 11):
            case 0 | 1 | 2 | 3 | 4:
                world.make(chance.choice(names), chance.choice(ASSETS), chance.choice(PARTITIONS))
            case 5 if len(names) < 5:
                again = [n for n in ("dev", "branch") if n not in names]  # also under a name that there was before
                world.branch(chance.choice([*again, f"branch{step}"]), chance.choice(names))
            case 6 | 7 if len(names) > 1:
                source, target = chance.sample(names, 2)
                world.promote(source, target, force=chance.random() < 0.3)
            case 8:
                name = chance.choice(names)
                world.move(name, chance)
            case 9 if len(names) > 2:
                world.drop(chance.choice([n for n in names if n != "prod"]))
            case 10 | 11:
                world.fail(chance.choice(names), chance.choice(ASSETS), chance.choice(PARTITIONS))
        world.remember()
        asset, position = ASSETS[step % len(ASSETS)], workspace.log.position()
        with snapshot(workspace.log) as connection:
            for name, plain in world.plain.items():
                assert seen_in(connection, name, asset, position) == plain.seen()[asset], f"step {step}: {name}"
    past = list(world.past.items())[seed % 2 :: 2]  # one seed looks back to the odd ones, the next to the even
    with snapshot(workspace.log) as connection:
        for (position, by_environment), asset in zip(past, cycle(ASSETS), strict=False):
            for name, expected in by_environment.items():
                assert seen_in(connection, name, asset, position, position) == expected[asset], f"{name} at {position}"
    verify(workspace.log.engine, workspace.log.projections)


def test_an_environment_begins_without_what_a_run_left_after_its_end(workspace):
    world = World(workspace)
    world.branch("dev", "prod")
    drop(workspace, "dev")
    world.plain["dev"] = Plain()
    world.make("dev", ASSETS[0], PARTITIONS[0])  # by a run that did not know
    world.make("prod", ASSETS[1], PARTITIONS[0])
    world.branch("dev", "prod")
    assert world.heads("dev") == world.heads("dev", workspace.log.position()) == world.plain["prod"].heads
    verify(workspace.log.engine, workspace.log.projections)


@pytest.mark.parametrize("name", ["", "Dev", "a/b", "x" * 64])
def test_no_environment_has_a_name_that_no_command_can_ask_for(workspace, environ, name):
    with pytest.raises(UsageError, match="expected 1 to 63 lower-case letters"):
        create(workspace, name, base="")
    with pytest.raises(UsageError, match="expected 1 to 63 lower-case letters"):
        open_workspace(environ, environment=name)
    assert environments(workspace) == []
