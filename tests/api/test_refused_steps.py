"""Steps whose result is refused are told apart from those that succeeded, by whatever it is refused."""

from datetime import date, timedelta

from sqlalchemy import text

from api.looked_at import rows_of
from databases import execute
from latewood.commands.retracting import retract
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named
from latewood.projections import refusals, statistics
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood_eventlog.log import SeenBy

SOURCE = """
    @asset
    def rate() -> int:
        return 1

    @asset
    def price(rate: int) -> int:
        return rate
"""
CHECKED = (
    SOURCE
    + """
    @check(price, blocking=True)
    def is_more(price: int) -> CheckResult:
        return CheckResult(passed=price > 1)
"""
)


def stood(api, workspace, run):
    """How its steps stand: in a list, as of where it ended, and for who follows it."""
    asked = "steps { nodes { assets status } }"
    found = api(f'{{ project {{ run(id: "{run}") {{ endedPosition {asked} }} }} }}')["project"]["run"]
    then = api(f'{{ project(asOf: {found["endedPosition"]}) {{ run(id: "{run}") {{ {asked} }} }} }}')["project"]["run"]
    assert then["steps"] == found["steps"]
    by_asset = {step["assets"][0]: step["status"] for step in found["steps"]["nodes"]}
    told = WatchedRun(workspace, run_named(workspace, run)).look().tasks
    assert {key: status for task in told for status in task.steps.counts for key in task.assets} == by_asset
    return by_asset


def test_what_a_check_refuses_and_what_is_taken_although_one_refuses_it_now(api, made, workspace):
    first = made(SOURCE).run
    assert stood(api, workspace, first) == {"rate": "succeeded", "price": "succeeded"}
    made(SOURCE.replace("return rate", "return rate + 1"))
    taken = made(CHECKED).run
    assert stood(api, workspace, taken)["price"] == "refused"
    forced = made(CHECKED, force=True).run
    assert stood(api, workspace, forced) == {"rate": "succeeded", "price": "refused"}
    assert stood(api, workspace, first)["price"] == "succeeded"  # nothing refused it then


def test_what_equals_something_that_was_declared_to_be_wrong(api, made, workspace):
    first = made(SOURCE, force=True).run
    retract(workspace, f"{first}.0", reason="wrong", rerun=True)
    again = made(SOURCE, selection="rate", force=True).run
    assert stood(api, workspace, again) == {"rate": "refused"}


DAYS = 150
LONG = f"""
    @asset
    def other() -> int:
        return 1

    @asset(partitions=Daily("2026-01-01", end="{date(2026, 1, 1) + timedelta(DAYS)}"))
    def wrong(partition: PartitionKey) -> str:
        return str(partition)

    @asset(partitions=Daily("2026-01-01", end="{date(2026, 1, 1) + timedelta(DAYS)}"))
    def early(partition: PartitionKey) -> int:
        return int(partition[-2:])
"""
HALF = (
    LONG
    + """
    @check(early, blocking=True)
    def is_late(early: int) -> CheckResult:
        return CheckResult(passed=early > 15)
"""
)


def test_each_step_of_a_run_is_looked_at_by_itself_and_a_page_is_not_the_whole_run(
    made, workspace, superuser_url, reader
):
    """However much was made besides, and whether or not tables were analyzed."""
    retract(workspace, f"{made(LONG, selection='other').run}.0", reason="wrong")
    runs = {"none": made(LONG, selection="wrong or early").run}
    retract(workspace, runs["none"], reason="wrong", rerun=True, asset="wrong")
    runs["retracted"] = made(LONG, selection="wrong", force=True).run
    runs["taken"] = made(HALF, selection="early").run
    runs["checked"] = made(HALF, selection="early", force=True).run
    with snapshot(workspace.log) as connection:
        assets = list(connection.execute(text("SELECT DISTINCT unnest(assets) FROM steps")).scalars())

    def looked(statement, run, steps=None):
        given = {"project": "default", "run": run, "runs": [run], "steps": steps, "assets": assets, "as_of": NOW}
        with snapshot(SeenBy(reader, ("default",))) as connection:  # who sees little has other plans
            return rows_of(connection, statement, given), connection.execute(statement, given).all()

    for is_analyzed in (False, True):
        if is_analyzed:
            execute(superuser_url, "ANALYZE")
        for name, run in runs.items():
            rows, found = looked(refusals._STEPS, run)
            assert len(found) == {"none": 0, "retracted": DAYS}.get(name, DAYS // 2)
            assert rows < 30 * DAYS
            assert looked(statistics._STRETCHES, run)[0] < 40 * DAYS
            assert looked(refusals._STEPS, run, [0])[0] < 10 * DAYS, "what is read as a set"
