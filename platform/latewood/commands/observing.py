"""Observations: what is seen of external assets, by their observers or reported by tools outside."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from latewood.commands.deploying import deploy_loaded
from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis, append_decided
from latewood.commands.planning import partitions_asked
from latewood.commands.reading import look, state_at
from latewood.commands.views import View, known_key, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.contents import named_paths
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.loading.loader import Loaded
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Absent, Looking, Sight, checked, given
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.recorder import Told, added_partitions, new_event
from latewood.engine.running.sight_checks import Evaluating, SightChecks, evaluating
from latewood.engine.storage.store import Staged
from latewood.engine.values.values import Values
from latewood.errors import UsageError
from latewood.events import AssetObserved, CheckEvaluated, Event, Failure, FailureKind, ObservationFailed
from latewood.external import DataVersion
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey, RunId, VersionId, version_id
from latewood.model.partitions import existing, key_at, keys_of, parse_partitions
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, check_verdicts, heads
from latewood_eventlog.records import Position, StreamAppend

STREAM: Final = "observations"
_AT_ONCE: Final = 500
"""Observations in one append, where looking takes its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One observation; `before` is the data version of the head it replaces, empty without any."""

    key: AssetKey
    partition: PartitionKey
    data_version: str
    before: str
    metadata: Mapping[str, Any]

    @property
    def is_new(self) -> bool:
        """Whether the content is another one than before."""
        return self.data_version != self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A look that failed: nothing else is recorded of that partition."""

    key: AssetKey
    partition: PartitionKey
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPassed:
    """A check that did not pass for what was seen: recorded, and if it is blocking nobody reads that."""

    key: AssetKey
    verdict: CheckEvaluated


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was recorded, up to `position`, and what could not be seen; `printed` if there are logs of it.

    `not_passed` are verdicts on what was seen, also those that stood before and were met again.
    """

    observation: RunId
    seen: tuple[Seen, ...]
    unseen: tuple[Unseen, ...]
    printed: bool
    position: Position
    not_passed: tuple[NotPassed, ...] = ()


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
) -> Observed:
    """What is seen of these assets by such looks, recorded, with the verdicts of their checks. Raises as `observe`."""
    now, keys = workspace.clock(), [asset.key for asset in assets]
    partitions = partitions_asked(view.catalog, keys, partition, now)
    recorder = _Recorder(workspace, view, keys, observation, at_once=_AT_ONCE)
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
) -> Observed:
    """Record what a tool outside says of an external asset, or of these partitions of it. All or nothing.

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
    recorder = _Recorder(workspace, view, [asset.key], workspace.new_run(), at_once=None)
    for of in _partitions(asset, partition, workspace.clock()):
        recorder.see(asset, of, Sight(data_version=given(told), metadata=told.metadata, added={}))
    return recorder.done()


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
    recorder = _Recorder(workspace, view, [key], run := workspace.new_run(), at_once=None)
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


