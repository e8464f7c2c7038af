"""Tasks of other locations, used like one's own: `task_ref("LOCATION:TASK")`.

What such a task takes and returns is read from the log, where the location that defines it was deployed; its code is
never imported here. It runs by its own interpreter and the code that was deployed then.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, NoReturn, Unpack

from latewood.authoring import Asset, AssetOptions, Task, standing_in
from latewood.errors import DefinitionError
from latewood.promises import here, misuse

__all__ = ["task_ref"]

_OWN_CHOICE: Final = ("name", "code_version", "unkeyed", "image", "reuse")
"""Options that belong to the task, so that its results are the same whoever asks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Which task is meant: by what name of which location, of which project and version if that was said."""

    location: str
    name: str
    project: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.location}:{self.name}"


Resolve = Callable[[Reference], Callable[..., Any]]
"""Finds the task in the log and makes a stand-in for its function. Raises DefinitionError."""

_RESOLVING: Final[ContextVar[Resolve | None]] = ContextVar("resolving", default=None)


@contextmanager
def resolving(resolve: Resolve | None) -> Iterator[None]:
    """References that are made in the block are looked up so; None: they are not looked up."""
    token = _RESOLVING.set(resolve)
    try:
        yield
    finally:
        _RESOLVING.reset(token)


class SharedTask(Task[..., Any]):
    """A task of another location; only what is made of it here is this one's."""

    def __init__(self, reference: Reference, function: Callable[..., Any], step: str = "") -> None:
        super().__init__(function, {}, step or reference.name)
        self.reference = reference

    def named(self, step: str) -> "SharedTask":
        """The same task, for a call whose step has this name."""
        return SharedTask(self.reference, self._function, step)

    def asset(self, *, parameters: Mapping[str, Any] | None = None, **options: Unpack[AssetOptions]) -> Asset[..., Any]:
        """The task's output as an asset of this location. Raises DefinitionError for what the task alone can say."""
        said = [name for name in _OWN_CHOICE if name in options]
        if said:
            raise misuse(f"{self.reference}: {', '.join(said)} belongs to the task; say it where that is defined")
        return Asset(self._function, options, parameters, place=here())


def task_ref(task: str, /, *, version: str = "", project: str = "") -> SharedTask:
    """The task that another location calls so: `task_ref("flights/assets.py:scale")`.

    It can be called in a workflow's body, and `task_ref(…).asset(…)` makes an asset of it. `version` is the beginning
    of a code version or of a deployment, and never changes what it means; without it, it is the version that is
    deployed in the environment when the file that says so is deployed. `project` is another project's name, which must
    have granted the use (`latewood grant`).
    Raises DefinitionError where there is no such task or version, with those there are.
    """
    place = here()
    location, colon, name = task.partition(":")
    try:
        if not (location and colon and name):
            raise DefinitionError(f'task_ref: expected "LOCATION:TASK" as in "flights/assets.py:scale", found "{task}"')
        reference = Reference(location=location, name=name, project=project, version=version)
        resolve = _RESOLVING.get()
        function = unresolved(reference) if resolve is None else resolve(reference)
    except DefinitionError as error:
        raise DefinitionError(error.message, file=place.file, line=place.line) from None
    return SharedTask(reference, function)


class Unresolved(NamedTuple):
    """A reference that was not looked up, and why nothing can be made by it."""

    reference: Reference
    message: str


_UNRESOLVED: Final = "__latewood_unresolved__"


def unresolved_by(function: Callable[..., Any]) -> Unresolved | None:
    """What the function stands for, if that was not looked up."""
    found = getattr(function, _UNRESOLVED, None)
    return found if isinstance(found, Unresolved) else None


@contextmanager
def given_tasks(tasks: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """In the block these functions stand for the tasks of other locations, by `LOCATION:TASK`.

    Raises DefinitionError at its end for names that nothing has asked for.
    """
    asked: set[str] = set()

    def instead(function: Callable[..., Any]) -> Callable[..., Any]:
        found = unresolved_by(function)
        if found is None:
            return function
        asked.add(str(found.reference))
        given = tasks.get(str(found.reference), function)
        return given.function if isinstance(given, Task) else given

    with standing_in(instead):
        yield
    for name in tasks.keys() - asked:
        near = get_close_matches(name, asked, n=3) or sorted(asked)
        raise DefinitionError(f'tasks: nothing here refers to "{name}"; there is {", ".join(near) or "no reference"}')


def unresolved(reference: Reference) -> Callable[..., Any]:
    """What stands for the function where nothing is looked up: code that is imported by itself, say by a test."""
    message = (
        f"{reference}: a task of another location is looked up in the log, and there is none here; "
        f'in a test say what stands for it: Project(…, tasks={{"{reference}": function}})'
    )

    def function(*_: Any, **__: Any) -> NoReturn:
        raise DefinitionError(message)

    setattr(function, _UNRESOLVED, Unresolved(reference, message))
    function.__name__ = function.__qualname__ = reference.name
    return function
