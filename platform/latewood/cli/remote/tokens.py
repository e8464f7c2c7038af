"""Tokens: who may use the server, and as what."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.output import console, print_json
from latewood.cli.remote.connection import connect, done, of_one_state
from latewood.cli.tokens import show_created, show_tokens
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.projections.tokens import TokenRow

_FIELDS: Final = "id name role everywhere createdAt createdBy expiresAt revokedAt revokedBy"
_LIST: Final = f"""query ($project: String!, $asOf: Moment, $after: String) {{
  project(name: $project, asOf: $asOf) {{ position tokens(first: 1000, after: $after) {{
    nodes {{ {_FIELDS} }} pageInfo {{ endCursor hasNextPage }}
  }} }}
}}"""
_CREATE: Final = f"""mutation ($project: String!, $name: String!, $role: Role!, $days: Int!) {{
  createToken(project: $project, name: $name, role: $role, days: $days) {{ __typename
    ... on TokenCreated {{ text token {{ {_FIELDS} }} }}
    ... on Error {{ message }}
  }}
}}"""
_REVOKE: Final = """mutation ($project: String!, $token: String!) {
  revokeToken(project: $project, token: $token) { __typename
    ... on TokenRevoked { id name position }
    ... on Error { message }
  }
}"""
_UNTOLD: Final = ("created_position", "revoked_position")


def create(*, name: str, role: str, days: int, everywhere: bool, json_: bool) -> int:
    """Let somebody in."""
    if everywhere:
        raise UsageError(
            "tokens for all projects are made where the database is: leave out --all-projects, or --server"
        )
    client = connect()
    found = done(client, "createToken", _CREATE, {"name": name, "role": role.upper(), "days": days}, repeatable=False)
    row = _row(client.at.project, found["token"])
    if json_:
        print_json({**_told(row), "text": found["text"]})
        return exits.OK
    return show_created(found["text"], row)


def list_(*, json_: bool) -> int:
    """All of the project, as far as who asks may see them; the oldest first."""
    client = connect()
    found = [_row(client.at.project, each) for each in of_one_state(client, _LIST, lambda project: project["tokens"])]
    if json_:
        print_json({"tokens": list(map(_told, found[::-1]))})
        return exits.OK
    return show_tokens(found[::-1], datetime.now(UTC))


def revoke(*, token: str, json_: bool) -> int:
    """Let nobody in by one any more."""
    found = done(connect(), "revokeToken", _REVOKE, {"token": token})
    if json_:
        print_json({"token": found["id"], "name": found["name"], "position": found["position"]})
    else:
        console().print(f"token {found['name']} ({found['id']}) lets nobody in any more.")
    return exits.OK


def _row(project: str, found: Mapping[str, Any]) -> TokenRow:
    """A token as the database has it; where the log has it is not told."""
    times = {
        name: found[name] and datetime.fromisoformat(found[name]) for name in ("createdAt", "expiresAt", "revokedAt")
    }
    return TokenRow(
        project=project,
        token=found["id"],
        name=found["name"],
        role=Role(found["role"].lower()),
        everywhere=found["everywhere"],
        created_position=0,
        created_at=times["createdAt"],
        created_by=found["createdBy"],
        expires_at=times["expiresAt"],
        revoked_position=None,
        revoked_at=times["revokedAt"],
        revoked_by=found["revokedBy"],
    )


def _told(row: TokenRow) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in _UNTOLD}
