"""What is known of assets and tasks without their code: the shapes that a deployment records.

A planner, a browser or another location needs nothing beyond these; none of them imports user code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from latewood.model.code import CodeVersion
from latewood.model.graph import Graph
from latewood.model.jobs import RunsOn
from latewood.model.keys import AssetKey
from latewood.model.mappings import Mapping as PartitionMapping
from latewood.model.policies import Resources, Retry, Reuse, Timeouts
from latewood.model.schemes import Scheme
from latewood.model.types import Field, TypeSpec

SELF: Final = "self"
"""What an input names instead of a key when it reads the asset's own earlier partitions."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run parameter of a task: a keyword-only argument. Values are JSON."""

    name: str
    type: TypeSpec
    json_schema: dict[str, Any] = {}
    default: Any = None
    required: bool = False
    in_key: bool = True


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition, which is an asset that is true or false, and the value that something is done for."""

    asset: AssetKey
    holds: bool


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An upstream asset that a task reads (`loads`), or only waits for.

    `counts`: it is no value that the task receives, but content that its result depends on.

    `where`: it is read only where that condition holds, and elsewhere the task goes without it. An input that is only
    waited for stands for the task itself: elsewhere the task is not run.
    """

    name: str
    asset: AssetKey
    mapping: PartitionMapping
    type: TypeSpec
    loads: bool = True
    lazy: bool = False
    where: Where | None = None
    counts: bool = False

    @property
    def in_key(self) -> bool:
        """Whether the upstream's data version decides the result."""
        return self.loads or self.counts


class StoredBy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stores an asset's values at a place of its author's choosing: the class of the IO, and the place's template.

    `holds_partitions`: a place has all partitions of the asset, and the IO keeps them apart there.
    """

    io: str
    place: str
    holds_partitions: bool = False


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One asset that a task makes; an optional one may be absent from a result. Without `stored` it is an artifact."""

    name: str
    asset: AssetKey
    type: TypeSpec
    optional: bool = False
    stored: StoredBy | None = None


PARTITIONS_PER_STEP: Final = 366
"""How many partitions a partition-wise task is called for at once, where it says no number."""

Receives = Literal["context", "window", "key", "grid key", "range"]
"""What a task asks for besides inputs and parameters: its context, or its partition as window, key or range."""


class UsedResource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A resource that a task asks for, the parameter that receives it, and the fields that decide no result.

    A deployment records no more. `values` and `digest` are filled in where definitions are read for an environment:
    how it has the resource configured, without secrets; None = not at all yet.
    """

    parameter: str
    resource: str
    unkeyed: tuple[str, ...] = ()
    values: dict[str, Any] | None = None
    digest: str = ""

    @property
    def keyed(self) -> dict[str, Any] | None:
        """The values that decide results."""
        values = self.values
        return None if values is None else {name: values[name] for name in values if name not in self.unkeyed}


class SharedFrom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a task is from that another location shares: by what name, as deployed when; `project` if another's.

    `version` is as the reference says; empty where it is the one that was deployed then.
    """

    location: str
    name: str
    deployment: str
    project: str = ""
    version: str = ""

    def __str__(self) -> str:
        """The reference that names it."""
        reference = f"{self.location}:{self.name}"
        return f"{reference} of project {self.project}" if self.project else reference


class TaskDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A typed function that can be run: interface, code version and policies.

    `name` is `module:qualname` within its location; a task used for several assets keeps one name.
    `fixed` are parameter values set where the task was made an asset; `uses` are resources, by parameter's name.
    One with a `partition_column` may be called for up to `partitions_per_step` neighbouring partitions at once: it says
    of each row of the result which partition's it is.
    A mapped task is called for each element of what it reads through the inputs `each`, which are lists, one with the
    other; at least `min_success_ratio` of the calls have to succeed.
    `shared` is set where the function is another location's, whose code runs it. What `runs_on` a connector is a job in
    another system; the function is not called. Of a command `is_command` is set: what it does is done by a program.
    """

    name: str
    code: CodeVersion
    outputs: tuple[Output, ...]
    inputs: tuple[Input, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    receives: tuple[tuple[str, Receives], ...] = ()
    fixed: dict[str, Any] = {}
    uses: tuple[UsedResource, ...] = ()
    reuse: Reuse = Reuse()
    retries: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    resources: Resources = Resources()
    pool: str = ""
    priority: int = 0
    image: str = ""
    subsettable: bool = False
    shared: SharedFrom | None = None
    partition_column: str = ""
    partitions_per_step: int = PARTITIONS_PER_STEP
    each: tuple[str, ...] = ()
    min_success_ratio: float = 1.0
    runs_on: RunsOn | None = None
    is_command: bool = False

    @property
    def is_partition_wise(self) -> bool:
        """Whether it may be called for a range of partitions at once, its result split by a column."""
        return bool(self.partition_column)


class TaskInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A positional parameter of a task: an asset feeds it, or in a workflow a value."""

    name: str
    type: TypeSpec
    lazy: bool = False
    default: Any = None
    required: bool = True


class BareTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task as its location defines it, before anything is made by it; others refer to it by `name`.

    `task` has no inputs and outputs: those depend on what it is used for. `outputs` are the parts of a result that is a
    tuple, each of which may be an asset; `returns` is the result as a whole, None where it is nothing to be stored.
    """

    name: str
    task: TaskDefinition
    inputs: tuple[TaskInput, ...] = ()
    returns: TypeSpec | None = None
    outputs: tuple[Field, ...] = ()
    description: str = ""


class Severity(StrEnum):
    """How bad a failed check is."""

    WARNING = "warning"
    ERROR = "error"


class CheckDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict on an asset's content; a blocking one keeps a failed version from becoming head."""

    name: str
    task: TaskDefinition
    blocking: bool = False
    severity: Severity = Severity.ERROR
    description: str = ""


class Membership(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which workflow's step makes an asset, and which of the step's parameters are inputs of the workflow."""

    workflow: str
    bound: dict[str, str] = {}


class Origin(StrEnum):
    """Where an asset's versions come from: its task, observations of what others make, or what it is a view of."""

    MADE = "made"
    EXTERNAL = "external"
    VIRTUAL = "virtual"


class AssetDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named data product: what it is, how it is partitioned, and the task that makes it as its `output`.

    The task of an external asset observes it, and is called by nobody where `observable` is not said; that of a virtual
    one is never called, and only says what it is a view of.
    """

    key: AssetKey
    task: TaskDefinition
    output: str
    partitions: Scheme | None = None
    checks: tuple[CheckDefinition, ...] = ()
    group: str = "default"
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    kinds: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = {}
    step_of: Membership | None = None
    origin: Origin = Origin.MADE
    observable: bool = False

    @property
    def type(self) -> TypeSpec:
        """Type of the asset's values."""
        return next(output.type for output in self.task.outputs if output.name == self.output)

    @property
    def stored(self) -> StoredBy | None:
        """What stores the asset's values at a place of their own; None for the artifact store."""
        return next(output.stored for output in self.task.outputs if output.name == self.output)

    @property
    def blocking_checks(self) -> tuple[CheckDefinition, ...]:
        """Checks that stand between a version and its being head."""
        return tuple(check for check in self.checks if check.blocking)


_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def definition_digest(definition: msgspec.Struct) -> str:
    """32 hex digits over everything an asset's or workflow's definition says; equal digests need no event."""
    return sha256(_encode(definition)).hexdigest()[:32]


def merkle_root(digests: Mapping[AssetKey, str]) -> str:
    """One digest, 32 hex digits, for a whole set of definitions, by key."""
    return sha256(_encode(sorted(digests.items()))).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The assets of a project as one environment sees them, by key, with their graph."""

    assets: Mapping[AssetKey, AssetDefinition]
    graph: Graph = field(repr=False)

    @staticmethod
    def of(assets: Iterable[AssetDefinition]) -> "Catalog":
        """A catalog of these assets; their inputs make the graph. Cost: O(assets + inputs)."""
        by_key = {asset.key: asset for asset in assets}
        graph = Graph.of({key: [i.asset for i in asset.task.inputs] for key, asset in by_key.items()})
        return Catalog(assets=by_key, graph=graph)

    def __getitem__(self, key: AssetKey) -> AssetDefinition:
        return self.assets[key]

    def __iter__(self) -> Iterator[AssetKey]:
        return iter(self.assets)

    def __len__(self) -> int:
        return len(self.assets)
