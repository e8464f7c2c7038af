"""Plans over random projects and random pasts, executed by a model of user code."""

from copy import deepcopy
from dataclasses import replace
from hashlib import sha256

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import World, catalog, changed, content, edited, id_of, number
from latewood.decide.bearing import bearing_on, ordinals_bearing, partitions_bearing
from latewood.decide.plan import Request, plan, selected_ordinals
from latewood.decide.staleness import Status, assess
from latewood.decide.sweep import Sweep
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals

some_examples = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pure(asset, partition, read):
    """User code whose results depend on code and inputs alone, and are often equal."""
    parts = "|".join((asset.key, asset.task.code.version, partition, *sorted(read.values())))
    return content(str(sha256(parts.encode()).digest()[0] % 2))


@st.composite
def catalogs(draw):
    """Up to six tasks over some days and their months; some make two assets, some read their own past."""
    lines, keys = [], []
    for n in range(draw(st.integers(1, 6))):
        scheme = draw(st.sampled_from(["", "", "[few]", "[months]"]))
        read = draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)) if keys else []
        inputs = [f"({key})" if draw(st.integers(0, 5)) == 0 else key for key in read]
        outputs = [f"a{n}", f"b{n}"] if draw(st.integers(0, 4)) == 0 else [f"a{n}"]
        if scheme and draw(st.integers(0, 3)) == 0:
            inputs.append(f"{outputs[0]}@-1")
        keys += outputs
        lines.append(f"{' '.join(outputs)}{scheme} <- {' '.join(inputs)}")
    return catalog(*lines)


@st.composite
def pasts(draw, *, calm=False):
    """A catalog as it is now, and a world in which older ones were run; without forced runs and losses if calm."""
    defined = draw(catalogs())
    world = World(makes=pure)
    keys = st.sampled_from(sorted(defined))
    for _ in range(draw(st.integers(0, 4))):
        match draw(st.sampled_from(["run", "run", "edit", "edit", "drop"] + ([] if calm else ["force", "lose"]))):
            case "run":
                world.run(defined, *draw(st.sets(keys)))
            case "force":
                world.run(defined, draw(keys), force=True)
            case "edit":
                defined = edited(defined, draw(keys), str(draw(st.integers(1, 3))))
            case done:
                _take(draw, defined, world, draw(keys), lose=done == "lose")
    return defined, world


def _take(draw, defined, world, key, *, lose):
    """One partition of all that the task makes is no head any more, or its artifacts are gone."""
    siblings = [id_of(output.asset) for output in defined[key].task.outputs]
    partitions = sorted(world.heads.get(siblings[0], {}))
    if partitions:
        partition = draw(st.sampled_from(partitions))
        for id_ in siblings:
            heads = world.heads[id_]
            if lose:
                world.lost.add(heads[partition].artifact)
            else:
                del heads[partition]


def selections(defined):
    return st.sets(st.sampled_from(sorted(defined)))


@given(pasts(), st.data())
@some_examples
def test_a_plan_is_a_topological_order_with_dense_numbers_of_exactly_what_was_selected(past, data):
    defined, world = past
    some = data.draw(st.dictionaries(st.sampled_from(sorted(defined)), st.sets(st.integers(0, 4)).map(Ordinals.of)))
    made = world.plan(
        defined, *data.draw(selections(defined)), partitions=some, force=data.draw(st.integers(0, 4)) == 0
    )
    steps = list(made.steps())

    assert [step.number for step in steps] == list(range(len(steps)))
    for task in made.tasks:
        groups = [o for group in task.groups for o in group.ordinals]
        assert sorted(groups) == list(selected_ordinals(task.node, made.request, made.state))
        assert all(group.ordinals for group in task.groups)
    numbers = {(key, step.ordinal): step.number for step in steps for key in step.task.node.keys}
    assert len(numbers) == sum(len(step.task.node.keys) for step in steps)
    for step in steps:
        down = step.task.node.assets[0].partitions
        for input_ in step.task.node.task.inputs:
            up = defined[input_.asset].partitions
            for ordinal in upstream_ordinals(input_.mapping, up, down, step.ordinal, world.now):
                assert numbers.get((input_.asset, ordinal), -1) < step.number


@given(pasts())
@some_examples
def test_after_a_run_of_everything_everything_is_fresh(past):
    defined, world = past
    world.run(defined)
    again = world.run(defined)

    assert {group.action for task in again.tasks for group in task.groups} == {Action.FRESH}
    assert (world.ran, world.reused) == ([], [])
    assert {assessed.status for assessed in assess(defined, world.state(defined)).values()} == {Status.FRESH}


@given(pasts(calm=True), st.data())
@some_examples
def test_nothing_is_ever_computed_twice(past, data):
    defined, world = past
    computed = [(facts.asset, facts.reuse_key) for facts in world.started]
    assert len(computed) == len(set(computed))

    world.run(defined, *data.draw(selections(defined)))
    world.run(defined)
    computed = [(facts.asset, facts.reuse_key) for facts in world.started]
    assert len(computed) == len(set(computed))


@given(pasts(), st.data())
@some_examples
def test_execution_does_what_was_planned(past, data):
    defined, world = past
    made = world.run(defined, *data.draw(selections(defined)))
    planned = {action: set() for action in Action}
    for step in made.steps():
        key = step.task.node.keys[0]
        planned[step.action].add(f"{key}:{step.partition}" if step.partition else key)

    assert planned[Action.RUN] <= set(world.ran)
    assert planned[Action.REUSE] <= set(world.reused)
    assert set(world.ran) | set(world.reused) == planned[Action.RUN] | planned[Action.REUSE] | planned[Action.DEPENDS]