class _Recorder:
    """Records observations of these assets as long as the environment has them as external.

    `at_once` is how many there are in one append, None = all, however many: then it is all or nothing.
    """

    def __init__(
        self, workspace: Workspace, view: View, keys: Sequence[AssetKey], observation: RunId, *, at_once: int | None
    ) -> None:
        self._workspace = workspace
        self._view = view
        self.observation = observation
        self._keys = {view.ids[key]: key for key in keys}
        self._position = view.position
        self._at_once = at_once
        self._values = Values(workspace.store)
        self._waiting: list[tuple[Event, Sequence[object], AssetId]] = []
        self._needs: list[Staged] = []
        self._seen: list[Seen] = []
        self._unseen: list[Unseen] = []
        self._not_passed: list[NotPassed] = []
        self._checks: SightChecks | None = None
        self._printed = False
        with snapshot(workspace.log) as connection:
            self._heads = heads(
                connection, workspace.project, workspace.environment, [view.ids[key] for key in keys], NOW
            )

    def judge_by(self, root: Path, evaluate: Evaluating) -> None:
        """Let the checks of these assets judge what is seen. Raises UsageError for a file that cannot be read."""
        workspace, view = self._workspace, self._view
        if not any(view.catalog[key].checks for key in self._keys.values()):
            return
        named = named_paths(view.catalog)
        looked = look(workspace, view, named)
        with snapshot(workspace.log) as connection:
            state = state_at(connection, workspace, view, workspace.clock(), named, looked, {})
        self._checks = SightChecks(workspace.store, self.observation, state, root, evaluate)

    def see(self, asset: AssetDefinition, partition: PartitionKey, found: Sight) -> None:
        """Record what was seen of a partition, with those before it or with later ones."""
        id_, version = self._view.ids[asset.key], self._next()
        head = self._heads[id_].get(partition)
        step = int(version.rpartition(".")[2])
        self._waiting += [
            (fact, (self.observation, *name), id_)
            for fact, name in added_partitions(found.added, self.observation, step)
        ]
        fact = AssetObserved(
            environment=self._workspace.environment,
            asset=id_,
            version=version,
            data_version=found.data_version,
            partition=partition,
            metadata=dict(found.metadata),
            observer=asset.task.name if asset.observable else "",
            code=asset.task.code.version if asset.observable else "",
            artifact=found.artifact,
            logs=self._logs(found.output),
        )
        before = "" if head is None else head.data_version
        self._seen.append(
            Seen(
                key=asset.key,
                partition=partition,
                data_version=found.data_version,
                before=before,
                metadata=found.metadata,
            )
        )
        judged = self._judged(asset, id_, partition, step, found)
        self._tell(fact, id_, judged)

    def _judged(self, asset: AssetDefinition, id_: AssetId, partition: PartitionKey, number: int, found: Sight) -> Told:
        if self._checks is None or not asset.checks:
            return []
        with snapshot(self._workspace.log) as connection:
            known = check_verdicts(connection, self._workspace.project, id_, partition)
        judged = self._checks.judge(asset, id_, partition, number, found, known)
        self._needs += judged.needs
        facts = [fact for fact, _ in judged.told if isinstance(fact, CheckEvaluated)]
        self._not_passed += [NotPassed(key=asset.key, verdict=fact) for fact in facts if not fact.passed]
        return judged.told

    def failed(self, asset: AssetDefinition, partition: PartitionKey, raised: Raised) -> None:
        """Record that nobody could say what is there."""
        id_ = self._view.ids[asset.key]
        fact = ObservationFailed(
            environment=self._workspace.environment,
            asset=id_,
            version=self._next(),
            failure=raised.failure,
            partition=partition,
            observer=asset.task.name if asset.observable else "",
            code=asset.task.code.version if asset.observable else "",
            logs=self._logs(raised.output),
        )
        self._unseen.append(Unseen(key=asset.key, partition=partition, failure=raised.failure))
        self._tell(fact, id_)

    def done(self) -> Observed:
        """All that was seen and not seen, once it is durable."""
        self._append()
        return Observed(
            observation=self.observation,
            seen=tuple(self._seen),
            unseen=tuple(self._unseen),
            printed=self._printed,
            not_passed=tuple(self._not_passed),
            position=self._workspace.log.position(),
        )

    def has_head(self, asset: AssetDefinition, partition: PartitionKey) -> bool:
        """Whether the partition was observed before."""
        return partition in self._heads[self._view.ids[asset.key]]

    def _next(self) -> VersionId:
        return version_id(self.observation, len(self._seen) + len(self._unseen))

    def _logs(self, output: str) -> str:
        staged = self._values.stage_logs(output)
        if staged is None:
            return ""
        self._printed = True
        self._needs.append(staged)
        return staged.address

    def _tell(
        self,
        fact: AssetObserved | ObservationFailed,
        asset: AssetId,
        verdicts: Iterable[tuple[Event, Sequence[object]]] = (),
    ) -> None:
        self._waiting.append((fact, (fact.version,), asset))
        self._waiting += [(verdict, (self.observation, *name), asset) for verdict, name in verdicts]
        if self._at_once is not None and len(self._waiting) >= self._at_once:
            self._append()

    def _append(self) -> None:
        workspace, waiting = self._workspace, self._waiting
        self._waiting = []
        if not waiting:
            return
        workspace.store.commit(self._needs)
        self._needs = []
        project, at, actor = workspace.project, workspace.clock(), workspace.actor
        events = tuple(
            new_event(fact, project=project, stream=STREAM, name=name, at=at, actor=actor) for fact, name, _ in waiting
        )
        append = StreamAppend(project=workspace.project, stream=STREAM, events=events)
        assets = {asset for _, _, asset in waiting}
        for _ in range(ATTEMPTS):
            basis = Basis(position=self._position, environments=(workspace.environment,), assets=assets)
            try:
                self._position = append_decided(workspace, append, basis).last
            except OVERTAKEN:
                self._position = self._still_external(assets)
            else:
                return
        raise UsageError(
            f"{workspace.environment} was changed by others in each of {ATTEMPTS} attempts; "
            "the last observations were not recorded, observe again"
        )

    def _still_external(self, assets: Collection[AssetId]) -> Position:
        """Where the log ends, by when the environment still has these. Raises UsageError where it has not."""
        view = view_of(self._workspace)
        observed = {id_ for key, id_ in view.ids.items() if view.catalog[key].origin is Origin.EXTERNAL}
        for key in sorted(self._keys[id_] for id_ in set(assets) - observed):
            raise UsageError(
                f'"{key}" is no external asset of {self._workspace.environment} any more: somebody dropped the '
                "environment or deployed other definitions meanwhile; what was seen last was not recorded"
            )
        return view.position
