"""What a step of a run would compute that nobody has begun: its reuse key, as who drives the run makes it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from latewood.commands.reading import contents_at, heads_read, narrowed
from latewood.commands.recorded_plan import RecordedPlan, given_of
from latewood.commands.versions import step_facts
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.bearing import bearing_on
from latewood.decide.contents import named_paths
from latewood.decide.how_far import planned_for
from latewood.decide.keys import reuse_key
from latewood.decide.nodes import Slot, by_trial, nodes_of
from latewood.decide.reasons import Reason, are_forced
from latewood.decide.state import Heads, Retracted, State, VersionFacts
from latewood.decide.step_waits import reads_of, steps_before
from latewood.engine.running.binding import Bindings, Blocked, digest_of
from latewood.events import StepReused
from latewood.model.definitions import Origin
from latewood.model.keys import AssetVersion, RunId, version_id
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import keys_of
from latewood.projections.retractions import retractions
from latewood.projections.snapshots import Snapshot
from latewood.projections.states import NOW, versions_of


def shared_key(connection: Snapshot, workspace: Workspace, run: RunId, plan: RecordedPlan, step: int) -> str:
    """The key by which it finds that others compute the same; empty where it does not look, or cannot run.

    It reads what its run has made, else the heads of now. Cost: O(versions that it reads + definitions).
    """
    found = planned_for(plan.steps, step)
    if found is None or plan.requested.force or are_forced(map(Reason.read, found[0].reasons)):
        return ""
    (steps, ordinal), first = found, plan.key(found[0].assets[0])
    workspace = replace(workspace, environment=plan.requested.environment)
    view = replace(plan.view, as_of=NOW, here=frozenset())  # its files count as runs have seen them
    part = narrowed(view, bearing_on(view.catalog, [first]))
    state = _state(connection, workspace, plan, part)
    selected = frozenset(plan.key(id_) for each in plan.steps for id_ in each.assets)
    nodes = by_trial(nodes_of(part.catalog, state, given_of(plan.requested), selected))
    node = nodes[first, steps.trial].only(tuple(map(plan.key, steps.assets)))
    if node.task.reuse.is_off or node.task.each:
        return ""
    read = reads_of(node, ordinal, nodes.values(), part.catalog, part.now)
    before = steps_before(plan.steps, step, nodes, plan.key, part.catalog, part.now)
    heads = {id_: dict(of) for id_, of in _heads(connection, workspace, part, read).items()}
    for facts in _made(connection, workspace, run, plan, before):
        heads.setdefault(facts.asset, {})[facts.partition] = facts
    views = (each for each in nodes.values() if each.origin is Origin.VIRTUAL)
    try:
        bound = Bindings(part.catalog, replace(state, heads=heads), views).bind(node, ordinal)
    except Blocked:
        return ""
    return reuse_key(node.logic, digest_of(bound), node.partition_key(ordinal))


def _state(connection: Snapshot, workspace: Workspace, plan: RecordedPlan, part: View) -> State:
    """What its logic follows from, and what nobody reads."""
    named = named_paths(part.catalog, given_of(plan.requested))
    return State(
        environment=workspace.environment,
        position=part.position,
        now=part.now,
        ids=part.ids,
        contents=contents_at(connection, workspace, part, named, {}),
        retracted=Retracted.of(retractions(connection, workspace.project, NOW)),
    )


def _heads(connection: Snapshot, workspace: Workspace, part: View, read: Mapping[Slot, Ordinals]) -> Heads:
    """The heads of what is read."""
    only = {part.ids[key]: keys_of(part.catalog[key].partitions, ordinals) for (key, _), ordinals in read.items()}
    return heads_read(connection, workspace, list(only), NOW, only)


def _made(
    connection: Snapshot, workspace: Workspace, run: RunId, plan: RecordedPlan, before: Ordinals
) -> Iterator[VersionFacts]:
    """What these steps of the run have made, or have taken."""
    own: set[AssetVersion] = set()
    for number in before:
        if (found := planned_for(plan.steps, number)) is not None:
            own |= {(asset, version_id(run, number)) for asset in found[0].assets}
    made = versions_of(connection, workspace.project, own)
    rest = {version for _, version in own - made.keys()}
    ends = step_facts(connection, workspace, rest) if rest else {}
    reused = (fact for facts in ends.values() for fact in facts if isinstance(fact, StepReused))
    taken = {(output.asset, output.version) for fact in reused for output in fact.outputs}
    return chain(made.values(), versions_of(connection, workspace.project, taken).values())
