"""Commands that say what versions count for: heads, variants, pinned parameters, retractions, names."""

from typing import Any, Final

import click

from latewood.cli.options import as_json, environment, partition, to_time


@click.command()
@click.argument("key")
@click.argument("version", default="", metavar="VERSION|--to-time|--to-position")
@partition
@to_time
@click.option(
    "--to-position", type=click.IntRange(min=1), metavar="POSITION", help="To what was head at this position."
)
@environment
@as_json
def rollback(**given: Any) -> int:
    """Point an asset back to an earlier version, or its partitions to what they were. Nothing is run.

    One of VERSION, --to-time and --to-position is required; `latewood asset KEY` lists the versions.
    """
    from latewood.cli.environments import rollback_command

    return rollback_command(**given)


@click.command("retract")
@click.argument("version")
@click.option("--reason", default="", metavar="TEXT", help="What is wrong with it, for who reads the history.")
@click.option("--asset", default="", metavar="KEY", help="Only this output of the step, or asset of the run.")
@partition
@click.option("--override", is_flag=True, help="Allow the same computation again: only equal data stay refused.")
@click.option("--undo", "undo_", is_flag=True, help="Take a retraction back.")
@click.option("--dry-run", is_flag=True, help="Show what it would reach; record nothing.")
@environment
@as_json
def retract_(**given: Any) -> int:
    """Declare a version wrong: it is never used again, nor what equals it.

    VERSION is RUN.STEP, or a RUN for all that it made. Shows every version that was made from it, where any of them
    is a head, and what making others would take. Where it is a head it shows as stale, and all that reads it; a rerun
    with the same reuse key or equal data is refused.
    """
    from latewood.cli.corrections import retract_command

    return retract_command(**given)


@click.command("rename")
@click.argument("old")
@click.argument("new")
@as_json
def rename_(**given: Any) -> int:
    """Give an asset another name: its versions, heads and history go on under NEW.

    An environment shows the new name once code that defines it is deployed there; until then it shows the old one.
    """
    from latewood.cli.corrections import rename_command

    return rename_command(**given)


@click.command()
@click.argument("key")
@click.option("--by", default="", metavar="METRIC", help="Order by this number, the highest first.")
@click.option("--lowest", is_flag=True, help="The lowest first.")
@partition
@click.option("--run", default="", metavar="RUN", help="Only what this run made, or took in place of making it.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many.")
@environment
@as_json
def compare(**given: Any) -> int:
    """Compare an asset's versions: parameters in which they differ, and numbers in metadata and value."""
    from latewood.cli.variants import compare_command

    return compare_command(**given)


@click.command()
@click.argument("version")
@environment
@as_json
def promote(**given: Any) -> int:
    """Make a version, a variant say, head: all that its step made. Nothing is run.

    Heads that it was made from stay as they are.
    """
    from latewood.cli.variants import promote_command

    return promote_command(**given)


@click.command()
@click.argument("targets", nargs=-1, metavar="[ASSET.NAME=VALUE]...")
@environment
@as_json
def pin(**given: Any) -> int:
    """Give parameters a value in an environment, and in its later branches. Without any: list what is pinned."""
    from latewood.cli.variants import pin_command

    return pin_command(**given)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="ASSET.NAME...")
@environment
@as_json
def unpin(**given: Any) -> int:
    """Give parameters their defaults again."""
    from latewood.cli.variants import unpin_command

    return unpin_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (rollback, retract_, rename_, compare, promote, pin, unpin)
