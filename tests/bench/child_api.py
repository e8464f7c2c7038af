"""In a process of its own: the API on a free port of the loopback, which it prints; until it is ended."""

import socket

import uvicorn

from latewood.commands.workspace import open_workspace
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_graphql.app import app
from latewood_graphql.authentication import everybody_is
from latewood_graphql.calls import Service
from latewood_graphql.serving import keep_what_was_imported
from latewood_graphql.transport import THREADS


def main() -> None:
    workspace = open_workspace()
    assert workspace.url is not None, "it was opened from variables"
    reader = EventLog(
        connect(workspace.url, role="reader", pool=THREADS), workspace.log.projections, workspace.log.upcasters
    )
    # As `latewood server` has it: of a socket that does not say TCP, asyncio's connections wait for acknowledgements.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app(Service(workspace=workspace, reader=reader), everybody_is(workspace.actor)),
        log_level="warning",
        access_log=False,
    )
    keep_what_was_imported()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
