"""Options and arguments that several commands have, each with one wording and one check."""

from collections.abc import Callable
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


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON, for machines.")
environment = click.option("--env", "environment", metavar="ENV", help="Environment; default prod, or $LATEWOOD_ENV.")
as_of = click.option("--as-of", type=int, metavar="POSITION", help="As things stood at this log position.")


def said(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    """An empty value is more likely a variable that is not set than a wish for all there are."""
    if value is not None and not value.strip():
        raise click.BadParameter("expected a key or a range, found nothing; leave the option out for all of them")
    return value or ""


partition = click.option(
    "--partition", callback=said, metavar="KEY|A..B", help="Partitions: a key, a range, or several."
)
version = click.option("--version", default="", metavar="VERSION", help="A version instead of the head.")
source = options(
    click.option("-f", "--file", type=click.Path(path_type=Path), metavar="FILE", help="Python file with definitions."),
    click.option("-m", "--module", metavar="MODULE", help="Importable module with definitions."),
)
VALUES: Final = (
    "Value of a parameter. Several, separated by commas, are a sweep: each is tried in combination with those of "
    "other parameters. A JSON list or object, and text in double quotes, is one value."
)
zipped = click.option("--zip", "zipped", is_flag=True, help="Try the n-th values together, not all combinations.")
asked = options(
    click.argument("selection"),
    source,
    partition,
    click.option("--param", "parameters", multiple=True, metavar="ASSET.NAME=VALUE,…", help=VALUES),
    zipped,
    environment,
    click.option("--force", is_flag=True, help="Run what is selected even if it is fresh or could be reused."),
)
