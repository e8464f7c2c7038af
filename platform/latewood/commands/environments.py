"""Environments: branch, compare, promote, drop. Each is one event, however much it is about."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis, append_decided
from latewood.commands.views import PRESENT, AsOf, no_environment, read_view
from latewood.commands.workspace import Workspace, checked_name
from latewood.decide.canonical import are_equal
from latewood.decide.keys import configuration_digest
from latewood.decide.select import select
from latewood.decide.selection import parse
from latewood.decide.state import Pin
from latewood.engine.running.recorder import new_event
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import (
    EnvironmentCreated,
    EnvironmentDeployed,
    EnvironmentDropped,
    EnvironmentPromoted,
    Event,
    ParameterPinned,
    ParameterUnpinned,
    ResourceConfigured,
)
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.catalog import deployed, ever_deployed, locations_of
from latewood.projections.configurations import configured_along
from latewood.projections.environments import (
    Difference,
    Environment,
    Stretch,
    differences,
    existing,
    fork_of,
    in_force,
    line_of,
    pins_along,
)
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids, log_position
from latewood_eventlog.records import Appended, Batch, Position, StreamAppend

DEFAULT: Final = "prod"

_ASSETS_MAX: Final = 2_500  # ids in one event


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An asset that differs between two environments: in how many partitions, and whether the target has moved."""

    key: AssetKey
    partitions: int
    moved: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinned:
    """A parameter that the source pins, or pins no more: `pin`, and what the target says of it, if anything.

    `moved`: the target said that after the source branched, and the source never did.
    """

    key: AssetKey
    pin: Pin
    there: Pin | None
    moved: bool

    def told(self, environment: str) -> Event:
        """The event by which the environment has it so too."""
        asset, parameter = self.pin.asset, self.pin.parameter
        if self.pin.pinned:
            return ParameterPinned(environment=environment, asset=asset, parameter=parameter, value=self.pin.value)
        return ParameterUnpinned(environment=environment, asset=asset, parameter=parameter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """A resource as the target will have it: it had none (`is_new`), or one with other fields, which keep their values.

    Fields that both have are as the target says: what differs between environments differs on purpose.
    """

    location: str
    resource: str
    values: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    is_new: bool

    def told(self, environment: str) -> Event:
        """The event by which the environment has it so."""
        values, secrets = dict(self.values), {name: dict(found) for name, found in self.secrets.items()}
        return ResourceConfigured(
            environment=environment,
            location=self.location,
            resource=self.resource,
            digest=configuration_digest(self.resource, values, secrets),
            values=values,
            secrets=secrets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What promoting `source` into `target` means: heads by asset, and deployments by location as (target's, source's).

    `moved` are locations whose deployment in the target is one the source never had. `pins` are what the source pins
    or unpins otherwise than the target. `configurations` are what the code asks for and the target is to be told.
    """

    source: str
    target: str
    position: Position
    heads: tuple[Changed, ...]
    deployments: Mapping[str, tuple[str, str]]
    moved: tuple[str, ...] = ()
    pins: tuple[Repinned, ...] = ()
    configurations: tuple[Reconfigured, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to promote."""
        return not (self.heads or self.deployments or self.pins or self.configurations)

    @property
    def conflicts(self) -> bool:
        """Whether somebody moved in the target what would be promoted."""
        return bool(self.moved) or any(c.moved for c in self.heads) or any(p.moved for p in self.pins)


class PromotionRefused(Conflict):
    """The target moved meanwhile; `diff` says what."""

    def __init__(self, diff: Diff) -> None:
        lines = [
            f"  {c.key}: {c.moved:,} of {c.partitions:,} heads moved in {diff.target}"
            + (f", such as {c.example}" if c.example else "")
            for c in diff.heads
            if c.moved
        ]
        lines += [f"  {location}: another deployment in {diff.target}" for location in diff.moved]
        lines += [f"  {p.key}.{p.pin.parameter}: pinned otherwise in {diff.target}" for p in diff.pins if p.moved]
        super().__init__(
            f"{diff.target} has moved since {diff.source} branched from it; nothing was promoted:\n"
            + "\n".join(lines)
            + f"\nBranch again and materialize there, select less, or overwrite {diff.target} with --force."
        )
        self.diff = diff


def environments(workspace: Workspace) -> list[Environment]:
    """All environments of the project, by name."""
    with snapshot(workspace.log) as connection:
        return existing(connection, workspace.project, NOW)


def create(workspace: Workspace, name: str, *, base: str = DEFAULT) -> Environment:
    """A branch: it has the base's heads and deployments as they stand now; without a base it is empty.

    Cost: O(locations), nothing is copied.

    Raises UsageError when it exists, or cannot be called so, or the base does not exist.
    """
    checked_name("environment", name)
    version = workspace.log.version(workspace.project, f"environment/{name}")
    with snapshot(workspace.log) as connection:
        known = [entry.environment for entry in existing(connection, workspace.project, NOW)]
        if name in known:
            raise Conflict(f'environment "{name}" exists; `latewood env drop {name}` ends it')
        position = 0
        deployments: dict[str, str] = {}
        if base:
            _require(base, known)
            position = log_position(connection)
            deployments = deployed(connection, workspace.project, base, NOW)
        fact = EnvironmentCreated(environment=name, base=base, base_position=position, deployments=deployments)
    append_to_environment(workspace, name, [fact], ("created", version), version=version)
    return Environment(environment=name, base=base, base_position=position)


def drop(workspace: Workspace, name: str, *, force: bool = False) -> None:
    """The environment points to nothing any more; what was made in it can still be reused.

    Raises UsageError for one that does not exist and, unless forced, for one that commands work in.
    """
    refuse_worked_in(name, workspace.environment, force=force)
    version = workspace.log.version(workspace.project, f"environment/{name}")
    with snapshot(workspace.log) as connection:
        _require(name, [entry.environment for entry in existing(connection, workspace.project, NOW)])
    append_to_environment(
        workspace, name, [EnvironmentDropped(environment=name)], ("dropped", version), version=version
    )


def refuse_worked_in(name: str, environment: str, *, force: bool) -> None:
    """Raise UsageError unless forced, where this is what commands work in when none is named: everywhere, or here."""
    if name in (DEFAULT, environment) and not force:
        raise UsageError(
            f'environment "{name}" is the one that is worked in when none is named; '
            "its heads, pins and observations would be gone. With --force it is dropped all the same"
        )


def diff(workspace: Workspace, source: str, target: str, selection: str = "*", as_of: AsOf = PRESENT) -> Diff:
    """What promoting would change, or would have at a moment. Cost: O(source's own heads); then, O(their moves)."""
    with snapshot(workspace.log) as connection:
        return _diff(connection, workspace, source, target, selection, as_of)[0]


def promote(workspace: Workspace, source: str, target: str, selection: str = "*", *, force: bool = False) -> Diff:
    """Make the source's own heads, and deployments, those of the target; nothing is computed.

    One event, which is recorded only if nobody has moved what the decision read; else it is decided again.
    A deployment moves as a whole, with any selected asset of its location, and with it the configuration of resources
    that the target has none of.
    Raises PromotionRefused when the target moved in the meantime, unless forced; UsageError for unknown names, and
    where two locations of the target would define the same key.
    """
    for _ in range(ATTEMPTS):
        with snapshot(workspace.log) as connection:
            found, assets = _diff(connection, workspace, source, target, selection)
            _refuse_duplicates(connection, workspace.project, found)
        if found.conflicts and not force:
            raise PromotionRefused(found)
        facts: list[Event] = [
            EnvironmentDeployed(environment=target, location=location, deployment=new, previous=old)
            for location, (old, new) in sorted(found.deployments.items())
        ]
        facts += [reconfigured.told(target) for reconfigured in found.configurations]
        facts += [repinned.told(target) for repinned in found.pins]
        if found.heads:
            facts += [
                EnvironmentPromoted(environment=target, source=source, assets=tuple(part)) for part in _parts(assets)
            ]
        if not facts:
            return found
        try:
            name = ("promoted", source, found.position)
            basis = Basis(position=found.position, environments=(source, target), assets=frozenset(assets) or None)
            done = append_to_environment(workspace, target, facts, name, basis=basis)
        except OVERTAKEN:
            continue
        return replace(found, position=done.last)
    raise Conflict(f"{source} or {target} moved in each of {ATTEMPTS} attempts; nothing was promoted, try again")


def append_to_environment(
    workspace: Workspace,
    environment: str,
    facts: Sequence[Event],
    name: Sequence[object],
    *,
    version: int | None = None,
    basis: Basis | None = None,
    besides: Sequence[StreamAppend] = (),
) -> Appended:
    """Record facts about an environment: if its stream still has this version, or what they were decided on stands.

    Without a basis, and with what is appended `besides`.
    """
    project, stream, now = workspace.project, f"environment/{environment}", workspace.clock()
    events = tuple(
        new_event(fact, project=project, stream=stream, name=(*name, i), at=now, actor=workspace.actor)
        for i, fact in enumerate(facts)
    )
    append = StreamAppend(project=project, stream=stream, events=events, expected=version)
    if basis is not None:
        return append_decided(workspace, append, basis)
    return workspace.log.append(Batch(appends=(append, *besides)))


def _diff(
    connection: Snapshot, workspace: Workspace, source: str, target: str, selection: str, as_of: AsOf = PRESENT
) -> tuple[Diff, Sequence[AssetId]]:
    """The difference, and the selected assets; none = all."""
    project, at, is_now = workspace.project, as_of.position, as_of == PRESENT
    known = [entry.environment for entry in existing(connection, project, at)]
    _require(source, known)
    _require(target, known)
    if source == target:
        raise UsageError(f'expected two environments, found "{source}" twice')
    here = deployed(connection, project, source, at)
    there = deployed(connection, project, target, at)
    line, other = (line_of(connection, project, environment, at) for environment in (source, target))
    by_asset = differences(connection, project, line=line, target=other, is_now=is_now)
    view, names = None, dict[AssetId, AssetKey]()
    if selection != "*" or not is_now:
        with uncollected():
            view = read_view(connection, replace(workspace, environment=source), as_of=as_of, loaded=None, ids={})
        names = {id_: key for key, id_ in view.ids.items()}
    pins = _repinned(connection, project, line, other, names, at)
    assets: Sequence[AssetId] = ()
    if selection != "*" and view is not None:
        if selection in known and selection not in view.catalog.assets:
            raise NotFound(
                "asset", f'no asset "{selection}"; the environment of that name is said by `--to {selection}`'
            )
        keys = select(parse(selection), view.catalog.graph, view.catalog.assets)
        assets = [view.ids[key] for key in keys]
        if not assets:
            raise UsageError(f'"{selection}" selects nothing in {source}')
        by_asset = {asset: found for asset, found in by_asset.items() if asset in set(assets)}
        steps = {view.ids.get(view.catalog[key].task.outputs[0].asset) for key in keys}
        pins = [repinned for repinned in pins if repinned.pin.asset in steps]
        of_them = {view.locations[key] for key in keys}
        here = {location: name for location, name in here.items() if location in of_them}
    deployments = {loc: (there.get(loc, ""), name) for loc, name in here.items() if there.get(loc, "") != name}
    old = {location: name for location, (name, _) in deployments.items() if name}
    moved = old.keys() - ever_deployed(connection, project, source, old, at) if old else old.keys()
    found = Diff(
        source=source,
        target=target,
        position=log_position(connection) if is_now else at,
        heads=_changed(connection, project, by_asset, names, at),
        deployments=deployments,
        moved=tuple(sorted(moved)),
        pins=tuple(pins),
        configurations=tuple(_reconfigured(connection, project, line, other, here)),
    )
    return found, assets


def _refuse_duplicates(connection: Snapshot, project: str, found: Diff) -> None:
    """Where a key moved between locations, one of them alone would bring it twice or leave it there twice."""
    if not found.deployments:
        return
    new = {location: name for location, (_, name) in found.deployments.items()}
    defining = locations_of(connection, project, {**deployed(connection, project, found.target, NOW), **new})
    twice = {
        k: locations for k, locations in defining.items() if len(locations) > 1 and not new.keys().isdisjoint(locations)
    }
    if twice:
        lines = [f"  {key}: {' and '.join(locations)}" for key, locations in sorted(twice.items())]
        raise UsageError(
            f"{found.target} would have assets that two locations define; nothing was promoted:\n"
            + "\n".join(lines)
            + "\nSelect assets of both, or deploy the one that no longer defines them."
        )


def _repinned(
    connection: Snapshot,
    project: str,
    line: Sequence[Stretch],
    target: Sequence[Stretch],
    names: Mapping[AssetId, AssetKey],
    as_of: Position,
) -> list[Repinned]:
    """What the source has said of parameters itself, where the target has it otherwise."""
    said = pins_along(connection, project, line)
    own = in_force(pins_along(connection, project, line[:1]))
    theirs = in_force(pins_along(connection, project, target))
    fork = fork_of(line, target[0].environment)
    keys = _named(connection, project, {asset for asset, _ in own}, names, as_of)
    found = []
    for (asset, name), pin in sorted(own.items(), key=lambda item: (keys[item[0][0]], item[0][1])):
        there = theirs.get((asset, name))
        had = (False, None) if there is None else (there.pinned, there.value)
        if are_equal((pin.pinned, pin.value), had):
            continue
        known = {_written(p) for p in said if (p.asset, p.parameter) == (asset, name)}
        moved = there is not None and there.position > fork and _written(there) not in known
        found.append(Repinned(key=keys[asset], pin=pin, there=there, moved=moved))
    return found


def _reconfigured(
    connection: Snapshot, project: str, line: Sequence[Stretch], target: Sequence[Stretch], locations: Container[str]
) -> Iterator[Reconfigured]:
    """What the source's code asks for and the target has not, or with other fields, so that what is promoted is fresh.

    Which secrets there may be is not recorded: the target keeps its own, and is told those that the source has.
    """
    theirs = configured_along(connection, project, target)
    for (location, resource), found in sorted(configured_along(connection, project, line).items()):
        had = theirs.get((location, resource))
        if location not in locations or (had is not None and had.values.keys() == found.values.keys()):
            continue
        values = found.values if had is None else {n: had.values.get(n, value) for n, value in found.values.items()}
        secrets = found.secrets if had is None else {**found.secrets, **had.secrets}
        yield Reconfigured(
            location=location,
            resource=resource,
            values=values,
            secrets={name: reference for name, reference in secrets.items() if name not in values},
            is_new=had is None,
        )


def _written(pin: Pin) -> tuple[bool, bytes]:
    return pin.pinned, msgspec.json.encode(pin.value, order="deterministic")


def _changed(
    connection: Snapshot,
    project: str,
    by_asset: Mapping[AssetId, Difference],
    names: Mapping[AssetId, AssetKey],
    as_of: Position,
) -> tuple[Changed, ...]:
    keys = _named(connection, project, by_asset, names, as_of)
    changed = [
        Changed(key=keys[asset], partitions=found.partitions, moved=found.moved, example=found.first or "")
        for asset, found in by_asset.items()
    ]
    return tuple(sorted(changed, key=lambda c: c.key))


def _named(
    connection: Snapshot,
    project: str,
    assets: Collection[AssetId],
    names: Mapping[AssetId, AssetKey],
    as_of: Position,
) -> Mapping[str, AssetKey]:
    """The keys of these assets, by the names that are given; of others as they were last called."""
    found: dict[str, AssetKey] = {asset: names[asset] for asset in assets if asset in names}
    others = [asset for asset in assets if asset not in names]
    return found | keys_of_ids(connection, project, others, as_of) if others else found


def _parts(assets: Sequence[AssetId]) -> list[Sequence[AssetId]]:
    return [assets[start : start + _ASSETS_MAX] for start in range(0, len(assets), _ASSETS_MAX)] or [()]


def _require(name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise no_environment(name, known)
