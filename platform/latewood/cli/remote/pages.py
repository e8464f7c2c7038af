"""One asset in full, and the value of a version."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from latewood.cli import exits
from latewood.cli.assets import show_page
from latewood.cli.output import print_json
from latewood.cli.remote.assets import ASSET_LINE, line_of
from latewood.cli.remote.connection import PAGE, connect, moment_given, of_environment
from latewood.cli.remote.facts import JUDGED, UNTOLD, VERSION, defined_as, freshness_of, renames_of, version_of
from latewood.cli.show import show_shown, shown_json
from latewood.commands.page import AssetPage, PageVersion, Use
from latewood.commands.sampling import ROWS_MAX
from latewood.commands.showing import Shown
from latewood.decide.state import Pin
from latewood.engine.values.preview import Array, Document, Rows
from latewood.errors import StoreError, UsageError
from latewood.events import AssetDefined, OutputMade
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, VersionId
from latewood.model.tables import Column
from latewood.projections.versions import CheckRow

_PAGE: Final = f"""query (
  $project: String!, $environment: String!, $asOf: Moment, $asset: ID!, $partition: String!, $first: Int!
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{
    asset(key: $asset) {{ {ASSET_LINE} }}
    assetPage(asset: $asset, partition: $partition, first: $first) {{
      position definition definitionVersion location versionsCount metadata columns secrets
      versions {{ use environment parameters takenFrom version {{ {VERSION} }} }}
      verdicts {{ partition checkName version passed blocking severity message metadata position evaluatedAt }}
      {JUDGED} pins {{ name value actor position }}
    }}
  }} }}
}}"""
_SHOWN: Final = f"""query (
  $project: String!, $environment: String!, $asOf: Moment, $asset: ID!, $partition: String!, $version: ID!, $rows: Int!
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{
    shown(asset: $asset, partition: $partition, version: $version) {{
      partitions version {{ {VERSION} size sample(rows: $rows) {{ __typename
        ... on RowsSample {{ columns {{ name type nullable }} rows total isCut }}
        ... on DocumentSample {{ document: value }}
        ... on ArraySample {{ dtype shape entries }}
        ... on NoSample {{ absence message }}
      }} }}
    }}
  }} }}
}}"""


def asset(
    *, key: str, partition: str, limit: int, environment: str | None, as_of: int | datetime | None, json_: bool
) -> int:
    """Show one."""
    if limit > PAGE:
        raise UsageError(f"--limit: expected at most {PAGE:,} versions through a server, found {limit:,}")
    client = connect(environment=environment)
    given = {"asset": key, "partition": partition, "asOf": moment_given(as_of), "first": limit}
    found = of_environment(client, _PAGE, **given)
    return show_page(_page(found["assetPage"]), line_of(found["asset"]), json_=json_, untold=UNTOLD)


def _page(found: Mapping[str, Any]) -> AssetPage:
    definition: AssetDefinition = defined_as(found, AssetDefined, AssetDefinition)
    shown = OutputMade(
        asset=AssetId(""),
        output=definition.output,
        data_version="",
        artifact="",
        size=0,
        accepted=True,
        head=True,
        metadata=found["metadata"],
        columns=tuple(found["columns"]),
    )
    return AssetPage(
        definition=definition,
        location=found["location"],
        versions=tuple(map(_version, found["versions"])),
        versions_count=found["versionsCount"],
        shown=shown,
        checks=tuple(map(_verdict, found["verdicts"])),
        renames=renames_of(found),
        pins={
            each["name"]: Pin(AssetId(""), each["name"], True, each["value"], each["position"], each["actor"])
            for each in found["pins"]
        },
        secrets=found["secrets"],
        position=found["position"],
        freshness=freshness_of(found, definition.key),
    )


def _version(found: Mapping[str, Any]) -> PageVersion:
    source = found["takenFrom"]
    return PageVersion(
        facts=version_of(found["version"]),
        use=Use[found["use"]],
        environment=found["environment"],
        parameters=found["parameters"],
        source=(AssetKey(source[0]), VersionId(source[1])) if source else None,
    )


def _verdict(found: Mapping[str, Any]) -> CheckRow:
    names = ("partition", "version", "passed", "blocking", "severity", "message", "metadata", "position")
    at = datetime.fromisoformat(found["evaluatedAt"])
    return CheckRow(check_name=found["checkName"], evaluated_at=at, **{name: found[name] for name in names})


def show(
    *,
    key: str,
    partition: str,
    version: str,
    environment: str | None,
    as_of: int | datetime | None,
    limit: int,
    json_: bool,
) -> int:
    """Show the value of a version, as much of it as a server tells."""
    client = connect(environment=environment)
    given = {"asset": key, "partition": partition, "version": version, "asOf": moment_given(as_of)}
    found = of_environment(client, _SHOWN, **given, rows=max(1, min(limit, ROWS_MAX)))["shown"]
    of = found["version"]
    if partition and found["partitions"] > 1:
        raise UsageError(f'"{key}" {partition}: expected one partition, found {found["partitions"]:,}')
    shown = Shown(
        asset=AssetKey(key),
        facts=version_of(of),
        partitions=found["partitions"],
        path=Path(),
        size=int(of["size"] or 0),
        value=_value(key, of, limit),
    )
    if json_:
        print_json({name: value for name, value in shown_json(shown).items() if name != "path"})
    else:
        show_shown(shown)
    if of["sample"].get("isCut"):
        click.secho("some rows, or parts of long values, are left out for their size", fg="yellow", err=True)
    return exits.OK


def _value(key: str, of: Mapping[str, Any], limit: int) -> Rows | Document | Array:
    """What a server tells of it. Raises UsageError where it tells nothing, StoreError where the artifact is gone."""
    match of["sample"]:
        case {"__typename": "RowsSample", "columns": columns, "rows": rows, "total": total}:
            named = tuple(Column(**column) for column in columns)
            return Rows(columns=named, rows=tuple(map(tuple, rows[:limit])), total=int(total))
        case {"__typename": "DocumentSample", "document": document}:
            return Document(value=document)
        case {"__typename": "ArraySample", "dtype": dtype, "shape": shape, "entries": entries}:
            return Array(dtype=dtype, shape=tuple(map(int, shape)), entries=entries[:limit] if shape else entries)
        case {"absence": "GONE", "message": message}:
            raise StoreError("read", f"{key}: {of['id']}", message, "Materialize it again.")
        case {"message": message}:
            raise UsageError(f'"{key}": {of["id"]}: {message}')
        case sample:
            raise UsageError(f"this server shows values in a way of its own, {sample['__typename']}: it is newer")
