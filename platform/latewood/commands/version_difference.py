"""What two versions of an asset differ in, as the log and the archives of deployments have it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff
from functools import cached_property
from typing import Final

from latewood.commands.deployed_code import require_source
from latewood.commands.runs import requests
from latewood.commands.source import definitions_then, function_in
from latewood.commands.versions import makings, names_of
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.decide.version_changes import Side, VersionChanges, version_changes
from latewood.engine.storage.archives import files_of
from latewood.errors import NotFound, StoreError, UsageError
from latewood.model.keys import AssetKey, VersionId
from latewood.projections.configurations import values_of
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import version_named

TEXTS_MAX: Final = 50
"""Of how many parts of the code that changed the text is compared."""

_LINES_MAX: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedText:
    """A function or file that is other than it was, as a unified diff; `name` is that of the part of the code."""

    name: str
    diff: str


@dataclass(frozen=True, kw_only=True)
class VersionDifference:
    """Two versions of an asset, and what the later one has otherwise. What its text is costs reading two archives."""

    workspace: Workspace
    asset: AssetKey
    before: VersionFacts
    after: VersionFacts
    changes: VersionChanges
    deployments: tuple[str, str]
    names: Mapping[str, AssetKey]
    """Assets of inputs by their ids."""

    @property
    def same_data(self) -> bool:
        """Whether their content is equal."""
        return self.before.data_version == self.after.data_version

    @cached_property
    def texts(self) -> list[ChangedText]:
        """The parts of the code that changed, the first ones; nothing of archives that are gone."""
        names = [change.name for change in self.changes.code if change.subject == "part"]
        if not names or not all(self.deployments):
            return []
        old, new = (_files(self.workspace, deployment) for deployment in self.deployments)
        found = (ChangedText(name=name, diff=_diff(old, new, name)) for name in names[:TEXTS_MAX])
        return [each for each in found if each.diff]


def version_difference(workspace: Workspace, view: View, asset: AssetKey, before: str, after: str) -> VersionDifference:
    """What the version `after` has otherwise than `before`. Raises NotFound for what is no version of the asset."""
    with snapshot(workspace.log) as connection:
        facts = [_named(connection, workspace, view, asset, version) for version in (before, after)]
        made = makings(connection, workspace, [(each.asset, each.version) for each in facts])
        runs = requests(connection, workspace, {each.run for each in facts})
        then = definitions_then(connection, workspace, facts, runs)
        sides, deployments = [], []
        for each in facts:
            making, defined = made[each.asset, each.version], then.get(each)
            definition = None if defined is None else defined.definition
            output = None if definition is None else making.output(definition.output)
            metadata = {} if output is None else output.metadata
            sides.append(Side(facts=each, definition=definition, started=making.started, metadata=metadata))
            deployments.append("" if defined is None else defined.deployment)
        changes = version_changes(*sides)
        reads = (read for _, *both in changes.inputs for read in both if read is not None)
        names = names_of(connection, workspace, view, [read.asset for read in reads])
        configured = tuple(
            changed._replace(
                before=_values(connection, workspace, changed.before),
                after=_values(connection, workspace, changed.after),
            )
            for changed in changes.configurations
        )
    return VersionDifference(
        workspace=workspace,
        asset=asset,
        before=facts[0],
        after=facts[1],
        changes=replace(changes, configurations=configured),
        deployments=(deployments[0], deployments[1]),
        names=names,
    )


def _named(connection: Snapshot, workspace: Workspace, view: View, asset: AssetKey, version: str) -> VersionFacts:
    found = version_named(connection, workspace.project, view.ids[asset], VersionId(version), view.as_of)
    if not found:
        raise NotFound("version", f'"{asset}" has no version "{version}"; `versions` lists them')
    return found[0]


def _values(connection: Snapshot, workspace: Workspace, digest: str | None) -> Mapping[str, object] | None:
    return values_of(connection, workspace.project, digest) if digest else None


def _files(workspace: Workspace, deployment: str) -> Mapping[str, bytes]:
    try:
        created, address = require_source(workspace, deployment)
        return files_of(workspace.store.read(address), name=created.source)
    except (StoreError, UsageError):  # collected: what changed is named all the same
        return {}


def _diff(old: Mapping[str, bytes], new: Mapping[str, bytes], name: str) -> str:
    before, after = _text(old, name), _text(new, name)
    lines = list(unified_diff(before.splitlines(), after.splitlines(), f"before {name}", f"after {name}", lineterm=""))
    more = [f"… {len(lines) - _LINES_MAX:,} more lines"] if len(lines) > _LINES_MAX else []
    return "\n".join([*lines[:_LINES_MAX], *more])


def _text(files: Mapping[str, bytes], part: str) -> str:
    """The text of a part of the code: of a function, or of a file where that is no function's."""
    file, _, qualname = part.rpartition(":")
    content = files.get(file)
    if content is None:
        return ""
    text = content.decode(errors="replace")
    return text if qualname in ("", "*") else function_in(file, text, qualname.partition("[")[0]).text
