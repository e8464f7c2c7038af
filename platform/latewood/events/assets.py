"""What is said of assets outside of runs: observed, collected, corrected, sliced otherwise, shared."""

from typing import Any

import msgspec

from latewood.events.base import Event
from latewood.events.runs import Failure
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId

# ── observations ──────────────────────────────────────────────────────────────────────────────────────────────


class AssetObserved(Event, frozen=True):
    """Somebody looked at what is made elsewhere: that is the asset's content, and its head, from here on.

    `version` is the observation's own id, whether the data version is a new one or not. `observer` and `code` are the
    function that looked and its version; empty where an IO did, or a tool outside reported it. `artifact` is where the
    content lies for whoever loads it, if anything here can; `logs` is the artifact of what was printed and logged.
    """

    environment: str
    asset: AssetId
    version: VersionId
    data_version: str
    partition: PartitionKey = PartitionKey("")
    metadata: dict[str, Any] = {}
    observer: str = ""
    code: str = ""
    artifact: str = ""
    logs: str = ""


class ObservationFailed(Event, frozen=True):
    """Somebody looked at what is made elsewhere and could not say what is there: all stays as it was.

    `version` is the id that the observation would have.
    """

    environment: str
    asset: AssetId
    version: VersionId
    failure: Failure
    partition: PartitionKey = PartitionKey("")
    observer: str = ""
    code: str = ""
    logs: str = ""


# ── artifacts ─────────────────────────────────────────────────────────────────────────────────────────────────


class ArtifactsCollected(Event, frozen=True):
    """These artifacts are gone for all versions recorded so far: nothing had reached them after position `since`.

    Recorded before any of them is removed.
    """

    artifacts: tuple[str, ...]
    since: int


# ── corrections ───────────────────────────────────────────────────────────────────────────────────────────────


class RetractedVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version, and what it is recognized by wherever it is met again."""

    asset: AssetId
    version: VersionId
    output: str
    data_version: str
    artifact: str
    partition: PartitionKey = PartitionKey("")
    reuse_key: str = ""


class VersionsRetracted(Event, frozen=True):
    """These versions are wrong: neither they nor what equals them, by content or by reuse key, is used from here on.

    `rerun`: the same computation may be done again, and only equal content is refused.
    """

    versions: tuple[RetractedVersion, ...]
    reason: str
    rerun: bool = False


class RetractionUndone(Event, frozen=True):
    """These versions are right after all, by asset and version the partitions."""

    versions: dict[AssetId, dict[VersionId, tuple[PartitionKey, ...]]]
    reason: str = ""


class AssetRenamed(Event, frozen=True):
    """The asset's name is `new` from here on, for every deployment that defines it so; its identity stays."""

    asset: AssetId
    old: AssetKey
    new: AssetKey


class PartitionCarried(Event, frozen=True):
    """Versions of the asset's partition `old` count as those of `new` while that has no head of its own.

    What was recorded stays: they are versions of `old`. `undone` takes it back.
    """

    asset: AssetId
    old: PartitionKey
    new: PartitionKey
    undone: bool = False


# ── partitions ────────────────────────────────────────────────────────────────────────────────────────────────


class PartitionsAdded(Event, frozen=True):
    """These keys are partitions of all that is `Dynamic(name)`; those that are already mean nothing.

    In its stream where somebody added them; in the run's where a step did, which succeeded.
    """

    name: str
    keys: tuple[PartitionKey, ...]
    run: RunId = RunId("")
    step: int | None = None


class PartitionsRemoved(Event, frozen=True):
    """These keys are partitions of it no more; what was made of them stays in history."""

    name: str
    keys: tuple[PartitionKey, ...]


# ── grants ────────────────────────────────────────────────────────────────────────────────────────────────────


class TaskGranted(Event, frozen=True):
    """Another project may use this task as it was deployed then, and nothing else of this one.

    `version` is that of its code.
    """

    to: str
    location: str
    name: str
    deployment: str
    version: str


class TaskReceived(Event, frozen=True):
    """Another project grants the use of a task: all that is needed for it, in this project's own log and store.

    Recorded together with `task.granted` there. `definition` is a BareTask as JSON; a long one is in parts, as that of
    an asset. `source`, `archive`, `paths`, `lock`, `python` and `entry` are as in DeploymentCreated.
    """

    project: str
    location: str
    name: str
    deployment: str
    digest: str
    definition: msgspec.Raw
    source: str
    archive: str
    paths: tuple[str, ...] = ()
    lock: str = ""
    python: str = ""
    entry: str = ""
    part: int = 1
    parts: int = 1


class GrantRevoked(Event, frozen=True):
    """The other project may not run this task from here on, in no version. What it made stays its own."""

    to: str
    location: str
    name: str


class TaskWithdrawn(Event, frozen=True):
    """The other project takes the use of a task back; recorded together with `grant.revoked` there."""

    project: str
    location: str
    name: str
