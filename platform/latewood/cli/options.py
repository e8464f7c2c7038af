"""Options and arguments that several commands have, each with one wording and one check."""

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several click options as one decorator."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class DefaultGroup(click.Group):
    """A group of which one command is meant where none is named: `run RUN` is `run show RUN`.

    Where that needs no argument, nothing at all means it as well.
    """

    def __init__(self, *args: Any, default: str, alone: bool = False, **given: Any) -> None:
        super().__init__(*args, **given)
        self._default = default
        self._alone = alone

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with the name of the command put in where it is not said."""
        is_said = args[0] in self.commands or args[0] in ctx.help_option_names if args else not self._alone
        return super().parse_args(ctx, args if is_said else [self._default, *args])


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON, for machines.")
detach = click.option("--detach", is_flag=True, help="Leave the run to engines; return once it is asked for.")
priority = click.option(
    "--priority",
    type=click.IntRange(-1_000_000, 1_000_000),
    default=0,
    metavar="N",
    help="Added to those of the tasks: of what engines have to do, the highest is done first.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Do not show how far it is, only how it ended.")
environment = click.option("--env", "environment", metavar="ENV", help="Environment; default prod, or $LATEWOOD_ENV.")


def _time(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A time, aware: without a zone it is in this computer's, and a date is its beginning."""
    try:
        return None if value is None else datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(f'expected a time such as 2026-03-02T14:30, found "{value}"') from None


def _moment(context: click.Context, option: click.Parameter, value: str | None) -> int | datetime | None:
    """A position of the log, as it is printed or without separators, or a time."""
    if value is not None and re.fullmatch(r"-?\d+|\d{1,3}(,\d{3})+", value):
        return int(value.replace(",", ""))
    try:
        return _time(context, option, value)
    except click.BadParameter as error:
        raise click.BadParameter(error.message.replace("a time", "a position of the log, or a time")) from None


as_of = click.option(
    "--as-of", callback=_moment, metavar="POSITION|TIME", help="As things stood at this log position, or time."
)
to_time = click.option("--to-time", callback=_time, metavar="TIME", help="To what was head at this time.")


def said(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    """An empty value is more likely a variable that is not set than a wish for all there are."""
    if value is not None and not value.strip():
        raise click.BadParameter("expected a key or a range, found nothing; leave the option out for all of them")
    return value or ""


def _once(context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """The one value of an option that some would expect to take several: none is dropped without a word."""
    if len(values) > 1:
        raise click.BadParameter(f"expected it once, found it {len(values)} times", context, option)
    return values[0] if values else None


def _selection(context: click.Context, _argument: click.Parameter, values: tuple[str, ...]) -> str:
    """One selection; of several words it is said how they are one."""
    if len(values) > 1:
        if any(map(os.path.exists, values)):
            hint = "the shell has put names of files for a pattern: quote it, as in '*'"
        else:
            hint = f"'{' or '.join(values)}' selects all of them"
        raise click.UsageError(f"expected one selection, found {len(values)} words; {hint}")
    takes_files = any(parameter.name in ("file", "files") for parameter in context.command.params)
    if values and takes_files and values[0].endswith(".py") and Path(values[0]).is_file():
        raise click.UsageError(f"expected a selection, found a file; it is named by -f, as in '*' -f {values[0]}")
    return values[0] if values else ""


def selected_or_all(context: click.Context, argument: click.Parameter, values: tuple[str, ...]) -> str:
    """The same where nothing said means all."""
    return _selection(context, argument, values) or "*"


def _partitions(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str:
    if len(values) > 1:
        raise click.BadParameter(f"expected it once, as in {','.join(values)}", context, option)
    return said(context, option, _once(context, option, values))


partition = click.option(
    "--partition",
    callback=_partitions,
    multiple=True,
    metavar="KEY|A..B",
    help="Partitions: a key, `latest`, a range, or several with commas.",
)
version = click.option("--version", default="", metavar="VERSION", help="A version instead of the head.")
source = options(
    click.option(
        "-f",
        "--file",
        type=click.Path(path_type=Path),
        callback=_once,
        multiple=True,
        metavar="FILE",
        help="Python file with definitions.",
    ),
    click.option(
        "-m", "--module", callback=_once, multiple=True, metavar="MODULE", help="Importable module with definitions."
    ),
    click.option(
        "--location",
        callback=_once,
        multiple=True,
        metavar="NAME",
        help="A location that latewood.toml lists, by its name there.",
    ),
)
sources = options(
    click.option(
        "-f",
        "--file",
        "files",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Python file with definitions; may be repeated.",
    ),
    click.option(
        "-m", "--module", "modules", multiple=True, metavar="MODULE", help="Importable module; may be repeated."
    ),
    click.option(
        "--location",
        "locations",
        multiple=True,
        metavar="NAME",
        help="A location that latewood.toml lists, by its name there; may be repeated.",
    ),
)
selection = click.argument("selection", nargs=-1, required=True, callback=_selection, metavar="SELECTION")
VALUES: Final = (
    "Value of a parameter. Several, separated by commas, are a sweep: each is tried in combination with those of "
    "other parameters. A JSON list or object, and text in double quotes, is one value."
)
zipped = click.option("--zip", "zipped", is_flag=True, help="Try the n-th values together, not all combinations.")
asked = options(
    selection,
    sources,
    partition,
    click.option("--param", "parameters", multiple=True, metavar="ASSET.NAME=VALUE,…", help=VALUES),
    zipped,
    environment,
    click.option("--force", is_flag=True, help="Run what is selected even if it is fresh or could be reused."),
    click.option(
        "--only", type=click.Choice(("missing", "stale", "failed")), help="Of what is selected what is so by now."
    ),
)
