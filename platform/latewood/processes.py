"""Commands in place of functions: steps in any language, which know nothing of Latewood.

    @asset
    @command(["node", "report.js", "{orders}", "{output}"], files=["report.js"])
    def report(orders: pa.Table, *, top: int = 3) -> Path: ...

The function has no body. Its signature says what the command is given and what it makes, as it does of any task; so
versions, reuse, retries, timeouts, logs and checks are those of any task, too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from latewood.engine.code.commands import Command, ReportedCheck, marked
from latewood.engine.loading.naming import RESULT
from latewood.engine.processes.calling import call_command
from latewood.promises import misuse, undecorated
from latewood.secrets import Secret

__all__ = ["ReportedCheck", "command"]

P = ParamSpec("P")
R = TypeVar("R")


def command(
    template: Sequence[str] | str,
    /,
    *,
    files: Iterable[str] | None = None,
    env: Mapping[str, str | Secret] | None = None,
    cwd: str = "",
    reads: Mapping[str, str] | None = None,
    writes: str | Mapping[str, str] | None = None,
    checks: Iterable[str | ReportedCheck] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a command do what the decorated function says; under `@asset`, `@task` or a group's `asset`.

    `template` is a list of arguments, in which `{name}` is the path of an input, the text of a parameter, or `{output}`
    the path to write to; or it is one text, a script for bash, in which nothing is replaced: it finds these in
    variables. `files` are all files and folders of the project that it runs, which lie where it is started and are part
    of its code version, as are programs elsewhere by absolute paths. Without any said its results are never reused;
    `files=[]` says that the template is all there is.
    `env` are variables, of which secrets are read when it is started. `cwd` is where that is, if not with its files.
    `reads` and `writes` are names of files for inputs and outputs, relative to there; suffixes say the format.
    `checks` are those of which the command gives the verdict.
    """
    words = [template] if isinstance(template, str) else [*template]
    _require(_are_texts(words) and any(words[:1]), "a list of arguments, or a script", template)
    _require(files is None or (not isinstance(files, str) and _are_texts(files)), 'files=["…"], a list of paths', files)
    by_name = all(isinstance(value, str | Secret) for value in (env or {}).values())
    _require(by_name, "env={…}, texts or secrets by name", env)
    _require(_are_texts((reads or {}).values()), "reads={…}, names of files by input", reads)
    written = {RESULT: writes} if isinstance(writes, str) else dict(writes or {})
    _require(_are_texts(written.values()), "writes=, the name of a file, or names by output", writes)
    _require(not isinstance(checks, str), 'checks=["…"], a list of names', checks)

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        made = Command(
            function=undecorated(function, "command", goes_below=True),
            template=template if isinstance(template, str) else tuple(template),
            files=None if files is None else tuple(files),
            environ=dict(env or {}),
            cwd=cwd,
            reads=dict(reads or {}),
            writes=written,
            checks=tuple(ReportedCheck(check) if isinstance(check, str) else check for check in checks),
        )

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            result: R = call_command(run, made, args, kwargs)
            return result

        marked(run, made)
        return run

    return decorated


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _require(holds: bool, expected: str, found: object) -> None:  # noqa: FBT001 - what has to hold
    if not holds:
        raise misuse(f"command: expected {expected}, found {found!r}")
