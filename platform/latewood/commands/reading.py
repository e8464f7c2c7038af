"""What an environment has at a position: definitions, heads, status and flags, read in one snapshot."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from latewood.commands.deploying import Foreseen, foresee
from latewood.commands.failures import failures
from latewood.commands.places import Seen, Watched, look_at, places_at, watched, with_places
from latewood.commands.workspace import Workspace
from latewood.decide.awaiting import awaiting
from latewood.decide.contents import NamedPaths, named_paths
from latewood.decide.deploy import Rename, current_names
from latewood.decide.reasons import Cause
from latewood.decide.select import select
from latewood.decide.selection import parse
from latewood.decide.staleness import Assessed, assess, waiting_for_absent
from latewood.decide.state import Heads, Pin, Retracted, State, with_carried
from latewood.engine.loading.loader import Loaded, project_root
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition, Catalog, Parameter, TaskDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.model.schemes import DynamicKeys, Scheme, dynamic_names, with_keys
from latewood.projections.carried import carried_over
from latewood.projections.catalog import defined, deployed
from latewood.projections.configurations import Configuration, configured_along
from latewood.projections.dynamic import dynamic_keys
from latewood.projections.environments import existing, in_force, line_of, pins_along
from latewood.projections.renames import renames
from latewood.projections.retractions import retractions
from latewood.projections.runs import running_partitions
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import NOW, heads, never_made, refusals
from latewood.projections.statistics import log_position
from latewood.projections.versions import contents_seen
from latewood_eventlog.records import Position

Flag = Literal["failed", "running", "waiting", "retracted", "absent"]
"""What may be true of an asset besides its status."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment: a position of the log, and the instant that things are judged at.

    Results grow old, and windows of time come into being, without an event. Without an instant it is that of the last
    event up to the position; of the present it is now.
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
    shown that were loaded and need not be deployed.
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
    foreseen: Foreseen | None = None

    def is_here(self, key: AssetKey) -> bool:
        """Whether the files that its parameters name can be looked at as they are."""
        return self.as_of >= NOW and self.locations[key] in self.here


Looked = Mapping[str, str | None]
"""Content hashes of files and folders by path; None where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A consistent reading of an environment: everything from one snapshot of the database.

    `awaiting` are assets that wait for values of parameters, `waiting` those that wait for an absent optional output.
    """

    view: View
    state: State
    assessed: dict[AssetKey, Assessed]
    failed: Mapping[tuple[AssetId, PartitionKey], Position]
    running: Mapping[tuple[AssetId, PartitionKey], Position]
    awaiting: Mapping[AssetKey, tuple[str, ...]]
    waiting: frozenset[AssetKey] = frozenset()

    def flags(self, key: AssetKey) -> tuple[Flag, ...]:
        """What is true of the asset besides its status."""
        id_ = self.view.ids[key]
        causes = {r.cause for rs in self.assessed[key].by_reasons for r in rs if r.subject == key}
        found: dict[Flag, bool] = {
            "failed": Cause.REFUSED in causes or any(asset == id_ for asset, _ in self.failed),
            "running": any(asset == id_ for asset, _ in self.running),
            "waiting": key in self.awaiting or key in self.waiting,
            "retracted": Cause.RETRACTED in causes,
            "absent": Cause.ABSENT in causes,
        }
        return tuple(flag for flag, is_so in found.items() if is_so)


def read(workspace: Workspace, as_of: AsOf = PRESENT, loaded: Loaded | None = None) -> Read:
    """View, state and assessment at a moment. Raises and costs what `reading` does."""
    with reading(workspace, as_of, loaded) as (_, found):
        return found


@contextmanager
def reading(
    workspace: Workspace, as_of: AsOf = PRESENT, loaded: Loaded | None = None
) -> Iterator[tuple[Snapshot, Read]]:
    """The same, with the snapshot that it is from, so that more can be asked of it. `loaded` as in `foreseen_view`.

    Files, and places where IO stores values, are looked at before the snapshot is taken, since that may take longer
    than a transaction may rest; if it shows that there are others by now, again.

    Raises UsageError for a position that is not in the log, for an environment that is not the project's, and for a
    file that cannot be read; DefinitionsInvalid as deploying does. Cost: O(assets + heads), and reading those files.
    """
    looked: Looked = {}
    seen: Seen = {}
    while True:
        with snapshot(workspace.log) as connection:
            with uncollected():
                view = (
                    read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
                    if loaded is None
                    else foreseen_view(connection, workspace, loaded)
                )
                named = named_paths(view.catalog)
                unseen = _here(view, named) - looked.keys()
                places = places_here(connection, workspace, view).unseen(seen)
                complete = not unseen and not places.versions
                found = _read(connection, workspace, view, named, looked, seen) if complete else None
            if found is not None:
                yield connection, found
                return
        looked = {**looked, **_look(workspace, view, unseen)}
        seen = {**seen, **look_at(places, view.root, loaded)}


