"""Runs asked for: engines drive them, by what is deployed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from latewood.cli import exits
from latewood.cli.by_hand import by_hand_json, say_set_by_hand
from latewood.cli.following import nothing_to_do
from latewood.cli.materialize import PlanRow, estimate_text, partitions_text, print_plan
from latewood.cli.observe import metadata_entry, show_observed
from latewood.cli.output import console, plural, print_json
from latewood.cli.remote.connection import connect, of_environment
from latewood.cli.remote.facts import moved_of
from latewood.cli.remote.runs import follow_run
from latewood.commands.bringing import Bringing
from latewood.commands.by_hand import SetByHand
from latewood.commands.sightings import NotPassed, Observed, Seen, Unseen
from latewood.decide.reasons import Cause, Reason
from latewood.decide.sweep import split_values
from latewood.errors import Conflict, UsageError
from latewood.events import Action, CheckEvaluated, Failure, FailureKind
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, version_id

if TYPE_CHECKING:
    from latewood import client as of_client
    from latewood.client import Client, Launched

_TRIES: Final = 5
_BRINGS_MAX: Final = 100
"""Assets to be brought here that are asked for: with all else an answer is as large as it may be."""
_PLAN: Final = """hash steps position
    counts { run depends reuse skip fresh blocked }
    leftOut(first: 1000) { nodes { message unread } }
    replaces(first: 1000) { asset partitions moved { by position at actor environment run } }
    brings(first: 100) { asset connector readers versions bytes unsized remade }
    estimate { p50Ms p90Ms samples unknownSteps }"""
_TASKS: Final = """assets(first: 500, after: $after) {
      nodes { assets trial groups { action partitions { count text } why reasons { cause subject check } } }
      pageInfo { endCursor hasNextPage }
    }"""
_GIVEN: Final = (
    "$project: String!, $environment: String!, $selection: String!, $partition: String!, "
    "$parameters: [ParameterGiven!]!, $zipped: Boolean!, $force: Boolean!, $priority: Int!, $only: PartitionsWanted"
)
_AS_GIVEN: Final = (
    "selection: $selection, partition: $partition, parameters: $parameters, zipped: $zipped, force: $force, "
    "priority: $priority, only: $only"
)
_BY_NAME: Final = (
    "$project: String!, $environment: String!, $name: String!, $inputs: [InputGiven!]!, $zipped: Boolean!, "
    "$force: Boolean!, $priority: Int!"
)
_AS_NAMED: Final = "name: $name, inputs: $inputs, zipped: $zipped, force: $force, priority: $priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Previewing:
    """What is to be previewed, and how it is asked: by a field of the schema, with these variables and arguments."""

    client: "Client"
    given: Mapping[str, Any]
    field: str
    variables: str
    arguments: str

    def look(self) -> Mapping[str, Any]:
        """What it would do, in short."""
        return self._asked(self.variables, _PLAN)

    def whole(self) -> Mapping[str, Any]:
        """The same with all its `tasks`, of one plan: they come in pages, and it may change in between."""
        for _ in range(_TRIES):
            found, tasks = self._page(None), list[Mapping[str, Any]]()
            page = found
            while page["hash"] == found["hash"]:
                tasks += page["assets"]["nodes"]
                if not page["assets"]["pageInfo"]["hasNextPage"]:
                    return {**found, "tasks": tasks}
                page = self._page(page["assets"]["pageInfo"]["endCursor"])
        raise Conflict(
            f"the plan changed in each of {_TRIES} attempts to read all of it; try again once less is going on"
        )

    def _page(self, after: str | None) -> Mapping[str, Any]:
        return self._asked(f"{self.variables}, $after: String", f"{_PLAN} {_TASKS}", after=after)

    def _asked(self, variables: str, fields: str, **more: Any) -> Mapping[str, Any]:
        plan = f"plan: {self.field}({self.arguments}) {{ {fields} }}"
        document = (
            f"query ({variables}) {{ project(name: $project) {{ environment(name: $environment) {{ {plan} }} }} }}"
        )
        found: Mapping[str, Any] = of_environment(self.client, document, **self.given, **more)["plan"]
        return found


def materialize(
    *,
    files: Sequence[Path],
    modules: Sequence[str],
    locations: Sequence[str],
    environment: str | None,
    dry_run: bool,
    detach: bool,
    quiet: bool,
    strict: bool,
    json_: bool,
    **asked: Any,
) -> int:
    """Ask for a run of what is deployed, and follow it."""
    _refuse_code(files, modules, locations)
    client = connect(environment=environment)
    given, call = _asked(**asked)
    preview = _Previewing(client=client, given=given, field="planPreview", variables=_GIVEN, arguments=_AS_GIVEN)
    if dry_run:
        return _show_plan(client, preview.whole(), json_=json_, strict=strict, nothing=asked["selection"])
    return _launch(
        client,
        preview,
        lambda approved: client.launch(**call, approved=approved),
        detach=detach,
        quiet=quiet,
        strict=strict,
        json_=json_,
    )


def plan(*, json_: bool, **asked: Any) -> int:
    """Show what it would do."""
    return materialize(dry_run=True, detach=False, quiet=False, strict=False, json_=json_, priority=0, **asked)


def launch(
    *,
    name: str,
    file: Path | None,
    module: str | None,
    location: str | None,
    environment: str | None,
    parameters: Sequence[str],
    zipped: bool,
    force: bool,
    dry_run: bool,
    detach: bool,
    priority: int,
    json_: bool,
    quiet: bool,
) -> int:
    """The same of a workflow or launch plan."""
    _refuse_code(file, module, location)
    client = connect(environment=environment)
    several = dict(map(_parameter, parameters))
    one = {target: values[0] for target, values in several.items() if len(values) == 1}
    tried = {target: values for target, values in several.items() if len(values) > 1}
    inputs: list[dict[str, Any]] = [{"name": target, "value": value} for target, value in one.items()]
    inputs += [{"name": target, "values": values} for target, values in tried.items()]
    how: dict[str, Any] = {"zipped": zipped, "force": force, "priority": priority}
    given = {"name": name, "inputs": inputs, **how}
    preview = _Previewing(
        client=client, given=given, field="launchPlanPreview", variables=_BY_NAME, arguments=_AS_NAMED
    )
    if dry_run:
        return _show_plan(client, preview.whole(), json_=json_, strict=False, nothing=name)
    return _launch(
        client,
        preview,
        lambda approved: client.launch_plan(name, one, tried=tried, approved=approved, **how),
        detach=detach,
        quiet=quiet,
        strict=False,
        json_=json_,
    )


def deploy(
    *,
    names: Sequence[str],
    files: Sequence[Path],
    modules: Sequence[str],
    locations: Sequence[str],
    environment: str | None,
    json_: bool,
) -> int:
    """Deploy locations as their code stands where the server works."""
    _refuse_code(files, modules, ())
    where = tuple(dict.fromkeys((*names, *locations)))
    if not where:
        raise UsageError("expected the names of locations that the server's latewood.toml lists, found none")
    client = connect(environment=environment)
    for each in where:
        found = client.deploy(each)
        if json_:
            print_json({"location": found.location, "deployment": found.deployment, "before": found.before or None})
        elif found.deployment == found.before:
            console().print(f"{found.location}: nothing has changed since {found.deployment}")
        else:
            console().print(f"{found.location} is deployed as {found.deployment}", style="green")
    return exits.OK


def observe(
    *,
    selection: str,
    file: Path | None,
    module: str | None,
    location: str | None,
    partition: str,
    environment: str | None,
    json_: bool,
) -> int:
    """Have the server look at external assets, by the code that is deployed."""
    _refuse_code(file, module, location)
    found = connect(environment=environment).observe(selection, partition=partition)
    run = RunId(found.id)
    done = Observed(
        observation=run,
        seen=tuple(
            Seen(
                key=AssetKey(look.asset),
                partition=PartitionKey(look.partition),
                data_version=look.data_version,
                before=look.before or "",
                metadata=look.metadata,
            )
            for look in found.looks
            if look.data_version is not None
        ),
        unseen=tuple(_unseen(look) for look in found.looks if look.data_version is None),
        printed=False,
        position=found.position,
        not_passed=tuple(_not_passed(run, each) for each in found.not_passed),
    )
    code = show_observed(done, json_=json_)
    if left := found.new + found.same + found.failed - len(found.looks):
        click.secho(f"and {left:,} more looks, which a server does not list", fg="yellow", err=True)
    return code


def _unseen(look: "of_client.Look") -> Unseen:
    failure = Failure(kind=FailureKind.USER, error=look.error or "", message=look.message or "")
    return Unseen(key=AssetKey(look.asset), partition=PartitionKey(look.partition), failure=failure)


def _not_passed(run: RunId, found: "of_client.NotPassed") -> NotPassed:
    """As it was recorded, but for what nobody is shown of it."""
    verdict = CheckEvaluated(
        run=run,
        step=0,
        asset=AssetId(""),
        version=version_id(run, 0),
        check=found.check,
        check_key="",
        passed=False,
        blocking=found.blocking,
        severity="",
        partition=PartitionKey(found.partition),
        metadata=found.metadata,
        message=found.message,
    )
    return NotPassed(key=AssetKey(found.asset), verdict=verdict)


def report(
    *, key: str, data_version: str, metadata: Sequence[str], partition: str, environment: str | None, json_: bool
) -> int:
    """Say what was seen of an external asset."""
    client = connect(environment=environment)
    found = client.report(key, data_version, partition=partition, metadata=dict(map(metadata_entry, metadata)))
    if json_:
        print_json({"observation": found})
    else:
        console().print(f"{f'{key} {partition}'.rstrip()} is recorded, as {found}")
    return exits.OK


def _refuse_code(*named: Any) -> None:
    if any(named):
        raise UsageError(
            "a server runs what is deployed, and takes no code from elsewhere: leave out -f, -m and --location; "
            "`latewood deploy NAME` deploys a location that the server has"
        )


def _asked(
    *,
    selection: str,
    partition: str,
    parameters: Sequence[str],
    zipped: bool,
    force: bool,
    only: str | None,
    priority: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the options ask for, in the words of the schema and in those of the client."""
    values = dict(map(_parameter, parameters))
    how = {
        "selection": selection,
        "partition": partition,
        "zipped": zipped,
        "force": force,
        "priority": priority,
    }
    given = [{"name": target, "values": several} for target, several in values.items()]
    schema = {**how, "parameters": given, "only": only and only.upper()}
    return schema, {**how, "parameters": values, "only": only or ""}


