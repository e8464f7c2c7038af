"""What user code receives from its run and gives back to it, besides values."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from logging import Logger, getLogger
from typing import Any, Generic, TypeVar

from latewood.errors import UsageError
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.partitions import unknown_dynamic
from latewood.model.scheme_kinds import check_dynamic_key

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
    """A value with what is to be recorded about it: return it instead of the bare value.

    `data_version` replaces the content hash, for values whose identity is better known by the task.
    """

    value: T
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_version: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A verdict: what an asset check returns. A bare bool is a verdict too."""

    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step of a workflow that failed: the assets it was to make, and its last attempt's error."""

    assets: tuple[AssetKey, ...]
    error: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowFailure:
    """What a workflow's failure handler receives: which run, and which of the workflow's steps failed, in order."""

    workflow: str
    run_id: RunId
    steps: tuple[FailedStep, ...]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that a sensor asks for: once, however often it asks for the same `run_key` again.

    It is of the sensor's target. `partition` and `parameters` are said as those of a Schedule are.
    """

    run_key: str
    partition: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sensor has come: what its context says the next time. It moves together with what is asked for."""

    value: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a sensor asks for nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SensedRun:
    """A run as a sensor hears of it: how it is or ended, and of one that failed the first of its failed steps.

    `run_key` is that by which a sensor asked for it, `automation` the name of the sensor, schedule or rule that did.
    """

    run_id: RunId
    status: str
    selection: str = ""
    automation: str = ""
    run_key: str = ""
    steps: tuple[FailedStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorContext:
    """What a sensor receives in the parameter that it annotates so.

    cursor     what it gave as Cursor last, empty at first
    now        the time, aware, in UTC
    last_run   the last run that it has asked for, as it is now
    run        of one with `watch`: the run that has ended so
    """

    now: datetime
    cursor: str = ""
    last_run: SensedRun | None = None
    run: SensedRun | None = None


class Partitioned(Generic[T]):
    """Several partitions of an input, each loaded when it is reached: iterate over (partition key, value)."""

    def __init__(self, keys: Sequence[PartitionKey], load: Callable[[int], T]) -> None:
        self.keys = tuple(keys)
        self._load = load

    def __iter__(self) -> Iterator[tuple[PartitionKey, T]]:
        for index, key in enumerate(self.keys):
            yield key, self._load(index)

    def __len__(self) -> int:
        return len(self.keys)


class Cancelled(BaseException):
    """Raised in user code at `Context.raise_if_cancelled` once its run was cancelled.

    Like KeyboardInterrupt it is no Exception: a user's `except Exception` does not swallow it.
    """


class _StepLogger(Logger):
    """A logger that `logging` does not keep: there is one for each step, and it would be looked through for ever.

    Levels and handlers are those of the logger of its name, where somebody has asked for that, and of those above it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        above, found = name, getLogger("latewood.user")
        while above != found.name and not isinstance(self.manager.loggerDict.get(above), Logger):
            above = above.rpartition(".")[0]
        self.parent = getLogger(above)

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - the name is logging's
        """Set the level of this name, for all steps to come."""
        self.parent = getLogger(self.name)
        self.parent.setLevel(level)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is logging's
        """Whether such records are wanted; not kept in mind, since nobody would be told of a change."""
        return not self.disabled and self.manager.disable < level and level >= self.getEffectiveLevel()


class Context:
    """The step that is being run, for a task that asks for it by annotating a parameter `Context`.

    Reading the asset key or the partition makes it part of what is computed; a task that reads the run's id or
    the clock computes something new each time, so its result is not reused. `outputs` names the outputs that are
    wanted: of a subsettable task only some may be. Not thread-safe beyond `log`.
    """

    def __init__(
        self,
        *,
        assets: tuple[AssetKey, ...],
        outputs: tuple[str, ...],
        partition: PartitionKey | None,
        run: RunId,
        attempt: int,
        now: Callable[[], datetime],
        is_cancelled: Callable[[], bool],
        on_progress: Callable[[float, str], None],
        dynamic: Collection[str] = (),
    ) -> None:
        self._assets = assets
        self.outputs = outputs
        self._partition = partition
        self._run = run
        self._now = now
        self._is_cancelled = is_cancelled
        self._on_progress = on_progress
        self.attempt = attempt
        self.metadata: dict[str, Any] = {}
        self.no_reuse = ""
        self._dynamic = dynamic
        self._log: Logger | None = None
        self.partitions_added: dict[str, dict[PartitionKey, None]] = {}

    @property
    def log(self) -> Logger:
        """A logger of the asset's, `latewood.user.KEY`, whose records are the step's logs."""
        if self._log is None:
            self._log = _StepLogger(f"latewood.user.{self._assets[0]}")
        return self._log

    @property
    def asset_key(self) -> AssetKey:
        """Key of the asset that is being made; of several, the first."""
        return self._assets[0]

    @property
    def partition(self) -> PartitionKey:
        """Key of the partition that is being made; empty for an unpartitioned asset.

        Raises UsageError in a partition-wise task: that hears of its partitions by a PartitionRange.
        """
        if self._partition is None:
            raise UsageError("Context.partition: a partition-wise task may make several; it asks for a PartitionRange")
        return self._partition

    @property
    def run_id(self) -> RunId:
        """Id of the run. Reading it gives up reuse of this result."""
        self.no_reuse = "the task read the run's id"
        return self._run

    def now(self) -> datetime:
        """The time, aware, in UTC. Reading it gives up reuse of this result."""
        self.no_reuse = "the task read the clock"
        return self._now()

    def add_metadata(self, /, **metadata: Any) -> None:
        """Record facts about the result; numbers are plotted over versions. A later value replaces an earlier."""
        self.metadata.update(metadata)

    def add_partitions(self, name: str, keys: Iterable[str]) -> None:
        """Add keys to `Dynamic(name)`, in this order; those that it has already mean nothing.

        Recorded with the step, if it succeeds; later runs have these partitions. A step whose result is reused adds
        nothing again, so who looks for new keys says `reuse=False`. Raises UsageError for a name by which no asset is
        partitioned, and for what cannot be a key.
        """
        if isinstance(keys, str):
            raise UsageError(f'add_partitions: expected a list of keys, found the text "{keys}"')
        if name not in self._dynamic:
            raise UsageError(unknown_dynamic(name, self._dynamic))
        self.partitions_added.setdefault(name, {}).update(dict.fromkeys(map(check_dynamic_key, keys)))

    def progress(self, share: float, message: str = "") -> None:
        """Say how far the task is: `share` from 0 to 1. Shown, not recorded."""
        self._on_progress(share, message)

    @property
    def is_cancelled(self) -> bool:
        """True once the run was cancelled: a long task looks now and then, and ends early."""
        return self._is_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled once the run was cancelled."""
        if self._is_cancelled():
            raise Cancelled
