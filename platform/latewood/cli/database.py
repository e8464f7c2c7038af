"""`latewood db …`."""

import os

from latewood.cli import exits
from latewood.cli.output import console, plural
from latewood.errors import UsageError
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server
from latewood_eventlog.database import connect
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.migrate import migrate, require_schema
from latewood_eventlog.server import Running


def start_command() -> int:
    """Start the embedded server, or find it running."""
    _refuse_named()
    home = server.home_directory(os.environ)
    server.ensure_started(home)
    return status_command()


def stop_command() -> int:
    """Stop the embedded server; it starts again when it is needed."""
    _refuse_named()
    home = server.home_directory(os.environ)
    if isinstance(found := server.status(home), Running):
        others = server.connected(found)
        server.stop(home)
        console().print("stopped")
        if others:
            console().print(
                f"{plural(others, 'connection')} of engines, servers or other commands ended with it: "
                "until `latewood db start` they can do nothing",
                style="yellow",
            )
    else:
        console().print("was not running")
    return exits.OK


def status_command() -> int:
    """Print where the database is and whether its schema fits."""
    out = console()
    if os.environ.get("LATEWOOD_DATABASE_URL"):
        url = server.database_url(os.environ)
        out.print(f"server   {url.location} (from LATEWOOD_DATABASE_URL)")
    else:
        found = server.status(server.home_directory(os.environ))
        if not isinstance(found, Running):
            out.print("server   stopped; any command starts it")
            return exits.OK
        url = found.url
        out.print(f"server   running on 127.0.0.1:{found.port}, pid {found.pid}, Postgres {found.version}")
        out.print(f"data     {found.data_directory}")
    try:
        require_schema(connect(url, role="engine"), PROJECTIONS)
        out.print("schema   up to date")
    except SchemaUnknown as error:
        out.print(f"schema   {error}")
    return exits.OK


def url_command() -> int:
    """Print the URL, for another program."""
    print(server.database_url(os.environ).reveal())  # noqa: T201 - the one thing that was asked for
    return exits.OK


def migrate_command() -> int:
    """Migrate, and say what was done."""
    url = server.database_url(os.environ)
    done = migrate(connect(url, role="owner"), PROJECTIONS, UPCASTERS)
    for line in done or ("nothing to do",):
        console().print(line)
    return exits.OK


def _refuse_named() -> None:
    if os.environ.get("LATEWOOD_DATABASE_URL"):
        raise UsageError("LATEWOOD_DATABASE_URL names another server; start and stop it with its own tools")
