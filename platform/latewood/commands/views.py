"""What an environment has defined at a position: its definitions as they are used there."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.commands.workspace import Workspace
from latewood.decide.deploy import Rename, current_names
from latewood.decide.state import Pin
from latewood.engine.loading.importing import files_of, project_root
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.location_settings import entries
from latewood.errors import NotFound, UsageError
from latewood.model.definitions import AssetDefinition, Catalog, Parameter, TaskDefinition
from latewood.model.keys import AssetId, AssetKey
from latewood.model.schemes import DynamicKeys, Scheme, dynamic_names, with_keys
from latewood.projections.catalog import defined, deployed
from latewood.projections.configurations import Configuration, configured_along
from latewood.projections.dynamic import dynamic_keys
from latewood.projections.environments import existing, has_been, in_force, line_of, pins_along
from latewood.projections.renames import renames
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import NOW
from latewood.projections.statistics import log_position
from latewood_eventlog.records import Position

if TYPE_CHECKING:
    from latewood.commands.deploying import Foreseen


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment: a position of the log, and the instant that things are judged at.

    Results grow old, and windows of time come into being, without an event. Without an instant it is that of the
    project's last event up to the position; of the present it is now.
    """

    position: Position = NOW
    instant: datetime | None = None


PRESENT: Final = AsOf()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The assets of an environment at a position: definitions, ids, and which location they belong to.

    Dynamic partitions have the keys there were. `now` is the instant that things are judged at.

    `pins` are the latest of each parameter, by asset; what is pinned is fixed in the definitions already.
    `configurations` are of resources, by location and name; their values are in the definitions, too.
    `root` is the project that relative paths in parameters start from, `here` those locations whose code lies in it.
    `renames` are all of the project's, oldest first. `foreseen` is what deploying would come to, where definitions are
    shown that were loaded and need not be deployed; `besides` the same of other locations that were.
    """

    catalog: Catalog
    ids: Mapping[AssetKey, AssetId]
    locations: Mapping[AssetKey, str]
    deployments: Mapping[str, str]
    pins: Mapping[AssetKey, Mapping[str, Pin]]
    configurations: Mapping[tuple[str, str], Configuration]
    root: Path
    here: frozenset[str]
    position: Position
    as_of: Position
    now: datetime
    renames: Sequence[Rename] = ()
    foreseen: "Foreseen | None" = None
    bases: frozenset[str] = frozenset()
    besides: "Sequence[Foreseen]" = ()

    @property
    def all_foreseen(self) -> "Sequence[Foreseen]":
        """What deploying comes to, in the order of what was loaded."""
        return () if self.foreseen is None else (self.foreseen, *self.besides)

    def is_here(self, key: AssetKey) -> bool:
        """Whether the files that its parameters name can be looked at as they are."""
        return self.as_of >= NOW and self.locations[key] in self.here


def moment_meant(workspace: Workspace, at: Position | datetime | None) -> AsOf:
    """The position, or the time with that of the last event recorded at or before it; the present without either.

    Raises UsageError for a time before the log begins.
    """
    if at is None:
        return PRESENT
    if isinstance(at, int):
        return AsOf(at)
    position = workspace.log.position_at(at)
    if not position:
        found = [event.recorded_at for event in workspace.log.read_all(limit=1)]
        begins = f"which begins at {found[0].astimezone(at.tzinfo).isoformat()}" if found else "which is empty"
        raise UsageError(f"{at.isoformat()} is before the log, {begins}; without --as-of things are shown as they are")
    return AsOf(position, min(at.astimezone(UTC), workspace.clock()))  # of what is to come nothing is known


def instant_of(workspace: Workspace, as_of: AsOf) -> datetime:
    """When it is that things are judged at."""
    if as_of.instant is not None:
        return as_of.instant
    if as_of.position >= NOW:
        return workspace.clock()
    last = workspace.log.last_event(workspace.project, upto=as_of.position)
    return workspace.clock() if last is None else last.occurred_at


def known_key(view: View, text: str) -> AssetKey:
    """The key, if it is defined. Raises UsageError with near matches."""
    if text in view.catalog.assets:
        return AssetKey(text)
    renamed = current_names(view.renames)
    for rename in view.renames:
        if text in (rename.old, rename.new):
            here = next((key for key, id_ in view.ids.items() if id_ == rename.asset), None)
            now = f'it is called "{here}" here' if here else f'it was renamed to "{renamed[rename.asset]}"'
            raise NotFound("asset", f'no asset "{text}": {now}')
    near = difflib.get_close_matches(text, view.catalog.assets, n=3)
    hint = f"; near: {', '.join(near)}" if near else "; `latewood assets` lists them"
    raise NotFound("asset", f'no asset "{text}"{hint}')


def parameter_meant(view: View, target: str) -> tuple[AssetKey, str]:
    """The asset, and the name, of `ASSET.NAME`. Raises UsageError."""
    owner, dot, name = target.rpartition(".")
    if not dot:
        raise UsageError(f'"{target}": expected ASSET.NAME')
    return known_key(view, owner), name


def known_parameter(view: View, target: str) -> tuple[AssetKey, Parameter]:
    """The asset and the parameter that `ASSET.NAME` names. Raises UsageError with near matches."""
    key, name = parameter_meant(view, target)
    by_name = {parameter.name: parameter for parameter in view.catalog[key].task.parameters}
    if name not in by_name:
        near = difflib.get_close_matches(name, by_name, n=3)
        hint = f"near: {', '.join(near)}" if near else f"it has {', '.join(by_name) or 'none'}"
        raise NotFound("parameter", f'"{key}" has no parameter "{name}"; {hint}')
    return key, by_name[name]


def view_of(
    workspace: Workspace,
    *,
    as_of: AsOf = PRESENT,
    loaded: Loaded | None = None,
    ids: Mapping[AssetKey, AssetId] | None = None,
) -> View:
    """What the environment's deployments define. `loaded` stands for its own location, so as not to decode it.

    Raises UsageError as `read` does.
    """
    with uncollected(), snapshot(workspace.log) as connection:
        return read_view(connection, workspace, as_of=as_of, loaded=loaded, ids=ids or {})


def foreseen_view(connection: Snapshot, workspace: Workspace, loaded: Loaded) -> View:
    """The view as it would be were the loaded location deployed; nothing is recorded.

    Raises DefinitionsInvalid for keys that another location of the environment defines. Cost: O(assets).
    """
    from latewood.commands.deploying import each_besides_others, foresee  # noqa: PLC0415 - costs time, and few commands need it

    foreseen = {each.location: foresee(connection, workspace, each) for each in each_besides_others(loaded.together)}
    ids = foreseen[loaded.location].ids
    return read_view(connection, workspace, as_of=PRESENT, loaded=loaded, ids=ids, foreseen=foreseen)


def read_view(
    connection: Snapshot,
    workspace: Workspace,
    *,
    as_of: AsOf,
    loaded: Loaded | None,
    ids: Mapping[AssetKey, AssetId],
    foreseen: "Mapping[str, Foreseen] | None" = None,
    pinned: Mapping[str, str] | None = None,
) -> View:
    """The view through this connection. `loaded` is taken for its location, with these ids. Cost: O(assets).

    What is besides it is taken for its own, as is `foreseen` by location. With `pinned` it is of these deployments by
    location, whatever the environment had at the time.
    """
    end, at = log_position(connection), as_of.position
    if at != NOW and not 0 <= at <= end:
        found = f"expected 0 to {end:,}, where it ends" if end else "it is empty"
        raise UsageError(f"position {at:,} is not in the log: {found}; without --as-of things are shown as they are")
    deployments = pinned or deployed(connection, workspace.project, workspace.environment, at)
    if not deployments and not foreseen:  # else that would begin it
        refuse_unknown(workspace.environment, [e.environment for e in existing(connection, workspace.project, at)])
    foreseen = foreseen or {}
    root = project_root(Path.cwd()) if loaded is None else loaded.root
    own = {} if loaded is None else {each.location: each for each in loaded.together}
    assets: list[AssetDefinition] = []
    all_ids: dict[AssetKey, AssetId] = {}
    locations: dict[AssetKey, str] = {}
    former = frozenset[str]().union(*(each.settings.former for each in own.values()))
    for location in dict.fromkeys((*deployments, *own)):
        if location in former - own.keys():
            continue
        if location in own:
            assets += own[location].assets
            all_ids |= foreseen[location].ids if location in foreseen else ids
            locations |= dict.fromkeys((asset.key for asset in own[location].assets), location)
            continue
        for entry in defined(connection, workspace.project, location, deployments[location]):
            assets.append(entry.definition)
            all_ids[entry.definition.key] = entry.asset
            locations[entry.definition.key] = location
    names = {name for asset in assets for name in dynamic_names(asset.partitions)}
    if names:
        assets = list(_with_keys(assets, dynamic_keys(connection, workspace.project, at, names)))
    line = line_of(connection, workspace.project, workspace.environment, at)
    said = in_force(pins_along(connection, workspace.project, line))
    configurations = configured_along(connection, workspace.project, line)
    used = {slot: (found.values, found.digest) for slot, found in configurations.items()}
    for each in own.values():  # what runs is what was loaded, whatever somebody has recorded since
        used |= {(each.location, n): (found.values, found.digest) for n, found in each.configurations.items()}
    pins = _by_asset(assets, all_ids, said.values())
    return View(
        catalog=Catalog.of(
            _with_resources(_with_pins(asset, pins.get(asset.key, {})), locations[asset.key], used) for asset in assets
        ),
        ids=all_ids,
        pins=pins,
        configurations=configurations,
        locations=locations,
        deployments=deployments,
        root=root,
        here=frozenset((*own, *lying_in(root, deployments))),
        position=min(at, end),
        as_of=at,
        now=instant_of(workspace, as_of),
        renames=renames(connection, workspace.project, at),
        foreseen=None if loaded is None else foreseen.get(loaded.location),
        besides=[found for location, found in foreseen.items() if loaded is None or location != loaded.location],
        bases=frozenset(stretch.environment for stretch in line[1:]),
    )


def _with_keys(assets: Iterable[AssetDefinition], dynamic: Mapping[str, DynamicKeys]) -> Iterator[AssetDefinition]:
    """The definitions with the keys of dynamic partitions; equal schemes are one object, so that comparing is quick."""
    known: dict[Scheme | None, Scheme | None] = {}
    for asset in assets:
        if dynamic_names(asset.partitions):
            if asset.partitions not in known:
                known[asset.partitions] = with_keys(asset.partitions, dynamic)
            yield msgspec.structs.replace(asset, partitions=known[asset.partitions])
        else:
            yield asset


def _by_asset(
    assets: Iterable[AssetDefinition], ids: Mapping[AssetKey, AssetId], pins: Iterable[Pin]
) -> dict[AssetKey, dict[str, Pin]]:
    """The pins by each asset that the parameter's step makes."""
    by_step: dict[AssetId, dict[str, Pin]] = {}
    for pin in pins:
        by_step.setdefault(pin.asset, {})[pin.parameter] = pin
    if not by_step:
        return {}
    steps = {asset.key: ids.get(asset.task.outputs[0].asset) for asset in assets}
    return {key: by_step[step] for key, step in steps.items() if step in by_step}


