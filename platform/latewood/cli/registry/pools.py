"""`latewood pools` and `latewood quota`: how many steps run at once."""

from typing import Any, Final

import click

from latewood.cli.options import as_json


@click.group("pools", invoke_without_command=True)
@as_json
@click.pass_context
def pools(context: click.Context, /, **given: Any) -> int:
    """List the pools: their limits, who has which slot since when, and which runs wait.

    At most as many steps that take part in a pool run at once as its limit says, over all engines and inline runs. A
    task says pool="NAME" to take part.
    """
    if context.invoked_subcommand is not None:
        return 0
    from latewood.cli.pools import list_command

    return list_command(**given)


@pools.command("set")
@click.argument("name")
@click.argument("limit", type=int)
@as_json
def pools_set(**given: Any) -> int:
    """Make pool NAME, or give it another limit. What runs already goes on."""
    from latewood.cli.pools import set_command

    return set_command(**given)


@pools.command("remove")
@click.argument("name")
@as_json
def pools_remove(**given: Any) -> int:
    """Remove pool NAME, which no deployed task may take part in any more."""
    from latewood.cli.pools import remove_command

    return remove_command(**given)


def _limit(_context: click.Context, _argument: click.Parameter, value: str | None) -> int | str | None:
    """A number, or `none`; None where nothing is said."""
    if value is None or value == "none":
        return value
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(f'expected a number, or none, found "{value}"') from None


@click.command()
@click.argument("limit", required=False, callback=_limit, metavar="[N|none]")
@as_json
def quota(**given: Any) -> int:
    """Show how many steps of the project may run at once, or say so: N, or none for no limit."""
    from latewood.cli.pools import quota_command

    return quota_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (pools, quota)
