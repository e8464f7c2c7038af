"""Which steps of a plan can begin, and in which order."""

from itertools import count

import pytest

from builders import NOW, World, catalog, changed
from latewood.decide.frontier import Frontier


def begun(defined, *, at_once=1):
    """The steps of everything in the order in which they begin, `at_once` of them at a time, oldest ended first."""
    frontier = Frontier(World().plan(defined), defined)
    order, going = [], []
    while len(frontier):
        while len(going) < at_once and (step := frontier.next()) is not None:
            order.append(f"{step.task.node.keys[0]} {step.partition}".rstrip())
            going.append(step)
        frontier.ended(going.pop(0), NOW)
    return order


def test_what_reads_begins_behind_what_it_reads():
    assert begun(catalog("a", "b <- a", "c <- b", "d <- a c")) == ["a", "b", "c", "d"]
    assert begun(catalog("a", "b <- a", "c <- a", "d <- b c"), at_once=9) == ["a", "b", "c", "d"]


def test_partition_by_partition_and_not_asset_by_asset():
    defined = catalog("a[few]", "b[few] <- a", "c[few] <- b")
    assert [name.split()[0] for name in begun(defined)] == ["a", "b", "c"] * 4


def test_a_month_begins_as_soon_as_its_days_have_ended():
    order = begun(catalog("d[days]", "m[months] <- d"))
    months = [index for index, name in enumerate(order) if name.startswith("m ")]
    for index in months:
        month = order[index].split()[1]
        assert order[index - 1].split()[1].startswith(month)


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_every_step_begins_once(at_once):
    defined = catalog("d[days]", "e[days] <- d e@-1", "m[months] <- e", "t <- m d")
    order = begun(defined, at_once=at_once)
    assert len(order) == len(set(order)) == World().plan(defined).length


def test_neighbours_are_given_together_where_they_can_begin():
    defined = catalog("a[few]", "b[few] <- a")
    frontier = Frontier(World().plan(defined), defined)
    first = frontier.next()
    second = frontier.neighbour(first)
    assert (second.partition, second.task) == (first.task.node.partition_key(1), first.task)
    frontier.ended(first, NOW)
    made = frontier.next()
    assert made.task is not first.task
    assert frontier.neighbour(made) is None, "it waits for the second"


def test_a_step_that_reads_all_days_is_looked_at_a_few_times(monkeypatch):
    defined = catalog("h[days]", "t <- h")  # 59 days
    frontier = Frontier(World().plan(defined), defined)
    looks, look = count(), Frontier._waits_for
    monkeypatch.setattr(Frontier, "_waits_for", lambda *args: (next(looks), look(*args))[1])
    while (step := frontier.next()) is not None:
        frontier.ended(step, NOW)
    assert not len(frontier)
    assert next(looks) <= 2


def test_higher_priorities_begin_first_and_wait_all_the_same_for_what_they_read():
    defined = changed(changed(catalog("a", "b", "c <- a"), "b", priority=1), "c", priority=2)
    assert begun(defined) == ["b", "a", "c"]


def test_of_a_closed_pool_nothing_begins_and_the_others_go_on():
    defined = changed(changed(catalog("a", "b", "c"), "a", pool="db", priority=1), "b", pool="db")
    frontier = Frontier(World().plan(defined), defined)
    assert (frontier.priority(), frontier.priority({"db"})) == (1, 0)
    assert frontier.next({"db"}).task.node.keys == ("c",)
    assert frontier.next({"db"}) is None
    assert frontier.priority({"db"}) is None
    assert [frontier.next().task.node.keys for _ in range(2)] == [("a",), ("b",)]
