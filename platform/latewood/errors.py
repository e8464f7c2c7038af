"""Every error Latewood raises on purpose, as one tree.

LatewoodError
├── DefinitionError      what a user wrote cannot be: one problem, with its place
├── DefinitionsInvalid   all such problems of one load, together
├── ServerUnreachable    a server that is asked does not answer
├── SecretUnavailable    a secret's value cannot be read where it is said to be
├── StoreError           artifacts cannot be read or written
├── UsageError           a request that names something that does not exist or cannot be
│   ├── NotFound             what it names is not there
│   └── Conflict             what is there by now does not go with it
└── ValueRefused         a value does not have the type its annotation promises

Each says what was expected, of what, what was found, and the way out. Failures of *user code* are no
errors of ours: they become events.
"""


class LatewoodError(Exception):
    """Base of all errors that Latewood raises on purpose."""


class DefinitionError(LatewoodError):
    """One thing a user wrote that cannot be, and where: `file:line: message`."""

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        place = f"{file}:{line}: " if file else ""
        super().__init__(f"{place}{message}")
        self.message = message
        self.file = file
        self.line = line


class DefinitionsInvalid(LatewoodError):
    """All problems found while loading one module, the project's file first, then in order of file and line."""

    def __init__(self, problems: tuple[DefinitionError, ...]) -> None:
        # What configures all the rest comes first: much else may follow from it.
        self.problems = tuple(
            sorted(problems, key=lambda p: (not p.file.endswith("latewood.toml"), p.file, p.line, p.message))
        )
        count = len(self.problems)
        lines = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{lines}\n{count} error{'s' if count != 1 else ''}. Nothing was deployed.")


class UsageError(LatewoodError):
    """A request that names something unknown or impossible; the message lists what would be possible."""


class NotFound(UsageError):
    """What a request names is not there; `what` it would be, as in `asset`. The message has what comes near."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class Conflict(UsageError):
    """What is there by now does not go with a request: who asks looks again, and decides again."""


class NothingToMake(UsageError):
    """Of what a request selects nothing can be made here: others make it, or its inputs are not there."""


class ServerUnreachable(LatewoodError):
    """A server that is asked did not answer in the time that it was waited for."""


class SecretUnavailable(LatewoodError):
    """A secret's value cannot be read; names the reference and the cause, and never what was found."""


class StoreError(LatewoodError):
    """The artifact store could not read or write; names what was tried, the path, the cause and the way out."""

    def __init__(self, act: str, path: str, cause: str, way_out: str) -> None:
        super().__init__(f"cannot {act} {path}: {cause}. {way_out}")
        self.path = path
        self.cause = cause


class ValueRefused(LatewoodError):
    """A value does not have the type its annotation promises; names the place, the type and the finding."""
