"""Enumerations of the schema: those of the decisions, with what each value means."""

from collections.abc import Callable, Mapping
from enum import Enum

import graphene

from latewood.commands.attention import Trouble
from latewood.commands.page import Use
from latewood.commands.sampling import Absence
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status
from latewood.decide.step_reasons import Decision
from latewood.decide.step_waits import Wait
from latewood.events import Action, RunStatus, SkipReason
from latewood.model.access import Role
from latewood.model.definitions import Origin
from latewood_graphql.meanings import (
    ABSENCES,
    ACTIONS,
    AUTOMATIONS,
    CAUSES,
    CONFIDENCES,
    DECISIONS,
    FLAGS,
    MAPPINGS,
    ORIGINS,
    ROLES,
    RUN_STATUSES,
    SKIPS,
    STATUSES,
    TROUBLES,
    USES,
    WAITS,
    WANTED,
)


def _described(about: str, meanings: Mapping[str, str]) -> Callable[[Enum | None], str | None]:
    return lambda value: about if value is None else meanings.get(value.value)


Flag = Enum("Flag", {name.upper(): name for name in FLAGS})  # type: ignore[misc]  # their names are the meanings' keys

Wanted = Enum("Wanted", {name.upper(): name for name in WANTED})  # type: ignore[misc]  # as above

AssetStatus = graphene.Enum.from_enum(
    Status, name="AssetStatus", description=_described("Whether something is what would be computed now.", STATUSES)
)
AssetFlag = graphene.Enum.from_enum(
    Flag, name="AssetFlag", description=_described("What may be true of an asset besides its status.", FLAGS)
)
AssetOrigin = graphene.Enum.from_enum(
    Origin, name="AssetOrigin", description=_described("Who makes the versions of an asset.", ORIGINS)
)
StaleCause = graphene.Enum.from_enum(
    Cause, name="StaleCause", description=_described("Why an asset partition is not fresh, or a step is run.", CAUSES)
)
SampleAbsence = graphene.Enum.from_enum(
    Absence, name="SampleAbsence", description=_described("Why there is no sample of a version.", ABSENCES)
)
ColumnConfidence = graphene.Enum(
    "ColumnConfidence",
    [(word.upper(), word) for word in CONFIDENCES],
    description=_described("How much is known of what a column was computed from.", CONFIDENCES),
)
VersionUse = graphene.Enum.from_enum(
    Use, name="VersionUse", description=_described("What an environment has to do with a version.", USES)
)
AssetTrouble = graphene.Enum.from_enum(
    Trouble, name="AssetTrouble", description=_described("Why an asset needs somebody.", TROUBLES)
)
RunState = graphene.Enum.from_enum(
    RunStatus, name="RunState", description=_described("How far a run has come.", RUN_STATUSES)
)
AutomationKind = graphene.Enum(
    "AutomationKind",
    [(kind.upper(), kind) for kind in AUTOMATIONS],
    description=_described("What happens by itself.", AUTOMATIONS),
)
PlannedAction = graphene.Enum.from_enum(
    Action, name="PlannedAction", description=_described("What is planned for an asset partition.", ACTIONS)
)
StepDecision = graphene.Enum.from_enum(
    Decision, name="StepDecision", description=_described("What was decided of a step.", DECISIONS)
)
StepSkip = graphene.Enum.from_enum(
    SkipReason, name="StepSkip", description=_described("Why a step that was planned was not run.", SKIPS)
)
WaitKind = graphene.Enum.from_enum(Wait, name="WaitKind", description=_described("What a step may wait for.", WAITS))
PartitionMapping = graphene.Enum(
    "PartitionMapping",
    [(kind.upper(), kind) for kind in MAPPINGS],
    description=_described("Which partitions of what is upstream a partition reads.", MAPPINGS),
)
PartitionsWanted = graphene.Enum.from_enum(
    Wanted,
    name="PartitionsWanted",
    description=_described("Which partitions of what is selected are asked for, if not all.", WANTED),
)
AccessRole = graphene.Enum.from_enum(
    Role, name="Role", description=_described("What may be done; each may do what those before it may.", ROLES)
)
