"""Which processes call a run's tasks: by location, the code that the run was asked for with."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from msgspec.structs import replace

from latewood.commands.deployed_code import (
    DeployedCode,
    deployed_code,
    interpreter_of,
    secret_variables,
    told_variables,
)
from latewood.commands.sharing import crews_for, recorded_tasks, to_open
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.engine.loading.location_settings import values_of
from latewood.engine.running.worker_protocol import encode
from latewood.engine.running.workers import Crew
from latewood.errors import LatewoodError
from latewood.model.definitions import AssetDefinition
from latewood.model.elements import elements_of
from latewood.model.keys import AssetKey
from latewood.projections.automations import automations_of
from latewood.projections.snapshots import snapshot

_Kind = tuple[bytes, str, frozenset[str], frozenset[tuple[str, str]]]
"""What makes one crew another than another: what it opens and by what, what it does not see, and what is set for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCrews:
    """Who makes the assets of one run, who has them at home, with their checks and IO, and who is at each location."""

    making: Mapping[AssetKey, Crew]
    at_home: Mapping[AssetKey, Crew]
    homes: Mapping[str, Crew]

    def __iter__(self) -> Iterator[Crew]:
        """Each of them once."""
        yield from {id(crew): crew for crew in (*self.homes.values(), *self.making.values())}.values()


class Crews:
    """Finds the crew of each task; equal ones are one for as long as a run or a process has it: so that is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakValueDictionary[_Kind, Crew] = WeakValueDictionary()
        self._code: dict[tuple[str, str], tuple[DeployedCode, str]] = {}

    def of_assets(self, workspace: Workspace, view: View, made: Mapping[AssetKey, AssetDefinition]) -> "RunCrews":
        """The crews for these assets.

        Where code or lock file are gone, or an environment cannot be built, they are broken: what is asked of them
        fails, and the rest of the run goes on. Raises LogError. Cost: unpacking a deployment's code, and building its
        environment, once.
        """
        locations = dict.fromkeys(view.locations[key] for key in made)
        homes = {location: self.of_location(workspace, view, location) for location in locations}
        at_home = {key: homes[view.locations[key]] for key in made}
        making = dict(at_home)
        for key, asset in made.items():
            if asset.task.shared is not None:
                making[key] = self._sharing(workspace, view, asset)
        for key in [key for key, asset in made.items() if asset.task.each]:
            making[elements_of(key)] = making[key]
        return RunCrews(making=making, at_home=at_home, homes=homes)

    def of_location(self, workspace: Workspace, view: View, location: str) -> Crew:
        """Who is at that location; broken as `of_assets` says."""
        try:
            return self._kept(self._at(workspace, view, location))
        except LatewoodError as error:
            return Crew.broken_by(error)

    def _sharing(self, workspace: Workspace, view: View, asset: AssetDefinition) -> Crew:
        try:
            (crew,) = crews_for(workspace, view, [asset])
        except LatewoodError as error:
            return Crew.broken_by(error)
        return self._kept(crew)

    def _kept(self, crew: Crew) -> Crew:
        variables = frozenset(crew.variables.items())
        with self._lock:
            return self._known.setdefault((encode(crew.opened), crew.interpreter, crew.hidden, variables), crew)

    def _at(self, workspace: Workspace, view: View, location: str) -> Crew:
        deployment = view.deployments[location]
        code, python = self._code_of(workspace, view, deployment)
        own = [asset for key, asset in view.catalog.assets.items() if view.locations[key] == location]
        read = {input_.asset for asset in own for input_ in asset.task.inputs}
        with snapshot(workspace.log) as connection:
            shared = recorded_tasks(connection, workspace, own)
            automations = automations_of(connection, workspace.project, view.deployments)
        told = told_variables(definition for _, definition in automations.values())
        others = tuple(
            asset for key, asset in view.catalog.assets.items() if key in read and view.locations[key] != location
        )
        return Crew(
            opened=replace(to_open(workspace, view, code), others=others, shared=shared),
            interpreter=python,
            hidden=secret_variables(view.configurations, besides=location) | told,
            variables=values_of(view.root, location, code.settings.variables),
            code={asset.key: ("", asset.task.code) for asset in own if asset.task.shared is None},
        )

    def _code_of(self, workspace: Workspace, view: View, deployment: str) -> tuple[DeployedCode, str]:
        slot = workspace.project, deployment
        if slot not in self._code:
            home = workspace.home.absolute()
            code = deployed_code(workspace, deployment, home)
            self._code[slot] = code, interpreter_of(code, home, view.root)
        return self._code[slot]
