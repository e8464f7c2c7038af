"""Tasks of other locations: finding in the log what a reference means, and making ready what runs it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from latewood.commands.deployed_code import (
    CodeGone,
    DeployedCode,
    created_as,
    deployed_code,
    interpreter_of,
    recorded,
    require_code,
    secret_variables,
)
from latewood.commands.views import View, lying_in, option_of
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Plan
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.location_settings import LocationSettings, values_of
from latewood.engine.loading.shared import Shared, stand_in
from latewood.engine.running.worker_protocol import Open
from latewood.engine.running.workers import Crew, Workers
from latewood.engine.storage.archives import unpacked
from latewood.engine.storage.caches import caches_in_use
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import DefinitionError, UsageError
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, SharedFrom
from latewood.model.keys import AssetKey
from latewood.model.schemes import DynamicKeys, dimensions_of, with_keys
from latewood.projections.catalog import defined, deployed
from latewood.projections.configurations import configured_along
from latewood.projections.environments import line_of
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.tasks import (
    Offered,
    Offering,
    Received,
    deployments_named,
    received_tasks,
    task_versions,
    tasks_of,
)
from latewood.sharing import Reference, Resolve

_SHOWN_MAX: Final = 10
"""Versions that are listed where another one was asked for."""


class Coming(NamedTuple):
    """A task of a location that is about to be deployed, and the resources that are configured with it then."""

    offered: Offered
    configured: frozenset[str]


def resolver(
    workspace: Workspace, location: str, ahead: Callable[[Reference], Coming | None] = lambda _: None
) -> Resolve:
    """Finds the tasks that this location refers to, as they are deployed in the environment now, or as versions say.

    Those of this project that are `ahead` are not looked up in the log: they are what will be deployed first.
    It raises DefinitionError for what cannot be used, saying what can: no such task or version, another project's
    without its grant, code or lock file that are gone, a resource that is not configured. What was granted when the
    location was deployed stays what it was, so that the rest can be deployed: its steps are refused if they are to run.
    """

    def resolve(reference: Reference) -> Callable[..., Any]:
        if reference.location == location and reference.project in ("", workspace.project):
            raise DefinitionError(f"{reference}: a task of this very location; use it as it is")
        ours = reference.project in ("", workspace.project)
        coming = ahead(reference) if ours else None
        with snapshot(workspace.log) as connection:
            if coming is not None:
                offered, archive, lock = coming.offered, "", ""
                _refuse_unconfigured(connection, workspace, reference, offered, coming.configured)
            elif ours:
                offered = offered_task(connection, workspace, reference)
                _refuse_unconfigured(connection, workspace, reference, offered)
                created = created_as(workspace, offered.deployment)
                archive, lock = created.archive, created.lock
            else:
                try:
                    found = _received(connection, workspace, reference)
                except DefinitionError:
                    kept = _kept(connection, workspace, location, reference)
                    if kept is None:
                        raise
                    return stand_in(kept)
                offered, archive, lock = found.offered, found.archive, found.lock
        for what, address in (("source", archive), ("lock file", lock)):
            if address and not workspace.store.exists(ArtifactAddress(address)):
                raise DefinitionError(
                    f"{reference}: the {what} of {reference.location} as deployed in {offered.deployment} is not in "
                    "the artifact store any more; deploy that location again, or name another version"
                )
        project = "" if reference.project == workspace.project else reference.project
        source = SharedFrom(
            location=reference.location,
            name=reference.name,
            deployment=offered.deployment,
            project=project,
            version=reference.version,
        )
        return stand_in(Shared(bare=offered.task, source=source))

    return resolve


def _kept(connection: Snapshot, workspace: Workspace, location: str, reference: Reference) -> Shared | None:
    """What the location has the reference for as it is deployed in the environment now."""
    name = deployed(connection, workspace.project, workspace.environment, NOW).get(location)
    if name is None:
        return None
    assets = [entry.definition for entry in defined(connection, workspace.project, location, name)]
    found = recorded_tasks(connection, workspace, assets)
    return next((shared for shared in found if shared.reference == reference), None)


def recorded_tasks(connection: Snapshot, workspace: Workspace, assets: Iterable[AssetDefinition]) -> tuple[Shared, ...]:
    """The tasks of others that these assets are made by, as they were when the assets were deployed."""
    sources = dict.fromkeys(asset.task.shared for asset in assets if asset.task.shared is not None)
    if not sources:
        return ()
    others = [source for source in sources if source.project]
    received = received_tasks(connection, workspace.project, NOW, also_withdrawn=True) if others else []
    by_place: dict[tuple[str, str, str, str], Offered] = {
        (found.owner, found.offered.location, found.offered.deployment, found.offered.task.name): found.offered
        for found in received
    }
    for source in sources:
        if not source.project:
            for offered in tasks_of(connection, workspace.project, {source.location: source.deployment}):
                by_place["", source.location, source.deployment, offered.task.name] = offered
    places = {source: (source.project, source.location, source.deployment, source.name) for source in sources}
    return tuple(Shared(bare=by_place[place].task, source=source) for source, place in places.items())


# ── which task, which version ────────────────────────────────────────────────────────────────────────────


def offered_task(connection: Snapshot, workspace: Workspace, reference: Reference) -> Offered:
    """The task of this project that is meant. Raises DefinitionError, with what there is."""
    deployments = deployed(connection, workspace.project, workspace.environment, NOW)
    there = deployments.get(reference.location)
    if not reference.version and there is not None:
        offered = tasks_of(connection, workspace.project, {reference.location: there})
        return named_task(reference, offered, f"as it is deployed in {workspace.environment}")
    versions = task_versions(connection, workspace.project, reference.location, reference.name, NOW)
    if not reference.version or not versions:
        raise DefinitionError(_unknown(workspace, reference, deployments, versions))
    found = list(_with_version(reference, versions))
    for name in deployments_named(connection, workspace.project, reference.location, reference.version):
        of_it = tasks_of(connection, workspace.project, {reference.location: name})
        found += [offered for offered in of_it if offered.task.name == reference.name]
    return _the_only(reference, found, versions)


def named_task(reference: Reference, offered: Sequence[Offered], where: str) -> Offered:
    """The one of a location's tasks that is meant. Raises DefinitionError, with what there is `where`."""
    names = [found.task.name for found in offered]
    if reference.name in names:
        return offered[names.index(reference.name)]
    if not names:
        raise DefinitionError(
            f"{reference}: {reference.location}, {where}, has no tasks that others may refer to: those that are "
            "attributes of its module, or that its Definitions(tasks=…) names"
        )
    near = get_close_matches(reference.name, names, n=3)
    hint = f"near: {', '.join(near)}" if near else f"it has {', '.join(names)}"
    raise DefinitionError(f'{reference}: {reference.location}, {where}, has no task "{reference.name}"; {hint}')


