"""The definitions that a command is about: of the file or module it names, else of the one that is deployed."""

from pathlib import Path

from latewood.commands.sharing import resolver
from latewood.commands.views import lies_in, refuse_unknown
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.loader import Loaded, load_file, load_module
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import defined, deployed
from latewood.projections.environments import existing
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW


def load(workspace: Workspace, file: Path | None, module: str | None) -> Loaded:
    """The location that was named; without a name, the one that is deployed from here. Raises UsageError."""
    if file is not None and module is not None:
        raise UsageError(f"expected -f FILE or -m MODULE, found both: {file} and {module}")
    root = project_root(Path.cwd())
    if file is None and module is None:
        file, module = _only_location(workspace, root)
    if file is None:
        assert module is not None, "one of them is named"
        return load_module(
            module,
            root=root,
            others=_others(workspace, module),
            environment=workspace.environment,
            resolve=resolver(workspace, module),
        )
    root = project_root(file.resolve().parent)
    relative = file.resolve().relative_to(root).as_posix()
    return load_file(
        file,
        root=root,
        others=_others(workspace, relative),
        environment=workspace.environment,
        resolve=resolver(workspace, relative),
    )


def _only_location(workspace: Workspace, root: Path) -> tuple[Path | None, str | None]:
    """The one file or module below `root` that the environment has a deployment of. Raises UsageError."""
    with snapshot(workspace.log) as connection:
        locations = sorted(deployed(connection, workspace.project, workspace.environment, NOW))
        if not locations:
            known = existing(connection, workspace.project, NOW)
            refuse_unknown(workspace.environment, [environment.environment for environment in known])
    here = [location for location in locations if lies_in(root, location)]
    if len(here) == 1:
        file = root / here[0]
        return (file, None) if file.is_file() else (None, here[0])
    if here:
        found = f"several are deployed from here: {_listed(here)}"
    elif locations:
        found = f"the code that is deployed in {workspace.environment} is not below {root}: {_listed(locations)}"
    else:
        found = "nothing is deployed from here yet"
    raise UsageError(f"expected -f FILE or -m MODULE, since {found}")


def _listed(locations: list[str]) -> str:
    return ", ".join(locations[:5]) + (", …" if locations[5:] else "")


def _others(workspace: Workspace, location: str) -> dict[AssetKey, AssetDefinition]:
    """Assets of the environment's other locations."""
    with snapshot(workspace.log) as connection:
        locations = deployed(connection, workspace.project, workspace.environment, NOW)
        return {
            entry.definition.key: entry.definition
            for other, deployment in locations.items()
            if other != location
            for entry in defined(connection, workspace.project, other, deployment)
        }
