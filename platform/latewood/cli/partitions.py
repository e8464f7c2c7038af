"""`latewood partitions`: keys of dynamic partitions."""

from dataclasses import asdict
from datetime import datetime

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json, table
from latewood.commands.carrying import carry
from latewood.commands.partitioning import Changed, add_keys, list_keys, list_names, remove_keys
from latewood.commands.views import moment_meant


def list_command(*, name: str, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """The keys of a name that are there; without one, the names. In JSON also those that were removed."""
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    if not name:
        found = list_names(workspace, at)
        counts = {named: sum(row.present for row in rows) for named, rows in found.items()}
        if json_:
            print_json({"names": [{"name": named, "partitions": counts[named]} for named in found]})
            return exits.OK
        names = table("name", "partitions", right=("partitions",))
        for named in found:
            names.add_row(named, f"{counts[named]:,}")
        console().print(names if found else "There are no dynamic partitions.")
        return exits.OK
    rows = list_keys(workspace, name, at)
    if json_:
        print_json({"name": name, "keys": [asdict(row) for row in rows]})
        return exits.OK
    shown = table("partition", "event", right=("event",))
    for row in rows:
        if row.present:
            shown.add_row(row.key, f"{row.since:,}")
    console().print(shown if shown.row_count else f"{name} has no partitions yet: latewood partitions add {name} KEY")
    return exits.OK


def add_command(*, name: str, keys: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """`latewood partitions add`."""
    return _print(add_keys(open_workspace(environment=environment), name, keys), "added to", json_=json_)


def remove_command(*, name: str, keys: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """`latewood partitions remove`."""
    return _print(remove_keys(open_workspace(environment=environment), name, keys), "removed from", json_=json_)


def carry_command(*, key: str, old: str, new: str, undo_: bool, environment: str | None, json_: bool) -> int:
    """`latewood partitions carry`."""
    done = carry(open_workspace(environment=environment), key, old, new, undone=undo_)
    if json_:
        print_json(asdict(done))
        return exits.OK
    count = "no longer count" if done.undone else "count"
    when = "as before; nothing is recorded" if done.position is None else f"from position {done.position:,} on"
    console().print(f"Versions of {done.asset} {done.old} {count} as those of {done.new} {when}.")
    return exits.OK


def _print(done: Changed, word: str, *, json_: bool) -> int:
    if json_:
        print_json(asdict(done))
    elif done.position is None:
        console().print(f"{plural(len(done.unchanged), 'partition')} had been {word} {done.name}; nothing is recorded.")
    else:
        console().print(f"{plural(len(done.changed), 'partition')} {word} {done.name} at position {done.position:,}.")
    return exits.OK
