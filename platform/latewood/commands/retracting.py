"""Retracting versions that turned out to be wrong, and taking that back. One append, however many versions."""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from latewood.commands.deploying import CORRECTIONS
from latewood.commands.downstream import Reach, reach
from latewood.commands.holding import ATTEMPTS
from latewood.commands.views import PRESENT, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.state import Retracted, Retraction, VersionFacts, counted_as
from latewood.engine.running.recorder import PART_BYTES_MAX, in_parts, new_event
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import Event, RetractedVersion, RetractionUndone, VersionsRetracted
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.projections.carried import carried_over
from latewood.projections.retractions import made_by, retractions
from latewood.projections.run_lists import recent_runs
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.errors import WrongExpectedVersion
from latewood_eventlog.records import Batch, Position, StreamAppend


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Versions, and how many of them were as they are asked to be before."""

    versions: tuple[tuple[VersionFacts, str], ...]
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was retracted or taken back, at `position` (None = nothing was to be recorded), and what goes back to it."""

    chosen: Chosen
    keys: Mapping[AssetId, AssetKey]
    position: Position | None
    reach: Reach


_Decide = Callable[[Chosen, Sequence[Retraction]], tuple[Chosen, list[Event]]]
"""What is to be recorded of the versions that were chosen, given what is retracted."""


def retract(
    workspace: Workspace,
    version: str,
    *,
    reason: str,
    asset: str = "",
    partition: str = "",
    rerun: bool = False,
    dry_run: bool = False,
) -> Done:
    """Declare versions wrong: neither they nor what equals them is used any more, in any environment.

    `version` is `RUN.STEP`, or a RUN for all that it made; `asset` and `partition` choose among these. `rerun`: the
    same computation may be done again. What was retracted in the same way before is left as it is.
    Raises UsageError, naming near matches, for what does not exist; then nothing is recorded.
    """
    if not reason.strip():
        raise UsageError("expected a reason: who reads the history will ask for it")

    def facts(chosen: Chosen, now: Sequence[Retraction]) -> tuple[Chosen, list[Event]]:
        before = {_name(found) for found in now if found.rerun == rerun}
        new = [(found, output) for found, output in chosen.versions if _name(found) not in before]
        unchanged = len(chosen.versions) - len(new)
        return Chosen(versions=chosen.versions, unchanged=unchanged), _retractions(new, reason, rerun=rerun)

    return _correct(workspace, version, asset, partition, facts, dry_run=dry_run)


def undo(
    workspace: Workspace, version: str, *, reason: str = "", asset: str = "", partition: str = "", dry_run: bool = False
) -> Done:
    """Take back a retraction: the versions are used again, and are fresh where they are what would be made.

    Raises UsageError for what is not retracted, naming what is.
    """

    def facts(chosen: Chosen, now: Sequence[Retraction]) -> tuple[Chosen, list[Event]]:
        retracted = {_name(found) for found in now}
        found = [entry for entry in chosen.versions if _name(entry[0]) in retracted]
        if not found:
            known = sorted({r.version for r in now})
            raise NotFound("version", f'"{version}" is not retracted; {near_text(version, known, "retracted")}')
        by_asset: dict[AssetId, dict[VersionId, tuple[PartitionKey, ...]]] = {}
        for entry, _ in found:
            by_version = by_asset.setdefault(entry.asset, {})
            by_version[entry.version] = (*by_version.get(entry.version, ()), entry.partition)
        told: list[Event] = [RetractionUndone(versions={a: v}, reason=reason) for a, v in by_asset.items()]
        return Chosen(versions=tuple(found), unchanged=len(chosen.versions) - len(found)), told

    return _correct(workspace, version, asset, partition, facts, dry_run=dry_run)


def _correct(
    workspace: Workspace,
    version: str,
    asset: str,
    partition: str,
    decide: _Decide,
    *,
    dry_run: bool,
) -> Done:
    """Read, decide, record, and say what it reaches; decided again if somebody else corrected something meanwhile."""
    for _ in range(ATTEMPTS):
        stream = workspace.log.version(workspace.project, CORRECTIONS)
        with snapshot(workspace.log) as connection:
            now = retractions(connection, workspace.project, NOW)
            versions = _chosen(connection, workspace, version, asset, partition)
            ids = {facts.asset for facts, _ in versions}
            keys = {AssetId(id_): key for id_, key in keys_of_ids(connection, workspace.project, ids).items()}
        chosen, facts = decide(Chosen(versions=versions, unchanged=0), now)
        position: Position | None = None
        if facts and not dry_run:
            try:
                position = append_corrections(workspace, facts, stream)
            except WrongExpectedVersion:
                continue
        names = [_name(found) for found, _ in chosen.versions]
        found = reach(workspace, names, _after(now, facts), is_foreseen=dry_run and bool(facts))
        return Done(chosen=chosen, keys=keys, position=position, reach=found)
    raise Conflict(f"others corrected something in each of {ATTEMPTS} attempts; nothing was recorded, try again")


def append_corrections(workspace: Workspace, facts: Sequence[Event], version: int) -> Position:
    """Record corrections together, if their stream still has this version."""
    project, now = workspace.project, workspace.clock()
    events = tuple(
        new_event(fact, project=project, stream=CORRECTIONS, name=(version, i), at=now, actor=workspace.actor)
        for i, fact in enumerate(facts)
    )
    append = StreamAppend(project=project, stream=CORRECTIONS, events=events, expected=version)
    return workspace.log.append(Batch(appends=(append,))).last


