"""What decisions know of the past: versions, heads and what could be reused, at one position and instant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.places import Address


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

    @property
    def run(self) -> str:
        """The run that made it, or the observation that found it."""
        return self.version.rpartition(".")[0]


Heads = Mapping[AssetId, Mapping[PartitionKey, VersionFacts]]


class Carried(NamedTuple):
    """Versions of partition `old` count as those of `new`; said by `actor` at `position`."""

    asset: AssetId
    old: PartitionKey
    new: PartitionKey
    position: int
    actor: str


def with_carried(heads: Heads, carried: Iterable[Carried]) -> Heads:
    """The heads, with those that are carried over where a partition has none of its own.

    Each stays what it is, a version of its own partition: that it is found under another tells the difference.
    """
    found = dict(heads)
    for entry in carried:
        of_asset = found.get(entry.asset, {})
        if entry.old in of_asset and entry.new not in of_asset:
            found[entry.asset] = {**of_asset, entry.new: of_asset[entry.old]}
    return found


def counted_as(partitions: Iterable[PartitionKey], carried: Sequence[Carried]) -> list[PartitionKey]:
    """These partitions, and those whose versions count as theirs; `carried` is in the order in which it was said."""
    found = dict.fromkeys(partitions)
    for entry in reversed(carried):
        if entry.new in found:
            found[entry.old] = None
    return list(found)


class Refusal(NamedTuple):
    """A check's verdict that a version's data are not as they should be; `position` is that of its event."""

    check: str
    check_key: str
    position: int


class Retraction(NamedTuple):
    """A version that somebody declared to be wrong, and what else that is true of: whatever equals it.

    `rerun`: its computation may be done again, and only its content is refused. `position` is that of the event.
    """

    asset: AssetId
    partition: PartitionKey
    version: VersionId
    output: str
    data_version: str
    artifact: str
    reuse_key: str
    rerun: bool
    reason: str
    position: int


@dataclass(frozen=True, slots=True)
class Retracted:
    """What is retracted, by what it is found by: the content of an asset partition, and the output of a computation."""

    by_content: Mapping[tuple[AssetId, PartitionKey, str], Retraction] = field(default_factory=dict)
    by_key: Mapping[tuple[str, str], Retraction] = field(default_factory=dict)

    @classmethod
    def of(cls, retractions: Iterable[Retraction]) -> Self:
        """Of several that say the same the last one counts."""
        by_content: dict[tuple[AssetId, PartitionKey, str], Retraction] = {}
        by_key: dict[tuple[str, str], Retraction] = {}
        for found in retractions:
            for content in filter(None, (found.data_version, found.artifact)):  # observations have no artifact
                by_content[found.asset, found.partition, content] = found
            if found.reuse_key and not found.rerun:
                by_key[found.reuse_key, found.output] = found
        return cls(by_content, by_key)

    def __bool__(self) -> bool:
        return bool(self.by_content)

    def of_asset(self, asset: AssetId) -> tuple[Retraction, ...]:
        """What was retracted of an asset. Cost: O(retractions)."""
        return tuple(dict.fromkeys(found for found in self.by_content.values() if found.asset == asset))

    def content(self, asset: AssetId, partition: PartitionKey, data_version: str, artifact: str) -> Retraction | None:
        """The retraction of equal data, or of the very artifact; None where these may be used."""
        found = self.by_content.get((asset, partition, data_version))
        return found or self.by_content.get((asset, partition, artifact))


class Pin(NamedTuple):
    """A value that an environment takes for a parameter of the step whose first asset it is; `pinned` or not any more.

    `position` and `actor` are those of the event that says so.
    """

    asset: AssetId
    parameter: str
    pinned: bool
    value: Any
    position: int
    actor: str


class Lying(NamedTuple):
    """What lies at a place where an IO stores values: the `version` that was stored there last, and by whom.

    Or without a version what was seen there and nobody stored: nothing, if the fingerprint is empty.
    """

    fingerprint: str
    version: VersionId = VersionId("")
    environment: str = ""
    position: int = 0


class Durations(NamedTuple):
    """How long an asset's steps took: median and 90th percentile in milliseconds, over `samples` versions."""

    p50_ms: float
    p90_ms: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was true in `environment` at `position`, judged at `now`.

    `reusable` maps (reuse key, output name) to the version to take; `logics` names those logics that have made any
    version at all. `contents` has, by asset, the hash of what lies behind each path in its parameters, by the path's
    text: a relative one is another file in another location. `lost` are artifacts that were looked for and are gone:
    versions that lie in them count for nothing.

    `checked` are verdicts of checks, by asset, partition and check key; None = nobody looked. `refusals` are those of
    them that did not pass, newest first. `absent` are optional outputs that a head's step did not make: the
    output's asset, the partition, and the version of the head that its step did make. `retracted` is never used.
    `places` are those where versions lie that do not lie in the store, each with what is there. `bases` are the
    environments that this one branched from, directly or not: what it has from them it leaves at their places.
    """

    environment: str
    position: int
    now: datetime
    ids: Mapping[AssetKey, AssetId] = field(default_factory=dict)
    heads: Heads = field(default_factory=dict)
    reusable: Mapping[tuple[str, str], VersionFacts] = field(default_factory=dict)
    logics: frozenset[str] = frozenset()
    contents: Mapping[AssetKey, Mapping[str, str]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    checked: frozenset[tuple[AssetId, PartitionKey, str]] | None = None
    refusals: Mapping[tuple[AssetId, PartitionKey], tuple[Refusal, ...]] = field(default_factory=dict)
    absent: frozenset[tuple[AssetId, PartitionKey, VersionId]] = frozenset()
    retracted: Retracted = field(default_factory=Retracted)
    durations: Mapping[AssetId, Durations] = field(default_factory=dict)
    places: Mapping[str, Lying] = field(default_factory=dict)
    bases: frozenset[str] = frozenset()

    def contents_of(self, asset: AssetKey) -> Mapping[str, str]:
        """What lies behind the paths in the asset's parameters and in those of its checks, by the path's text."""
        return self.contents.get(asset, _NOTHING)

    def displacing(self, artifact: str) -> Lying | None:
        """What lies at the place of a version now instead of it; None of one that is there, and of any in the store."""
        if not self.places or (address := Address.of(artifact)) is None:
            return None
        found = self.places.get(address.where)
        return None if found is None or found.fingerprint == address.fingerprint else found

    def is_gone(self, artifact: str) -> bool:
        """Whether a version that lies there can not be read any more, as far as anybody looked."""
        return artifact in self.lost or self.displacing(artifact) is not None


_NOTHING: Final[Mapping[str, str]] = {}
