"""`latewood server`: the API."""

from typing import Any, Final

import click


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address of this computer to answer at; others than itself reach it only where somebody has a token.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=4000, show_default=True, help="0 for a free one.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=100.0,
    show_default=True,
    metavar="N",
    help="Requests a second that each process answers by one token.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Proxy, or network of some, that is believed for whom it asks (X-Forwarded-For), as one at this computer is.",
)
@click.option(
    "--log-format", type=click.Choice(("text", "json")), default="text", show_default=True, help="Of its log."
)
def server(**given: Any) -> int:
    """Serve the GraphQL API, and a page that asks it, until Ctrl-C.

    At this computer's own address nobody has to log in, as long as there is no token; `latewood token create` makes
    one.
    """
    from latewood.cli.server import server_command

    return server_command(**given)


COMMANDS: Final[tuple[click.Command, ...]] = (server,)
