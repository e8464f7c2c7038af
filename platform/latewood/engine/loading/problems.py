"""Problems of a user's module: all of them are collected, each at the user's own line."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latewood.errors import DefinitionError
from latewood.promises import Place


class Consequence(DefinitionError):
    """A problem that is gone when another one is mended: not worth a message of its own."""


@dataclass(slots=True)
class Problems:
    """What was found so far, in files named relative to `root`."""

    root: Path
    found: list[DefinitionError] = field(default_factory=list)

    def add(self, function: Callable[..., Any], message: str, place: Place | None = None) -> None:
        """A problem of this function, placed where it begins, or at the given place."""
        self.at(place or place_of(function), message)

    def at(self, place: Place, message: str) -> None:
        """A problem at this line."""
        path = Path(place.file)
        file = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else place.file
        self.found.append(DefinitionError(message, file=file, line=place.line))


def place_of(function: Callable[..., Any]) -> Place:
    """Where a function begins."""
    code = inspect.unwrap(function).__code__
    return Place(code.co_filename, code.co_firstlineno)
