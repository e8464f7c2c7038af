"""What can be asked of a server, without asking it: of each question its document, variables, and what answers mean.

Both clients send these. What changes something goes with a key of its own, so that it may be sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from latewood.client import documents
from latewood.client.errors import refused
from latewood.client.results import (
    Deployed,
    Event,
    Launched,
    Line,
    Lineage,
    Observation,
    Preview,
    Progress,
    Run,
    converted,
)
from latewood.errors import UsageError

T = TypeVar("T")

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
EVENTS: Final = 500
"""Events on a page of the log."""

LINKS: Final = 9_000
"""Links each way of the largest lineage: with all that is told of them about as much as a server answers at once."""

Only = Literal["", "missing", "stale", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and as whom to ask, and about what. `patience_s`: how long a server that does not answer is waited for.

    Messages advise what the API has; or commands, where who reads them is `by_commands`.
    """

    url: str
    token: str = field(default="", repr=False)
    project: str = "default"
    environment: str = "prod"
    patience_s: float = 60.0
    by_commands: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f'expected the address of a server, as in https://latewood.example/graphql: "{self.url}"')
        if parts.path in ("", "/"):
            object.__setattr__(self, "url", parts._replace(path="/graphql").geturl())

    @property
    def is_in_clear(self) -> bool:
        """Whether others on the way can read all of it, the token included."""
        parts = urlsplit(self.url)
        return parts.scheme != "https" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """A question that is answered once. One that is not `repeatable` is not sent again once it may have been heard."""

    document: str
    variables: Mapping[str, Any]
    decode: Callable[[Any], T]
    repeatable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Generic[T]):
    """A question that is answered again and again, on from `after` where the connection was lost.

    Of a state the last answer is all that counts: it has no `after`, and is over only once it `ends`. What is finite is
    over when the server says that it is complete.
    """

    document: str
    variables: Mapping[str, Any]
    decode: Callable[[Any], T]
    after: Any = None
    ends: Callable[[T], bool] = lambda _: False
    is_finite: bool = False


def query(
    _at: Place, document: str, variables: Mapping[str, Any] = _NOTHING, *, repeatable: bool | None = None
) -> Call[Any]:
    """The data that a document of GraphQL gives. One with a mutation is not repeatable unless it is said to be."""
    is_safe = "mutation" not in document if repeatable is None else repeatable
    return Call(document=document, variables=dict(variables), decode=lambda data: data, repeatable=is_safe)


def position(_at: Place) -> Call[int]:
    """How far the log goes."""
    return Call(document=documents.POSITION, variables={}, decode=lambda data: int(data["server"]["position"]))


def preview(
    at: Place,
    selection: str = "*",
    *,
    partition: str = "",
    parameters: Mapping[str, Any] = _NOTHING,
    zipped: bool = False,
    only: Only = "",
    force: bool = False,
    priority: int = 0,
    environment: str = "",
) -> Call[Preview]:
    """What `launch` of the same would do."""
    asked = _asked(
        selection=selection,
        partition=partition,
        parameters=parameters,
        zipped=zipped,
        only=only,
        force=force,
        priority=priority,
    )
    return _of_environment(
        at, documents.PREVIEW, asked, lambda found: Preview.of(found["planPreview"]), environment=environment
    )


def launch(
    at: Place,
    selection: str = "*",
    *,
    partition: str = "",
    parameters: Mapping[str, Any] = _NOTHING,
    zipped: bool = False,
    only: Only = "",
    force: bool = False,
    priority: int = 0,
    approved: Preview | str = "",
    key: str = "",
    environment: str = "",
) -> Call[Launched]:
    """Ask engines for a run, once. `parameters` go by `ASSET.NAME`; a list is several values, each of which is tried.

    Raises PlanChanged where the plan is not the one that was `approved` any more, PlanBlocked, AssetNotFound, …
    """
    asked = _asked(
        selection=selection,
        partition=partition,
        parameters=parameters,
        zipped=zipped,
        only=only,
        force=force,
        priority=priority,
    )
    given = {**asked, "planHash": _hash(approved), "key": key or _key(), "environment": environment or at.environment}
    return _mutation(at, "launch", documents.LAUNCH, given, _launched)


