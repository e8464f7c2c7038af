"""The command line as a whole: its commands, and what becomes of errors."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

import click

from latewood import __version__
from latewood.cli import exits, registry
from latewood.cli.remote.connection import Server
from latewood.cli.remote.dispatch import here_or_there
from latewood.errors import LatewoodError
from latewood_eventlog.errors import LogError


def run(arguments: Sequence[str]) -> int:
    """Run the command line; its exit code. Errors of ours are one message, never a traceback."""
    try:
        with main.make_context("latewood", list(arguments)) as context:
            result = main.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # --help has answered
        return done.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("cancelled", err=True)
        return exits.CANCELLED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (LatewoodError, LogError) as error:
        _say_error(str(error))
        return exits.code_of(error)
    except BrokenPipeError:  # the reader of our output is gone, as after `| head`; the rest goes nowhere
        _print_no_more()
        return exits.OK
    except OSError as error:
        _say_error(f"{_place(error)}: {error.strerror or error}")
        return exits.USAGE
    return result if isinstance(result, int) else exits.OK


def _say_error(message: str) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)


def _place(error: OSError) -> str:
    """What the system's error is about; it names files only."""
    if error.filename is not None:
        return os.fsdecode(error.filename)
    try:
        Path.cwd()
    except FileNotFoundError:
        return "the current folder"
    if error.errno in _FULL:  # files that we write have names: this is where we print
        _print_no_more()
        return "standard output"
    return type(error).__name__


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _print_no_more() -> None:
    """What is still to be written when the process ends goes nowhere, and is no second error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="latewood %(version)s")
@click.option(
    "--server",
    envvar="LATEWOOD_SERVER",
    metavar="URL",
    help="Ask this server, in place of a database and code that are here; or $LATEWOOD_SERVER.",
)
@click.option(
    "--token",
    envvar="LATEWOOD_TOKEN",
    metavar="TOKEN",
    help="By which the server lets in; better $LATEWOOD_TOKEN, which is in no shell's history.",
)
@click.pass_context
def main(context: click.Context, server: str | None, token: str | None) -> None:
    """Versioned assets on one append-only log.

    SELECTION: KEY, 'GLOB*', +KEY (with all upstream), KEY+2 (with two levels downstream), group:NAME, tag:NAME,
    owner:NAME, kind:NAME, status:stale; joined by and, or, not and parentheses.

    Exit codes: 0 ok, 1 a step failed, 2 usage, 3 definitions invalid, 4 database unreachable, 5 log damaged or
    refusing, 6 artifact store not readable or writable, 130 cancelled.
    """
    if server:
        context.obj = Server(url=server, token=token or "")


for module in iter_modules(registry.__path__, f"{registry.__name__}."):
    for command in import_module(module.name).COMMANDS:
        here_or_there(str(command.name), command)
        main.add_command(command)
