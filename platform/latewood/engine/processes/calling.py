"""A call of a command: it is given what it reads, heard while it runs, and what it says and writes is the result."""

import codecs
import inspect
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from latewood.context import CheckResult, Context, Output
from latewood.engine.code.commands import Command
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import read_signature
from latewood.engine.processes.folders import Folder, new_folder
from latewood.engine.processes.giving import Given, environment, give
from latewood.engine.processes.messages import (
    Check,
    Log,
    Materialization,
    Message,
    MessageRefused,
    Messages,
    Metadata,
    Progress,
)
from latewood.engine.processes.supervising import Ended, ProcessFailed, Stream, supervised
from latewood.engine.processes.told import StepTold, told_to
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.file_io import Json
from latewood.engine.values.formats import read_back
from latewood.engine.values.redaction import redacted
from latewood.errors import ValueRefused
from latewood.model.types import FOREIGN, display
from latewood.promises import output_names, parts_of

_LAST_BYTES: Final = 16_384
_LAST_MAX: Final = 1_500
"""Characters that are told of what a command printed to standard error before it failed: cut once it has no secrets."""


def call_command(
    function: Callable[..., Any], command: Command, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """What the command makes of these arguments, the `function` that stands for it having been called with them.

    For a step, or by itself as in a test. Raises ProcessFailed, MessageRefused, ValueRefused, SecretUnavailable.
    """
    told = told_to(function)
    bound = inspect.signature(command.function).bind(*args, **kwargs)
    bound.apply_defaults()
    signature = read_signature(command.function)
    outputs = outputs_of(signature.returns) if told is None else told.outputs
    home = project_root(Path(command.function.__code__.co_filename).parent) if told is None else told.loaded.code
    folder = new_folder(command, home, told.version if told else None)
    given = give(command, signature, bound.arguments, outputs, folder, told)
    heard = _Heard(command, outputs, told)
    ended = _run(command, given, folder, heard, told)
    heard.end(ended)
    values = heard.results(given.outputs)
    if set(values) == {RESULT}:
        return values[RESULT]
    if told is not None:
        return values
    return signature.returns(**values) if hasattr(signature.returns, "_fields") else tuple(values.values())


def outputs_of(returns: Any) -> dict[str, Any]:
    """The annotations of what is made, by output: of a tuple its parts, else the one result."""
    parts = parts_of(returns) or {}
    return {name: parts[int(name) if name.isdigit() else name] for name in output_names(returns)} or {RESULT: returns}


def _run(command: Command, given: Given, folder: Folder, heard: "_Heard", told: StepTold | None) -> Ended:
    messages = Messages(folder.messages, heard.message)
    folder.start.mkdir(parents=True, exist_ok=True)
    ended = supervised(
        command.arguments(given.texts),
        environ=environment(command, given, told),
        cwd=folder.start,
        folder=folder.path,
        hear=heard.printed,
        look=messages.look,
    )
    if ended.code == 0:
        messages.finish()
    else:
        with suppress(MessageRefused):  # that it failed is what there is to say
            messages.look()
        heard.unfinished = messages.unfinished
    return ended


@dataclass(slots=True)
class _Made:
    """What was said of one output."""

    value: bytes = b""
    metadata: dict[str, Any] = field(default_factory=dict)
    data_version: str | None = None


class _Heard:
    """What one call prints and says."""

    def __init__(self, command: Command, outputs: Mapping[str, Any], told: StepTold | None) -> None:
        self._command = command
        self._outputs = outputs
        self._context: Context | None = told.context if told else None
        self._optional = told.optional if told else frozenset()
        self._verdicts: dict[str, dict[str, CheckResult]] = told.verdicts if told else {}
        self._log = told.context.log if told else logging.getLogger("latewood.user")
        self._text = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in ("out", "err")}
        self._last = b""
        self._made: dict[str, _Made] = {}
        self.unfinished = ""

    def printed(self, stream: Stream, piece: bytes) -> None:
        """A piece of what it prints, which is seen as if it was printed here."""
        if stream == "err":
            self._last = (self._last + piece)[-_LAST_BYTES:]
        sys.stdout.write(self._text[stream].decode(piece))

    def message(self, message: Message) -> None:
        """What it says. Raises MessageRefused for what it cannot say here."""
        match message:
            case Materialization(value=value, metadata=metadata, data_version=version):
                made = self._made.setdefault(self._output(message.output), _Made())
                made.metadata |= metadata
                made.value = bytes(value) or made.value
                made.data_version = version or made.data_version
            case Metadata(metadata=metadata):
                if self._context is not None:
                    self._context.add_metadata(**metadata)
            case Check(check=name, passed=passed, metadata=metadata, message=text):
                output = self._output(message.output)
                declared = self._declared(output)
                if name not in declared:
                    raise MessageRefused(
                        f'no check "{name}" is declared{_among(declared)}; say @command(…, checks=["{name}"])'
                    )
                self._verdicts.setdefault(output, {})[name] = CheckResult(passed, metadata, text)
            case Log(level=level, message=text):
                self._log.log(logging.getLevelNamesMapping()[level.upper()], "%s", text)
            case Progress(share=share, message=text):
                if self._context is not None:
                    self._context.progress(share, text)

    def end(self, ended: Ended) -> None:
        """Raises ProcessFailed unless it ended well and gave all verdicts that it was to give."""
        for decoder in self._text.values():
            sys.stdout.write(decoder.decode(b"", final=True))
        if ended.left:
            sys.stdout.write(f"(latewood: {ended.left} that it had started went on, and were ended)\n")
        if ended.code:
            last = redacted(self._last.decode("utf-8", "replace"))[-_LAST_MAX:].strip()
            said = [f"{self._command.shown} {_how(ended.code)}", self.unfinished, last]
            raise ProcessFailed("\n".join(filter(None, said)))
        for output in self._outputs:
            missing = sorted(self._declared(output) - self._verdicts.get(output, {}).keys())
            if missing and not (output in self._optional and output not in self._made):
                raise ProcessFailed(
                    f'{self._command.shown} ended without the verdict of check "{missing[0]}", which it is declared to '
                    f'give: {{"type": "check", "check": "{missing[0]}", "passed": true}}'
                )

    def results(self, paths: Mapping[str, Path]) -> dict[str, Any]:
        """What it has made, by output, without optional ones that it has not: with what was said of it, if anything.

        Raises ProcessFailed, ValueRefused.
        """
        found = {}
        for name, annotation in self._outputs.items():
            made = self._made.get(name, _Made())
            spec = type_spec(annotation)
            if made.value and spec.kind in FOREIGN:
                raise ProcessFailed(f'{self._command.shown} reported a value for "{name}", which is {display(spec)}')
            if made.value:
                value = Json("").read(made.value, annotation)
            elif name in paths and paths[name].exists():
                value = self._read(name, paths[name], annotation)
            elif spec.kind == "none" or (spec.kind == "union" and any(arm.kind == "none" for arm in spec.args)):
                value = None
            elif name in self._optional:
                continue
            else:
                raise ProcessFailed(self._missing(name, spec.kind in FOREIGN))
            said = self._context is not None and (made.metadata or made.data_version is not None)
            found[name] = Output(value, made.metadata, made.data_version) if said else value
        return found

    def _read(self, name: str, path: Path, annotation: Any) -> Any:
        try:
            return read_back(path, annotation)
        except ValueRefused as error:
            raise ProcessFailed(f'{self._command.shown} wrote "{name}": {error}') from None

    def _missing(self, name: str, is_file: bool) -> str:  # noqa: FBT001 - what follows from the type
        variable = "LATEWOOD_OUTPUT" if set(self._outputs) == {RESULT} else f"LATEWOOD_OUTPUT_{name.upper()}"
        written = self._command.writes.get(name)
        said = "" if is_file else ', and reported none: {"type": "materialization", "value": …}'
        return (
            f"{self._command.shown} ended without what it is to make: it wrote nothing to "
            f"{f'{written}, where it was started' if written else f'${variable}'}{said}"
        )

    def _output(self, said: str) -> str:
        if said in self._outputs:
            return said
        if not said and len(self._outputs) == 1:
            return next(iter(self._outputs))
        found = f'no output "{said}"' if said else "expected to be told which output is meant"
        raise MessageRefused(f"{found}{_among(self._outputs)}")

    def _declared(self, output: str) -> set[str]:
        single = len(self._outputs) == 1
        return {check.name for check in self._command.checks if check.output == output or (single and not check.output)}


def _among(names: Iterable[str]) -> str:
    return f"; there is {', '.join(sorted(names))}" if names else ""


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed by signal {-code}"
