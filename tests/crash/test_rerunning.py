"""Running again what a run was asked for: its request, or what failed of it, on the code that is deployed now."""

import dataclasses
from textwrap import dedent
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from crash.conftest import facts_of
from latewood.commands.launching import launched
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.renaming import rename
from latewood.commands.rerunning import location_of, rerun_of
from latewood.commands.runs import run_named
from latewood.errors import UsageError
from latewood.events import RunRequested, StepStarted
from latewood.model.keys import RunId

SHOP = """
HERE = Path({root!r})

@asset
def orders() -> int:
    return 1

@asset(partitions=Static(["a", "b", "c"]))
def sales(orders: int, key: PartitionKey, *, factor: int = 2) -> int:
    if (HERE / f"broken-{{key}}").exists():
        raise ValueError(f"{{key}} is broken")
    return orders * factor

@asset(partitions=Static(["a", "b", "c"]))
def taxes(sales: int) -> int:
    return sales + 1

@asset
def total(taxes: Partitioned[int], *, top: int = 9) -> int:
    return min(top, sum(value for _, value in taxes))

@check(orders, blocking=True)
def plausible(orders: int) -> bool:
    return not (HERE / "implausible").exists()
"""


@pytest.fixture
def shop(workspace, load, tmp_path):
    source = SHOP.format(root=str(tmp_path))

    def ran(prepared, where):
        result = materialize(where, prepared)
        steps = {
            f"{fact.task.partition(':')[2]} {fact.partition}".rstrip()
            for fact in facts_of(workspace.log)
            if isinstance(fact, StepStarted) and fact.run == result.run
        }
        return SimpleNamespace(run=result.run, steps=steps, status=str(result.status), tally=result.tally)

    def run(selection="*", code=source, **asked):
        loaded = load(code)
        if asked.pop("launch", None):
            asked_ = launched(loaded.launchables, selection, **asked)
        else:
            asked_ = Asked(selection=selection, **asked)
        return ran(prepare(workspace, loaded, asked_), workspace)

    def again(named, only="", *parameters):
        found = rerun_of(workspace, named, only=only, parameters=parameters, home=tmp_path / "home", root=tmp_path)
        return ran(prepare(found.workspace, found.loaded, found.asked), found.workspace)

    return SimpleNamespace(run=run, again=again, root=tmp_path, source=source, workspace=workspace, load=load)


def requests(shop):
    return [fact for fact in facts_of(shop.workspace.log) if isinstance(fact, RunRequested)]


def test_what_failed_is_run_again_with_what_was_skipped_because_of_it(shop):
    for key in "bc":
        (shop.root / f"broken-{key}").touch()
    first = shop.run()
    assert first.status == "failed"
    (shop.root / "broken-b").unlink()
    second = shop.again(first.run, "failed")
    assert second.steps == {"sales b", "sales c", "taxes b"}
    (shop.root / "broken-c").unlink()
    third = shop.again(second.run[:7], "failed")
    assert third.steps == {"sales c", "taxes c", "total"}
    with pytest.raises(UsageError, match="has no failed steps; without --only all of it"):
        shop.again(third.run, "failed")
    assert shop.again(first.run).status == "succeeded"
    assert [(request.rerun_of, request.only) for request in requests(shop)] == [
        ("", ""),
        (first.run, "failed"),
        (second.run, "failed"),
        (first.run, ""),
    ]


def test_what_a_blocking_check_refused_counts_as_failed(shop):
    (shop.root / "implausible").touch()
    first = shop.run()
    shop.run(code=shop.source.replace("return 1\n", "return 3\n", 1).replace('"implausible"', '"never"'))
    assert shop.again(first.run, "failed").tally.refused == 0


def test_some_steps_are_asked_for_by_their_numbers(shop):
    first = shop.run(force=True)
    assert shop.again(first.run, "0,2-3").steps == {"orders", "sales b", "sales c"}


def test_the_code_is_what_is_deployed_and_not_the_working_tree(shop):
    first = shop.run()
    (shop.root / "assets.py").write_text("raise ImportError('the working tree')")
    assert shop.again(first.run).steps == set()
    shop.run("orders", code=shop.source.replace("sales + 1", "sales + 2"))
    (shop.root / "assets.py").unlink()
    assert shop.again(first.run).steps == {"taxes a", "taxes b", "taxes c", "total"}


def test_the_request_is_the_same_with_partitions_values_and_sweeps(shop):
    first = shop.run("+sales", partition="a..b", parameters=("sales.factor=3,4",), force=True)
    second = shop.again(first.run)
    assert second.steps == first.steps == {"orders", "sales a", "sales b"}
    one, other = requests(shop)
    same = ("environment", "selection", "partitions", "parameters", "sweep", "zipped", "force", "location")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]


