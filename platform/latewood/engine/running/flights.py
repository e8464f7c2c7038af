"""Flights: who computes what a reuse key stands for, so that nobody else does at the same time.

A flight is a lease, taken only while others drive runs of the project as well: what one process does it knows. It waits
for no disk, and loses nothing when it is lost but that something is computed twice, which reuse says is harmless.
"""

from collections.abc import Collection, Sequence
from typing import Final

from latewood.decide.state import VersionFacts
from latewood.engine.running.kept import Kept
from latewood.projections.snapshots import snapshot
from latewood.projections.states import versions_of_keys
from latewood_eventlog.leases import Lease, acquire_free
from latewood_eventlog.log import EventLog

FLIGHTS: Final = "flight/"


class Flights:
    """The flights of a project, as one process takes them. Raises LogError. For any thread."""

    def __init__(self, log: EventLog, project: str, engine: str, kept: Kept) -> None:
        self._log = log
        self._project = project
        self._engine = engine
        self._kept = kept

    def board(self, keys: Collection[str]) -> dict[str, Lease]:
        """Those of the flights that nobody is on."""
        names = [f"{FLIGHTS}{key}" for key in keys]
        found = acquire_free(self._log.engine, self._project, names, holder=self._engine, duration=self._kept.duration)
        self._kept.add(found)
        return {lease.name.removeprefix(FLIGHTS): lease for lease in found}

    def land(self, flights: Sequence[Lease]) -> None:
        """They are over: what was computed is in the log."""
        self._kept.let_go(flights)


def made_by_now(log: EventLog, project: str, keys: Collection[str]) -> list[tuple[str, VersionFacts]]:
    """The versions with these reuse keys, each with its output's name, those to be taken before others last.

    Raises DatabaseUnreachable.
    """
    with snapshot(log) as connection:
        return versions_of_keys(connection, project, keys)
