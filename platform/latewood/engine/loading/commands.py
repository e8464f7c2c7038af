"""Functions that stand for commands: what is wrong with them, their code versions, and checks that they report."""

import dis
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Final, NoReturn, cast

from latewood.authoring import Asset, Check, CheckOptions, OutputOf
from latewood.context import Partitioned
from latewood.engine.code.commands import Command, ReportedCheck, command_of
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.naming import RESULT, Named
from latewood.engine.loading.signature import Signature
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.formats import fault_of_name, suffixes_of
from latewood.errors import DefinitionError, UsageError
from latewood.model.code import CodeVersion
from latewood.model.definitions import Receives
from latewood.model.types import ANY

REPORTING: Final = "reported_checks"
"""The parameter, which no function has, by which a command that reports checks counts by what it makes.

What is taken from another asset's task would come without verdicts.
"""

_REPORTED: Final = "__latewood_reported__"

_EMPTY_BODY: Final = frozenset(
    ("RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "LOAD_GLOBAL", "RAISE_VARARGS")
)


def command_code(
    command: Command, signature: Signature, outputs: Mapping[str, Any], options: Mapping[str, Any], inspector: Inspector
) -> CodeVersion:
    """The code version of the command. Raises DefinitionError with all that is wrong with it."""
    faults = list(_faults(command, signature, outputs))
    if command.checks and "partition_column" in options:
        faults.append("checks: a partition-wise command makes several versions at once, and cannot report of each")
    if faults:
        raise DefinitionError("; ".join(faults))
    return inspector.command_version(command, options.get("code_version"))


def reuse_of(command: Command, options: Mapping[str, Any]) -> bool | timedelta:
    """Whether results are reused: by itself only where it is known what is run.

    Raises DefinitionError where it is asked for and nobody can know.
    """
    known = command.files is not None or "code_version" in options
    choice: bool | timedelta = options.get("reuse", known)
    if choice is True and not known:
        raise DefinitionError(
            "reuse: nobody can know whether the command would do the same again, for it does not say what it runs; "
            'declare files=["…"], files=[] if its arguments are all there is, or a code_version'
        )
    return choice


def require_known(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise DefinitionError for a check by a command that does not say what it runs, since its verdicts stand."""
    command = command_of(function)
    if command is not None and command.files is None and "code_version" not in options:
        raise DefinitionError(
            "a command that checks has to say what it runs, for its verdicts stand as long as that is the same: "
            'files=["…"], files=[] if its arguments are all there is, or a code_version'
        )


def received_by(command: Command, signature: Signature) -> tuple[tuple[str, Receives], ...]:
    """What it is told besides inputs and parameters."""
    found = tuple(signature.receives.items())
    return (*found, (REPORTING, "context")) if command.checks else found


def reported_checks(named: Iterable[Named]) -> Iterator[Check[..., Any]]:
    """The checks that commands report, as checks of what they make."""
    for each in named:
        command = command_of(each.asset.function)
        for check in command.checks if command else ():
            assert command is not None, "it has checks"
            yield Check(_verdict_of(each.asset, command, check), _checked(each, check), _options(check))


def _checked(named: Named, check: ReportedCheck) -> Asset[..., Any] | OutputOf:
    return OutputOf(named.asset, check.output) if check.output and len(named.outputs) > 1 else named.asset


def _options(check: ReportedCheck) -> CheckOptions:
    described = {"description": check.description} if check.description else {}
    options = {"name": check.name, "blocking": check.blocking, "severity": check.severity, **described}
    return cast("CheckOptions", options)


def _verdict_of(asset: Asset[..., Any], command: Command, check: ReportedCheck) -> Callable[..., Any]:
    """What is called where no verdict is at hand: it can be given by the command alone, when it makes a version."""

    def function(value: Any) -> NoReturn:  # noqa: ARG001 - a check receives the value
        raise UsageError(
            f'check "{check.name}": its verdict comes from the command that makes the version, and none was recorded '
            "with this one; run it again, with --force"
        )

    function.__name__ = check.name
    function.__doc__ = check.description
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # its own, not the command's
    function.__wrapped__ = command.function  # type: ignore[attr-defined]  # where it is written
    setattr(function, _REPORTED, (command, asset.options.get("code_version")))
    return function


def reported_code(function: Callable[..., Any], inspector: Inspector) -> CodeVersion | None:
    """The code version of a check that a command reports: that of the command."""
    reported = getattr(function, _REPORTED, None)
    return None if reported is None else inspector.command_version(*reported)


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────────────


def _faults(command: Command, signature: Signature, outputs: Mapping[str, Any]) -> Iterator[str]:
    if not _is_empty(command.function):
        yield "its body is never called, the command is: leave it empty, with `...` and a docstring"
    if signature.resources:
        name = next(iter(signature.resources))
        yield f'parameter "{name}": a command receives no resource; say what it needs by env='
    if "return" not in inspect.get_annotations(command.function):
        yield "expected to be told what it makes: -> Path, a table, what JSON can say, or None"
    if PurePosixPath(command.cwd).is_absolute():
        if command.reads or command.writes:
            yield "cwd: there others may write, too, so that reads= and writes= name nothing there; use {output}"
    elif command.cwd and (fault := fault_of_name(command.cwd, ANY)):
        yield f"cwd: {fault}, or an absolute one"
    yield from _faults_of_names(signature, outputs)
    yield from _faults_of_files(command, signature, outputs)
    yield from _faults_of_placeholders(command, signature, outputs)
    for check in command.checks:
        if check.output and check.output not in outputs:
            yield f'check "{check.name}": no output "{check.output}"{_near(check.output, tuple(outputs))}'
        if not check.output and len(outputs) > 1:
            first = next(iter(outputs))
            yield f'check "{check.name}": say of which output: ReportedCheck("{check.name}", output="{first}")'


def _is_empty(function: Callable[..., Any]) -> bool:
    """Whether nothing stands in it but a docstring, `...`, `pass` or `raise NotImplementedError`, for type checkers."""
    code = function.__code__
    found = [i for i in dis.get_instructions(code) if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    return (
        {instruction.opname for instruction in dis.get_instructions(code)} <= _EMPTY_BODY
        and code.co_names in ((), ("NotImplementedError",))
        and all(instruction.argval is None for instruction in found)
    )


def _faults_of_names(signature: Signature, outputs: Mapping[str, Any]) -> Iterator[str]:
    for kind, names in (("input", signature.inputs), ("parameter", signature.annotations), ("output", outputs)):
        upper = Counter(name.upper() for name in names)
        for name in names:
            if upper[name.upper()] > 1:
                yield f'{kind} "{name}": another {kind} has this name but for its case; variables would be the same'


def _faults_of_files(command: Command, signature: Signature, outputs: Mapping[str, Any]) -> Iterator[str]:
    for name, annotation in outputs.items():
        if (spec := type_spec(annotation)).kind == "none":
            continue
        try:
            suffixes_of(spec)
        except DefinitionError as error:
            yield f'output "{name}": {error.message}'
            continue
        if fault := fault_of_name(command.writes[name], spec) if name in command.writes else None:
            yield f'writes["{name}"]: {fault}'
    for name, file in command.reads.items():
        if name in signature.inputs and (fault := _fault_of_reading(file, signature.inputs[name])):
            yield f'reads["{name}"]: {fault}'
    for option, said, known in (("reads", command.reads, signature.inputs), ("writes", command.writes, outputs)):
        for name in said:
            if name not in known:
                kind = "input" if option == "reads" else "output"
                yield f'{option}: no {kind} "{name}"{_near(name, tuple(known))}'
    for written in {*command.writes.values(), *command.reads.values()} & set(command.files or ()):
        yield f'"{written}" is a declared file and cannot be something else too'


def _fault_of_reading(file: str, annotation: Any) -> str | None:
    """A partition each is a file each: their names are those of the partitions."""
    if getattr(annotation, "__origin__", None) is not Partitioned:
        return fault_of_name(file, type_spec(annotation))
    path = PurePosixPath(file)
    if path.stem != "*" or len(path.parts) < 2:  # noqa: PLR2004 - a folder and files in it
        return f'expected "FOLDER/*.SUFFIX", for a file of each partition, found "{file}"'
    return fault_of_name(str(path.with_stem("each")), type_spec(annotation.__args__[0]))


def _faults_of_placeholders(command: Command, signature: Signature, outputs: Mapping[str, Any]) -> Iterator[str]:
    known = set(_placeholders(signature, outputs))
    grids = [name for name, kind in signature.receives.items() if kind == "grid key"]
    for name, written in command.placeholders.items():
        if name not in known and name.partition(".")[0] not in grids:
            yield (
                f"command: nothing is called {written}{_near(name, tuple(sorted(known)))}; "
                f"where the text itself is meant, write {{{written}}}"
            )
    if "output" in (*signature.inputs, *signature.annotations, *signature.receives):
        yield 'parameter "output": {output} is what the command writes; call it something else'


def _placeholders(signature: Signature, outputs: Mapping[str, Any]) -> Iterator[str]:
    """What arguments may name, as `latewood.engine.processes.giving` fills it in."""
    yield from signature.inputs
    yield from signature.annotations
    for name, kind in signature.receives.items():
        match kind:
            case "window":
                yield from (f"{name}.start", f"{name}.end")
            case "range":
                yield from (f"{name}.first", f"{name}.last")
            case "key" | "grid key":
                yield name
    if set(outputs) == {RESULT}:
        yield "output"
    else:
        yield from (f"output.{output}" for output in outputs)


def _near(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there is {', '.join(known)}" if known else ""
