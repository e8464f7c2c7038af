"""What the steps of a run ask of whoever drives it: user code to be called, and time to pass.

A step is a *script*: a generator that yields what it asks and is sent the answer. So what becomes of a step is written
down once, whether one process answers everything on the spot or an engine has many steps of many runs under way.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from latewood.decide.plan import Step
from latewood.decide.state import VersionFacts
from latewood.engine.running.attempt import Evaluated, Made
from latewood.engine.running.calls import PROCESS_ENDED, Raised
from latewood.engine.running.connected import JobAct, ToSubmit
from latewood.engine.running.ranged import Due
from latewood.engine.running.worker_protocol import Elements, JobMade
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import AssetKey, PartitionKey


class Attempt(NamedTuple):
    """Call the task for these neighbouring steps. Answered with what each made, or one failure of all.

    What has a place of its own is stored there, if it may be, before that. It may wait `until` then to be called, and
    run until the `deadline`, but no longer than its task says. Where a `job` has made it, in another system, that is
    taken in place of calling the task.
    """

    due: Sequence[Due]
    number: int
    until: datetime | None = None
    job: JobMade | None = None
    deadline: datetime | None = None


class Judging(Protocol):
    """What has made, or seen, what is judged: a step, or a look."""

    @property
    def number(self) -> int:
        """In its run."""
        ...

    @property
    def ordinal(self) -> int:
        """Of the partition."""
        ...

    @property
    def partition(self) -> PartitionKey:
        """Which one."""
        ...


class Evaluate(NamedTuple):
    """Call a check for a version. Answered with Evaluated."""

    step: Judging
    asset: AssetDefinition
    check: CheckDefinition
    facts: VersionFacts


class Look(NamedTuple):
    """Look at the place of a version of the asset.

    Answered with the fingerprint of what is there, empty for nothing, None where nobody can tell.
    """

    asset: AssetKey
    facts: VersionFacts


class Copy(NamedTuple):
    """Store the version at the step's own place, too. Answered with its address there; None where it is not to be."""

    step: Step
    asset: AssetDefinition
    facts: VersionFacts


class Split(NamedTuple):
    """Take the lists apart that a mapped step reads. Answered with Elements, or how that failed."""

    due: Due


class Collect(NamedTuple):
    """Put the results of a mapped step's elements together, None where there is none. Answered with Made, or Raised."""

    due: Due
    results: Sequence[VersionFacts | None]


class Together(NamedTuple):
    """Drive these scripts, as many at once as there is room for. Answered, with nothing, when all have ended.

    They may wait `until` then to begin.
    """

    scripts: "Iterator[Script[None]]"
    until: datetime | None = None


class Pause(NamedTuple):
    """Nothing to do before that instant."""

    until: datetime


class Remote(NamedTuple):
    """Ask a connector about a job, or to do something with it; what was told is durable before anything is submitted.

    Answered with what the connector returns, or Unanswered. It may be `is_within` an attempt that cannot be left.
    """

    connector: str
    act: JobAct
    is_within: bool = False


class Rest(NamedTuple):
    """Nothing to do before that instant; what is held is kept. It may be `is_within` an attempt that cannot be left."""

    until: datetime
    is_within: bool = False


class Durable(NamedTuple):
    """Nothing to do before everything that was told so far is durable."""


class Enter(NamedTuple):
    """Nothing to do before there is a slot of every pool that the step takes part in.

    It is kept until the script has ended, or pauses. Answered with nothing, or with how the attempt failed that could
    not begin `until` then.
    """

    step: Step
    until: datetime | None = None


class Board(NamedTuple):
    """Be the one who computes what has this reuse key, until the script has ended.

    Answered with how that came about, or with UNDER_WAY while somebody else is at it: at once unless it is `patient`,
    else `until` then at the earliest.
    """

    key: str
    patient: bool
    until: datetime | None = None


def is_between(ask: "Ask") -> bool:
    """Whether it is asked between attempts: who is left there has none under way that would count as interrupted.

    A job goes on in its own system, whoever looks at it; but not before what was submitted has its handle.
    """
    match ask:
        case Rest(is_within=is_within):
            return not is_within
        case Remote(act=act, is_within=is_within):
            return not (is_within or isinstance(act, ToSubmit))
    return isinstance(ask, _BETWEEN)


class Boarded(Enum):
    """How somebody came to be the one who computes what has a reuse key, or that it is under way elsewhere."""

    FIRST = "first"
    """Nobody else was at it since the plan was made, as far as this process knows."""
    AFTER_OTHERS = "after others"
    """Who may have made it by now."""
    UNDER_WAY = "under way"


class UnderWay(Exception):
    """What a step would compute is being computed elsewhere, and it may not wait for that, or no longer."""


Ask = Attempt | Evaluate | Look | Copy | Split | Collect | Together | Pause | Remote | Rest | Durable | Enter | Board

_BETWEEN: Final = (Enter, Board, Pause, Together)

OF_WORKERS: Final = (Attempt, Evaluate, Look, Copy, Split, Collect)
"""What user code is called for."""

T = TypeVar("T")

Script = Generator[Ask, Any, T]
"""What asks, and in the end returns a T."""


def entered(step: Step, until: datetime | None) -> Script[Raised | None]:
    """Ask for slots of pools; how it failed to get them in time."""
    answer: Raised | None = yield Enter(step, until)
    return answer


def attempted(
    due: Sequence[Due],
    number: int,
    until: datetime | None = None,
    job: JobMade | None = None,
    deadline: datetime | None = None,
) -> Script[Sequence[Made | Raised] | Raised]:
    """Ask for an attempt; what came of it."""
    answer: Sequence[Made | Raised] | Raised = yield Attempt(due, number, until, job, deadline)
    return answer


def split(ask: Split) -> Script[Elements | Raised]:
    """Ask for the elements of lists."""
    answer: Elements | Raised = yield ask
    return answer


def collected(ask: Collect) -> Script[Made | Raised]:
    """Ask for a list of results."""
    answer: Made | Raised = yield ask
    return answer


def evaluated(ask: Evaluate) -> Script[Evaluated]:
    """Ask for a check's verdict; once more where its process ended, which may have been for another reason."""
    answer: Evaluated = yield ask
    if answer.failure is not None and answer.failure.error == PROCESS_ENDED:
        answer = yield ask
    return answer


def seen(ask: Look) -> Script[str | None]:
    """Ask what lies at a place."""
    fingerprint: str | None = yield ask
    return fingerprint


def copied(ask: Copy) -> Script[str | None]:
    """Ask for a copy."""
    answer: str | None = yield ask
    return answer


def played(script: Script[T], answer: Callable[[Ask], Any], over: Callable[[], None] = lambda: None) -> T:
    """What the script returns, with everything it asks answered on the spot. Raises what `answer` does.

    `over` hears of the end of each script that it wants driven.
    """
    try:
        ask = next(script)
        while True:
            if isinstance(ask, Together):
                for one in ask.scripts:
                    played(one, answer)
                    over()
                ask = next(script)
            else:
                ask = script.send(answer(ask))
    except StopIteration as done:
        returned: T = done.value
        return returned
