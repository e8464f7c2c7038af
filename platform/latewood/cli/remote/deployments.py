"""Deployments: listed, compared, gone back to."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.cli import exits
from latewood.cli.deployments import show_deployments, show_difference
from latewood.cli.output import console, plural, print_json
from latewood.cli.remote.connection import PAGE, connect, done, of_project
from latewood.commands.deployments import Listed, unknown_location
from latewood.decide.definition_changes import ChangedDefinition, Difference, Named, Part
from latewood.model.code import CodeChange
from latewood.projections.catalog import Deployment

if TYPE_CHECKING:
    from latewood.client import Client

_FIELDS: Final = "id location assets position createdAt actor changed dropped environments"
_LIST: Final = f"""query ($project: String!, $asOf: Moment, $first: Int!, $before: Position) {{
  project(name: $project, asOf: $asOf) {{ position
    locations {{ name deployments(first: $first, before: $before) {{ {_FIELDS} }} }}
  }}
}}"""
_DIFF: Final = f"""query ($project: String!, $before: ID!, $after: ID!, $behind: Int!) {{
  project(name: $project) {{ deploymentDifference(before: $before, after: $after) {{
    before {{ {_FIELDS} }} after {{ {_FIELDS} }}
    added(first: {PAGE}, behind: $behind) {{ kind name }}
    removed(first: {PAGE}, behind: $behind) {{ kind name }}
    changed(first: {PAGE}, behind: $behind) {{
      kind name code {{ subject name before after }} parts {{ what before after }}
    }}
  }} }}
}}"""
_ROLLBACK: Final = """mutation ($project: String!, $environment: String!, $location: String!, $deployment: ID!) {
  deploymentRollback(
    project: $project, environment: $environment, location: $location, deployment: $deployment
  ) { __typename
    ... on DeploymentRolledBack { deployment before staleCount freshCount droppedCount position }
    ... on Error { message }
  }
}"""


def list_(*, location: str, limit: int, json_: bool) -> int:
    """The latest ones."""
    return show_deployments(_latest(connect(), location, limit), json_=json_, untold={"base"})


def _latest(client: "Client", location: str, limit: int) -> list[Listed]:
    """The latest so many, newest first: each page has some of every location, and goes on where all are known."""
    found: dict[int, Listed] = {}
    given: dict[str, Any] = {"first": min(limit, PAGE), "before": None}
    while True:
        project = of_project(client, _LIST, **given)
        pages = {each["name"]: list(map(_one, each["deployments"])) for each in project["locations"]}
        if location and location not in pages:
            raise unknown_location(location, set(pages))
        wanted = [page for name, page in pages.items() if location in ("", name)]
        found |= {each.deployment.position: each for page in wanted for each in page}
        known_to = max((page[-1].deployment.position for page in wanted if len(page) == given["first"]), default=0)
        latest = sorted((position for position in found if position >= known_to), reverse=True)
        if len(latest) >= limit or not known_to:
            return [found[position] for position in latest[:limit]]
        given |= {"asOf": project["position"], "before": known_to}


def _one(found: Mapping[str, Any]) -> Listed:
    made = Deployment(
        deployment=found["id"],
        location=found["location"],
        base="",
        root="",
        source="",
        assets=found["assets"],
        position=found["position"],
        created_at=datetime.fromisoformat(found["createdAt"]),
        actor=found["actor"],
    )
    return Listed(
        deployment=made,
        changed=found["changed"],
        dropped=found["dropped"],
        environments=tuple(found["environments"]),
    )


def diff(*, before: str, after: str, json_: bool) -> int:
    """What differs between two."""
    client = connect()
    found = _whole(client, before, after)
    old, new = (_one(found[name]).deployment for name in ("before", "after"))
    difference = Difference(
        added=tuple(Named(**each) for each in found["added"]),
        removed=tuple(Named(**each) for each in found["removed"]),
        changed=tuple(
            ChangedDefinition(
                kind=each["kind"],
                name=each["name"],
                code=tuple(msgspec.convert(each["code"], list[CodeChange])),
                parts=tuple(Part(**part) for part in each["parts"]),
            )
            for each in found["changed"]
        ),
    )
    other = "what they are run by, names, or source that none of it reaches"
    return show_difference(old, new, difference, other=other, json_=json_)


def _whole(client: "Client", before: str, after: str) -> Mapping[str, Any]:
    """The difference with all that it lists: deployments stay as they are, so that its parts go together."""
    whole: dict[str, Any] = {}
    behind, is_more = 0, True
    while is_more:
        found = of_project(client, _DIFF, before=before, after=after, behind=behind)["deploymentDifference"]
        lists = {name: found[name] for name in ("added", "removed", "changed")}
        whole = {**found, **{name: [*whole.get(name, ()), *some] for name, some in lists.items()}}
        is_more, behind = any(len(some) == PAGE for some in lists.values()), behind + PAGE
    return whole


def rollback(*, location: str, named: str, environment: str | None, json_: bool) -> int:
    """Go back to an earlier one."""
    client = connect(environment=environment)
    there = client.at.environment
    given = {"environment": there, "location": location, "deployment": named}
    found = done(client, "deploymentRollback", _ROLLBACK, given)
    if json_:
        counts = {"stale": found["staleCount"], "fresh": found["freshCount"], "dropped": found["droppedCount"]}
        names = {"deployment": found["deployment"], "before": found["before"]}
        print_json({"location": location, "environment": there, **names, "counts": counts})
        return exits.OK
    out = console()
    if found["before"] == found["deployment"]:
        out.print(f"{there} has {location} as deployed in {found['deployment']} already; nothing was done.")
        return exits.OK
    out.print(f"{there} has {location} again as deployed in {found['deployment']}", style="green")
    words = (("dropped", "droppedCount", "yellow"), ("stale by that", "staleCount", "yellow"))
    for word, name, style in (*words, ("fresh again", "freshCount", "green")):
        if found[name]:
            out.print(f"{word}: {plural(found[name], 'asset')}", style=style)
    if not found["staleCount"]:
        out.print("Nothing that was fresh is stale by that.")
    back = f"latewood deployments rollback {location} {found['before']}"
    out.print(f"Nothing was run. `{back}` takes it back.", style="dim")
    return exits.OK
