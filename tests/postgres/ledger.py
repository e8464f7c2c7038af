"""What the tests of the log write into it: a ledger of accounts, with one projection of each kind."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, text

from latewood_eventlog.codec import Upcasters
from latewood_eventlog.database import DatabaseUrl, Role, connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate
from latewood_eventlog.projector import Derive, Projection, Put, Remove, Set
from latewood_eventlog.records import Batch, Fence, NewEvent, StreamAppend
from latewood_eventlog.schema import Name

T0 = datetime(2013, 1, 1, tzinfo=UTC)

metadata = MetaData()
BALANCES = Table(
    "balances",
    metadata,
    Column("project", Name, primary_key=True),
    Column("account", Name, primary_key=True),
    Column("user", Text),  # a reserved word, as names are the projections' own business
    Column("amount", BigInteger),
)
MOVEMENTS = Table(
    "order",  # another
    metadata,
    Column("project", Name, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("account", Name, nullable=False),
    Column("amount", BigInteger, nullable=False),
)


CLEAR = "DELETE FROM balances WHERE project = :project AND amount > 50"


@dataclass(frozen=True)
class Balances:
    """What each open account holds."""

    version: int = 1
    name: str = "balances"
    inline: bool = True
    tables: tuple[Table, ...] = (BALANCES,)
    types: frozenset[str] = frozenset({"opened", "moved", "closed", "cleared"})

    def apply(self, event):
        if event.type == "cleared":
            yield Derive(CLEAR, {"project": event.project})
            return
        data = json.loads(event.data)
        key = {"project": event.project, "account": data["account"]}
        if event.type == "opened":
            yield Put(BALANCES, {**key, "user": data["user"], "amount": 0})
        elif event.type == "moved":
            yield Set(BALANCES, key, {"amount": data["now"] * self.version})
        else:
            yield Remove(BALANCES, key)


@dataclass(frozen=True)
class Movements:
    """Every movement of every account, for people to read."""

    version: int = 1
    name: str = "movements"
    inline: bool = False
    tables: tuple[Table, ...] = (MOVEMENTS,)
    types: frozenset[str] = frozenset({"moved"})

    def apply(self, event):
        data = json.loads(event.data)
        row = {"project": event.project, "position": event.position, "account": data["account"], "amount": data["now"]}
        yield Put(MOVEMENTS, row)


@dataclass(frozen=True)
class Ledger:
    """A database with a log in it, and connections to it by role."""

    url: DatabaseUrl
    owner: Engine
    engine: Engine
    reader: Engine
    log: EventLog

    def rows(self, statement: str, role: Role = "engine", **parameters) -> list[tuple]:
        """Execute in a transaction of its own; the rows that come back."""
        engine = {"owner": self.owner, "engine": self.engine, "reader": self.reader}[role]
        with engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def disconnect(self, role: Role | str = "engine") -> int:
        """End the connections of this role from the server's side, but for one's own; how many there were."""
        statement = (
            "SET LOCAL ROLE NONE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
        )
        return len(self.rows(statement, role="owner", name=f"latewood-{role}"))


@contextmanager
def open_ledger(url: DatabaseUrl, *projections: Projection, upcasters: Upcasters | None = None) -> Iterator[Ledger]:
    """The ledger in this database, with these projections built."""
    owner, engine, reader = (connect(url, role=role) for role in ("owner", "engine", "reader"))
    migrate(owner, projections, upcasters)
    log = EventLog(engine, projections, upcasters)
    yield Ledger(url=url, owner=owner, engine=engine, reader=reader, log=log)
    for each in (owner, engine, reader):
        each.dispose()


def happened(type_="noted", data="{}", **changes) -> NewEvent:
    """An event like any other."""
    content = {
        "event_id": uuid4(),
        "type": type_,
        "schema_version": 1,
        "actor": "test",
        "occurred_at": T0,
        "data": data,
    }
    return NewEvent(**{**content, **changes})


def opened(account: str, user: str = "ann", **changes) -> NewEvent:
    return happened("opened", json.dumps({"account": account, "user": user}), **changes)


def moved(account: str, now: int, **changes) -> NewEvent:
    return happened("moved", json.dumps({"account": account, "now": now}), **changes)


def closed(account: str, **changes) -> NewEvent:
    return happened("closed", json.dumps({"account": account}), **changes)


def cleared(**changes) -> NewEvent:
    return happened("cleared", **changes)


def to(stream: str, *events: NewEvent, project="p", expected: int | None = None, fence: Fence | None = None) -> Batch:
    """These events for the end of one stream."""
    append = StreamAppend(project=project, stream=stream, events=events, expected=expected)
    return Batch(appends=(append,), fence=fence)


def together(*batches: Batch) -> Batch:
    """One batch of all their appends."""
    return Batch(appends=tuple(append for batch in batches for append in batch.appends))


@contextmanager
def meanwhile(*jobs: Callable[[threading.Event], None]) -> Iterator[None]:
    """These go on in threads until the block ends, or rather until they see the event; their errors are the test's."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job, stop) for job in jobs]
        try:
            yield
        finally:
            stop.set()
    for job in running:
        job.result()
