"""The command line as a whole: its commands, and what becomes of errors."""

import os
import sys
from collections.abc import Sequence
from itertools import chain

import click

from latewood import __version__
from latewood.cli import exits
from latewood.cli.registry import again, assets, environments, log, making, runs, upkeep, versions
from latewood.errors import DefinitionsInvalid, LatewoodError
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
    except DefinitionsInvalid as error:  # each line names its place, as compilers do
        click.echo(str(error), err=True)
        return exits.DEFINITIONS_INVALID
    except (LatewoodError, LogError) as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        return exits.code_of(error)
    except PermissionError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error.filename}: {error.strerror}", err=True)
        return exits.USAGE
    except BrokenPipeError:  # the reader of our output is gone, as after `| head`; the rest goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    return result if isinstance(result, int) else exits.OK


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="latewood %(version)s")
def main() -> None:
    """Versioned assets on one append-only log.

    SELECTION: KEY, 'GLOB*', +KEY (with all upstream), KEY+2 (with two levels downstream), group:NAME, tag:NAME,
    owner:NAME, kind:NAME, status:stale; joined by and, or, not and parentheses.

    Exit codes: 0 ok, 1 a step failed, 2 usage, 3 definitions invalid, 4 database unreachable, 5 log damaged or
    refusing, 6 artifact store not readable or writable, 130 cancelled.
    """


for command in chain(
    *(module.COMMANDS for module in (again, assets, environments, log, making, runs, upkeep, versions))
):
    main.add_command(command)