def _with_pins(asset: AssetDefinition, pins: Mapping[str, Pin]) -> AssetDefinition:
    """The definition with the pinned values fixed, of those parameters that it has."""
    names = [parameter.name for parameter in asset.task.parameters if parameter.name in pins]
    values = {name: pins[name].value for name in names if pins[name].pinned}
    if not values:
        return asset
    task = msgspec.structs.replace(asset.task, fixed={**asset.task.fixed, **values})
    return msgspec.structs.replace(asset, task=task)


_Used = Mapping[tuple[str, str], tuple[Mapping[str, Any], str]]
"""Values and digest of each configuration, by location and resource."""


def _with_resources(asset: AssetDefinition, location: str, used: _Used) -> AssetDefinition:
    """The definition with what the resources are configured to that its task and its checks ask for."""
    if not asset.task.uses and not any(check.task.uses for check in asset.checks):
        return asset

    def configured(task: TaskDefinition) -> TaskDefinition:
        uses = []
        for use in task.uses:
            home = location if task.shared is None else task.shared.location
            values, digest = used.get((home, use.resource), (None, ""))
            uses.append(msgspec.structs.replace(use, values=values, digest=digest))
        return msgspec.structs.replace(task, uses=tuple(uses))

    checks = tuple(msgspec.structs.replace(check, task=configured(check.task)) for check in asset.checks)
    return msgspec.structs.replace(asset, task=configured(asset.task), checks=checks)


