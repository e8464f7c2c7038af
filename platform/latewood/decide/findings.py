"""What an explanation consists of, and what of the past it asks for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from latewood.decide.canonical import are_equal
from latewood.decide.deploy import Rename
from latewood.decide.freshness import Judged
from latewood.decide.keys import keyed_parameters, path_texts, texts_in
from latewood.decide.moves import Moved
from latewood.decide.near_miss import Nearest
from latewood.decide.nodes import Node
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status
from latewood.decide.state import Carried, Lying, Pin, Retraction, State, VersionFacts
from latewood.events import CheckEvaluated, InputRead, ObservationFailed, StepFailed, StepStarted
from latewood.model.code import CodeChange
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey


class Past(Protocol):
    """What an explanation asks the log."""

    def foresee(
        self, heads: Mapping[Cause, Collection[VersionFacts]], slots: Mapping[AssetId, Collection[PartitionKey]]
    ) -> None:
        """Read at once what will be asked of these heads for their causes, and since when those of `slots` are that."""
        ...

    def foresee_events(self, positions: Collection[int]) -> None:
        """Read at once what stands at these positions, where it will be asked what failed or moved there."""
        ...

    def definition_of(self, facts: VersionFacts) -> AssetDefinition | None:
        """The definition by which the version was made."""
        ...

    def started(self, facts: VersionFacts) -> StepStarted | None:
        """What the version's step was started with."""
        ...

    def contents_read(self, read: InputRead) -> Mapping[PartitionKey, str]:
        """The data version of each partition that a step read through an input."""
        ...

    def contents(self, facts: VersionFacts, key: AssetKey, paths: Collection[str]) -> Mapping[str, str]:
        """What lay behind these paths when the version was made: content hashes, of what there was."""
        ...

    def head_since(self, asset: AssetId, partitions: Collection[PartitionKey]) -> Mapping[PartitionKey, int]:
        """By partition, of these, the position at which the asset's head became head."""
        ...

    def moved(self, asset: AssetId, position: int) -> Moved | None:
        """What made the asset's head head at this position; None where the version was made by it."""
        ...

    def before(self, asset: AssetId, partition: PartitionKey, position: int) -> Moved | None:
        """What had made the head of before this position head; None of none, and of one that was made."""
        ...

    def failure(self, position: int) -> StepFailed | CheckEvaluated | ObservationFailed:
        """The failed attempt or the refusing verdict that stands at this position."""
        ...

    def pinned(self, key: AssetKey, parameter: str) -> Pin | None:
        """What the environment last said of the parameter: its value, or that it is pinned no more."""
        ...

    def configuration(self, digest: str) -> Mapping[str, Any] | None:
        """The values of a resource's fields in the configuration with this digest."""
        ...

    def configured(self, key: AssetKey, resource: str) -> int | None:
        """The position at which the resource of the asset's code came to be configured as it is."""
        ...

    def deployed(self, key: AssetKey) -> int | None:
        """The position at which the asset's present definition came into force."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause. `event` is the position of the event that brought it about, where there is one.

    `code` names the changed parts; `subject` is the parameter or input that changed, or the check that refuses;
    `before` and `after` are a parameter's values (`pin` where the environment says the latter), those of a resource's
    field (`subject` is `RESOURCE.FIELD`, or the resource alone where there was or is none), the content hashes of
    the file or folder at `path` in it, or an input's data versions.
    `failure` is the newest attempt, or verdict of a blocking check, that failed; `retraction` says what was declared
    wrong, and why. `moved` is how the asset's head became head (of an input that changed the head that is read now),
    where that was not by being made; `since` is when it came to bear on that head, where an event tells.
    `observed`: the input is external, and `event` is the observation. `undefined_in` is the environment in
    which what is missing is not defined any more, though it is read.
    `lying` is what is at the place of the head, `path`, instead of it; `before` and `after` are fingerprints then.
    `through` are the assets by which it reaches what was asked about: its reader first, what was asked about last.
    """

    cause: Cause
    asset: AssetKey
    partitions: str = ""
    subject: str = ""
    path: str = ""
    before: str = ""
    after: str = ""
    event: int | None = None
    pin: Pin | None = None
    failure: StepFailed | CheckEvaluated | ObservationFailed | None = None
    retraction: Retraction | None = None
    code: tuple[CodeChange, ...] = ()
    moved: Moved | None = None
    since: int | None = None
    through: tuple[AssetKey, ...] = ()
    observed: bool = False
    undefined_in: str = ""
    lying: Lying | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfElements:
    """What a list was made of: so many elements, of which so many were computed for it, and so many have failed.

    `first` is the first that was computed: which one, and what it looks like.
    """

    count: int
    computed: int
    failed: int
    first: tuple[int, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The state of one asset partition and how it came about.

    `head` and `started` say what is there and with what it was made; of a head that was taken from another asset's
    version that is how `source`, that version, was computed. `head_since` is the position from which on it is head, and
    `moved` by what, if not by being made; `replaced` is how that of before had been set by hand, if it had.
    `findings` say why it is not what would be there now: root causes, upstream first.
    `beside` is the head whose step did not make an optional output that is absent.
    `failed` is the position of an attempt, or of a blocking check's verdict, that failed after the head was made.
    `renames` say what the asset was called before; `carried` why its head is a version of another partition. `foreseen`
    is the location by whose definitions this would be so, where these are not deployed. `freshness` is what policies
    say of how current the asset is as a whole. `elements` is what a head was made of that a mapped task has made.
    `barred` is the retraction by which what would be computed now is refused, so that running it does not help.
    """

    asset: AssetKey
    partition: PartitionKey
    status: Status
    head: VersionFacts | None
    started: StepStarted | None
    findings: tuple[Finding, ...]
    position: int
    head_since: int | None = None
    moved: Moved | None = None
    replaced: Moved | None = None
    beside: VersionFacts | None = None
    source: tuple[AssetKey, VersionFacts] | None = None
    failed: int | None = None
    nearest: Nearest | None = None
    renames: tuple[Rename, ...] = ()
    foreseen: str = ""
    carried: Carried | None = None
    freshness: tuple[Judged, ...] = ()
    elements: OfElements | None = None
    barred: Retraction | None = None

    @property
    def since(self) -> int | None:
        """Position from which on it has been stale, with the head that it has; None for what is not."""
        found = [finding.since for finding in self.findings if finding.since is not None]
        return max(min(found), self.head_since or 0) if found and self.head is not None else None


class ParameterChange(NamedTuple):
    """A parameter's value then and now; or, of the file or folder at `path` in it, the content hashes."""

    name: str
    path: str
    before: str
    after: str


def changed_parameters(
    node: Node, given: Mapping[str, Any], head: VersionFacts, key: AssetKey, state: State, past: Past
) -> Iterator[ParameterChange]:
    """In which keyed parameters the task is called otherwise now than with those `given` when the head was made."""
    was = {name: given.get(name) for name in node.parameters}
    paths = {*path_texts(node.task, was), *path_texts(node.task, node.parameters)}
    then = past.contents(head, key, paths) if paths else {}
    now = state.contents_of(key)
    old, new = keyed_parameters(node.task, was, then), keyed_parameters(node.task, node.parameters, now)
    for name in [name for name in new if not are_equal(new[name], old[name])]:
        if not are_equal(was[name], node.parameters[name]):
            yield ParameterChange(name, "", str(was[name]), str(node.parameters[name]))
            continue
        for path in texts_in(was[name]):
            before, after = then.get(path, ""), now.get(path, "")
            if before != after:
                yield ParameterChange(name, path, before, after)


def as_text(value: Any) -> str:
    """A value as people read it."""
    """A configured value as it is shown; nothing for none."""
    return "" if value is None else str(value)
