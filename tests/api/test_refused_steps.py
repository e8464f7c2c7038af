"""Steps whose result is refused are told apart from those that succeeded, by whatever it is refused."""

from latewood.commands.retracting import retract
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named

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
