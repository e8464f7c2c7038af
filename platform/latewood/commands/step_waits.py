"""What a step waits for that has not begun: by the log, and now also by who holds what."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from latewood.commands.recorded_plan import RecordedPlan, given_of
from latewood.commands.step_keys import shared_key
from latewood.commands.workspace import Workspace
from latewood.decide.bearing import bearing_on
from latewood.decide.how_far import planned_for
from latewood.decide.nodes import Node, by_trial, nodes_of
from latewood.decide.reasons import Reason, are_forced
from latewood.decide.state import State
from latewood.decide.step_waits import Awaited, AwaitedStep, SlotTaken, Wait, first_of, steps_before
from latewood.engine.running.presence import ENGINES
from latewood.engine.running.slots import SLOTS, pools_of, slots_among
from latewood.events import Event, Executor, RunStatus, StepFailed, StepStarted, from_json
from latewood.model.definitions import Catalog, TaskDefinition
from latewood.model.elements import element_asset, is_elements, list_of
from latewood.model.keys import AssetId, PartitionKey
from latewood.model.policies import QUOTA
from latewood.projections.pools import PoolRow, pool_rows
from latewood.projections.runs import RunRow
from latewood.projections.snapshots import Snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import ended_stretches, keys_of_ids
from latewood.projections.tried import others_making
from latewood_eventlog.leases import holders_seen
from latewood_eventlog.records import Position

_STEPS_NAMED = 10
"""Of the steps that one waits for so many are named."""

Named = Callable[[int], AwaitedStep]
"""The step of the run that has this number."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A step of a run that is asked about, of an asset's partition, and what is recorded of it by a position."""

    row: RunRow
    plan: RecordedPlan
    step: int
    asset: AssetId
    partition: PartitionKey
    told: Sequence[Event]
    up_to: Position

    @property
    def is_now(self) -> bool:
        """Whether it is of now: of the past nobody knows who held what."""
        return self.up_to >= NOW


def waits_of(connection: Snapshot, workspace: Workspace, asked: Asked, named: Named) -> tuple[Awaited, ...]:
    """What it waits for: all at once, or the one thing before which nothing else counts."""
    last = asked.told[-1] if asked.told else None
    if isinstance(last, StepFailed):
        if last.retry_at is None:
            return ()
        if not asked.is_now or last.retry_at > workspace.clock():
            return (Awaited(what=Wait.RETRY, until=last.retry_at),)
    elif before := _steps(connection, workspace, asked, named):
        return (before,)
    return tuple(_now(connection, workspace, asked)) if asked.is_now else ()


def _steps(connection: Snapshot, workspace: Workspace, asked: Asked, named: Named) -> Awaited | None:
    plan = asked.plan
    found = planned_for(plan.steps, asked.step)
    if found is None:  # of an element, whose list is there
        return None
    first = plan.key(found[0].assets[0])
    # Trials are numbered by what the task reads, and by nothing else.
    catalog = Catalog.of(plan.view.catalog[key] for key in bearing_on(plan.view.catalog, [first]))
    nodes = by_trial(_nodes(plan, catalog))
    numbers = steps_before(plan.steps, asked.step, nodes, plan.key, catalog, plan.view.now)
    left = numbers - ended_stretches(connection, workspace.project, asked.row.run, asked.up_to) if numbers else numbers
    if not left:
        return None
    return Awaited(what=Wait.STEPS, steps=tuple(map(named, first_of(left, _STEPS_NAMED))), count=len(left))


def _nodes(plan: RecordedPlan, catalog: Catalog) -> list[Node]:
    state = State(environment=plan.requested.environment, position=0, now=plan.view.now, ids=plan.view.ids)
    selected = frozenset(plan.key(id_) for steps in plan.steps for id_ in steps.assets)
    return nodes_of(catalog, state, given_of(plan.requested), selected)


def _now(connection: Snapshot, workspace: Workspace, asked: Asked) -> Iterator[Awaited]:
    row, project = asked.row, workspace.project
    if row.status == RunStatus.QUEUED and row.executor != Executor.INLINE:
        held = holders_seen(connection, project, ENGINES)
        yield Awaited(what=Wait.ENGINE, engines=tuple(each.name.removeprefix(ENGINES) for each in held))
        return
    task = _task(asked)
    limits = pool_rows(connection, project, NOW)
    slots = slots_among(holders_seen(connection, project, SLOTS))
    own = any(slot.step == (row.run, asked.step) for several in slots.values() for slot in several)
    found = [] if own or task is None else list(_full(task, limits, slots))
    if task is not None and not asked.told and not is_elements(asked.asset):
        yield from _others(connection, workspace, asked, task)
    yield from found or [Awaited(what=Wait.TURN)]


def _task(asked: Asked) -> TaskDefinition | None:
    """The task that it calls, of a list's element the plain one; None where the run's deployments do not define it."""
    key = asked.plan.key(list_of(asked.asset))
    definition = asked.plan.view.catalog.assets.get(key)
    if definition is None:
        return None
    return element_asset(definition).task if is_elements(asked.asset) else definition.task


def _full(
    task: TaskDefinition, limits: Mapping[str, PoolRow], slots: Mapping[str, Sequence[SlotTaken]]
) -> Iterator[Awaited]:
    """The pools that the task takes part in and that have no slot to give."""
    for name in pools_of(task, limits):
        limit, held = limits[name].limit, tuple(slots.get(name, ()))
        if len(held) >= limit:
            yield Awaited(what=Wait.SLOT, pool="" if name == QUOTA else name, limit=limit, slots=held)


def _others(connection: Snapshot, workspace: Workspace, asked: Asked, task: TaskDefinition) -> Iterator[Awaited]:
    """The steps under way that compute the same, to take what they make: nobody waits for those that are forced."""
    running = others_making(connection, workspace.project, asked.row.run, asked.step, asked.partition)
    begun: list[StepStarted] = []
    for event in workspace.log.read_positions([each.position for each in running]):
        fact = from_json(event.type, event.data)
        assert isinstance(fact, StepStarted), "the projection says so"
        is_like = (fact.task, fact.code) == (task.name, task.code.version)
        if is_like and fact.reuse_key and not are_forced(map(Reason.read, fact.reasons)):
            begun.append(fact)
    key = shared_key(connection, workspace, asked.row.run, asked.plan, asked.step) if begun else ""
    same = [fact for fact in begun if fact.reuse_key == key]
    if same:
        named = _as_called(connection, workspace, asked.plan, same[:_STEPS_NAMED])
        yield Awaited(what=Wait.OTHER, steps=tuple(named), count=len(same))


def _as_called(
    connection: Snapshot, workspace: Workspace, plan: RecordedPlan, begun: Sequence[StepStarted]
) -> Iterator[AwaitedStep]:
    """These steps, by what the run calls their assets; those that it does not know as they are called now."""
    others = {id_ for fact in begun for id_ in fact.assets if not plan.knows(id_)}
    now = keys_of_ids(connection, workspace.project, others) if others else {}
    for fact in begun:
        keys = tuple(now.get(id_) or plan.key(id_) for id_ in fact.assets)
        yield AwaitedStep(fact.run, fact.step, keys, fact.partition)
