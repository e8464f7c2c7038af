"""What jobs have left in the systems where they made it: looked at there, and brought here for who reads it here."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from latewood.decide.bringing import lies_in
from latewood.decide.jobs import SUBMIT_PATIENCE, UNREACHABLE, ask_again_after
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Durable, Remote, Rest, Script
from latewood.engine.running.binding import Bound
from latewood.engine.running.connected import ToFetch, ToSee, Unanswered
from latewood.engine.running.live_logs import job_folder
from latewood.engine.running.open_jobs import luck
from latewood.engine.running.ranged import Due
from latewood.engine.storage.store import ArtifactStore
from latewood.events import Failure, FailureKind
from latewood.model.keys import RunId
from latewood.places import Address

_ANOTHER_FETCHES: Final = ask_again_after(1, 0.5)


class Elsewheres:
    """The versions that one run reads, or could take, and that lie in other systems. Each is brought here once."""

    def __init__(self, run: RunId, store: ArtifactStore, now: Callable[[], datetime]) -> None:
        self._run = run
        self._store = store
        self._now = now
        self._here: dict[str, str] = {}
        self._on_their_way: set[str] = set()

    def is_there(self, facts: VersionFacts) -> Script[bool | None]:
        """Whether the version lies there still, as far as it is known: where its connector cannot look, it is not.

        None where its system cannot be reached, so that it may be there.
        """
        address = _address(facts)
        there = yield from self._asked(address.connector, ToSee(address.place), is_within=False)
        is_away = isinstance(there, Unanswered) and there.passes
        return None if is_away else bool(there == address.fingerprint)

    def brought(self, due: Sequence[Due], *, but: str = "", is_within: bool = False) -> Script[list[Due] | Failure]:
        """The steps, reading copies that lie here of whatever lies in other systems, `but` one; or why that cannot be.

        It `is_within` an attempt that is interrupted where it is left. Cost: of what is not here yet, all of it.
        """
        found: list[Due] = []
        for one in due:
            bound: list[Bound] = []
            for b in one.bound:
                versions = []
                for partition, facts in b.versions:
                    is_read = b.input.loads and lies_in(facts) != but
                    here = (yield from self.here(facts, is_within=is_within)) if is_read else facts
                    if isinstance(here, Failure):
                        message = f'input "{b.input.name}": {here.message}'
                        return msgspec.structs.replace(here, message=message)
                    versions.append((partition, here))
                bound.append(replace(b, versions=tuple(versions)))
            found.append(one._replace(bound=bound))
        return found

    def here(self, facts: VersionFacts, *, is_within: bool = False) -> Script[VersionFacts | Failure]:
        """The version, to be read from where it lies here by now; or why it cannot be brought."""
        if not lies_in(facts):
            return facts
        while facts.artifact in self._on_their_way:
            yield Rest(self._now() + _ANOTHER_FETCHES, is_within)
        if facts.artifact not in self._here:
            self._on_their_way.add(facts.artifact)
            try:
                failure = yield from self._fetched(facts, is_within=is_within)
            finally:
                self._on_their_way.discard(facts.artifact)
            if failure is not None:
                return failure
        return facts._replace(artifact=self._here[facts.artifact])

    def _fetched(self, facts: VersionFacts, *, is_within: bool) -> Script[Failure | None]:
        address = _address(facts)
        name = f"fetched-{sha256(facts.artifact.encode()).hexdigest()[:24]}.parquet"
        path = str(job_folder(self._store, self._run).absolute() / name)
        yield Durable()  # should this end the process, it must be known of which attempt, to be tried so often only
        act = ToFetch(address.place, address.fingerprint, path)
        answer = yield from self._asked(address.connector, act, is_within=is_within)
        if isinstance(answer, Unanswered):
            error, found = answer.error, f"it lies at {address.place} in {address.connector}"
            if answer.passes:
                error, found = UNREACHABLE, f"{found}, which was not reached for {SUBMIT_PATIENCE.total_seconds():g} s"
            return Failure(kind=FailureKind.STORE, error=error, message=f"{found}: {answer.message}")
        self._here[facts.artifact] = Address("Parquet", path, answer).written
        return None

    def _asked(self, connector: str, act: ToSee | ToFetch, *, is_within: bool) -> Script[Any]:
        """The answer; a system that cannot be reached is asked again, for as long as one that is to take a job."""
        until, failures = self._now() + SUBMIT_PATIENCE, 0
        while True:
            answer = yield Remote(connector, act, is_within)
            if not isinstance(answer, Unanswered) or not answer.passes or self._now() >= until:
                return answer
            failures += 1
            rest = ask_again_after(failures, luck())
            yield Rest(self._now() + rest, is_within)


def _address(facts: VersionFacts) -> Address:
    address = Address.of(facts.artifact)
    assert address is not None, "else it lies here"
    return address
