"""The definitions that a command is about: of the file or module it names, else of the one file that is deployed."""

from pathlib import Path

from latewood.commands.workspace import Workspace
from latewood.engine.loading.loader import Loaded, load_file, load_module, project_root
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import defined, deployed
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW


def load(workspace: Workspace, file: Path | None, module: str | None) -> Loaded:
    """The location that was named; without a name, the one file that is deployed here. Raises UsageError."""
    root = project_root(Path.cwd())
    if module is not None:
        return load_module(module, root=root, others=_others(workspace, module), environment=workspace.environment)
    if file is None:
        files = deployed_files(workspace)
        if len(files) != 1:
            found = f"{len(files)} files are deployed from here" if files else "nothing is deployed from here yet"
            raise UsageError(f"expected -f FILE or -m MODULE, since {found}")
        file = files[0]
    root = project_root(file.resolve().parent)
    relative = file.resolve().relative_to(root).as_posix()
    return load_file(file, root=root, others=_others(workspace, relative), environment=workspace.environment)


def deployed_files(workspace: Workspace) -> list[Path]:
    """The files of this project that the environment has deployments of."""
    root = project_root(Path.cwd())
    with snapshot(workspace.log) as connection:
        locations = deployed(connection, workspace.project, workspace.environment, NOW)
    return [root / location for location in locations if (root / location).is_file()]


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