def _unknown(
    workspace: Workspace, reference: Reference, deployments: Mapping[str, str], versions: Sequence[Offering]
) -> str:
    if versions:
        return (
            f"{reference}: {reference.location} is not deployed in {workspace.environment}; deploy it there, or name "
            f"a version:\n{_listed(versions)}"
        )
    near = get_close_matches(reference.location, deployments, n=3)
    hint = f"near: {', '.join(near)}" if near else f"there are {', '.join(sorted(deployments)) or 'none'}"
    if reference.location in deployments:
        return f'{reference}: {reference.location} never had a task "{reference.name}"'
    if lying_in(project_root(Path.cwd()), [reference.location]):
        hint = f"name it in the same command, {option_of(reference.location)}, and it is deployed first"
    return f'{reference}: no location "{reference.location}" is deployed in {workspace.environment}; {hint}'


def _with_version(reference: Reference, versions: Iterable[Offering]) -> Iterator[Offered]:
    """The newest deployment of each code version that begins so."""
    seen: set[str] = set()
    for offering in versions:
        version = offering.offered.task.task.code.version
        if version.startswith(reference.version) and version not in seen:
            seen.add(version)
            yield offering.offered


def _the_only(reference: Reference, found: Sequence[Offered], versions: Sequence[Offering]) -> Offered:
    """Several deployments of one version are one answer: the newest."""
    digests = {offered.digest for offered in found}
    if len(digests) == 1:
        return found[0]
    what = "may be several" if digests else "is none"
    raise DefinitionError(
        f'{reference}: version "{reference.version}" {what} of those that were deployed:\n{_listed(versions)}'
    )


def _listed(versions: Sequence[Offering]) -> str:
    lines = [
        f"  {offering.offered.task.task.code.version[:12]}  deployment {offering.offered.deployment}  "
        f"{offering.at.isoformat(sep=' ', timespec='seconds')}"
        for offering in versions[:_SHOWN_MAX]
    ]
    more = len(versions) - _SHOWN_MAX
    return "\n".join([*lines, f"  … and {more:,} earlier ones"] if more > 0 else lines)


