"""What others make, and views: observed, never run, and what reads them is as stale as they are new."""

from datetime import UTC, datetime

import pytest

from latewood import Context, Daily, PartitionKey, TimeWindow, asset, check
from latewood.errors import DefinitionsInvalid, UsageError, ValueRefused
from latewood.external import DataVersion, external_asset, observe, virtual_asset
from latewood.io import IO, Place
from latewood.partitions import Dynamic
from latewood.testing import Project, RunFailed

T0 = datetime(2026, 3, 4, tzinfo=UTC)
DAYS = Daily("2026-03-02", "2026-03-05")

till = external_asset("shop/till", description="What the tills wrote.", kinds=["csv"])
rates = external_asset("shop/rates", partitions=DAYS)


@asset(deps=[till])
def turnover() -> int:
    return 1


@asset
def report(turnover: int) -> str:
    return str(turnover)


@asset(partitions=DAYS, deps=[rates])
def converted(day: PartitionKey) -> str:
    return day


def test_what_was_never_observed_blocks_its_readers_with_the_way_out():
    with Project([till, turnover, report]) as project:
        assert project.plan().actions == {"turnover": "blocked", "report": "blocked"}
        with pytest.raises(UsageError, match=r"never observed: `latewood observe shop/till` or `latewood report"):
            project.materialize("turnover")
        assert project.materialize().outcomes == {"turnover": "blocked", "report": "blocked"}
        assert project.why("turnover").causes == ("shop/till: never observed", "turnover: missing")


def test_equal_content_leaves_all_fresh_and_new_content_makes_readers_stale():
    with Project([till, turnover, report]) as project:
        project.give("shop/till", "monday")
        assert project.materialize().outcomes == {"turnover": "ran", "report": "ran"}
        assert project.plan().actions == {"turnover": "fresh", "report": "fresh"}

        project.give("shop/till", "monday")
        assert project.plan().actions == {"turnover": "fresh", "report": "fresh"}

        project.give("shop/till", "tuesday")
        assert project.plan().actions == {"turnover": "run", "report": "depends"}
        assert project.why("report").causes == ("turnover.shop/till: input",)
        assert project.materialize().outcomes == {"turnover": "ran", "report": "reused"}

        project.give("shop/till", "monday")
        assert project.materialize().outcomes == {"turnover": "reused", "report": "fresh"}


def test_partitions_are_observed_one_by_one():
    with Project([rates, converted], now=T0) as project:
        project.give("shop/rates", "a", partition="2026-03-02..2026-03-03")
        assert project.plan().actions == {"converted": "run 2026-03-02..2026-03-03, blocked 2026-03-04"}
        project.materialize()
        project.give("shop/rates", "b", partition="2026-03-03..2026-03-04")
        assert project.plan().actions == {"converted": "fresh 2026-03-02, run 2026-03-03..2026-03-04"}


def test_the_value_of_an_external_is_what_was_seen_and_of_a_view_there_is_none():
    with Project([till, rates, turnover, converted, view_of(till)], now=T0) as project:
        project.give("shop/till", "monday")
        project.give("shop/rates", "a", partition="2026-03-02..2026-03-03")
        run = project.materialize("turnover")

        assert run["shop/till"] == "monday"
        assert run["shop/rates"] == {"2026-03-02": "a", "2026-03-03": "a"}
        with pytest.raises(UsageError, match="is virtual"):
            run["shop/view"]


def test_observers_are_run_and_one_that_fails_is_told():
    contents = {"till": "monday"}

    @observe(till)
    def look() -> str:
        return contents["till"]

    @observe(rates)
    def look_at_rates(day: PartitionKey) -> str:
        return f"at {day}"

    with Project([till, rates, turnover, look, look_at_rates], now=T0) as project:
        assert project.observe("shop/till") == {"shop/till": "monday"}
        assert project.materialize()["turnover"] == 1
        assert project.observe("shop/rates", partition="2026-03-02") == {"shop/rates 2026-03-02": "at 2026-03-02"}
        del contents["till"]
        with pytest.raises(RunFailed, match="return contents") as failed:
            project.observe("shop/till")
        assert failed.value.run.failures == {"shop/till": "KeyError: 'till'"}
        assert project.plan().actions == {"turnover": "fresh"}


