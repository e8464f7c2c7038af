"""`latewood openlineage`: lineage for catalogs that take OpenLineage's events."""

from typing import Any, Final

import click


@click.command()
@click.option(
    "--to",
    required=True,
    envvar="OPENLINEAGE_URL",
    metavar="URL|FILE",
    help="Address of a catalog, /api/v1/lineage where it has no path; or a file, a line each. Or $OPENLINEAGE_URL.",
)
@click.option(
    "--namespace",
    default="",
    envvar="OPENLINEAGE_NAMESPACE",
    metavar="NAME",
    help="Of jobs and datasets, in place of the project's name; or $OPENLINEAGE_NAMESPACE.",
)
@click.option(
    "--after", type=click.IntRange(min=0), metavar="POSITION", help="Tell again what comes after this position."
)
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, also while the catalog is away.")
@click.option("--api-key", default="", envvar="OPENLINEAGE_API_KEY", metavar="KEY", help="Better $OPENLINEAGE_API_KEY.")
def openlineage(**given: Any) -> int:
    """Tell a catalog, such as Marquez or DataHub, of runs, steps and versions, as events of OpenLineage.

    It goes on where it was the last time. What a crash lets it tell twice is the same event, by the same id.
    """
    from latewood.cli.openlineage import openlineage_command

    return openlineage_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (openlineage,)
