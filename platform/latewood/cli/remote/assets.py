"""Assets: how they stand, why, and what they were made from."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.cli import exits
from latewood.cli.assets import AssetLine, Partitions, show_assets
from latewood.cli.explain import asked_by_json, explanation_json, show_explanation
from latewood.cli.lineage import LEVELS_MAX, link_json, nothing_read, require_one_way, show_columns, show_lineage
from latewood.cli.output import print_json
from latewood.cli.remote.connection import PAGE, connect, moment_given, of_environment, of_one_state, with_all
from latewood.cli.remote.facts import (
    JUDGED,
    UNTOLD,
    VERSION,
    asked_of,
    facts_of,
    freshness_of,
    moved_of,
    renames_of,
    version_of,
)
from latewood.cli.remote.run_reasons import run_reasons, step_reasons
from latewood.cli.run_reasons import show_run_reasons, show_step_reasons
from latewood.commands.column_lineage import ColumnStep
from latewood.commands.lineage import Link
from latewood.commands.lineage_lines import Line, Several, TakenLine
from latewood.decide.findings import Explanation, Finding
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status
from latewood.decide.state import Pin, Retraction, VersionFacts
from latewood.decide.step_reasons import RunExplained
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, Failure, FailureKind, RunRequested, StepFailed, StepStarted
from latewood.model.code import CodeChange
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId

if TYPE_CHECKING:
    from latewood.client import Client

ASSET_LINE: Final = """key status location group owners tags kinds origin description flags partitioning { title }
        partitions { status partitions { count text } } absent { count text }"""
"""The fields of an asset of which `line_of` makes it."""

_COLUMNS: Final = """query (
  $project: String!, $environment: String!, $asOf: Moment, $asset: ID!, $column: String!, $partition: String!,
  $version: String!, $up: Int!, $after: String
) {
  project(name: $project, asOf: $asOf) { position environment(name: $environment) {
    columnLineage(asset: $asset, column: $column, partition: $partition, version: $version, up: $up, after: $after) {
      nodes { asset column versions versionsCount depth confidence sources { input asset column } expression end }
      pageInfo { endCursor hasNextPage }
    }
  } }
}"""

_LINKS: Final = 9_000
"""Links each way of the largest lineage: with all lines that these may be about as much as a server answers at once."""

_SEVERAL: Final = "{ partitions count version }"
_LINEAGE: Final = f"""query (
  $project: String!, $environment: String!, $asOf: Moment, $asset: ID!, $partition: String!, $version: String!,
  $up: Int!, $down: Int!, $first: Int!
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{
    lineage(asset: $asset, partition: $partition, version: $version, up: $up, down: $down, first: $first) {{
      lines {{ depth reader made {_SEVERAL} asset read {_SEVERAL} equalTo }}
      takenLines {{ asset made {_SEVERAL} fromAsset source {_SEVERAL} }}
    }}
  }} }}
}}"""
_ASSETS: Final = f"""query (
  $project: String!, $environment: String!, $asOf: Moment, $selection: String!, $first: Int!, $after: String
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{ position
    any: assets(first: 1) {{ nodes {{ key }} }}
    order: assetGraph(selection: $selection) {{ keys }}
    assets(selection: $selection, first: $first, after: $after) {{
      nodes {{
        {ASSET_LINE}
      }}
      pageInfo {{ endCursor hasNextPage }}
    }}
  }} }}
}}"""
_MOVED: Final = "moved { by position at actor environment run }"
_WHY: Final = f"""query (
  $project: String!, $environment: String!, $asOf: Moment, $asset: ID!, $partition: String!, $behind: Int!
) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{
    why(asset: $asset, partition: $partition) {{
      asset partition status position headSince madeBecause {_MOVED} {JUDGED}
      head {{ {VERSION} }} takenFrom {{ {VERSION} }} barred {{ version reason position }}
      findings(first: {PAGE}, behind: $behind) {{
        cause asset partitions subject path before after event since through failure retraction retracted observed
        undefinedIn pinned pinnedBy {_MOVED} code {{ subject name before after }}
      }}
    }}
  }} }}
}}"""


def assets(*, selection: str, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """List them."""
    client = connect(environment=environment)
    lines: list[AssetLine] = []
    given = {"asOf": moment_given(as_of), "selection": selection, "first": PAGE}
    found = of_environment(client, _ASSETS, **given)
    given["asOf"] = found["position"]  # the pages are of one moment
    is_empty, page = not found["any"]["nodes"], found["assets"]
    while True:
        lines += map(line_of, page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        page = of_environment(client, _ASSETS, **given, after=page["pageInfo"]["endCursor"])["assets"]
    order = {key: number for number, key in enumerate(found["order"]["keys"])}  # upstream first; pages go by key
    lines.sort(key=lambda line: order[line.key])
    return show_assets(lines, client.at.environment, found["position"], is_empty=is_empty, json_=json_)


def line_of(found: Mapping[str, Any]) -> AssetLine:
    """An asset as a line of a list."""
    return AssetLine(
        **{name: found[name] for name in ("key", "location", "group", "owners", "tags", "kinds", "description")},
        status=found["status"].lower(),
        origin=found["origin"].lower(),
        is_partitioned=found["partitioning"] is not None,
        partitions={each["status"].lower(): Partitions(**each["partitions"]) for each in found["partitions"]},
        absent=Partitions(**found["absent"]),
        flags=[flag.lower() for flag in found["flags"]],
    )


def why(
    *,
    key: str,
    step: int | None,
    file: Path | None,
    module: str | None,
    location: str | None,
    partition: str,
    environment: str | None,
    as_of: int | datetime | None,
    json_: bool,
) -> int:
    """Explain one, as it is deployed."""
    if file is not None or module is not None or location is not None:
        raise UsageError("a server explains what is deployed: leave out -f, -m and --location")
    client, moment = connect(environment=environment), moment_given(as_of)
    from latewood.client.errors import NotFound  # after that, which says what to install where it is not there

    if step is not None:
        return show_step_reasons(step_reasons(client, key, step, moment), json_=json_)
    try:
        answer = with_all("findings", partial(_look, client, asset=key, partition=partition), asOf=moment)
    except NotFound:
        run = None if partition else _run_called(client, key, moment)
        if run is None:
            raise
        return show_run_reasons(run, json_=json_)
    found = _explanation(answer)
    asked = _asked(client, found.head)
    if json_:
        print_json({**_known(explanation_json(found)), "asked_by": asked_by_json(asked)})
        return exits.OK
    return show_explanation(found, asked, is_named=bool(partition), json_=False)


def _look(client: "Client", **given: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = of_environment(client, _WHY, **given)["why"]
    return found


def _run_called(client: "Client", text: str, moment: int | str | None) -> RunExplained | None:
    from latewood.client.errors import NotFound

    try:
        return run_reasons(client, text, moment)
    except NotFound:
        return None


_UNTOLD: Final = frozenset({"nearest", "replaced", "elements", "carried", "absent", "foreseen", "failed"})
_TOLD_OF_RETRACTIONS: Final = frozenset({"version", "reason", "position"})
_UNTOLD_OF_FINDINGS: Final = frozenset({"lying", "retracted"})


def _known(found: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a server does not tell, which is not to look as if there were none."""

    def rest(of: Mapping[str, Any], untold: Collection[str]) -> dict[str, Any]:
        return {name: value for name, value in of.items() if name not in untold}

    head = None if found["head"] is None else rest(found["head"], UNTOLD)
    findings = [rest(finding, _UNTOLD_OF_FINDINGS) for finding in found["findings"]]
    barred = found["barred"] and {name: found["barred"][name] for name in sorted(_TOLD_OF_RETRACTIONS)}
    return {**rest(found, _UNTOLD), "head": head, "findings": findings, "barred": barred}


