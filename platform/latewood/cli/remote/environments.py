"""Environments: listed, branched, promoted, ended."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from latewood.cli import exits
from latewood.cli.environments import show_diff, show_environments
from latewood.cli.output import console, plural, print_json
from latewood.cli.remote.connection import PAGE, connect, done, nodes_of, of_environment, of_project, with_all
from latewood.commands.environments import Changed, Diff, Reconfigured, Repinned, refuse_worked_in
from latewood.decide.state import Pin
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.environments import Environment

if TYPE_CHECKING:
    from latewood.client import Client

_NAMES: Final = f"""query ($project: String!, $asOf: Moment, $behind: Int!) {{
  project(name: $project, asOf: $asOf) {{ position environments(first: {PAGE}, behind: $behind) }}
}}"""
_AT_ONCE: Final = 200
"""Environments in a query: each is named in it."""

_CREATE: Final = """mutation ($project: String!, $name: String!, $base: String!) {
  createEnvironment(project: $project, name: $name, base: $base) { __typename
    ... on EnvironmentCreated { environment { name base basePosition } }
    ... on Error { message }
  }
}"""
_DROP: Final = """mutation ($project: String!, $name: String!, $force: Boolean!) {
  dropEnvironment(project: $project, name: $name, force: $force) { __typename
    ... on EnvironmentDropped { name }
    ... on Error { message }
  }
}"""
_DIFF: Final = """query (
  $project: String!, $environment: String!, $asOf: Moment, $target: String!, $selection: String!,
  $heads: String, $pins: String
) {
  project(name: $project, asOf: $asOf) { environment(name: $environment) {
    promotion(target: $target, selection: $selection) {
      position deployments { location before after moved } configurations { location resource values secrets isNew }
      heads(first: 1000, after: $heads) {
        nodes { key count moved example } pageInfo { endCursor hasNextPage }
      }
      pins(first: 1000, after: $pins) {
        nodes { asset name isPinned value wasPinned before moved } pageInfo { endCursor hasNextPage }
      }
    }
  } }
}"""
_PROMOTE: Final = """mutation (
  $project: String!, $source: String!, $target: String!, $selection: String!, $force: Boolean!
) {
  promoteEnvironment(
    project: $project, source: $source, target: $target, selection: $selection, force: $force
  ) { __typename
    ... on EnvironmentPromoted {
      assets(first: 1000) { totalCount nodes { key partitionsCount } }
      headsCount locations configurationsCount pinsCount position
    }
    ... on Error { message }
  }
}"""


def list_(*, json_: bool) -> int:
    """All of them."""
    client = connect()
    found = with_all("environments", partial(of_project, client, _NAMES))
    names, state = found["environments"], found["position"]
    parts = (names[n : n + _AT_ONCE] for n in range(0, len(names), _AT_ONCE))
    branches = [branch for part in parts for branch in _branches(client, part, state)]
    rows = [Environment(environment=b["name"], base=b["base"], base_position=b["basePosition"] or 0) for b in branches]
    return show_environments(rows, json_=json_)


def _branches(client: "Client", names: Sequence[str], state: int) -> list[Mapping[str, Any]]:
    each = " ".join(f'e{n}: environment(name: "{name}") {{ name base basePosition }}' for n, name in enumerate(names))
    document = f"query ($project: String!, $asOf: Moment) {{ project(name: $project, asOf: $asOf) {{ name {each} }} }}"
    found = of_project(client, document, asOf=state)
    return [found[f"e{n}"] for n in range(len(names))]


def diff(*, source: str, target: str, selection: str, json_: bool) -> int:
    """What promoting would change."""
    client = connect(environment=source)

    def look(**of: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any]
        found = of_environment(client, _DIFF, target=target, selection=selection, **of)["promotion"]
        return found

    first, heads, pins = _whole(look)
    found = Diff(
        source=source,
        target=target,
        position=first["position"],
        heads=tuple(
            Changed(key=AssetKey(each["key"]), partitions=each["count"], moved=each["moved"], example=each["example"])
            for each in heads
        ),
        deployments={each["location"]: (each["before"] or "", each["after"]) for each in first["deployments"]},
        moved=tuple(each["location"] for each in first["deployments"] if each["moved"]),
        pins=tuple(map(_repinned, pins)),
        configurations=tuple(
            Reconfigured(
                location=each["location"],
                resource=each["resource"],
                values=each["values"],
                secrets=each["secrets"],
                is_new=each["isNew"],
            )
            for each in first["configurations"]
        ),
    )
    return show_diff(found, json_=json_)


def _whole(look: Callable[..., Mapping[str, Any]]) -> tuple[Mapping[str, Any], list[Any], list[Any]]:
    """What is found, with all heads and all pins: the pages behind the first one are of its moment."""
    first = look()

    def page(of: str, after: str | None) -> Any:
        return (first if after is None else look(asOf=first["position"], **{of: after}))[of]

    heads, pins = (list(nodes_of(partial(page, of))) for of in ("heads", "pins"))
    return first, heads, pins


def _repinned(found: Mapping[str, Any]) -> Repinned:
    """Who pinned it, and when, is not told."""

    def pin(value: Any, *, pinned: bool) -> Pin:
        return Pin(AssetId(""), found["name"], pinned, value, 0, "")

    return Repinned(
        key=AssetKey(found["asset"]),
        pin=pin(found["value"], pinned=found["isPinned"]),
        there=pin(found["before"], pinned=found["wasPinned"]),
        moved=found["moved"],
    )


def create(*, name: str, base: str, json_: bool) -> int:
    """Branch."""
    made = done(connect(), "createEnvironment", _CREATE, {"name": name, "base": base}, repeatable=False)["environment"]
    if json_:
        print_json({"environment": name, "base": made["base"], "base_position": made["basePosition"]})
    else:
        at = made["basePosition"] or 0
        console().print(f"{name} branched from {base} at position {at:,}. Work in it with --env {name}.")
    return exits.OK


def drop(*, name: str, force: bool) -> int:
    """End one."""
    client = connect()
    refuse_worked_in(name, client.at.environment, force=force)  # the server does not know what is named here
    done(client, "dropEnvironment", _DROP, {"name": name, "force": force}, repeatable=False)
    console().print(
        f"{name} points to nothing any more; its pins and observations are gone. "
        "What its tasks made can still be reused, but for those with reuse off."
    )
    return exits.OK


def promote(*, source: str, target: str, selection: str, force: bool, json_: bool) -> int:
    """Make what one has of its own another one's."""
    given = {"source": source, "target": target, "selection": selection, "force": force}
    found = done(connect(), "promoteEnvironment", _PROMOTE, given)
    assets, position = found["assets"]["nodes"], found["position"]
    if json_:
        print_json({**given, "assets": assets, "locations": found["locations"], "position": position})
        return exits.OK
    if not (assets or found["locations"] or found["configurationsCount"] or found["pinsCount"]):
        console().print(f"Nothing to promote: {target} has all that {source} has of its own.")
        return exits.OK
    heads = plural(found["headsCount"], "head")
    parts = [
        f"{heads} of {plural(found['assets']['totalCount'], 'asset')}",
        plural(len(found["locations"]), "deployment"),
    ]
    parts += [plural(found["configurationsCount"], "configuration")] if found["configurationsCount"] else []
    parts += [plural(found["pinsCount"], "pinned parameter")] if found["pinsCount"] else []
    said = f"{', '.join(parts[:-1])} and {parts[-1]}"
    console().print(f"{target} has {said} of {source} now, at position {position:,}. 0 steps run.")
    return exits.OK
