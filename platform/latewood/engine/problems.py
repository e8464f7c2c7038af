"""Problems of a user's module: all of them are collected, each at the user's own line."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latewood.errors import DefinitionError


class Consequence(DefinitionError):
    """A problem that is gone when another one is mended: not worth a message of its own."""


@dataclass(slots=True)
class Problems:
    """What was found so far, in files named relative to `root`."""

    root: Path
    found: list[DefinitionError] = field(default_factory=list)

    def add(self, function: Callable[..., Any], message: str) -> None:
        """A problem of this function, placed where it begins."""
        code = inspect.unwrap(function).__code__
        path = Path(code.co_filename)
        file = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        self.found.append(DefinitionError(message, file=file, line=code.co_firstlineno))