@given(pasts(calm=True), st.data())
@some_examples
def test_a_sweep_makes_what_its_combinations_make_one_by_one(past, data):
    defined, swept = past
    for key in (keys := data.draw(st.lists(st.sampled_from(sorted(defined)), min_size=1, max_size=2))):
        defined = changed(defined, key, parameters=(number("p", 0.0),))
    selected = data.draw(selections(defined)) or frozenset(defined)
    tried = st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=3)
    axes = [[{key: {"p": value}} for value in data.draw(tried)] for key in {*keys} & {*selected}]
    sweep, one_by_one = Sweep(axes=axes), deepcopy(swept)
    before = deepcopy(swept.heads)
    made = swept.run(defined, *selected, parameters=sweep)
    for combination in sweep.combinations():
        one_by_one.run(defined, *selected, parameters=combination)

    computed = [(facts.asset, facts.reuse_key) for facts in swept.started]
    assert len(computed) == len(set(computed))
    assert set(computed) == {(facts.asset, facts.reuse_key) for facts in one_by_one.started}
    slots = [(task.node.keys, task.node.trial) for task in made.tasks]
    assert len(slots) == len(set(slots))
    assert contents_of(swept) == contents_of(one_by_one)
    own = {key for task in made.tasks if not task.node.trial for key in task.node.keys}
    assert all(swept.heads.get(id_of(key)) == before.get(id_of(key)) for key in {*defined} - own)


def contents_of(world):
    """What the heads hold."""
    return {(id_, key): facts.data_version for id_, heads in world.heads.items() for key, facts in heads.items()}


def fresh(assessed, made):
    """What is fresh by the assessment, and what is by the plan: partitions by task."""
    by_plan, by_assessment = {}, {}
    for task in made.tasks:
        keys = task.node.keys
        by_plan[keys] = task.ordinals(Action.FRESH)
        by_assessment[keys] = assessed[keys[0]].by_status.get(Status.FRESH, Ordinals())
        for key in keys[1:]:
            by_assessment[keys] &= assessed[key].by_status.get(Status.FRESH, Ordinals())
    return by_assessment, by_plan


@given(pasts())
@some_examples
def test_the_plan_of_everything_leaves_alone_what_is_fresh(past):
    defined, world = past
    by_assessment, by_plan = fresh(assess(defined, world.state(defined)), world.plan(defined))
    # The plan may know better: what is going to be reused upstream has a content already.
    assert all(by_assessment[keys] & by_plan[keys] == by_assessment[keys] for keys in by_plan)

    world.reusable.clear()
    by_assessment, by_plan = fresh(assess(defined, world.state(defined)), world.plan(defined))
    assert by_assessment == by_plan


@given(pasts(calm=True), st.data())
@some_examples
def test_an_edit_reaches_no_further_than_contents_do(past, data):
    defined, world = past
    world.run(defined)
    before = {key: dict(world.heads[id_of(key)]) for key in defined}
    key = data.draw(st.sampled_from(sorted(defined)))
    changed = edited(defined, key, "9")
    world.run(changed)

    own = {output.asset for output in changed[key].task.outputs}
    ran = {name.partition(":")[0] for name in world.ran}
    for asset in defined:
        task = changed[asset].task
        reads = [i.asset for i in task.inputs if i.loads]
        moved = any(
            world.heads[id_of(up)][partition].data_version != facts.data_version
            for up in reads
            for partition, facts in before[up].items()
        )
        if asset not in own and not moved:
            assert task.outputs[0].asset not in ran
            assert world.heads[id_of(asset)] == before[asset]


@given(pasts(), st.data())
@some_examples
def test_what_does_not_bear_on_a_decision_may_be_left_unread(past, data):
    defined, world = past
    selected = data.draw(st.sets(st.sampled_from(sorted(defined)), min_size=1))
    # Schemes change too, so that there are heads of partitions that are none any more.
    for key in data.draw(selections(defined)):
        if defined[key].partitions is not None and len(defined[key].task.inputs) == 0:
            defined = changed(defined, key, partitions=None)
    reached, whole = bearing_on(defined, selected), world.state(defined)

    def narrowed(asked):
        named = {id_of(key): names for key, names in partitions_bearing(defined, reached, world.now, asked).items()}
        found = {id_: whole.heads.get(id_, {}) for id_ in map(id_of, reached)}
        return replace(
            whole, heads={id_: {n: f for n, f in of.items() if n in named.get(id_, of)} for id_, of in found.items()}
        )

    some = data.draw(st.dictionaries(st.sampled_from(sorted(selected)), st.sets(st.integers(0, 4)).map(Ordinals.of)))
    request = Request(selected=frozenset(selected), partitions=some)
    narrow = narrowed(ordinals_bearing(defined, selected, some, world.now))
    assert plan(defined, request, narrow).tasks == plan(defined, request, whole).tasks

    narrow = narrowed({})
    request = Request(selected=frozenset(selected))
    assert plan(defined, request, narrow).tasks == plan(defined, request, whole).tasks
    part = Catalog.of(defined[key] for key in defined if key in reached)
    assessed = assess(defined, whole)
    assert assess(part, narrow) == {key: assessed[key] for key in part}
