"""`latewood assets`, `asset`, `lineage` and `why`."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from latewood.cli import exits
from latewood.cli.output import (
    STATUS_GLYPH,
    STATUS_STYLE,
    console,
    duration,
    metadata_text,
    moment,
    plural,
    print_json,
    table,
)
from latewood.cli.wording import change_text, parameter_text
from latewood.commands.explaining import AssetPage, asset_page, downstream, lineage, why
from latewood.commands.reading import read, select_keys
from latewood.commands.workspace import open_workspace
from latewood.decide.judge import Cause
from latewood.decide.keys import parameters_of
from latewood.decide.staleness import Assessed, Status
from latewood.decide.versions import compact
from latewood.decide.why import Explanation, Finding
from latewood.events import OutputMade
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import VersionId
from latewood.model.partitions import describe, title
from latewood.model.policies import Resources
from latewood.model.types import display
from latewood.projections.states import NOW


def assets_command(*, selection: str, environment: str | None, as_of: int | None, json_: bool) -> int:
    """List assets."""
    workspace = open_workspace(environment=environment)
    found = read(workspace, NOW if as_of is None else as_of)
    keys = select_keys(found, selection) if len(found.view.catalog) else ()
    if json_:
        print_json(
            {
                "position": found.view.position,
                "assets": [
                    {**_asset_json(found.assessed[key], found.view.catalog[key]), "flags": found.flags(key)}
                    for key in keys
                ],
            }
        )
        return exits.OK
    if not len(found.view.catalog):
        console().print(
            f"No assets in {workspace.environment} yet. Write a file with @asset functions, then: "
            "latewood materialize '*' -f FILE"
        )
        return exits.OK
    rows = table("", "asset", "status", "partitions", "group", "kinds")
    for key in keys:
        assessed, asset = found.assessed[key], found.view.catalog[key]
        status = assessed.status.value
        rows.add_row(
            STATUS_GLYPH[status],
            key,
            ", ".join((_status_text(assessed), *found.flags(key))),
            ""
            if asset.partitions is None
            else f"{len(assessed.by_status.get(Status.FRESH, ())):,} fresh of "
            f"{sum(len(o) for o in assessed.by_status.values()):,}",
            asset.group,
            ", ".join(asset.kinds),
            style=STATUS_STYLE[status] if status != "fresh" else "",
        )
    out = console()
    out.print(rows)
    out.print(
        f"{plural(len(keys), 'asset')} in {workspace.environment} at position {found.view.position:,}", style="dim"
    )
    return exits.OK


def _status_text(assessed: Assessed) -> str:
    stale = len(assessed.by_status.get(Status.STALE, ()))
    missing = len(assessed.by_status.get(Status.MISSING, ()))
    if not stale and not missing:
        return "fresh"
    if assessed.node.assets[0].partitions is None:
        return assessed.status.value
    return ", ".join(f"{count:,} {word}" for count, word in ((stale, "stale"), (missing, "missing")) if count)


def _asset_json(assessed: Assessed, asset: Any) -> dict[str, Any]:
    return {
        "key": asset.key,
        "status": assessed.status,
        "group": asset.group,
        "owners": asset.owners,
        "tags": asset.tags,
        "kinds": asset.kinds,
        "description": asset.description,
        "partitions": {
            status.value: "" if asset.partitions is None else describe(asset.partitions, ordinals)
            for status, ordinals in assessed.by_status.items()
        },
    }


def asset_command(*, key: str, environment: str | None, as_of: int | None, json_: bool) -> int:
    """Show one asset."""
    workspace = open_workspace(environment=environment)
    page = asset_page(workspace, key, NOW if as_of is None else as_of)
    if json_:
        print_json(_page_json(page))
        return exits.OK
    _print_page(console(), page)
    return exits.OK


def _page_json(page: AssetPage) -> dict[str, Any]:
    latest = _latest(page)
    return {
        "position": page.position,
        **_asset_json(page.assessed, page.definition),
        "code_version": page.definition.task.code.version,
        "versions": [facts._asdict() for facts in page.versions],
        "metadata": latest.metadata if latest is not None else {},
        "columns": latest.columns if latest is not None else (),
        "checks": [
            {
                "check": check.check_name,
                "partition": check.partition,
                "version": check.version,
                "passed": check.passed,
                "blocking": check.blocking,
                "message": check.message,
                "metadata": check.metadata,
                "event": check.position,
            }
            for check in page.checks
        ],
    }


def _latest(page: AssetPage) -> OutputMade | None:
    """What the latest version's step said of this asset; a step may make several."""
    outputs = page.latest.outputs if page.latest is not None else ()
    return next((made for made in outputs if made.output == page.definition.output), None)


