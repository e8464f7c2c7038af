"""How a worker's process may end, or be ended, without an answer: as a failure, and in words."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from latewood import __version__
from latewood.engine.running.calls import PROCESS_ENDED
from latewood.engine.running.memory import size_text
from latewood.engine.running.worker_protocol import Answer
from latewood.events import Failure, FailureKind

_NONE: Final = "it has no Latewood; install the one that you run into it: {} -m pip install latewood=={}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The process ended in the middle of a call: by `os._exit`, a signal, or for want of memory.

    Of what it `printed` the secrets are replaced.
    """

    code: int
    printed: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The process took more memory than it may."""

    bytes_max: int


class Phase(StrEnum):
    """What a process is at, as is told of one that is not done with it in time."""

    LOADING = "loading its code"
    READING = "loading what it reads"
    OWN = "running"
    WAITING = "waiting to be let store what it made"
    STORING = "storing what it made"
    CLOSING = "leaving its resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """The process neither answered nor ended in time, in this phase."""

    seconds: float
    phase: Phase = Phase.OWN


End = Died | TooLarge | Overdue
"""What there is in place of an answer."""


def failure_of(end: End) -> Failure:
    """The failure of what it was called for."""
    match end:
        case Died(code=code):
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            return Failure(kind=FailureKind.USER, error=PROCESS_ENDED, message=f"its process {how}")
        case Overdue(seconds=seconds, phase=phase):
            message = f"still {phase} after {seconds:g} s; its process was ended"
            return Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message=message)
        case TooLarge(bytes_max=bytes_max):
            message = f"over its memory of {size_text(bytes_max)}; its process was ended"
            return Failure(kind=FailureKind.USER, error="MemoryError", message=message)


def not_expected(answer: Answer | End, interpreter: str) -> str:
    """What is wrong with a process that does not load its location."""
    match answer:
        case Died(printed=printed) if re.search(r"No module named '?latewood", printed):
            return _NONE.format(interpreter, __version__)
        case Died(printed=printed) if "Unknown option: -P" in printed:
            return "it is too old; expected Python 3.11 to 3.13"
        case Died(code=code, printed=printed):
            return f"the process ended with code {code}\n{printed}".rstrip()
        case Overdue(seconds=seconds):
            return f"it was not loaded within {seconds:g} s"
        case other:
            return f"it answered {type(other).__name__}"
