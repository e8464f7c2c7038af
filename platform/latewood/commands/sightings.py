"""What was seen of external assets, and recording it as long as the environment has them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from latewood.commands.holding import ATTEMPTS, Basis, append_decided
from latewood.commands.reading import look, state_at
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.contents import named_paths
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Sight
from latewood.engine.running.recorder import Told, added_partitions, event_id, new_event
from latewood.engine.running.sight_checks import Evaluating, SightChecks
from latewood.engine.storage.store import Staged
from latewood.engine.values.values import Values
from latewood.errors import Conflict
from latewood.events import AssetObserved, CheckEvaluated, Event, Failure, ObservationFailed
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId, version_id
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, check_verdicts, heads
from latewood_eventlog.errors import LogMoved
from latewood_eventlog.records import NewEvent, Position, StreamAppend

STREAM: Final = "observations"


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

    `not_passed` are verdicts on what was seen, also those that stood before and were met again. `repeated`: it was
    asked for before, and came of it then.
    """

    observation: RunId
    seen: tuple[Seen, ...]
    unseen: tuple[Unseen, ...]
    printed: bool
    position: Position
    not_passed: tuple[NotPassed, ...] = ()
    repeated: bool = False


class SightRecorder:
    """Records observations of these assets as long as the environment has them as external.

    `at_once` is how many there are in one append, None = all, however many: then it is all or nothing. Of several
    recorders with one name the log takes what the first of them has seen, and nothing of what others have; by default
    each has its own.
    """

    def __init__(
        self,
        workspace: Workspace,
        view: View,
        keys: Sequence[AssetKey],
        observation: RunId,
        *,
        at_once: int | None,
        name: str = "",
    ) -> None:
        self._workspace = workspace
        self._view = view
        self.observation = observation
        self._name = name or observation
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
        self._repeated = False
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
            repeated=self._repeated,
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
            self._named(new_event(fact, project=project, stream=STREAM, name=name, at=at, actor=actor), fact)
            for fact, name, _ in waiting
        )
        append = StreamAppend(project=workspace.project, stream=STREAM, events=events)
        assets = {asset for _, _, asset in waiting}
        for _ in range(ATTEMPTS):
            basis = Basis(position=self._position, environments=(workspace.environment,), assets=assets)
            try:
                done = append_decided(workspace, append, basis)
            except LogMoved:
                self._position = self._still_external(assets)
            else:
                self._position, self._repeated = done.last, self._repeated or done.repeated
                return
        raise Conflict(
            f"{workspace.environment} was changed by others in each of {ATTEMPTS} attempts; "
            "the last observations were not recorded, observe again"
        )

    def _named(self, event: NewEvent, fact: Event) -> NewEvent:
        """A look is one fact, whatever is seen of it: so the log refuses the second one of that name."""
        if not isinstance(fact, AssetObserved | ObservationFailed):
            return event
        number = fact.version.rpartition(".")[2]
        return replace(event, event_id=event_id(self._workspace.project, STREAM, "look", self._name, number))

    def _still_external(self, assets: Collection[AssetId]) -> Position:
        """Where the log ends, by when the environment still has these. Raises UsageError where it has not."""
        view = view_of(self._workspace)
        observed = {id_ for key, id_ in view.ids.items() if view.catalog[key].origin is Origin.EXTERNAL}
        for key in sorted(self._keys[id_] for id_ in set(assets) - observed):
            raise Conflict(
                f'"{key}" is no external asset of {self._workspace.environment} any more: somebody dropped the '
                "environment or deployed other definitions meanwhile; what was seen last was not recorded"
            )
        return view.position
