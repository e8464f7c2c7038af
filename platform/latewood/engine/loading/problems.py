"""Problems of a user's module: all of them are collected, each at the user's own line."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from latewood.errors import DefinitionError, LatewoodError
from latewood.promises import Place

P = ParamSpec("P")
T = TypeVar("T")


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

    @contextmanager
    def of(self, function: Callable[..., Any], subject: str, place: Place | None = None) -> Iterator[None]:
        """What nobody expected while this was defined becomes a problem of it: classes of users may raise anything."""
        try:
            yield
        except LatewoodError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            self.add(function, f"{subject}: {unexpected(error)}", place)


def told_as_problem(function: Callable[P, T]) -> Callable[P, T]:
    """The function, which raises DefinitionError for what nobody expected of a user's classes, too."""

    @wraps(function)
    def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except LatewoodError:
            raise
        except Exception as error:
            raise DefinitionError(unexpected(error)) from error

    return telling


def unexpected(error: Exception) -> str:
    """What was raised, in its first line, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"cannot be defined: {type(error).__name__}: {first} (raised in {Path(last.filename).name}:{last.lineno})"


def place_of(function: Callable[..., Any]) -> Place:
    """Where a function begins."""
    code = inspect.unwrap(function).__code__
    return Place(code.co_filename, code.co_firstlineno)
