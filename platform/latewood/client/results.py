"""What a server answers, as values. Documents name fields as they are named here, so that each is one conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED"})


def converted(found: Any, to: type[T]) -> T:
    """The JSON as a value of the type, times and all. Raises msgspec.ValidationError for an answer that is none."""
    return msgspec.convert(found, to, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would do. `hash` approves just that; `refusal` says why it would be refused, empty where not."""

    hash: str
    position: int
    steps: int
    counts: Mapping[str, int]
    refusal: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Preview":
        """From the answer."""
        return converted({**found, "refusal": found["refusal"] or ""}, cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the code of a location, and where; no file and line 0 where it is in none."""

    message: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A location as its code stands: its deployment, and the one before, empty for a location that is new."""

    location: str
    deployment: str
    before: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run that was asked for, empty where nothing is to be done; `position` is one at which the log has it."""

    run: str
    repeated: bool
    position: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be run: what was selected is up to date with its inputs, or left out of the plan.

        There is no run then, and nothing to wait for; `preview` says what is left out.
        """
        return not self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it stands. `counts` are its steps by what became of them, once it has ended.

    `automation` is what asked for it by itself, if something did.
    """

    id: str
    environment: str
    selection: str
    partitions: str
    status: str
    actor: str
    automation: str
    requested_at: datetime
    requested_position: int
    ended_at: datetime | None
    ended_position: int | None
    counts: Mapping[str, int]

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self.status in _ENDED

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Run":
        """From the answer."""
        return converted({**found, "counts": found["counts"] or {}}, cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsAlike:
    """Steps of a task that stand alike, and the partitions they are of, in words: the first ranges, if it `is_cut`."""

    status: str
    count: int
    partitions: str
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """How the steps of one task stand; `assets` are the keys of what it makes."""

    assets: tuple[str, ...]
    total: int
    ended: int
    steps: tuple[StepsAlike, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStep:
    """A step that failed for good."""

    step: int
    asset: str
    partition: str
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: steps in all and ended, how many end in a second, how long the rest takes, if that is known."""

    run: Run
    total: int
    ended: int
    rate: float
    seconds_left: float | None
    tasks: tuple[TaskProgress, ...]
    failures: tuple[FailedStep, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Progress":
        """From the answer."""
        run = Run.of(found["run"])
        rest = {name: value for name, value in found.items() if name != "run"}
        return cls(
            run=run,
            **{
                **rest,
                "tasks": converted(found["tasks"], tuple[TaskProgress, ...]),
                "failures": converted(found["failures"], tuple[FailedStep, ...]),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact of the log, as it was recorded; `data` is what it says, `assets` are the keys of what it is about."""

    position: int
    id: str
    type: str
    stream: str
    version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    cause: int | None
    assets: tuple[str, ...]
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that a step printed or logged, from 1; `check` is the check that did, empty for the step itself."""

    step: int
    attempt: int
    check: str
    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of an external asset, or of a partition of it; `before` is what its head had until then.

    Of one that failed there is `error`, with what that says, and no data version.
    """

    asset: str
    partition: str
    data_version: str | None
    before: str | None
    is_new: bool
    metadata: Any
    error: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPassed:
    """A check that did not pass for what was seen; what a `blocking` one refuses nobody reads."""

    asset: str
    partition: str
    check: str
    blocking: bool
    message: str
    metadata: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What came of looking at external assets: how many looks found what is new, the same, or nothing that counts.

    `looks` are the first thousand: those that failed, then what is new. `repeated`: it was asked for by the same key
    before, and this is what was seen then.
    """

    id: str
    repeated: bool
    position: int
    new: int
    same: int
    failed: int
    looks: tuple[Look, ...]
    not_passed: tuple[NotPassed, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Observation":
        """From the answer."""
        lists = {
            "looks": converted(found["looks"], tuple[Look, ...]),
            "not_passed": converted(found["not_passed"], tuple[NotPassed, ...]),
        }
        return cls(**{**{name: value for name, value in found.items() if name != "__typename"}, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A version, and what it read through one input; `depth` counts levels from what was asked about, from 1."""

    reader: str
    reader_partition: str
    reader_version: str
    input: str
    asset: str
    partitions: str
    versions: str
    versions_count: int
    depth: int
    equal_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What versions were made from, and what was made from them; nearest level first."""

    upstream: tuple[Link, ...]
    downstream: tuple[Link, ...]
