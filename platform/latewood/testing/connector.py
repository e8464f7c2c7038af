"""What every connector has to keep, for the tests of who writes one, and on the command line.

    python -m latewood.testing.connector NAME --quick '{"query": "select 1"}' --failing '{…}' --long '{…}'

NAME is the name of an installed connector, or `MODULE:FUNCTION`; `--set field=value` configures it as `latewood.toml`
would. The three are `options` of jobs for its system: one that ends well within seconds, one that fails, and one that
goes on for a minute unless it is cancelled. With `--table` there is a fourth, whose result stays in the system. Each
promise is a line; the exit code is 1 where one is broken.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from latewood.decide.jobs import columns_of, fault_of
from latewood.engine.running.connected import GROUP, HANDLE_MAX
from latewood.model.types import TypeSpec
from latewood.plugin import (
    Absent,
    Connector,
    Elsewhere,
    Found,
    Job,
    JobOutput,
    JobState,
    JobStatus,
    PermanentError,
    PollsMany,
    Reads,
    TransientError,
    UnknownUntil,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Options of three jobs: one that ends well at once, one that fails, and one that goes on unless it is cancelled.

    `inputs` none of them has. `table` are those of one whose `result` is a table that stays in the system, the same
    whenever it is made; where they are none that is not looked at. `counted` says that its system tells no content from
    another, so that data versions are merely counted up. `patience` is how long the first two may take, and
    how long a cancellation.
    """

    quick: Mapping[str, Any]
    failing: Mapping[str, Any]
    long: Mapping[str, Any]
    table: Mapping[str, Any] | None = None
    counted: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=lambda: {"result": "int"})
    patience: timedelta = timedelta(minutes=2)


def check_connector(connect: Callable[[], Connector], samples: Samples, told: Callable[[str], None] = print) -> None:
    """Hold a connector to its word; `connect` makes one, and another of which the first knows nothing.

    Raises AssertionError with the promise that is broken and the finding; `told` hears of each that is kept.
    """
    with TemporaryDirectory(prefix="latewood-") as folder:
        for promise, keeps in _Contract(connect, samples, Path(folder)).promises():
            try:
                keeps()
            except AssertionError as broken:
                raise AssertionError(f"{promise}: {broken}") from broken
            told(f"kept: {promise}")


