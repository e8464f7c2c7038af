"""What messages advise, said for who calls the API.

Commands are one for all who ask, and so are their messages, which advise what is done on the command line. Here, and
nowhere else, that becomes what the schema has for it; what it has nothing for is said to be the command line's. Unless
the call comes from a command line that asks a server, whose user goes on with commands.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_WAYS: Final[Mapping[str, str]] = {
    "asset": "`asset(key: {})`",
    "assets": "`assets`",
    "deployments": "`locations`",
    "env drop": "`dropEnvironment(name: {})`",
    "launch": "`launchPlan(name: {})`",
    "logs": "`logs` of the run",
    "materialize": "`launch(selection: {})`",
    "materialize --env": "`createEnvironment`",
    "observe": "`observe(selection: {})`",
    "pin": "`pin`",
    "report": "`reportMaterialization(asset: {})`",
    "retract": "`retract(version: {})`",
    "retract --override": "`retract(version: {}, rerun: true)`",
    "retract --undo": "`undoRetract(version: {})`",
    "run": "`run(id: {})`",
    "run cancel": "`cancelRun(run: {})`",
    "run retry": "`retryRun(run: {})`",
    "runs": "`runs`",
    "why": "`why(asset: {})`",
}
"""By command, also with an option that makes it another one, what the API has for it; `{}` is what it is about."""

_OPTIONS: Final[Mapping[str, str]] = {
    "as-of": "asOf",
    "down": "down",
    "first": "first",
    "force": "force",
    "only": "only",
    "param": "parameters",
    "partition": "partition",
    "to-position": "to",
    "to-time": "to",
    "up": "up",
    "version": "version",
}
"""By option the argument that it is."""

_COMMAND: Final = re.compile(r"`latewood ([^`]+)`")
_OPTION: Final = re.compile(r"(?<![\w-])--(" + "|".join(sorted(_OPTIONS, reverse=True)) + r")\b(?![\w-])")
_TWICE: Final = re.compile(r"(`\w+`) or \1")
_ELSEWHERE: Final = " on the command line"
_AS_COMMANDS: Final = ContextVar("that who calls reads commands", default=False)


def by_commands(headers: Mapping[str, str]) -> bool:
    """Whether who sends these headers goes on by commands."""
    return headers.get("latewood-advice") == "commands"


@contextmanager
def advising(headers: Mapping[str, str]) -> Iterator[None]:
    """Within it, messages are for who sends these headers: `Latewood-Advice: commands` says that it is by commands."""
    token = _AS_COMMANDS.set(by_commands(headers))
    try:
        yield
    finally:
        _AS_COMMANDS.reset(token)


def for_callers(message: str) -> str:
    """The message, with what the API has in place of commands and their options."""
    if _AS_COMMANDS.get():
        return message
    parts = _COMMAND.split(message)  # what is between commands, and each command's words
    said = [_option(part) if number % 2 == 0 else _command(part) for number, part in enumerate(parts)]
    return _TWICE.sub(r"\1", "".join(said))


def _command(words: str) -> str:
    found = words.split()
    options = [word for word in found if word.startswith("-")]
    for length in (2, 1):
        name, about = " ".join(found[:length]), [word for word in found[length:] if not word.startswith("-")]
        way = next((_WAYS[f"{name} {option}"] for option in options if f"{name} {option}" in _WAYS), _WAYS.get(name))
        if way is not None:
            return way.format(f'"{about[0]}"' if about else "…")
    return f"`latewood {words}`{_ELSEWHERE}"


def _option(text: str) -> str:
    return _OPTION.sub(lambda found: f"`{_OPTIONS[found[1]]}`", text)