def _read(
    connection: Snapshot, workspace: Workspace, view: View, named: NamedPaths, looked: Looked, seen: Seen
) -> Read:
    as_of = view.as_of
    state = state_at(connection, workspace, view, view.now, named, looked, seen)
    assessed = assess(view.catalog, state)
    project, environment = workspace.project, workspace.environment
    return Read(
        view=view,
        state=state,
        assessed=assessed,
        failed=failures(connection, workspace, view.catalog, state, assessed),
        running=running_partitions(connection, project, environment) if as_of >= NOW else {},
        awaiting=awaiting(view.catalog, {}),
        waiting=waiting_for_absent(view.catalog, assessed, state),
    )


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
        found = [event.recorded_at for event in workspace.log.read_positions([1])]
        begins = f"which begins at {found[0].astimezone(at.tzinfo).isoformat()}" if found else "which is empty"
        raise UsageError(f"{at.isoformat()} is before the log, {begins}; without --as-of things are shown as they are")
    return AsOf(position, min(at.astimezone(UTC), workspace.clock()))  # of what is to come nothing is known


def _instant(workspace: Workspace, as_of: AsOf) -> datetime:
    if as_of.instant is not None:
        return as_of.instant
    if as_of.position >= NOW:
        return workspace.clock()
    (event,) = workspace.log.read_positions([as_of.position])
    return event.occurred_at


def select_keys(found: Read, selection: str) -> tuple[AssetKey, ...]:
    """The assets a selection names, in topological order; `status:` knows the flags too."""
    catalog = found.view.catalog
    return select(
        parse(selection),
        catalog.graph,
        catalog.assets,
        lambda key: (found.assessed[key].status.value, *found.flags(key)),
    )


def known_key(view: View, text: str) -> AssetKey:
    """The key, if it is defined. Raises UsageError with near matches."""
    if text in view.catalog.assets:
        return AssetKey(text)
    renamed = current_names(view.renames)
    for rename in view.renames:
        if text in (rename.old, rename.new):
            here = next((key for key, id_ in view.ids.items() if id_ == rename.asset), None)
            now = f'it is called "{here}" here' if here else f'it was renamed to "{renamed[rename.asset]}"'
            raise UsageError(f'no asset "{text}": {now}')
    near = difflib.get_close_matches(text, view.catalog.assets, n=3)
    hint = f"; near: {', '.join(near)}" if near else "; `latewood assets` lists them"
    raise UsageError(f'no asset "{text}"{hint}')


def known_parameter(view: View, target: str) -> tuple[AssetKey, Parameter]:
    """The asset and the parameter that `ASSET.NAME` names. Raises UsageError with near matches."""
    owner, _, name = target.rpartition(".")
    key = known_key(view, owner)
    by_name = {parameter.name: parameter for parameter in view.catalog[key].task.parameters}
    if name not in by_name:
        near = difflib.get_close_matches(name, by_name, n=3)
        hint = f"near: {', '.join(near)}" if near else f"it has {', '.join(by_name) or 'none'}"
        raise UsageError(f'"{key}" has no parameter "{name}"; {hint}')
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
    foreseen = foresee(connection, workspace, loaded)
    return read_view(connection, workspace, as_of=PRESENT, loaded=loaded, ids=foreseen.ids, foreseen=foreseen)


def read_view(
    connection: Snapshot,
    workspace: Workspace,
    *,
    as_of: AsOf,
    loaded: Loaded | None,
    ids: Mapping[AssetKey, AssetId],
    foreseen: Foreseen | None = None,
) -> View:
    """The view through this connection. `loaded` is taken for its location, with these ids. Cost: O(assets)."""
    end, at = log_position(connection), as_of.position
    if at != NOW and not 0 < at <= end:
        found = f"expected 1 to {end:,}, where it ends" if end else "it is empty"
        raise UsageError(f"position {at:,} is not in the log: {found}; without --as-of things are shown as they are")
    deployments = deployed(connection, workspace.project, workspace.environment, at)
    if not deployments and foreseen is None:  # else that would begin it
        refuse_unknown(workspace.environment, [e.environment for e in existing(connection, workspace.project, at)])
    root, own = (project_root(Path.cwd()), None) if loaded is None else (loaded.root, loaded.location)
    assets: list[AssetDefinition] = []
    all_ids: dict[AssetKey, AssetId] = {}
    locations: dict[AssetKey, str] = {}
    for location in dict.fromkeys((*deployments, *filter(None, (own,)))):
        if loaded is not None and location == own:
            assets += loaded.assets
            all_ids |= ids
            locations |= dict.fromkeys((asset.key for asset in loaded.assets), location)
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
    if loaded is not None:  # what runs is what was loaded, whatever somebody has recorded since
        used |= {(loaded.location, n): (found.values, found.digest) for n, found in loaded.resources.items()}
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
        here=frozenset(filter(None, (own, *(name for name in deployments if lies_in(root, name))))),
        position=min(at, end),
        as_of=at,
        now=_instant(workspace, as_of),
        renames=renames(connection, workspace.project, at),
        foreseen=foreseen,
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
        raise UsageError(
            f'no environment "{environment}", only {", ".join(known)}; '
            f"`latewood materialize SELECTION -f FILE --env {environment}` begins it"
        )