@pytest.mark.parametrize(
    ("told", "found"),
    [("v2\n", r"found '\\n' in it"), (" v2", "found space around it"), ("v\t2\x00", r"found '\\x00', '\\t' in it")],
)
def test_a_data_version_that_only_looks_like_another_is_refused(told, found):
    @observe(till)
    def look() -> str:
        return told

    with Project([till, turnover, look]) as project:
        with pytest.raises(ValueRefused, match=found):
            project.give("shop/till", told)
        with pytest.raises(RunFailed, match=found):
            project.observe()
        assert project.plan().actions == {"turnover": "blocked"}


def test_the_external_itself_is_nothing_to_make():
    with Project([till, turnover]) as project:
        with pytest.raises(UsageError, match="selects nothing that is made here; shop/till is external"):
            project.materialize("shop/till")
        project.give("shop/till", "monday")
        assert project.materialize("+turnover").outcomes == {"turnover": "ran"}


def view_of(*inputs, definition="select 1"):
    return virtual_asset("shop/view", inputs, definition=definition)


def test_staleness_flows_through_views_of_what_is_made_and_of_what_is_not():
    @asset
    def listed(*, size: int = 1) -> int:
        return size

    @asset(deps=["shop/top"])
    def summary() -> str:
        return "done"

    def shop(definition="select 1"):
        view = view_of(listed, till, definition=definition)
        return [listed, till, view, virtual_asset("shop/top", [view]), summary]

    with Project(shop()) as project:
        assert project.plan("summary").actions == {"summary": "blocked"}
        assert project.why("shop/top").status == "missing"
        project.give("shop/till", "monday")
        assert project.plan().actions == {"listed": "run", "summary": "run"}
        assert project.materialize().outcomes == {"listed": "ran", "summary": "ran"}
        assert project.plan().actions == {"listed": "fresh", "summary": "fresh"}
        assert (project.why("shop/top").status, project.why("summary").status) == ("fresh", "fresh")

        project.give("shop/till", "tuesday")
        assert project.plan().actions == {"listed": "fresh", "summary": "run"}
        assert project.why("summary").causes == ("summary.shop/till: input",)
        project.materialize()

        project.give("listed", 7)
        assert project.plan("summary").actions == {"summary": "run"}
        assert project.why("summary").causes == ("summary.listed: input",)
        project.materialize()

        project.define(shop("select 2"))
        assert project.why("summary").causes == ("summary.shop/top: input",)
        assert project.materialize().outcomes["summary"] == "ran"
        project.define(shop("select 1"))
        assert project.materialize().outcomes["summary"] == "reused"


def test_a_variant_flows_through_a_view_and_its_readers_are_variants():
    @asset
    def listed(*, size: int = 1) -> int:
        return size

    @asset(deps=["shop/view"])
    def summary() -> str:
        return "done"

    with Project([listed, view_of(listed), summary]) as project:
        project.materialize()
        assert project.materialize(parameters={"listed.size": 2}).outcomes == {"listed": "ran", "summary": "ran"}
        assert project.plan().actions == {"listed": "fresh", "summary": "fresh"}


def test_a_view_of_a_stale_asset_is_stale():
    def edition(value):
        @asset
        def listed() -> int:
            return value

        return [listed, view_of(listed)]

    with Project(edition(1)) as project:
        project.materialize()
        project.define(edition(2))
        assert (project.why("shop/view").status, project.why("shop/view").causes) == ("stale", ("listed: code",))


def test_keys_that_an_observer_finds_outside_are_partitions_from_then_on():
    inbox = external_asset("inbox")

    @observe(inbox)
    def look(context: Context) -> str:
        context.add_partitions("files", ["a", "b"])
        return "two files"

    @asset(partitions=Dynamic("files"), deps=[inbox])
    def loaded(key: PartitionKey) -> str:
        return key

    with Project([inbox, look, loaded]) as project:
        assert project.observe() == {"inbox": "two files"}
        assert project.observe() == {"inbox": "two files"}
        assert project.materialize()["loaded"] == {"a": "a", "b": "b"}


def test_keys_of_an_observer_that_fails_are_none():
    inbox = external_asset("inbox", partitions=Dynamic("files"))
    outbox = external_asset("outbox")

    @observe(outbox)
    def look(context: Context) -> str:
        context.add_partitions("files", ["a"])
        raise LookupError(context.partition)

    with Project([inbox, outbox, look]) as project:
        with pytest.raises(RunFailed):
            project.observe("outbox")
        with pytest.raises(UsageError):
            project.give("inbox", "1", partition="a")


