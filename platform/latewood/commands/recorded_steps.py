"""Steps as they were recorded: by what code, with what parameters, reading what, making what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from latewood.commands.deployed_code import recorded
from latewood.commands.explaining import run_events
from latewood.commands.runs import run_named, steps_meant
from latewood.commands.sharing import recorded_tasks
from latewood.commands.versions import listed
from latewood.commands.workspace import Workspace
from latewood.decide.keys import path_texts
from latewood.decide.state import VersionFacts
from latewood.decide.versions import expand
from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.shared import Shared
from latewood.engine.running.worker_protocol import Read
from latewood.engine.storage.file_hash import content_of
from latewood.errors import UsageError
from latewood.events import RunPlanned, RunRequested, StepExpanded, StepReused, StepStarted, StepSucceeded
from latewood.model.definitions import AssetDefinition
from latewood.model.elements import ElementAddress, element_asset, is_elements, list_of
from latewood.model.keys import AssetId, AssetKey, RunId, VersionId, version_id
from latewood.model.schemes import DynamicKeys, dynamic_names
from latewood.projections.catalog import Defined, defined
from latewood.projections.configurations import configuration_with
from latewood.projections.dynamic import dynamic_keys
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import versions_by_id
from latewood.projections.versions import contents_seen
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """A step that was computed, with all that decided its result.

    `assets` are those it made, as its deployment defines them; `inputs` the versions read by input, `reads` the assets
    they are of. `others` are the assets of other locations that its location reads, `shared` the tasks of others that
    it refers to. Of a step that such a task made `location` and `deployment` are the task's. `contents` are those of
    the paths in its parameters, as the run saw them; `configurations` those of the resources that it asked for.
    `dynamic` are all dynamic partitions of the run with the keys that they had. Of the step of an element `element` is
    its number in the lists that it reads through the inputs `each`.
    """

    started: StepStarted
    succeeded: StepSucceeded
    at: datetime
    location: str
    deployment: str
    python: str
    assets: tuple[AssetDefinition, ...]
    others: tuple[AssetDefinition, ...]
    shared: tuple[Shared, ...]
    inputs: Mapping[str, tuple[VersionFacts, ...]]
    reads: Mapping[str, AssetKey]
    contents: Mapping[str, str]
    configurations: Mapping[str, Recorded]
    dynamic: tuple[DynamicKeys, ...]
    element: int = 0
    each: tuple[str, ...] = ()

    @property
    def version(self) -> VersionId:
        """The version that the step made."""
        return version_id(self.started.run, self.started.step)

    def reading(self) -> dict[str, tuple[Read, ...]]:
        """The inputs for a worker to read."""
        return {
            name: tuple(Read(partition=facts.partition, artifact=self._address(name, facts)) for facts in versions)
            for name, versions in self.inputs.items()
        }

    def _address(self, name: str, facts: VersionFacts) -> str:
        return str(ElementAddress(facts.artifact, self.element)) if name in self.each else facts.artifact

    def missing_paths(self, root: Path) -> list[str]:
        """Files and folders that its parameters name and that are not there any more."""
        return [path for path in self.contents if content_of(path, root) is None]

    def changed_paths(self, root: Path) -> list[str]:
        """Files and folders that its parameters name and that have another content now."""
        return [path for path, content in self.contents.items() if content_of(path, root) != content]


@dataclass(slots=True)
class _History:
    """What the events of one run say, as far as it is asked here."""

    requested: RunRequested | None = None
    planned: Position = 0
    started: dict[int, tuple[StepStarted, datetime]] = field(default_factory=dict)
    succeeded: dict[int, StepSucceeded] = field(default_factory=dict)
    reused: dict[int, StepReused] = field(default_factory=dict)
    expanded: dict[int, StepExpanded] = field(default_factory=dict)

    def element(self, step: int) -> int:
        """Which element of its list a step is of; 0 for any other."""
        of = (e.first for e in self.expanded.values() if e.first <= step < e.first + e.count)
        return step - next(of, step)


def steps_recorded(workspace: Workspace, named: str, *, only: str = "") -> tuple[list[RecordedStep], int]:
    """The steps that a run computed, or the one that made a version, in order; and how many the run reused.

    A version that was taken over from another asset stands for the one that was computed. Raises UsageError.
    """
    run_text, dot, step_text = named.partition(".")
    run = run_named(workspace, run_text).run
    history = _history_of(workspace, run)
    known = history.succeeded.keys() | history.reused.keys()
    if dot:
        if only:
            raise UsageError(f'"{named}" is one version already; --only chooses steps of a run')
        return _of_version(workspace, history, run, steps_meant(run, step_text, history.started.keys() | known)), 0
    chosen = steps_meant(run, only, history.started.keys() | known) if only else known
    computed = sorted((chosen & history.succeeded.keys()) - history.expanded.keys())
    if not computed:
        why = f"its {len(chosen):,} steps were reused or did not succeed" if chosen else "no step of it succeeded"
        raise UsageError(f"run {run} has computed nothing that could be reproduced: {why}")
    return _Reading(workspace, history).steps(computed), len(chosen & history.reused.keys())


def _of_version(workspace: Workspace, history: _History, run: RunId, steps: frozenset[int]) -> list[RecordedStep]:
    """The step behind one version, through whatever it was taken over from."""
    (step,) = steps
    while step not in history.succeeded:
        reused = history.reused.get(step)
        if reused is None:
            raise UsageError(f"step {step} of run {run} did not succeed: there is nothing to compare with")
        output = reused.outputs[0]
        source = output.source[1] if output.source else output.version
        run_text, _, step_text = source.rpartition(".")
        run, step, history = RunId(run_text), int(step_text), _history_of(workspace, RunId(run_text))
    if (expanded := history.expanded.get(step)) is not None:
        raise UsageError(
            f"step {step} of run {run} only collected what steps {expanded.first:,} to "
            f"{expanded.first + expanded.count - 1:,} made of its elements; name one of these"
        )
    return _Reading(workspace, history).steps([step])


def _history_of(workspace: Workspace, run: RunId) -> _History:
    history = _History()
    for event, fact in run_events(workspace, run):
        match fact:
            case RunRequested():
                history.requested = fact
            case RunPlanned():
                history.planned = event.position
            case StepStarted():
                history.started[fact.step] = (fact, event.occurred_at)
            case StepExpanded():
                history.expanded[fact.step] = fact
            case StepSucceeded():
                history.succeeded[fact.step] = fact
            case StepReused():
                history.reused[fact.step] = fact
            case _:
                pass
    return history


class _Reading:
    """Reads what the steps of one run were made of."""

    def __init__(self, workspace: Workspace, history: _History) -> None:
        self._workspace = workspace
        self._history = history
        self._configurations: dict[str, Recorded] = {}
        self._dynamic: tuple[DynamicKeys, ...] = ()
        self._shared: dict[str, tuple[Shared, ...]] = {}

    def steps(self, numbers: Sequence[int]) -> list[RecordedStep]:
        with snapshot(self._workspace.log) as connection:
            requested = self._history.requested
            assert requested is not None, "a run begins with its request"
            by_id = {
                entry.asset: entry
                for location, name in requested.deployments.items()
                for entry in defined(connection, self._workspace.project, location, name)
            }
            names = {name for entry in by_id.values() for name in dynamic_names(entry.definition.partitions)}
            keys = dynamic_keys(connection, self._workspace.project, self._history.planned, names)
            self._dynamic = tuple(keys[name] for name in sorted(keys))
            others: dict[str, tuple[AssetDefinition, ...]] = {}
            return [self._step(connection, requested, number, by_id, others) for number in numbers]

    def _step(
        self,
        connection: Snapshot,
        requested: RunRequested,
        number: int,
        by_id: Mapping[AssetId, Defined],
        others: dict[str, tuple[AssetDefinition, ...]],
    ) -> RecordedStep:
        started, at = self._history.started[number]
        entries = [by_id[list_of(id_)] for id_ in started.assets]
        of_element = any(map(is_elements, started.assets))
        location, name = entries[0].location, entries[0].deployment
        if location not in others:
            others[location] = tuple(_read_elsewhere(location, by_id))
            # Of each location its own: at another time the same reference was deployed as something else.
            own = [entry.definition for entry in by_id.values() if entry.location == location]
            self._shared[location] = recorded_tasks(connection, self._workspace, own)
        task = entries[0].definition.task
        paths = list(path_texts(task, started.parameters))
        return RecordedStep(
            started=started,
            succeeded=self._history.succeeded[number],
            at=at,
            location=location if task.shared is None else task.shared.location,
            deployment=name if task.shared is None else task.shared.deployment,
            python=requested.python,
            assets=tuple(element_asset(e.definition) if of_element else e.definition for e in entries),
            others=others[location],
            shared=self._shared[location],
            inputs={name: tuple(self._read(connection, name, started)) for name in started.inputs},
            reads={name: by_id[read.asset].definition.key for name, read in started.inputs.items()},
            contents=contents_seen(connection, self._workspace.project, location, paths, self._history.planned),
            configurations={
                resource: self._configured(connection, resource, digest)
                for resource, digest in started.configurations.items()
            },
            dynamic=self._dynamic,
            element=self._history.element(number),
            each=task.each if of_element else (),
        )

    def _configured(self, connection: Snapshot, resource: str, digest: str) -> Recorded:
        if digest not in self._configurations:
            found = configuration_with(connection, self._workspace.project, digest)
            if found is None:
                raise UsageError(f"resource {resource}: the log has no configuration {digest} of it")
            self._configurations[digest] = recorded(found)
        return self._configurations[digest]

    def _read(self, connection: Snapshot, name: str, started: StepStarted) -> list[VersionFacts]:
        read = started.inputs[name]
        versions = list(expand(listed(self._workspace, read.versions)))
        found = versions_by_id(connection, self._workspace.project, read.asset, versions)
        if len(found) != len(versions):
            lacking = ", ".join(sorted(set(versions) - {facts.version for facts in found}))
            raise UsageError(f'input "{name}": the log has no versions {lacking} of it')
        return found


def _read_elsewhere(location: str, by_id: Mapping[AssetId, Defined]) -> Iterator[AssetDefinition]:
    """The assets of other locations that are read in this one."""
    read = {
        input_.asset
        for entry in by_id.values()
        if entry.location == location
        for input_ in entry.definition.task.inputs
    }
    for entry in by_id.values():
        if entry.location != location and entry.definition.key in read:
            yield entry.definition