def refuse_unknown(environment: str, known: list[str]) -> None:
    """Raise UsageError for an environment that is not known; in a project without any, each may become the first."""
    if known and environment not in known:
        raise NotFound(
            "environment",
            f'no environment "{environment}", only {", ".join(known)}; '
            f"`latewood materialize SELECTION -f FILE --env {environment}` begins it",
        )


def refuse_never(workspace: Workspace, environment: str) -> None:
    """Raise NotFound for an environment that never was. What was done in one that was dropped can be asked for."""
    with snapshot(workspace.log) as connection:
        if not has_been(connection, workspace.project, environment):
            known = [e.environment for e in existing(connection, workspace.project, NOW)]
            if known:  # else each may become the first
                raise no_environment(environment, known)


def no_environment(name: str, known: Sequence[str]) -> NotFound:
    """That there is none of that name, with those that come near."""
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"near: {', '.join(near)}" if near else f"there is {', '.join(known) or 'none yet'}"
    return NotFound("environment", f'no environment "{name}"; {hint}')


def lying_in(root: Path, locations: Iterable[str]) -> list[str]:
    """Those whose code is in the project: the file or module that each is, by the project's file or its name."""
    known = entries(root)
    return [name for name in locations if any((root / file).is_file() for file in files_of(known.get(name, name)))]


def look_text(key: str) -> str:
    """How an external asset is observed."""
    return f"`latewood observe {key}` or `latewood report {key}`"


def option_of(location: str) -> str:
    """How a command names it."""
    if location in entries(project_root(Path.cwd())):
        return f"--location {location}"
    return f"-f {location}" if location.endswith(".py") else f"-m {location}"
