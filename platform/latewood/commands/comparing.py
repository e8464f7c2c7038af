"""Versions of an asset side by side: with which parameters they were made, and how well they did."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from math import isnan
from typing import Any, Final

import msgspec

from latewood.commands.reading import heads_read
from latewood.commands.versions import Making, listed, makings
from latewood.commands.views import PRESENT, AsOf, View, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.canonical import are_equal
from latewood.decide.judge import retracted_computation
from latewood.decide.keys import parameters_of
from latewood.decide.state import Retracted, VersionFacts, counted_as
from latewood.decide.versions import expand
from latewood.engine.storage.store import ArtifactAddress
from latewood.engine.values.preview import Document, preview
from latewood.errors import StoreError, UsageError
from latewood.events import StepStarted
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, AssetVersion, PartitionKey, RunId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.places import is_placed
from latewood.projections.carried import carried_over
from latewood.projections.pages import history_of_run
from latewood.projections.retractions import retractions
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import history
from latewood_eventlog.records import Position

CONSIDERED: Final = 1_000
"""Of how many versions, the latest, a comparison chooses."""

_VALUE_BYTES_MAX: Final = 65_536  # of a value that is looked at for numbers

Parameters = Mapping[str, tuple[Any, ...]]
"""Values by `ASSET.NAME`; several where versions made with different ones were read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A version: the parameters in which it differs from others, its numbers, and whether it is head here.

    `retracted`: it is wrong, or equals what is; nothing uses it.
    """

    facts: VersionFacts
    head: bool
    retracted: bool
    parameters: Parameters
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Versions in the order asked for, out of `considered`, with the parameters and metrics that any of them has."""

    asset: AssetKey
    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    versions: tuple[Compared, ...]
    considered: int
    position: Position


def compare(
    workspace: Workspace,
    key: str,
    *,
    by: str = "",
    lowest: bool = False,
    partition: str = "",
    limit: int = 20,
    run: RunId | None = None,
    as_of: AsOf = PRESENT,
) -> Comparison:
    """The asset's versions at a moment, of all environments, by a metric: highest first, or lowest; else newest first.

    Of a `run` those that it made, or took in place of making them. Metrics are the numbers in a version's metadata and
    in its value, where that is a number or an object of some. Parameters are its own and those of all that it was made
    from. What has not that metric comes last.
    Cost: O(versions considered and all they were made from by parameters). Raises UsageError.
    """
    with snapshot(workspace.log) as connection:
        view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
        asset, end = known_key(view, key), view.as_of
        id_, definition = view.ids[asset], view.catalog[asset]
        chosen = _partitions(definition, partition, workspace) if partition else None
        carried = carried_over(connection, workspace.project, [id_], end)
        of = None if chosen is None else counted_as(chosen, carried)
        where: dict[str, Any] = {"before": end + 1, "limit": CONSIDERED, "partitions": of}
        made = (
            history(connection, workspace.project, id_, **where)
            if run is None
            else history_of_run(connection, workspace.project, id_, run, **where)
        )
        here = heads_read(connection, workspace, [id_], end)[id_]
        now = {here[slot].version for slot in (here if chosen is None else chosen) if slot in here}
        steps = makings(connection, workspace, [(id_, facts.version) for facts in made])
        retracted = Retracted.of(retractions(connection, workspace.project, end))
        behind = parameters_behind(connection, workspace, view, steps)
        parameters = {version: by_name for (_, version), by_name in behind.items()}
    metrics = {facts.version: _metrics(workspace, definition, facts, steps[id_, facts.version]) for facts in made}
    names = tuple(dict.fromkeys(name for by_name in metrics.values() for name in by_name))
    if by and by not in names:
        near = difflib.get_close_matches(by, names, n=3)
        hint = f"near: {', '.join(near)}" if near else f"there are {', '.join(names)}" if names else "they have none"
        raise UsageError(f'no version of "{asset}" has a metric "{by}"; {hint}')
    differing = _differing([parameters.get(facts.version, {}) for facts in made])

    def place(facts: VersionFacts) -> tuple[bool, float]:
        value = metrics[facts.version].get(by)
        if value is None or isnan(value):
            return True, 0.0
        return False, value if lowest else -value

    ordered = sorted(made, key=place) if by else made
    return Comparison(
        asset=asset,
        parameters=differing,
        metrics=names,
        versions=tuple(
            Compared(
                facts=facts,
                head=facts.version in now,
                retracted=_is_retracted(facts, definition, retracted),
                parameters={
                    name: values for name, values in parameters.get(facts.version, {}).items() if name in differing
                },
                metrics=metrics[facts.version],
            )
            for facts in ordered[:limit]
        ),
        considered=len(made),
        position=view.position,
    )


