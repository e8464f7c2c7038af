"""What happens by itself: listed, turned on and off."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.automations import show_automations
from latewood.cli.output import console, print_json
from latewood.cli.remote.connection import PAGE, connect, done, of_environment
from latewood.cli.remote.facts import defined_as
from latewood.commands.automations import Found
from latewood.decide.automation import Standing
from latewood.decide.freshness import Judged
from latewood.events import AutomationDefined
from latewood.model.automations import Automation
from latewood.model.keys import AssetKey
from latewood.projections.automations import Slot

_LIST: Final = f"""query ($project: String!, $environment: String!, $asOf: Moment, $behind: Int!) {{
  project(name: $project, asOf: $asOf) {{ environment(name: $environment) {{ now
    automations {{
      name location definition definitionVersion isOn evaluatedUpto problem cursor
      overdue(first: {PAGE}, behind: $behind) {{ asset policy since upTo why }} overdueCount
    }}
  }} }}
}}"""
_SWITCH: Final = """mutation ($project: String!, $environment: String!, $name: String!, $on: Boolean!) {
  switchAutomation(project: $project, environment: $environment, name: $name, on: $on) { __typename
    ... on AutomationSwitched { name isOn changed }
    ... on Error { message }
  }
}"""


def list_(*, environment: str | None, json_: bool) -> int:
    """All of the environment."""
    client = connect(environment=environment)
    found = _pages(partial(of_environment, client, _LIST))
    rows = [_found(client.at.environment, each) for each in found[0]["automations"]]
    overdue: dict[Slot, tuple[Judged, ...]] = {}
    for page in found:
        for row, each in zip(rows, page["automations"], strict=True):
            overdue[row.slot] = (*overdue.get(row.slot, ()), *map(_judged, each["overdue"]))
    return show_automations(rows, overdue, client.at.environment, datetime.fromisoformat(found[0]["now"]), json_=json_)


def _pages(look: Callable[..., Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All of them each time, with so much more of what is overdue, as it was when they were looked at first."""
    found = [look(behind=0)]
    while any(each["overdueCount"] > PAGE * len(found) for each in found[0]["automations"]):
        found.append(look(behind=PAGE * len(found), asOf=found[0]["now"]))
    return found


def _judged(found: Mapping[str, Any]) -> Judged:
    since, up_to = (found[name] and datetime.fromisoformat(found[name]) for name in ("since", "upTo"))
    asset, policy = AssetKey(found["asset"]), found["policy"]
    return Judged(policy=policy, asset=asset, up_to=up_to, is_overdue=True, since=since, why=found["why"])


def _found(environment: str, found: Mapping[str, Any]) -> Found:
    until = found["evaluatedUpto"]
    return Found(
        environment=environment,
        location=found["location"],
        definition=defined_as(found, AutomationDefined, Automation),
        standing=Standing(
            switched=found["isOn"],
            until=None if until is None else datetime.fromisoformat(until),
            problem=found["problem"],
            cursor=found["cursor"],
        ),
    )


def on(*, name: str, environment: str | None, json_: bool) -> int:
    """Turn one on."""
    return _switch(name, environment, on=True, json_=json_)


def off(*, name: str, environment: str | None, json_: bool) -> int:
    """Turn one off."""
    return _switch(name, environment, on=False, json_=json_)


def _switch(name: str, environment: str | None, *, on: bool, json_: bool) -> int:
    client = connect(environment=environment)
    there, word = client.at.environment, "on" if on else "off"
    found = done(client, "switchAutomation", _SWITCH, {"environment": there, "name": name, "on": on})
    if json_:
        print_json({"name": found["name"], "environment": there, "on": on, "changed": found["changed"]})
    else:
        console().print(f"{found['name']} is {word} in {there}{'' if found['changed'] else ', as it was'}")
    return exits.OK
