"""How a task may be run: retries, time limits, what it needs, and when a past result may stand for a new one.

What users write in decorators and what definitions record are the same values; checked when made.
"""

import re
from datetime import timedelta
from typing import Final, Self

import msgspec

from latewood.errors import DefinitionError

_ZERO: Final = timedelta(0)
_NONE: Final = 0
_BACKOFF: Final = timedelta(seconds=1)
_FACTOR: Final = 2.0
_CAP: Final = timedelta(hours=1)
_JITTER: Final = 1.0
_CORES: Final = 1.0
_DELAY_MAX: Final = timedelta(days=365)


# Not kw_only, unlike every other value: `Retry(3, backoff=...)` is what people want to write.
class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often to try again after a failure, and how long to wait: `Retry(3, backoff=timedelta(seconds=1))`.

    The n-th retry waits `backoff * factor ** (n - 1)`, plus a random part of up to `jitter * backoff`, but
    never longer than `cap`. Raises DefinitionError for values out of range.
    """

    retries_max: int = _NONE
    """Retries after the first attempt, 0 to 1,000."""
    backoff: timedelta = _BACKOFF
    """First delay; zero: at once."""
    factor: float = _FACTOR
    """How much longer each delay is than the one before, 1 to 100."""
    cap: timedelta = _CAP
    """Longest delay, at least `backoff` and at most 365 days."""
    jitter: float = _JITTER
    """Largest random addition, as a multiple of `backoff`, 0 to 100; parts tasks that failed together."""

    def __post_init__(self) -> None:
        # Nothing was said, as in most of the ten thousand definitions that are read for a plan: the very defaults.
        said = self.retries_max is not _NONE or self.backoff is not _BACKOFF or self.factor is not _FACTOR
        if not said and self.cap is _CAP and self.jitter is _JITTER:
            return
        _require(_is_whole(self.retries_max, 1_000), "Retry: retries", "0 to 1,000", self.retries_max)
        _require(_is_duration(self.backoff), "Retry: backoff", "a timedelta of 0 or more", self.backoff)
        _require(_is_number(self.factor, 1, 100), "Retry: factor", "1 to 100", self.factor)
        _require(_is_duration(self.cap), "Retry: cap", "a timedelta of 0 or more", self.cap)
        if not self.backoff <= self.cap <= _DELAY_MAX:
            _require(False, "Retry: cap", f"at least the backoff ({self.backoff}), at most 365 days", self.cap)
        _require(_is_number(self.jitter, 0, 100), "Retry: jitter", "0 to 100", self.jitter)


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Time limits of a step; None is no limit. Raises DefinitionError unless each is longer than zero."""

    running: timedelta | None = None
    """Of each attempt, while it runs."""
    queued: timedelta | None = None
    """Of each attempt, while it could begin and waits: for a worker, for slots of pools, or for another run that
    computes the same. A first attempt could begin when what it reads of the run had been made, or else when the run was
    planned, a retry when it was due, an element when its list was expanded. All this is in the log: who takes a run up
    again counts from then, and what can begin at once does so all the same. The log does not say when elements could
    that are equal to others before them; these begin to wait anew, as does what was interrupted.
    A run in the command's own process calls one step after the other: there a step could begin when its turn is."""
    total: timedelta | None = None
    """Of all attempts together, waiting included: one that runs then is ended, and none begins. It counts for loading
    and storing, too. Of a task that is called for each element of a list it is of each, as the others are."""

    @property
    def once(self) -> timedelta | None:
        """Of what is called once and not again, such as a check: the shorter of `running` and `total`."""
        return min((limit for limit in (self.running, self.total) if limit is not None), default=None)

    def __post_init__(self) -> None:
        if self.running is self.queued is self.total is None:
            return
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            longer = limit is None or (_is_duration(limit) and limit > _ZERO)
            _require(longer, f"Timeouts: {name}", "a timedelta longer than 0", limit)


class Resources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one attempt needs of a machine: `Resources(cpu=1, memory="200Mi")`.

    Raises DefinitionError for values out of range.
    """

    cpu: float = _CORES
    """Cores, also parts of one; 0 for a task that only waits."""
    memory: str = ""
    """Bytes as a number with k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (of 1024); empty: not stated."""
    gpu: int = _NONE
    """Whole devices."""

    def __post_init__(self) -> None:
        if self.cpu is _CORES and self.memory == "" and self.gpu is _NONE:
            return
        _require(_is_number(self.cpu, 0, 10_000), "Resources: cpu", "0 to 10,000 cores", self.cpu)
        _require(_is_size(self.memory), "Resources: memory", 'a size such as "200Mi" or "1.5G"', self.memory)
        _require(_is_whole(self.gpu, 1_000), "Resources: gpu", "0 to 1,000 devices", self.gpu)

    @property
    def memory_bytes(self) -> int | None:
        """`memory` as a number, rounded down; None if it is not stated."""
        match = _SIZE.fullmatch(self.memory)
        return int(float(match[1]) * _UNITS[match[2]]) if match else None


class Reuse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How old a past result may be to stand for a new one.

    `Reuse()` is on: it declares that running the task again is harmless. `Reuse.of(False)` is off.
    Raises DefinitionError unless `window` is None or 0 or more.
    """

    window: timedelta | None = None
    """None: any age. Zero: never reused, since the task looks outside or acts outside."""

    def __post_init__(self) -> None:
        if self.window is not None:
            _require(_is_duration(self.window), "reuse", _REUSE, self.window)

    @classmethod
    def of(cls, choice: bool | timedelta) -> Self:  # noqa: FBT001 - users write reuse=False in a decorator
        """The policy that users write as True (on), False (off) or how long a result holds."""
        if isinstance(choice, bool):
            return cls() if choice else cls(window=_ZERO)
        _require(_is_duration(choice), "reuse", _REUSE, choice)  # None would mean on, and may be meant as off
        return cls(window=choice)

    @property
    def is_off(self) -> bool:
        """True if no past result may be reused, however new."""
        return self.window == _ZERO


QUOTA: Final = "*"
"""The pool that every step of a project takes part in, where there is one: its quota."""

_REUSE: Final = "True, False or a timedelta of 0 or more"
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(|[kMGT]|[KMGT]i)")
_UNITS: Final = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGT", start=1)},
}


def _require(holds: bool, place: str, expected: str, found: object) -> None:  # noqa: FBT001 - it is the claim
    if not holds:
        raise DefinitionError(f"{place}: expected {expected}, found {found!r}")


# Structs check types only when they decode; these are for what users pass to a constructor.


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_size(value: object) -> bool:
    if not isinstance(value, str):
        return False
    match = _SIZE.fullmatch(value)
    return value == "" or (match is not None and float(match[1]) > 0)


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) and value >= _ZERO
