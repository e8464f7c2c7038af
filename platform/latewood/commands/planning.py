"""From a selection to a plan: loads the catalog and the state, resolves what was asked for."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from latewood.commands.failures import Slot, unjudged_heads
from latewood.commands.parameters import parameters_given
from latewood.commands.places import Looks, Seen, look_at, places_at, refuse_foreign, refuse_overwriting, with_places
from latewood.commands.pools import refuse_unknown_pools
from latewood.commands.reading import (
    heads_bearing,
    look,
    narrowed,
    of_status,
    ordinals_in,
    places_here,
    read,
    reading,
    select_keys,
    state_at,
    verdicts_on,
)
from latewood.commands.views import PRESENT, AsOf, View, foreseen_view, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.bearing import bearing_on, ordinals_bearing, partitions_bearing
from latewood.decide.contents import named_paths
from latewood.decide.nodes import Node, nodes_of
from latewood.decide.plan import Plan, Request, plan
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.decide.state import State, VersionFacts
from latewood.decide.sweep import NO_SWEEP, Sweep
from latewood.engine.loading.loaded import Loaded
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import NothingToMake, UsageError
from latewood.events import Action
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import LATEST, describe, ordinal_of, parse_partitions
from latewood.places import is_placed
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import Verdict, durations, known_logics, reusable
from latewood_eventlog.records import Position

STATUS: Final = "status:"
"""What `only` begins with where it is a status that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user asks for, as text."""

    selection: str
    partition: str = ""
    parameters: tuple[str, ...] = ()
    zipped: bool = False
    force: bool = False
    priority: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values of parameters as JSON, as a launch plan has them; paths are so to the project's root."""
    launch: str = ""
    """The workflow or launch plan that is launched, if one is."""
    tried: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The same with several values of each, which are tried in combination."""
    again: Sweep = NO_SWEEP
    """Values that an earlier run was given; those given here count before them."""
    rerun_of: RunId | None = None
    """The run that is asked for again, if one is."""
    only: str = ""
    """Which steps of that run are asked for, as text, if not all; or what of the selection, as in `status:missing`."""
    places: Mapping[AssetKey, Collection[PartitionKey]] | None = None
    """What those steps make; it stands in place of the selection."""
    partitions_at: datetime | None = None
    """When the partitions were chosen, where that was not now and makes a difference: which one is the latest."""
    automation: str = ""
    """What asks for it, where nobody does."""
    run_key: str = ""
    """The key by which a sensor does."""
    along: Collection[str] = ()
    """Other locations for which the same is asked together with this: what is selected may be theirs alone."""

    @property
    def status(self) -> str:
        """The one status of which partitions are asked for, if not all are."""
        return self.only.removeprefix(STATUS) if self.only.startswith(STATUS) else ""


def make_plan(
    workspace: Workspace, view: View, asked: Asked, *, loaded: Loaded | None = None, looks: Looks | None = None
) -> Plan:
    """The plan for what is asked, in the state that the view is of. Raises UsageError.

    The state is read in one snapshot, and files are looked at before, as are places that `looks` does not have yet.
    Cost: O(assets + heads that bear on what is selected + versions that may be reused).
    """
    now, moment = view.now, AsOf(view.as_of, view.now)
    elsewhere: Mapping[str, tuple[AssetKey, ...]] = {}
    unjudged: Mapping[AssetKey, Ordinals] = {}
    if asked.places is None:
        keys, elsewhere = _selected(workspace, view, asked, loaded, moment)
        at = asked.partitions_at or now
        partitions = partitions_asked(view.catalog, keys, asked.partition, at, strict=not asked.along)
        if asked.status:
            partitions, unjudged = _of_status(workspace, loaded, keys, asked.status, partitions, moment)
            keys = [key for key in keys if key in partitions]
    else:
        keys = [key for key in view.catalog if key in asked.places]
        partitions = _at_places(view.catalog, asked.places)
    request = Request(
        selected=frozenset(keys),
        partitions=partitions,
        parameters=parameters_given(
            view,
            asked.parameters,
            {**{target: [value] for target, value in asked.values.items()}, **asked.tried},
            loaded,
            keys,
            zipped=asked.zipped,
            again=asked.again,
        ),
        force=asked.force,
        failed=asked.status == "failed",
        unjudged=unjudged,
        elsewhere=elsewhere,
    )
    paths = named_paths(view.catalog, request.parameters)
    looked = look(workspace, view, paths)
    seen: Seen = {}
    part = narrowed(view, bearing_on(view.catalog, request.selected))
    if with_places(part.catalog, view.ids):
        with snapshot(workspace.log) as connection:
            places = places_here(connection, workspace, part)
        seen = look_at(places, view.root, workspace.home, loaded, looks)
    with uncollected(), snapshot(workspace.log) as connection:
        bearing = _ordinals(view.catalog, request, now)
        state = state_at(connection, workspace, part, now, paths, looked, seen, bearing)
        nodes = nodes_of(view.catalog, state, request.parameters, request.selected)
        state = with_past(connection, workspace, view, state, nodes, request, seen)
        made = _with_durations(connection, workspace, view.as_of, plan(view.catalog, request, state, nodes))
    if made.awaiting and not made.tasks and asked.selection != "*":
        raise NothingToMake("\n  ".join(["nothing can be made before it has its inputs:", *awaiting_lines(made)]))
    return made


def with_past(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    state: State,
    nodes: Sequence[Node],
    request: Request,
    seen: Seen,
) -> State:
    """The state with what the selected nodes may reuse, and which verdicts on their heads stand.

    It has the heads that bear on these nodes, and gets those from which may be taken besides.
    """
    chosen = [node for node in nodes if not request.selected.isdisjoint(node.keys)]
    wanted = frozenset(node.logic for node in chosen)
    project, bearing = workspace.project, _ordinals(view.catalog, request, state.now)
    if beside := _beside(view, nodes, wanted, request.selected, state):
        of_logic: dict[str, Ordinals] = {}
        for logic, key in ((node.logic, key) for node in nodes for key in node.keys if key in bearing):
            of_logic[logic] = of_logic.get(logic, Ordinals()) | bearing[key]
        like = {key: of_logic[logic] for key, logic in beside.items() if logic in of_logic}
        more = heads_bearing(connection, workspace, view, beside, state.now, like)
        state = replace(state, heads={**state.heads, **more})
    of_heads = wanted & {facts.logic for found in state.heads.values() for facts in found.values()}
    logics = of_heads | known_logics(connection, project, wanted - of_heads, view.as_of)
    held = [(id_, node.logic) for node in nodes if node.logic in logics for id_ in node.ids]
    few = _names(view.catalog, request.selected, bearing, state.now)
    asked_of = (connection, project, workspace.environment, logics, view.as_of, state.retracted, held, few)
    found = {} if request.force else reusable(*asked_of)
    taken = {**_shared_heads(nodes, state), **found}
    checked = _verdicts(connection, workspace, chosen, state, taken, view.as_of)
    # Of what is no head only the log is asked: it is looked at when it is taken.
    taken_at = places_at(connection, workspace, taken.values(), seen, view.as_of)
    return replace(state, logics=logics, checked=checked, reusable=taken, places={**taken_at, **state.places})


def _of_status(
    workspace: Workspace,
    loaded: Loaded | None,
    keys: Collection[AssetKey],
    status: str,
    partitions: Mapping[AssetKey, Ordinals],
    moment: AsOf,
) -> tuple[dict[AssetKey, Ordinals], dict[AssetKey, Ordinals]]:
    """Of the partitions asked for, or all, those that are missing, stale or failed; with the `unjudged` ones.

    Cost: as `reading`.
    """
    with reading(workspace, moment, loaded, about=lambda _: keys) as (connection, found):
        chosen, slots = of_status(found, keys, status), set[Slot]()
        if status == "failed":
            slots = set(unjudged_heads(connection, workspace, found.view.catalog, found.state, found.failed))
    unjudged = {key: ordinals_in(found.view, key, slots) for key in keys}
    both = {key: chosen.get(key, Ordinals()) | unjudged[key] for key in keys}
    asked = {key: ordinals & partitions.get(key, ordinals) for key, ordinals in both.items()}
    return {key: ordinals for key, ordinals in asked.items() if ordinals}, unjudged


def _ordinals(catalog: Catalog, request: Request, now: datetime) -> Mapping[AssetKey, Ordinals]:
    """The partitions that bear on those asked for, by asset; nothing where all are."""
    return ordinals_bearing(catalog, request.selected, request.partitions, now) if request.partitions else {}


def plan_loaded(workspace: Workspace, loaded: Loaded, asked: Asked, looks: Looks | None = None) -> tuple[View, Plan]:
    """The plan that would be executed were the location deployed, and the view it is made of; nothing is recorded.

    Raises UsageError, and DefinitionsInvalid as deploying does.
    """
    with uncollected(), snapshot(workspace.log) as connection:
        view = foreseen_view(connection, workspace, loaded)
    return view, executable_plan(workspace, view, asked, loaded, looks)


def executable_plan(
    workspace: Workspace, view: View, asked: Asked, loaded: Loaded | None = None, looks: Looks | None = None
) -> Plan:
    """The plan for what is asked of the loaded location, or of all as they are deployed.

    Nothing in it relies on an artifact that is gone.

    Raises UsageError. Cost: as `make_plan`, and one look at the disk for each partition that is fresh.
    """
    made = make_plan(workspace, view, asked, loaded=loaded, looks=looks)
    refuse_foreign(workspace, made)
    refuse_overwriting(made, view.catalog, view.root)
    refuse_unknown_pools(workspace, made)
    lost = lost_artifacts(workspace, made)
    return plan(view.catalog, made.request, replace(made.state, lost=lost)) if lost else made


def lost_artifacts(workspace: Workspace, made: Plan) -> frozenset[str]:
    """Artifacts that fresh partitions of the plan rely on and that are gone. Cost: one look at the disk each."""
    lost = set()
    for task in made.tasks:
        for ordinal in task.ordinals(Action.FRESH):
            partition = task.node.partition_key(ordinal)
            for id_ in task.node.ids:
                head = made.state.heads.get(id_, {}).get(partition)  # none of an optional output that was absent
                if head is None or is_placed(head.artifact):  # places were looked at for the plan itself
                    continue
                if not workspace.store.exists(ArtifactAddress(head.artifact)):
                    lost.add(head.artifact)
    return frozenset(lost)


def partitions_recorded(view: View, made: Plan, asked: Asked) -> str:
    """The partitions as they were asked for; the key in place of `latest`, where it is one for all that is selected."""
    if LATEST not in asked.partition:
        return asked.partition
    chosen = {describe(view.catalog[key].partitions, found) for key, found in made.request.partitions.items() if found}
    return chosen.pop() if len(chosen) == 1 else asked.partition


def awaiting_lines(made: Plan) -> list[str]:
    """What the plan leaves out for want of values, a line for each set of parameters that must be given."""
    waiting: dict[tuple[str, ...], list[AssetKey]] = {}
    for key, names in made.awaiting.items():
        waiting.setdefault(names, []).append(key)
    return [
        f"{keys[0]}{f' and {len(keys) - 1} more wait' if keys[1:] else ' waits'} for "
        f"{', '.join(f'--param {name}=VALUE' for name in names)}{_as_a_whole(made, names)}"
        for names, keys in waiting.items()
    ]


def _as_a_whole(made: Plan, names: Sequence[str]) -> str:
    """Why steps wait that do not read the input themselves, where it is a workflow's."""
    workflows = {owner for owner in (name.rpartition(".")[0] for name in names) if owner not in made.state.ids}
    return f": of {' and '.join(sorted(workflows))} all steps run, or none" if workflows else ""