def _is_retracted(facts: VersionFacts, asset: AssetDefinition, retracted: Retracted) -> bool:
    content = retracted.content(facts.asset, facts.partition, facts.data_version, facts.artifact)
    return content is not None or retracted_computation(asset, facts.reuse_key, retracted) is not None


def differing_parameters(
    connection: Snapshot, workspace: Workspace, view: View, made: Mapping[AssetKey, VersionFacts]
) -> dict[str, Any]:
    """By `ASSET.NAME` the values with which a step's version, or what it was made from, was made other than now."""
    steps = makings(connection, workspace, [(facts.asset, facts.version) for facts in made.values()])
    behind = parameters_behind(connection, workspace, view, steps)
    now = {
        f"{key}.{name}": value
        for key, asset in view.catalog.assets.items()
        for name, value in parameters_of(asset.task, {}).items()
    }
    return {
        name: values[0]
        for by_name in behind.values()
        for name, values in by_name.items()
        if name in now and len(values) == 1 and not are_equal(values[0], now[name])
    }


def parameters_behind(
    connection: Snapshot, workspace: Workspace, view: View, steps: Mapping[AssetVersion, Making]
) -> dict[AssetVersion, Parameters]:
    """The parameters of these versions' steps and of all that they were made from, as far as it has any."""
    keys = {id_: key for key, id_ in view.ids.items()}
    followed = _with_parameters_above(view)
    all_steps: dict[AssetVersion, Making] = {}
    reads: dict[AssetVersion, list[AssetVersion]] = {}
    level = steps
    while level:
        all_steps |= level
        for named, making in level.items():
            inputs = () if making.started is None else making.started.inputs.values()
            read = [(i.asset, listed(workspace, i.versions)) for i in inputs if keys.get(i.asset) in followed]
            reads[named] = [(asset, version) for asset, versions in read for version in expand(versions)]
        level = makings(
            connection, workspace, dict.fromkeys(read for named in level for read in reads[named] if read not in reads)
        )
    found: dict[AssetVersion, dict[str, dict[str, Any]]] = {}
    for named in TopologicalSorter(reads).static_order():
        by_name: dict[str, dict[str, Any]] = {}
        for upstream in reads[named]:
            for name, values in found[upstream].items():
                by_name.setdefault(name, {}).update(values)
        if (started := all_steps[named].started) is not None:
            step = _step_name(view, keys.get(named[0]), started)
            for name, value in started.parameters.items():
                by_name.setdefault(f"{step}.{name}", {})[_json(value)] = value
        found[named] = by_name
    return {named: {name: tuple(values.values()) for name, values in found[named].items()} for named in steps}


def _step_name(view: View, key: AssetKey | None, started: StepStarted) -> str:
    """The first asset of the step: by it parameters are named, also those of a version that was taken from another."""
    defined = None if key is None else view.catalog.assets.get(key)
    return started.assets[0] if defined is None else defined.task.outputs[0].asset


def _with_parameters_above(view: View) -> frozenset[AssetKey]:
    """Assets that are made with parameters, or from such assets."""
    found = {key for key, asset in view.catalog.assets.items() if asset.task.parameters}
    return frozenset(found | view.catalog.graph.downstream_of(found))


def _differing(versions: Sequence[Parameters]) -> tuple[str, ...]:
    """The parameters that not all of the versions have with the same values, by name."""
    names = sorted({name for by_name in versions for name in by_name})
    return tuple(name for name in names if len({_json(by_name.get(name)) for by_name in versions}) > 1)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _partitions(asset: AssetDefinition, text: str, workspace: Workspace) -> Collection[PartitionKey]:
    if asset.partitions is None:
        raise UsageError(f'"{asset.key}" has no partitions; ask without --partition')
    return frozenset(keys_of(asset.partitions, parse_partitions(asset.partitions, text, workspace.clock())))


def _metrics(workspace: Workspace, asset: AssetDefinition, facts: VersionFacts, making: Making) -> dict[str, float]:
    """The numbers that are known of a version: in its metadata, then in its value."""
    made = making.output(asset.output)
    recorded = {} if made is None else made.metadata
    value = None if made is None else _value(workspace, facts, made.size)
    numbers = {**_numbers(value if isinstance(value, dict) else {"value": value}), **_numbers(recorded)}
    return {name: numbers[name] for name in (*_numbers(recorded), *numbers)}


def _value(workspace: Workspace, facts: VersionFacts, size: int) -> Any:
    """The value of a small document in the store; None of anything else, and of what was collected."""
    if size > _VALUE_BYTES_MAX or is_placed(facts.artifact):
        return None
    try:
        found = preview(workspace.store.open(ArtifactAddress(facts.artifact)), 0)
    except StoreError:
        return None
    return found.value if isinstance(found, Document) else None


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: v for name, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}
