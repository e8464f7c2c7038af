"""The workspace of a command, and the end of its connections with it."""

import click

from latewood.commands import workspace
from latewood.commands.workspace import Workspace


def open_workspace(*, environment: str | None = None) -> Workspace:
    """The workspace that the environment variables name; its connections are closed when the command ends.

    Raises DatabaseUnreachable, SchemaUnknown, UsageError.
    """
    opened = workspace.open_workspace(environment=environment)
    click.get_current_context().call_on_close(opened.log.engine.dispose)
    return opened
