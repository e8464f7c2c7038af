"""Why an asset partition is as it is: its root causes, each naming versions, events and places. Pure.

The answer is structured; whoever shows it chooses the words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from latewood.decide.fingerprint import changed_parts
from latewood.decide.judge import Cause, Reason
from latewood.decide.staleness import Assessed, Status
from latewood.decide.state import State, VersionFacts
from latewood.events import StepStarted
from latewood.model.code import CodeChange
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe


class Past(Protocol):
    """What an explanation asks the log."""

    def definition_of(self, facts: VersionFacts, key: AssetKey) -> AssetDefinition | None:
        """The definition by which the version was made."""
        ...

    def started(self, facts: VersionFacts) -> StepStarted | None:
        """What the version's step was started with."""
        ...

    def deployed(self, key: AssetKey) -> int | None:
        """The position at which the asset's present definition came into force."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause. `event` is the position of the event that brought it about, where there is one.

    `code` names the changed parts; `before` and `after` are the values of a parameter, or data versions of an input.
    `through` are the assets between the finding and what was asked about, nearest to the finding first.
    """

    cause: Cause
    asset: AssetKey
    partitions: str = ""
    subject: str = ""
    before: str = ""
    after: str = ""
    event: int | None = None
    code: tuple[CodeChange, ...] = ()
    through: tuple[AssetKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The state of one asset partition and how it came about.

    `head` and `started` say what is there and with what it was made; `findings` why that is not what would be there
    now: root causes, upstream first. `since` is the position of the earliest event among them.
    `failed` is the position of an attempt, or of a blocking check's verdict, that failed after the head was made.
    """

    asset: AssetKey
    partition: PartitionKey
    status: Status
    head: VersionFacts | None
    started: StepStarted | None
    findings: tuple[Finding, ...]
    position: int
    failed: int | None = None
    nearest: "Nearest | None" = None

    @property
    def since(self) -> int | None:
        """Position from which on it has been as it is; None for what is fresh or was never made."""
        events = [finding.event for finding in self.findings if finding.event is not None]
        return min(events, default=None)


def explain(
    catalog: Catalog,
    assessed: Mapping[AssetKey, Assessed],
    state: State,
    past: Past,
    *,
    key: AssetKey,
    ordinal: int,
    failed: Mapping[tuple[AssetId, PartitionKey], int] | None = None,
) -> Explanation:
    """Walk upstream from one partition to everything that makes it stale.

    Cost: O(stale partitions upstream), and a look into the past per cause found.
    """
    node = assessed[key].node
    partition = node.partition_key(ordinal)
    head = state.heads.get(state.ids[key], {}).get(partition)
    search = _Search(catalog, assessed, state, past, failed or {})
    search.visit(key, Ordinals.between(ordinal, ordinal + 1), ())
    reasons = assessed[key].reasons(ordinal)
    status = Status.FRESH if not reasons else Status.MISSING if head is None else Status.STALE
    return Explanation(
        asset=key,
        partition=partition,
        status=status,
        head=head,
        started=None if head is None else past.started(head),
        findings=tuple(search.findings),
        position=state.position,
        failed=(failed or {}).get((state.ids[key], partition)),
    )


class _Search:
    """Depth first, upstream before what reads it, each asset's partitions once."""

    def __init__(
        self,
        catalog: Catalog,
        assessed: Mapping[AssetKey, Assessed],
        state: State,
        past: Past,
        failed: Mapping[tuple[AssetId, PartitionKey], int],
    ) -> None:
        self._catalog = catalog
        self._assessed = assessed
        self._state = state
        self._past = past
        self._failed = failed
        self._seen: dict[AssetKey, Ordinals] = {}
        self.findings: list[Finding] = []

    def visit(self, key: AssetKey, ordinals: Ordinals, through: tuple[AssetKey, ...]) -> None:
        new = ordinals - self._seen.get(key, Ordinals())
        if not new:
            return
        self._seen[key] = self._seen.get(key, Ordinals()) | new
        assessed = self._assessed[key]
        for reasons, affected in assessed.by_reasons.items():
            here = affected & new
            if not here:
                continue
            for reason in reasons:
                if reason.cause is Cause.UPSTREAM:
                    self._visit_upstream(key, AssetKey(reason.subject), here, through)
            for reason in reasons:
                if reason.cause is not Cause.UPSTREAM:
                    self.findings.append(self._finding(key, here, reason, through))
        self._add_failures(key, new, through)

    def _add_failures(self, key: AssetKey, ordinals: Ordinals, through: tuple[AssetKey, ...]) -> None:
        """The newest attempt or verdict that failed, where any did: the reason that the others are not mended."""
        node, id_ = self._assessed[key].node, self._state.ids[key]
        found = [
            (event, ordinal)
            for ordinal in ordinals
            if (event := self._failed.get((id_, node.partition_key(ordinal)))) is not None
        ]
        if found:
            scheme = self._catalog[key].partitions
            partitions = "" if scheme is None else describe(scheme, Ordinals.of(ordinal for _, ordinal in found))
            event, _ = max(found)
            self.findings.append(
                Finding(cause=Cause.FAILED, asset=key, partitions=partitions, event=event, through=through)
            )

    def _visit_upstream(
        self, key: AssetKey, upstream: AssetKey, ordinals: Ordinals, through: tuple[AssetKey, ...]
    ) -> None:
        down, up = self._catalog[key], self._catalog[upstream]
        read = Ordinals()
        for input_ in down.task.inputs:
            if input_.asset != upstream:
                continue
            for ordinal in ordinals:
                read |= upstream_ordinals(input_.mapping, up.partitions, down.partitions, ordinal, self._state.now)
        self.visit(upstream, read, (key, *through))

    def _finding(self, key: AssetKey, ordinals: Ordinals, reason: Reason, through: tuple[AssetKey, ...]) -> Finding:
        asset = self._catalog[key]
        partitions = "" if asset.partitions is None else describe(asset.partitions, ordinals)
        partition = self._assessed[key].node.partition_key(next(iter(ordinals)))
        head = self._state.heads.get(self._state.ids[key], {}).get(partition)
        subject, before, after, event = reason.subject, "", "", None
        code: tuple[CodeChange, ...] = ()
        if head is not None and reason.cause is Cause.CODE:
            event = self._past.deployed(key)
            old = self._past.definition_of(head, key)
            code = changed_parts(old.task.code, asset.task.code) if old is not None else ()
        elif head is not None and reason.cause is Cause.PARAMETERS:
            event = self._past.deployed(key)
            subject, before, after = self._changed_parameter(key, head)
        elif head is not None and reason.cause is Cause.INPUT:
            subject, before, after, event = self._changed_input(key, head, next(iter(ordinals)))
        return Finding(
            cause=reason.cause,
            asset=key,
            partitions=partitions,
            subject=subject,
            before=before,
            after=after,
            event=event,
            code=code,
            through=through,
        )

    def _changed_parameter(self, key: AssetKey, head: VersionFacts) -> tuple[str, str, str]:
        started = self._past.started(head)
        now = self._assessed[key].node.parameters
        was = started.parameters if started is not None else {}
        changed = [name for name in now if now[name] != was.get(name)]
        name = changed[0] if changed else ""
        return ", ".join(changed), str(was.get(name, "")), str(now.get(name, ""))

    def _changed_input(self, key: AssetKey, head: VersionFacts, ordinal: int) -> tuple[str, str, str, int | None]:
        """The input whose content differs: its asset, the data version then and now, and the event of the latest."""
        started = self._past.started(head)
        down = self._catalog[key]
        for input_ in down.task.inputs:
            if not input_.loads:
                continue
            up = self._catalog[input_.asset]
            heads = self._state.heads.get(self._state.ids[input_.asset], {})
            node = self._assessed[input_.asset].node
            read = upstream_ordinals(input_.mapping, up.partitions, down.partitions, ordinal, self._state.now)
            now = [facts for o in read if (facts := heads.get(node.partition_key(o))) is not None]
            newer = [facts for facts in now if facts.position > head.position]
            if newer:
                latest = max(newer, key=lambda facts: facts.position)
                before = started.inputs[input_.name].data_version if started and input_.name in started.inputs else ""
                return input_.asset, before, latest.data_version, latest.position
        return "", "", "", None


class Nearest(NamedTuple):
    """The earlier version whose key is nearest to the one wanted, and the parts in which they differ."""

    version: VersionFacts
    differs: tuple[Cause, ...]


def nearest(past: Sequence[VersionFacts], *, code: str, logic: str, inputs: str) -> Nearest | None:
    """The near miss: fewest differing parts first, then the newest. None without any earlier version."""

    def differing(facts: VersionFacts) -> tuple[Cause, ...]:
        causes = []
        if facts.code != code:
            causes.append(Cause.CODE)
        elif facts.logic != logic:
            causes.append(Cause.PARAMETERS)
        if facts.inputs != inputs:
            causes.append(Cause.INPUT)
        return tuple(causes)

    if not past:
        return None
    best = min(past, key=lambda facts: (len(differing(facts)), -facts.position))
    return Nearest(best, differing(best))
