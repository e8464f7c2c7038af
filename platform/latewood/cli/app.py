"""The commands: arguments in, text or JSON out. Whatever they decide is decided in `latewood.commands`."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from latewood import __version__
from latewood.cli import exits
from latewood.errors import DefinitionsInvalid, LatewoodError
from latewood_eventlog.errors import LogError

F = TypeVar("F", bound=Callable[..., Any])


def run(arguments: Sequence[str]) -> int:
    """Run the command line; its exit code. Errors of ours are one message, never a traceback."""
    try:
        with main.make_context("latewood", list(arguments)) as context:
            result = main.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # --help has answered
        return done.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("cancelled", err=True)
        return exits.CANCELLED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except DefinitionsInvalid as error:  # each line names its place, as compilers do
        click.echo(str(error), err=True)
        return exits.DEFINITIONS_INVALID
    except (LatewoodError, LogError) as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        return exits.code_of(error)
    except PermissionError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error.filename}: {error.strerror}", err=True)
        return exits.USAGE
    except BrokenPipeError:  # the reader of our output is gone, as after `| head`; the rest goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    return result if isinstance(result, int) else exits.OK


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several click options as one decorator."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON, for machines.")
environment = click.option("--env", "environment", metavar="ENV", help="Environment; default prod, or $LATEWOOD_ENV.")
as_of = click.option("--as-of", type=int, metavar="POSITION", help="As things stood at this log position.")


def _said(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    """An empty value is more likely a variable that is not set than a wish for all there are."""
    if value is not None and not value.strip():
        raise click.BadParameter("expected a key or a range, found nothing; leave the option out for all of them")
    return value or ""


partition = click.option(
    "--partition", callback=_said, metavar="KEY|A..B", help="Partitions: a key, a range, or several."
)
version = click.option("--version", default="", metavar="VERSION", help="A version instead of the head.")
source = options(
    click.option("-f", "--file", type=click.Path(path_type=Path), metavar="FILE", help="Python file with definitions."),
    click.option("-m", "--module", metavar="MODULE", help="Importable module with definitions."),
)
_VALUES = (
    "Value of a parameter. Several, separated by commas, are a sweep: each is tried in combination with those of "
    "other parameters. A JSON list or object, and text in double quotes, is one value."
)
zipped = click.option("--zip", "zipped", is_flag=True, help="Try the n-th values together, not all combinations.")
asked = options(
    click.argument("selection"),
    source,
    partition,
    click.option("--param", "parameters", multiple=True, metavar="ASSET.NAME=VALUE,…", help=_VALUES),
    zipped,
    environment,
    click.option("--force", is_flag=True, help="Run what is selected even if it is fresh or could be reused."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="latewood %(version)s")
def main() -> None:
    """Versioned assets on one append-only log.

    SELECTION: KEY, 'GLOB*', +KEY (with all upstream), KEY+2 (with two levels downstream), group:NAME, tag:NAME,
    owner:NAME, kind:NAME, status:stale; joined by and, or, not and parentheses.

    Exit codes: 0 ok, 1 a step failed, 2 usage, 3 definitions invalid, 4 database unreachable, 5 log damaged or
    refusing, 6 artifact store not readable or writable, 130 cancelled.
    """


@main.command()
@asked
@click.option("--dry-run", is_flag=True, help="Show the plan; run nothing.")
@as_json
def materialize(dry_run: bool, json_: bool, **asked_: Any) -> int:
    """Bring the selected assets up to date."""
    from latewood.cli.materialize import materialize_command, plan_command

    if dry_run:
        return plan_command(json_=json_, **asked_)
    return materialize_command(json_=json_, **asked_)


@main.command()
@click.argument("name")
@source
@click.option(
    "--param", "parameters", multiple=True, metavar="INPUT=VALUE,…", help=_VALUES.replace("a run parameter", "an input")
)
@zipped
@environment
@click.option("--force", is_flag=True, help="Run all steps even if they are fresh or could be reused.")
@click.option("--dry-run", is_flag=True, help="Show the plan; run nothing.")
@as_json
def launch(**given: Any) -> int:
    """Run a workflow or launch plan by its name."""
    from latewood.cli.launch import launch_command

    return launch_command(**given)


@main.command()
@asked
@as_json
def plan(json_: bool, **asked_: Any) -> int:
    """Show what materialize would do, and why."""
    from latewood.cli.materialize import plan_command

    return plan_command(json_=json_, **asked_)


@main.command()
@click.argument("selection", default="*")
@environment
@as_of
@as_json
def assets(**given: Any) -> int:
    """List assets with status and partitions."""
    from latewood.cli.inspect import assets_command

    return assets_command(**given)


@main.command()
@click.argument("key")
@environment
@as_of
@as_json
def asset(**given: Any) -> int:
    """Show one asset: status, versions, checks."""
    from latewood.cli.inspect import asset_command

    return asset_command(**given)


@main.command("show")
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


@main.command()
@click.argument("key")
@click.option("--up", type=click.IntRange(min=0), default=1, show_default=True, help="Levels upstream.")
@click.option("--down", type=click.IntRange(min=0), default=0, show_default=True, help="Levels downstream.")
@partition
@version
@environment
@as_of
@as_json
def lineage(**given: Any) -> int:
    """Show what a version was made from, and what from it.

    Without --partition or --version it is about all heads. What an asset's versions have in common is one line;
    --json lists each.
    """
    from latewood.cli.inspect import lineage_command

    return lineage_command(**given)


@main.command()
@click.argument("key")
@partition
@environment
@as_of
@as_json
def why(**given: Any) -> int:
    """Explain why an asset is fresh, stale or missing."""
    from latewood.cli.inspect import why_command

    return why_command(**given)


@main.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many.")
@as_json
def runs(**given: Any) -> int:
    """List the latest runs."""
    from latewood.cli.history import runs_command

    return runs_command(**given)


@main.command("run")
@click.argument("run_id", metavar="RUN")
@click.option("--all", "all_", is_flag=True, help="Show all steps, also those that went well.")
@as_json
def run_(**given: Any) -> int:
    """Show one run and its steps.

    RUN is a run's id, or as much of its beginning as no other run has.
    """
    from latewood.cli.history import run_command

    return run_command(**given)


@main.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step", type=int, required=False)
def logs(**given: Any) -> int:
    """Print what a run's steps printed and logged, and their tracebacks."""
    from latewood.cli.history import logs_command

    return logs_command(**given)


