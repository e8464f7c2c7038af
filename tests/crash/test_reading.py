"""What is read for a decision: only what bears on it, and the decision is the one that all there is would give."""

from dataclasses import replace

from latewood.commands.carrying import carry
from latewood.commands.environments import create, promote
from latewood.commands.explaining import why
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked, make_plan
from latewood.commands.reading import heads_read, read
from latewood.commands.retracting import retract
from latewood.commands.views import PRESENT, AsOf, view_of
from latewood.decide.plan import plan
from latewood.decide.staleness import assess
from latewood.model.partitions import key_at
from latewood.projections.snapshots import snapshot

SHOP = """
from latewood.external import virtual_asset
from latewood.io import Json

@asset
def source() -> int:
    return {source}

@asset(partitions={regions})
def sales(source: int, key: PartitionKey) -> str:
    return f"{{key}} {{source}}"

@asset{days}
def daily(source: int) -> int:
    return source

@asset(deps=[daily])
def total(sales: Partitioned[str]) -> int:
    return len(list(sales)) + {more}

@asset(partitions=Monthly("2013-01", "2013-03"), deps=[daily])
def monthly() -> str:
    return "told"

@asset(partitions=Daily("2013-01-01", "2013-01-04"), inputs={{"before": From("self", offset=-1)}}, deps=[monthly])
def summed(key: PartitionKey, before: str | None) -> str:
    return key

@asset(partitions=Daily("2013-01-01", "2013-01-04"))
def per_day(summed: str, source: int) -> str:
    return summed

both = virtual_asset("both", [total, source], definition="both")

@asset(deps=[both], io=Json("{{environment}}/told.json"))
def told() -> str:
    return "told"

@asset(outputs={{"low": int, "high": Out(int, optional=True)}})
def split(source: int) -> dict[str, int]:
    return {{"low": source, "high": source}} if source > 1 else {{"low": source}}

@task
def double(low: int) -> int:
    return low * 2

once, twice = double.asset(key="once"), double.asset(key="twice")

@check(once, blocking=True)
def is_small(once: int) -> bool:
    return once != 4

@asset
def of_high(high: int, once: int) -> int:
    return high + once
"""
NOW = {
    "source": 1,
    "regions": "Static(['eu', 'us'])",
    "days": "(partitions=Daily('2013-01-01', '2013-01-05'))",
    "more": 0,
}


def test_what_bears_on_a_decision_is_all_it_takes(workspace, load):
    dev, before = replace(workspace, environment="dev"), []

    def defined(**changes):
        return load(SHOP.format(**{**NOW, **changes}))

    def run(where, loaded, selection="*", **asked):
        materialize(where, prepare(where, loaded, Asked(selection=selection, **asked)))
        before.append(workspace.log.position())

    run(workspace, defined())
    compare(workspace)
    run(workspace, defined(source=2), "+sales")
    compare(workspace)
    loaded = defined(source=3, regions="Static(['europe', 'us'])", days="")
    run(workspace, loaded, "+once or split/*")
    carry(workspace, "sales", "eu", "europe")
    compare(workspace)
    create(dev, "dev", base="prod")
    run(dev, loaded)
    compare(dev)
    found = read(workspace)
    retract(workspace, found.state.heads[found.view.ids["twice"]][""].version, reason="wrong")
    compare(workspace)
    promote(workspace, "dev", "prod", force=True)
    run(workspace, defined(source=2, more=1), "status:stale")
    compare(workspace)
    compare(dev)
    for position in before:
        compare(workspace, AsOf(position))


def test_what_failed_is_searched_once_however_many_assets_are_asked_for_their_flags(workspace, load):
    class Counted(dict):
        searched = 0

        def __iter__(self):
            self.searched += 1
            return super().__iter__()

    materialize(workspace, prepare(workspace, load(SHOP.format(**NOW)), Asked(selection="source")))
    found = read(workspace)
    failed = Counted({(found.view.ids["source"], ""): 1})
    found = replace(found, failed=failed, worked_out={})
    assert {key: found.flags(key) for key in ("source", "total", "once")} == {
        "source": ("failed",),
        "total": (),
        "once": (),
    }
    assert failed.searched == 1


def compare(workspace, as_of=PRESENT):
    """Holds what is decided about each asset against what is decided with every head there is."""
    whole = read(workspace, as_of)
    catalog, ids = whole.view.catalog, whole.view.ids
    with snapshot(workspace.log) as connection:
        heads = heads_read(connection, workspace, list(ids.values()), whole.view.as_of)
    state = replace(whole.state, heads=heads)
    assessed = assess(catalog, state)
    for key in catalog:
        found = read(workspace, as_of, about=lambda _, key=key: [key])
        assert {k: assessed[k] for k in found.assessed} == found.assessed
        reached = {ids[k] for k in found.assessed}
        assert {slot: at for slot, at in whole.failed.items() if slot[0] in reached} == found.failed
        assert {k for k in whole.waiting if k in found.assessed} == found.waiting
        assert [found.flags(k) for k in found.assessed] == [whole.flags(k) for k in found.assessed]
        assert why(workspace, key, as_of=as_of).status in {s for s, o in assessed[key].by_status.items() if o}
    if as_of == PRESENT:
        view = view_of(workspace)
        of_all = make_plan(workspace, view, Asked(selection="*")).state
        for key, asset in view.catalog.assets.items():
            for force in (False, True) if asset.origin.value == "made" else ():
                whole_asset = Asked(selection=key, force=force)
                names = ["" if asset.partitions is None else key_at(asset.partitions, 0)]
                for asked in (whole_asset, *(replace(whole_asset, selection=f"+{key}", partition=n) for n in names)):
                    made = make_plan(workspace, view, asked)
                    state = replace(of_all, now=made.state.now, heads=heads)
                    assert made.tasks == plan(catalog, made.request, state).tasks, asked