def launch_plan(
    at: Place,
    name: str,
    inputs: Mapping[str, Any] = _NOTHING,
    *,
    tried: Mapping[str, Sequence[Any]] = _NOTHING,
    zipped: bool = False,
    force: bool = False,
    priority: int = 0,
    approved: Preview | str = "",
    key: str = "",
    environment: str = "",
) -> Call[Launched]:
    """The same of a workflow or launch plan, with values of its inputs.

    `tried` has several by input: all combinations of them, or the n-th ones together where they are `zipped`.
    """
    values: list[dict[str, Any]] = [{"name": input_, "value": value} for input_, value in inputs.items()]
    values += [{"name": input_, "values": list(several)} for input_, several in tried.items()]
    given = {
        "name": name,
        "inputs": values,
        "zipped": zipped,
        "force": force,
        "priority": priority,
        "planHash": _hash(approved),
        "key": key or _key(),
        "environment": environment or at.environment,
    }
    return _mutation(at, "launchPlan", documents.LAUNCH_PLAN, given, _launched)


def run(at: Place, run: str) -> Call[Run]:
    """A run as it stands, by its id or as much of its beginning as no other one has."""
    return _of_project(at, documents.RUN, {"id": run}, lambda found: Run.of(found["run"]))


def runs(at: Place, *, environment: str = "", status: str = "", limit: int = 50) -> Call[tuple[Run, ...]]:
    """The latest runs, newest first: of all environments, or of one; only those that stand so."""
    given = {"environment": environment, "status": status.upper() or None, "first": limit}
    return _of_project(at, documents.RUNS, given, lambda found: tuple(map(Run.of, found["runs"]["nodes"])))


def cancel(at: Place, run: str, *, key: str = "") -> Call[str]:
    """Ask for a run to be ended, once; its id."""
    given = {"run": run, "key": key or _key()}
    return _mutation(at, "cancelRun", documents.CANCEL, given, lambda done: str(done["run"]["id"]))


def retry(at: Place, run: str, *, key: str = "") -> Call[Launched]:
    """Ask anew for what a run did not finish."""
    return _mutation(at, "retryRun", documents.RETRY, {"run": run, "key": key or _key()}, _launched)


def report(
    at: Place,
    asset: str,
    data_version: str,
    *,
    partition: str = "",
    metadata: Mapping[str, Any] | None = None,
    key: str = "",
    environment: str = "",
) -> Call[str]:
    """Record what a tool outside has made of an external asset, once; the report's id."""
    given = {
        "asset": asset,
        "dataVersion": data_version,
        "partition": partition,
        "metadata": metadata,
        "key": key or _key(),
        "environment": environment or at.environment,
    }
    return _mutation(at, "reportMaterialization", documents.REPORT, given, lambda done: str(done["id"]))


def observe(
    at: Place, selection: str, *, partition: str = "", key: str = "", environment: str = ""
) -> Call[Observation]:
    """Look at external assets, once, by the code of their locations as it is deployed; what was seen."""
    given = {
        "selection": selection,
        "partition": partition,
        "key": key or _key(),
        "environment": environment or at.environment,
    }
    return _mutation(at, "observe", documents.OBSERVE, given, Observation.of)


def deploy(at: Place, location: str, *, key: str = "", environment: str = "") -> Call[Deployed]:
    """Make the code of a location, as the server has it, that of the environment, once; run nothing.

    Raises DefinitionsInvalid, LocationNotFound, …
    """

    def done(found: Mapping[str, Any]) -> Deployed:
        return Deployed(
            location=found["location"],
            deployment=found["deployment"],
            before=found["before"] or "",
            position=found["position"],
        )

    given = {"location": location, "key": key or _key(), "environment": environment or at.environment}
    return _mutation(at, "deploy", documents.DEPLOY, given, done)


