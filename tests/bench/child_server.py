"""Serves the API, in a process of its own, until it is told to end. Prints the port."""

import socket

import uvicorn

from latewood.commands.workspace import open_workspace
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_graphql.app import app
from latewood_graphql.authentication import everybody_is
from latewood_graphql.calls import Service
from latewood_graphql.serving import keep_what_was_imported


def main() -> None:
    workspace = open_workspace()
    assert workspace.url is not None
    reader = EventLog(connect(workspace.url, role="reader"), PROJECTIONS, UPCASTERS)
    served = app(Service(workspace=workspace, reader=reader), everybody_is(workspace.actor))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1_000)
    config = uvicorn.Config(served, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    print(listening.getsockname()[1], flush=True)
    keep_what_was_imported()
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
