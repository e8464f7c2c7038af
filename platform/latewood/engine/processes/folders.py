"""The folder of one call of a command: what it is given lies there, and what it makes. It is gone afterwards.

work/           where the command is started: the files that it declares, and nothing else of the project
inputs/         values that are handed over, unless the command names them otherwise
outputs/        likewise what it is to write
context.json    what it is told
messages        what it says

Who calls and the watcher have a lock on it, which the system gives back when both are gone: then anybody may remove it.
"""

import atexit
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Final

from latewood.engine.code.commands import Command, declared_files, file_part
from latewood.engine.storage.file_hash import sha256_of
from latewood.errors import ValueRefused
from latewood.model.code import CodeVersion

_EXECUTABLE: Final = 0o755
_PREFIX: Final = "latewood-command-"
_KEPT: Final[ContextVar[ExitStack | None]] = ContextVar("kept", default=None)


@contextmanager
def folders_kept() -> Iterator[None]:
    """What commands leave in their folders stays till the end of the block, by when it is stored."""
    with ExitStack() as kept:
        token = _KEPT.set(kept)
        try:
            yield
        finally:
            _KEPT.reset(token)


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one call; `cwd` is where the command is started, seen from there or absolute."""

    path: Path
    cwd: str = ""

    @property
    def work(self) -> Path:
        """Where the command's files are."""
        return self.path / "work"

    @property
    def start(self) -> Path:
        """Where it is started."""
        return self.work / self.cwd

    @property
    def context(self) -> Path:
        """The file that says what the command is told."""
        return self.path / "context.json"

    @property
    def messages(self) -> Path:
        """The file to which it appends what it says."""
        return self.path / "messages"

    def handed(self, name: str, *, named: str) -> Path:
        """Where an input is to lie: where the command has `named` it, below where it is started, or by its own name."""
        return _room(self.start / named if named else self.path / "inputs" / name)

    def made(self, name: str, *, named: str) -> Path:
        """Likewise of an output, which is not there yet."""
        return _room(self.start / named if named else self.path / "outputs" / name)


def new_folder(command: Command, code: Path, version: CodeVersion | None) -> Folder:
    """A folder with the command's files as they are below `code`.

    It stays as `folders_kept` says; where nobody does, until this process ends.
    Raises ValueRefused where the files are not what they were.
    """
    _remove_left()
    path, held = _made()
    kept = _KEPT.get()
    if kept is None:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    else:
        kept.callback(os.close, held)
        kept.callback(shutil.rmtree, path, ignore_errors=True)
    folder = Folder(path, command.cwd)
    folder.work.mkdir()
    folder.messages.touch()
    known = {} if version is None else {part.name: part for part in version.parts}
    for name, file in declared_files(command, code).items():
        if not Path(name).is_absolute():
            file = Path(shutil.copyfile(file, _room(folder.work / name)))  # noqa: PLW2901 - that is what it is from here
            file.chmod(_EXECUTABLE)  # an archive does not keep who may execute what
        part = file_part(name, sha256_of(file))
        if known.get(part.name, part) != part:
            raise ValueRefused(f"{name} was changed since the definitions were loaded; ask again, for what it is now")
    return folder


def holding(path: Path) -> int:
    """A descriptor by which the folder is known to be in use, until nobody has it open any more."""
    held = os.open(path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def _made() -> tuple[Path, int]:
    while True:
        path = Path(mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):  # somebody took it for one that was left, since nobody held it yet
            held = holding(path)
            if path.exists():
                return path, held
            os.close(held)


@cache
def _remove_left() -> None:
    """Remove folders of which owner and watcher have died at once. Cost: a look at the system's folder, once."""
    for path in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it is in use, or another user's, or was removed by somebody else
            left = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(left)


def _room(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
