"""Reproducing: running steps again by the code, parameters and inputs that were recorded, and comparing what comes out.

It happens in processes of its own and in a folder that is thrown away. The log has that it was done and what was found;
nothing of it is a version, so nothing becomes head and nothing is reused.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Final

from latewood.commands.deployed_code import DeployedCode, deployed_code, interpreter_of, secret_variables
from latewood.commands.places import displaced_text
from latewood.commands.recorded_steps import RecordedStep, steps_recorded
from latewood.commands.sharing import as_called, shared_code
from latewood.commands.surroundings import Surroundings, surroundings
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.fingerprint import changed_parts
from latewood.decide.versions import compact
from latewood.engine.loading.location_settings import values_of
from latewood.engine.running.recorder import in_parts
from latewood.engine.running.worker_process import Worker
from latewood.engine.running.worker_protocol import Call, Failed, Open, Opened, Read, Recall, Result, Returned
from latewood.engine.storage.caches import caches_in_use
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.engine.storage.sweeping import in_use
from latewood.engine.values.differing import Difference, first_difference
from latewood.engine.values.recordable import text
from latewood.errors import UsageError
from latewood.events import (
    Event,
    OutputMade,
    OutputReproduced,
    ReproductionEnded,
    ReproductionStarted,
    Verdict,
)
from latewood.model.code import CodeChange
from latewood.model.keys import AssetKey, PartitionKey, VersionId
from latewood.places import is_placed
from latewood.projections.configurations import configured_along
from latewood.projections.environments import line_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood_eventlog.records import Batch

_VERSIONS_MAX: Final = 24_576
"""Most characters of versions in an event."""

_PART_BYTES_MAX: Final = 24_576
_MESSAGE_BYTES_MAX: Final = 1_000
_NAMED_MAX: Final = 10
"""Missing artifacts that are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """What became of one output: the verdict, where it parts from what was recorded, or why there is none."""

    asset: AssetKey
    partition: PartitionKey
    version: VersionId
    fact: OutputReproduced
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """All that came of a reproduction. So many steps of the run were `reused`: not computed there, so not here."""

    reproduction: str
    outputs: tuple[Reproduced, ...]
    surroundings: Surroundings
    reused: int

    @property
    def is_identical(self) -> bool:
        """True if every output came out with the data version that was recorded."""
        return all(output.fact.verdict is Verdict.IDENTICAL for output in self.outputs)


def reproduce(
    workspace: Workspace, named: str, *, home: Path, root: Path, only: str = "", force: bool = False
) -> Reproduction:
    """Run the steps of a run, or the one of a version, again as they were. `only` are some of the run's steps.

    Steps whose task gives up reuse may act outside: they are run only with `force`. Relative paths in parameters start
    from `root`. Raises UsageError for what cannot be run again, naming what is missing, before anything is run;
    WorkerUnusable where the code as it was does not load.
    """
    with in_use(workspace.store), caches_in_use(home):
        steps, reused = steps_recorded(workspace, named, only=only)
        called = [step for step in steps if step.assets[0].task.runs_on is None]  # a job is another system's to repeat
        wanted = [step for step in called if force or not step.assets[0].task.reuse.is_off]
        _refuse_missing(workspace, wanted, root)
        ended: list[Reproduced] = [output for step in steps if step not in wanted for output in _not_run(step)]
        python: tuple[str, str] | None = None
        changes: dict[CodeChange, None] = {}
        reproduction = workspace.new_run()
        for group in _by_deployment(wanted):
            source = group[0].assets[0].task.shared
            code = (
                deployed_code(workspace, group[0].deployment, home)
                if source is None
                else shared_code(workspace, source, home)
            )
            name = code.deployment if source is None else f"{code.deployment} for others"
            python_now = interpreter_of(code, home, root)
            _record(workspace, reproduction, _started(workspace, reproduction, code, group, force=force), name)
            outputs, opened = _reproduced(workspace, code, group, root, python_now)
            _record_ended(workspace, reproduction, name, opened, outputs)
            ended += outputs
            changes |= dict.fromkeys(_code_changes(opened, group))
            then = group[0].python
            python = (then, opened.python) if then and then != opened.python else python
    return Reproduction(
        reproduction=reproduction,
        outputs=tuple(sorted(ended, key=_order)),
        surroundings=surroundings(workspace, wanted, root, python=python, code=tuple(changes)),
        reused=reused,
    )


def _order(output: Reproduced) -> tuple[str, int, str]:
    run, _, step = output.version.rpartition(".")
    return run, int(step), output.asset


def _by_deployment(steps: Sequence[RecordedStep]) -> list[list[RecordedStep]]:
    """Steps that one process can run: by one deployment, and by its tasks alone where these are made elsewhere."""
    found: dict[tuple[str, bool], list[RecordedStep]] = {}
    for step in steps:
        found.setdefault((step.deployment, step.assets[0].task.shared is not None), []).append(step)
    return list(found.values())