def _print_page(out: Console, page: AssetPage) -> None:
    asset = page.definition
    status = page.assessed.status.value
    out.print(f"{STATUS_GLYPH[status]} {asset.key}   {_status_text(page.assessed)}", style=STATUS_STYLE[status])
    if asset.description:
        out.print(asset.description)
    facts = table("", "")
    facts.show_header = False
    for name, value in _page_facts(page):
        if value:
            facts.add_row(name, value)
    out.print(facts)
    if page.versions:
        out.print(_versions_table(page))
    if page.checks:
        out.print(_checks_table(page))


def _page_facts(page: AssetPage) -> list[tuple[str, str]]:
    asset = page.definition
    latest = _latest(page)
    return [
        ("group", asset.group),
        ("owners", ", ".join(asset.owners)),
        ("tags", ", ".join(f"{k}={v}" if v else k for k, v in asset.tags.items())),
        ("kinds", ", ".join(asset.kinds)),
        ("type", display(asset.type)),
        ("partitions", "" if asset.partitions is None else title(asset.partitions)),
        ("task", f"{asset.task.name} ({asset.task.code.file})"),
        ("code version", asset.task.code.version),
        ("reads", ", ".join(i.asset for i in asset.task.inputs)),
        ("parameters", ", ".join(f"{name}={value!r}" for name, value in parameters_of(asset.task, {}).items())),
        ("policies", ", ".join(_policies(asset.task))),
        ("not covered", "; ".join(asset.task.code.uncovered)),
        ("columns", ", ".join(latest.columns) if latest is not None else ""),
        ("metadata", metadata_text(latest.metadata, 12) if latest is not None else ""),
    ]


def _policies(task: TaskDefinition) -> Iterator[str]:
    """What a task's definition says of how it is run, as far as that is not the default."""
    if task.reuse.is_off:
        yield "reuse off"
    elif task.reuse.window is not None:
        yield f"reuse for {task.reuse.window}"
    if task.retries.retries_max:
        count = task.retries.retries_max
        yield f"{count} {'retry' if count == 1 else 'retries'}, first after {task.retries.backoff}"
    for name in ("running", "queued", "total"):
        if (limit := getattr(task.timeouts, name)) is not None:
            yield f"{name} timeout {limit}"
    if task.resources != Resources():
        yield f"cpu {task.resources.cpu:g}, memory {task.resources.memory or 'not stated'}, gpu {task.resources.gpu}"
    yield from (f"{name} {value}" for name in ("pool", "priority", "image") if (value := getattr(task, name)))


def _versions_table(page: AssetPage) -> Table:
    rows = table("version", "partition", "made", "took", "data version", "event", right=("took", "event"))
    for version in page.versions:
        rows.add_row(
            version.version,
            version.partition,
            moment(version.made_at),
            duration(version.duration_ms),
            version.data_version[:24],
            f"{version.position:,}",
        )
    return rows


def _checks_table(page: AssetPage) -> Table:
    rows = table("check", "partition", "verdict", "blocking", "what it found", "event", right=("event",))
    for check in page.checks[:20]:
        rows.add_row(
            check.check_name,
            check.partition,
            "passed" if check.passed else f"failed ({check.severity})",
            "yes" if check.blocking else "",
            check.message or metadata_text(check.metadata),
            f"{check.position:,}",
            style="" if check.passed else "red",
        )
    return rows


def lineage_command(
    *,
    key: str,
    up: int,
    down: int,
    partition: str,
    version: str,
    environment: str | None,
    as_of: int | None,
    json_: bool,
) -> int:
    """Show lineage between versions."""
    workspace = open_workspace(environment=environment)
    at = NOW if as_of is None else as_of
    links = lineage(workspace, key, partition=partition, version=version, up=up, as_of=at)
    readers = downstream(workspace, key, partition=partition, version=version, down=down, as_of=at) if down else ()
    if json_:
        print_json({"upstream": [_link_json(link) for link in links], "downstream": [_link_json(r) for r in readers]})
        return exits.OK
    out = console()
    rows = table("level", "reader", "version", "input", "read", "versions", "partitions", right=("level",))
    alike: dict[tuple[str, ...], list[VersionId]] = {}
    oldest_first = sorted(readers[::-1], key=lambda link: link.depth)  # noqa: C415 - the sort is stable: it matters
    for link in (*links, *oldest_first):
        row = (str(link.depth), link.reader, link.input, link.asset, link.versions, link.partitions)
        alike.setdefault(row, []).append(link.reader_version)
    for (depth, reader, input_, asset, versions, partitions), made in alike.items():
        rows.add_row(depth, reader, _short(compact(made)), input_, asset, _short(versions), partitions)
    out.print(rows if rows.row_count else f"{key} reads nothing" if up else f"nothing reads {key}")
    return exits.OK


