"""`latewood token`: who may use the server, and as what."""

from typing import Any, Final

import click

from latewood.cli.options import as_json


@click.group("token")
def token() -> None:
    """Decide who may use the server, and as what.

    A token is for this project ($LATEWOOD_PROJECT), or for all of the database. Roles, each with what those before it
    may: viewer sees, operator lets things run, deployer decides what is deployed and current, admin who may what.
    """


@token.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(("viewer", "operator", "deployer", "admin")),
    default="viewer",
    show_default=True,
    help="What may be done by it.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3_650),
    default=90,
    show_default=True,
    metavar="N",
    help="After which it is of no use any more.",
)
@click.option("--all-projects", "everywhere", is_flag=True, help="For all projects, also those that are to come.")
@as_json
def create(**given: Any) -> int:
    """Print a new token, which nobody can have again: only its hash is recorded."""
    from latewood.cli.tokens import create_command

    return create_command(**given)


@token.command("list")
@as_json
def list_(**given: Any) -> int:
    """List the tokens there ever were, with who created them."""
    from latewood.cli.tokens import list_command

    return list_command(**given)


@token.command("revoke")
@click.argument("token")
@as_json
def revoke(**given: Any) -> int:
    """Let nobody in any more by TOKEN, which is its name or its id."""
    from latewood.cli.tokens import revoke_command

    return revoke_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (token,)
