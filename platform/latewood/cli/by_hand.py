"""What commands say of heads that somebody has set by hand, before they replace them."""

from collections.abc import Sequence
from typing import Any, Final

import click

from latewood.cli.wording import moved_json, moved_text
from latewood.commands.by_hand import SetByHand, set_by_hand
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Plan

_SHOWN: Final = 5


def say_replaced(workspace: Workspace, made: Plan) -> list[SetByHand]:
    """Say on standard error which heads that somebody has set by hand the plan replaces."""
    found = set_by_hand(workspace, made)
    say_set_by_hand(found)
    return found


def say_set_by_hand(found: Sequence[SetByHand]) -> None:
    """The same of those that were found."""
    lines = list(map(_text, found[:_SHOWN]))
    lines += [f"and {len(found) - _SHOWN:,} more such"] if found[_SHOWN:] else []
    for line in lines:
        click.secho(line, fg="yellow", err=True)


def by_hand_json(found: SetByHand) -> dict[str, Any]:
    """The same for machines."""
    return {"asset": found.asset, "partitions": found.partitions, "moved": moved_json(found.moved)}


def _text(found: SetByHand) -> str:
    name, event = f"{found.asset} {found.partitions}".rstrip(), f"event {found.moved.position:,}"
    return f"the head of {name} was set by {moved_text(found.moved)}, {event}; running it replaces that"
