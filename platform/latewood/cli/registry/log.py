"""`latewood log …`: the event log itself."""

from pathlib import Path
from typing import Any, Final

import click

from latewood.cli.options import as_json


@click.group("log")
def log_() -> None:
    """Look at the event log itself."""


@log_.command()
@click.option("--after", type=int, metavar="POSITION", help="Begin after this position; default: the last ten.")
@click.option("--follow/--no-follow", default=False, help="Wait for new events.")
@as_json
def tail(**given: Any) -> int:
    """Print events as they are recorded."""
    from latewood.cli.history import tail_command

    return tail_command(**given)


@log_.command()
@click.argument("position", type=int)
def show(**given: Any) -> int:
    """Print one event in full."""
    from latewood.cli.history import show_command

    return show_command(**given)


@log_.command()
@as_json
def verify(**given: Any) -> int:
    """Prove the hash chain, and every projection against a rebuild."""
    from latewood.cli.history import verify_command

    return verify_command(**given)


@log_.command()
@as_json
def stats(**given: Any) -> int:
    """Count events by type and bytes by table."""
    from latewood.cli.history import stats_command

    return stats_command(**given)


folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")


@log_.command("export")
@folder
@click.option("--after", type=click.IntRange(min=0), metavar="POSITION", help="Only what comes after this position.")
@as_json
def export_(**given: Any) -> int:
    """Write the log to Parquet files; into a folder that has them, what came since.

    views.sql beside them lets DuckDB ask for runs, steps, versions, heads, checks and lineage.
    """
    from latewood.cli.transfer import export_command

    return export_command(**given)


@log_.command("import")
@folder
@as_json
def import_(**given: Any) -> int:
    """Record exported events in an empty log, every one as it was; into one that has a beginning of them, the rest."""
    from latewood.cli.transfer import import_command

    return import_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (log_,)
