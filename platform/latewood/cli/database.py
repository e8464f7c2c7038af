"""`latewood db …`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from latewood.cli import exits
from latewood.cli.output import console, moment, plural, print_json, table
from latewood.errors import NotFound, UsageError
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server
from latewood_eventlog.database import connect
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.homes import ServerData, server_data, size_of
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


def list_command(*, json_: bool) -> int:
    """List the data of embedded servers, those that were used last first."""
    found = server_data(server.home_directory(os.environ))
    if json_:
        print_json({"data": [_data_json(each, size_of(each)) for each in found]})
        return exits.OK
    if not found:
        console().print("There are no embedded servers: any command starts this home's.")
        return exits.OK
    rows = table("data", "server", "home", "last used", "MiB", right=("MiB",), whole=("data", "last used"))
    for each in found:
        home = "not known" if each.home is None else f"{each.home}{', which is gone' if each.is_left else ''}"
        state = "stopped" if each.pid is None else f"pid {each.pid}"
        style = "yellow" if each.is_left else ""
        rows.add_row(each.path.name, state, home, moment(each.used_at), _mib(size_of(each)), style=style)
    console().print(rows)
    if left := sum(each.is_left for each in found):
        console().print(f"`latewood db remove` removes what is left of {plural(left, 'home')}", style="dim")
    return exits.OK


def remove_command(*, names: Sequence[str], dry_run: bool, json_: bool) -> int:
    """Remove data that no home has any more: those that are named, else all whose home is known to be gone."""
    there = {each.path.name: each for each in server_data(server.home_directory(os.environ))}
    for name in names:
        _refuse_used(name, there)
    chosen = [there[name] for name in dict.fromkeys(names)] if names else [e for e in there.values() if e.is_left]
    sizes = [size_of(each) for each in chosen]
    for each in () if dry_run else chosen:
        server.remove_data(each.path)
    if json_:
        print_json({"removed": list(map(_data_json, chosen, sizes)), "dry_run": dry_run})
        return exits.OK
    for each, size in zip(chosen, sizes, strict=True):
        of = "a home that is not known" if each.home is None else each.home
        console().print(f"{'would be removed' if dry_run else 'removed'}: {each.path.name} of {of}, {_mib(size)} MiB")
    if not chosen:
        console().print("nothing is left of homes that are gone")
    return exits.OK


def _refuse_used(name: str, there: Mapping[str, ServerData]) -> None:
    if name not in there:
        near = ", ".join(get_close_matches(name, there, n=3))
        raise NotFound("data", f'no data "{name}"; {f"near: {near}" if near else "`latewood db list` lists them"}')
    found = there[name]
    if found.home is not None and not found.is_left:
        raise UsageError(f'"{name}" is the log of {found.home}: to be done with that, remove the folder first')
    if found.home is None and found.pid is not None:
        raise UsageError(f'"{name}" is in use by a home that is not known: pid {found.pid}')


def _data_json(each: ServerData, size: int) -> dict[str, Any]:
    return {**asdict(each), "path": str(each.path), "home": each.home and str(each.home), "bytes": size}


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f}"


def _refuse_named() -> None:
    if os.environ.get("LATEWOOD_DATABASE_URL"):
        raise UsageError("LATEWOOD_DATABASE_URL names another server; start and stop it with its own tools")