def _short(versions: str) -> str:
    return versions if len(versions) < 60 else versions[:57] + "…"


def _link_json(link: Any) -> dict[str, Any]:
    return {
        "reader": link.reader,
        "reader_version": link.reader_version,
        "input": link.input,
        "asset": link.asset,
        "versions": link.versions,
        "partitions": link.partitions,
        "depth": link.depth,
    }


def why_command(*, key: str, partition: str, environment: str | None, as_of: int | None, json_: bool) -> int:
    """Explain."""
    workspace = open_workspace(environment=environment)
    found = why(workspace, key, partition=partition, as_of=NOW if as_of is None else as_of)
    if json_:
        print_json(_explanation_json(found))
        return exits.OK
    _print_explanation(console(), found)
    return exits.OK


def _explanation_json(found: Explanation) -> dict[str, Any]:
    return {
        "asset": found.asset,
        "partition": found.partition,
        "status": found.status,
        "position": found.position,
        "since": found.since,
        "head": None if found.head is None else found.head._asdict(),
        "failed": found.failed,
        "nearest": None
        if found.nearest is None
        else {"version": found.nearest.version.version, "differs": found.nearest.differs},
        "made_because": () if found.started is None else found.started.reasons,
        "findings": [
            {
                "cause": finding.cause,
                "asset": finding.asset,
                "partitions": finding.partitions,
                "subject": finding.subject,
                "path": finding.path,
                "before": finding.before,
                "after": finding.after,
                "event": finding.event,
                "code": [
                    {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after} for c in finding.code
                ],
                "through": finding.through,
            }
            for finding in found.findings
        ],
    }


def _print_explanation(out: Console, found: Explanation) -> None:
    name = f"{found.asset} {found.partition}".rstrip()
    since = f" since position {found.since:,}" if found.since is not None else ""
    out.print(f"{name} is {found.status.value}{since}", style=STATUS_STYLE[found.status.value])
    number = 0
    for finding in found.findings:
        for line, event in _finding_lines(finding):
            number += 1
            out.print(f" {number:<2} {line}" + (f"   event {event:,}" if event is not None else ""))
    if found.head is not None:
        run = found.head.version.rpartition(".")[0]
        out.print(
            f"its version {found.head.version} was made by run {run} at {moment(found.head.made_at)}, "
            f"event {found.head.position:,}, in {duration(found.head.duration_ms)}"
        )
        if found.started is not None and found.started.reasons:
            out.print(f"it was run because: {', '.join(found.started.reasons)}")
    if found.nearest is not None and found.nearest.differs:
        near = found.nearest.version
        differs = ", ".join(cause.value for cause in found.nearest.differs)
        out.print(f"nearest earlier version: {near.version} (event {near.position:,}), which differs in {differs}")
    if found.status is Status.FRESH:
        out.print("nothing changed since: code, parameters, inputs and packages are the same")


def _finding_lines(finding: Finding) -> list[tuple[str, int | None]]:
    where = f"{finding.asset} {finding.partitions}".rstrip()
    through = f", read through {' -> '.join(finding.through)}" if finding.through else ""
    match finding.cause:
        case Cause.MISSING:
            return [(f"missing    {where} was never materialized here{through}", None)]
        case Cause.CODE if finding.code:
            return [
                (f"code       {change_text(change)}, used by {where}{through}", finding.event)
                for change in finding.code
            ]
        case Cause.CODE:
            return [(f"code       of {where} changed{through}", finding.event)]
        case Cause.PARAMETERS:
            return [(f"parameter  {parameter_text(finding, where)}{through}", finding.event)]
        case Cause.FAILED:
            return [(f"failed     an attempt or a blocking check of {where}{through}", finding.event)]
        case Cause.INPUT:
            before, after = finding.before[:20], finding.after[:20]
            return [(f"input      {finding.subject}: {before} -> {after}, read by {where}{through}", finding.event)]
        case cause:
            return [(f"{cause:<10} {where}{through}", finding.event)]
