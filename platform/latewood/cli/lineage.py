"""`latewood lineage`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, print_json, short, table
from latewood.commands.column_lineage import ColumnStep, column_lineage
from latewood.commands.lineage import Link, Taken, lineage
from latewood.commands.lineage_lines import Line, Several, TakenLine, lines, taken_lines
from latewood.commands.views import moment_meant
from latewood.errors import UsageError


def lineage_command(
    *,
    key: str,
    up: int | None,
    down: int,
    column: str,
    partition: str,
    version: str,
    environment: str | None,
    as_of: int | datetime | None,
    json_: bool,
) -> int:
    """Show lineage between versions: in JSON every one, for people those of an asset in one line."""
    require_one_way(column, down)
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    if column:
        levels = LEVELS_MAX if up is None else up
        steps = column_lineage(workspace, key, column, partition=partition, version=version, up=levels, as_of=at)
        return show_columns(steps, json_=json_)
    up = 1 if up is None else up
    found = lineage(workspace, key, partition=partition, version=version, up=up, down=down, as_of=at)
    if json_:
        print_json(
            {
                "upstream": list(map(link_json, found.upstream)),
                "downstream": list(map(link_json, found.downstream)),
                "taken": list(map(_taken_json, found.taken)),
            }
        )
        return exits.OK
    return show_lineage(lines(found), taken_lines(found), nothing=nothing_read(key, up))


LEVELS_MAX: Final = 50
"""Levels of a column that nobody says."""


def require_one_way(column: str, down: int) -> None:
    """Raise UsageError for a column that is to be followed to what was computed from it: nothing says that yet."""
    if column and down:
        raise UsageError("--column says what a column was computed from; leave out --down")


def show_columns(steps: Sequence[ColumnStep], *, json_: bool) -> int:
    """Print what columns were computed from, nearest first."""
    if json_:
        print_json([column_json(step) for step in steps])
        return exits.OK
    rows = table("level", "column", "versions", "computed from", right=("level",))
    for step in steps:
        sources = ", ".join(f"{asset}.{column}" for _, asset, column in step.sources)
        rest = " and what is not known" if step.confidence == "partial" else ""
        versions = step.versions[0] if step.count == 1 else f"{step.count:,}"
        rows.add_row(str(step.depth), f"{step.asset}.{step.column}", versions, step.end or f"{sources}{rest}")
    console().print(rows)
    return exits.OK


def column_json(step: ColumnStep) -> dict[str, Any]:
    """What a column was computed from, for machines."""
    return {
        "asset": step.asset,
        "column": step.column,
        "versions": step.versions,
        "versions_count": step.count,
        "confidence": step.confidence,
        "depth": step.depth,
        "sources": [{"input": name, "asset": asset, "column": column} for name, asset, column in step.sources],
        "expression": step.expression,
        "end": step.end,
    }


def nothing_read(key: str, up: int) -> str:
    """What is said where there is no lineage."""
    return f"{key} reads nothing" if up else f"nothing reads {key}"


def show_lineage(found: Iterable[Line], taken: Iterable[TakenLine], *, nothing: str) -> int:
    """Print what read what, and what was taken from what."""
    rows = table("level", "reader", "version", "read", "versions", right=("level",))
    for line in found:
        read = _versions(line.read) if line.read.count else "virtual"
        if line.equal_to is not None:
            read = f"equal content, read as {read if line.asset == line.equal_to else f'{line.asset} {read}'}"
        rows.add_row(str(line.depth), line.reader, _versions(line.made), line.equal_to or line.asset, read)
    out = console()
    out.print(rows if rows.row_count else nothing)
    for one in taken:
        verb, source = "was" if one.made.count == 1 else "were", f"{one.from_asset} {_versions(one.source)}"
        out.print(f"{one.asset} {_versions(one.made)} {verb} taken from {source}, of the same task on equal inputs")
    return exits.OK


def _versions(of: Several) -> str:
    """`2013-01-01..2013-12-31, 365 versions`."""
    count = of.version or f"{of.count:,} versions"
    return f"{short(of.partitions, 60)}, {count}" if of.partitions else count


def link_json(link: Link) -> dict[str, Any]:
    """What read what, for machines."""
    return {
        "reader": link.reader,
        "reader_partition": link.reader_partition,
        "reader_version": link.reader_version,
        "input": link.input,
        "asset": link.asset,
        "versions": link.versions,
        "partitions": link.partitions,
        "depth": link.depth,
        "equal_to": link.equal_to,
    }


def _taken_json(taken: Taken) -> dict[str, Any]:
    return {
        "asset": taken.asset,
        "partition": taken.partition,
        "version": taken.version,
        "from_asset": taken.from_asset,
        "from_version": taken.from_version,
    }
