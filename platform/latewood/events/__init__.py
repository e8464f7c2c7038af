"""Every fact Latewood records: one frozen shape each, and how it is written and read.

The type string and the meaning of a field never change once released; a new need is a new event or a new
schema version with an upcaster (`UPCASTS`). Times, ids and digests are given by whoever decides.

Streams: `location/NAME` (definitions and deployments), `environment/NAME` (what it points to), `run/ID`,
`reproduction/ID`, `observations` (what was seen of external assets), `store` (what was removed from it),
`corrections` (what was retracted, renamed, carried over), `partitions/NAME` (keys of dynamic partitions), `grants`
(tasks that other projects may use, and those of others), `cancellations` (of runs), `automation/NAME` (what happens by
itself in that environment), `notifications/NAME` (what was told of it), `pools`, `tokens` (of the API).
"""

from typing import Final

import msgspec

from latewood.events.assets import (
    ArtifactsCollected,
    AssetObserved,
    AssetRenamed,
    GrantRevoked,
    ObservationFailed,
    PartitionCarried,
    PartitionsAdded,
    PartitionsRemoved,
    RetractedVersion,
    RetractionUndone,
    TaskGranted,
    TaskReceived,
    TaskWithdrawn,
    VersionsRetracted,
)
from latewood.events.automations import (
    AskedByItself,
    AskedByKey,
    AskedFor,
    AutomationDefined,
    AutomationDropped,
    AutomationEvaluated,
    AutomationSwitched,
    SensorEvaluated,
)
from latewood.events.base import Event
from latewood.events.definitions import (
    AssetDefined,
    AssetDropped,
    DeploymentCreated,
    EnvironmentCreated,
    EnvironmentDeployed,
    EnvironmentDropped,
    EnvironmentPromoted,
    HeadsMoved,
    LaunchableDefined,
    LaunchableDropped,
    ParameterPinned,
    ParameterUnpinned,
    ResourceConfigured,
    TaskDefined,
    TaskDropped,
)
from latewood.events.jobs import JobPrepared, JobSubmitted
from latewood.events.notifications import (
    Notification,
    NotificationFailed,
    NotificationSent,
    NotificationsRaised,
)
from latewood.events.pools import PoolRemoved, PoolSet
from latewood.events.reproductions import OutputReproduced, ReproductionEnded, ReproductionStarted, Verdict
from latewood.events.runs import (
    Action,
    CheckEvaluated,
    Executor,
    Failure,
    FailureHandled,
    FailureKind,
    InputRead,
    OutputMade,
    PlannedSteps,
    ReusedOutput,
    ReuseSourceLost,
    RunCancelRequested,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStarted,
    RunStatus,
    SkipReason,
    StepExpanded,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    VersionAccepted,
)
from latewood.events.tokens import TokenCreated, TokenRevoked

__all__ = [
    "SCHEMA_VERSIONS",
    "TYPES",
    "TYPE_OF",
    "Action",
    "ArtifactsCollected",
    "AskedByItself",
    "AskedByKey",
    "AskedFor",
    "AssetDefined",
    "AssetDropped",
    "AssetObserved",
    "AssetRenamed",
    "AutomationDefined",
    "AutomationDropped",
    "AutomationEvaluated",
    "AutomationSwitched",
    "CheckEvaluated",
    "DeploymentCreated",
    "EnvironmentCreated",
    "EnvironmentDeployed",
    "EnvironmentDropped",
    "EnvironmentPromoted",
    "Event",
    "Executor",
    "Failure",
    "FailureHandled",
    "FailureKind",
    "GrantRevoked",
    "HeadsMoved",
    "InputRead",
    "JobPrepared",
    "JobSubmitted",
    "LaunchableDefined",
    "LaunchableDropped",
    "Notification",
    "NotificationFailed",
    "NotificationSent",
    "NotificationsRaised",
    "ObservationFailed",
    "OutputMade",
    "OutputReproduced",
    "ParameterPinned",
    "ParameterUnpinned",
    "PartitionCarried",
    "PartitionsAdded",
    "PartitionsRemoved",
    "PlannedSteps",
    "PoolRemoved",
    "PoolSet",
    "ReproductionEnded",
    "ReproductionStarted",
    "ResourceConfigured",
    "RetractedVersion",
    "RetractionUndone",
    "ReuseSourceLost",
    "ReusedOutput",
    "RunCancelRequested",
    "RunEnded",
    "RunPlanned",
    "RunRequested",
    "RunStarted",
    "RunStatus",
    "SensorEvaluated",
    "SkipReason",
    "StepExpanded",
    "StepFailed",
    "StepReused",
    "StepSkipped",
    "StepStarted",
    "StepSucceeded",
    "TaskDefined",
    "TaskDropped",
    "TaskGranted",
    "TaskReceived",
    "TaskWithdrawn",
    "TokenCreated",
    "TokenRevoked",
    "Verdict",
    "VersionAccepted",
    "VersionsRetracted",
    "from_json",
    "to_json",
]

TYPES: Final[dict[str, type[Event]]] = {
    "asset.defined": AssetDefined,
    "asset.dropped": AssetDropped,
    "launchable.defined": LaunchableDefined,
    "launchable.dropped": LaunchableDropped,
    "automation.defined": AutomationDefined,
    "automation.dropped": AutomationDropped,
    "automation.switched": AutomationSwitched,
    "automation.evaluated": AutomationEvaluated,
    "sensor.evaluated": SensorEvaluated,
    "notification.raised": NotificationsRaised,
    "notification.sent": NotificationSent,
    "notification.failed": NotificationFailed,
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
    "observation.failed": ObservationFailed,
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
    "run.started": RunStarted,
    "step.started": StepStarted,
    "step.expanded": StepExpanded,
    "job.prepared": JobPrepared,
    "job.submitted": JobSubmitted,
    "step.succeeded": StepSucceeded,
    "step.failed": StepFailed,
    "step.reused": StepReused,
    "step.skipped": StepSkipped,
    "reuse.source_lost": ReuseSourceLost,
    "check.evaluated": CheckEvaluated,
    "version.accepted": VersionAccepted,
    "failure.handled": FailureHandled,
    "run.ended": RunEnded,
    "run.cancel_requested": RunCancelRequested,
    "pool.set": PoolSet,
    "pool.removed": PoolRemoved,
    "token.created": TokenCreated,
    "token.revoked": TokenRevoked,
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