def _asked(client: "Client", head: VersionFacts | None) -> RunRequested | None:
    """What the run was asked for that made the head; None for an observation."""
    if head is None or not head.artifact:
        return None
    facts = facts_of(client, head.version.rpartition(".")[0], limit=1)
    return asked_of(facts) if facts else None


def _explanation(found: Mapping[str, Any]) -> Explanation:
    head = None if found["head"] is None else version_of(found["head"])
    taken, barred = found["takenFrom"], found["barred"]
    return Explanation(
        asset=AssetKey(found["asset"]),
        partition=PartitionKey(found["partition"]),
        status=Status[found["status"]],
        head=head,
        started=None if head is None else _started(head, found["madeBecause"]),
        findings=tuple(map(_finding, found["findings"])),
        position=found["position"],
        head_since=found["headSince"],
        moved=None if found["moved"] is None else moved_of(found["moved"]),
        renames=renames_of(found),
        freshness=freshness_of(found, AssetKey(found["asset"])),
        source=None if taken is None else (AssetKey(taken["asset"]), version_of(taken)),
        barred=None if barred is None else _retraction(barred["version"], barred["reason"], barred["position"]),
    )


def _started(head: VersionFacts, reasons: list[str]) -> StepStarted:
    run, _, step = head.version.rpartition(".")
    return StepStarted(
        run=RunId(run),
        step=int(step) if step.isdecimal() else 0,
        attempt=1,
        assets=(),
        task="",
        code="",
        logic="",
        inputs_digest="",
        reasons=tuple(reasons),
    )