def test_values_given_now_count_before_those_given_then(shop):
    first = shop.run(parameters=("sales.factor=3", "total.top=1,2"))
    shop.again(first.run, "", "total.top=5")
    shop.again(first.run, "", "sales.factor=4,5")
    _, second, third = requests(shop)
    assert (second.parameters, second.sweep) == ({"sales": {"factor": 3}, "total": {"top": 5}}, ())
    assert third.parameters == {}
    assert third.sweep == (
        ({"total": {"top": 1}}, {"total": {"top": 2}}),
        ({"sales": {"factor": 4}}, {"sales": {"factor": 5}}),
    )


def test_a_launched_run_is_launched_again_and_its_inputs_have_their_names(shop):
    flow = dedent(
        """
        @task
        def double(n: int) -> int:
            return 2 * n

        @workflow
        def chain(n: int) -> int:
            return double(double(n))
        """
    )
    first = shop.run("chain", code=flow, launch=True, texts=("n=3",))
    assert len(first.steps) == 1  # one task, two steps
    assert shop.again(first.run).steps == set()
    assert shop.again(first.run, "", "n=4").tally.ran == 2
    assert [request.launch for request in requests(shop)] == ["chain"] * 3


def test_what_cannot_be_asked_again_is_refused_with_the_way_out(shop):
    first = shop.run(parameters=("total.top=5",))
    for named, only, parameters, message in [
        ("nope", "", (), "no such run"),
        (first.run[:-1] + "_", "", (), f"near: {first.run}"),
        (first.run, "99", (), "has no step 99; it has steps 0 to 7"),
        (first.run, "faild", (), 'expected numbers and ranges as in 0,2,5-7, found "faild"'),
        (first.run, "5-2", (), "has no step 5-2"),
        (first.run, "", ("total.tops=1",), "near: top"),
    ]:
        with pytest.raises(UsageError, match=message):
            shop.again(named, only, *parameters)
    position = shop.workspace.log.position()
    shop.run("orders", code=shop.source.replace("top: int", "best: int").replace("min(top", "min(best"))
    with pytest.raises(UsageError, match='"total" has no parameter "top"; it has best'):
        shop.again(first.run)
    without = shop.source.partition("@asset\ndef total")[0]
    shop.run("orders", code=without)
    with pytest.raises(UsageError, match="prod does not define total any more"):
        shop.again(first.run, "7")
    assert len(requests(shop)) == 3
    assert shop.workspace.log.position() > position


def test_a_run_that_did_not_record_its_location_is_of_that_of_its_assets(shop):
    shop.run()
    (request,) = requests(shop)
    assert location_of(shop.workspace, replace(request, location="")) == "assets.py"


def test_a_rerun_follows_what_was_renamed_since(shop):
    first = shop.run("orders or sales", partition="a", parameters=("sales.factor=5",))
    swept = shop.run("+sales", partition="b", parameters=("sales.factor=6,7",))
    rename(shop.workspace, "sales", "shop/sales")
    partitioned = '@asset(partitions=Static(["a", "b", "c"])'
    renamed = shop.source.replace(f"{partitioned})\ndef sales", f"{partitioned}, key='shop/sales')\ndef sales")
    renamed = renamed.replace(f"{partitioned})\ndef taxes", f"{partitioned}, deps=['shop/sales'])\ndef taxes")
    renamed = renamed.replace("def taxes(sales: int)", "def taxes()").replace("sales + 1", "1")
    assert shop.again(first.run).status == "succeeded", "the code has not followed yet"
    prepare(shop.workspace, shop.load(renamed), Asked(selection="orders"))
    again = shop.again(first.run)
    assert (again.status, again.tally.ran, again.tally.reused) == ("succeeded", 0, 1)
    assert requests(shop)[-1].selection == "orders or shop/sales"
    assert requests(shop)[-1].parameters == {"shop/sales": {"factor": 5}}
    assert shop.again(swept.run).tally.reused == 2
    assert [set(given) for axis in requests(shop)[-1].sweep for given in axis] == [{"shop/sales"}, {"shop/sales"}]


def test_a_run_is_named_by_as_much_of_its_id_as_no_other_has(shop, load):
    for id_ in ("abc1", "abd2"):
        named = dataclasses.replace(shop.workspace, new_run=lambda id_=id_: RunId(id_))
        materialize(named, prepare(named, load(shop.source), Asked(selection="orders")))
    assert run_named(shop.workspace, "abc").run == "abc1"
    with pytest.raises(UsageError, match=r"several begin so, the latest are\n  abd2 .*\n  abc1 "):
        run_named(shop.workspace, "ab")
    with pytest.raises(UsageError, match="near: abc1"):
        run_named(shop.workspace, "abx1")
