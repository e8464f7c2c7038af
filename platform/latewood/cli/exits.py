"""How the command line ends: exit codes, and which error means which."""

from typing import Final

from latewood.errors import DefinitionsInvalid, LatewoodError, ServerUnreachable, StoreError
from latewood_eventlog.errors import DatabaseUnreachable, LogError

OK: Final = 0
STEP_FAILED: Final = 1
USAGE: Final = 2
DEFINITIONS_INVALID: Final = 3
DATABASE_UNREACHABLE: Final = 4
LOG_ERROR: Final = 5
STORE_UNREACHABLE: Final = 6
CANCELLED: Final = 130


def code_of(error: Exception) -> int:
    """The exit code that tells a script what went wrong."""
    match error:
        case DefinitionsInvalid():
            return DEFINITIONS_INVALID
        case DatabaseUnreachable() | ServerUnreachable():
            return DATABASE_UNREACHABLE
        case StoreError():
            return STORE_UNREACHABLE
        case LatewoodError():
            return USAGE
        case LogError():
            return LOG_ERROR
        case _:
            raise error
