"""What is defined, deployed, and what environments point to."""

from typing import Any

import msgspec

from latewood.events.base import Event
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId

# ── definitions ───────────────────────────────────────────────────────────────────────────────────────────────


class AssetDefined(Event, frozen=True):
    """An asset is new or changed in this deployment. `definition` is an AssetDefinition as JSON.

    A long one takes several events in a row, `part` of `parts`: then each has a piece of that JSON's text.
    """

    asset: AssetId
    key: AssetKey
    location: str
    deployment: str
    digest: str
    definition: msgspec.Raw
    part: int = 1
    parts: int = 1


class AssetDropped(Event, frozen=True):
    """An asset of the base deployment is no longer in this one. Its history stays."""

    asset: AssetId
    key: AssetKey
    location: str
    deployment: str


class LaunchableDefined(Event, frozen=True):
    """A workflow or launch plan is new or changed in this deployment. `definition` is a Launchable as JSON."""

    name: str
    location: str
    deployment: str
    digest: str
    definition: msgspec.Raw


class LaunchableDropped(Event, frozen=True):
    """A workflow or launch plan of the base deployment is no longer in this one."""

    name: str
    location: str
    deployment: str


class TaskDefined(Event, frozen=True):
    """A task that others may refer to by `name` is new or changed in this deployment.

    `definition` is a BareTask as JSON; a long one is in parts, as that of an asset.
    """

    name: str
    location: str
    deployment: str
    digest: str
    definition: msgspec.Raw
    part: int = 1
    parts: int = 1


class TaskDropped(Event, frozen=True):
    """A task of the base deployment is no longer in this one. Who refers to an earlier one is not concerned."""

    name: str
    location: str
    deployment: str


class DeploymentCreated(Event, frozen=True):
    """A snapshot of a location: `base` with the events of definitions, new, changed and dropped, that name it.

    `root` is the Merkle root over all its definitions, `source` the digest of its first-party source, which lies in the
    artifact `archive`; `paths` are the folders in it that imports start from. `lock` is the artifact with the lock file
    of its packages, if it has one, and `python` its interpreter as the project names it. `entry` is the file or module
    that it is, where it is not called by that; its processes work in `directory`, below the project's root, and have
    these `variables` besides those of who starts them: what they are set to is not recorded, for it may be secret.
    """

    deployment: str
    location: str
    base: str
    root: str
    source: str
    assets: int
    changed: int
    dropped: int
    archive: str = ""
    paths: tuple[str, ...] = ()
    lock: str = ""
    python: str = ""
    entry: str = ""
    directory: str = ""
    variables: tuple[str, ...] = ()


class EnvironmentDeployed(Event, frozen=True):
    """The environment's assets of this location are those of this deployment from here on."""

    environment: str
    location: str
    deployment: str
    previous: str = ""


# ── environments ──────────────────────────────────────────────────────────────────────────────────────────────


class EnvironmentCreated(Event, frozen=True):
    """An environment begins: without a base empty, else with the base's heads as they stood at that position.

    Nothing is copied. `deployments`, by location, are those of the base.
    """

    environment: str
    base: str = ""
    base_position: int = 0
    deployments: dict[str, str] = {}


class EnvironmentDropped(Event, frozen=True):
    """The environment points to nothing from here on. Versions that were made in it stay."""

    environment: str


class EnvironmentPromoted(Event, frozen=True):
    """Every head that `source` has of its own, of these assets, becomes head of `environment`; no assets = of all.

    Of its own: made or moved there, not taken over from its base.
    """

    environment: str
    source: str
    assets: tuple[AssetId, ...] = ()


class HeadsMoved(Event, frozen=True):
    """The environment points to these versions from here on, by asset and version the partitions."""

    environment: str
    moves: dict[AssetId, dict[VersionId, tuple[PartitionKey, ...]]]
    reason: str


class ParameterPinned(Event, frozen=True):
    """What the environment takes in place of a parameter's default from here on; `asset` is its step's first."""

    environment: str
    asset: AssetId
    parameter: str
    value: Any


class ParameterUnpinned(Event, frozen=True):
    """The parameter has its default again, whatever a base of the environment pins."""

    environment: str
    asset: AssetId
    parameter: str


class ResourceConfigured(Event, frozen=True):
    """What a resource of the location's code is configured to in this environment from here on.

    `values` are its fields but for secrets, as JSON; `secrets` says where those are read: `{env: NAME}` or
    `{file: PATH}`. `digest` is that of all of it, by which steps say what they were started with.
    """

    environment: str
    location: str
    resource: str
    digest: str
    values: dict[str, Any]
    secrets: dict[str, dict[str, str]] = {}
