"""Which assets an event is about: what came of them, and what was decided of them; not what others read of them."""

from collections.abc import Iterable
from typing import Final

from latewood.events import (
    TYPE_OF,
    AssetDefined,
    AssetDropped,
    AssetObserved,
    AssetRenamed,
    CheckEvaluated,
    EnvironmentPromoted,
    Event,
    HeadsMoved,
    ObservationFailed,
    ParameterPinned,
    ParameterUnpinned,
    PartitionCarried,
    RetractionUndone,
    ReuseSourceLost,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    VersionAccepted,
    VersionsRetracted,
    from_json,
)
from latewood.model.keys import AssetId

ABOUT_ASSETS: Final = frozenset(
    TYPE_OF[kind]
    for kind in (
        AssetDefined,
        AssetDropped,
        AssetObserved,
        AssetRenamed,
        CheckEvaluated,
        EnvironmentPromoted,
        HeadsMoved,
        ObservationFailed,
        ParameterPinned,
        ParameterUnpinned,
        PartitionCarried,
        RetractionUndone,
        ReuseSourceLost,
        StepFailed,
        StepReused,
        StepSkipped,
        StepStarted,
        StepSucceeded,
        VersionAccepted,
        VersionsRetracted,
    )
)
"""The types of events that are about assets."""


def assets_of(fact: Event) -> Iterable[AssetId]:
    """The assets that a fact of these types is about, each once."""
    match fact:
        case StepStarted() | StepFailed() | StepSkipped() | EnvironmentPromoted():
            return fact.assets
        case StepSucceeded() | StepReused():
            return dict.fromkeys(output.asset for output in fact.outputs)
        case HeadsMoved():
            return fact.moves
        case RetractionUndone():
            return fact.versions
        case VersionsRetracted():
            return dict.fromkeys(retracted.asset for retracted in fact.versions)
        case (
            AssetDefined()
            | AssetDropped()
            | AssetObserved()
            | AssetRenamed()
            | CheckEvaluated()
            | ObservationFailed()
            | ParameterPinned()
            | ParameterUnpinned()
            | PartitionCarried()
            | ReuseSourceLost()
            | VersionAccepted()
        ):
            return (fact.asset,)
        case _:
            return ()


def assets_of_event(type_: str, data: str) -> list[str]:
    """The same of what was recorded, of whatever type."""
    return list(assets_of(from_json(type_, data))) if type_ in ABOUT_ASSETS else []