def _parameter(text: str) -> tuple[str, list[str]]:
    target, equals, listed = text.partition("=")
    if not equals:
        raise UsageError(f'parameter "{text}": expected ASSET.NAME=VALUE')
    return target, split_values(listed)


def _launch(
    client: "Client",
    preview: _Previewing,
    ask: Callable[[str], "Launched"],
    *,
    detach: bool,
    quiet: bool,
    strict: bool,
    json_: bool,
) -> int:
    """Ask for just what was previewed, and say what is left out of it."""
    from latewood.client import PlanChanged

    for left in reversed(range(_TRIES)):
        found = preview.look()
        try:
            launched = ask(found["hash"])
            break
        except PlanChanged:  # somebody was faster
            if not left:
                raise
    code = _strictly(found, strict=strict)
    if not json_:
        for line in found["leftOut"]["nodes"]:
            console().print(f"left out: {line['message']}", style="yellow")
    say_set_by_hand(_replaced(found))
    if not launched.run:
        if json_:
            print_json({"run": None, "steps": 0})
        else:
            left_out = bool(found["leftOut"]["nodes"])
            selected = left_out or any(found["counts"].values())
            console().print(nothing_to_do(selected=selected, left_out=left_out))
        return code
    if detach:
        if json_:
            print_json({"run": launched.run, "steps": found["steps"]})
        else:
            console().print(f"run {launched.run}: {plural(found['steps'], 'step')} asked for")
            console().print(f"`latewood run {launched.run}` shows how far it is.")
        return code
    if not quiet:
        click.echo(f"run {launched.run}  {plural(found['steps'], 'step')}", err=True)
    return follow_run(client, launched.run, json_=json_, quiet=quiet) or code