def lineage(
    at: Place,
    asset: str,
    *,
    partition: str = "",
    version: str = "",
    up: int = 1,
    down: int = 0,
    as_of: int | str | None = None,
    environment: str = "",
) -> Call[Lineage]:
    """What its versions were made from, and what was made from them; as things stood at a position or an ISO time.

    Refused where there are more than 9,000 links either way: ask for fewer partitions, or for one version.
    """
    given = {"asset": asset, "partition": partition, "version": version, "up": up, "down": down, "asOf": as_of}
    given["first"] = LINKS
    return _of_environment(
        at,
        documents.LINEAGE,
        given,
        lambda found: converted(found["lineage"], Lineage),
        environment=environment,
    )


def events(
    at: Place, *, types: Sequence[str] | None = None, run: str | None = None, after: int = 0, first: int = EVENTS
) -> Call[tuple[Event, ...]]:
    """The first events of the log, or of a run, behind a position."""
    given = {"types": types, "run": run, "since": after, "first": first}
    return _of_project(
        at, documents.EVENTS, given, lambda found: converted(found["events"]["nodes"], tuple[Event, ...])
    )


def all_events(at: Place, types: Sequence[str] | None, run: str | None, after: int) -> Followed[Event]:
    """Events of the log behind a position, and those to come."""
    return Followed(
        document=documents.FOLLOW_EVENTS,
        variables={"project": at.project, "types": types, "run": run},
        decode=lambda data: converted(data["events"], Event),
        after=after,
    )


def progress(at: Place, run: str) -> Followed[Progress]:
    """How far a run is, whenever that changes, until it has ended."""
    return Followed(
        document=documents.FOLLOW_RUN,
        variables={"project": at.project, "run": run},
        decode=lambda data: Progress.of(data["runProgress"]),
        ends=lambda found: found.run.has_ended,
    )


def printed(at: Place, run: str, step: int) -> Followed[Line]:
    """What a step prints, from the first line, until it has ended."""
    return Followed(
        document=documents.FOLLOW_LOGS,
        variables={"project": at.project, "run": run, "step": step},
        decode=lambda data: converted(data["logs"], Line),
        is_finite=True,
    )


def _of_project(at: Place, document: str, given: Mapping[str, Any], decode: Callable[[Any], T]) -> Call[T]:
    return Call(
        document=document, variables={"project": at.project, **given}, decode=lambda data: decode(data["project"])
    )


def _of_environment(
    at: Place, document: str, given: Mapping[str, Any], decode: Callable[[Any], T], *, environment: str
) -> Call[T]:
    there = {"environment": environment or at.environment, **given}
    return _of_project(at, document, there, lambda found: decode(found["environment"]))


def _mutation(at: Place, name: str, document: str, given: Mapping[str, Any], decode: Callable[[Any], T]) -> Call[T]:
    def done(data: Any) -> T:
        found = data[name]
        if "message" in found:
            raise refused(found["__typename"], found["message"], found)
        return decode(found)

    return Call(document=document, variables={"project": at.project, **given}, decode=done)


def _asked(
    *,
    selection: str,
    partition: str,
    parameters: Mapping[str, Any],
    zipped: bool,
    only: str,
    force: bool,
    priority: int,
) -> dict[str, Any]:
    """The arguments as the schema has them."""
    values = {name: list(value) if isinstance(value, list | tuple) else [value] for name, value in parameters.items()}
    return {
        "selection": selection,
        "partition": partition,
        "parameters": [{"name": name, "values": several} for name, several in values.items()],
        "zipped": zipped,
        "only": only.upper() or None,
        "force": force,
        "priority": priority,
    }


def _hash(approved: Preview | str) -> str:
    return approved.hash if isinstance(approved, Preview) else approved


def _key() -> str:
    return uuid4().hex


def _launched(done: Mapping[str, Any]) -> Launched:
    run = done["run"]
    return Launched(run="" if run is None else run["id"], repeated=done["repeated"], position=done["position"])
