"""A small system that runs jobs, in a process of its own with a history of its own, and the connector to it.

    python -m latewood.testing.jobs FOLDER [S]      serves at FOLDER/socket until it is ended

    [connectors.local]                              # latewood.toml
    factory = "latewood.testing.jobs:connect"
    folder = "FOLDER"

It is for tests, of connectors and of whatever has to survive a crash: what it says of how often something ran does not
come from who asked for it. It does not refuse a key that it knows; that is the engine's to see to.

With S it shows a job so many seconds after that was submitted, as systems do that are told of it by others.

A job is its options: it takes `seconds`, prints `prints`, then gives `values` by output, or `fail`s with a message.
With `table`, a dict of `name`, `columns` and `rows`, its result is that table, which stays there in place of the one
that had the name; with `drops` the table of that name is there no more.
"""

import json
import os
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from latewood.plugin import (
    Absent,
    Elsewhere,
    Finding,
    Found,
    Job,
    JobLogs,
    JobState,
    JobStatus,
    PermanentError,
    TransientError,
    UnknownUntil,
)

_HISTORY = "history.jsonl"
_SOCKET = "socket"


@dataclass(slots=True)
class Ran:
    """A job as the system has it. Its state follows from the time, so that a restart changes nothing."""

    handle: str
    key: str
    options: Mapping[str, Any]
    submitted_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cancelled_at: float | None = None

    @property
    def ends_at(self) -> float:
        """When it is over, if nobody cancels it."""
        return self.submitted_at + float(self.options.get("seconds", 0))

    def state(self, now: float) -> JobState:
        """How far it is."""
        if self.cancelled_at is not None and self.cancelled_at < self.ends_at:
            return JobState.CANCELLED
        if now < self.ends_at:
            return JobState.RUNNING
        return JobState.FAILED if "fail" in self.options else JobState.SUCCEEDED

    def told(self, now: float) -> dict[str, Any]:
        """What it says of it."""
        state, took = self.state(now), max(0.0, min(now, self.ends_at) - self.submitted_at)
        share = 1.0 if now >= self.ends_at else took / (self.ends_at - self.submitted_at)
        message = self.options.get("fail", "") if state is JobState.FAILED else ""
        return {
            "state": state.value,
            "message": message,
            "progress": share,
            "metrics": {"seconds": round(took, 3), **self.options.get("metrics", {})},
            "links": {"job": f"http://jobs.example/{self.handle}"},
            "more_logs": bool(self.options.get("prints")),
            "values": self.options.get("values", {}) if state is JobState.SUCCEEDED else {},
            "elsewhere": {"result": self.left} if "table" in self.options and state is JobState.SUCCEEDED else {},
        }

    @property
    def left(self) -> dict[str, Any]:
        """What it says of the table that it has made."""
        table = self.options["table"]
        content = json.dumps([table["columns"], table["rows"]]).encode()
        return {
            "address": table["name"],
            "data_version": sha256(content).hexdigest()[:16],
            "fingerprint": self.handle,
            "columns": table["columns"],
            "rows": len(table["rows"]),
            "bytes": len(content),
        }

    def printed(self, now: float) -> str:
        """What it has printed by now: a line each part of its time."""
        lines: Sequence[str] = self.options.get("prints", ())
        if not lines:
            return ""
        part = (self.ends_at - self.submitted_at) / len(lines)
        end = min(now, self.cancelled_at or now)
        shown = len(lines) if part <= 0 else int((end - self.submitted_at) / part)
        return "".join(f"{line}\n" for line in lines[:shown])


