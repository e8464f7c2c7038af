"""The log, and how the server is."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.cli import exits
from latewood.cli.history import print_event
from latewood.cli.output import console, plural, print_json, table
from latewood.cli.remote.connection import connect, of_environment
from latewood.errors import UsageError

if TYPE_CHECKING:
    from latewood.client import Client, Event

_LAST: Final = 10
_STATUS: Final = """query ($project: String!) {
  server { version position actor }
  project(name: $project) {
    queued: runs(status: QUEUED, first: 1) { totalCount }
    running: runs(status: RUNNING, first: 1) { totalCount }
    interrupted: runs(status: INTERRUPTED, first: 1) { totalCount }
    role
  }
}"""
_AUTOMATIONS: Final = """query ($project: String!, $environment: String!) {
  project(name: $project) { environment(name: $environment) { automations { isOn } } }
}"""


def tail(*, after: int | None, follow: bool, json_: bool) -> int:
    """Print events."""
    client = connect()
    begin = _before_last(client) if after is None else after
    for event in client.tail(after=begin, follow=follow):
        if json_:
            print(msgspec.json.encode(_json(event)).decode(), flush=True)  # noqa: T201 - a line per event
        else:
            print_event(console(), event, event.data, event.assets)
    return exits.OK


def _before_last(client: "Client") -> int:
    """The position before the project's last events, however many of others lie between."""
    end = client.position()
    window = _LAST
    while True:
        after = max(0, end - window)
        found = list(client.tail(after=after, follow=False))
        if len(found) >= _LAST or not after:
            return found[-_LAST:][0].position - 1 if found else end
        window *= 8


def _json(event: "Event") -> dict[str, Any]:
    return {
        "position": event.position,
        "event_id": event.id,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "actor": event.actor,
        "cause": event.cause,
        "data": event.data,
    }


def show(*, position: int) -> int:
    """Print one."""
    client = connect()
    end = client.position()
    near = client.events(after=max(0, position - 1), first=1) if position <= end else []
    found = [event for event in near if event.position == position]
    if not found:
        raise UsageError(f"no event at position {position:,}; the log ends at {end:,}")
    print_json(_json(found[0]))
    return exits.OK


def status(*, json_: bool) -> int:
    """How it is, as far as who asks may know: the server, the runs under way, what happens by itself."""
    from latewood.client import EnvironmentNotFound

    client = connect()
    found = client.query(_STATUS, {"project": client.at.project})
    runs = {word: found["project"][word]["totalCount"] for word in ("queued", "running", "interrupted")}
    try:
        automations = of_environment(client, _AUTOMATIONS)["automations"]
    except EnvironmentNotFound:
        automations = []  # nothing happens in it
    on, server = sum(each["isOn"] for each in automations), found["server"]
    if json_:
        told = {"url": client.at.url, **server, "role": found["project"]["role"].lower()}
        print_json(
            {
                "server": told,
                "runs": {word: count for word, count in runs.items() if count},
                "automations": {"on": on, "all": len(automations)},
            }
        )
        return exits.OK
    rows = table("", "")
    rows.show_header = False
    rows.add_row("server", f"{client.at.url}, Latewood {server['version']}")
    rows.add_row("as", f"{server['actor']}, {found['project']['role'].lower()}")
    rows.add_row("log", plural(server["position"], "event"))
    rows.add_row("runs", ", ".join(f"{n:,} {word}" for word, n in runs.items() if n) or "none under way")
    if automations:
        rows.add_row("by itself", f"{on:,} of {len(automations):,} on")
    console().print(rows)
    return exits.OK
