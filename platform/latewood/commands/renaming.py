"""Renaming an asset: its history, versions and heads go on under another name."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from latewood.commands.deployed_code import created_as
from latewood.commands.deploying import CORRECTIONS, Deployed
from latewood.commands.holding import ATTEMPTS
from latewood.commands.retracting import append_corrections, near_text
from latewood.commands.workspace import Workspace
from latewood.decide.deploy import current_names
from latewood.decide.syntax import body_digest
from latewood.engine.loading.loaded import Loaded
from latewood.engine.storage.archives import files_of, find_archive
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import DefinitionError, LatewoodError, UsageError
from latewood.events import AssetRenamed
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, asset_key
from latewood.projections.catalog import defined, deployed
from latewood.projections.environments import existing
from latewood.projections.renames import has_versions, names_defined, renames
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood_eventlog.errors import WrongExpectedVersion
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """What was renamed, at `position` (None = it was called so before).

    `behind` are the environments whose deployed code does not define the new name yet: they show the old one.
    `places` are those, as templates, that have the asset's name in them: what was stored stays under the old one.
    """

    asset: AssetId
    old: AssetKey
    new: AssetKey
    position: Position | None
    behind: tuple[str, ...]
    places: tuple[str, ...] = ()


def rename(workspace: Workspace, old: str, new: str) -> Renamed:
    """The asset's name is `new` from here on. An environment shows it once code that defines it is deployed there.

    Raises UsageError, naming near matches, for an unknown `old`, and for a `new` that another asset has or had.
    """
    key = _key(new)
    for _ in range(ATTEMPTS):
        stream = workspace.log.version(workspace.project, CORRECTIONS)
        with snapshot(workspace.log) as connection:
            asset, was = _meant(connection, workspace, AssetKey(old), key)
            there = _definitions(connection, workspace, asset)
        behind = tuple(environment for environment, found in there.items() if any(d.key != key for d in found))
        places = tuple(sorted({place for found in there.values() for d in found if (place := _named_place(d))}))
        if was == key:
            return Renamed(asset=asset, old=AssetKey(old), new=key, position=None, behind=behind, places=places)
        try:
            position = append_corrections(workspace, [AssetRenamed(asset=asset, old=was, new=key)], stream)
        except WrongExpectedVersion:
            continue
        return Renamed(asset=asset, old=was, new=key, position=position, behind=behind, places=places)
    raise UsageError(f"others corrected something in each of {ATTEMPTS} attempts; nothing was recorded, try again")


def likely_renames(workspace: Workspace, loaded: Loaded, deployed: Deployed) -> list[tuple[AssetKey, AssetKey]]:
    """Which assets that were dropped are made by just what some new one is made by, pairwise and beyond doubt.

    Nothing is said of what lies in a source that is not there any more. Cost: reading what was deployed before, and
    only where something was dropped and something is new.
    """
    if not (deployed.dropped and deployed.added):
        return []
    try:
        sources = files_of(_archive(workspace, deployed.before), name=deployed.before)
    except LatewoodError:  # a hint is not worth a failure
        return []
    with snapshot(workspace.log) as connection:
        had = defined(connection, workspace.project, loaded.location, deployed.before)
    old = _by_likeness((entry.definition for entry in had), deployed.dropped, sources)
    new = _by_likeness(loaded.assets, deployed.added, loaded.sources)
    pairs = [(old[found], new[found]) for found in old if found in new]
    return [(was[0], now[0]) for was, now in pairs if len(was) == len(now) == 1]


def _archive(workspace: Workspace, deployment: str) -> bytes:
    created = created_as(workspace, deployment)
    address = ArtifactAddress(created.archive) if created.archive else find_archive(workspace.store, created.source)
    if address is None:
        raise UsageError(f"the source of {created.location} is not in the artifact store any more")
    return workspace.store.read(address)


def _by_likeness(
    assets: Iterable[AssetDefinition], chosen: Collection[AssetKey], sources: Mapping[str, bytes]
) -> dict[tuple[str, str], list[AssetKey]]:
    """Of the chosen assets those of each function's parameters and body, and output."""
    found: dict[tuple[str, str], list[AssetKey]] = {}
    for asset in assets:
        code = asset.task.code
        if asset.key not in chosen or code.file not in sources:
            continue
        with suppress(SyntaxError, UnicodeDecodeError):
            if digest := body_digest(sources[code.file].decode(), code.qualname):
                # Of a command the body is empty: what it starts stands beside it.
                digest += "".join(part.digest for part in code.parts if part.name.endswith("[command]"))
                found.setdefault((digest, asset.output), []).append(asset.key)
    return found


def _key(text: str) -> AssetKey:
    try:
        return asset_key(text)
    except DefinitionError as error:
        raise UsageError(str(error)) from None


def _meant(connection: Snapshot, workspace: Workspace, old: AssetKey, new: AssetKey) -> tuple[AssetId, AssetKey]:
    """The asset called `old` and its present name, which is `new` if just this rename was recorded before."""
    if old == new:
        raise UsageError(f'expected two names, found "{old}" twice')
    past = renames(connection, workspace.project, NOW)
    now = current_names(past)
    # A renamed asset is known by its present name alone, whatever the code that was deployed last calls it.
    named = {key: id_ for key, id_ in names_defined(connection, workspace.project) if id_ not in now}
    named |= {key: id_ for id_, key in now.items()}
    former = {key: rename.asset for rename in past for key in (rename.old, rename.new)}
    asset = named.get(old)
    if asset is None:
        if old in former and now[former[old]] == new:
            return former[old], new
        if old in former:
            raise UsageError(f'no asset "{old}": it was renamed to "{now[former[old]]}"')
        raise UsageError(f'no asset "{old}"; {near_text(old, sorted(named), "assets")}')
    other = named.get(new, former.get(new, asset))
    if other != asset:
        if new not in named:
            raise UsageError(f'"{new}" was the name of "{now[other]}": its history would be taken for that of "{old}"')
        if has_versions(connection, workspace.project, other):
            raise UsageError(f'"{new}" is another asset, with versions of its own; choose a name that is free')
    return asset, old


def _definitions(connection: Snapshot, workspace: Workspace, asset: AssetId) -> dict[str, list[AssetDefinition]]:
    """How each environment that has the asset defines it, whatever it calls it."""
    found: dict[str, list[AssetDefinition]] = {}
    for environment in existing(connection, workspace.project, NOW):
        locations = deployed(connection, workspace.project, environment.environment, NOW)
        entries = (e for loc, name in locations.items() for e in defined(connection, workspace.project, loc, name))
        if there := [entry.definition for entry in entries if entry.asset == asset]:
            found[environment.environment] = there
    return found


def _named_place(definition: AssetDefinition) -> str:
    stored = definition.stored
    return stored.place if stored is not None and "{asset}" in stored.place else ""
