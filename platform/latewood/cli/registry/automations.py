"""`latewood automation …`: what happens by itself."""

from typing import Any, Final

import click

from latewood.cli.options import as_json, environment


@click.group("automation")
def automation() -> None:
    """What happens by itself: schedules, rules, sensors, how current things are, who is told.

    Engines look at them as time goes by. They are on in the environments that their definition names, by default in
    prod alone, until somebody turns them off, or on elsewhere.
    """


@automation.command("list")
@environment
@as_json
def list_(**given: Any) -> int:
    """List them, with when each is due next."""
    from latewood.cli.automations import list_command

    return list_command(**given)


@automation.command("show")
@click.argument("name")
@environment
@as_json
def show_(**given: Any) -> int:
    """Show one: what it asks for and when, and what came of it."""
    from latewood.cli.automations import show_command

    return show_command(**given)


@automation.command("on")
@click.argument("name")
@environment
@as_json
def on(**given: Any) -> int:
    """Turn one on. What is due counts from now."""
    from latewood.cli.automations import switch_command

    return switch_command(on=True, **given)


@automation.command("off")
@click.argument("name")
@environment
@as_json
def off(**given: Any) -> int:
    """Turn one off, until it is turned on again."""
    from latewood.cli.automations import switch_command

    return switch_command(on=False, **given)


@automation.command("tick")
@environment
@as_json
def tick(**given: Any) -> int:
    """Ask for all that is due now, once, as an engine would."""
    from latewood.cli.automations import tick_command

    return tick_command(**given)


@automation.command("test")
@click.argument("name")
@environment
@as_json
def test(**given: Any) -> int:
    """Send a test message to where a Notify tells things."""
    from latewood.cli.automations import test_command

    return test_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (automation,)
