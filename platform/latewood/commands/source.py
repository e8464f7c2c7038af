"""The source of what is deployed, as it was archived with the deployment."""

import ast
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from latewood.commands.deployed_code import source_address
from latewood.commands.runs import requests
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.storage.archives import files_of
from latewood.events import DeploymentCreated, RunRequested, from_json
from latewood.model.keys import AssetKey
from latewood.projections.catalog import DefinedIn, defined_in
from latewood.projections.snapshots import Snapshot
from latewood_eventlog.records import Position

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
"""Where Python ends a line. `str.splitlines` does at form feeds and others, too, and would count further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A function's text in a file of the archive, from line `line` on; the whole file where it has no such function."""

    file: str
    line: int
    text: str


def archived(workspace: Workspace, created: DeploymentCreated) -> Mapping[str, bytes]:
    """The files of a deployment.

    Raises UsageError where the archive is gone, StoreError where it cannot be read. Cost: reading the archive.
    """
    return files_of(workspace.store.read(source_address(workspace, created)), name=created.source)


def source_of(view: View, key: AssetKey, files: Callable[[str], Mapping[str, bytes]]) -> Source | None:
    """The source of the task that makes an asset, of the `files` of a deployment; None where it has none, as views."""
    code, location = view.catalog[key].task.code, view.locations[key]
    if not code.file:
        return None
    return _in_files(code.file, code.qualname, files(view.deployments[location]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeThen:
    """The function that made a version: where it is in the files of what was deployed then."""

    created: DeploymentCreated
    file: str
    qualname: str

    def source(self, files: Mapping[str, bytes]) -> Source | None:
        """Its text in these files of the deployment."""
        return _in_files(self.file, self.qualname, files)


def codes_then(
    connection: Snapshot, workspace: Workspace, versions: Collection[VersionFacts]
) -> dict[VersionFacts, CodeThen]:
    """What made these versions, as it was deployed then; of those that a function has made. Cost: four statements."""
    runs = requests(connection, workspace, {facts.run for facts in versions})
    defined_ = definitions_then(connection, workspace, versions, runs)
    created: dict[Position, DeploymentCreated] = {}
    for event in workspace.log.read_positions(sorted({each.position for each in defined_.values()})):
        fact = from_json(event.type, event.data)
        assert isinstance(fact, DeploymentCreated), "the projection says so"
        created[event.position] = fact
    return {
        facts: CodeThen(created=created[each.position], file=code.file, qualname=code.qualname)
        for facts, each in defined_.items()
        if (code := each.definition.task.code).file
    }


def definitions_then(
    connection: Snapshot,
    workspace: Workspace,
    versions: Collection[VersionFacts],
    runs: Mapping[str, RunRequested | None],
) -> dict[VersionFacts, DefinedIn]:
    """The assets as they were deployed when these runs made the versions, by whichever location defined them then."""
    asked = {facts: run for facts in versions if (run := runs[facts.run]) is not None}
    deployments = {name for run in asked.values() for name in run.deployments.values()}
    found = defined_in(connection, workspace.project, deployments, {facts.asset for facts in asked})
    return {
        facts: found[name, facts.asset]
        for facts, run in asked.items()
        for name in run.deployments.values()
        if (name, facts.asset) in found
    }


def _in_files(file: str, qualname: str, files: Mapping[str, bytes]) -> Source | None:
    content = files.get(file)
    return None if content is None else function_in(file, content.decode(errors="replace"), qualname)


@lru_cache(maxsize=64)
def function_in(file: str, text: str, qualname: str) -> Source:
    """The source of that function, with its decorators, in this file's text; or of the call that makes that asset."""
    found = _found(text, qualname)
    if found is None:
        return Source(file=file, line=1, text=text)
    decorated = min([found.lineno, *(decorator.lineno for decorator in getattr(found, "decorator_list", []))])
    lines = _LINE_END.split(text)[decorated - 1 : found.end_lineno]
    return Source(file=file, line=decorated, text="\n".join(lines) + "\n")


def _found(text: str, qualname: str) -> ast.stmt | None:
    """The last definition of that name: of overloads, and of what is defined again, it is the one that is called."""
    try:
        body = ast.parse(text).body
    except SyntaxError:  # it is another language's
        return None
    found: ast.stmt | None = None
    for name in qualname.split("."):
        if name == "<locals>":
            continue
        named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = next((node for node in reversed(body) if isinstance(node, named) and node.name == name), None)
        if found is None:
            return next((node for node in reversed(body) if _makes(node, qualname)), None)
        body = found.body
    return found


def _makes(statement: ast.stmt, key: str) -> bool:
    """Whether a call in the statement has that key first, as `sql_asset("reports/late", …)` has."""
    calls = (node.args[0] for node in ast.walk(statement) if isinstance(node, ast.Call) and node.args)
    return any(isinstance(first, ast.Constant) and first.value == key for first in calls)
