"""Observations: what is seen of external assets, by their observers or reported by tools outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from latewood.commands.deploying import deploy_loaded
from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis, append_decided
from latewood.commands.planning import partitions_asked
from latewood.commands.views import View, known_key, view_of
from latewood.commands.workspace import Workspace
from latewood.context import Context
from latewood.decide.keys import parameters_of
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.loading.loader import Loaded
from latewood.engine.loading.signature import live_parameter
from latewood.engine.running.attempt import received
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.recorder import new_event
from latewood.engine.values.recordable import recordable_metadata, recordable_version
from latewood.errors import UsageError, ValueRefused
from latewood.events import AssetObserved, Failure, FailureKind
from latewood.external import DataVersion
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey, version_id
from latewood.model.partitions import existing, key_at, keys_of, parse_partitions
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, heads
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
    """An observer that failed: nothing is recorded of that partition."""

    key: AssetKey
    partition: PartitionKey
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was recorded, up to `position`, and what could not be seen."""

    seen: tuple[Seen, ...]
    unseen: tuple[Unseen, ...]
    position: Position


def observe(workspace: Workspace, loaded: Loaded, selection: str, *, partition: str = "") -> Observed:
    """Deploy what was loaded, and let the observers of the selected external assets look; what they see is recorded.

    An observer that fails leaves things as they were, and the others go on. A process that dies has recorded all that
    it had seen, but for the last few hundred.
    Raises UsageError where the selection has nothing to observe, and where the environment does not have the assets
    any more when they have been looked at.
    """
    ids = deploy_loaded(workspace, loaded).ids
    view = view_of(workspace, loaded=loaded, ids=ids)
    assets = _observable(view, loaded, selection)
    now = workspace.clock()
    partitions = partitions_asked(view.catalog, [asset.key for asset in assets], partition, now)
    recorder = _Recorder(workspace, view, [asset.key for asset in assets], at_once=_AT_ONCE)
    unseen: list[Unseen] = []
    resources = OpenResources(loaded.resources)
    try:
        for asset in assets:
            for ordinal in partitions.get(asset.key, existing(asset.partitions, now)):
                of = key_at(asset.partitions, ordinal)
                found = _look(workspace, loaded, resources, asset, ordinal)
                if isinstance(found, Failure):
                    unseen.append(Unseen(key=asset.key, partition=of, failure=found))
                else:
                    recorder.see(asset, of, found)
    finally:
        resources.close()
    seen = recorder.seen()
    return Observed(seen=seen, unseen=tuple(unseen), position=workspace.log.position())


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
    told = _checked(DataVersion(data_version, metadata or {}), asset.key)
    recorder = _Recorder(workspace, view, [asset.key], at_once=None)
    for of in _partitions(asset, partition, workspace.clock()):
        recorder.see(asset, of, told)
    return Observed(seen=recorder.seen(), unseen=(), position=workspace.log.position())


def _partitions(asset: AssetDefinition, partition: str, now: datetime) -> Sequence[PartitionKey]:
    if asset.partitions is None:
        if partition:
            raise UsageError(f'"{asset.key}" has no partitions; report it without --partition')
        return (UNPARTITIONED,)
    if not partition:
        raise UsageError(f'"{asset.key}" has partitions: say which was seen, --partition KEY')
    return keys_of(asset.partitions, parse_partitions(asset.partitions, partition, now))


def _observable(view: View, loaded: Loaded, selection: str) -> list[AssetDefinition]:
    parsed = parse(selection)
    if uses_status(parsed):
        raise UsageError(f'"{selection}": what is to be observed is chosen by key, group, tag, owner or kind')
    chosen = [view.catalog[key] for key in select(parsed, view.catalog.graph, view.catalog.assets)]
    found = [asset for asset in chosen if asset.key in loaded.observers]
    if found:
        return found
    outside = [asset.key for asset in chosen if asset.origin is Origin.EXTERNAL]
    if outside:
        raise UsageError(
            f'"{outside[0]}" has no observer in {loaded.location}: decorate a function with @observe({outside[0]}), or '
            f"tell what was seen: `latewood report {outside[0]} --data-version VERSION`"
        )
    raise UsageError(f'"{selection}" selects no external asset, so there is nothing to observe')


