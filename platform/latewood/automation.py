"""What users import for what is to happen by itself: schedules, rules of conditions, sensors, and who is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import update_wrapper
from types import FunctionType
from typing import Any, ClassVar, Literal, TypedDict, Unpack

from latewood.context import Cursor, RunRequest, SensedRun, SensorContext, Skip
from latewood.model.conditions import Condition, Is, OfDeps, TickedSince
from latewood.promises import Decorated, Place, here, misuse, undecorated
from latewood.secrets import Secret
from latewood.workflows import LaunchPlan, Workflow

__all__ = [
    "Cursor",
    "Freshness",
    "Notify",
    "Rule",
    "RunRequest",
    "Schedule",
    "SensedRun",
    "SensorContext",
    "Skip",
    "all_deps",
    "any_deps",
    "checks_passed",
    "code_changed",
    "cron_since",
    "eager",
    "failed",
    "in_last_window",
    "missing",
    "on_cron",
    "on_missing",
    "requested",
    "running",
    "sensor",
    "stale",
    "updated",
]


@dataclass(frozen=True, slots=True)
class Schedule:
    """At each tick of a cron expression, as clocks in `timezone` show it, bring what is selected up to date.

    Or launch the workflow or launch plan that it is of. `parameters` are values by `ASSET.NAME`, or by the input of
    what is launched. Of partitioned assets `partition` says which, by default all there are; or with `last_window` it
    is of each asset the window of time that ended last before the tick.

    `catch_up` says which ticks are made up for that went by while no engine ran: "all" of them, the "latest", or
    "none". With `observe` the external assets that are selected are looked at, and nothing is made. It is on in
    `environments` until `latewood automation off`; in others `latewood automation on` begins it.
    """

    name: str
    target: str | Workflow[..., Any] | LaunchPlan
    cron: str
    timezone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    partition: str = ""
    last_window: bool = False
    catch_up: Literal["all", "latest", "none"] = "latest"
    observe: bool = False
    environments: Sequence[str] = ("prod",)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """Keep what is selected up to date by a condition: partitions of which it comes true are asked for.

    `Rule("reports", "reports/*", eager())`. Each is asked for once, until there is something new: it was made, what it
    reads was made anew, its code changed, or a cron has ticked. It is on in `environments` as a Schedule is.
    """

    name: str
    selection: str
    condition: Condition
    environments: Sequence[str] = ("prod",)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current the selected assets have to be: what is not is overdue, which `latewood asset` and `why` say.

    `deadline` is a cron expression as clocks in `timezone` show it: at each tick the window of time that ended last has
    to be there; what has no windows of time has to be brought up to date since the tick before. `max_lag`: what they
    are up to is never longer ago: the end of the last window that is there, or when it was last brought up to date.
    What is fresh counts as brought up to date when what it reads was.
    """

    name: str
    selection: str
    deadline: str = ""
    timezone: str = "UTC"
    max_lag: timedelta | None = None
    environments: Sequence[str] = ("prod",)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell a web address what becomes of the selected assets.

    `on` says of what: a run "failed" to make them, or a look at them did; they are "overdue" by a Freshness; a
    "check failed"; they have "recovered" from having failed, having been refused by a blocking check, or being overdue.
    Sent is JSON with a `text`, signed with the `secret` as Standard Webhooks say. Where the address is a secret itself,
    `url` is a reference. It is on in `environments` as a Schedule is.
    """

    name: str
    selection: str
    url: str | Secret
    on: Sequence[Literal["failed", "recovered", "overdue", "check failed"]] = (
        "failed",
        "recovered",
        "overdue",
        "check failed",
    )
    secret: Secret | None = None
    environments: Sequence[str] = ("prod",)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)


Ended = Literal["succeeded", "failed", "cancelled", "interrupted"]
"""How a run may have ended."""


class SensorOptions(TypedDict, total=False):
    """What a sensor may be told besides its function and target.

    interval: how long it is not asked again, at the least. watch: it is asked once for each run that ends so instead;
    its own runs aside. timeout: how long a call may take, by default a minute. environments: as of a Schedule.
    """

    interval: timedelta
    watch: Ended | Sequence[Ended]
    timeout: timedelta
    name: str
    environments: Sequence[str]
    description: str


class Sensor(Decorated):
    """A function that says what is to be run; call it like the function it is."""

    decorator: ClassVar[str] = "sensor"

    def __init__(
        self,
        function: Callable[..., Any],
        target: str | Workflow[..., Any] | LaunchPlan | None,
        options: SensorOptions,
        place: Place,
    ) -> None:
        self.function = undecorated(function, self.decorator)
        self.target = target
        self.options = options
        self.place = place
        self.name = options.get("name", function.__name__)
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the plain function."""
        return self.function(*args, **kwargs)


