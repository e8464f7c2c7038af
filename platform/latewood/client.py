"""The Python client of a server: launches, waits, reports and asks, over HTTP.

It needs nothing but the standard library, and no database. What is asked for is asked for once, however often a
connection is lost meanwhile: each request that changes something goes with a key of its own.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

from latewood.errors import LatewoodError

_WAIT_S: Final = 0.2
_WAIT_MAX_S: Final = 5.0
_EVENTS: Final = 500
_BUSY: Final = (429, 502, 503, 504)
_ENDED: Final = ("SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class RequestRefused(LatewoodError):
    """The server does not do what it was asked for; `kind` is the error's type or code, `answer` all that it said."""

    def __init__(self, kind: str, message: str, answer: Mapping[str, Any] = _NOTHING) -> None:
        super().__init__(message)
        self.kind = kind
        self.answer = answer


class ServerUnreachable(LatewoodError):
    """The server did not answer in the time that it was waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would do. `hash` approves just that; `refusal` says why it would be refused, empty where not."""

    hash: str
    position: int
    steps: int
    counts: Mapping[str, int]
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run that was asked for, empty where nothing is to be done; `position` is one at which the log has it."""

    run: str
    repeated: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far a run is. `counts` are its steps by what became of them, once it has ended."""

    id: str
    status: str
    counts: Mapping[str, int]

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A server's client: for one project, and for one environment unless a call says another.

    `patience_s` is how long a server that does not answer is waited for.
    """

    url: str = field(kw_only=False)
    token: str = field(default="", repr=False)
    project: str = "default"
    environment: str = "prod"
    patience_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def query(self, document: str, variables: Mapping[str, Any] = _NOTHING, *, repeatable: bool | None = None) -> Any:
        """The data that a document of GraphQL gives.

        One that is not `repeatable` is sent once only; by default a mutation is not.
        Raises RequestRefused, ServerUnreachable.
        """
        body = json.dumps({"query": document, "variables": dict(variables)}).encode()
        repeatable = "mutation" not in document if repeatable is None else repeatable
        ends, wait = time.monotonic() + self.patience_s, _WAIT_S
        while True:
            answer, why = self._sent(body)
            if answer is not None:
                return _data(answer)
            if not repeatable or time.monotonic() + wait > ends:
                raise ServerUnreachable(f"{self.url} does not answer: {why}; is `latewood server` running there?")
            self.sleep(wait)
            wait = min(wait * 2, _WAIT_MAX_S)

    def preview(self, selection: str = "*", **asked: Any) -> Preview:
        """What `launch` of the same would do."""
        found = self._environment(_PREVIEW, {"selection": selection, **_asked(asked)})["planPreview"]
        return Preview(**{**found, "refusal": found["refusal"] or ""})

    def launch(
        self, selection: str = "*", *, approved: Preview | str = "", key: str = "", environment: str = "", **asked: Any
    ) -> Launched:
        """Ask engines for a run, once. `asked`: `partition`, `parameters` by `ASSET.NAME`, `only`, `force`, `priority`.

        Raises RequestRefused, as `PlanChanged` where the plan is not the one that was `approved` any more.
        """
        approval = approved.hash if isinstance(approved, Preview) else approved
        given = {"selection": selection, "planHash": approval, "key": key or _key(), **_asked(asked)}
        return _launched(self._mutate("launch", _LAUNCH, given, environment=environment))

    def launch_plan(
        self, name: str, inputs: Mapping[str, Any] = _NOTHING, *, key: str = "", environment: str = "", **how: Any
    ) -> Launched:
        """The same of a workflow or launch plan, with values of its inputs. `how`: `force`, `priority`.

        And `tried`, which are several values by input, in combination, or `zipped`.
        """
        values = [{"name": input_, "value": value} for input_, value in inputs.items()]
        values += [{"name": input_, "values": list(several)} for input_, several in how.pop("tried", _NOTHING).items()]
        given = {"name": name, "inputs": values, "key": key or _key(), **how}
        return _launched(self._mutate("launchPlan", _LAUNCH_PLAN, given, environment=environment))

    def run(self, run: str) -> Run:
        """How far a run is."""
        found = self._project(_RUN, {"id": run})["run"]
        return Run(id=found["id"], status=found["status"], counts=found["counts"] or {})

    def wait(
        self, run: str, *, timeout_s: float | None = None, progress: Callable[[Run], None] = lambda _: None
    ) -> Run:
        """The run once it has ended; `progress` hears of each look until then.

        Raises TimeoutError if it goes on longer than that, which does not end it.
        """
        ends, wait = None if timeout_s is None else time.monotonic() + timeout_s, _WAIT_S
        while not (found := self.run(run)).has_ended:
            progress(found)
            if ends is not None and time.monotonic() > ends:
                raise TimeoutError(f"run {found.id} is {found.status.lower()} after {timeout_s:,} s")
            self.sleep(wait)
            wait = min(wait * 1.5, _WAIT_MAX_S)
        progress(found)
        return found

    def cancel(self, run: str) -> None:
        """Ask for a run to be ended."""
        self._mutate("cancelRun", _CANCEL, {"run": run})

    def retry(self, run: str, *, key: str = "") -> Launched:
        """Ask anew for what a run did not finish."""
        return _launched(self._mutate("retryRun", _RETRY, {"run": run, "key": key or _key()}))

    def report(
        self,
        asset: str,
        data_version: str,
        *,
        partition: str = "",
        metadata: Mapping[str, Any] | None = None,
        key: str = "",
        environment: str = "",
    ) -> str:
        """Record what a tool outside has made of an external asset, once; the report's id."""
        given = {"asset": asset, "dataVersion": data_version, "partition": partition, "metadata": metadata}
        done = self._mutate("reportMaterialization", _REPORT, {**given, "key": key or _key()}, environment=environment)
        return str(done["id"])

    def lineage(self, asset: str, *, partition: str = "", version: str = "", up: int = 1, down: int = 0) -> Any:
        """What its versions were made from, and what was made from them, as JSON."""
        given = {"asset": asset, "partition": partition, "version": version, "up": up, "down": down}
        return self._environment(_LINEAGE, given)["lineage"]

    def tail(self, *, types: Sequence[str] | None = None, after: int = 0, follow: bool = True) -> Iterator[Any]:
        """Events of the log behind a position, in order; as they come, if they are followed, without end.

        Who stops goes on behind the `position` of the last one.
        """
        wait = _WAIT_S
        while True:
            events = self._project(_TAIL, {"types": types, "since": after, "first": _EVENTS})["events"]["nodes"]
            for event in events:
                yield event
                after = event["position"]
            if not follow and len(events) < _EVENTS:
                return
            wait = _WAIT_S if events else min(wait * 1.5, _WAIT_MAX_S)
            if len(events) < _EVENTS:
                self.sleep(wait)

    def _project(self, document: str, variables: Mapping[str, Any]) -> Any:
        return self.query(document, {"project": self.project, **variables})["project"]

    def _environment(self, document: str, variables: Mapping[str, Any]) -> Any:
        return self._project(document, {"environment": self.environment, **variables})["environment"]

    def _mutate(self, name: str, document: str, variables: Mapping[str, Any], *, environment: str | None = None) -> Any:
        where = {} if environment is None else {"environment": environment or self.environment}
        found = self.query(document, {"project": self.project, **where, **variables}, repeatable=True)[name]
        if "message" in found:
            raise RequestRefused(found["__typename"], found["message"], found)
        return found

    def _sent(self, body: bytes) -> tuple[Any, str]:
        """The answer; None where another try may have one, and why there is none."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310 - the URL that the user gave
        try:
            with urllib.request.urlopen(request, timeout=self.patience_s) as answer:  # noqa: S310 - as above
                return json.load(answer), ""
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _BUSY:
                    return None, f"{error.code} {error.reason}"
                try:
                    return json.load(error), ""
                except ValueError:
                    raise RequestRefused(str(error.code), f"{self.url} answers {error.code}, and no JSON") from error
        except (OSError, HTTPException) as error:  # URLError is one
            return None, str(error)


def _data(answer: Any) -> Any:
    for error in answer.get("errors", ())[:1]:
        raise RequestRefused(error.get("extensions", {}).get("code", "ERROR"), error["message"], error)
    return answer["data"]


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the schema has them."""
    found = dict(given)
    if "parameters" in found:
        found["parameters"] = [
            {"name": name, "values": value if isinstance(value, list | tuple) else [value]}
            for name, value in found["parameters"].items()
        ]
    if found.get("only"):
        found["only"] = found["only"].upper()
    return found


