"""Tasks that other locations may refer to."""

from datetime import datetime
from typing import Final

from latewood.cli.remote.connection import connect, moment_given, of_one_state
from latewood.cli.sharing import show_tasks
from latewood.commands.granting import Usable

_TASKS: Final = """query ($project: String!, $environment: String!, $asOf: Moment, $task: String, $after: String) {
  project(name: $project, asOf: $asOf) { position environment(name: $environment) {
    tasks(task: $task, first: 1000, after: $after) {
      nodes { task project version deployment since description } pageInfo { endCursor hasNextPage }
    }
  } }
}"""


def tasks(*, task: str | None, environment: str | None, as_of: int | datetime | None, json_: bool) -> int:
    """List them; of one that is named all versions."""
    client = connect(environment=environment)
    given = {"environment": client.at.environment, "task": task, "asOf": moment_given(as_of)}
    found = of_one_state(client, _TASKS, lambda project: project["environment"]["tasks"], **given)
    usable = [Usable(**{**each, "since": datetime.fromisoformat(each["since"])}) for each in found]
    return show_tasks(usable, client.at.environment, json_=json_)
