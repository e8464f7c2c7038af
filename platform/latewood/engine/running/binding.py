"""What the steps of one run read: versions made here where there are any, else the environment's heads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from latewood.decide.keys import inputs_digest, read_version, truth, virtual_version
from latewood.decide.nodes import Node, Slot
from latewood.decide.plan import Step
from latewood.decide.state import State, VersionFacts
from latewood.decide.versions import compact
from latewood.decide.views import contents_version, through_name
from latewood.engine.values.recordable import text
from latewood.events import InputRead, SkipReason
from latewood.model.definitions import Catalog, Input, Where
from latewood.model.keys import AssetKey, PartitionKey, VersionId
from latewood.model.mappings import may_read_nothing, upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, key_at


@dataclass(frozen=True, slots=True)
class Bound:
    """The versions one input of a step reads, by partition, in order; of a view `through` is what that reads."""

    input: Input
    ordinals: Ordinals
    versions: tuple[tuple[PartitionKey, VersionFacts], ...]
    through: tuple["Bound", ...] = ()

    @property
    def data_version(self) -> str:
        """What enters the reuse key for this input."""
        return read_version(self.input, [(key, facts.data_version) for key, facts in self.versions])


class Blocked(Exception):
    """A step cannot run, because of another step of this run."""

    def __init__(self, reason: SkipReason, because: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.because = because


class Bindings:
    """What has become of each asset partition in this run: a version, a failure, or nothing yet.

    An edge inside a run binds to what *this run* made, never to whatever the head is by then.
    """

    def __init__(self, catalog: Catalog, state: State, views: Iterable[Node] = ()) -> None:
        self._catalog = catalog
        self._views = {view.slot(view.keys[0]): view for view in views}
        self._state = state
        self._made: dict[tuple[Slot, int], VersionFacts] = {}
        self._failed: dict[tuple[Slot, int], tuple[SkipReason, int]] = {}
        self._events: dict[VersionId, UUID] = {}

    def made(self, step: Step, key: AssetKey, facts: VersionFacts, event: UUID) -> None:
        """The step made this version: from here on everything downstream reads it."""
        self._made[step.task.node.slot(key), step.ordinal] = facts
        self._events[facts.version] = event

    def failed(self, step: Step, key: AssetKey, reason: SkipReason, because: int) -> None:
        """Nothing downstream of what the step should have made can run, because of step `because`."""
        self._failed[step.task.node.slot(key), step.ordinal] = (reason, because)

    def bind(self, node: Node, ordinal: int) -> list[Bound]:
        """What each input of the step reads, but for those of a branch not taken. Raises Blocked.

        Cost: O(versions read).
        """
        bound = []
        for input_ in node.task.inputs:
            if input_.where is None or self._holds(node, input_.where, ordinal):
                bound.append(self._bind(node, input_, ordinal))
            elif not input_.loads:
                raise Blocked(SkipReason.BRANCH_NOT_TAKEN, None)
        return bound

    def _holds(self, node: Node, where: Where, ordinal: int) -> bool:
        asked = next(i for i in node.task.inputs if i.asset == where.asset)
        ((_, facts),) = self._bind(node, msgspec.structs.replace(asked, loads=True), ordinal).versions
        return facts.data_version == truth(where.holds)

    def cause(self, bound: list[Bound]) -> UUID | None:
        """The event of this run that the step waited for: that of the last version it reads; None if of none."""
        if not self._events:
            return None
        events = [event for b in bound for _, f in b.versions if (event := self._events.get(f.version)) is not None]
        return events[-1] if events else None

    def _bind(self, node: Node, input_: Input, ordinal: int) -> Bound:
        if input_.asset not in self._catalog.assets:
            raise Blocked(SkipReason.OUTPUT_ABSENT, None)  # it is of another location, and was dropped there
        up = self._catalog[input_.asset].partitions
        ordinals = upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, self._state.now)
        heads = self._state.heads.get(self._state.ids[input_.asset], {})
        slot = node.slot(input_.asset)
        if (view := self._views.get(slot)) is not None:
            return self._bind_view(view, input_, ordinals)
        versions = []
        for upstream in ordinals:
            failure = self._failed.get((slot, upstream))
            if failure is not None:
                raise Blocked(*failure)
            key = key_at(up, upstream)
            facts = self._made.get((slot, upstream)) or self._head(heads, key)
            if facts is not None:
                versions.append((key, facts))
            elif input_.in_key:
                raise Blocked(SkipReason.OUTPUT_ABSENT, None)
        if not versions and input_.in_key and not may_read_nothing(input_.mapping):
            raise Blocked(SkipReason.OUTPUT_ABSENT, None)
        return Bound(input_, ordinals, tuple(versions))

    def _head(self, heads: Mapping[PartitionKey, VersionFacts], key: PartitionKey) -> VersionFacts | None:
        """The head. Raises Blocked for one that was retracted since the run was planned: nothing reads such."""
        head = heads.get(key)
        if head is not None and self._state.retracted:
            content = (head.asset, head.partition, head.data_version, head.artifact)
            if self._state.retracted.content(*content) is not None:
                raise Blocked(SkipReason.INPUT_RETRACTED, None)
        return head

    def _bind_view(self, view: Node, input_: Input, ordinals: Ordinals) -> Bound:
        """A view has no versions of its own: its content follows from what it reads."""
        versions, through = [], []
        for ordinal in ordinals:
            bound = self.bind(view, ordinal)
            read = digest_of(bound)
            versions.append((view.partition_key(ordinal), self._seen(view, ordinal, read)))
            through += bound
        return Bound(input_, ordinals, tuple(versions), tuple(through))

    def _seen(self, view: Node, ordinal: int, read: str) -> VersionFacts:
        return VersionFacts(
            asset=view.ids[0],
            partition=view.partition_key(ordinal),
            version=VersionId(""),
            position=0,
            made_at=self._state.now,
            duration_ms=0.0,
            data_version=virtual_version(view.logic, read),
            artifact="",
            code=view.task.code.version,
            logic=view.logic,
            inputs=read,
            reuse_key="",
            accepted=True,
        )


def digest_of(bound: Iterable[Bound]) -> str:
    """Of what a step reads, as far as that decides its result."""
    return inputs_digest((b.input.name, b.data_version) for b in bound if b.input.in_key)


def _behind(bound: Bound) -> dict[AssetKey, dict[PartitionKey, VersionFacts]]:
    """The versions that are read through views, by asset."""
    found: dict[AssetKey, dict[PartitionKey, VersionFacts]] = {}
    for b in bound.through:
        if b.through:
            for key, versions in _behind(b).items():
                found.setdefault(key, {}).update(versions)
        else:
            found.setdefault(b.input.asset, {}).update(b.versions)
    return found


def read_facts(bound: Sequence[Bound], catalog: Catalog, state: State) -> Mapping[str, InputRead]:
    """What is recorded of the inputs, by name."""
    read: dict[str, InputRead] = {}
    for b in bound:
        if b.input.in_key:
            read[b.input.name] = InputRead(
                asset=state.ids[b.input.asset],
                data_version=b.data_version,
                versions="" if b.through else compact(facts.version for _, facts in b.versions),
                partitions=_partitions(catalog, b),
            )
        for key, versions in _behind(b).items():
            read[through_name(b.input.name, key)] = InputRead(
                asset=state.ids[key],
                data_version=contents_version((of, facts.data_version) for of, facts in versions.items()),
                versions=compact(facts.version for facts in versions.values()),
            )
    return read


def _partitions(catalog: Catalog, bound: Bound) -> str:
    scheme = catalog[bound.input.asset].partitions
    return "" if scheme is None else text(describe(scheme, bound.ordinals))