def _key() -> str:
    return uuid4().hex


def _launched(done: Mapping[str, Any]) -> Launched:
    run = done["run"]
    return Launched(run="" if run is None else run["id"], repeated=done["repeated"], position=done["position"])


_ERROR: Final = "... on Error { message }"
_DONE: Final = f"{{ __typename ... on Launched {{ run {{ id }} repeated position }} {_ERROR} }}"
_ASKED: Final = (
    '$selection: String! = "*", $partition: String! = "", $parameters: [ParameterGiven!]! = [], '
    "$zipped: Boolean! = false, $force: Boolean! = false, $priority: Int! = 0, $only: PartitionsWanted"
)
_AS_ASKED: Final = (
    "selection: $selection, partition: $partition, parameters: $parameters, "
    "zipped: $zipped, force: $force, priority: $priority, only: $only"
)
_PREVIEW: Final = f"""query ($project: String!, $environment: String!, {_ASKED}) {{
  project(name: $project) {{ environment(name: $environment) {{ planPreview({_AS_ASKED}) {{
    hash position steps refusal counts {{ run depends reuse skip fresh blocked }}
  }} }} }}
}}"""
_LAUNCH: Final = f"""mutation ($project: String!, $environment: String!, $planHash: String!, $key: String!, {_ASKED}) {{
  launch(project: $project, environment: $environment, planHash: $planHash, key: $key, {_AS_ASKED}) {_DONE}
}}"""
_LAUNCH_PLAN: Final = f"""mutation (
  $project: String!, $environment: String!, $name: String!, $inputs: [InputGiven!]!, $key: String!,
  $zipped: Boolean! = false, $force: Boolean! = false, $priority: Int! = 0
) {{
  launchPlan(
    project: $project, environment: $environment, name: $name, inputs: $inputs, key: $key, zipped: $zipped,
    force: $force, priority: $priority
  ) {_DONE}
}}"""
_RUN: Final = """query ($project: String!, $id: ID!) {
  project(name: $project) { run(id: $id) { id status counts } }
}"""
_CANCEL: Final = f"""mutation ($project: String!, $run: ID!) {{
  cancelRun(project: $project, run: $run) {{ __typename {_ERROR} }}
}}"""
_RETRY: Final = f"""mutation ($project: String!, $run: ID!, $key: String!) {{
  retryRun(project: $project, run: $run, key: $key) {_DONE}
}}"""
_REPORT: Final = f"""mutation (
  $project: String!, $environment: String!, $asset: ID!, $dataVersion: String!, $partition: String!, $metadata: Json,
  $key: String!
) {{
  reportMaterialization(
    project: $project, environment: $environment, asset: $asset, dataVersion: $dataVersion, partition: $partition,
    metadata: $metadata, key: $key
  ) {{ __typename ... on MaterializationReported {{ id }} {_ERROR} }}
}}"""
_LINEAGE: Final = """query (
  $project: String!, $environment: String!, $asset: ID!, $partition: String!, $version: String!, $up: Int!, $down: Int!
) {
  project(name: $project) { environment(name: $environment) {
    lineage(asset: $asset, partition: $partition, version: $version, up: $up, down: $down) {
      upstream { reader input asset partitions versionsCount depth } downstream { asset }
    }
  } }
}"""
_TAIL: Final = """query ($project: String!, $types: [String!], $since: Position!, $first: Int!) {
  project(name: $project) { events(types: $types, since: $since, first: $first) {
    nodes { position type stream actor occurredAt data }
  } }
}"""
DOCUMENTS: Final = (_PREVIEW, _LAUNCH, _LAUNCH_PLAN, _RUN, _CANCEL, _RETRY, _REPORT, _LINEAGE, _TAIL)
"""All that it asks of the schema."""