def _finding(found: Mapping[str, Any]) -> Finding:
    cause = Cause[found["cause"]]
    is_pin = found["pinned"] is not None
    subject = found["subject"]
    return Finding(
        cause=cause,
        asset=AssetKey(found["asset"]),
        **{name: found[name] for name in ("partitions", "subject", "path", "before", "after", "event", "since")},
        pin=Pin(AssetId(""), subject, found["pinned"], None, 0, found["pinnedBy"]) if is_pin else None,
        failure=None if found["failure"] is None else _failure(cause, subject, found["failure"]),
        retraction=None if found["retraction"] is None else _retraction(found["retracted"], found["retraction"]),
        code=tuple(msgspec.convert(found["code"], list[CodeChange])),
        moved=None if found["moved"] is None else moved_of(found["moved"]),
        through=tuple(map(AssetKey, found["through"])),
        observed=found["observed"],
        undefined_in=found["undefinedIn"],
    )


def _failure(cause: Cause, subject: str, said: str) -> StepFailed | CheckEvaluated:
    """As much of the event as is told of it."""
    if cause is Cause.REFUSED:
        return CheckEvaluated(
            run=RunId(""),
            step=0,
            asset=AssetId(""),
            version=VersionId(""),
            check=subject,
            check_key="",
            passed=False,
            blocking=True,
            severity="error",
            message="" if said == subject else said,
        )
    error, _, message = said.partition(": ")
    failure = Failure(kind=FailureKind.USER, error=error, message=message)
    return StepFailed(run=RunId(""), step=0, attempt=1, failure=failure, duration_ms=0.0)


def _retraction(version: str, reason: str, position: int = 0) -> Retraction:
    return Retraction(
        asset=AssetId(""),
        partition=PartitionKey(""),
        version=VersionId(version),
        output="",
        data_version="",
        artifact="",
        reuse_key="",
        rerun=False,
        reason=reason,
        position=position,
    )


def lineage(
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
    """Show what read what."""
    require_one_way(column, down)
    client = connect(environment=environment)
    if column:
        given: dict[str, Any] = {"asset": key, "column": column, "partition": partition, "version": version}
        given |= {"up": LEVELS_MAX if up is None else up, "asOf": moment_given(as_of)}
        given["environment"] = client.at.environment
        steps = of_one_state(client, _COLUMNS, lambda project: project["environment"]["columnLineage"], **given)
        return show_columns(list(map(_column, steps)), json_=json_)
    up, moment = 1 if up is None else up, moment_given(as_of)
    if json_:
        links = client.lineage(key, partition=partition, version=version, up=up, down=down, as_of=moment)
        both = {"upstream": links.upstream, "downstream": links.downstream}
        print_json({name: [link_json(_link(link)) for link in some] for name, some in both.items()})
        return exits.OK
    asked = {"asset": key, "partition": partition, "version": version, "up": up, "down": down, "asOf": moment}
    found = of_environment(client, _LINEAGE, **asked, first=_LINKS)["lineage"]
    read, taken = map(_line, found["lines"]), map(_taken, found["takenLines"])
    return show_lineage(read, taken, nothing=nothing_read(key, up))


def _line(found: Mapping[str, Any]) -> Line:
    made, read = _several(found["made"]), _several(found["read"])
    reader, asset, equal_to = (found[name] and AssetKey(found[name]) for name in ("reader", "asset", "equalTo"))
    return Line(depth=found["depth"], reader=reader, made=made, asset=asset, read=read, equal_to=equal_to)


def _taken(found: Mapping[str, Any]) -> TakenLine:
    asset, source = AssetKey(found["asset"]), AssetKey(found["fromAsset"])
    return TakenLine(asset=asset, made=_several(found["made"]), from_asset=source, source=_several(found["source"]))


def _several(found: Mapping[str, Any]) -> Several:
    return Several(**{name: found[name] for name in ("partitions", "count", "version")})


def _column(found: Mapping[str, Any]) -> ColumnStep:
    return ColumnStep(
        asset=AssetKey(found["asset"]),
        column=found["column"],
        versions=tuple(map(VersionId, found["versions"])),
        confidence=found["confidence"].lower(),
        depth=found["depth"],
        sources=tuple((each["input"], AssetKey(each["asset"]), each["column"]) for each in found["sources"]),
        expression=found["expression"],
        end=found["end"] or "",
        unnamed=found["versionsCount"] - len(found["versions"]),
    )


def _link(found: Any) -> Link:
    return Link(
        reader=AssetKey(found.reader),
        reader_partition=PartitionKey(found.reader_partition),
        reader_version=VersionId(found.reader_version),
        input=found.input,
        asset=AssetKey(found.asset),
        versions=found.versions,
        partitions=found.partitions,
        depth=found.depth,
        equal_to=None if found.equal_to is None else AssetKey(found.equal_to),
    )
