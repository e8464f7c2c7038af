"""What an engine and a worker tell each other, a JSON document a line: the location, then calls and their answers.

Values never travel this way: a call names artifacts to read, an answer those that were made.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from latewood.context import FailedStep, RunRequest, SensedRun
from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.shared import Shared
from latewood.events import Failure
from latewood.model.automations import Automation
from latewood.model.code import CodeVersion
from latewood.model.column_sources import ColumnSources
from latewood.model.definitions import AssetDefinition, BareTask
from latewood.model.jobs import Elsewhere
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.schemes import DynamicKeys
from latewood.model.workflows import Launchable
from latewood.sharing import Reference


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location to load: its source is unpacked in `folder`. Relative paths in parameters start from `root`.

    It is the file or module `entry`, where it is not called by that; it works in `directory`, relative to `root`.

    Artifacts are read from `store`, and written to `results`, both folders with that project. `others` are the assets
    of other locations that it reads, and `shared` the tasks of others that it refers to. Resources of `environment` are
    configured as it was recorded of them, and `dynamic` partitions have these keys.

    Where it is to be `told` it is answered with Defined, and that is all.

    With `made`, which are assets of another location, only the tasks are opened that make these.
    """

    folder: str
    location: str
    paths: tuple[str, ...]
    root: str
    project: str
    store: str
    results: str
    environment: str
    others: tuple[AssetDefinition, ...] = ()
    configurations: dict[str, Recorded] = {}
    dynamic: tuple[DynamicKeys, ...] = ()
    shared: tuple[Shared, ...] = ()
    made: tuple[AssetDefinition, ...] = ()
    entry: str = ""
    directory: str = ""
    told: bool = False


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location to load as it stands in the working tree, in place of one to open. Answered with Defined.

    `others` are the assets of other locations that it may read; what it asks of their tasks is a Referring.
    """

    location: str
    entry: str
    root: str
    environment: str
    others: tuple[AssetDefinition, ...] = ()
    directory: str = ""


class Referred(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task that was asked for, or why there is none."""

    shared: Shared | None = None
    problem: str = ""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker's Latewood, which is said before anything else: what follows may be another one's."""

    latewood: str


class Referring(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The code that is loaded refers to this task of another location. Answered with Referred."""

    reference: Reference


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A DefinitionError as data."""

    message: str
    file: str = ""
    line: int = 0


class Defined(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What was loaded, as far as it is data: all that a deployment records. `places` are file and line by asset."""

    assets: tuple[AssetDefinition, ...]
    sources: dict[str, bytes]
    paths: tuple[str, ...]
    launchables: tuple[Launchable, ...] = ()
    offered: tuple[BareTask, ...] = ()
    automations: tuple[Automation, ...] = ()
    configurations: dict[str, Recorded] = {}
    places: dict[AssetKey, tuple[str, int]] = {}
    readable: tuple[AssetKey, ...] = ()


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location is loaded, by this Python, and this is the code of each of its assets, or tasks, there."""

    python: str
    code: dict[AssetKey, CodeVersion] = {}
    tasks: dict[str, CodeVersion] = {}


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location cannot be loaded, and why; `problems` are those of its definitions, each with its place."""

    message: str
    problems: tuple[Problem, ...] = ()


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One version to read: partition, and the artifact that it lies in."""

    partition: PartitionKey
    artifact: str


class JobMade(msgspec.Struct, frozen=True, kw_only=True):
    """What a job in another system has made: small outputs as JSON, the others, if it wrote them, in files.

    `elsewhere` are those that it has left where it made them. `metadata` is what there is to say of it.
    """

    values: dict[str, msgspec.Raw]
    files: dict[str, str]
    elsewhere: dict[str, Elsewhere] = {}
    metadata: dict[str, Any] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run the task behind these assets, with exactly these inputs and parameters. `at` is what its clock shows.

    Where that is empty its clock goes.

    With `placing`, results that have an IO are stored by it, each once the engine has said that it may be. `checks` are
    those to be evaluated of what was made, by output: their verdicts follow the answer, one by one. With `live`, what
    it prints is in a file meanwhile. Where a `job` has made it that is taken, and the task is not called. It may run
    as long as its task says, and no longer than so many seconds.
    """

    assets: tuple[AssetKey, ...]
    partition: PartitionKey
    parameters: dict[str, Any]
    inputs: dict[str, tuple[Read, ...]]
    run: str
    step: int
    attempt: int
    at: str = ""
    placing: bool = False
    live: bool = False
    checks: dict[str, tuple[str, ...]] = {}
    job: JobMade | None = None
    limit_s: float | None = None


