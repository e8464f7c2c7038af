"""What is other now than when steps ran: causes to look at first where they do not come out as they did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from latewood.commands.recorded_steps import RecordedStep
from latewood.commands.workspace import Workspace
from latewood.model.code import CodeChange
from latewood.model.keys import AssetKey, PartitionKey
from latewood.projections.configurations import configured_along
from latewood.projections.environments import line_of
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, heads


class ExternalChange(NamedTuple):
    """A partition of what others make: the data version that was read, and that of now."""

    asset: AssetKey
    partition: PartitionKey
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is other now than when the steps ran.

    `python` is the version then and now, `contents` are files and folders whose content changed, as a parameter names
    them. `configurations` are the resources that the environment has configured otherwise by now: the steps had them as
    they were then. `external` is what others have made anew.
    """

    python: tuple[str, str] | None
    code: tuple[CodeChange, ...]
    contents: tuple[str, ...]
    configurations: tuple[str, ...] = ()
    external: tuple[ExternalChange, ...] = ()


def surroundings(
    workspace: Workspace,
    steps: Sequence[RecordedStep],
    root: Path,
    *,
    python: tuple[str, str] | None,
    code: tuple[CodeChange, ...],
) -> Surroundings:
    """What is other now for these steps, beside what their processes told of Python and code."""
    with snapshot(workspace.log) as connection:
        configurations = dict.fromkeys(_configured_otherwise(connection, workspace.project, steps))
        external = dict.fromkeys(_made_anew(connection, workspace.project, steps))
    return Surroundings(
        python=python,
        code=code,
        contents=tuple(dict.fromkeys(path for step in steps for path in step.changed_paths(root))),
        configurations=tuple(configurations),
        external=tuple(external),
    )


def _configured_otherwise(connection: Snapshot, project: str, steps: Sequence[RecordedStep]) -> Iterator[str]:
    for environment in {step.succeeded.environment: None for step in steps}:
        now = configured_along(connection, project, line_of(connection, project, environment, NOW))
        for step in steps:
            for name, then in step.configurations.items() if step.succeeded.environment == environment else ():
                if (found := now.get((step.location, name))) is not None and found.digest != then.digest:
                    yield name


def _made_anew(connection: Snapshot, project: str, steps: Sequence[RecordedStep]) -> Iterator[ExternalChange]:
    for environment in {step.succeeded.environment: None for step in steps}:
        read = {
            (step.reads[name], facts)
            for step in steps
            if step.succeeded.environment == environment
            for name, versions in step.inputs.items()
            for facts in versions
            if not facts.logic  # an observation
        }
        now = heads(connection, project, environment, {facts.asset for _, facts in read})
        for key, facts in sorted(read, key=lambda one: (one[0], one[1].partition)):
            head = now[facts.asset].get(facts.partition)
            if head is not None and head.data_version != facts.data_version:
                yield ExternalChange(key, facts.partition, facts.data_version, head.data_version)
