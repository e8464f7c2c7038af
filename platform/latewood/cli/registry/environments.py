"""`latewood env …`: environments as a whole."""

from typing import Any, Final

import click

from latewood.cli.options import as_json


@click.group("env")
def env() -> None:
    """Branch environments, compare them, promote one into another."""


@env.command("list")
@as_json
def env_list(**given: Any) -> int:
    """List the environments."""
    from latewood.cli.environments import list_command

    return list_command(**given)


@env.command("create")
@click.argument("name")
@click.option("--from", "base", default="prod", show_default=True, metavar="ENV", help="Branch from this one.")
@as_json
def env_create(**given: Any) -> int:
    """Branch: a new environment has the heads and deployments of another. Nothing is copied."""
    from latewood.cli.environments import create_command

    return create_command(**given)


into = click.option("--to", "target", default="prod", show_default=True, metavar="ENV", help="The other environment.")


@env.command("diff")
@click.argument("source")
@click.argument("selection", default="*")
@into
@as_json
def env_diff(**given: Any) -> int:
    """Show what promoting SOURCE would change."""
    from latewood.cli.environments import diff_command

    return diff_command(**given)


@env.command("promote")
@click.argument("source")
@click.argument("selection", default="*")
@into
@click.option("--force", is_flag=True, help="Also over what was moved there meanwhile.")
@as_json
def env_promote(**given: Any) -> int:
    """Make SOURCE's own heads and deployments those of another environment; nothing is run.

    Refused if the other one has moved meanwhile.
    """
    from latewood.cli.environments import promote_command

    return promote_command(**given)


@env.command("drop")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also the one that commands work in when none is named.")
def env_drop(**given: Any) -> int:
    """End an environment: its heads, pins and observations. What its tasks made may be reused still."""
    from latewood.cli.environments import drop_command

    return drop_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (env,)
