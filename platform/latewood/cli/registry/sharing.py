"""Commands about tasks that are used elsewhere: which there are, and which other projects may use."""

from typing import Any, Final

import click

from latewood.cli.options import as_json, as_of, environment

task = click.argument("task", metavar="LOCATION:TASK")


@click.command()
@click.argument("task", metavar="[LOCATION:TASK]", required=False)
@environment
@as_of
@as_json
def tasks(**given: Any) -> int:
    """List the tasks that other locations may refer to; of one that is named all versions.

    Those that are deployed in the environment, and those that other projects grant to this one.
    """
    from latewood.cli.sharing import tasks_command

    return tasks_command(**given)


@click.command()
@task
@click.option("--to", "project", required=True, metavar="PROJECT", help="The project that may use it.")
@click.option(
    "--version", default="", metavar="VERSION", help="A code version or deployment; default is what is deployed."
)
@environment
@as_json
def grant(**given: Any) -> int:
    """Let another project use a task, in the version that is deployed here now.

    It gets the task's definition and source, and sees nothing else of this project. Later versions need another grant.
    """
    from latewood.cli.sharing import grant_command

    return grant_command(**given)


@click.command()
@task
@click.option("--from", "project", required=True, metavar="PROJECT", help="The project that may use it no more.")
@environment
@as_json
def revoke(**given: Any) -> int:
    """Take the use of a task back, in all versions. What the other project made by it stays its own."""
    from latewood.cli.sharing import revoke_command

    return revoke_command(**given)


@click.command()
@environment
@as_of
@as_json
def grants(**given: Any) -> int:
    """List what this project grants to others, and what others grant to it."""
    from latewood.cli.sharing import grants_command

    return grants_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (tasks, grant, revoke, grants)
"""The commands as click knows them: names, arguments and help. What a command does is imported when it is called."""