def _received(connection: Snapshot, workspace: Workspace, reference: Reference) -> Received:
    """What another project granted. Of what it did not grant nothing is said, not even that there is no such thing."""
    received = [
        found for found in received_tasks(connection, workspace.project, NOW) if found.owner == reference.project
    ]
    granted = [
        found
        for found in received
        if (found.offered.location, found.offered.task.name) == (reference.location, reference.name)
    ]
    if not granted:
        names = [f"{found.offered.location}:{found.offered.task.name}" for found in received]
        near = get_close_matches(str(reference), names, n=3)
        hint = f"granted are: {', '.join(near)}" if near else f"`latewood grant {reference} --to {workspace.project}`"
        raise DefinitionError(
            f"{reference}: project {reference.project} grants project {workspace.project} no such task; {hint}"
        )
    if not reference.version:
        return granted[0]
    offerings = [Offering(found.offered, found.at) for found in granted]
    meant = list(_with_version(reference, offerings))
    meant += [o.offered for o in offerings if o.offered.deployment.startswith(reference.version)]
    chosen = _the_only(reference, meant, offerings)
    return next(found for found in granted if found.offered is chosen)


def _refuse_unconfigured(
    connection: Snapshot,
    workspace: Workspace,
    reference: Reference,
    offered: Offered,
    coming: frozenset[str] = frozenset(),
) -> None:
    line = line_of(connection, workspace.project, workspace.environment, NOW)
    configured = configured_along(connection, workspace.project, line)
    uses = {use.resource for use in offered.task.task.uses}
    lacking = sorted(name for name in uses - coming if (reference.location, name) not in configured)
    if lacking:
        raise DefinitionError(
            f"{reference}: {workspace.environment} has no configuration of its {', '.join(lacking)}; deploy "
            f"{reference.location} there"
        )


# ── what runs it ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def sharing_in_use(workspace: Workspace, made: Plan) -> Iterator[None]:
    """What workers run by is not removed meanwhile, where the plan has tasks of others."""
    if any(task.node.task.shared is not None for task in made.tasks):
        with caches_in_use(workspace.home):
            yield
    else:
        yield


def workers_for(workspace: Workspace, made: Plan, view: View, waiting: Callable[[Callable[[], Crew]], Crew]) -> Workers:
    """The workers for what the plan may run of other locations' tasks; for what it will run, started and looked at.

    Before anything of the run is recorded, so that what cannot be run is not begun. Those for steps that are to be
    reused are made ready once one runs after all, by `waiting` for the log; so are those whose grant was revoked, which
    fail then, alone. To be used with `sharing_in_use`. Raises UsageError where code or lock file are gone, VenvFailed,
    WorkerUnusable. Cost: a process for each location and code, and building its environment the first time.
    """
    due: dict[AssetKey, AssetDefinition] = {}
    spare: dict[AssetKey, AssetDefinition] = {}
    revoked = _revoked(workspace, made)
    for task in made.tasks:
        source, actions = task.node.task.shared, {group.action for group in task.groups}
        if source is not None:
            runs = bool(actions & {Action.RUN, Action.DEPENDS}) and source not in revoked
            (due if runs else spare).update(zip(task.node.keys, task.node.assets, strict=True))

    def crew_of(key: AssetKey) -> Crew:
        alike = [asset for asset in spare.values() if _place(asset) == _place(spare[key])]
        (crew,) = crews_for(workspace, view, alike)
        return crew

    workers = Workers(crews_for(workspace, view, due.values()), os.environ, lambda key: waiting(lambda: crew_of(key)))
    try:
        workers.start()
    except BaseException:
        workers.kill()
        raise
    return workers


def _revoked(workspace: Workspace, made: Plan) -> set[SharedFrom]:
    """The tasks of other projects in the plan that are not granted any more."""
    shared = {task.node.task.shared for task in made.tasks if task.node.task.shared is not None}
    sources = {source for source in shared if source.project}
    if not sources:
        return set()
    granted = _granted(workspace)
    return {source for source in sources if _granted_as(source) not in granted}


def _granted(workspace: Workspace) -> dict[tuple[str, str, str, str], Received]:
    """What other projects grant now, by what `_granted_as` says of a task of theirs."""
    with snapshot(workspace.log) as connection:
        received = received_tasks(connection, workspace.project, NOW)
    return {(r.owner, r.offered.location, r.offered.deployment, r.offered.task.name): r for r in received}


def _granted_as(source: SharedFrom) -> tuple[str, str, str, str]:
    return source.project, source.location, source.deployment, source.name