class CallRange(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run a partition-wise task once, for the neighbouring partitions of these calls in their order."""

    calls: tuple[Call, ...]


class Recall(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load a version of an asset from its place, by its IO, into the store of results. Answered as a call."""

    asset: AssetKey
    version: Read


class CopyTo(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Store a version of an asset at the place of that partition, too, once the engine has said that it may be."""

    asset: AssetKey
    version: Read
    data_version: str
    partition: PartitionKey
    step: int


class Look(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Look at the place where a version of the asset was stored."""

    asset: AssetKey
    version: Read


class TakeApart(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Take the lists apart whose elements this asset's task is called for. Answered with Elements."""

    asset: AssetKey
    inputs: dict[str, tuple[Read, ...]]


class PutTogether(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Make the list that this asset is of what was made of each element, an artifact or nothing. Answered as a call."""

    asset: AssetKey
    results: tuple[str | None, ...]


class Handle(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Tell the failure handler of a workflow which of its steps failed. Answered as a call."""

    workflow: str
    run: str
    steps: tuple[FailedStep, ...]


class LookAt(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Look at a partition of an external asset, for this observation. Answered with Sighted, or NothingThere."""

    asset: AssetKey
    partition: PartitionKey
    observation: str


class Sense(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask a sensor what is to be run, with what its context shows, for so many seconds. Answered with Sensed."""

    sensor: str
    now: datetime
    timeout_s: float
    cursor: str = ""
    last_run: SensedRun | None = None
    run: SensedRun | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Evaluate this check for a version of the asset."""

    asset: AssetKey
    check: str
    version: Read
    data_version: str
    run: str
    step: int


class Running(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a task does itself begins, which may take so many seconds, or has ended; an answer is to come."""

    own: bool = False
    limit_s: float | None = None


class Placing(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The result of a step, of this data version, is about to be stored at its place. Answered with Place.

    Without an output it is a copy of what was made before.
    """

    step: int
    output: str = ""
    data_version: str = ""
    no_reuse: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Whether the result may be stored at its place; else it is kept in the store."""

    allowed: bool


class Close(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """There are no more calls: leave the resources that were entered."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One output: its data version, and the artifact in the store of results."""

    data_version: str
    artifact: str
    size: int
    metadata: dict[str, Any] = {}
    columns: tuple[str, ...] = ()
    column_sources: tuple[ColumnSources, ...] = ()


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The check came to a verdict, or to none where `failure` is."""

    passed: bool
    message: str = ""
    metadata: dict[str, Any] = {}
    failure: Failure | None = None
    no_reuse: str = ""
    logs: str = ""


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task returned; its outputs by name, without optional ones that it did not make.

    `metadata`, `no_reuse` and `added` are what it told its context. `verdicts` were asked for before anything was
    stored at its place, by output and check.
    """

    outputs: dict[str, Result]
    duration_ms: float
    logs: str = ""
    metadata: dict[str, Any] = {}
    no_reuse: str = ""
    added: dict[str, tuple[PartitionKey, ...]] = {}
    verdicts: dict[str, dict[str, Checked]] = {}


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task failed, or what it read or returned was refused."""

    failure: Failure
    logs: str = ""
    duration_ms: float = 0.0


class ReturnedRange(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task returned, for a range: what each of its partitions gets; `logs` are of the one call.

    A partition whose IO failed has failed alone. `following` are the checks whose verdicts are still to come, in their
    order: each by the number of its step, output and name.
    """

    each: tuple[Returned | Failed, ...]
    logs: str = ""
    following: tuple[tuple[int, str, str], ...] = ()


class Copied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The address of the copy; None where none of the same content got there."""

    address: str | None


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The fingerprint of what lies at a place, empty for nothing; None where nobody can tell."""

    fingerprint: str | None


class Sighted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What was seen of an external asset."""

    data_version: str
    metadata: dict[str, Any] = {}
    artifact: str = ""
    logs: str = ""
    added: dict[str, tuple[PartitionKey, ...]] = {}


class NothingThere(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing is there of an external asset: the place that was looked at."""

    place: str


class Sensed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a sensor answered; the cursor is None where it left that as it was."""

    requests: tuple[RunRequest, ...] = ()
    cursor: str | None = None
    skipped: str = ""
    logs: str = ""


class Elements(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What each element reads through the mapped inputs, and what it looks like: by element, in their order.

    `versions` are the data versions by input, in the order in which the task names these.
    """

    versions: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Resources are left, but for these, by name."""

    failures: dict[str, Failure]


Request = Call | CallRange | Check | Recall | CopyTo | Look | TakeApart | PutTogether | Handle | Sense | LookAt
"""What an engine asks of a worker that has opened its location."""

Answered = Returned | ReturnedRange | Checked | Copied | Seen | Elements | Sensed | Sighted | NothingThere | Failed
"""What comes of a request."""

Answer = Hello | Referring | Defined | Opened | Refused | Running | Placing | Answered | Closed

encode: Final = msgspec.json.Encoder().encode
decode_open: Final[Callable[[bytes], Open | Load]] = msgspec.json.Decoder(Open | Load).decode
decode_referred: Final = msgspec.json.Decoder(Referred).decode
decode_call: Final[Callable[[bytes], Request | Close]] = msgspec.json.Decoder(Request | Close).decode
decode_place: Final[Callable[[bytes], Place]] = msgspec.json.Decoder(Place).decode
decode_answer: Final[Callable[[bytes], Answer]] = msgspec.json.Decoder(Answer).decode
