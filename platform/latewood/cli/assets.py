"""`latewood assets` and `asset`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import (
    STATUS_GLYPH,
    STATUS_STYLE,
    console,
    content_text,
    duration,
    metadata_text,
    moment,
    plural,
    print_json,
    table,
)
from latewood.cli.wording import freshness_json, freshness_text, rename_json, rename_text
from latewood.commands.page import AssetPage, PageVersion, Use, asset_page
from latewood.commands.reading import keys_to_look_at, read, select_keys
from latewood.commands.views import moment_meant
from latewood.decide.keys import parameters_of
from latewood.decide.staleness import Assessed, Status
from latewood.model.definitions import AssetDefinition, Origin, TaskDefinition
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe
from latewood.model.policies import Resources
from latewood.model.schemes import title
from latewood.model.types import display


def assets_command(*, selection: str, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """List assets."""
    workspace = open_workspace(environment=environment)
    found = read(workspace, moment_meant(workspace, as_of), about=lambda view: keys_to_look_at(view, selection))
    keys = select_keys(found, selection) if len(found.view.catalog) else ()
    lines = [
        AssetLine.of(found.view.catalog[key], found.assessed[key], found.view.locations[key], found.flags(key))
        for key in keys
    ]
    return show_assets(
        lines, workspace.environment, found.view.position, is_empty=not len(found.view.catalog), json_=json_
    )


@dataclass(frozen=True, slots=True)
class Partitions:
    """How many partitions, and which in words; one without a name where there are none."""

    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLine:
    """An asset in a list. `partitions` has those of each status that any has; `absent` are such of the fresh ones."""

    key: str
    status: str
    location: str
    group: str
    owners: Sequence[str]
    tags: Mapping[str, str]
    kinds: Sequence[str]
    origin: str
    description: str
    is_partitioned: bool
    partitions: Mapping[str, Partitions]
    absent: Partitions
    flags: Sequence[str]

    @classmethod
    def of(cls, asset: AssetDefinition, assessed: Assessed, location: str, flags: Sequence[str] = ()) -> "AssetLine":
        """As an environment has it."""

        def told(ordinals: Ordinals) -> Partitions:
            return Partitions(len(ordinals), "" if asset.partitions is None else describe(asset.partitions, ordinals))

        return cls(
            key=asset.key,
            status=assessed.status.value,
            location=location,
            group=asset.group,
            owners=asset.owners,
            tags=asset.tags,
            kinds=asset.kinds,
            origin=asset.origin.value,
            description=asset.description,
            is_partitioned=asset.partitions is not None,
            partitions={status.value: told(ordinals) for status, ordinals in assessed.by_status.items()},
            absent=told(assessed.absent),
            flags=flags,
        )

    def count(self, status: Status) -> int:
        """Of how many partitions that is the status."""
        found = self.partitions.get(status.value)
        return 0 if found is None else found.count

    @property
    def word(self) -> str:
        """The status, and `absent` for an optional output of which there is nothing and nothing missing."""
        fresh = self.count(Status.FRESH)
        is_absent = self.status == Status.FRESH.value and 0 < fresh == self.absent.count
        return "absent" if is_absent else self.status

    @property
    def text(self) -> str:
        """The same, of partitions by how many."""
        if not self.is_partitioned:
            return f"{self.word}, absent" if self.absent.count and self.word != "absent" else self.word
        counts = {status.value: self.count(status) for status in (Status.STALE, Status.MISSING)}
        counts["absent"] = self.absent.count
        return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or Status.FRESH.value

    @property
    def partitions_text(self) -> str:
        """How many of how many are fresh."""
        if not self.is_partitioned:
            return ""
        total = sum(found.count for found in self.partitions.values())
        return f"{self.count(Status.FRESH) - self.absent.count:,} fresh of {total:,}"


def show_assets(lines: Sequence[AssetLine], environment: str, position: int, *, is_empty: bool, json_: bool) -> int:
    """Print them; exit code."""
    if json_:
        print_json({"position": position, "assets": [{**_asset_json(line), "flags": line.flags} for line in lines]})
        return exits.OK
    if is_empty:
        console().print(
            f"No assets in {environment} yet. Write a file with @asset functions, then: "
            "latewood materialize '*' -f FILE"
        )
        return exits.OK
    rows = table("", "asset", "status", "partitions", "group", "kinds", spare=("partitions", "group", "kinds"))
    for line in lines:
        flags = (flag for flag in line.flags if flag != "absent")  # the status says it
        origin = () if line.origin == Origin.MADE.value else (line.origin,)
        rows.add_row(
            STATUS_GLYPH[line.word],
            line.key,
            ", ".join((line.text, *origin, *map(_flag_text, flags))),
            line.partitions_text,
            line.group,
            ", ".join(line.kinds),
            style=STATUS_STYLE[line.word] if line.word != "fresh" else "",
        )
    out = console()
    out.print(rows)
    out.print(f"{plural(len(lines), 'asset')} in {environment} at position {position:,}", style="dim")
    return exits.OK


def _flag_text(flag: str) -> str:
    return "waiting for inputs" if flag == "waiting" else flag


def _asset_json(line: AssetLine) -> dict[str, Any]:
    partitions = {**line.partitions, **({"absent": line.absent} if line.absent.count else {})}
    return {
        "key": line.key,
        "status": line.status,
        "location": line.location,
        "group": line.group,
        "owners": line.owners,
        "tags": line.tags,
        "kinds": line.kinds,
        "origin": line.origin,
        "description": line.description,
        "partitions": {word: found.text for word, found in partitions.items()},
    }


def asset_command(
    *, key: str, partition: str, limit: int, environment: str | None, as_of: int | datetime | None, json_: bool
) -> int:
    """Show one asset."""
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    page, assessed = asset_page(workspace, key, partition=partition, as_of=at, limit=limit)
    return show_page(page, AssetLine.of(page.definition, assessed, page.location), json_=json_)


def show_page(page: AssetPage, line: AssetLine, *, json_: bool, untold: Collection[str] = ()) -> int:
    """Print an asset; exit code. Facts of versions that are `untold` are not to look as if there were none."""
    if json_:
        print_json(_page_json(page, line, untold))
        return exits.OK
    _print_page(console(), page, line)
    return exits.OK


def _page_json(page: AssetPage, line: AssetLine, untold: Collection[str]) -> dict[str, Any]:
    return {
        "position": page.position,
        **_asset_json(line),
        "renames": [rename_json(rename) for rename in page.renames],
        "freshness": [freshness_json(judged) for judged in page.freshness],
        "code_version": page.definition.task.code.version,
        "parameters": parameters_of(page.definition.task, {}),
        "stored": page.definition.stored,
        "versions_count": page.versions_count,
        "resources": [
            {
                "parameter": use.parameter,
                "resource": use.resource,
                "values": use.values,
                "secrets": page.secrets.get(use.resource, {}),
            }
            for use in page.definition.task.uses
        ],
        "pinned": sorted(name for name, pin in page.pins.items() if pin.pinned),
        "versions": [
            {
                **{name: value for name, value in v.facts._asdict().items() if name not in untold},
                "use": v.use,
                "environment": v.environment,
                "parameters": v.parameters,
                "taken_from": None if v.source is None else {"asset": v.source[0], "version": v.source[1]},
            }
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


def _print_page(out: Console, page: AssetPage, line: AssetLine) -> None:
    asset = page.definition
    out.print(f"{STATUS_GLYPH[line.word]} {asset.key}   {line.text}", style=STATUS_STYLE[line.word])
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
    if (shown := len(page.versions)) < page.versions_count:
        out.print(f"{shown:,} of {plural(page.versions_count, 'version')}; --limit shows more", style="dim")
    if page.checks:
        out.print(_checks_table(page))
    if more := len(page.checks[_CHECKS_SHOWN:]):
        out.print(f"{plural(more, 'earlier verdict')} not shown; --json shows the latest hundred", style="dim")


def _page_facts(page: AssetPage) -> list[tuple[str, str]]:
    asset, shown = page.definition, page.shown
    return [
        ("renamed", "; ".join(map(rename_text, page.renames))),
        ("location", page.location),
        ("group", asset.group),
        ("owners", ", ".join(asset.owners)),
        ("tags", ", ".join(f"{k}={v}" if v else k for k, v in asset.tags.items())),
        ("kinds", ", ".join(asset.kinds)),
        ("type", _type_text(asset) if asset.origin is Origin.MADE else ""),
        ("partitions", "" if asset.partitions is None else title(asset.partitions)),
        ("origin", "" if asset.origin is Origin.MADE else asset.origin.value),
        *_task_facts(asset),
        ("reads", ", ".join(i.asset for i in asset.task.inputs)),
        ("parameters", ", ".join(_parameter_texts(page))),
        ("resources", ", ".join(_resource_texts(page))),
        ("stored", "" if asset.stored is None else f"by {asset.stored.io} at {asset.stored.place}"),
        ("freshness", "; ".join(map(freshness_text, page.freshness))),
        ("policies", ", ".join(_policies(asset.task))),
        ("not covered", "; ".join(asset.task.code.uncovered)),
        ("columns", ", ".join(shown.columns) if shown is not None else ""),
        ("metadata", metadata_text(shown.metadata, 12) if shown is not None else ""),
    ]


def _type_text(asset: AssetDefinition) -> str:
    return display(asset.type) + (", so values are not checked when they are made" if asset.type.kind == "any" else "")


def _task_facts(asset: AssetDefinition) -> list[tuple[str, str]]:
    if asset.origin is not Origin.MADE and not asset.observable:
        return []
    name = "observer" if asset.observable else "task"
    return [(name, f"{asset.task.name} ({asset.task.code.file})"), ("code version", asset.task.code.version)]


def _parameter_texts(page: AssetPage) -> Iterator[str]:
    for name, value in parameters_of(page.definition.task, {}).items():
        pin = page.pins.get(name)
        yield f"{name}={value!r}" + (f" (pinned by {pin.actor})" if pin is not None and pin.pinned else "")


def _resource_texts(page: AssetPage) -> Iterator[str]:
    for use in page.definition.task.uses:
        if use.values is None:
            yield f"{use.resource} (not configured here)"
            continue
        texts = [f"{name}={value!r}{' (unkeyed)' if name in use.unkeyed else ''}" for name, value in use.values.items()]
        for name, reference in page.secrets.get(use.resource, {}).items():
            texts += [f"{name} from {kind} {where}" for kind, where in reference.items()]
        yield f"{use.resource}({', '.join(texts)})"


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
            content_text(facts.data_version),
            f"{facts.position:,}",
            style=_USE_STYLE.get(version.use, ""),
        )
    return rows


_USE_STYLE = {Use.HEAD: "bold", Use.REFUSED: "red", Use.RETRACTED: "red", Use.PAST: "dim"}


def _use_text(version: PageVersion) -> str:
    use = version.use.value
    if version.use is Use.VARIANT:
        use = " ".join((use, *(f"{name}={value!r}" for name, value in version.parameters.items())))
    elif version.use is Use.ELSEWHERE:
        use = f"made in {version.environment}"
    return use if version.source is None else f"{use}, taken from {' '.join(version.source)}"


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