def sensor(
    target: str | Workflow[..., Any] | LaunchPlan | None = None, /, **options: Unpack[SensorOptions]
) -> Callable[[Callable[..., Any]], Sensor]:
    """Let the decorated function say which runs of the target are to be asked for.

    It returns, or yields, any of RunRequest, Cursor and Skip, or nothing. It may ask for a SensorContext and for
    resources by annotation. What it asks for and its cursor are recorded together, or neither is. Without a target it
    asks for nothing, and is called for what it does: that may happen again for the same run.
    """
    if isinstance(target, FunctionType):
        raise misuse('sensor: expected its target first, as in @sensor("orders", interval=…)')
    place = here()
    return lambda decorated: Sensor(decorated, target, options, place)


def missing() -> Condition:
    """It was never made."""
    return Is(fact="missing")


def stale() -> Condition:
    """It is not what would be made now, by its code, parameters, inputs or age; what it reads may be so still."""
    return Is(fact="stale")


def failed() -> Condition:
    """The last attempt to make it failed, and nothing has been made since."""
    return Is(fact="failed")


def running() -> Condition:
    """A run is making it."""
    return Is(fact="running")


def updated() -> Condition:
    """It was made, or observed, since the partition in question was made or asked for: `any_deps(updated())`."""
    return Is(fact="updated")


def code_changed() -> Condition:
    """It was made by other code than is deployed now."""
    return Is(fact="code changed")


def in_last_window() -> Condition:
    """It is the window of time that ended last; always true without windows of time."""
    return Is(fact="in last window")


def checks_passed() -> Condition:
    """It was made, and each of its checks, as it is now, has looked at it and passed; always true without checks."""
    return Is(fact="checks passed")


def requested() -> Condition:
    """The same rule asks for it now: `any_deps(requested())`."""
    return Is(fact="requested")


def cron_since(cron: str, timezone: str = "UTC") -> Condition:
    """The cron expression has ticked since it was made or asked for; counted from when the rule was turned on."""
    return TickedSince(cron=cron, timezone=timezone)


def any_deps(condition: Condition) -> Condition:
    """The condition is true of some partition that it reads."""
    return OfDeps(part=condition)  # type: ignore[arg-type]


def all_deps(condition: Condition) -> Condition:
    """The condition is true of every partition that it reads."""
    return OfDeps(part=condition, every=True)  # type: ignore[arg-type]


def eager() -> Condition:
    """As soon as it is missing or stale, in its last window, and all that it reads is there and not being made."""
    wanted = missing() | stale() | any_deps(requested())
    return in_last_window() & wanted & ~running() & _deps_are_there()


def on_cron(cron: str, timezone: str = "UTC") -> Condition:
    """Once after each tick, in its last window, as soon as all that it reads is there and not being made."""
    return in_last_window() & cron_since(cron, timezone) & ~running() & _deps_are_there()


def on_missing() -> Condition:
    """Once it is missing, in whichever window, as soon as all that it reads is there and not being made."""
    return missing() & ~running() & _deps_are_there()


def _deps_are_there() -> Condition:
    return ~any_deps((missing() & ~requested()) | running())


Automation = Schedule | Rule | Freshness | Sensor | Notify
"""What happens by itself."""
