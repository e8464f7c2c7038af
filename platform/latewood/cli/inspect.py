"""`latewood assets`, `asset`, `lineage` and `why`."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
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
from latewood.cli.wording import change_text, failure_text, parameter_text
from latewood.commands.explaining import why
from latewood.commands.lineage import Link, lineage
from latewood.commands.page import AssetPage, PageVersion, Use, asset_page
from latewood.commands.reading import read, select_keys
from latewood.commands.workspace import open_workspace
from latewood.decide.deploy import Rename
from latewood.decide.judge import Cause
from latewood.decide.keys import parameters_of
from latewood.decide.staleness import Assessed, Status
from latewood.decide.versions import expand
from latewood.decide.why import Explanation, Finding
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, StepFailed
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import AssetKey, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import Scheme, describe, parse_partitions, title
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
    rows = table("", "asset", "status", "partitions", "group", "kinds", spare=("partitions", "group", "kinds"))
    for key in keys:
        assessed, asset = found.assessed[key], found.view.catalog[key]
        status = assessed.status.value
        rows.add_row(
            STATUS_GLYPH[status],
            key,
            ", ".join((_status_text(assessed), *map(_flag_text, found.flags(key)))),
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


def _flag_text(flag: str) -> str:
    return "waiting for inputs" if flag == "waiting" else flag


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
    return {
        "position": page.position,
        **_asset_json(page.assessed, page.definition),
        "renames": [_rename_json(rename) for rename in page.renames],
        "code_version": page.definition.task.code.version,
        "parameters": parameters_of(page.definition.task, {}),
        "pinned": sorted(name for name, pin in page.pins.items() if pin.pinned),
        "versions": [
            {**v.facts._asdict(), "use": v.use, "environment": v.environment, "parameters": v.parameters}
            for v in page.versions
        ],
        "metadata": page.shown.metadata if page.shown is not None else {},
        "columns": page.shown.columns if page.shown is not None else (),
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
    if more := len(page.checks[_CHECKS_SHOWN:]):
        out.print(f"{plural(more, 'earlier verdict')} not shown; --json shows the latest hundred", style="dim")


def _page_facts(page: AssetPage) -> list[tuple[str, str]]:
    asset, shown = page.definition, page.shown
    return [
        ("renamed", "; ".join(map(_rename_text, page.renames))),
        ("group", asset.group),
        ("owners", ", ".join(asset.owners)),
        ("tags", ", ".join(f"{k}={v}" if v else k for k, v in asset.tags.items())),
        ("kinds", ", ".join(asset.kinds)),
        ("type", display(asset.type)),
        ("partitions", "" if asset.partitions is None else title(asset.partitions)),
        ("task", f"{asset.task.name} ({asset.task.code.file})"),
        ("code version", asset.task.code.version),
        ("reads", ", ".join(i.asset for i in asset.task.inputs)),
        ("parameters", ", ".join(_parameter_texts(page))),
        ("policies", ", ".join(_policies(asset.task))),
        ("not covered", "; ".join(asset.task.code.uncovered)),
        ("columns", ", ".join(shown.columns) if shown is not None else ""),
        ("metadata", metadata_text(shown.metadata, 12) if shown is not None else ""),
    ]


def _rename_json(rename: Rename) -> dict[str, Any]:
    return {"old": rename.old, "new": rename.new, "event": rename.position}


def _rename_text(rename: Rename) -> str:
    return f"{rename.old} -> {rename.new} (event {rename.position:,})"


def _parameter_texts(page: AssetPage) -> Iterator[str]:
    for name, value in parameters_of(page.definition.task, {}).items():
        pin = page.pins.get(name)
        yield f"{name}={value!r}" + (f" (pinned by {pin.actor})" if pin is not None and pin.pinned else "")


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
    names = ("version", "use", "partition", "made", "took", "data version", "event")
    rows = table(*names, right=("took", "event"), whole=("made",), spare=("took", "data version"))
    for version in page.versions:
        facts = version.facts
        rows.add_row(
            facts.version,
            _use_text(version),
            facts.partition,
            moment(facts.made_at),
            duration(facts.duration_ms),
            facts.data_version[:24],
            f"{facts.position:,}",
            style=_USE_STYLE.get(version.use, ""),
        )
    return rows


_USE_STYLE = {Use.HEAD: "bold", Use.REFUSED: "red", Use.RETRACTED: "red", Use.PAST: "dim"}


def _use_text(version: PageVersion) -> str:
    if version.use is Use.VARIANT:
        return " ".join(("variant", *(f"{name}={value!r}" for name, value in version.parameters.items())))
    return f"made in {version.environment}" if version.use is Use.ELSEWHERE else version.use.value


def _checks_table(page: AssetPage) -> Table:
    names = ("check", "partition", "verdict", "blocking", "what it found", "event")
    rows = table(*names, right=("event",), spare=("blocking",))
    for check in page.checks[:_CHECKS_SHOWN]:
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


_CHECKS_SHOWN = 20


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
    """Show lineage between versions: in JSON every one, for people those of an asset in one line."""
    workspace = open_workspace(environment=environment)
    at = NOW if as_of is None else as_of
    found = lineage(workspace, key, partition=partition, version=version, up=up, down=down, as_of=at)
    if json_:
        print_json(
            {"upstream": list(map(_link_json, found.upstream)), "downstream": list(map(_link_json, found.downstream))}
        )
        return exits.OK
    now, schemes = workspace.clock(), {key_: asset.partitions for key_, asset in found.view.catalog.assets.items()}
    rows = table("level", "reader", "version", "read", "versions", right=("level",))
    alike: dict[tuple[int, AssetKey, AssetKey], list[Link]] = {}
    for link in (*found.upstream, *found.downstream):
        alike.setdefault((link.depth, link.reader, link.asset), []).append(link)
    for (depth, reader, asset), links in alike.items():
        made = dict.fromkeys(link.reader_version for link in links)
        read = dict.fromkeys(v for link in links for v in expand(link.versions))
        rows.add_row(
            str(depth),
            reader,
            _versions_text(schemes.get(reader), (link.reader_partition for link in links), list(made), now),
            asset,
            _versions_text(schemes.get(asset), (link.partitions for link in links), list(read), now),
        )
    console().print(rows if rows.row_count else f"{key} reads nothing" if up else f"nothing reads {key}")
    return exits.OK


def _versions_text(scheme: Scheme | None, partitions: Iterable[str], versions: list[VersionId], now: datetime) -> str:
    """`2013-01-01..2013-12-31, 365 versions`; one version by its id, which tells the run and its step."""
    found = dict.fromkeys(filter(None, partitions))
    where = ", ".join(found)
    if scheme is not None and found:
        with suppress(UsageError):  # partitions that the scheme no longer has are told as they were recorded
            ordinals = (o for text in found for o in parse_partitions(scheme, text, now))
            where = describe(scheme, Ordinals.of(ordinals))
    count = versions[0] if len(versions) == 1 else f"{len(versions):,} versions"
    return f"{where if len(where) < 60 else where[:57] + '…'}, {count}" if where else count


def _link_json(link: Link) -> dict[str, Any]:
    return {
        "reader": link.reader,
        "reader_partition": link.reader_partition,
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
    out = console()
    _print_explanation(out, found)
    if found.partition and not partition:
        which = "the last partition: none is stale or missing" if found.status is Status.FRESH else "the first such one"
        out.print(f"{found.partition} is {which}; --partition asks about another", style="dim")
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
        "renames": [_rename_json(rename) for rename in found.renames],
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
                "pinned_by": "" if finding.pin is None or not finding.pin.pinned else finding.pin.actor,
                "failure": None if finding.failure is None else _failure_json(finding.failure),
                "retracted": None if finding.retraction is None else finding.retraction._asdict(),
                "code": [
                    {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after} for c in finding.code
                ],
                "through": finding.through,
            }
            for finding in found.findings
        ],
    }


def _failure_json(failure: StepFailed | CheckEvaluated) -> dict[str, str]:
    if isinstance(failure, StepFailed):
        return {"check": "", "error": failure.failure.error, "message": failure.failure.message}
    return {"check": failure.check, "error": "", "message": failure.message}


def _print_explanation(out: Console, found: Explanation) -> None:
    name = f"{found.asset} {found.partition}".rstrip()
    since = f" since position {found.since:,}" if found.since is not None else ""
    out.print(f"{name} is {found.status.value}{since}", style=STATUS_STYLE[found.status.value])
    number = 0
    refused = {finding.asset for finding in found.findings if isinstance(finding.failure, CheckEvaluated)}
    for finding in found.findings:
        for line, event in _finding_lines(finding, refused):
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
    if found.renames:
        out.print(f"renamed: {'; '.join(map(_rename_text, found.renames))}")
    if found.nearest is not None and found.nearest.differs:
        near = found.nearest.version
        differs = ", ".join(cause.value for cause in found.nearest.differs)
        out.print(f"nearest earlier version: {near.version} (event {near.position:,}), which differs in {differs}")
    variant = [f for f in found.findings if f.cause is Cause.PARAMETERS and f.before and not f.path and f.event is None]
    if variant:
        written = " ".join(f"{finding.asset}.{finding.subject}={finding.before}" for finding in variant)
        out.print(f"made with other parameters than those of the environment; for them to stay: latewood pin {written}")
    if found.status is Status.FRESH:
        out.print("nothing changed since: code, parameters, inputs and packages are the same")


def _finding_lines(finding: Finding, refused: Collection[AssetKey]) -> list[tuple[str, int | None]]:
    where = f"{finding.asset} {finding.partitions}".rstrip()
    through = f", read through {' -> '.join(finding.through)}" if finding.through else ""
    match finding.cause:
        case Cause.MISSING:
            never = "has no version that may be used" if finding.asset in refused else "was never materialized here"
            return [(f"missing    {where} {never}{through}", None)]
        case Cause.CODE if finding.code:
            return [
                (f"code       {change_text(change)}, used by {where}{through}", finding.event)
                for change in finding.code
            ]
        case Cause.CODE:
            return [(f"code       of {where} changed{through}", finding.event)]
        case Cause.PARAMETERS:
            return [(f"parameter  {parameter_text(finding, where)}{through}", finding.event)]
        case Cause.FAILED | Cause.REFUSED:
            assert finding.failure is not None, "what failed is known by its event"
            word = "refused" if isinstance(finding.failure, CheckEvaluated) else "failed"
            return [(f"{word:<10} {where}: {failure_text(finding.failure)}{through}", finding.event)]
        case Cause.RETRACTED:
            assert finding.retraction is not None, "what was retracted is known by its event"
            said = f"{finding.retraction.version} was retracted: {finding.retraction.reason}"
            return [(f"retracted  {where}: {said}{through}", finding.event)]
        case Cause.ABSENT:
            return [(f"absent     {where}: its task makes no such optional output just now{through}", None)]
        case Cause.INPUT:
            before, after = finding.before[:20], finding.after[:20]
            return [(f"input      {finding.subject}: {before} -> {after}, read by {where}{through}", finding.event)]
        case cause:
            return [(f"{cause:<10} {where}{through}", finding.event)]