class _Contract:
    def __init__(self, connect: Callable[[], Connector], samples: Samples, folder: Path) -> None:
        self._connect = connect
        self._samples = samples
        self._folder = folder
        self._connector = connect()

    def promises(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Each in words, and what holds the connector to it."""
        yield "it is a connector", self._is_one
        yield "a key that nobody has submitted is not found, sooner or later", self._absent
        yield "what was submitted is found by its key, also by who did not submit it", self._found
        yield "a job is polled until it has ended well, and stays so", self._ends_well
        yield "a job that fails says why", self._fails
        yield "what is cancelled ends, and cancelling it again changes nothing", self._is_cancelled
        yield "cancelling what has ended well changes nothing", self._stays
        yield "logs are read from a cursor, and the same cursor gives the same", self._logs
        yield "a handle that nobody has given is an error that is permanent", self._unknown_handle
        yield "any number of threads may ask", self._threads
        if isinstance(self._connector, PollsMany):
            yield "of many at once it says what it says of each", self._many
        if self._samples.table is not None:
            yield "what stays in the system is told of so that it can be recorded", self._stays_there
            if not self._samples.counted:
                yield "the same content has the same data version", self._same_content
            if isinstance(self._connector, Reads):
                yield "what lies at an address has the fingerprint that was told; nothing has none", self._looks
                yield "what lies there is brought, with the columns and rows that were told", self._fetches

    def _is_one(self) -> None:
        assert isinstance(self._connector, Connector), f"found {self._connector!r}"

    def _absent(self) -> None:
        found = self._sure(self._key())
        assert isinstance(found, Absent), f"expected Absent(), found {found!r}"

    def _found(self) -> None:
        key = self._key()
        handle = self._submitted(self._samples.quick, key)
        assert isinstance(handle, str), f"expected a handle that is text, found {handle!r}"
        size = len(handle.encode())
        assert 0 < size <= HANDLE_MAX, f"expected a handle of at most {HANDLE_MAX:,} bytes, found {size:,}"
        found = self._sure(key, self._connect())
        assert found == Found(handle), f"expected {Found(handle)!r}, found {found!r}"
        other = self._sure(f"{key}0")
        assert isinstance(other, Absent), f"a key that begins like it: expected Absent(), found {other!r}"

    def _ends_well(self) -> None:
        handle = self._submitted(self._samples.quick)
        status = self._ended(handle)
        assert status.state is JobState.SUCCEEDED, f"expected it to succeed, found {status!r}"
        again = self._connect().poll(handle)
        assert again.state is JobState.SUCCEEDED, f"later, by another one: {again!r}"
        assert status.progress is None or 0 <= status.progress <= 1, f"progress: found {status.progress!r}"
        json.dumps([status.metrics, status.links, status.values])

    def _fails(self) -> None:
        try:
            status = self._ended(self._submitted(self._samples.failing))
        except PermanentError as refused:
            said = str(refused)
        else:
            assert status.state is JobState.FAILED, f"expected it to fail, found {status!r}"
            said = status.message
        assert said, "expected the system's own message, found none"

    def _is_cancelled(self) -> None:
        handle = self._submitted(self._samples.long)
        status = self._connector.poll(handle)
        assert not status.state.is_over, f"expected the long one to go on, found {status!r}"
        self._patiently(lambda: self._connector.cancel(handle))
        status = self._ended(handle)
        assert status.state is JobState.CANCELLED, f"expected it to be cancelled, found {status!r}"
        self._patiently(lambda: self._connect().cancel(handle))
        assert self._connector.poll(handle).state is JobState.CANCELLED

    def _stays(self) -> None:
        handle = self._submitted(self._samples.quick)
        self._ended(handle)
        self._patiently(lambda: self._connector.cancel(handle))
        status = self._connector.poll(handle)
        assert status.state is JobState.SUCCEEDED, f"found {status!r}"

    def _logs(self) -> None:
        handle = self._submitted(self._samples.quick)
        self._ended(handle)
        first, text, cursor = self._connector.logs(handle, ""), "", ""
        for _ in range(10_000):
            found = self._connector.logs(handle, cursor)
            text, cursor = text + found.text, found.cursor
            if not found.more:
                break
        assert text.startswith(first.text), "the beginning is another one when it is read again"
        again = self._connect().logs(handle, cursor)
        assert not again.text, f"behind the last cursor of a job that has ended: found {again.text!r}"

    def _unknown_handle(self) -> None:
        try:
            status = self._connector.poll("no-such-handle")
        except PermanentError:
            return
        raise AssertionError(f"expected PermanentError, found {status!r}")

    def _threads(self) -> None:
        with ThreadPoolExecutor(8) as threads:
            handles = list(threads.map(lambda _: self._submitted(self._samples.quick), range(8)))
            assert len({*handles}) == len(handles), f"found one handle for several jobs: {handles}"
            states = {status.state for status in threads.map(self._ended, handles)}
        assert states == {JobState.SUCCEEDED}, f"found {states}"

    def _many(self) -> None:
        connector = self._connector
        assert isinstance(connector, PollsMany), "else it is not asked"
        handles = [self._submitted(self._samples.quick) for _ in range(3)]
        for handle in handles:
            self._ended(handle)
        told = connector.poll_many([*handles, "no-such-handle"])
        for handle in handles:
            found = told[handle]
            assert isinstance(found, JobStatus), f"found {found!r}"
            assert found.state is JobState.SUCCEEDED, f"found {found!r}"
        assert isinstance(told["no-such-handle"], PermanentError), f"found {told['no-such-handle']!r}"

    # ── what stays in the system ──────────────────────────────────────────────────────────────────────

    def _stays_there(self) -> None:
        found = self._left()
        json.dumps(dict(found.metadata))
        fault = fault_of(found, TypeSpec(kind="any"))
        assert fault is None, fault

    def _same_content(self) -> None:
        versions = [self._left().data_version for _ in range(2)]
        assert versions[0] == versions[1], f"made twice, found {versions[0]} and {versions[1]}"

    def _looks(self) -> None:
        found, reads = self._left(), self._reads()
        there = self._patiently(lambda: reads.fingerprint(found.address))
        expected = found.fingerprint or found.data_version
        assert there == expected, f"expected {expected!r}, found {there!r}"
        nothing = self._patiently(lambda: reads.fingerprint(f"{found.address}_never_made"))
        assert nothing == "", f"where nothing is: found {nothing!r}"

    def _fetches(self) -> None:
        from latewood.engine.values.arrow_types import columns_of as arrow_columns  # noqa: PLC0415 - start-up
        from latewood.engine.values.parquet import from_parquet  # noqa: PLC0415 - start-up

        found, reads, path = self._left(), self._reads(), self._folder / "fetched.parquet"
        self._patiently(lambda: reads.fetch(found.address, path))
        table = from_parquet(path.read_bytes())
        assert found.rows in (None, table.num_rows), f"expected {found.rows:,} rows, found {table.num_rows:,}"
        told = {column.name: column.type for column in columns_of(found)}
        brought = {column.name: column.type for column in arrow_columns(table.schema)}
        assert told in ({}, brought), f"expected columns {told}, found {brought}"
        with suppress(PermanentError):
            reads.fetch(f"{found.address}_never_made", self._folder / "nothing.parquet")
            raise AssertionError("where nothing is: expected PermanentError, found none")

    def _reads(self) -> Reads:
        connector = self._connect()
        assert isinstance(connector, Reads), "else it is not asked"
        return connector

    def _left(self) -> Elsewhere:
        """What one that makes a table says of it."""
        assert self._samples.table is not None, "else it is not asked"
        status = self._ended(self._submitted(self._samples.table))
        assert status.state is JobState.SUCCEEDED, f"expected it to succeed, found {status!r}"
        assert set(status.elsewhere) == {"result"}, f"expected a result that stays there, found {status.elsewhere!r}"
        return status.elsewhere["result"]

    # ── what they have in common ──────────────────────────────────────────────────────────────────────

    @staticmethod
    def _key() -> str:
        return f"latewood-contract-{token_hex(6)}-1"

    def _submitted(self, options: Mapping[str, Any], key: str = "") -> str:
        key = key or self._key()
        folder = self._folder / key
        folder.mkdir()
        job = Job(
            key=key,
            options=options,
            settings=self._samples.settings,
            parameters={},
            inputs={},
            outputs={
                name: JobOutput(type=type_, path=str(folder / name)) for name, type_ in self._samples.outputs.items()
            },
            labels={"project": "contract", "asset": "contract", "run": key, "step": "0", "attempt": "1"},
        )
        return self._connector.submit(job)

    def _sure(self, key: str, connector: Connector | None = None) -> Found | Absent:
        """What it finds once it does not say any more that it cannot know yet."""
        since, deadline = datetime.now(UTC), self._deadline
        while True:
            found = self._patiently(lambda: (connector or self._connector).find(key, since))
            if not isinstance(found, UnknownUntil):
                return found
            assert time.monotonic() < deadline, f"still {found!r}"
            time.sleep(0.05)

    def _ended(self, handle: str) -> JobStatus:
        deadline = self._deadline
        while not (status := self._patiently(lambda: self._connector.poll(handle))).state.is_over:
            assert time.monotonic() < deadline, f"still {status!r}"
            time.sleep(0.05)
        return status

    def _patiently(self, act: Callable[[], T]) -> T:
        """What it returns, once that what passes has passed: so an engine asks."""
        deadline = self._deadline
        while True:
            try:
                return act()
            except TransientError as error:
                found = error
            assert time.monotonic() < deadline, f"still {found!r}"
            time.sleep(0.05)

    @property
    def _deadline(self) -> float:
        return time.monotonic() + self._samples.patience.total_seconds()


def _factory(name: str) -> Callable[..., Connector]:
    points = {point.name: point for point in entry_points(group=GROUP)}
    if ":" in name:
        points[name] = EntryPoint("given", name, GROUP)
    if name not in points:
        raise SystemExit(f'no connector "{name}" is installed; there is {", ".join(sorted(points)) or "none"}')
    found: Callable[..., Connector] = points[name].load()
    return found


def main() -> None:
    """Run the suite on the command line."""
    parser = argparse.ArgumentParser(prog="python -m latewood.testing.connector", description=check_connector.__doc__)
    parser.add_argument("name", help="an installed connector, or MODULE:FUNCTION")
    for sample in ("quick", "failing", "long"):
        parser.add_argument(f"--{sample}", type=json.loads, required=True, metavar="JSON", help="options of the job")
    parser.add_argument("--table", type=json.loads, metavar="JSON", help="options of one whose result stays there")
    parser.add_argument("--counted", action="store_true", help="its data versions are counted up, whatever the content")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="how it is configured")
    parser.add_argument("--patience", type=float, default=120.0, metavar="SECONDS")
    given = parser.parse_args()
    settings = dict(said.split("=", 1) for said in given.set)
    factory = _factory(given.name)
    samples = Samples(
        quick=given.quick,
        failing=given.failing,
        long=given.long,
        table=given.table,
        counted=given.counted,
        patience=timedelta(seconds=given.patience),
    )
    try:
        check_connector(lambda: factory(**settings), samples)
    except AssertionError as broken:
        sys.exit(f"broken: {broken}")


if __name__ == "__main__":
    main()