def require_code_of(
    workspace: Workspace, made: Plan, locations: Mapping[AssetKey, str], deployments: Mapping[str, str]
) -> None:
    """Raise CodeGone where something by which the plan's steps are run is gone: source or lock file.

    What is not granted any more is the failure of its steps. Cost: two queries for each deployment, and a look at its
    files.
    """
    due = [task.node for task in made.tasks if any(g.action in (Action.RUN, Action.DEPENDS) for g in task.groups)]
    shared = {node.task.shared for node in due if node.task.shared is not None}
    homes = (deployments[locations[key]] for node in due for key in node.keys)
    for name in dict.fromkeys((*homes, *(source.deployment for source in shared if not source.project))):
        require_code(workspace, name)
    granted = _granted(workspace) if any(source.project for source in shared) else {}
    for source in shared:
        found = granted.get(_granted_as(source))
        for what, address in (("source", found.archive), ("lock file", found.lock)) if found is not None else ():
            if address and not workspace.store.exists(ArtifactAddress(address)):
                way_out = f"project {source.project} puts it back by granting it again"
                raise CodeGone(source.location, source.deployment, what, address, way_out)


def _place(asset: AssetDefinition) -> tuple[str, str, str, str]:
    """What its worker runs: a deployment, of another project those tasks of it that are granted."""
    source = asset.task.shared
    assert source is not None, "so it was chosen"
    return source.project, source.location, source.deployment, source.name if source.project else ""


def crews_for(workspace: Workspace, view: View, due: Iterable[AssetDefinition]) -> list[Crew]:
    """What runs tasks of other locations. Deployments of equal source that are run by one Python are one."""
    home = workspace.home.absolute()
    ready: dict[tuple[str, str, str, str], tuple[DeployedCode, str]] = {}
    teams: dict[tuple[str, Path, str, str], tuple[DeployedCode, list[AssetDefinition]]] = {}
    for asset in due:
        source, place = asset.task.shared, _place(asset)
        assert source is not None, "so it was chosen"
        if place not in ready:
            code = shared_code(workspace, source, home)
            ready[place] = code, interpreter_of(code, home, view.root)
        code, python = ready[place]
        teams.setdefault((source.project, code.folder, code.location, python), (code, []))[1].append(asset)
    return [
        Crew(
            opened=_open(workspace, view, code, assets, project),
            interpreter=python,
            hidden=secret_variables(view.configurations, besides="" if project else code.location),
            variables=values_of(view.root, code.location, code.settings.variables),
            code={a.key: (a.task.shared.name, a.task.code) for a in assets if a.task.shared is not None},
        )
        for (project, _, _, python), (code, assets) in teams.items()
    ]


def shared_code(workspace: Workspace, source: SharedFrom, home: Path) -> DeployedCode:
    """The code that a task is from, unpacked below `home`. Raises UsageError where it is gone, or granted no more."""
    if not source.project:
        return deployed_code(workspace, source.deployment, home)
    found = _granted(workspace).get(_granted_as(source))
    if found is None:
        raise UsageError(f"{source} as deployed in {source.deployment} is not granted any more")
    address = ArtifactAddress(found.archive)
    lock = workspace.store.read(ArtifactAddress(found.lock)) if found.lock else None
    return DeployedCode(
        location=source.location,
        deployment=source.deployment,
        folder=unpacked(workspace.store, address, found.source, home),
        paths=found.paths,
        settings=LocationSettings(lock=lock, python=found.python, entry=found.entry),
    )


def _open(
    workspace: Workspace, view: View, code: DeployedCode, assets: Sequence[AssetDefinition], project: str
) -> Open:
    """What the worker opens. Another project's task has no resources; a location of ours may be called like its own."""
    opened = to_open(workspace, view, code)
    return replace(opened, configurations={} if project else opened.configurations, made=tuple(map(as_called, assets)))


def to_open(workspace: Workspace, view: View, code: DeployedCode) -> Open:
    """What a worker of a location opens: its code, with resources as the environment has them configured."""
    store = str(workspace.store.directory.parent)
    return Open(
        folder=str(code.folder),
        location=code.location,
        paths=code.paths,
        root=str(view.root),
        project=workspace.project,
        store=store,
        results=store,
        environment=workspace.environment,
        configurations={
            name: recorded(found)
            for (location, name), found in view.configurations.items()
            if location == code.location
        },
        dynamic=tuple(dynamic_of(view).values()),
        entry=code.settings.entry,
        directory=code.settings.directory,
    )


def as_called(asset: AssetDefinition) -> AssetDefinition:
    """The asset with as much as a worker is told of it: its code is there, and keys come once."""
    task = asset.task
    code = replace(task.code, parts=(), packages=(), uncovered=())
    return replace(
        asset, checks=(), metadata={}, task=replace(task, code=code), partitions=with_keys(asset.partitions, {})
    )


def dynamic_of(view: View) -> dict[str, DynamicKeys]:
    """The dynamic partitions of a view, with their keys, by name."""
    schemes = {asset.partitions for asset in view.catalog.assets.values()}
    plain = [scheme for whole in schemes for scheme in (whole, *dimensions_of(whole).values())]
    return {scheme.name: scheme for scheme in plain if isinstance(scheme, DynamicKeys)}
