"""Commands about deployments: listing them, how two differ, going back to an earlier one."""

from typing import Any, Final

import click

from latewood.cli.options import DefaultGroup, as_json, environment


@click.group("deployments", cls=DefaultGroup, default="list", alone=True)
def deployments() -> None:
    """What was deployed: `deployments [LOCATION]` lists it.

    VERSION, A and B are a deployment's name, or as much of its beginning as no other one has.
    """


@deployments.command("list")
@click.argument("location", default="")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many.")
@as_json
def list_(**given: Any) -> int:
    """List the latest deployments, with the environments that have each now."""
    from latewood.cli.deployments import list_command

    return list_command(**given)


@deployments.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@as_json
def diff(**given: Any) -> int:
    """Show what B defines more, no longer, and otherwise than A: functions, parameters, inputs, checks and more."""
    from latewood.cli.deployments import diff_command

    return diff_command(**given)


@deployments.command("rollback")
@click.argument("location")
@click.argument("named", metavar="VERSION")
@environment
@as_json
def rollback(**given: Any) -> int:
    """Give the environment an earlier deployment of a location again; run nothing.

    It says what becomes stale by that, and what is fresh again. Runs that were asked for before keep their code.
    """
    from latewood.cli.deployments import rollback_command

    return rollback_command(**given)


@deployments.command("retire")
@click.argument("location")
@environment
@as_json
def retire(**given: Any) -> int:
    """Give the environment nothing of a location any more; its code is not looked at, and may be gone.

    Versions stay: deploying it again brings them back.
    """
    from latewood.cli.deployments import retire_command

    return retire_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (deployments,)
