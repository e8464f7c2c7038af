"""Every fact Latewood records: one frozen shape each, and how it is written and read.

The type string and the meaning of a field never change once released; a new need is a new event or a new
schema version with an upcaster (`UPCASTS`). Times, ids and digests are given by whoever decides.

Streams: `location/NAME` (definitions and deployments), `environment/NAME` (what it points to), `run/ID`,
`reproduction/ID`, `observations` (what was seen of external assets), `store` (what was removed from it),
`corrections` (what was retracted, renamed, carried over), `partitions/NAME` (keys of dynamic partitions), `grants`
(tasks that other projects may use, and those of others).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all facts: nothing but the shape."""


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────


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
    of its packages, if it has one, and `python` its interpreter as the project names it.
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


class EnvironmentDeployed(Event, frozen=True):
    """The environment's assets of this location are those of this deployment from here on."""

    environment: str
    location: str
    deployment: str
    previous: str = ""


# ── environments ─────────────────────────────────────────────────────────────────────────────────────────


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


# ── observations ─────────────────────────────────────────────────────────────────────────────────────────


class AssetObserved(Event, frozen=True):
    """Somebody looked at what is made elsewhere: that is the asset's content, and its head, from here on.

    `version` is the observation's own id, whether the data version is a new one or not. `observer` and `code` are the
    function that looked and its version; empty where a tool outside reported it.
    """

    environment: str
    asset: AssetId
    version: VersionId
    data_version: str
    partition: PartitionKey = PartitionKey("")
    metadata: dict[str, Any] = {}
    observer: str = ""
    code: str = ""


# ── artifacts ────────────────────────────────────────────────────────────────────────────────────────────


class ArtifactsCollected(Event, frozen=True):
    """These artifacts are gone for all versions recorded so far: nothing had reached them after position `since`.

    Recorded before any of them is removed.
    """

    artifacts: tuple[str, ...]
    since: int


# ── corrections ──────────────────────────────────────────────────────────────────────────────────────────


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


# ── partitions ───────────────────────────────────────────────────────────────────────────────────────────


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


# ── grants ───────────────────────────────────────────────────────────────────────────────────────────────


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
    an asset. `source`, `archive`, `paths`, `lock` and `python` are as in DeploymentCreated.
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


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────


class RunRequested(Event, frozen=True):
    """Somebody asked for asset partitions to be brought up to date, with these deployments by location.

    `parameters` are values given throughout; `sweep` has axes of alternatives that were tried in combination, or the
    n-th of each with the n-th of the others where `zipped`. `launch` is the workflow or launch plan that was launched,
    if one was. `location` is the one whose code ran, by a Python of version `python`. `rerun_of` is the run that was
    asked for again, `only` these of its steps, or those that failed.
    """

    run: RunId
    environment: str
    selection: str
    deployments: dict[str, str]
    partitions: str = ""
    parameters: dict[AssetKey, dict[str, Any]] = {}
    sweep: tuple[tuple[dict[AssetKey, dict[str, Any]], ...], ...] = ()
    zipped: bool = False
    force: bool = False
    executor: str = "inline"
    launch: str = ""
    location: str = ""
    python: str = ""
    rerun_of: RunId = RunId("")
    only: str = ""


class Action(StrEnum):
    """What a plan says of a step."""

    RUN = "run"
    REUSE = "reuse"
    DEPENDS = "depends"
    FRESH = "fresh"
    BLOCKED = "blocked"
    SKIP = "skip"


class PlannedSteps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps `first` … `first + n - 1` of a run: one per partition ordinal, in order."""

    assets: tuple[AssetId, ...]
    action: Action
    partitions: str
    first: int
    reasons: tuple[str, ...] = ()


class RunPlanned(Event, frozen=True):
    """What the run is going to do, as ranges. Large plans take several events, `part` of `parts`.

    `position` is the log position whose state the plan was made from; `fresh` counts what needs nothing. `contents`
    are the content hashes of files and folders, by the path in a parameter, where they are not what the log says of
    them already; empty for what is there no more. Relative paths are those of `location`, the one that is executed
    (before it was recorded: of any). `places` are likewise fingerprints of what lies where IO has stored versions.
    """

    run: RunId
    steps: tuple[PlannedSteps, ...]
    position: int
    fresh: int = 0
    part: int = 1
    parts: int = 1
    contents: dict[str, str] = {}
    location: str = ""
    places: dict[str, str] = {}


class InputRead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The exact versions a step reads through one input.

    `partitions` and `versions` run in parallel, both compact (`latewood.decide.versions`): key ranges, and
    `RUN.FIRST-LAST` ranges. Where there are too many for an event, `versions` is `@` and the artifact that lists
    them. `data_version` is what enters the reuse key.
    """

    asset: AssetId
    data_version: str
    versions: str
    partitions: str = ""


