"""A project of a test's own: definitions, fake inputs and a clock in, plans, values and reasons out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from latewood.authoring import Definitions
from latewood.commands.deploying import deploy_loaded
from latewood.commands.explaining import run_events, why
from latewood.commands.materializing import Prepared, materialize, prepare
from latewood.commands.observing import observe, record_value, report
from latewood.commands.partitioning import add_keys
from latewood.commands.planning import Asked, plan_loaded
from latewood.commands.pools import set_pool
from latewood.commands.views import foreseen_view
from latewood.decide.state import VersionFacts
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_objects
from latewood.engine.values.values import Values
from latewood.errors import UsageError, ValueRefused
from latewood.events import RunStatus, StepFailed
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.projections.snapshots import snapshot, uncollected
from latewood.projections.states import heads, version_named
from latewood.sharing import given_tasks
from latewood.testing.clock import Clock
from latewood.testing.database import forget, fresh_workspace
from latewood.testing.given import Given, known_asset, outputs_beside, with_given
from latewood.testing.outcome import (
    Plan,
    Run,
    RunFailed,
    Told,
    Why,
    failure_text,
    named,
    observers_failed,
    plan_of,
    why_of,
)
from latewood.testing.passing import Happened, pass_time
from latewood_eventlog.records import Position

if TYPE_CHECKING:
    from latewood.resources import Resource

_LOCATION: Final = "test"


class Project:
    """An empty project with these definitions: a list of assets, checks and workflows, `Definitions`, or a module.

    Everything is as in earnest, the database included: a Postgres that the first project of a session starts. Close it,
    or use it in a `with` statement. Relative paths in parameters start from `root`, by default the folder of the
    project that the tests are run in. Its clock stands still, at `now`.

    Nothing of that project's `latewood.toml` is read. `resources` are instances or values of fields by name; what is
    not among them has the defaults of its class. `tasks` are functions, or tasks, that stand for those of other
    locations, by `LOCATION:TASK`: the other one's own, imported by the test, or a substitute. The pools that its tasks
    take part in are there: nobody else is.
    """

    def __init__(
        self,
        definitions: ModuleType | Definitions | Iterable[object],
        *,
        environment: str = "prod",
        root: Path | None = None,
        now: datetime | None = None,
        resources: "Mapping[str, Resource | Mapping[str, Any]] | None" = None,
        tasks: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._resources = resources or {}
        self._tasks = tasks or {}
        self._root = root or project_root(Path.cwd())
        self._environment = environment
        self._clock = Clock(now)
        self._given: dict[AssetKey, Given] = {}
        self._defined = self._load(definitions)
        self._workspace = fresh_workspace(self._clock, environment)
        self._make_pools()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete its files."""
        forget(self._workspace)

    @property
    def now(self) -> datetime:
        """Where its clock stands."""
        return self._clock.now

    def define(
        self,
        definitions: ModuleType | Definitions | Iterable[object],
        *,
        resources: "Mapping[str, Resource | Mapping[str, Any]] | None" = None,
        tasks: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Other definitions from here on, as after an edit: what was made stays, and so do given values.

        `resources` and `tasks` are theirs where they are said, else as before.
        """
        self._tasks = self._tasks if tasks is None else tasks
        self._resources = self._resources if resources is None else resources
        self._defined = self._load(definitions)
        self._make_pools()

    def give(self, key: str, value: Any, *, partition: str = "") -> None:
        """Let this be the asset's value from here on, in place of what its task makes. It is checked as a result is.

        Of an external asset it is the data version that is observed, or with an IO the value that this would load. Of a
        partitioned asset say which partition.
        Raises UsageError, and ValueRefused for a value of another type.
        """
        asset = known_asset(self._defined, key)
        if asset.partitions is not None and not partition:
            raise UsageError(f'"{key}" has partitions: say which, partition="…"')
        if asset.key in self._defined.readable:
            record_value(self._workspace, self._loaded(), asset.key, value, partition=partition)
            return
        if asset.origin is not Origin.MADE:
            deploy_loaded(self._workspace, self._loaded())
            report(self._workspace, key, data_version=value, partition=partition)
            return
        keys = self._keys(asset.key, partition) if partition else (UNPARTITIONED,)
        given = self._given.setdefault(asset.key, Given())
        for beside in outputs_beside(self._defined, asset.key):
            self._given[beside] = given
        given.values.update({(asset.output, of): value for of in keys})
        prepared = self._prepared(key, partition=partition, force=True)
        result = materialize(self._workspace, prepared)
        for _, fact in run_events(self._workspace, result.run):
            if isinstance(fact, StepFailed):
                raise ValueRefused(fact.failure.message)

    def add_partitions(self, name: str, keys: Iterable[str]) -> None:
        """Add keys to dynamic partitions, as `latewood partitions add` does. Raises UsageError."""
        deploy_loaded(self._workspace, self._loaded())
        add_keys(self._workspace, name, tuple(keys))

    def observe(self, selection: str = "*", *, partition: str = "", now: datetime | None = None) -> dict[str, str]:
        """Let the observers of the selected external assets look: data versions by asset, with the partition if any.

        Raises RunFailed where one fails, with what it raised; what the others saw is recorded.
        """
        self._set(now)
        done = observe(self._workspace, self._loaded(), selection, partition=partition)
        if done.unseen:
            raise observers_failed(done.unseen)
        return {named(seen.key, seen.partition): _told_version(seen.data_version) for seen in done.seen}

    def materialize(
        self,
        selection: str = "*",
        *,
        partition: str = "",
        parameters: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        force: bool = False,
        may_fail: bool = False,
    ) -> Run:
        """Bring what is selected up to date. `parameters` are values by `ASSET.NAME` or `WORKFLOW.INPUT`.

        From `now` on the clock stands there. Waiting for a retry takes no time.
        Raises RunFailed unless it `may_fail`, and UsageError for what cannot be asked.
        """
        prepared = self._prepared(selection, partition=partition, parameters=parameters, now=now, force=force)
        result = materialize(self._workspace, prepared)
        told = Told.by(prepared.plan, (fact for _, fact in run_events(self._workspace, RunId(result.run))))
        values = _Values(self, prepared, told, result.position)
        run = Run(
            outcomes=told.by_asset(),
            failures=told.failures,
            checks=told.checks,
            metadata=told.metadata,
            elements=told.elements,
            _values=values.of,
        )
        if result.status is not RunStatus.SUCCEEDED and not may_fail:
            raise RunFailed(run, failure_text(told))
        return run

    def pass_time(self, until: datetime) -> list[Happened]:
        """Let its clock go on to `until`, and all that happens by itself meanwhile: what, when, and how it ended.

        What is asked for is made at once, in no time. Raises UsageError for a time that is past.
        """
        if until < self._clock.now:
            raise UsageError(f"expected a time from {self._clock.now.isoformat()} on, found {until.isoformat()}")
        loaded = self._loaded()
        deploy_loaded(self._workspace, loaded)
        return pass_time(self._workspace, loaded, self._clock, until)

    def plan(
        self,
        selection: str = "*",
        *,
        partition: str = "",
        parameters: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        force: bool = False,
    ) -> Plan:
        """What `materialize` would do with the same arguments, and why. Runs and records nothing."""
        asked = self._asked(selection, partition=partition, parameters=parameters, now=now, force=force)
        return plan_of(plan_loaded(self._workspace, self._loaded(), asked)[1])

    def why(self, key: str, *, partition: str = "", now: datetime | None = None) -> Why:
        """Why the asset is fresh, stale or missing. Without a partition: the first one that is not fresh."""
        self._set(now)
        return why_of(why(self._workspace, key, partition=partition, loaded=self._loaded()))

    def _make_pools(self) -> None:
        for name in sorted({asset.task.pool for asset in self._defined.assets} - {""}):
            set_pool(self._workspace, name, 1)

    def _load(self, definitions: ModuleType | Definitions | Iterable[object]) -> Loaded:
        with given_tasks(self._tasks):
            return load_objects(
                definitions,
                root=self._root,
                location=_LOCATION,
                environment=self._environment,
                resources=self._resources,
            )

    def _prepared(
        self,
        selection: str,
        *,
        partition: str = "",
        parameters: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        force: bool = False,
    ) -> Prepared:
        asked = self._asked(selection, partition=partition, parameters=parameters, now=now, force=force)
        return prepare(self._workspace, self._loaded(), asked)

    def _asked(
        self,
        selection: str,
        *,
        partition: str,
        parameters: Mapping[str, Any] | None,
        now: datetime | None,
        force: bool,
    ) -> Asked:
        self._set(now)
        return Asked(selection=selection, partition=partition, values=parameters or {}, force=force)

    def _keys(self, key: AssetKey, partition: str) -> tuple[PartitionKey, ...]:
        """The partitions that this text names, by the keys that were added to dynamic ones so far."""
        with uncollected(), snapshot(self._workspace.log) as connection:
            scheme = foreseen_view(connection, self._workspace, self._loaded()).catalog[key].partitions
        return keys_of(scheme, parse_partitions(scheme, partition, self._clock.now))

    def _loaded(self) -> Loaded:
        return with_given(self._defined, self._given)

    def _set(self, now: datetime | None) -> None:
        if now is not None:
            self._clock.now = now


class _Values:
    """The values of a run: what it made, and the heads that it found up to date."""

    def __init__(self, project: Project, prepared: Prepared, told: Told, position: Position) -> None:
        self._workspace = project._workspace  # noqa: SLF001 - the other half of the project
        self._prepared = prepared
        self._told = told
        self._position = position

    def of(self, key: str, partition: str) -> Any:
        """One value, or those of all partitions by their keys; of an external asset without IO its data version.

        Raises UsageError where there is none.
        """
        asset = known_asset(self._prepared.loaded, key)
        if asset.origin is Origin.VIRTUAL:
            raise UsageError(f'"{key}" is virtual: it has no value of its own')
        found = self._facts(asset.key)
        if asset.partitions is not None and not partition:
            return {of: self._value(asset, facts) for of, facts in found.items()}
        facts = found.get(PartitionKey(partition))
        if facts is None:
            outcome = self._told.by_asset().get(key, "not selected, and never made")
            detail = failure_text(self._told)
            raise UsageError(f'no value of "{named(key, partition)}": {outcome}\n{detail}'.rstrip())
        return self._value(asset, facts)

    def _value(self, asset: AssetDefinition, facts: VersionFacts) -> Any:
        if asset.origin is Origin.EXTERNAL and not facts.artifact:
            return _told_version(facts.data_version)
        annotation = self._prepared.loaded.tasks[asset.key].outputs[asset.output]
        return Values(self._workspace.store).load_artifact(facts.artifact, annotation)

    def _facts(self, key: AssetKey) -> dict[PartitionKey, VersionFacts]:
        workspace, id_ = self._workspace, self._prepared.view.ids[key]
        made: dict[PartitionKey, VersionId] = self._told.versions.get(key, {})
        unmade = {step.partition for step in self._told.plan.steps() if key in step.task.node.keys} - made.keys()
        with snapshot(workspace.log) as connection:
            found = heads(connection, workspace.project, workspace.environment, [id_], self._position)[id_]
            facts = {of: head for of, head in found.items() if of not in unmade}
            for version in dict.fromkeys(made.values()):
                facts |= {each.partition: each for each in version_named(connection, workspace.project, id_, version)}
        return facts


def _told_version(data_version: str) -> str:
    """What an observer or a tool outside said, of which the data version is made."""
    return data_version.removeprefix("given:")
