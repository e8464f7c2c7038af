"""Which steps a step waits for, by what a run has recorded of its plan."""

from collections import Counter

import msgspec
import pytest

from builders import NOW, World, catalog, changed, id_of, number
from latewood.decide.frontier import Frontier
from latewood.decide.nodes import by_trial
from latewood.decide.step_waits import steps_before
from latewood.decide.sweep import Sweep
from latewood.events import PlannedSteps
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey


def recorded(plan):
    """As a run records it."""
    trials = Counter()
    for task in plan.tasks:
        trial = trials[task.node.keys[0]]
        trials[task.node.keys[0]] += 1
        for group in task.groups:
            texts = {"action": group.action, "partitions": str(group.ordinals)}
            yield PlannedSteps(assets=task.node.ids, first=group.first, trial=trial, **texts)


def befores(defined, **request):
    """The plan, and by step the steps that it waits for."""
    plan = World().plan(defined, **request)
    planned = tuple(recorded(plan))
    nodes = by_trial([*(task.node for task in plan.tasks), *plan.views])
    keys = {id_of(key): key for key in defined}
    steps = [step.number for step in plan.steps()]
    return plan, {step: set(steps_before(planned, step, nodes, keys.__getitem__, defined, NOW)) for step in steps}


def as_view(defined, key):
    """The catalog in which the asset is a view of what it reads."""
    assets = defined.assets | {key: msgspec.structs.replace(defined[key], origin=Origin.VIRTUAL)}
    return Catalog.of(assets.values())


SWEPT = changed(
    changed(catalog("a", "b <- a", "c <- b", "d"), "a", parameters=(number("x", 1),)), "c", parameters=(number("y", 1),)
)
TRIED = Sweep(axes=([{AssetKey("a"): {"x": x}} for x in (1, 2)], [{AssetKey("c"): {"y": y}} for y in (1, 2, 3)]))


@pytest.mark.parametrize(
    ("defined", "parameters"),
    [
        (catalog("d[days]", "e[days] <- d e@-1", "m[months] <- e", "t <- m d"), None),
        (catalog("a", "x y <- a", "z <- (x)", "s[square] <- a", "k[few] <- s"), None),
        (as_view(catalog("d[days]", "v[days] <- d", "m[months] <- v", "t <- v"), AssetKey("v")), None),
        (SWEPT, TRIED),
    ],
)
def test_a_step_can_begin_when_all_that_it_waits_for_has_ended_and_not_before(defined, parameters):
    plan, before = befores(defined, parameters=parameters)
    frontier, ended, begun = Frontier(plan, defined), set(), {}
    assert any(before.values())
    while len(frontier):
        while (step := frontier.next()) is not None:
            begun[step.number] = step
        assert begun.keys() | ended == {number for number in before if before[number] <= ended}
        ended_now = begun.pop(min(begun))
        ended.add(ended_now.number)
        frontier.ended(ended_now, NOW)
    assert ended == before.keys()


def test_a_variant_waits_for_the_variants_that_it_is_made_from():
    plan, before = befores(SWEPT, parameters=TRIED)
    made = {step.number: (step.task.node.keys[0], dict(t[1:] for t in step.task.node.trial)) for step in plan.steps()}
    for step, (key, values) in made.items():
        for upstream, theirs in (made[each] for each in before[step]):
            assert (key, upstream) in (("b", "a"), ("c", "b"))
            assert theirs == {name: value for name, value in values.items() if name == "x"}
