"""The code of a deployment: its source in a folder of its own, wherever the working tree has gone since."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from latewood.commands.workspace import Workspace
from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.location_settings import LocationSettings, interpreter
from latewood.engine.loading.venvs import venv_python
from latewood.engine.storage.archives import EXTENSION, find_archive, unpacked
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import Conflict, UsageError
from latewood.events import DeploymentCreated, from_json
from latewood.model.automations import Automation, NotifyDefinition
from latewood.projections.catalog import deployment
from latewood.projections.configurations import Configuration
from latewood.projections.snapshots import snapshot

_DEPLOY_AGAIN: Final = "deploy the same files again, which puts it back"


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

    Raises CodeGone where its source was never stored or is gone, StoreError where it cannot be unpacked.
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
    """What was recorded of a deployment, and where its source is. Raises CodeGone where that is gone."""
    created = created_as(workspace, name)
    return created, source_address(workspace, created)


def source_address(workspace: Workspace, created: DeploymentCreated) -> ArtifactAddress:
    """Where the source of that deployment is. Raises CodeGone where it is gone. Cost: a look at one file, if it is not.

    The same files, deployed again, may have been packed into other bytes, by another Python: then they are looked for.
    """
    named = ArtifactAddress(created.archive)
    if named and workspace.store.exists(named):
        return named
    if (found := find_archive(workspace.store, created.source)) is None:
        raise CodeGone(created.location, created.deployment, "source", created.archive)
    return found


def require_code(workspace: Workspace, name: str) -> None:
    """Raise CodeGone where the source of that deployment is gone, or its lock file. Nothing is read or unpacked."""
    created, _ = require_source(workspace, name)
    _require_lock(workspace, created)


def put_back(workspace: Workspace, name: str, pack: Callable[[], bytes]) -> None:
    """Store the source of that deployment, packed, unless it is in the store. Raises StoreError."""
    try:
        require_source(workspace, name)
    except CodeGone:
        workspace.store.commit([workspace.store.stage(pack(), EXTENSION)])


class CodeGone(Conflict):
    """What a deployment is run by is not in the artifact store any more: its source, or its lock file."""

    def __init__(self, location: str, deployment: str, what: str, address: str, way_out: str = _DEPLOY_AGAIN) -> None:
        named = f" ({address})" if address else ""
        super().__init__(
            f"the {what} of {location} as deployed in {deployment} is not in the artifact store any more{named}; "
            f"{way_out}"
        )


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
    address = _require_lock(workspace, created)
    return None if address is None else workspace.store.read(address)


def _require_lock(workspace: Workspace, created: DeploymentCreated) -> ArtifactAddress | None:
    address = ArtifactAddress(created.lock)
    if address and not workspace.store.exists(address):
        raise CodeGone(created.location, created.deployment, "lock file", address)
    return address or None


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