def elsewhere_lines(made: Plan) -> list[str]:
    """What was selected of other locations and is left out, a line for each of these."""
    return [
        f"{keys[0]}{f' and {len(keys) - 1} more' if keys[1:] else ''}, of {location}: "
        "what is stale there is brought up to date from there"
        for location, keys in made.request.elsewhere.items()
    ]


def _beside(
    view: View, nodes: Sequence[Node], wanted: Collection[str], selected: Collection[AssetKey], state: State
) -> dict[AssetKey, str]:
    """Assets outside of what is read whose heads matter all the same, each with its logic.

    Those of the same task, from which may be taken; and where values are stored at places, all such: whoever stores
    must not overwrite them.
    """
    if len(state.heads) == len(view.catalog):
        return {}  # all are read
    places = any(view.catalog[key].stored is not None for key in selected)
    return {
        asset.key: node.logic
        for node in nodes
        for asset in node.assets
        if view.ids[asset.key] not in state.heads and (node.logic in wanted or (places and asset.stored is not None))
    }


def _names(
    catalog: Catalog, selected: Collection[AssetKey], asked: Mapping[AssetKey, Ordinals], now: datetime
) -> list[PartitionKey] | None:
    """The partitions that are asked for by key; None for all, or more than can be named."""
    if not asked:
        return None
    named = partitions_bearing(catalog, selected, now, asked)
    return None if len(named) < len(selected) else list(dict.fromkeys(chain.from_iterable(named.values())))


