"""`latewood token`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, print_json, table
from latewood.commands.tokens import create_token, list_tokens, revoke_token
from latewood.model.access import Role
from latewood.projections.tokens import TokenRow


def create_command(*, name: str, role: str, days: int, everywhere: bool, json_: bool) -> int:
    """`latewood token create`."""
    created = create_token(open_workspace(), name, Role(role), days=days, everywhere=everywhere)
    if json_:
        print_json({**asdict(created.row), "text": created.text})
        return exits.OK
    return show_created(created.text, created.row)


def show_created(text: str, row: TokenRow) -> int:
    """Print a token, this once."""
    console().print(f"{text}\n")
    console().print(
        f"This is token {row.name} ({row.token}), {row.role} of {_of(row)} until {moment(row.expires_at)}. It is shown "
        "this once and stored nowhere."
    )
    return exits.OK


def list_command(*, json_: bool) -> int:
    """`latewood token list`."""
    workspace = open_workspace()
    found = list_tokens(workspace)
    if json_:
        print_json({"tokens": [asdict(row) for row in found]})
        return exits.OK
    return show_tokens(found, workspace.clock())


def show_tokens(found: Sequence[TokenRow], now: datetime) -> int:
    """Print tokens, the oldest first."""
    if not found:
        console().print("There are no tokens: `latewood token create NAME` makes one.")
        return exits.OK
    rows = table("token", "id", "role", "project", "state", "created", "by", whole=("created",))
    for row in found:
        of = "all" if row.everywhere else row.project
        state = _state(row, now)
        rows.add_row(row.name, row.token, row.role, of, state, moment(row.created_at), row.created_by)
    console().print(rows)
    return exits.OK


def revoke_command(*, token: str, json_: bool) -> int:
    """`latewood token revoke`."""
    row, position = revoke_token(open_workspace(), token)
    if json_:
        print_json({"token": row.token, "name": row.name, "position": position})
    elif position is None:
        console().print(f"token {row.name} ({row.token}) was revoked already; nothing is recorded.")
    else:
        console().print(f"token {row.name} ({row.token}) lets nobody in any more.")
    return exits.OK


def _of(row: TokenRow) -> str:
    return "all projects" if row.everywhere else f"project {row.project}"


def _state(row: TokenRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return f"revoked {moment(row.revoked_at)}"
    return f"{'expired' if row.expires_at <= now else 'until'} {moment(row.expires_at)}"
