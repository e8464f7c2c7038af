"""The source of what is deployed, as it was archived with the deployment."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from latewood.commands.deployed_code import require_source
from latewood.commands.runs import requested
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.storage.archives import files_of
from latewood.events import RunRequested
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import defined
from latewood.projections.snapshots import Snapshot, snapshot

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
"""Where Python ends a line. `str.splitlines` does at form feeds and others, too, and would count further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A function's text in a file of the archive, from line `line` on; the whole file where it has no such function."""

    file: str
    line: int
    text: str


def archived(workspace: Workspace, deployment: str) -> Mapping[str, bytes]:
    """The files of a deployment.

    Raises UsageError where the archive is gone, StoreError where it cannot be read. Cost: reading the archive.
    """
    created, address = require_source(workspace, deployment)
    return files_of(workspace.store.read(address), name=created.source)


def source_of(view: View, key: AssetKey, files: Callable[[str], Mapping[str, bytes]]) -> Source | None:
    """The source of the task that makes an asset, of the `files` of a deployment; None where it has none, as views."""
    code, location = view.catalog[key].task.code, view.locations[key]
    if not code.file:
        return None
    content = files(view.deployments[location]).get(code.file)
    return None if content is None else function_in(code.file, content.decode(errors="replace"), code.qualname)


def source_then(
    workspace: Workspace, facts: VersionFacts, location: str, files: Callable[[str], Mapping[str, bytes]]
) -> Source | None:
    """The source of the task that made a version of an asset that the location defines, as it was deployed then.

    None of what others made, and where that is not told. Cost: O(definitions of the location).
    """
    run = requested(workspace, facts.version.rpartition(".")[0])
    with snapshot(workspace.log) as connection:
        definition = definition_then(connection, workspace, facts, location, run)
    if run is None or definition is None or not definition.task.code.file:
        return None
    code = definition.task.code
    content = files(run.deployments[location]).get(code.file)
    return None if content is None else function_in(code.file, content.decode(errors="replace"), code.qualname)


def definition_then(
    connection: Snapshot, workspace: Workspace, facts: VersionFacts, location: str, run: RunRequested | None
) -> AssetDefinition | None:
    """The asset as it was deployed when a run made this version; None of what no run made."""
    if run is None or location not in run.deployments:
        return None
    entries = defined(connection, workspace.project, location, run.deployments[location])
    return next((entry.definition for entry in entries if entry.asset == facts.asset), None)


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
