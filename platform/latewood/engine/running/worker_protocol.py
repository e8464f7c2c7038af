"""What an engine and a worker tell each other, a JSON document a line: the location, then calls and their answers.

Values never travel this way: a call names artifacts to read, an answer those that were made.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.shared import Shared
from latewood.events import Failure
from latewood.model.code import CodeVersion
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.schemes import DynamicKeys


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location to load: its source is unpacked in `folder`. Relative paths in parameters start from `root`.

    Artifacts are read from `store`, and written to `results`, both folders with that project. `others` are the assets
    of other locations that it reads, and `shared` the tasks of others that it refers to. Resources of `environment` are
    configured as it was recorded of them, and `dynamic` partitions have these keys.

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


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location is loaded, by this Python, and this is the code of each of its assets, or tasks, there."""

    python: str
    code: dict[AssetKey, CodeVersion] = {}
    tasks: dict[str, CodeVersion] = {}


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The location cannot be loaded, and why."""

    message: str


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One version to read: partition, and the artifact that it lies in."""

    partition: PartitionKey
    artifact: str


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run the task behind these assets, with exactly these inputs and parameters. `at` is what its clock shows.

    Where that is empty its clock goes.
    """

    assets: tuple[AssetKey, ...]
    partition: PartitionKey
    parameters: dict[str, Any]
    inputs: dict[str, tuple[Read, ...]]
    run: str
    step: int
    attempt: int
    at: str = ""


class CallRange(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run a partition-wise task once, for the neighbouring partitions of these calls in their order."""

    calls: tuple[Call, ...]


class Recall(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load a version of an asset from its place, by its IO, into the store of results. Answered as a call."""

    asset: AssetKey
    version: Read


class Check(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Evaluate this check for a version of the asset."""

    asset: AssetKey
    check: str
    version: Read
    data_version: str
    run: str
    step: int


class Running(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """User code begins, or has ended, of a call whose time is limited; its answer is to come."""

    begins: bool


class Close(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """There are no more calls: leave the resources that were entered."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One output: its data version, and the artifact in the store of results."""

    data_version: str
    artifact: str
    size: int
    metadata: dict[str, Any] = {}
    columns: tuple[str, ...] = ()


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task returned; its outputs by name, without optional ones that it did not make.

    `metadata`, `no_reuse` and `added` are what it told its context.
    """

    outputs: dict[str, Result]
    duration_ms: float
    logs: str = ""
    metadata: dict[str, Any] = {}
    no_reuse: str = ""
    added: dict[str, tuple[PartitionKey, ...]] = {}


class ReturnedRange(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task returned, for a range: what each of its partitions gets; `logs` are of the one call."""

    each: tuple[Returned, ...]
    logs: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The check came to a verdict, or to none where `failure` is."""

    passed: bool
    message: str = ""
    metadata: dict[str, Any] = {}
    failure: Failure | None = None
    no_reuse: str = ""
    logs: str = ""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The task failed, or what it read or returned was refused."""

    failure: Failure
    logs: str = ""
    duration_ms: float = 0.0


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Resources are left, but for these, by name."""

    failures: dict[str, Failure]


Request = Call | CallRange | Check | Recall | Close
Answer = Opened | Refused | Running | Returned | ReturnedRange | Checked | Failed | Closed

encode: Final = msgspec.json.Encoder().encode
decode_open: Final = msgspec.json.Decoder(Open).decode
decode_call: Final[Callable[[bytes], Request]] = msgspec.json.Decoder(Request).decode
decode_answer: Final[Callable[[bytes], Answer]] = msgspec.json.Decoder(Answer).decode
