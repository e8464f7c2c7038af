"""Variants compared, and the parameters that an environment pins."""

from collections.abc import Mapping
from typing import Any, Final

from latewood.cli.remote.connection import connect, done, of_environment, of_one_state
from latewood.cli.remote.facts import VERSION, version_of
from latewood.cli.variants import show_comparison, show_pins, show_repinned
from latewood.commands.comparing import CONSIDERED, Compared, Comparison
from latewood.commands.pinning import Changed, Repinned, pin_said
from latewood.decide.state import Pin
from latewood.model.keys import AssetId, AssetKey

_COMPARISON: Final = f"""query (
  $project: String!, $environment: String!, $asset: ID!, $by: String!, $lowest: Boolean!, $partition: String!,
  $first: Int!, $run: ID
) {{
  project(name: $project) {{ environment(name: $environment) {{ asset(key: $asset) {{
    comparison(by: $by, lowest: $lowest, partition: $partition, first: $first, run: $run) {{
      nodes {{ {VERSION} }} isHead isRetracted considered position
      parameters {{ name values }} metrics {{ name values }}
    }}
  }} }} }}
}}"""
_PINS: Final = """query ($project: String!, $environment: String!, $asOf: Moment, $after: String) {
  project(name: $project, asOf: $asOf) { position environment(name: $environment) { pins(first: 1000, after: $after) {
    nodes { asset name value actor position } pageInfo { endCursor hasNextPage }
  } } }
}"""
_PINNED: Final = """{ __typename
    ... on ParametersPinned { changed { asset name before after } position }
    ... on Error { message }
  }"""
_PIN: Final = f"""mutation ($project: String!, $environment: String!, $parameters: [ParameterValue!]!) {{
  pin(project: $project, environment: $environment, parameters: $parameters) {_PINNED}
}}"""
_UNPIN: Final = f"""mutation ($project: String!, $environment: String!, $parameters: [String!]!) {{
  unpin(project: $project, environment: $environment, parameters: $parameters) {_PINNED}
}}"""


def compare(
    *, key: str, by: str, lowest: bool, partition: str, run: str, limit: int, environment: str | None, json_: bool
) -> int:
    """Put versions side by side."""
    client = connect(environment=environment)
    how = {"by": by, "lowest": lowest, "partition": partition, "run": run or None, "first": min(limit, CONSIDERED)}
    found = of_environment(client, _COMPARISON, asset=key, **how)["asset"]["comparison"]
    return show_comparison(_comparison(key, found), client.at.environment, by=by, json_=json_)


def _comparison(key: str, found: Mapping[str, Any]) -> Comparison:
    parameters = {column["name"]: column["values"] for column in found["parameters"]}
    metrics = {column["name"]: column["values"] for column in found["metrics"]}
    return Comparison(
        asset=AssetKey(key),
        parameters=tuple(parameters),
        metrics=tuple(metrics),
        versions=tuple(
            Compared(
                facts=version_of(version),
                head=found["isHead"][n],
                retracted=found["isRetracted"][n],
                parameters={name: tuple(values[n]) for name, values in parameters.items() if values[n]},
                metrics={name: values[n] for name, values in metrics.items() if values[n] is not None},
            )
            for n, version in enumerate(found["nodes"])
        ),
        considered=found["considered"],
        position=found["position"],
    )


def pin(*, targets: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """Give parameters a value; without any list what is pinned."""
    client = connect(environment=environment)
    if targets:
        values = [{"name": name, "value": value} for name, value in map(pin_said, targets)]
        found = done(client, "pin", _PIN, {"environment": client.at.environment, "parameters": values})
        return show_repinned(_repinned(found, pinned=True), client.at.environment, json_=json_)
    there = client.at.environment
    pages = of_one_state(client, _PINS, lambda project: project["environment"]["pins"], environment=there)
    pins = [
        (AssetKey(each["asset"]), Pin(AssetId(""), each["name"], True, each["value"], each["position"], each["actor"]))
        for each in pages
    ]
    return show_pins(pins, client.at.environment, json_=json_)


def unpin(*, targets: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """Give parameters their defaults again."""
    client = connect(environment=environment)
    asked = {"environment": client.at.environment, "parameters": list(targets)}
    found = done(client, "unpin", _UNPIN, asked, repeatable=False)
    return show_repinned(_repinned(found, pinned=False), client.at.environment, json_=json_)


def _repinned(found: Mapping[str, Any], *, pinned: bool) -> Repinned:
    changed = (
        Changed(
            asset=AssetKey(each["asset"]),
            parameter=each["name"],
            before=each["before"],
            after=each["after"],
            pinned=pinned,
        )
        for each in found["changed"]
    )
    return Repinned(changed=tuple(changed), position=found["position"])
