"""`latewood openlineage`."""

import threading
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import plural
from latewood.errors import UsageError
from latewood.plugin import Listener, TransientError
from latewood.serving.relaying import cursor_of, relay

_GROUP: Final = "latewood.listeners"
_NAME: Final = "openlineage"
_MISSING: Final = (
    "OpenLineage cannot be told: it needs a package that is not installed: pip install 'latewood[openlineage]'"
)


def openlineage_command(*, to: str, namespace: str, api_key: str, after: int | None, follow: bool) -> int:
    """Tell an address or a file what happened; exit code."""
    to = to if "://" in to else str(Path(to).absolute())  # its place in the log is kept by its name
    workspace = open_workspace()
    listener = _listener(to, namespace, api_key)
    stop = threading.Event() if follow else None
    try:
        done = relay(workspace, listener, cursor_of(workspace, _NAME, to), after=after, stop=stop, say=_say)
    except TransientError as error:
        raise UsageError(f"{error}; what is not told yet is told next time") from None
    click.echo(f"told {plural(done.told, 'event')}, up to position {done.upto:,} of the log")
    return exits.STEP_FAILED if done.refused else exits.OK


def _listener(to: str, namespace: str, api_key: str) -> Listener:
    if find_spec(_NAME) is None:
        raise UsageError(_MISSING)
    (point,) = entry_points(group=_GROUP, name=_NAME) or (None,)
    if point is None:
        raise UsageError(_MISSING)
    try:
        listener: Listener = point.load()(to, namespace=namespace, api_key=api_key)
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None
    return listener


def _say(line: str) -> None:
    click.echo(line, err=True)
