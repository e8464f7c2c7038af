"""How far a run is: its plan and what is recorded of its steps, as ranges."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from latewood.decide.how_far import (
    NOT_BEGUN,
    WAITING,
    Ended,
    Stretch,
    TaskSteps,
    planned_steps,
    steps_by_task,
    time_left,
)
from latewood.events import Action, PlannedSteps
from latewood.model.ordinals import Ordinals

STATUSES = ("succeeded", "reused", "failed", "skipped", "retrying", "running")


def steps(asset, partitions, first, action=Action.RUN, trial=0):
    return PlannedSteps(assets=(asset,), action=action, partitions=partitions, first=first, trial=trial)


def test_what_nobody_has_begun_is_waiting():
    (found,) = steps_by_task([steps("day", "0-99", 0)], [Stretch("succeeded", 0, 9), Stretch("running", 10, 11)])
    assert found.counts == {"succeeded": 10, "running": 2, "waiting": 88}
    assert {status: str(ordinals) for status, ordinals in found.ordinals.items()} == {
        "succeeded": "0-9",
        "running": "10-11",
        "waiting": "12-99",
    }
    assert (found.total, found.ended) == (100, 10)


def test_of_what_was_cancelled_nothing_runs_or_waits_any_more():
    stretches = [Stretch("succeeded", 0, 9), Stretch("running", 10, 11), Stretch("retrying", 12, 12)]
    (found,) = steps_by_task([steps("day", "0-99", 0)], stretches, ended="cancelled")
    assert {status: str(ordinals) for status, ordinals in found.ordinals.items()} == {
        "succeeded": "0-9",
        "cancelled": "10-12",
        NOT_BEGUN: "13-99",
    }
    assert found.ended == 10


def test_a_stretch_may_reach_over_several_tasks_and_partitions_may_have_gaps():
    planned = [steps("day", "5-6,9", 0), steps("month", "0", 3), steps("left", "0", 4, Action.BLOCKED)]
    day, month = steps_by_task(planned, [Stretch("reused", 1, 3)])
    assert (str(day.ordinals["reused"]), str(day.ordinals[WAITING])) == ("6,9", "5")
    assert month.counts == {"reused": 1}


def test_trials_of_a_sweep_are_counted_though_they_are_of_one_partition():
    planned = [steps("model", "0-2,5", 0), steps("model", "0-2,5", 4, trial=1), steps("score[]", "0-9", 8)]
    found, elements = steps_by_task(planned, [Stretch("succeeded", 0, 7)])
    assert (found.counts, str(found.ordinals["succeeded"])) == ({"succeeded": 8}, "0-2,5")
    assert (found.trials, elements.trials) == (2, 1)


@given(st.data())
def test_it_is_what_looking_at_each_step_gives(data):
    planned, by_number, number = [], {}, 0
    for asset in ("a", "b", "c"):
        for action in data.draw(st.lists(st.sampled_from([Action.RUN, Action.REUSE, Action.BLOCKED]), max_size=3)):
            ordinals = Ordinals.of(data.draw(st.sets(st.integers(0, 12), min_size=1)))
            planned.append(steps(asset, str(ordinals), number, action))
            if action is not Action.BLOCKED:
                by_number |= {number + index: (asset, ordinal) for index, ordinal in enumerate(ordinals)}
                number += len(ordinals)
    said = {n: data.draw(st.sampled_from(STATUSES)) for n in by_number if data.draw(st.booleans())}
    stretches = []
    for status in STATUSES:
        of_status = Ordinals.of(n for n, found in said.items() if found == status)
        stretches += [Stretch(status, start, stop - 1) for start, stop in of_status.ranges]
    found = steps_by_task(planned, data.draw(st.permutations(stretches)))
    counted = Counter((asset, said.get(n, WAITING)) for n, (asset, _) in by_number.items())
    assert {(t.assets[0], s): count for t in found for s, count in t.counts.items()} == counted
    for task in found:
        for status, ordinals in task.ordinals.items():
            expected = {
                o for n, (asset, o) in by_number.items() if (asset, said.get(n, WAITING)) == (task.assets[0], status)
            }
            assert set(ordinals) == expected
    assert planned_steps(planned) == len(by_number)


def far(**counts):
    return [TaskSteps(assets=(key,), counts=found, ordinals={}) for key, found in counts.items()]


MINUTE = timedelta(seconds=60)


def test_what_a_check_refuses_has_ended_and_is_not_made():
    (found,) = steps_by_task([steps("day", "0-9", 0)], [Stretch("succeeded", 0, 3), Stretch("refused", 4, 9)])
    assert (found.counts, found.ended) == ({"succeeded": 4, "refused": 6}, 10)


def test_the_rest_takes_as_long_as_the_pace_of_late_says_and_nobody_knows_without_one():
    tasks = far(day={"succeeded": 60, "waiting": 300})
    assert time_left(tasks, [Ended(("day",), 60, 995.0)], {}, MINUTE) == timedelta(seconds=300)
    assert time_left(tasks, [], {"day": 995.0}, MINUTE) is None
    assert time_left(far(day={"succeeded": 60}), [Ended(("day",), 60, 995.0)], {}, MINUTE) is None


def test_work_is_counted_and_not_steps_where_tasks_take_differently():
    tasks = far(raw={"succeeded": 1}, day={"waiting": 365})
    ended = [Ended(("raw",), 1, 995.0)]
    second = timedelta(seconds=1)
    assert time_left(tasks, ended, {"day": 15.0}, second) == timedelta(seconds=365 * 0.02)
    assert time_left(tasks, ended, {}, second) is None, "most of what is left may take whatever it likes"
    begun = far(raw={"succeeded": 1}, day={"succeeded": 1, "waiting": 364}, month={"waiting": 12})
    left = time_left(begun, [*ended, Ended(("day",), 1, 15.0)], {}, second)
    assert left is not None
    assert timedelta(seconds=7) < left < timedelta(seconds=16)


def test_what_is_taken_from_before_takes_little_and_not_nothing():
    tasks = far(day={"reused": 100, "waiting": 100})
    assert time_left(tasks, [Ended(("day",), 100, 0.0)], {}, MINUTE) == MINUTE
