"""Commands about partitions: dynamic keys, and keys that were renamed."""

from typing import Any, Final

import click

from latewood.cli.options import as_json, as_of, environment


@click.group("partitions")
def partitions() -> None:
    """Keys of dynamic partitions, which are the project's; partitions that were renamed."""


dynamic = click.argument("name")
dynamic_keys = click.argument("keys", nargs=-1, required=True, metavar="KEY...")


@partitions.command("list")
@click.argument("name", default="")
@environment
@as_of
@as_json
def partitions_list(**given: Any) -> int:
    """List the keys of NAME; without it the names there are."""
    from latewood.cli.partitions import list_command

    return list_command(**given)


@partitions.command("add")
@dynamic
@dynamic_keys
@environment
@as_json
def partitions_add(**given: Any) -> int:
    """Add keys to NAME: partitions of all that is Dynamic(NAME), in the order of their first addition."""
    from latewood.cli.partitions import add_command

    return add_command(**given)


@partitions.command("remove")
@dynamic
@dynamic_keys
@environment
@as_json
def partitions_remove(**given: Any) -> int:
    """Remove keys from NAME. Their versions stay in history, and count again if they are added again."""
    from latewood.cli.partitions import remove_command

    return remove_command(**given)


@partitions.command("carry")
@click.argument("key", metavar="ASSET")
@click.argument("old")
@click.argument("new")
@click.option("--undo", "undo_", is_flag=True, help="Take it back.")
@environment
@as_json
def partitions_carry(**given: Any) -> int:
    """Let versions of partition OLD, which the asset no longer has, count as those of its partition NEW.

    For keys that were renamed. A partition whose key is the same in another scheme keeps its versions anyway.
    """
    from latewood.cli.partitions import carry_command

    return carry_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (partitions,)