def _shared_heads(nodes: Sequence[Node], state: State) -> dict[tuple[str, str], VersionFacts]:
    """Heads of the logic that their asset has now that may be reused, by (reuse key, output).

    By another asset of the same task, or beside an output of the same step that is no head; any other such head is
    either fresh, or made under another key, or found among the heads when its step is reached.
    """
    counts = Counter(node.logic for node in nodes)
    return {
        (facts.reuse_key, asset.output): facts
        for node in nodes
        if counts[node.logic] > 1 or len(node.task.outputs) > 1
        for asset, id_ in zip(node.assets, node.ids, strict=True)
        for facts in state.heads.get(id_, {}).values()
        if facts.reuse_key
    }


def _selected(
    workspace: Workspace, view: View, asked: Asked, loaded: Loaded | None, moment: AsOf = PRESENT
) -> tuple[list[AssetKey], dict[str, tuple[AssetKey, ...]]]:
    """The assets a selection names, in topological order, and apart those of other locations than the loaded one.

    Of `*` nobody expects the latter.
    Raises UsageError when it names assets of other locations only.
    """
    selection = asked.selection
    within = None if loaded is None else frozenset(asset.key for each in loaded.together for asset in each.assets)
    if uses_status(parse(selection)):
        keys = select_keys(read(workspace, moment, loaded), selection)
    else:
        keys = select(parse(selection), view.catalog.graph, view.catalog.assets)
    chosen = [key for key in keys if within is None or key in within]
    if asked.along and all(key not in chosen or view.catalog[key].origin is not Origin.MADE for key in keys):
        return [], {}
    if keys and not chosen:
        where = ", ".join(sorted({view.locations[key] for key in keys}))
        raise UsageError(f'"{selection}" selects nothing here, only assets of {where}; name that with -f or -m')
    if chosen and (outside := [key for key in chosen if view.catalog[key].origin is not Origin.MADE]) == chosen:
        raise NothingToMake(f'"{selection}" selects nothing that is made here; {_kept(view.catalog, outside[0])}')
    elsewhere: dict[str, tuple[AssetKey, ...]] = {}
    for key in keys if selection.strip() != "*" else ():
        if within is not None and key not in within and view.locations[key] not in asked.along:
            location = view.locations[key]
            elsewhere[location] = (*elsewhere.get(location, ()), key)
    return chosen, elsewhere