def heads_read(connection: Snapshot, workspace: Workspace, assets: Sequence[AssetId], as_of: Position) -> Heads:
    """The environment's heads of these assets by partition, with those that were carried over to another one."""
    found = heads(connection, workspace.project, workspace.environment, assets, as_of)
    return with_carried(found, carried_over(connection, workspace.project, assets, as_of))


def state_at(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    now: datetime,
    named: NamedPaths,
    looked: Looked,
    seen: Seen,
) -> State:
    """Heads of all assets in the view, and what is known against them; nothing of reuse yet.

    `named` are the paths in parameters, `looked` is what lies behind those that are here, `seen` what lies at places.
    """
    project, ids = workspace.project, view.ids
    found = heads_read(connection, workspace, list(ids.values()), view.as_of)
    placed = (f for id_ in with_places(view.catalog, ids) for f in found[id_].values())
    checked = [ids[key] for key, asset in view.catalog.assets.items() if asset.checks]
    return State(
        environment=workspace.environment,
        position=view.position,
        now=now,
        ids=ids,
        heads=found,
        refusals=refusals(connection, project, checked, view.as_of),
        absent=never_made(connection, project, list(_perhaps_absent(view, found))),
        contents=_contents(connection, workspace, view, named, looked),
        retracted=Retracted.of(retractions(connection, project, view.as_of)),
        places=places_at(connection, workspace, placed, seen, view.as_of),
    )


def places_here(connection: Snapshot, workspace: Workspace, view: View) -> Watched:
    """The places of heads that can be looked at: of now, and of locations whose files are here."""
    here = {key: view.ids[key] for key, asset in view.catalog.assets.items() if asset.stored and view.is_here(key)}
    return watched(heads_read(connection, workspace, list(here.values()), view.as_of), here) if here else Watched()


def _perhaps_absent(view: View, found: Heads) -> Iterator[tuple[AssetId, PartitionKey, VersionId]]:
    """Optional outputs of which no head is of the version that another output's head is of."""
    for key, asset in view.catalog.assets.items():
        optional = any(output.optional for output in asset.task.outputs if output.asset == key)
        for other in asset.task.outputs if optional else ():
            for partition, head in found.get(view.ids[other.asset], {}).items() if other.asset in view.ids else ():
                own = found.get(view.ids[key], {}).get(partition)
                if own is None or own.version != head.version:
                    yield view.ids[key], head.partition, head.version


def lies_in(root: Path, location: str) -> bool:
    """Whether a location's code is in the project: the file, or the module, that it is called by."""
    module = location.replace(".", "/")
    return any((root / file).is_file() for file in (location, f"{module}.py", f"{module}/__init__.py"))


def look(workspace: Workspace, view: View, named: NamedPaths) -> Looked:
    """What lies behind those paths that are here. No transaction should be open meanwhile. Raises UsageError."""
    return _look(workspace, view, _here(view, named))


def _here(view: View, named: NamedPaths) -> set[str]:
    """The paths to look at: of now, and of locations whose files are here."""
    return {text for key, texts in named.items() if view.is_here(key) for text in texts}


def _look(workspace: Workspace, view: View, texts: Iterable[str]) -> Looked:
    looked: dict[str, str | None] = {}
    for text in texts:
        try:
            looked[text] = workspace.content_of(text, view.root)
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be read: {error.strerror}; a parameter names {text}") from error
    return looked


def _contents(
    connection: Snapshot, workspace: Workspace, view: View, named: NamedPaths, looked: Looked
) -> dict[AssetKey, Mapping[str, str]]:
    """Content hashes of the files and folders that Path parameters name, by asset and the path's text.

    Of the past, and where the location's files are elsewhere, they are those that a run last saw.
    """
    here = {text: content for text, content in looked.items() if content is not None}
    elsewhere: dict[str, set[str]] = {}
    for key, texts in named.items():
        if not view.is_here(key):
            elsewhere.setdefault(view.locations[key], set()).update(texts)
    seen = {
        location: contents_seen(connection, workspace.project, location, texts, view.as_of)
        for location, texts in elsewhere.items()
    }
    return {key: here if view.is_here(key) else seen[view.locations[key]] for key in named}