def _strictly(found: Mapping[str, Any], *, strict: bool) -> int:
    return exits.STEP_FAILED if strict and found["leftOut"]["nodes"] else exits.OK


def _replaced(found: Mapping[str, Any]) -> list[SetByHand]:
    """Heads that somebody has set by hand, and that it replaces."""
    return [
        SetByHand(asset=AssetKey(each["asset"]), partitions=each["partitions"], moved=moved_of(each["moved"]))
        for each in found["replaces"]
    ]


def _show_plan(client: "Client", found: Mapping[str, Any], *, json_: bool, strict: bool, nothing: str) -> int:
    say_set_by_hand(_replaced(found))
    if json_:
        print_json(_plan_json(client, found))
        return _strictly(found, strict=strict)
    out = console()
    for line in found["leftOut"]["nodes"]:
        if not line["unread"]:  # else it is a row
            out.print(f"left out: {line['message']}", style="yellow")
    if not found["tasks"]:
        out.print(f"Nothing to do: {nothing} selects nothing", style="yellow")
        return _strictly(found, strict=strict)
    estimate = found["estimate"]
    print_plan(
        out,
        [row for task in found["tasks"] for row in _rows(task)],
        {action: found["counts"][action.name.lower()] for action in Action},
        estimate_text(estimate["p50Ms"], estimate["p90Ms"], estimate["samples"], estimate["unknownSteps"]),
        _brings(found),
    )
    if len(found["brings"]) == _BRINGS_MAX:
        out.print(f"these are the first {_BRINGS_MAX} assets that are brought here")
    return _strictly(found, strict=strict)