def locations_selected(workspace: Workspace, loaded: Loaded, asked: Asked) -> set[str]:
    """The locations of what is selected of all that was loaded, were it deployed. Raises UsageError."""
    with uncollected(), snapshot(workspace.log) as connection:
        view = foreseen_view(connection, workspace, loaded)
    keys, _ = _selected(workspace, view, asked, loaded)
    return {view.locations[key] for key in keys}


def refuse_nothing(workspace: Workspace, loaded: Loaded, asked: Asked) -> None:
    """Raise UsageError where nothing is selected of all that was loaded, or the partition fits none of it."""
    view = view_of(workspace)
    keys, _ = _selected(workspace, view, asked, loaded)
    partitions_asked(view.catalog, keys, asked.partition, workspace.clock())


def _kept(catalog: Catalog, key: AssetKey) -> str:
    if catalog[key].origin is Origin.VIRTUAL:
        return f"{key} is virtual: it is as fresh as what it is a view of"
    return f"{key} is external: its versions are observed, by `latewood observe {key}` or `latewood report {key}`"


def _verdicts(
    connection: Snapshot,
    workspace: Workspace,
    nodes: Sequence[Node],
    state: State,
    taken: Mapping[tuple[str, str], VersionFacts],
    as_of: Position,
) -> frozenset[Verdict]:
    """Past verdicts on the heads, and on what may be taken, of the assets that have checks."""
    checked = [
        (node.logic, asset, id_)
        for node in nodes
        for asset, id_ in zip(node.assets, node.ids, strict=True)
        if asset.checks
    ]
    if not checked:
        return frozenset()
    like: dict[tuple[str, str], list[VersionFacts]] = {}
    for (_, output), facts in taken.items():
        like.setdefault((facts.logic, output), []).append(facts)
    judged = [
        (check, asset, id_, facts)
        for logic, asset, id_ in checked
        for facts in (*state.heads.get(id_, {}).values(), *like.get((logic, asset.output), ()))
        for check in asset.checks
    ]
    return verdicts_on(connection, workspace, judged, state, as_of)


