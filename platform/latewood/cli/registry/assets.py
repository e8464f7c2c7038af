"""Commands that show assets: what they are, hold, were made from, and why."""

from typing import Any, Final

import click

from latewood.cli.options import as_json, as_of, environment, partition, selected_or_all, source, version


@click.command()
@click.argument("selection", nargs=-1, callback=selected_or_all, metavar="[SELECTION]")
@environment
@as_of
@as_json
def assets(**given: Any) -> int:
    """List assets with status and partitions."""
    from latewood.cli.assets import assets_command

    return assets_command(**given)


@click.command()
@click.argument("key")
@partition
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Show so many versions.")
@environment
@as_of
@as_json
def asset(**given: Any) -> int:
    """Show one asset: status, versions, checks; of some partitions with --partition."""
    from latewood.cli.assets import asset_command

    return asset_command(**given)


@click.command("show")
@click.argument("key")
@partition
@version
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Rows of a table or array.")
@environment
@as_of
@as_json
def show_(**given: Any) -> int:
    """Show the value of a head, or of another version.

    Tables by their first rows; scalars, containers and records as JSON; files and pickles by their path. The code
    that made it is not needed. Without --partition the last one that has a value is shown.
    """
    from latewood.cli.show import show_command

    return show_command(**given)


@click.command()
@click.argument("key")
@click.option("--up", type=click.IntRange(min=0), help="Levels upstream; of a column all, else 1.")
@click.option("--down", type=click.IntRange(min=0), default=0, show_default=True, help="Levels downstream.")
@click.option("--column", default="", metavar="NAME", help="What this column was computed from.")
@partition
@version
@environment
@as_of
@as_json
def lineage(**given: Any) -> int:
    """Show what a version was made from, and what from it.

    Without --partition or --version it is about all heads. What an asset's versions have in common is one line;
    --json lists each. With --column: which columns a column was computed from, over all queries, to where it is not
    known.
    """
    from latewood.cli.lineage import lineage_command

    return lineage_command(**given)


@click.command()
@click.argument("key")
@click.argument("step", type=click.IntRange(min=0), required=False)
@source
@partition
@environment
@as_of
@as_json
def why(**given: Any) -> int:
    """Explain why an asset is fresh, stale or missing; or a run, or one step of it.

    With -f or -m: why it would be so, were the definitions deployed as they are there. KEY is an asset, or the id of
    a run: who or what asked for that, and what was planned. With STEP: why that step was run, or was not.
    """
    from latewood.cli.explain import why_command

    return why_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (assets, asset, show_, lineage, why)
