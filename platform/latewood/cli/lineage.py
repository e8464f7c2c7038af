"""`latewood lineage`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, print_json, short, table
from latewood.commands.column_lineage import ColumnStep, column_lineage
from latewood.commands.lineage import Link, Taken, lineage
from latewood.commands.views import moment_meant
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood.model.keys import AssetKey, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, parse_partitions
from latewood.model.schemes import Scheme


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
    schemes = {key: asset.partitions for key, asset in found.view.catalog.assets.items()}
    shown = Shown(schemes, workspace.clock())
    print_links(
        (*found.upstream, *found.downstream), shown, nothing=f"{key} reads nothing" if up else f"nothing reads {key}"
    )
    for line in _taken_lines(found.taken, shown):
        console().print(line)
    return exits.OK


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


def print_links(links: Iterable[Link], shown: "Shown", *, nothing: str) -> None:
    """Print what read what, those of an asset in one line."""
    rows = table("level", "reader", "version", "read", "versions", right=("level",))
    for row in _rows(links, shown):
        rows.add_row(*row)
    console().print(rows if rows.row_count else nothing)


def _rows(links: Iterable[Link], shown: "Shown") -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[int, AssetKey, AssetKey, AssetKey | None], list[Link]] = {}
    for link in links:
        alike.setdefault((link.depth, link.reader, link.asset, link.equal_to), []).append(link)
    for (depth, reader, asset, equal_to), same in alike.items():
        made = dict.fromkeys(link.reader_version for link in same)
        read = dict.fromkeys(v for link in same for v in expand(link.versions))
        versions = shown.versions(asset, (link.partitions for link in same), list(read)) if read else "virtual"
        if equal_to is not None:
            versions = f"equal content, read as {versions if asset == equal_to else f'{asset} {versions}'}"
        partitions = (link.reader_partition for link in same)
        yield str(depth), reader, shown.versions(reader, partitions, list(made)), equal_to or asset, versions


def _taken_lines(taken: Iterable[Taken], shown: "Shown") -> Iterator[str]:
    alike: dict[tuple[AssetKey, AssetKey], list[Taken]] = {}
    for one in taken:
        alike.setdefault((one.asset, one.from_asset), []).append(one)
    for (asset, from_asset), same in alike.items():
        partitions = [one.partition for one in same]
        made = shown.versions(asset, partitions, [one.version for one in same])
        source = shown.versions(from_asset, partitions, list(dict.fromkeys(one.from_version for one in same)))
        verb = "was" if len(same) == 1 else "were"
        yield f"{asset} {made} {verb} taken from {from_asset} {source}, of the same task on equal inputs"


class Shown:
    """How many versions are told in few words."""

    def __init__(self, schemes: Mapping[AssetKey, Scheme | None], now: datetime) -> None:
        self._schemes = schemes
        self._now = now

    def versions(self, asset: AssetKey, partitions: Iterable[str], versions: list[VersionId]) -> str:
        """`2013-01-01..2013-12-31, 365 versions`; one version by its id, which tells the run and its step."""
        found = dict.fromkeys(filter(None, partitions))
        where, scheme = ", ".join(found), self._schemes.get(asset)
        if scheme is not None and found:
            with suppress(UsageError):  # partitions that the scheme no longer has are told as they were recorded
                ordinals = (o for text in found for o in parse_partitions(scheme, text, self._now))
                where = describe(scheme, Ordinals.of(ordinals))
        count = versions[0] if len(versions) == 1 else f"{len(versions):,} versions"
        return f"{short(where, 60)}, {count}" if where else count


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