class StepStarted(Event, frozen=True):
    """An attempt begins: everything that decides its result, pinned.

    `logic` digests task, code and parameters (the same for every partition) and, behind a `+`, what the resources are
    configured to; `inputs` the data versions read; `configurations` are digests of configurations, by resource.
    `reuse_key` is empty where the step gives up reuse, and `no_reuse` says why. `variant`: with other than the
    environment's parameters, or from such versions, so that what comes of it says nothing of the asset.
    """

    run: RunId
    step: int
    attempt: int
    assets: tuple[AssetId, ...]
    task: str
    code: str
    logic: str
    inputs_digest: str
    partition: PartitionKey = PartitionKey("")
    reuse_key: str = ""
    no_reuse: str = ""
    parameters: dict[str, Any] = {}
    inputs: dict[str, InputRead] = {}
    reasons: tuple[str, ...] = ()
    variant: bool = False
    configurations: dict[str, str] = {}


class OutputMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of an asset partition: its content and where it lies, in the store or by `latewood.places.Address`.

    `accepted`: no blocking check stands before it. `head`: the run's environment points to it from here on.
    `retracted` is the retracted version that it equals, which keeps it from both.
    """

    asset: AssetId
    output: str
    data_version: str
    artifact: str
    size: int
    accepted: bool
    head: bool
    metadata: dict[str, Any] = {}
    columns: tuple[str, ...] = ()
    retracted: VersionId = VersionId("")


class StepSucceeded(Event, frozen=True):
    """The materialization: attempt `attempt` of the step produced these outputs.

    It repeats what reuse and staleness are judged by, so that a version is one event's fact.
    """

    run: RunId
    step: int
    attempt: int
    environment: str
    code: str
    logic: str
    inputs_digest: str
    outputs: tuple[OutputMade, ...]
    duration_ms: float
    partition: PartitionKey = PartitionKey("")
    reuse_key: str = ""
    logs: str = ""


class FailureKind(StrEnum):
    """Whose failure ended an attempt."""

    USER = "user"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    STORE = "store"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong: kind, exception type, message, and the user's own traceback."""

    kind: FailureKind
    error: str
    message: str
    traceback: str = ""


class StepFailed(Event, frozen=True):
    """An attempt failed; another one follows at `retry_at`, or none."""

    run: RunId
    step: int
    attempt: int
    failure: Failure
    duration_ms: float
    assets: tuple[AssetId, ...] = ()
    partition: PartitionKey = PartitionKey("")
    retry_at: datetime | None = None
    logs: str = ""


class ReusedOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A past version taken in place of computing it.

    `made` is set where the past version belongs to another asset of the same task: then this asset gets a version of
    its own with the same content as that one (`source`), and as old (`made_at`): a reuse window counts from the
    computation.
    """

    asset: AssetId
    version: VersionId
    head: bool
    made: OutputMade | None = None
    made_at: datetime | None = None
    source: tuple[AssetId, VersionId] | None = None


class StepReused(Event, frozen=True):
    """The step's reuse key equals that of a past version whose artifact exists: nothing was computed."""

    run: RunId
    step: int
    environment: str
    reuse_key: str
    code: str
    logic: str
    inputs_digest: str
    outputs: tuple[ReusedOutput, ...]
    partition: PartitionKey = PartitionKey("")


class ReuseSourceLost(Event, frozen=True):
    """A version could have been reused, but its artifact is gone; the step runs."""

    run: RunId
    step: int
    asset: AssetId
    version: VersionId
    artifact: str
    partition: PartitionKey = PartitionKey("")


class SkipReason(StrEnum):
    """Why a planned step was not run."""

    UPSTREAM_FAILED = "upstream failed"
    CHECK_FAILED = "blocking check failed"
    OUTPUT_ABSENT = "optional output absent"
    BRANCH_NOT_TAKEN = "branch not taken"
    RETRACTED = "retracted"


class StepSkipped(Event, frozen=True):
    """A planned step was not run, because of another step."""

    run: RunId
    step: int
    reason: SkipReason
    assets: tuple[AssetId, ...]
    partition: PartitionKey = PartitionKey("")
    because: int | None = None


class CheckEvaluated(Event, frozen=True):
    """A verdict on one version: new, or a refusal that stands and was met again.

    `check_key` digests all that the check looks at: under an equal one it is not evaluated again. It is empty where no
    verdict stands: the check itself failed (`failure`; then it has not passed), or it looked at the clock or the run.
    `logs` is what it printed and logged. `variant` as in StepStarted.
    """

    run: RunId
    step: int
    asset: AssetId
    version: VersionId
    check: str
    check_key: str
    passed: bool
    blocking: bool
    severity: str
    partition: PartitionKey = PartitionKey("")
    metadata: dict[str, Any] = {}
    message: str = ""
    environment: str = "prod"
    variant: bool = False
    failure: Failure | None = None
    logs: str = ""