def _code_changes(opened: Opened, steps: Sequence[RecordedStep]) -> Iterator[CodeChange]:
    """How the code that runs differs from what was recorded: packages, and what the archive could not hold."""
    for task in {step.assets[0].task.name: step.assets[0] for step in steps}.values():
        shared = task.task.shared
        code = opened.code.get(task.key) if shared is None else opened.tasks.get(shared.name)
        if code is not None:
            yield from changed_parts(task.task.code, code)


# ── what is missing ──────────────────────────────────────────────────────────────────────────────────────


def _refuse_missing(workspace: Workspace, steps: Sequence[RecordedStep], root: Path) -> None:
    """Raise UsageError naming the inputs that are not there any more."""
    missing: dict[str, None] = {}
    looked_at: dict[str, bool] = {}
    read = {(step.reads[name], facts) for step in steps for name, found in step.inputs.items() for facts in found}
    displaced = displaced_text(workspace, root, read)
    for step in steps:
        missing |= dict.fromkeys(f"{path}, which a parameter names" for path in step.missing_paths(root))
        for name, versions in step.inputs.items():
            for facts in versions:
                if not facts.artifact:  # what others make is theirs to keep
                    continue
                place = f"{step.reads[name]} {facts.partition}".rstrip()
                if is_placed(facts.artifact):
                    if facts.artifact in displaced:
                        missing[f"{place}, version {facts.version}: {displaced[facts.artifact]}"] = None
                    continue
                if facts.artifact not in looked_at:
                    looked_at[facts.artifact] = workspace.store.exists(ArtifactAddress(facts.artifact))
                if not looked_at[facts.artifact]:
                    missing[f"{place}, version {facts.version}: artifact {facts.artifact}"] = None
    if missing:
        named = list(missing)[:_NAMED_MAX]
        more = [f"… and {len(missing) - _NAMED_MAX:,} more"] if len(missing) > _NAMED_MAX else []
        raise UsageError("\n  ".join(["cannot be run again, since these were collected or lost:", *named, *more]))


# ── running ──────────────────────────────────────────────────────────────────────────────────────────────


def _reproduced(
    workspace: Workspace, code: DeployedCode, steps: Sequence[RecordedStep], root: Path, interpreter: str
) -> tuple[list[Reproduced], Opened]:
    found: list[Reproduced] = []
    with TemporaryDirectory(prefix="latewood-") as folder:
        results = ArtifactStore(Path(folder), workspace.project)
        to_open = Open(
            folder=str(code.folder),
            location=code.location,
            paths=code.paths,
            root=str(root),
            project=workspace.project,
            store=str(workspace.store.directory.parent),
            results=folder,
            environment=steps[0].succeeded.environment,
            others=steps[0].others,
            configurations={name: found for step in steps for name, found in step.configurations.items()},
            dynamic=steps[0].dynamic,
            shared=steps[0].shared,
            made=tuple({a.key: as_called(a) for s in steps for a in s.assets if a.task.shared is not None}.values()),
            entry=code.settings.entry,
            directory=code.settings.directory,
        )
        hidden = _hidden(workspace, steps)
        variables = values_of(root, code.location, code.settings.variables)
        with Worker(to_open, interpreter=interpreter, environ=os.environ, hidden=hidden, variables=variables) as worker:
            opened = worker.start()
            for step in steps:
                match worker.call(_call(step)):
                    case Failed(failure=failure):
                        message = f"{failure.error}: {failure.message}"
                        found += [_of(step, o, Verdict.FAILED, message=message) for o in step.succeeded.outputs]
                    case Returned(outputs=made):
                        found += _compared(workspace, results, worker, step, made)
                        _throw_away(results, made)
    return found, opened


def _hidden(workspace: Workspace, steps: Sequence[RecordedStep]) -> frozenset[str]:
    """The variables that other locations' secrets are in, in the environment of the steps as it is now."""
    first = steps[0]
    with snapshot(workspace.log) as connection:
        line = line_of(connection, workspace.project, first.succeeded.environment, NOW)
        configurations = configured_along(connection, workspace.project, line)
    source = first.assets[0].task.shared
    return secret_variables(configurations, besides="" if source and source.project else first.location)


def _call(step: RecordedStep) -> Call:
    return Call(
        assets=tuple(asset.key for asset in step.assets),
        partition=step.started.partition,
        parameters=step.started.parameters,
        inputs=step.reading(),
        run=step.started.run,
        step=step.started.step,
        attempt=step.started.attempt,
        at=step.at.isoformat(),
    )


def _throw_away(results: ArtifactStore, made: Mapping[str, Result]) -> None:
    """A year of tables need not lie there at once."""
    for result in made.values():
        path = results.path_of(ArtifactAddress(result.artifact))
        with suppress(OSError):
            if path.is_dir():
                rmtree(path)
            else:
                path.unlink()


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────


