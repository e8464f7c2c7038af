"""Commands that look after space and the database."""

from typing import Any, Final, cast

import click

from latewood.cli.options import as_json, environment, options, source


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Keep what was head, made or used in the last so many days.",
)
@as_json
def collect(**given: Any) -> int:
    """Remove the files of versions that nothing reaches any more.

    Heads of every environment stay, and so does everything that the log knows. Removed versions are no longer reused;
    what needs them is computed again. Not while a run is going on. Code that was unpacked and virtual environments that
    were built, and that nobody used for so long, go too: they are made again when they are needed.
    """
    from latewood.cli.collect import collect_command

    return collect_command(**given)


_serving = options(
    environment,
    click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", help="Worker processes; by default one a processor."
    ),
    click.option(
        "--lease",
        type=click.FloatRange(min=0.5),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="After which another engine takes over from this one, if it is not heard of.",
    ),
    click.option(
        "--metrics",
        default="",
        metavar="PORT",
        help="Answer at this port of this computer (or HOST:PORT): /metrics for Prometheus, and /health.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(("text", "json")),
        default="text",
        show_default=True,
        help="Lines for people, or a JSON document each, also for each step.",
    ),
)


@click.command()
@_serving
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="NAME",
    help="Of this project instead of $LATEWOOD_PROJECT; may be repeated: of each in turn.",
)
@click.option("--all-projects", is_flag=True, help="Of all projects of the database, also those that are to come.")
def engine(**given: Any) -> int:
    """Drive the runs that are asked for with --detach, until Ctrl-C.

    Any number of engines may run. SIGTERM lets what is under way finish; what an engine leaves another one goes on
    with.
    """
    from latewood.cli.serving import engine_command

    return engine_command(**given)


@click.command()
@source
@_serving
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Of this computer, at which the API is served; by default 4000, or another one if that is taken.",
)
def dev(**given: Any) -> int:
    """Drive runs as `engine` does, and deploy locations again whenever the project's code changes.

    Without a name these are all that latewood.toml lists or that are deployed from here. One that does not load is told
    once, and left as it is deployed. A run has the code that was deployed when it was asked for. The API is served
    beside it, as `server` does.
    """
    from latewood.cli.serving import dev_command

    return dev_command(**given)


@click.command("status")
@as_json
def overview(json_: bool) -> int:
    """Show how all of it is: database, engines, runs under way, what happens by itself, store.

    Exit code 1 where there is something to see to, 4 where the database cannot be reached.
    """
    from latewood.cli.status import status_command

    return status_command(json_=json_)


@click.group("db")
def db() -> None:
    """Look after the database.

    It is an embedded Postgres, unless LATEWOOD_DATABASE_URL names another server.
    """


def _database(name: str) -> int:
    from latewood.cli import database

    return cast("int", getattr(database, f"{name}_command")())


@db.command()
def start() -> int:
    """Start the embedded server."""
    return _database("start")


@db.command()
def stop() -> int:
    """Stop the embedded server."""
    return _database("stop")


@db.command()
def status() -> int:
    """Show whether the server runs, where, and the schema's version."""
    return _database("status")


@db.command()
def url() -> int:
    """Print the database's URL, password included."""
    return _database("url")


@db.command()
def migrate() -> int:
    """Bring the database to this version's schema."""
    return _database("migrate")


@db.command("list")
@as_json
def list_(json_: bool) -> int:
    """List the data of the embedded servers on this computer that root has started, and this home's.

    Root's servers keep their data outside of the home (LATEWOOD_HOME), so they are still there once that is removed.
    """
    from latewood.cli.database import list_command

    return list_command(json_=json_)


@db.command()
@click.argument("names", nargs=-1, metavar="[DATA]...")
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
@as_json
def remove(names: tuple[str, ...], dry_run: bool, json_: bool) -> int:
    """Remove the data of embedded servers whose home is gone: what `list` calls so, or DATA alone.

    A home's data are never removed; of what was last used before homes were told, DATA has to be named.
    """
    from latewood.cli.database import remove_command

    return remove_command(names=names, dry_run=dry_run, json_=json_)


COMMANDS: Final[tuple[click.Command, ...]] = (collect, db, dev, engine, overview)