class VersionAccepted(Event, frozen=True):
    """All blocking checks passed: the version may be reused, and is head of the environment where `head`."""

    run: RunId
    step: int
    environment: str
    asset: AssetId
    version: VersionId
    head: bool
    partition: PartitionKey = PartitionKey("")


class FailureHandled(Event, frozen=True):
    """A workflow's failure handler was told of its failed steps; `failure` is its own, if it had one."""

    run: RunId
    workflow: str
    task: str
    code: str
    steps: tuple[int, ...]
    duration_ms: float
    failure: Failure | None = None
    logs: str = ""


class RunStatus(StrEnum):
    """State of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class RunEnded(Event, frozen=True):
    """The run is over. `refused` counts versions that a blocking check, or a retraction, kept from being head.

    `interrupted`: its process died; what it had finished stays and is reused.
    """

    run: RunId
    status: RunStatus
    ran: int = 0
    reused: int = 0
    failed: int = 0
    refused: int = 0
    skipped: int = 0
    fresh: int = 0


# ── reproductions ────────────────────────────────────────────────────────────────────────────────────────


class ReproductionStarted(Event, frozen=True):
    """Steps are about to be run again as they were: by the code of this deployment, with what they read then.

    Nothing that comes of it is a version. `versions` are those that the steps made, compact; where there are too many
    for an event, it is `@` and the artifact that lists them. `forced`: also steps whose task gives up reuse.
    """

    reproduction: str
    location: str
    deployment: str
    versions: str
    forced: bool = False


class Verdict(StrEnum):
    """What running a step again says of one of its outputs: `same shape` is a table's schema and number of rows."""

    IDENTICAL = "identical"
    SAME_SHAPE = "same shape"
    DIFFERENT = "different"
    FAILED = "failed"
    NOT_RUN = "not run"


class OutputReproduced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An output that is not identical: where it parts first from what was recorded, or why there is none."""

    asset: AssetId
    version: VersionId
    verdict: Verdict
    data_version: str = ""
    message: str = ""


class ReproductionEnded(Event, frozen=True):
    """How the steps came out by this Python: `identical` are the versions of which all outputs were, as listed before.

    Many others take several events, `part` of `parts`.
    """

    reproduction: str
    python: str
    identical: str
    others: tuple[OutputReproduced, ...] = ()
    part: int = 1
    parts: int = 1


TYPES: Final[dict[str, type[Event]]] = {
    "asset.defined": AssetDefined,
    "asset.dropped": AssetDropped,
    "launchable.defined": LaunchableDefined,
    "launchable.dropped": LaunchableDropped,
    "task.defined": TaskDefined,
    "task.dropped": TaskDropped,
    "deployment.created": DeploymentCreated,
    "environment.deployed": EnvironmentDeployed,
    "environment.created": EnvironmentCreated,
    "environment.dropped": EnvironmentDropped,
    "environment.promoted": EnvironmentPromoted,
    "heads.moved": HeadsMoved,
    "parameter.pinned": ParameterPinned,
    "parameter.unpinned": ParameterUnpinned,
    "resource.configured": ResourceConfigured,
    "asset.observed": AssetObserved,
    "artifacts.collected": ArtifactsCollected,
    "versions.retracted": VersionsRetracted,
    "retraction.undone": RetractionUndone,
    "asset.renamed": AssetRenamed,
    "partition.carried": PartitionCarried,
    "partitions.added": PartitionsAdded,
    "partitions.removed": PartitionsRemoved,
    "task.granted": TaskGranted,
    "task.received": TaskReceived,
    "grant.revoked": GrantRevoked,
    "task.withdrawn": TaskWithdrawn,
    "run.requested": RunRequested,
    "run.planned": RunPlanned,
    "step.started": StepStarted,
    "step.succeeded": StepSucceeded,
    "step.failed": StepFailed,
    "step.reused": StepReused,
    "step.skipped": StepSkipped,
    "reuse.source_lost": ReuseSourceLost,
    "check.evaluated": CheckEvaluated,
    "version.accepted": VersionAccepted,
    "failure.handled": FailureHandled,
    "run.ended": RunEnded,
    "reproduction.started": ReproductionStarted,
    "reproduction.ended": ReproductionEnded,
}
"""Every event type by its stored name: literal strings, so that a class may be renamed and an event never is."""

TYPE_OF: Final = {cls: name for name, cls in TYPES.items()}

SCHEMA_VERSIONS: Final[dict[str, int]] = dict.fromkeys(TYPES, 1)
"""The schema version that today's code writes, by type."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decoders: Final = {name: msgspec.json.Decoder(cls).decode for name, cls in TYPES.items()}


def to_json(event: Event) -> str:
    """Canonical JSON of the event: keys in order, defaults left out."""
    return _encode(event).decode()


def from_json(type_: str, data: str) -> Event:
    """The event written as `data`. Raises msgspec.ValidationError for what is no such event."""
    return _decoders[type_](data)
