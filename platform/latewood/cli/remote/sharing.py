"""Tasks that other locations may refer to."""

from datetime import datetime
from typing import Final

from latewood.cli.remote.connection import connect, moment_given, nodes_of, of_environment
from latewood.cli.sharing import show_tasks
from latewood.commands.granting import Usable

_TASKS: Final = """query ($project: String!, $environment: String!, $asOf: Moment, $task: String, $after: String) {
  project(name: $project, asOf: $asOf) { environment(name: $environment) {
    tasks(task: $task, first: 1000, after: $after) {
      nodes { task project version deployment since description } pageInfo { endCursor hasNextPage }
    }
  } }
}"""


def tasks(*, task: str | None, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """List them; of one that is named all versions."""
    client = connect(environment=environment)
    given = {"task": task, "asOf": moment_given(as_of)}
    found = nodes_of(lambda after: of_environment(client, _TASKS, **given, after=after)["tasks"])
    usable = [Usable(**{**each, "since": datetime.fromisoformat(each["since"])}) for each in found]
    return show_tasks(usable, client.at.environment, json_=json_)