def _with_durations(connection: Snapshot, workspace: Workspace, as_of: Position, made: Plan) -> Plan:
    due = [
        id_
        for task in made.tasks
        if any(group.action in (Action.RUN, Action.DEPENDS) for group in task.groups)
        for id_ in task.node.ids
    ]
    if not due:
        return made
    took = durations(connection, workspace.project, due, as_of)
    return replace(made, state=replace(made.state, durations=took))


def _at_places(catalog: Catalog, places: Mapping[AssetKey, Collection[PartitionKey]]) -> dict[AssetKey, Ordinals]:
    """The partitions of these names. Raises UsageError for one that there is not."""
    return {
        key: Ordinals.from_sorted(sorted(ordinal_of(scheme, name) for name in names))
        for key, names in places.items()
        if (scheme := catalog[key].partitions) is not None
    }


def partitions_asked(
    catalog: Catalog, keys: Sequence[AssetKey], text: str, now: datetime, *, strict: bool = True
) -> dict[AssetKey, Ordinals]:
    """Partitions by asset; if `strict`, a text that fits none of these is refused, naming what each expects."""
    if not text:
        return {}
    found: dict[AssetKey, Ordinals] = {}
    refused: dict[str, None] = {}
    for key in keys:
        scheme = catalog[key].partitions
        if scheme is None:
            continue
        try:
            found[key] = parse_partitions(scheme, text, now)
        except UsageError as error:
            refused[f"{key}: {error}"] = None
            found[key] = Ordinals()
    if strict and not any(found.values()):
        raise UsageError("\n".join(refused) or f'partition "{text}": none of the selected assets is partitioned')
    return found
