"""A server on loopback, and a client that follows it as `curl -N` does."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from uuid import uuid4

import uvicorn

from latewood_eventlog.records import Batch, NewEvent, StreamAppend


@contextmanager
def on_loopback(app, port=0):
    """The port on which a server of this process answers meanwhile."""
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        app.state.hub.end()
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass
class Following:
    """What is told to one subscriber over one connection."""

    port: int
    query: str
    variables: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    receive_bytes: int | None = None

    def __enter__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        if self.receive_bytes is not None:
            self.connection.sock = socket.socket()
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)
            self.connection.sock.settimeout(20)
            self.connection.sock.connect(("127.0.0.1", self.port))
        body = json.dumps({"query": self.query, "variables": self.variables})
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **self.headers}
        self.connection.request("POST", "/graphql", body, headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["content-type"].startswith("text/event-stream")
        self.first = self.response.readline()  # once nothing is missed any more, or has gone wrong
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def __iter__(self):
        """What came, message by message, until the server says that it is complete."""
        event, data = "", ""
        for line in chain([self.first], self.response):
            self.first = b""
            text = line.decode().rstrip("\n")
            name, _, value = text.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif not text and event == "next":
                yield json.loads(data)
                event = ""
            elif not text and event == "complete":
                return

    def take(self, count):
        """So many messages."""
        found = []
        for message in self:
            found.append(message)
            if len(found) == count:
                break
        return found


def note(log, numbers, *, project="default", stream="notes/all", size=0):
    """Append events that say these numbers."""
    return log.append(batch_of(numbers, project=project, stream=stream, size=size))


def batch_of(numbers, *, project="default", stream="notes/all", size=0):
    """The same, not yet appended."""
    events = tuple(
        NewEvent(
            event_id=uuid4(),
            type="test.noted",
            schema_version=1,
            data=json.dumps({"number": number, "text": "x" * size}),
            occurred_at=datetime.now(UTC),
            actor="test",
        )
        for number in numbers
    )
    return Batch(appends=(StreamAppend(project=project, stream=stream, events=events),))
