"""Commands that show runs."""

from typing import Any, Final

import click

from latewood.cli.options import DefaultGroup, as_json, detach, quiet

_STATUSES: Final = ("queued", "running", "succeeded", "failed", "cancelled", "interrupted")


@click.command()
@click.option("--env", "environment", default="", metavar="ENV", help="Only those in this environment.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those that stand so.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many.")
@as_json
def runs(**given: Any) -> int:
    """List the latest runs, and observations of external assets."""
    from latewood.cli.runs import runs_command

    return runs_command(**given)


@click.group("run", cls=DefaultGroup, default="show")
def run_() -> None:
    """Show one run and its steps: `run RUN`; or cancel or retry it."""


@run_.command("show")
@click.argument("run_id", metavar="RUN")
@click.option("--all", "all_", is_flag=True, help="Show all steps, also those that went well.")
@click.option("--follow", is_flag=True, help="Show how far it is until it has ended.")
@as_json
def show_run(**given: Any) -> int:
    """Show one run and its steps; while it goes on, how far it is.

    RUN is a run's id, or as much of its beginning as no other run has.
    """
    from latewood.cli.history import run_command

    return run_command(**given)


@run_.command("cancel")
@click.argument("run_id", metavar="RUN")
@as_json
def cancel_run(**given: Any) -> int:
    """End a run that engines drive; what was finished is kept."""
    from latewood.cli.serving import cancel_command

    return cancel_command(**given)


@run_.command("retry")
@click.argument("run_id", metavar="RUN")
@detach
@quiet
@as_json
def retry_run(**given: Any) -> int:
    """Ask engines for what a run has not finished, by the code it had.

    What failed in it, was refused, or was skipped because of that; and what it was cancelled or interrupted before. Its
    deployments and parameters are those of then; `rerun` takes the code that is deployed now.
    """
    from latewood.cli.serving import retry_command

    return retry_command(**given)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step", type=int, required=False)
@click.option("--follow", is_flag=True, help="Of a step: wait for more, until it has ended.")
def logs(**given: Any) -> int:
    """Print what a run's steps printed and logged, and their tracebacks; or those who looked in an observation."""
    from latewood.cli.logs import logs_command

    return logs_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (runs, run_, logs)