def _plan_json(client: "Client", found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "position": found["position"],
        "environment": client.at.environment,
        "counts": found["counts"],
        "steps": [
            {
                "assets": task["assets"],
                "action": Action[group["action"]],
                "partitions": group["partitions"]["text"],
                "count": group["partitions"]["count"],
                "trial": {name: msgspec.Raw(value.encode()) for name, value in task["trial"].items()},
                "reasons": [
                    {name: part for name, part in reason._asdict().items() if part or name == "subject"}
                    for reason in _reasons(group)
                ],
            }
            for task in found["tasks"]
            for group in task["groups"]
        ],
        "replaces": list(map(by_hand_json, _replaced(found))),
        "brings": list(map(asdict, _brings(found))),
    }


def _brings(found: Mapping[str, Any]) -> list[Bringing]:
    """What it would have brought here from other systems."""
    return [
        Bringing(**{**each, "readers": tuple(each["readers"]), "bytes": int(each["bytes"])}) for each in found["brings"]
    ]


def _rows(task: Mapping[str, Any]) -> list[PlanRow]:
    rows = []
    for group in task["groups"]:
        action, chosen = Action[group["action"]], group["partitions"]
        partitions = partitions_text(chosen["count"], chosen["text"]) if chosen["text"] else ""
        why = "; ".join(group["why"])
        rows += [PlanRow(action, key, partitions, why) for key in task["assets"]]
    return rows


def _reasons(group: Mapping[str, Any]) -> list[Reason]:
    return [Reason(Cause[each["cause"]], each["subject"], each["check"]) for each in group["reasons"]]