def _after(now: Iterable[Retraction], facts: Iterable[Event]) -> Retracted:
    """What is retracted once these facts are recorded."""
    found = {_name(retraction): retraction for retraction in now}
    for fact in facts:
        match fact:
            case VersionsRetracted():
                for made in fact.versions:
                    found[made.asset, made.partition, made.version] = Retraction(
                        asset=made.asset,
                        partition=made.partition,
                        version=made.version,
                        output=made.output,
                        data_version=made.data_version,
                        artifact=made.artifact,
                        reuse_key=made.reuse_key,
                        rerun=fact.rerun,
                        reason=fact.reason,
                        position=0,
                    )
            case RetractionUndone():
                for asset, by_version in fact.versions.items():
                    for version, partitions in by_version.items():
                        for partition in partitions:
                            del found[asset, partition, version]
            case other:
                raise AssertionError(f"not a retraction: {other}")
    return Retracted.of(found.values())


def _retractions(new: Sequence[tuple[VersionFacts, str]], reason: str, *, rerun: bool) -> list[Event]:
    """The facts, each as large as an event may be."""
    made = (
        RetractedVersion(
            asset=facts.asset,
            version=facts.version,
            output=output,
            data_version=facts.data_version,
            artifact=facts.artifact,
            partition=facts.partition,
            reuse_key=facts.reuse_key,
        )
        for facts, output in new
    )
    parts = in_parts(made, PART_BYTES_MAX - len(reason.encode()))
    return [VersionsRetracted(versions=part, reason=reason, rerun=rerun) for part in parts]


def _chosen(
    connection: Snapshot, workspace: Workspace, version: str, asset: str, partition: str
) -> tuple[tuple[VersionFacts, str], ...]:
    """The versions that are meant. Raises UsageError."""
    run, dot, step = version.partition(".")
    if dot and not step.isdecimal():
        raise UsageError(f'version "{version}": expected RUN.STEP such as 7k2m9q4t8w1x.12, or a RUN')
    found = made_by(connection, workspace.project, RunId(run), int(step) if dot else -1)
    if not found:
        raise NotFound("version", f'no version "{version}"; {_near_versions(connection, workspace, run, dot)}')
    keys = keys_of_ids(connection, workspace.project, {facts.asset for facts, _ in found})
    if asset:
        if asset not in keys.values():
            raise NotFound(
                "asset", f'"{version}" made no "{asset}"; {near_text(asset, sorted(set(keys.values())), "made")}'
            )
        found = [(facts, output) for facts, output in found if keys[facts.asset] == asset]
    if partition:
        found = _of_partitions(connection, workspace, found, partition)
    return tuple(found)


def _of_partitions(
    connection: Snapshot, workspace: Workspace, found: Sequence[tuple[VersionFacts, str]], text: str
) -> list[tuple[VersionFacts, str]]:
    """Those of these partitions: by their name, or as the environment's present scheme of the asset reads the text.

    With those that count as theirs.
    """
    if named := [entry for entry in found if entry[0].partition == text]:
        return named
    view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={})
    schemes = {id_: view.catalog[key].partitions for key, id_ in view.ids.items()}
    problems: dict[str, None] = {}
    wanted: dict[AssetId, frozenset[PartitionKey]] = {}
    for asset in {facts.asset: None for facts, _ in found}:
        scheme = schemes.get(asset)
        try:
            if scheme is not None:
                chosen = keys_of(scheme, parse_partitions(scheme, text, workspace.clock()))
                carried = carried_over(connection, workspace.project, [asset], NOW)
                wanted[asset] = frozenset(counted_as(chosen, carried))
        except UsageError as error:
            problems[str(error)] = None
    meant = [entry for entry in found if entry[0].partition in wanted.get(entry[0].asset, ())]
    if not meant:
        made = sorted({facts.partition for facts, _ in found if facts.partition})
        why = near_text(text, made, "made") if made else "what was made has none"
        raise UsageError(next(iter(problems), f'partition "{text}": {why}'))
    return meant


def _near_versions(connection: Snapshot, workspace: Workspace, run: str, dot: str) -> str:
    if dot and (made := made_by(connection, workspace.project, RunId(run))):
        steps = sorted({int(facts.version.rpartition(".")[2]) for facts, _ in made})
        return f"run {run} made versions in steps {steps[0]} to {steps[-1]}"
    rows = recent_runs(connection, workspace.project, before=NOW, limit=200)
    return near_text(run, [row.run for row in rows], "recent runs")


def near_text(text: str, known: Collection[str], what: str) -> str:
    """What may have been meant, or the first few of what there is."""
    if near := difflib.get_close_matches(text, known, n=3):
        return f"near: {', '.join(near)}"
    shown = ", ".join(list(known)[:5]) + (", …" if len(known) > 5 else "")  # noqa: PLR2004 - a few
    return f"{what}: {shown}" if known else f"{what}: nothing yet"


def _name(found: VersionFacts | Retraction) -> tuple[AssetId, PartitionKey, VersionId]:
    return found.asset, found.partition, found.version
