"""Commands that show runs."""

from typing import Any, Final

import click

from latewood.cli.options import as_json

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


class _RunOrCommand(click.Group):
    """`run RUN` shows one; what is done with a run is a command of its own."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args[:1] and args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["show", *args])


@click.group("run", cls=_RunOrCommand)
def run_() -> None:
    """Show one run and its steps: `run RUN`; or cancel it."""


@run_.command("show")
@click.argument("run_id", metavar="RUN")
@click.option("--all", "all_", is_flag=True, help="Show all steps, also those that went well.")
@as_json
def show_run(**given: Any) -> int:
    """Show one run and its steps.

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


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step", type=int, required=False)
def logs(**given: Any) -> int:
    """Print what a run's steps printed and logged, and their tracebacks; or those who looked in an observation."""
    from latewood.cli.history import logs_command

    return logs_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (runs, run_, logs)