def _compared(
    workspace: Workspace, results: ArtifactStore, worker: Worker, step: RecordedStep, made: Mapping[str, Result]
) -> Iterator[Reproduced]:
    recorded = {output.output for output in step.succeeded.outputs}
    for output in step.succeeded.outputs:
        result = made.get(output.output)
        if result is None:
            yield _of(step, output, Verdict.DIFFERENT, message="it was not made this time: the output is optional")
        elif result.data_version == output.data_version:
            yield _of(step, output, Verdict.IDENTICAL)
        else:
            yield _parted(workspace, results, worker, step, output, result)
    for name in made.keys() - recorded:
        yield _unexpected(step, name)


def _parted(
    workspace: Workspace,
    results: ArtifactStore,
    worker: Worker,
    step: RecordedStep,
    output: OutputMade,
    result: Result,
) -> Reproduced:
    store, before = workspace.store, ArtifactAddress(output.artifact)
    if is_placed(output.artifact):
        version = Read(partition=step.started.partition, artifact=output.artifact)
        asset = next(asset.key for asset in step.assets if asset.output == output.output)
        match worker.call(Recall(asset=asset, version=version)):
            case Failed(failure=failure):
                gone = f"what was recorded cannot be compared, it is not there any more: {failure.message}"
                return _of(step, output, Verdict.DIFFERENT, message=gone, data_version=result.data_version)
            case Returned(outputs=recalled):
                store, before = results, ArtifactAddress(recalled[output.output].artifact)
    if not store.exists(before):
        gone = "what was recorded was collected, so the first difference cannot be told"
        return _of(step, output, Verdict.DIFFERENT, message=gone, data_version=result.data_version)
    found = first_difference(store.open(before), results.open(ArtifactAddress(result.artifact)))
    verdict = Verdict.SAME_SHAPE if found.same_shape else Verdict.DIFFERENT
    return _of(step, output, verdict, difference=found, data_version=result.data_version)


def _not_run(step: RecordedStep) -> Iterator[Reproduced]:
    for output in step.succeeded.outputs:
        is_job = step.assets[0].task.runs_on is not None
        why = "it was a job in another system" if is_job else "its task gives up reuse, so it may act outside; --force"
        yield _of(step, output, Verdict.NOT_RUN, message=why)


def _unexpected(step: RecordedStep, name: str) -> Reproduced:
    asset = next(asset for asset in step.assets if asset.output == name)
    id_ = step.started.assets[step.assets.index(asset)]
    output = OutputMade(asset=id_, output=name, data_version="", artifact="", size=0, accepted=False, head=False)
    return _of(step, output, Verdict.DIFFERENT, message="it was made this time and not then: the output is optional")


def _of(
    step: RecordedStep,
    output: OutputMade,
    verdict: Verdict,
    *,
    message: str = "",
    difference: Difference | None = None,
    data_version: str = "",
) -> Reproduced:
    key = next(asset.key for asset in step.assets if asset.output == output.output)
    # Of the place alone: values are in the store, where they can be removed, and never in the log.
    fact = OutputReproduced(
        asset=output.asset,
        version=step.version,
        verdict=verdict,
        data_version=data_version,
        message=text(difference.place if difference else message, _MESSAGE_BYTES_MAX),
    )
    return Reproduced(
        asset=key, partition=step.started.partition, version=step.version, fact=fact, difference=difference
    )


# ── recording ────────────────────────────────────────────────────────────────────────────────────────────


def _started(
    workspace: Workspace, reproduction: str, code: DeployedCode, steps: Sequence[RecordedStep], *, force: bool
) -> ReproductionStarted:
    return ReproductionStarted(
        reproduction=reproduction,
        location=code.location,
        deployment=code.deployment,
        versions=_listed(workspace, [step.version for step in steps]),
        forced=force,
    )


def _listed(workspace: Workspace, versions: Sequence[VersionId]) -> str:
    listed = compact(versions)
    if len(listed) <= _VERSIONS_MAX:
        return listed
    staged = workspace.store.stage(listed.encode(), "versions")
    workspace.store.commit([staged])
    return f"@{staged.address}"


def _record_ended(
    workspace: Workspace, reproduction: str, name: str, opened: Opened, outputs: Sequence[Reproduced]
) -> None:
    others = [output.fact for output in outputs if output.fact.verdict is not Verdict.IDENTICAL]
    apart = {fact.version for fact in others}
    identical = list(dict.fromkeys(output.version for output in outputs if output.version not in apart))
    parts = list(in_parts(others, _PART_BYTES_MAX)) or [()]
    for number, part in enumerate(parts, start=1):
        fact = ReproductionEnded(
            reproduction=reproduction,
            python=opened.python,
            identical=_listed(workspace, identical) if number == 1 else "",
            others=part,
            part=number,
            parts=len(parts),
        )
        _record(workspace, reproduction, fact, name, number)


def _record(workspace: Workspace, reproduction: str, fact: Event, *names: object) -> None:
    append = append_of(workspace, fact, stream=f"reproduction/{reproduction}", name=names)
    workspace.log.append(Batch(appends=(append,)))
