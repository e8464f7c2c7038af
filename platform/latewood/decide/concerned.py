"""Which assets an event is about: what came of them, and what was decided of them; not what others read of them."""

from collections.abc import Iterable
from typing import Final, get_args

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

_OfOne = (
    AssetDefined
    | AssetDropped
    | AssetObserved
    | AssetRenamed
    | CheckEvaluated
    | ObservationFailed
    | ParameterPinned
    | ParameterUnpinned
    | PartitionCarried
    | ReuseSourceLost
    | VersionAccepted
)
_OfSome = EnvironmentPromoted | StepFailed | StepSkipped | StepStarted
_OfOutputs = StepReused | StepSucceeded
_OfVersions = HeadsMoved | RetractionUndone | VersionsRetracted

ABOUT_ASSETS: Final = frozenset(TYPE_OF[kind] for kind in get_args(_OfOne | _OfSome | _OfOutputs | _OfVersions))
"""The types of events that are about assets."""


def assets_of(fact: Event) -> Iterable[AssetId]:
    """The assets that a fact of these types is about, each once."""
    if isinstance(fact, _OfOne):
        return (fact.asset,)
    if isinstance(fact, _OfSome):
        return fact.assets
    if isinstance(fact, _OfOutputs):
        return dict.fromkeys(output.asset for output in fact.outputs)
    if isinstance(fact, HeadsMoved):
        return fact.moves
    if isinstance(fact, RetractionUndone):
        return fact.versions
    if isinstance(fact, VersionsRetracted):
        return dict.fromkeys(retracted.asset for retracted in fact.versions)
    return ()


def assets_of_event(type_: str, data: str) -> list[str]:
    """The same of what was recorded, of whatever type."""
    return list(assets_of(from_json(type_, data))) if type_ in ABOUT_ASSETS else []
