"""Commands by which versions come to be, and what goes before: materialize, launch, plan, deploy; observe, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from latewood.cli.options import (
    VALUES,
    as_json,
    asked,
    environment,
    partition,
    priority,
    quiet,
    selection,
    source,
    sources,
    zipped,
)
from latewood.cli.options import detach as detached


@click.command()
@asked
@click.option("--dry-run", is_flag=True, help="Show the plan; run nothing.")
@detached
@priority
@click.option("--strict", is_flag=True, help="Exit code 1 also where something that was selected is left out.")
@quiet
@as_json
def materialize(dry_run: bool, detach: bool, quiet: bool, strict: bool, json_: bool, **asked_: Any) -> int:
    """Bring the selected assets up to date."""
    if dry_run:
        return _planned(json_=json_, strict=strict, **asked_)
    if detach:
        if _several(**asked_):
            from latewood.cli.several import detach_several

            return detach_several(json_=json_, strict=strict, **asked_)
        from latewood.cli.serving import detach_command

        return detach_command(json_=json_, strict=strict, **_alone(**asked_))
    if _several(**asked_):
        from latewood.cli.several import materialize_several

        return materialize_several(json_=json_, quiet=quiet, strict=strict, **asked_)
    from latewood.cli.materialize import materialize_command

    return materialize_command(json_=json_, quiet=quiet, strict=strict, **_alone(**asked_))


def _planned(**asked_: Any) -> int:
    if _several(**asked_):
        from latewood.cli.several import plan_several

        return plan_several(**asked_)
    from latewood.cli.materialize import plan_command

    return plan_command(**_alone(**asked_))


def _several(**given: Any) -> bool:
    """Whether it is about several, or about all that are deployed from here."""
    return len(_named(**given)) != 1


def _named(
    *, files: Sequence[Path], modules: Sequence[str], locations: Sequence[str], **_: Any
) -> set[tuple[str, Path | str]]:
    return {("-f", file) for file in files} | {("-m", name) for name in modules} | {("", name) for name in locations}


def _alone(*, files: Sequence[Path], modules: Sequence[str], locations: Sequence[str], **given: Any) -> dict[str, Any]:
    return {
        "file": next(iter(files), None),
        "module": next(iter(modules), None),
        "location": next(iter(locations), None),
        **given,
    }


@click.command()
@click.argument("name")
@source
@click.option(
    "--param", "parameters", multiple=True, metavar="INPUT=VALUE,…", help=VALUES.replace("a run parameter", "an input")
)
@zipped
@environment
@click.option("--force", is_flag=True, help="Run all steps even if they are fresh or could be reused.")
@click.option("--dry-run", is_flag=True, help="Show the plan; run nothing.")
@detached
@priority
@quiet
@as_json
def launch(**given: Any) -> int:
    """Run a workflow or launch plan by its name."""
    from latewood.cli.launch import launch_command

    return launch_command(**given)


@click.command()
@asked
@as_json
def plan(json_: bool, **asked_: Any) -> int:
    """Show what materialize would do, and why. Nothing is recorded or deployed."""
    return _planned(json_=json_, **asked_)


@click.command()
@click.argument("names", nargs=-1, metavar="[LOCATION]...")
@sources
@environment
@as_json
def deploy(names: tuple[str, ...], locations: tuple[str, ...], **given: Any) -> int:
    """Make the definitions of locations those of the environment; run nothing.

    Of those that are named; without a name of all that latewood.toml lists or that are deployed from here. Of these
    what cannot be loaded is told, and left as it is deployed. Of several files with -f all are deployed, or none is.
    """
    given["locations"] = (*names, *locations)
    if _several(**given):
        from latewood.cli.several import deploy_several

        return deploy_several(**given)
    from latewood.cli.deploy import deploy_command

    return deploy_command(**_alone(**given))


@click.command()
@selection
@source
@partition
@environment
@as_json
def observe(**given: Any) -> int:
    """Look at external assets, by the functions that observe them.

    What was seen is recorded; what reads an asset of which the content is another one is stale.
    """
    from latewood.cli.observe import observe_command

    return observe_command(**given)


@click.command()
@click.argument("key")
@click.option("--data-version", required=True, metavar="VERSION", help="What tells its content from another one.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="What is worth knowing of it; may be repeated.")
@partition
@environment
@as_json
def report(**given: Any) -> int:
    """Say what was seen of an external asset: for tools outside that make it."""
    from latewood.cli.observe import report_command

    return report_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (materialize, launch, plan, deploy, observe, report)
