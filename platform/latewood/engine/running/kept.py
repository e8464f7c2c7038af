"""The leases that one process has for its steps: slots, flights, and marks that something is waited for."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from latewood_eventlog.leases import Held, Lease, discard, discard_slots, renew_all
from latewood_eventlog.log import EventLog


class Kept:
    """Leases that are renewed until they are let go. Raises LogError. For any thread."""

    def __init__(self, log: EventLog, duration: timedelta) -> None:
        self._log = log
        self.duration = duration
        """For how long each of them is taken and renewed."""
        self._leases: dict[str, Lease] = {}

    def add(self, leases: Iterable[Lease]) -> None:
        """Keep these as well, which have been taken."""
        self._leases |= {lease.name: lease for lease in leases}

    def renew(self) -> list[Lease]:
        """Those that are lost, or were let go meanwhile."""
        return renew_all(self._log.engine, list(self._leases.values()), duration=self.duration)

    def forget(self, leases: Iterable[Lease]) -> None:
        """Renew these no more: they are being let go, or end by themselves."""
        for lease in leases:
            self._leases.pop(lease.name, None)

    def let_go(self, leases: Sequence[Lease]) -> None:
        """Others may have these."""
        self.forget(leases)
        discard(self._log.engine, leases)

    def let_slots_go(self, leases: Sequence[Lease], prefix: str) -> tuple[Held, ...]:
        """The same of slots, and who holds what afterwards whose name begins so."""
        self.forget(leases)
        return discard_slots(self._log.engine, leases, prefix)

    def let_all_go(self) -> None:
        """The same of all of them."""
        self.let_go(list(self._leases.values()))
