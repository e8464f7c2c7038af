"""Observations: what is seen of external assets, by their observers or reported by tools outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from latewood.commands.deploying import deploy_loaded
from latewood.commands.planning import partitions_asked
from latewood.commands.sightings import STREAM, NotPassed, Observed, Seen, SightRecorder, Unseen
from latewood.commands.views import View, known_key, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import run_for
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Absent, Looking, Sight, checked, given
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.sight_checks import Evaluating, evaluating
from latewood.engine.values.values import Values
from latewood.errors import Conflict, UsageError
from latewood.events import AssetObserved, CheckEvaluated, Failure, FailureKind, ObservationFailed, from_json
from latewood.external import DataVersion
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey, RunId
from latewood.model.partitions import existing, key_at, keys_of, parse_partitions
from latewood.projections.observations import looks_named
from latewood.projections.snapshots import snapshot
from latewood.projections.states import heads
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.errors import EventConflict
from latewood_eventlog.records import Position

_AT_ONCE: Final = 500
"""Observations in one append, where looking takes its time."""

_Fact = AssetObserved | ObservationFailed | CheckEvaluated


def observe(workspace: Workspace, loaded: Loaded, selection: str, *, partition: str = "") -> Observed:
    """Deploy what was loaded, and look at the selected external assets, by IO or observer; what is seen is recorded.

    So are verdicts of checks on it: what a blocking one refuses is the asset's content all the same, and nobody reads
    it. So is a look that fails; it leaves things as they were, and the others go on. A process that dies has recorded
    all that it had seen, but for the last few hundred.
    Raises UsageError where the selection has nothing to observe, and where the environment does not have the assets
    any more when they have been looked at; StoreError where logs cannot be kept.
    """
    ids = deploy_loaded(workspace, loaded).ids
    view = view_of(workspace, loaded=loaded, ids=ids)
    assets = _observable(view, loaded, selection)
    resources, observation, every = OpenResources(loaded.resources), workspace.new_run(), view.catalog.assets.values()
    looking = Looking(loaded, resources, observation, workspace.clock, workspace.environment, every)
    evaluate = evaluating(loaded, workspace.store, resources, observation, workspace.clock, every)
    try:
        return looked_at(workspace, view, assets, partition, observation, looking.look, evaluate)
    finally:
        resources.close()


def looked_at(
    workspace: Workspace,
    view: View,
    assets: Sequence[AssetDefinition],
    partition: str,
    observation: RunId,
    look: Callable[[AssetDefinition, int], Sight | Absent | Raised],
    evaluate: Evaluating,
    *,
    together: bool = False,
    name: str = "",
) -> Observed:
    """What is seen of these assets by such looks, recorded, with the verdicts of their checks. Raises as `observe`.

    With `together` all of them are, or nothing; then with a `name` those of whoever is the first one to record by it.
    """
    now, keys = workspace.clock(), [asset.key for asset in assets]
    partitions = partitions_asked(view.catalog, keys, partition, now)
    recorder = SightRecorder(workspace, view, keys, observation, at_once=None if together else _AT_ONCE, name=name)
    recorder.judge_by(view.root, evaluate)
    for asset in assets:
        for ordinal in partitions.get(asset.key, existing(asset.partitions, now)):
            of = key_at(asset.partitions, ordinal)
            match look(asset, ordinal):
                case Sight() as sight:
                    recorder.see(asset, of, sight)
                case Raised() as raised:
                    recorder.failed(asset, of, raised)
                case Absent() as absent if recorder.has_head(asset, of) or not of or partition:
                    recorder.failed(asset, of, _nothing_there(absent))
                case Absent():  # of many partitions some are still to come
                    pass
    return recorder.done()


def _nothing_there(absent: Absent) -> Raised:
    failure = Failure(kind=FailureKind.STORE, error="NothingThere", message=f"there is nothing at {absent.place}")
    return Raised(failure=failure, duration_ms=0.0, output="")


def report(
    workspace: Workspace,
    key: str,
    *,
    data_version: str,
    partition: str = "",
    metadata: Mapping[str, Any] | None = None,
    token: str = "",
) -> Observed:
    """Record what a tool outside says of an external asset, or of these partitions of it. All or nothing.

    With a `token` of the tool's own it is recorded once: saying it again finds what is recorded.
    Raises UsageError for an asset that is not external, and for partitions that it has not; ValueRefused for what
    cannot be recorded.
    """
    view = view_of(workspace)
    asset = view.catalog[known_key(view, key)]
    if asset.origin is not Origin.EXTERNAL:
        made = "virtual" if asset.origin is Origin.VIRTUAL else "made here"
        raise UsageError(f'"{key}" is {made}: only what is said of an external_asset(…) counts')
    if asset.stored is not None:
        raise UsageError(f'"{key}" has an IO, which says what is there: `latewood observe {key}`')
    told = checked(DataVersion(data_version, metadata or {}), asset.key)
    observation = run_for((workspace.project, "reported"), token) if token else workspace.new_run()
    sight = Sight(data_version=given(told), metadata=told.metadata, added={})
    partitions = _partitions(asset, partition, workspace.clock())
    if token and (before := _reported(workspace, view, asset, observation, partitions, sight)) is not None:
        return before
    recorder = SightRecorder(workspace, view, [asset.key], observation, at_once=None)
    for of in partitions:
        recorder.see(asset, of, sight)
    try:
        done = recorder.done()
    except EventConflict:  # somebody else has said something by it meanwhile
        if (before := _reported(workspace, view, asset, observation, partitions, sight)) is None:
            raise
        return before
    if done.repeated:  # they have said this, and maybe of more partitions
        return _reported(workspace, view, asset, observation, partitions, sight) or done
    return done


def _reported(
    workspace: Workspace,
    view: View,
    asset: AssetDefinition,
    observation: RunId,
    partitions: Sequence[PartitionKey],
    sight: Sight,
) -> Observed | None:
    """What is recorded of this very report. Raises Conflict for another one of that name."""
    with snapshot(workspace.log) as connection:
        rows = looks_named(connection, workspace.project, observation)
    if not rows:
        return None
    facts = [from_json(e.type, e.data) for e in workspace.log.read_positions([row.position for row in rows])]
    said = [
        (f.environment, f.asset, f.partition, f.data_version, dict(f.metadata))
        for f in facts
        if isinstance(f, AssetObserved)
    ]
    environment, id_ = workspace.environment, view.ids[asset.key]
    if said != [(environment, id_, of, sight.data_version, dict(sight.metadata)) for of in partitions]:
        raise Conflict(f'"{asset.key}": something else was reported by the same token; take another one')
    seen = tuple(
        Seen(key=asset.key, partition=of, data_version=version, before=version, metadata=metadata)
        for _, _, of, version, metadata in said
    )
    position = max(row.position for row in rows)
    return Observed(observation=observation, seen=seen, unseen=(), printed=False, position=position)


def observed_before(workspace: Workspace, name: str, observation: RunId) -> Observed | None:
    """What is recorded by this name, made all at once; None where nothing is. Raises Conflict for another observation.

    Who has asked for something else by the same name has another one: its id begins with the name.
    """
    with snapshot(workspace.log) as connection:
        rows = looks_named(connection, workspace.project, name)
        if not rows:
            return None
        if rows[0].run != observation:
            raise Conflict("something else was looked at by the same key; take another one")
        assets = list(dict.fromkeys(row.asset for row in rows))
        keys = keys_of_ids(connection, workspace.project, assets)
        begun = min(row.position for row in rows)
        before = heads(connection, workspace.project, workspace.environment, assets, begun - 1)
    seen, unseen, not_passed = list[Seen](), list[Unseen](), list[NotPassed]()
    facts = _facts_of(workspace, observation, begun)
    for fact in facts:
        key, of = keys[fact.asset], fact.partition
        match fact:
            case AssetObserved():
                head = before[fact.asset].get(of)
                was = "" if head is None else head.data_version
                seen.append(
                    Seen(key=key, partition=of, data_version=fact.data_version, before=was, metadata=fact.metadata)
                )
            case ObservationFailed():
                unseen.append(Unseen(key=key, partition=of, failure=fact.failure))
            case CheckEvaluated(passed=False):
                not_passed.append(NotPassed(key=key, verdict=fact))
    return Observed(
        observation=observation,
        seen=tuple(seen),
        unseen=tuple(unseen),
        printed=any(fact.logs for fact in facts if not isinstance(fact, CheckEvaluated)),
        position=max(row.position for row in rows),
        not_passed=tuple(not_passed),
        repeated=True,
    )


def _facts_of(workspace: Workspace, observation: RunId, begun: Position) -> list[_Fact]:
    """All that was recorded of an observation in one append, which has its first look at that position."""
    found: list[_Fact] = []
    after = begun - 1
    while events := workspace.log.read_all(project=workspace.project, after=after):
        for event in events:
            fact = from_json(event.type, event.data)
            if isinstance(fact, AssetObserved | ObservationFailed | CheckEvaluated):
                if fact.version.rpartition(".")[0] != observation:
                    return found
                found.append(fact)
            elif event.stream != STREAM:
                return found
        after = events[-1].position
    return found


def record_value(workspace: Workspace, loaded: Loaded, key: AssetKey, value: object, *, partition: str = "") -> None:
    """Record a value as if the asset's IO had found it, and keep it in the artifact store: for who tests readers.

    Raises UsageError as `report` does, ValueRefused for a value of another type.
    """
    ids = deploy_loaded(workspace, loaded).ids
    view = view_of(workspace, loaded=loaded, ids=ids)
    asset = view.catalog[key]
    staged = Values(workspace.store).stage(value, loaded.tasks[key].outputs[asset.output], subject=f'value of "{key}"')
    workspace.store.commit([staged.staged])
    resources = OpenResources(loaded.resources)
    recorder = SightRecorder(workspace, view, [key], run := workspace.new_run(), at_once=None)
    every = view.catalog.assets.values()
    recorder.judge_by(loaded.root, evaluating(loaded, workspace.store, resources, run, workspace.clock, every))
    sight = Sight(data_version=staged.data_version, metadata=staged.metadata, artifact=staged.staged.address, added={})
    try:
        for of in _partitions(asset, partition, workspace.clock()):
            recorder.see(asset, of, sight)
    finally:
        resources.close()
    recorder.done()


def _partitions(asset: AssetDefinition, partition: str, now: datetime) -> Sequence[PartitionKey]:
    if asset.partitions is None:
        if partition:
            raise UsageError(f'"{asset.key}" has no partitions; report it without --partition')
        return (UNPARTITIONED,)
    if not partition:
        raise UsageError(f'"{asset.key}" has partitions: say which was seen, --partition KEY')
    return keys_of(asset.partitions, parse_partitions(asset.partitions, partition, now))


def homes(workspace: Workspace, selection: str) -> set[str]:
    """The locations whose external assets a selection names, as they are deployed. Raises UsageError."""
    view = view_of(workspace)
    return {view.locations[asset.key] for asset in _selected(view, selection) if asset.origin is Origin.EXTERNAL}


def _selected(view: View, selection: str) -> list[AssetDefinition]:
    parsed = parse(selection)
    if uses_status(parsed):
        raise UsageError(f'"{selection}": what is to be observed is chosen by key, group, tag, owner or kind')
    return [view.catalog[key] for key in select(parsed, view.catalog.graph, view.catalog.assets)]


def _observable(view: View, loaded: Loaded, selection: str) -> list[AssetDefinition]:
    chosen = _selected(view, selection)
    found = [asset for asset in chosen if asset.key in loaded.observers or _has_io(asset, loaded)]
    if found:
        return found
    outside = [asset.key for asset in chosen if asset.origin is Origin.EXTERNAL]
    if outside:
        raise UsageError(
            f'"{outside[0]}" has no observer in {loaded.location}, and no IO: decorate a function with '
            f"@observe({outside[0]}), or tell what was seen: `latewood report {outside[0]} --data-version VERSION`"
        )
    raise UsageError(f'"{selection}" selects no external asset, so there is nothing to observe')


def _has_io(asset: AssetDefinition, loaded: Loaded) -> bool:
    return asset.origin is Origin.EXTERNAL and asset.key in loaded.ios
