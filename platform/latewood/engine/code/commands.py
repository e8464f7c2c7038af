"""Commands as code: what a function is that a command stands for, and what its code version is made of.

The template and the content of the files that are declared, and nothing else: those files are all that lies in the
folder in which the command is started.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final

from latewood.engine.storage.file_hash import files_in
from latewood.errors import DefinitionError
from latewood.model.code import CodePart
from latewood.secrets import Secret

_COMMAND: Final = "__latewood_command__"
_BASH: Final = ("bash", "-euo", "pipefail", "-c")
_PLACEHOLDER: Final = re.compile(r"\{(\{)?([A-Za-z_]\w*(?:\.\w+)*)(?(1)\})\}")
_CACHES: Final = "__pycache__"
_DIGITS: Final = 32

UNDECLARED: Final = "what the command runs: it declares no files=, so that a result is never reused"
"""What is not covered of a command that does not say what it runs."""


@dataclass(frozen=True, slots=True)
class ReportedCheck:
    """A check of which the command itself gives the verdict, in a message; it gives one each time it makes a version.

    `output` names what is checked, of a command that makes several assets. While a *blocking* check fails, the version
    does not become head.
    """

    name: str
    output: str = ""
    blocking: bool = False
    severity: str = "error"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is started in place of a function, whose signature says what it is given and what it makes.

    template   the arguments, with placeholders; or the text of a script for bash, which has none
    files      what of the project it runs, below the root, and programs elsewhere by absolute paths; None: not said
    environ    variables besides those that the process has anyway
    cwd        where it is started: in the folder with its files, below that, or elsewhere
    reads      names of files, in the folder where it is started, in which inputs are handed over
    writes     likewise those in which it leaves its outputs
    """

    function: Callable[..., Any]
    template: tuple[str, ...] | str
    files: tuple[str, ...] | None
    environ: Mapping[str, str | Secret]
    cwd: str
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    checks: tuple[ReportedCheck, ...]

    @property
    def shown(self) -> str:
        """How it is called in messages: by the program, or as a script."""
        if isinstance(self.template, str):
            return "the script"
        return " ".join(self.template[:2]) if len(self.template) > 1 else self.template[0]

    @property
    def placeholders(self) -> dict[str, str]:
        """What is to be filled in, as it is written, by name. In a script nothing is."""
        words = [*(() if isinstance(self.template, str) else self.template)]
        words += [value for value in self.environ.values() if isinstance(value, str)]
        return {found[2]: found[0] for word in words for found in _PLACEHOLDER.finditer(word) if not found[1]}

    def arguments(self, values: Mapping[str, str]) -> list[str]:
        """What is started, with values in place of placeholders: each stays one argument, whatever is in it."""
        if isinstance(self.template, str):
            return [*_BASH, self.template, "script"]
        return [self.filled(word, values) for word in self.template]

    @staticmethod
    def filled(word: str, values: Mapping[str, str]) -> str:
        """The text with values in place of placeholders.

        `{{name}}` is the text `{name}`; braces around anything but a name are left as they are.
        """
        return _PLACEHOLDER.sub(lambda found: f"{{{found[2]}}}" if found[1] else values[found[2]], word)


def marked(function: Callable[..., Any], command: Command) -> None:
    """Say that the function stands for the command."""
    setattr(function, _COMMAND, command)


def command_of(function: Callable[..., Any]) -> Command | None:
    """The command that the function stands for, if it does."""
    found = getattr(function, _COMMAND, None)
    return found if isinstance(found, Command) else None


def template_part(command: Command, name: str) -> CodePart:
    """What is started, and how. Secrets are no part of it."""
    words = (
        "script" if isinstance(command.template, str) else "arguments",
        *((command.template,) if isinstance(command.template, str) else command.template),
        "environment",
        *(
            part
            for n, value in sorted(command.environ.items())
            for part in (n, value if isinstance(value, str) else "")
        ),
        "folder",
        command.cwd,
        "reads",
        *(part for item in sorted(command.reads.items()) for part in item),
        "writes",
        *(part for item in sorted(command.writes.items()) for part in item),
    )
    written = "".join(f"{len(word)}:{word}" for word in words)
    return CodePart(name=f"{name}[command]", digest=_digest(written.encode("utf-8", "surrogatepass")))


def file_part(name: str, sha256_: str) -> CodePart:
    """A declared file, by the SHA-256 of its content."""
    return CodePart(name=f"{name}:", digest=sha256_[:_DIGITS])


def declared_files(command: Command, root: Path) -> dict[str, Path]:
    """Each declared file, those in declared folders among them, by the name that it has below the root.

    One that is not the project's has its absolute path as name. Raises DefinitionError where one is not there.
    """
    found: dict[str, Path] = {}
    for said in command.files or ():
        path = root / said
        if not PurePath(said).is_absolute() and ".." in PurePosixPath(said).parts:
            raise DefinitionError(f'files: expected paths below the project\'s root, or absolute ones, found "{said}"')
        if path.is_dir():
            names = [name for name in sorted(files_in(path)) if _CACHES not in PurePosixPath(name).parts]
            found |= {_name(path / name, root): path / name for name in names}
        elif path.is_file():
            found[_name(path, root)] = path
        else:
            raise DefinitionError(f'files: there is no "{said}"; paths start from the project\'s root, {root}')
    return found


def undeclared_files(command: Command, declared: Mapping[str, Path], root: Path) -> Iterator[str]:
    """What of the project the arguments name and the command does not declare."""
    for word in command.template if isinstance(command.template, tuple) else ():
        path = root / word
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file() raises for what can be no name
            continue
        if path.resolve().is_relative_to(root.resolve()) and _name(path, root) not in declared:
            yield _name(path, root)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:_DIGITS]