def _look(
    workspace: Workspace, loaded: Loaded, resources: OpenResources, asset: AssetDefinition, ordinal: int
) -> DataVersion | Failure:
    """What the observer sees of one partition. User code fails here and nowhere else."""
    live, task = loaded.observers[asset.key], asset.task
    context = Context(
        assets=(asset.key,),
        outputs=(asset.output,),
        partition=key_at(asset.partitions, ordinal),
        run=workspace.new_run(),
        attempt=1,
        now=workspace.clock,
        is_cancelled=lambda: False,
        on_progress=lambda _share, _message: None,
    )
    values = parameters_of(task, {})
    arguments = {name: live_parameter(type_, values[name], loaded.root) for name, type_ in live.parameters.items()}
    outcome = call(
        resources.calling(live),
        arguments | received(live, asset, (ordinal, ordinal + 1), context),
        timeout=task.timeouts.running,
    )
    if isinstance(outcome, Raised):
        return outcome.failure
    value = outcome.value
    try:
        if not isinstance(value, DataVersion):
            if not isinstance(value, str):
                raise ValueRefused(
                    f'observer of "{asset.key}": expected text or a DataVersion, found {type(value).__name__}'
                )
            value = DataVersion(value)
        return _checked(DataVersion(value.version, {**value.metadata, **context.metadata}), asset.key)
    except ValueRefused as error:
        return Failure(kind=FailureKind.REFUSED, error="ValueRefused", message=str(error))


def _checked(seen: DataVersion, key: AssetKey) -> DataVersion:
    subject = f'"{key}"'
    if not seen.version:
        raise ValueRefused(f"data_version of {subject}: expected text that tells one content from another, found none")
    odd = sorted({character for character in seen.version if not character.isprintable()})
    if odd or seen.version != seen.version.strip():
        found = f"{', '.join(map(ascii, odd))} in it" if odd else "space around it"
        raise ValueRefused(
            f"data_version of {subject}: expected text in one line, which nothing surrounds, found {found}; "
            "two of the same content would be told apart"
        )
    return DataVersion(
        recordable_version(seen.version, subject=subject), recordable_metadata(seen.metadata, subject=subject)
    )


class _Recorder:
    """Records observations of these assets as long as the environment has them as external.

    `at_once` is how many there are in one append, None = all, however many: then it is all or nothing.
    """

    def __init__(self, workspace: Workspace, view: View, keys: Sequence[AssetKey], *, at_once: int | None) -> None:
        self._workspace = workspace
        self._view = view
        self._run = workspace.new_run()
        self._keys = {view.ids[key]: key for key in keys}
        self._position = view.position
        self._at_once = at_once
        self._waiting: list[AssetObserved] = []
        self._seen: list[Seen] = []
        with snapshot(workspace.log) as connection:
            self._heads = heads(
                connection, workspace.project, workspace.environment, [view.ids[key] for key in keys], NOW
            )

    def see(self, asset: AssetDefinition, partition: PartitionKey, found: DataVersion) -> None:
        """Record what was seen of a partition, with those before it or with later ones."""
        id_ = self._view.ids[asset.key]
        head = self._heads[id_].get(partition)
        version = f"given:{found.version}"
        self._waiting.append(
            AssetObserved(
                environment=self._workspace.environment,
                asset=id_,
                version=version_id(self._run, len(self._seen)),
                data_version=version,
                partition=partition,
                metadata=dict(found.metadata),
                observer=asset.task.name if asset.observable else "",
                code=asset.task.code.version if asset.observable else "",
            )
        )
        before = "" if head is None else head.data_version
        self._seen.append(
            Seen(key=asset.key, partition=partition, data_version=version, before=before, metadata=found.metadata)
        )
        if len(self._waiting) == self._at_once:
            self._append()

    def seen(self) -> tuple[Seen, ...]:
        """All that was seen, once it is durable."""
        self._append()
        return tuple(self._seen)

    def _append(self) -> None:
        workspace, facts = self._workspace, self._waiting
        self._waiting = []
        if not facts:
            return
        project, at, actor = workspace.project, workspace.clock(), workspace.actor
        events = tuple(
            new_event(fact, project=project, stream=STREAM, name=(fact.version,), at=at, actor=actor) for fact in facts
        )
        append = StreamAppend(project=workspace.project, stream=STREAM, events=events)
        assets = {fact.asset for fact in facts}
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
