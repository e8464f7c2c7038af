"""Which files of the artifact store nothing needs any more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

GRACE: Final = timedelta(days=1)
"""How long a file may wait to be recorded: many times as long as between two commits of a run."""

_NAMED_BY_EVENTS: Final = frozenset({"log", "tar.gz", "lock", "versions", "elements"})
"""Extensions of what is no value: output of steps, sources and lock files of deployments, long lists of versions, and
of elements.

Small, and kept."""


class Stored(NamedTuple):
    """A file or folder in the store: `name` is its address.

    Or below `staged/` where it was never committed, or below `jobs/` what jobs of that run have left.
    Units: bytes; of a folder those of all its files.
    """

    name: str
    bytes: int
    written_at: datetime


class Reach(NamedTuple):
    """What the log says of an artifact: whether anything reaches it, and whether it was recorded as collected."""

    reached: bool
    collected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What may go: versions that nothing reaches, those collected before whose file is still there, and the rest.

    `unrecorded` was never part of a version: what runs left that died.
    """

    versions: tuple[Stored, ...]
    left_over: tuple[Stored, ...]
    unrecorded: tuple[Stored, ...]
    kept: tuple[Stored, ...]


def garbage(stored: Iterable[Stored], recorded: Mapping[str, Reach], now: datetime) -> Garbage:
    """What of the store may go; `recorded` has every artifact that a version lies in. In the order given."""
    versions: list[Stored] = []
    left_over: list[Stored] = []
    unrecorded: list[Stored] = []
    kept: list[Stored] = []
    for file in stored:
        reach = recorded.get(file.name)
        if reach is None:
            needed = _extension(file.name) in _NAMED_BY_EVENTS or now - file.written_at < GRACE
            (kept if needed else unrecorded).append(file)
        elif reach.reached:
            kept.append(file)
        else:
            (left_over if reach.collected else versions).append(file)
    return Garbage(versions=tuple(versions), left_over=tuple(left_over), unrecorded=tuple(unrecorded), kept=tuple(kept))


def _extension(name: str) -> str:
    return name.partition(".")[2]
