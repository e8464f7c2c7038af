"""Commands that do again what was done: rerun, reproduce."""

from typing import Any, Final

import click

from latewood.cli.options import VALUES, as_json, detach, quiet, said


@click.command()
@click.argument("named", metavar="RUN")
@click.option(
    "--only",
    callback=said,
    metavar="failed|unfinished|STEPS",
    help="What failed in it, what it has left, or steps, as in 0,2,5-7.",
)
@click.option("--param", "parameters", multiple=True, metavar="ASSET.NAME=VALUE,…", help=VALUES)
@click.option("--dry-run", is_flag=True, help="Show the plan; run nothing.")
@detach
@quiet
@as_json
def rerun(**given: Any) -> int:
    """Ask again for what a run was asked for, on the code that is deployed now.

    The same selection, partitions, parameters and environment. What is up to date by now is not run.
    """
    from latewood.cli.again import rerun_command

    return rerun_command(**given)


@click.command()
@click.argument("named", metavar="RUN|VERSION")
@click.option(
    "--only", callback=said, metavar="STEPS", help="Some steps of the run: numbers and ranges, as in 0,2,5-7."
)
@click.option("--force", is_flag=True, help="Also steps whose task gives up reuse, which may act outside.")
@as_json
def reproduce(**given: Any) -> int:
    """Run the steps of a run, or the one behind a version, again as they were.

    By the code that was deployed then, with the recorded parameters and the exact versions that were read; then compare
    with what was recorded. Nothing of it becomes a version. Exit code 0 if every output is identical, else 1.
    """
    from latewood.cli.again import reproduce_command

    return reproduce_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (rerun, reproduce)
