"""Which processes call a run's tasks: by location, the code that the run was asked for with."""

from collections.abc import Mapping

from latewood.commands.deployed_code import DeployedCode, deployed_code, interpreter_of, recorded, secret_variables
from latewood.commands.sharing import crews_for, dynamic_of, recorded_tasks
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.engine.running.worker_protocol import Open, encode
from latewood.engine.running.workers import Crew
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.snapshots import snapshot


class Crews:
    """Finds the crew of each task; equal ones are one, so that a process is kept from one run to the next."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str], Crew] = {}
        self._code: dict[tuple[str, str], tuple[DeployedCode, str]] = {}

    def of_assets(
        self, workspace: Workspace, view: View, made: Mapping[AssetKey, AssetDefinition]
    ) -> dict[AssetKey, Crew]:
        """The crew by each of these assets.

        Raises UsageError where code or lock file are gone, VenvFailed where an environment cannot be built. Cost:
        unpacking a deployment's code, and building its environment, once.
        """
        found: dict[AssetKey, Crew] = {}
        own: dict[str, list[AssetDefinition]] = {}
        others = []
        for key, asset in made.items():
            if asset.task.shared is not None:
                others.append(asset)
            else:
                own.setdefault(view.locations[key], []).append(asset)
        for location, assets in own.items():
            crew = self._kept(self._of_location(workspace, view, location))
            found |= {asset.key: crew for asset in assets}
        for crew in map(self._kept, crews_for(workspace, view, others)):
            found |= dict.fromkeys(crew.code, crew)
        return found

    def _kept(self, crew: Crew) -> Crew:
        return self._known.setdefault((encode(crew.opened), crew.interpreter), crew)

    def _of_location(self, workspace: Workspace, view: View, location: str) -> Crew:
        deployment = view.deployments[location]
        code, python = self._code_of(workspace, view, deployment)
        own = [asset for key, asset in view.catalog.assets.items() if view.locations[key] == location]
        read = {input_.asset for asset in own for input_ in asset.task.inputs}
        with snapshot(workspace.log) as connection:
            shared = recorded_tasks(connection, workspace, own)
        store = str(workspace.store.directory.parent)
        to_open = Open(
            folder=str(code.folder),
            location=code.location,
            paths=code.paths,
            root=str(view.root),
            project=workspace.project,
            store=store,
            results=store,
            environment=workspace.environment,
            others=tuple(
                asset for key, asset in view.catalog.assets.items() if key in read and view.locations[key] != location
            ),
            configurations={
                name: recorded(found) for (of, name), found in view.configurations.items() if of == location
            },
            dynamic=tuple(dynamic_of(view).values()),
            shared=shared,
        )
        return Crew(
            opened=to_open,
            interpreter=python,
            hidden=secret_variables(view.configurations, besides=location),
            code={asset.key: ("", asset.task.code) for asset in own if asset.task.shared is None},
        )

    def _code_of(self, workspace: Workspace, view: View, deployment: str) -> tuple[DeployedCode, str]:
        slot = workspace.project, deployment
        if slot not in self._code:
            home = workspace.home.absolute()
            code = deployed_code(workspace, deployment, home)
            self._code[slot] = code, interpreter_of(code, home, view.root)
        return self._code[slot]
