"""The code of a deployment: its source in a folder of its own, wherever the working tree has gone since."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from latewood.commands.workspace import Workspace
from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.location_settings import LocationSettings, interpreter
from latewood.engine.loading.venvs import venv_python
from latewood.engine.storage.archives import find_archive, unpacked
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import DeploymentCreated, from_json
from latewood.model.automations import Automation, NotifyDefinition
from latewood.projections.catalog import deployment
from latewood.projections.configurations import Configuration
from latewood.projections.snapshots import snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedCode:
    """A location as it was deployed: where its files are, where imports start, and what it is to be run by."""

    location: str
    deployment: str
    folder: Path
    paths: tuple[str, ...]
    settings: LocationSettings


def deployed_code(workspace: Workspace, name: str, home: Path) -> DeployedCode:
    """The code of that deployment, unpacked below `home`.

    Raises UsageError where its source was never stored or is gone, StoreError where it cannot be unpacked.
    """
    created, address = require_source(workspace, name)
    return DeployedCode(
        location=created.location,
        deployment=name,
        folder=unpacked(workspace.store, address, created.source, home),
        paths=created.paths,
        settings=LocationSettings(
            lock=_lock(workspace, created),
            python=created.python,
            entry=created.entry,
            directory=created.directory,
            variables=created.variables,
        ),
    )


def require_source(workspace: Workspace, name: str) -> tuple[DeploymentCreated, ArtifactAddress]:
    """What was recorded of a deployment, and where its source is. Raises UsageError where that is gone."""
    created = created_as(workspace, name)
    return created, source_address(workspace, created)


def source_address(workspace: Workspace, created: DeploymentCreated) -> ArtifactAddress:
    """Where the source of that deployment is. Raises UsageError where it is gone."""
    address = ArtifactAddress(created.archive) if created.archive else find_archive(workspace.store, created.source)
    if address is None or not workspace.store.exists(address):
        raise UsageError(
            f"the source of {created.location} as deployed in {created.deployment} is not in the artifact store any "
            "more; what was made by it cannot be run again"
        )
    return address


def recorded(found: Configuration) -> Recorded:
    """The configuration as code is loaded with it again."""
    secrets = {name: dict(reference) for name, reference in found.secrets.items()}
    return Recorded(values=dict(found.values), secrets=secrets, digest=found.digest)


def secret_variables(configurations: Mapping[tuple[str, str], Configuration], *, besides: str = "") -> frozenset[str]:
    """The environment variables that secrets are in, but for those of the location `besides`."""
    return frozenset(
        reference["env"]
        for (location, _), found in configurations.items()
        if location != besides
        for reference in found.secrets.values()
        if "env" in reference
    )


def told_variables(automations: Iterable[Automation]) -> frozenset[str]:
    """The environment variables of who is told things: where, and by which secret. Engines alone need them."""
    told = [each for each in automations if isinstance(each, NotifyDefinition)]
    references = [reference for each in told for reference in (each.url_from, each.secret)]
    return frozenset(reference["env"] for reference in references if "env" in reference)


def interpreter_of(code: DeployedCode, home: Path, root: Path) -> str:
    """The Python that runs the code: of the environment that its lock file makes, else the one it names, else ours.

    Raises UsageError where the one it names is gone, VenvFailed where the environment cannot be built.
    """
    python = python_of(code.settings, home, root)
    if python is None:
        named = code.settings.python
        raise UsageError(f'{code.location} was deployed to be run by "{named}", which is not there any more')
    return python


def python_of(settings: LocationSettings, home: Path, root: Path) -> str | None:
    """The same of settings; None where the interpreter they name is not there. Raises VenvFailed."""
    python = interpreter(root, settings.python) if settings.python else sys.executable
    if python is None or settings.lock is None:
        return python
    return venv_python(settings.lock, python, home, os.environ)


def _lock(workspace: Workspace, created: DeploymentCreated) -> bytes | None:
    if not created.lock:
        return None
    address = ArtifactAddress(created.lock)
    if not workspace.store.exists(address):
        raise UsageError(
            f"the lock file of {created.location} as deployed in {created.deployment} is not in the artifact store "
            "any more; deploy the location again"
        )
    return workspace.store.read(address)


def created_as(workspace: Workspace, name: str) -> DeploymentCreated:
    """What was recorded of a deployment. Raises UsageError for one that is not the project's."""
    with snapshot(workspace.log) as connection:
        found = deployment(connection, workspace.project, name)
    if found is None:
        raise UsageError(f'no deployment "{name}" in project {workspace.project}')
    (event,) = workspace.log.read_positions([found.position])
    fact = from_json(event.type, event.data)
    assert isinstance(fact, DeploymentCreated), "the projection says so"
    return fact