@main.group("log")
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


@main.command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Keep what was head, or made, in the last so many days.",
)
@as_json
def collect(**given: Any) -> int:
    """Remove the files of versions that nothing reaches any more.

    Heads of every environment stay, and so does everything that the log knows. Removed versions are no longer reused;
    what needs them is computed again. Not while a run is going on.
    """
    from latewood.cli.collect import collect_command

    return collect_command(**given)


@main.command()
@click.argument("key")
@click.argument("version", default="")
@partition
@click.option(
    "--to-time",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    metavar="TIME",
    help="To what was head at this time.",
)
@click.option(
    "--to-position", type=click.IntRange(min=1), metavar="POSITION", help="To what was head at this position."
)
@environment
@as_json
def rollback(**given: Any) -> int:
    """Point an asset back to an earlier version, or its partitions to what they were. Nothing is run."""
    from latewood.cli.environments import rollback_command

    return rollback_command(**given)


@main.command("retract")
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


@main.command("rename")
@click.argument("old")
@click.argument("new")
@as_json
def rename_(**given: Any) -> int:
    """Give an asset another name: its versions, heads and history go on under NEW.

    An environment shows the new name once code that defines it is deployed there; until then it shows the old one.
    """
    from latewood.cli.corrections import rename_command

    return rename_command(**given)


@main.command()
@click.argument("key")
@click.option("--by", default="", metavar="METRIC", help="Order by this number, the highest first.")
@click.option("--lowest", is_flag=True, help="The lowest first.")
@partition
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many.")
@environment
@as_json
def compare(**given: Any) -> int:
    """Compare an asset's versions: parameters in which they differ, and numbers in metadata and value."""
    from latewood.cli.variants import compare_command

    return compare_command(**given)


@main.command()
@click.argument("version")
@environment
@as_json
def promote(**given: Any) -> int:
    """Make a version, a variant say, head: all that its step made. Nothing is run.

    Heads that it was made from stay as they are.
    """
    from latewood.cli.variants import promote_command

    return promote_command(**given)


@main.command()
@click.argument("targets", nargs=-1, metavar="[ASSET.NAME=VALUE]...")
@environment
@as_json
def pin(**given: Any) -> int:
    """Give parameters a value in an environment, and in its later branches. Without any: list what is pinned."""
    from latewood.cli.variants import pin_command

    return pin_command(**given)


@main.command()
@click.argument("targets", nargs=-1, required=True, metavar="ASSET.NAME...")
@environment
@as_json
def unpin(**given: Any) -> int:
    """Give parameters their defaults again."""
    from latewood.cli.variants import unpin_command

    return unpin_command(**given)


@main.group("env")
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
def env_drop(**given: Any) -> int:
    """End an environment. What was made in it can still be reused."""
    from latewood.cli.environments import drop_command

    return drop_command(**given)


@main.group("db")
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
