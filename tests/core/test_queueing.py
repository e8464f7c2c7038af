"""How long a step may wait to begin, from when it could."""

from datetime import timedelta

import msgspec
import pytest

from builders import NOW, World, catalog, changed
from latewood.decide.frontier import Frontier
from latewood.decide.queueing import A_WORKER, slots_of, waited_too_long, waits_until, was_begun
from latewood.events import Failure, FailureKind
from latewood.model.definitions import Catalog, Origin
from latewood.model.policies import QUOTA, Timeouts

MINUTE = timedelta(minutes=1)


def at(minutes):
    return NOW + minutes * MINUTE


def limited(defined, *keys, minutes=5):
    for key in keys:
        defined = changed(defined, key, timeouts=Timeouts(queued=minutes * MINUTE))
    return defined


def frontier_of(defined):
    return Frontier(World().plan(defined), defined)


def named(step):
    return f"{step.task.node.keys[0]} {step.partition}".rstrip()


def test_what_reads_nothing_could_begin_when_the_plan_was_made():
    frontier = frontier_of(limited(catalog("a", "b"), "a"))
    assert frontier.limit == at(5)
    assert frontier.overdue(at(4)) is None
    assert named(frontier.overdue(at(5))) == "a"
    assert (frontier.limit, frontier.overdue(at(9))) == (None, None)
    assert (named(frontier.next()), frontier.next()) == ("b", None)


def test_what_has_begun_waits_no_longer():
    frontier = frontier_of(limited(catalog("a"), "a"))
    step = frontier.next()
    assert (frontier.limit, frontier.until(step)) == (None, at(5))


def test_a_step_could_begin_when_the_last_of_what_it_reads_had_ended_in_whatever_order_that_is_told():
    frontier = frontier_of(limited(catalog("a", "b", "c", "d <- a b"), "d"))
    a, b, c = frontier.next(), frontier.next(), frontier.next()
    frontier.ended(a, at(3))
    frontier.ended(c, at(7))
    assert frontier.limit is None
    frontier.ended(b, at(2))
    assert frontier.limit == at(3 + 5)


def test_each_partition_could_begin_when_what_it_reads_had_ended_also_through_a_view():
    defined = limited(catalog("a[few]", "v[few] <- a", "b[few] <- v"), "b")
    view = msgspec.structs.replace(defined["v"], origin=Origin.VIRTUAL)
    frontier = frontier_of(Catalog.of(view if asset.key == "v" else asset for asset in defined.assets.values()))
    for minutes, step in enumerate([frontier.next() for _ in range(4)]):
        frontier.ended(step, at(minutes))
    assert [frontier.until(frontier.next()) for _ in range(4)] == [at(5), at(6), at(7), at(8)]


def test_with_one_that_is_overdue_go_neighbours_that_are_as_well():
    frontier = frontier_of(limited(catalog("a[few]", "b[few] <- a"), "b"))
    for step, minutes in zip([frontier.next() for _ in range(4)], (0, 0, 2, 2), strict=True):
        frontier.ended(step, at(minutes))
    first = frontier.overdue(at(5))
    second = frontier.neighbour(first, overdue=at(5))
    assert second.ordinal == first.ordinal + 1
    assert frontier.neighbour(second, overdue=at(5)) is None, "it may wait longer"
    assert frontier.neighbour(second).ordinal == second.ordinal + 1


def test_who_is_told_that_something_can_begin_is_told_once_and_not_of_what_has_begun():
    frontier = frontier_of(limited(catalog("a", "b <- a", "c <- a"), "c"))
    (a,) = frontier.came()
    assert (frontier.came(), frontier.next()) == ([], a)
    frontier.ended(a, at(1))
    frontier.next()
    (c,) = frontier.came()
    frontier.take(c)
    assert (named(c), frontier.next(), frontier.limit) == ("c", None, None)


def test_without_a_limit_it_may_wait_as_long_as_it_takes():
    frontier = frontier_of(catalog("a"))
    assert (frontier.limit, frontier.overdue(at(10**6)), frontier.came()) == (None, None, [])
    assert waits_until(catalog("a")["a"].task, NOW) is None


@pytest.mark.parametrize(
    ("awaited", "said"),
    [
        (A_WORKER, "for a free worker: more `--workers`, or another `latewood engine`, would have one sooner; "),
        (
            slots_of((QUOTA, "db")),
            (
                "for a slot of the quota and of pool db: `latewood pools` shows who has them, `latewood quota N` or "
                "`latewood pools set db N` makes more; "
            ),
        ),
    ],
)
def test_a_failure_says_for_what_it_has_waited_how_long_and_what_to_do(awaited, said):
    task = limited(catalog("a"), "a")["a"].task
    failure = waited_too_long(task, waits_until(task, NOW), at(6), awaited)
    assert failure.kind is FailureKind.TIMEOUT
    assert failure.message == (
        f"not begun within 300 s: it waited 360 s {said}a longer Timeouts(queued=…), or retries=Retry(…), waits on"
    )


def test_what_timed_out_while_it_ran_was_begun():
    assert not was_begun(waited_too_long(limited(catalog("a"), "a")["a"].task, NOW, NOW, A_WORKER))
    assert was_begun(Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message="still running after 1 s"))
