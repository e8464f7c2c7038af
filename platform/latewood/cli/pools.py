"""`latewood pools` and `latewood quota`."""

from dataclasses import asdict

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, print_json, table
from latewood.cli.wording import pool_text
from latewood.commands.pools import Changed, pools, remove_pool, set_pool, set_quota
from latewood.model.policies import QUOTA


def list_command(*, json_: bool) -> int:
    """All pools, the quota among them."""
    found = pools(open_workspace())
    if json_:
        print_json({"pools": [asdict(pool) for pool in found]})
        return exits.OK
    if not found:
        console().print("There are no pools: `latewood pools set NAME LIMIT` makes one.")
        return exits.OK
    rows = table("pool", "limit", "slot", "held by", "since", right=("limit", "slot"), whole=("since",))
    for pool in found:
        name, limit = "quota" if pool.name == QUOTA else pool.name, f"{pool.limit:,}"
        for slot in pool.slots:
            rows.add_row(name, limit, f"{slot.number:,}", slot.holder, moment(slot.since))
            name = limit = ""
        if not pool.slots:
            rows.add_row(name, limit, "", "", "")
    console().print(rows)
    for pool in found:
        if pool.waiting:
            console().print(f"waiting for {pool_text(pool.name)}: run {', '.join(pool.waiting)}", style="yellow")
    return exits.OK


def set_command(*, name: str, limit: int, json_: bool) -> int:
    """`latewood pools set`."""
    return _print(set_pool(open_workspace(), name, limit), json_=json_)


def remove_command(*, name: str, json_: bool) -> int:
    """`latewood pools remove`."""
    return _print(remove_pool(open_workspace(), name), json_=json_)


def quota_command(*, limit: int | str | None, json_: bool) -> int:
    """`latewood quota`."""
    workspace = open_workspace()
    if limit is not None:
        return _print(set_quota(workspace, None if isinstance(limit, str) else limit), json_=json_)
    now = next((pool.limit for pool in pools(workspace) if pool.name == QUOTA), None)
    if json_:
        print_json({"quota": now})
    elif now is None:
        console().print(f"There is no quota: as many steps of {workspace.project} run at once as there are workers.")
    else:
        console().print(f"At most {now:,} steps of {workspace.project} run at once.")
    return exits.OK


def _print(done: Changed, *, json_: bool) -> int:
    if json_:
        print_json(asdict(done))
        return exits.OK
    before, after = (f"{limit:,}" if limit is not None else "no limit" for limit in (done.before, done.after))
    if done.position is None:
        console().print(f"{pool_text(done.name)} is {after} already; nothing is recorded.")
    else:
        console().print(f"{pool_text(done.name)}: {before} -> {after} at position {done.position:,}.")
    return exits.OK
