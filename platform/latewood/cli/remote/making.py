"""Runs asked for: engines drive them, by what is deployed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from latewood.cli import exits
from latewood.cli.materialize import PlanRow, estimate_text, partitions_text, print_plan, reason_text
from latewood.cli.observe import metadata_entry
from latewood.cli.output import console, plural, print_json
from latewood.cli.remote.connection import connect, of_environment
from latewood.cli.remote.runs import follow_run
from latewood.decide.reasons import Cause, Reason
from latewood.decide.sweep import split_values
from latewood.errors import UsageError
from latewood.events import Action

if TYPE_CHECKING:
    from latewood.client import Client, Launched

_TRIES: Final = 5
_PLAN: Final = """hash steps position refusal
    counts { run depends reuse skip fresh blocked }
    leftOut(first: 1000) { nodes { message unread } }
    replaces(first: 6) { asset partitions position actor }
    estimate { p50Ms p90Ms samples unknownSteps }"""
_GROUPS: Final = """assets(first: 500) {
      nodes { assets groups { action partitions { count text } reasons { cause subject check } } }
      pageInfo { hasNextPage }
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


def _document(given: str, field: str, arguments: str, groups: str) -> str:
    return f"""query ({given}) {{
  project(name: $project) {{ environment(name: $environment) {{ plan: {field}({arguments}) {{ {_PLAN} {groups} }} }} }}
}}"""


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
    preview = _previewing(client, given, "planPreview", _GIVEN, _AS_GIVEN)
    if dry_run:
        return _show_plan(preview(groups=_GROUPS), json_=json_, strict=strict, nothing=asked["selection"])
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
    preview = _previewing(client, {"name": name, "inputs": inputs, **how}, "launchPlanPreview", _BY_NAME, _AS_NAMED)
    if dry_run:
        return _show_plan(preview(groups=_GROUPS), json_=json_, strict=False, nothing=name)
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


def _previewing(
    client: "Client", given: Mapping[str, Any], field: str, variables: str, arguments: str
) -> Callable[..., Mapping[str, Any]]:
    def preview(groups: str = "") -> Mapping[str, Any]:
        found: Mapping[str, Any]
        found = of_environment(client, _document(variables, field, arguments, groups), **given)["plan"]
        return found

    return preview


def _launch(
    client: "Client",
    preview: Callable[..., Mapping[str, Any]],
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
        found = preview()
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
    _say_replaced(found)
    if not launched.run:
        if json_:
            print_json({"run": None, "steps": 0})
        else:
            console().print(
                "Nothing is to be run: all of it is fresh."
                if any(found["counts"].values())
                else "Nothing was selected."
            )
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


def _say_replaced(found: Mapping[str, Any]) -> None:
    for each in found["replaces"]:
        name = f"{each['asset']} {each['partitions']}".rstrip()
        said = f"the head of {name} was set by {each['actor']}, event {each['position']:,}"
        click.secho(f"{said}; running it replaces that", fg="yellow", err=True)


def _show_plan(found: Mapping[str, Any], *, json_: bool, strict: bool, nothing: str) -> int:
    _say_replaced(found)
    if json_:
        print_json({name: found[name] for name in ("position", "counts", "steps", "refusal", "leftOut", "assets")})
        return _strictly(found, strict=strict)
    out = console()
    for line in found["leftOut"]["nodes"]:
        if not line["unread"]:  # else it is a row
            out.print(f"left out: {line['message']}", style="yellow")
    if not found["assets"]["nodes"]:
        out.print(f"Nothing to do: {nothing} selects nothing", style="yellow")
        return _strictly(found, strict=strict)
    estimate = found["estimate"]
    print_plan(
        out,
        [row for task in found["assets"]["nodes"] for row in _rows(task)],
        {action: found["counts"][action.name.lower()] for action in Action},
        estimate_text(estimate["p50Ms"], estimate["p90Ms"], estimate["samples"], estimate["unknownSteps"]),
    )
    if found["assets"]["pageInfo"]["hasNextPage"]:
        out.print(f"the first {len(found['assets']['nodes']):,} tasks are shown", style="dim")
    return _strictly(found, strict=strict)


def _rows(task: Mapping[str, Any]) -> list[PlanRow]:
    rows = []
    for group in task["groups"]:
        action, chosen = Action[group["action"]], group["partitions"]
        reasons = [
            reason_text(Reason(Cause[each["cause"]], each["subject"], each["check"]), action)
            for each in group["reasons"]
        ]
        partitions = partitions_text(chosen["count"], chosen["text"]) if chosen["text"] else ""
        why = "; ".join(dict.fromkeys(reasons))
        rows += [PlanRow(action, key, partitions, why) for key in task["assets"]]
    return rows
