"""What is told of a project to systems that follow lineage: runs, steps and what was seen, with all their names."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from latewood.model.column_sources import Confidence
from latewood.model.keys import AssetKey, RunId


class Turn(StrEnum):
    """What a run, or an attempt of a step, has come to; `ended`: neither done nor failed, since it was broken off."""

    BEGAN = "began"
    DONE = "done"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """A run. `name` is that of the workflow that was launched, or of what asked by itself; empty where somebody did."""

    project: str
    environment: str
    run: RunId
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRead:
    """What a step reads of an asset. `environment` is where it was made; `version` is empty where they are several."""

    environment: str
    key: AssetKey
    version: str = ""
    partitions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTold:
    """What a column was computed from, as (environment, asset, column); other than `exact`: from others as well."""

    column: str
    confidence: Confidence
    sources: tuple[tuple[str, AssetKey, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMade:
    """A version of an asset's partition. `columns` are `name: type`; rows and bytes are None where nobody counted."""

    environment: str
    key: AssetKey
    version: str
    partition: str = ""
    columns: tuple[str, ...] = ()
    rows: int | None = None
    size: int | None = None
    description: str = ""
    owners: tuple[str, ...] = ()
    column_sources: tuple[ColumnTold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHappened:
    """A run was asked for, or is over; `message` says what went wrong."""

    of: RunTold
    at: datetime
    turn: Turn
    selection: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHappened:
    """An attempt of a step. What is `reused` was not computed, and has attempt 0.

    `variant`: with other parameters than the environment's, or of an element of a list, so that what comes of it says
    nothing of the assets.
    """

    of: RunTold
    at: datetime
    turn: Turn
    step: int
    attempt: int
    assets: tuple[AssetKey, ...]
    partition: str = ""
    task: str = ""
    code: str = ""
    connector: str = ""
    description: str = ""
    variant: bool = False
    reused: bool = False
    inputs: tuple[DatasetRead, ...] = ()
    outputs: tuple[DatasetMade, ...] = ()
    error: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSeen:
    """Somebody looked at what others make."""

    project: str
    at: datetime
    dataset: DatasetMade


Happening = RunHappened | StepHappened | DatasetSeen