class Nowhere(IO):
    def load(self, place: Place) -> int:
        raise AssertionError(place)

    def exists(self, place: Place) -> bool:
        raise AssertionError(place)

    def fingerprint(self, place: Place) -> str:
        raise AssertionError(place)


def test_a_value_is_given_for_what_an_io_would_load():
    counts = external_asset("counts", io=Nowhere("counts-{partition}"), type=int, partitions=DAYS)

    @asset(partitions=DAYS)
    def doubled(counts: int) -> int:
        return counts * 2

    with Project([counts, doubled]) as project:
        project.give("counts", 3, partition="2026-03-02")
        project.give("counts", 4, partition="2026-03-03")
        run = project.materialize()
        assert run["doubled"] == {"2026-03-02": 6, "2026-03-03": 8}
        assert run["counts"]["2026-03-02"] == 3
        project.give("counts", 3, partition="2026-03-02")
        assert project.plan().actions == {"doubled": "fresh 2026-03-02..2026-03-03, blocked 2026-03-04"}
        project.give("counts", 5, partition="2026-03-02")
        assert project.materialize("doubled", partition="2026-03-02")["doubled", "2026-03-02"] == 10
        with pytest.raises(ValueRefused, match=r'value of "counts": expected int'):
            project.give("counts", "many", partition="2026-03-02")


def test_checks_judge_a_value_that_is_given_for_what_an_io_would_load():
    counts = external_asset("counts", io=Nowhere("counts"), type=int)

    @check(counts, blocking=True)
    def some(counts: int) -> bool:
        return counts > 0

    @asset
    def doubled(counts: int) -> int:
        return counts * 2

    with Project([counts, some, doubled]) as project:
        project.give("counts", 3)
        assert project.materialize()["doubled"] == 6
        project.give("counts", 0)
        assert project.plan().actions == {"doubled": "blocked"}


def judged(value: int) -> bool:
    return True


WRONG = [
    (lambda: [till, check(till)(judged)], "nothing here loads its value; say what does, io=…"),
    (lambda: [till, asset(inputs={"wanted": till})(reads)], "which is external: nothing here loads its value"),
    (lambda: [turnover, till, observe(turnover)(lambda: "a")], '"turnover" is not external'),
    (lambda: [till, observe(till)(lambda: "a"), observe(till)(lambda: "b")], '"shop/till" has another observer'),
    (lambda: [till, observe(till)(lambda x: "a")], "an observer reads no assets, but has the parameter x"),
    (lambda: [till, observe(till)(asks)], 'asks for its partition, but "shop/till" has none'),
    (lambda: [till, observe(till)(wants)], "nobody gives an observer a value for depth"),
    (lambda: [external_asset("a", group=3)], "test_external.py"),
    (lambda: [external_asset("a//b")], "test_external.py"),
    (lambda: [till, external_asset("shop/till")], "defined 2 times"),
]


def reads(wanted: int) -> int:
    return wanted


def asks(window: TimeWindow) -> str:
    return "a"


def wants(*, depth: int) -> str:
    return "a"


@pytest.mark.parametrize(("definitions", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_what_cannot_be_is_told_where_it_stands(definitions, problem):
    with pytest.raises(DefinitionsInvalid) as refused:
        Project(definitions())

    assert problem in str(refused.value)


def test_an_observer_is_the_function_it_was():
    @observe(till)
    def look() -> DataVersion:
        return DataVersion("monday", {"rows": 3})

    assert look() == DataVersion("monday", {"rows": 3})


def test_a_variant_flows_through_a_view_that_is_not_selected():
    @asset
    def listed(*, size: int = 1) -> int:
        return size

    @asset(deps=["shop/top"])
    def summary() -> str:
        return "done"

    view = view_of(listed)
    with Project([listed, view, virtual_asset("shop/top", [view]), summary]) as project:
        project.materialize()
        asked = {"selection": "listed or summary", "parameters": {"listed.size": 2}}
        assert project.plan(**asked).actions == {"listed": "run", "summary": "depends"}
        assert project.materialize(**asked).outcomes == {"listed": "ran", "summary": "ran"}
