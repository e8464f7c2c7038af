"""Histories at random: runs, changed code, moved heads, retractions and pins, one after the other."""

import random
from collections.abc import Iterator

from latewood.commands.automations import automation_named, switch
from latewood.commands.deploying import deploy_loaded
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin
from latewood.commands.planning import Asked
from latewood.commands.retracting import retract
from latewood.errors import LatewoodError
from latewood.projections.snapshots import snapshot
from latewood.projections.states import latest_versions

DIAMOND = """
    from datetime import timedelta

    import pyarrow as pa
    from latewood.automation import Freshness, Schedule
    from latewood.sql import sql_asset

    days = Daily("2026-01-01", end="2026-01-04")

    @asset(partitions=days)
    def a(partition: PartitionKey) -> int:
        return {number} + int(partition[-1])

    @asset(partitions=days)
    def b(a: int, *, factor: int = 2) -> int:
        return a * factor

    @asset(partitions=days)
    def c(a: int) -> int:
        if {fails}:
            raise ValueError("no")
        return a % 2

    @asset
    def d(b: Partitioned[int], c: Partitioned[int]) -> int:
        return sum(value for _, value in b) + sum(value for _, value in c)

    @check(d, blocking=True)
    def is_small(d: int) -> bool:
        return d < {limit}

    @asset
    def alone() -> int:
        return 1

    @asset(outputs={{"kept": int, "odd": Out(int, optional=True)}})
    def parted(alone: int, *, twist: int = 1) -> dict[str, int]:
        return {{"kept": alone, "odd": twist}} if twist % 2 else {{"kept": alone}}

    @asset
    def lonely() -> int:
        return 1

    @asset
    def of_odd(odd: int) -> int:
        return odd

    @asset
    def told(d: int) -> pa.Table:
        return pa.table({{"said": [d], "number": [{number}]}})

    spoken = sql_asset("spoken", "SELECT said + number AS aloud FROM told")
    current = Freshness("current", "d", max_lag=timedelta(days=1))
    daily = Schedule("daily", "alone", cron="0 6 * * *")
"""


def happening(workspace, load, seed, *, acts=14) -> Iterator[random.Random]:
    """Something happens each time it is asked on; the chance that decides what, for others to decide by, too."""
    chance = random.Random(seed)
    loaded = load(DIAMOND.format(number=1, fails=False, limit=1_000))
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    yield chance

    def run():
        selection = chance.choice(["*", "a", "b", "c+", "d", "alone", "+d", "parted/kept", "+of_odd"])
        materialize(workspace, prepare(workspace, loaded, Asked(selection=selection, force=chance.random() < 0.3)))

    def change():
        nonlocal loaded
        number, fails, limit = chance.randint(1, 3), chance.random() < 0.4, chance.choice([1, 1_000])
        loaded = load(DIAMOND.format(number=number, fails=fails, limit=limit))
        deploy_loaded(workspace, loaded)

    def back():
        rollback(workspace, chance.choice("abcd"), to=chance.randint(1, workspace.log.position()))

    def refuse():
        with snapshot(workspace.log) as connection:
            versions = latest_versions(connection, workspace.project, limit=20)
        retract(workspace, chance.choice(versions), reason="wrong")

    def fix():
        pin(workspace, [f"{chance.choice(['b.factor', 'parted/kept.twist'])}={chance.randint(1, 3)}"])

    def turn():
        switch(workspace, automation_named(workspace, "daily"), on=chance.random() < 0.5)

    for _ in range(acts):
        try:
            chance.choice([run, run, run, run, change, back, back, refuse, fix, turn])()
        except LatewoodError:
            continue  # nothing to go back to, or blocked
        yield chance
