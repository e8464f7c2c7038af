"""What decisions know of the past: versions, heads and what could be reused, at one position and instant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId


class VersionFacts(NamedTuple):
    """A version of an asset partition as decisions see it. A tuple: plans hold a hundred thousand of them."""

    asset: AssetId
    partition: PartitionKey
    version: VersionId
    position: int
    made_at: datetime
    duration_ms: float
    data_version: str
    artifact: str
    code: str
    logic: str
    inputs: str
    reuse_key: str
    accepted: bool


Heads = Mapping[AssetId, Mapping[PartitionKey, VersionFacts]]


class Refusal(NamedTuple):
    """A check's verdict that a version's data are not as they should be; `position` is that of its event."""

    check: str
    check_key: str
    position: int


class Durations(NamedTuple):
    """How long an asset's steps took: median and 90th percentile in milliseconds, over `samples` versions."""

    p50_ms: float
    p90_ms: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was true in `environment` at `position`, judged at `now`.

    `reusable` maps (reuse key, output name) to the version to take; `logics` names those logics that have made any
    version at all. `contents` maps the text of each Path parameter's value to its content hash. `lost`
    are artifacts that were looked for and are gone: versions that lie in them count for nothing.

    `checked` are verdicts of checks, by asset, partition and check key; None = nobody looked. `refusals` are those of
    them that did not pass, newest first. `absent` are optional outputs that a head's step did not make: the
    output's asset, the partition, and the version of the head that its step did make.
    """

    environment: str
    position: int
    now: datetime
    ids: Mapping[AssetKey, AssetId] = field(default_factory=dict)
    heads: Heads = field(default_factory=dict)
    reusable: Mapping[tuple[str, str], VersionFacts] = field(default_factory=dict)
    logics: frozenset[str] = frozenset()
    contents: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    checked: frozenset[tuple[AssetId, PartitionKey, str]] | None = None
    refusals: Mapping[tuple[AssetId, PartitionKey], tuple[Refusal, ...]] = field(default_factory=dict)
    absent: frozenset[tuple[AssetId, PartitionKey, VersionId]] = frozenset()
    durations: Mapping[AssetId, Durations] = field(default_factory=dict)
