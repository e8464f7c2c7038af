"""Runs and their steps."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from latewood.events.base import Event
from latewood.model.column_sources import ColumnSources
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId


class Executor(StrEnum):
    """What runs the steps: the process that asked, or engines by worker processes."""

    INLINE = "inline"
    PROCESSES = "processes"


class RunRequested(Event, frozen=True):
    """Somebody asked for asset partitions to be brought up to date, with these deployments by location.

    `parameters` are values given throughout; `sweep` has axes of alternatives that were tried in combination, or the
    n-th of each with the n-th of the others where `zipped`. `launch` is the workflow or launch plan that was launched,
    if one was. `location` is the one whose code ran, by a Python of version `python`. `rerun_of` is the run that was
    asked for again, `only` these of its steps, or those that failed or were left unfinished; or `status:missing`, say:
    what of the selection was of that status. `automation` is what asked for it by itself, a sensor by its `run_key`.
    `priority` is added to those of its tasks, of which `highest` is the highest.
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
    executor: Executor = Executor.INLINE
    launch: str = ""
    location: str = ""
    python: str = ""
    rerun_of: RunId = RunId("")
    only: str = ""
    automation: str = ""
    run_key: str = ""
    priority: int = 0
    highest: int = 0


class Action(StrEnum):
    """What a plan says of a step."""

    RUN = "run"
    REUSE = "reuse"
    DEPENDS = "depends"
    FRESH = "fresh"
    BLOCKED = "blocked"
    SKIP = "skip"


class PlannedSteps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps `first` … `first + n - 1` of a run: one per partition ordinal, in order.

    `trial` is the number, from 0, of the task's trial in a sweep.
    """

    assets: tuple[AssetId, ...]
    action: Action
    partitions: str
    first: int
    reasons: tuple[str, ...] = ()
    trial: int = 0


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
    environment's parameters, or from such versions, or of an element of a list, so that what comes of it says nothing
    of the asset. `connector` is what runs it in another system.
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
    connector: str = ""


class StepExpanded(Event, frozen=True):
    """A step of a mapped task became one for each element: `first` … `first + count - 1`, behind all that there were.

    `elements` is the artifact that lists them, in order: what data versions each reads, and what it looks like.
    `inputs_digest` is that of the lists they are of, as in the start of the step's attempt.
    """

    run: RunId
    step: int
    inputs_digest: str
    first: int
    count: int
    elements: str


class OutputMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of an asset partition: its content and where it lies, in the store or by `latewood.places.Address`.

    `accepted`: no blocking check stands before it. `head`: the run's environment points to it from here on.
    `retracted` is the retracted version that it equals, which keeps it from both. `column_sources` say of columns, by
    inputs of the step, what they were computed from, where that is known of a query; of others nobody knows.
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
    column_sources: tuple[ColumnSources, ...] = ()


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


class RunStarted(Event, frozen=True):
    """An engine begins to drive the run, or goes on where another one has left it."""

    run: RunId
    engine: str
    resumed: bool = False


class RunCancelRequested(Event, frozen=True):
    """Somebody asked for a run to be cancelled; whoever drives it ends it, with what was finished kept."""

    run: RunId


class FailureKind(StrEnum):
    """Whose failure ended an attempt; `interrupted`: whatever drove the run died, which costs no retry.

    `elements`: too few elements of a mapped task's lists succeeded, each after retries of its own.
    """

    USER = "user"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    STORE = "store"
    INTERRUPTED = "interrupted"
    ELEMENTS = "elements"


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
    computation. `placed` is the address of the copy that was stored at the environment's own place, where the version
    lay elsewhere.
    """

    asset: AssetId
    version: VersionId
    head: bool
    made: OutputMade | None = None
    made_at: datetime | None = None
    source: tuple[AssetId, VersionId] | None = None
    placed: str = ""


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
    """A version could have been reused, but its artifact is gone, or did not get to its place; the step runs.

    So it does where nobody can tell whether the artifact is there still.
    """

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
    INPUT_RETRACTED = "input retracted"


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

    QUEUED = "queued"
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
