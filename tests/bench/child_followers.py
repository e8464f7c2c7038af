"""Follows the log as many clients, and appends to it. Prints the milliseconds of each delivery as one JSON line."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from uuid import uuid4

from latewood.commands.workspace import open_workspace
from latewood_eventlog.records import Batch, NewEvent, StreamAppend

EVENTS = 40
_QUERY = 'subscription { events(stream: "bench/notes") { position data } }'


async def follow(port: int, ready: asyncio.Queue, delivered: list) -> None:
    """One client: seconds from each event's append to its arrival."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"query": _QUERY}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await reader.readuntil(b":\n\n")
    ready.put_nowait(None)
    for _ in range(EVENTS):
        while not (line := await reader.readline()).startswith(b"data: "):
            assert line, "the server has ended"
        arrived = time.time()
        delivered.append((arrived, line))
    writer.close()


async def main(port: int, clients: int) -> None:
    workspace = open_workspace()
    ready: asyncio.Queue = asyncio.Queue()
    delivered: list[tuple[float, bytes]] = []
    tasks = [asyncio.create_task(follow(port, ready, delivered)) for _ in range(clients)]
    for _ in tasks:
        await ready.get()
    await asyncio.sleep(1.0)

    def append() -> None:
        event = NewEvent(
            event_id=uuid4(),
            type="bench.noted",
            schema_version=1,
            data="{}",
            occurred_at=datetime.now(UTC),
            actor="bench",
        )
        stream = StreamAppend(project=workspace.project, stream="bench/notes", events=(event,))
        workspace.log.append(Batch(appends=(stream,)))
        at = time.time()
        appended[workspace.log.position()] = at  # nobody else appends

    appended: dict[int, float] = {}
    for _ in range(EVENTS):
        await asyncio.to_thread(append)
        await asyncio.sleep(0.35)
    await asyncio.gather(*tasks)
    found = [
        (arrived - appended[json.loads(line[6:])["data"]["events"]["position"]]) * 1e3 for arrived, line in delivered
    ]
    print(json.dumps({"ms": found}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