class History:
    """What was submitted and cancelled, in a file that outlives the process: a JSON document a line."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / _HISTORY
        self._lock = threading.Lock()
        self.jobs: dict[str, Ran] = {}
        self.by_key: dict[str, Ran] = {}
        for line in self._file.read_text().splitlines() if self._file.exists() else ():
            self._apply(json.loads(line))

    def record(self, **fact: Any) -> None:
        """Keep it, before anybody is answered."""
        with self._lock:
            with self._file.open("a") as file:
                file.write(f"{json.dumps(fact)}\n")
            self._apply(fact)

    def maker(self, table: str, now: float) -> Ran | None:
        """Who has made the table that has this name now, if there is one."""
        ended = sorted((ran for ran in self.jobs.values() if ran.ends_at <= now), key=lambda ran: ran.ends_at)
        for ran in reversed(ended):
            if ran.state(now) is JobState.SUCCEEDED:
                if ran.options.get("drops") == table:
                    return None
                if ran.options.get("table", {}).get("name") == table:
                    return ran
        return None

    def _apply(self, fact: dict[str, Any]) -> None:
        match fact.pop("did"):
            case "submitted":
                ran = Ran(**fact)
                self.jobs[ran.handle] = self.by_key[ran.key] = ran
            case "cancelled":
                self.jobs[fact["handle"]].cancelled_at = fact["at"]


def history(folder: Path) -> list[Ran]:
    """Every job that was ever submitted, in order: one that was submitted twice is there twice."""
    return list(History(folder).jobs.values())


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, appears_after_s: float) -> None:
        self.history = History(folder)
        self.appears_after_s = appears_after_s
        (folder / _SOCKET).unlink(missing_ok=True)
        super().__init__(str(folder / _SOCKET), _Conversation)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer."""
        now = time.time()
        match asked:
            case {"submit": job}:
                handle = f"job-{len(self.history.jobs) + 1}-{os.urandom(4).hex()}"
                self.history.record(did="submitted", handle=handle, submitted_at=now, **job)
                return {"handle": handle}
            case {"find": key}:
                ran = self.history.by_key.get(key)
                if ran is not None and now >= ran.submitted_at + self.appears_after_s:
                    return {"handle": ran.handle}
                return {"appears_after_s": self.appears_after_s}
            case {"poll": handles}:
                return {"told": {h: self.history.jobs[h].told(now) for h in handles if h in self.history.jobs}}
            case {"logs": handle}:
                return {"printed": self._known(handle).printed(now)}
            case {"table": name}:
                ran = self.history.maker(name, now)
                return {} if ran is None else {"made_by": ran.handle, **ran.options["table"]}
            case {"cancel": handle}:
                if self._known(handle).cancelled_at is None:
                    self.history.record(did="cancelled", handle=handle, at=now)
                return {}
        raise KeyError(f"no such question: {sorted(asked)}")

    def _known(self, handle: str) -> Ran:
        return self.history.jobs[handle]


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        for line in self.rfile:
            try:
                answer = self.server.answer(json.loads(line))
            except KeyError as error:
                answer = {"refused": str(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class JobServer:
    """The connector: a conversation for each thread, begun anew when it was broken off."""

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / _SOCKET)
        self._local = threading.local()

    def submit(self, job: Job, /) -> str:
        """Have it run."""
        reads = {name: [one.path or one.address for one in read] for name, read in job.inputs.items()}
        asked = {"key": job.key, "options": dict(job.options), "labels": dict(job.labels), "reads": reads}
        return str(self._ask(submit=asked)["handle"])

    def find(self, key: str, since: datetime, /) -> Finding:
        """Whether it is known, or may be yet."""
        answer = self._ask(find=key)
        if "handle" in answer:
            return Found(answer["handle"])
        until = since + timedelta(seconds=answer["appears_after_s"])
        return UnknownUntil(until) if datetime.now(UTC) < until else Absent()

    def poll(self, handle: str, /) -> JobStatus:
        """How it is."""
        found = self.poll_many([handle])[handle]
        if isinstance(found, PermanentError):
            raise found
        return found

    def poll_many(self, handles: Sequence[str], /) -> Mapping[str, JobStatus | PermanentError]:
        """How they are."""
        told = self._ask(poll=list(handles))["told"]
        unknown = PermanentError("no such job")
        return {handle: _status(told[handle]) if handle in told else unknown for handle in handles}

    def logs(self, handle: str, cursor: str, /) -> JobLogs:
        """What it has printed since."""
        printed, start = self._ask(logs=handle)["printed"], int(cursor or 0)
        return JobLogs(text=printed[start:], cursor=str(len(printed)))

    def cancel(self, handle: str, /) -> None:
        """End it."""
        self._ask(cancel=handle)

    def fingerprint(self, address: str, /) -> str:
        """Which job has made the table that is there."""
        return str(self._ask(table=address).get("made_by", ""))

    def fetch(self, address: str, path: Path, /) -> None:
        """Bring the table."""
        import pyarrow as pa  # noqa: PLC0415 - most tests have no tables
        from pyarrow import parquet  # noqa: PLC0415 - as above

        found = self._ask(table=address)
        if not found:
            raise PermanentError(f"there is no table {address}")
        columns: dict[str, str] = found["columns"]
        schema = pa.schema([(name, type_.removesuffix("?")) for name, type_ in columns.items()])
        rows = [dict(zip(columns, row, strict=True)) for row in found["rows"]]
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)

    def _ask(self, **asked: Any) -> Any:
        try:
            if getattr(self._local, "file", None) is None:
                with socket.socket(socket.AF_UNIX) as found:  # closed with the file that is made of it
                    found.settimeout(10)
                    found.connect(self._address)
                    self._local.file = found.makefile("rwb")
            self._local.file.write(json.dumps(asked).encode() + b"\n")
            self._local.file.flush()
            line = self._local.file.readline()
            if not line:
                raise ConnectionError("the conversation was broken off")
        except OSError as error:
            self._local.file = None
            raise TransientError(f"{self._address}: {error}") from error
        answer = json.loads(line)
        if "refused" in answer:
            raise PermanentError(answer["refused"])
        return answer


def _status(told: dict[str, Any]) -> JobStatus:
    elsewhere = {name: Elsewhere(**left) for name, left in told["elsewhere"].items()}
    return JobStatus(**{**told, "state": JobState(told["state"]), "elsewhere": elsewhere})


def connect(folder: str) -> JobServer:
    """The connector to the system that has this folder."""
    return JobServer(Path(folder))


@contextmanager
def serving(folder: Path, *, appears_after_s: float = 0.0) -> Iterator[None]:
    """Serve meanwhile, in threads of this process."""
    server = _Server(folder, appears_after_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        with suppress(FileNotFoundError):
            (folder / _SOCKET).unlink()


def main() -> None:
    """Serve until the process is ended."""
    folder, *more = sys.argv[1:]
    with _Server(Path(folder), float(more[0]) if more else 0.0) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
