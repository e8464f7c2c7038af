"""Why an asset partition is as it is: its root causes, each naming versions, events and places. Pure.

The answer is structured; whoever shows it chooses the words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from latewood.decide.findings import Explanation, Finding, Past, as_text, changed_parameters
from latewood.decide.fingerprint import changed_task
from latewood.decide.judge import refusal, retraction
from latewood.decide.keys import read_version
from latewood.decide.moves import BY_HAND, By, Moved
from latewood.decide.nodes import Node
from latewood.decide.reasons import Cause, Reason
from latewood.decide.spots import Spot, stale_spots
from latewood.decide.staleness import Assessed
from latewood.decide.state import State, VersionFacts
from latewood.decide.versions import expand
from latewood.decide.views import behind, contents_version, through_name
from latewood.events import CheckEvaluated, ObservationFailed, StepFailed
from latewood.model.code import CodeChange
from latewood.model.definitions import Catalog, Input, Origin
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, keys_of
from latewood.places import Address

_FAILURES_TOLD: Final = 20
"""Of so many partitions it is told how they failed: each is a look into the log."""


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

    Cost: O(assets + stale partitions upstream), and what is known of all causes found, which is read at once.
    """
    partition = assessed[key].node.partition_key(ordinal)
    head = state.heads.get(state.ids[key], {}).get(partition)
    explainer = _Explainer(catalog, assessed, state, past, failed or {}, head)
    spots = stale_spots(catalog, assessed, state, key, Ordinals.between(ordinal, ordinal + 1))
    explainer.foresee(spots)
    head_since, moved = (None, None) if head is None else explainer.became_head(head)
    return Explanation(
        asset=key,
        partition=partition,
        status=assessed[key].status_of(ordinal),
        head=head,
        started=None if head is None else past.started(head),
        head_since=head_since,
        moved=moved,
        replaced=None if head is None else explainer.replaced(head, moved),
        beside=assessed[key].made_beside(key, ordinal, state) if ordinal in assessed[key].absent else None,
        findings=tuple(finding for spot in spots for finding in explainer.findings(spot)),
        position=state.position,
        failed=(failed or {}).get((state.ids[key], partition)),
    )


class _Explainer:
    """Names the causes of places, with what the past knows of them."""

    def __init__(
        self,
        catalog: Catalog,
        assessed: Mapping[AssetKey, Assessed],
        state: State,
        past: Past,
        failed: Mapping[tuple[AssetId, PartitionKey], int],
        explained: VersionFacts | None,
    ) -> None:
        self._catalog = catalog
        self._assessed = assessed
        self._state = state
        self._past = past
        self._failed = failed
        self._explained = explained

    def foresee(self, spots: Sequence[Spot]) -> None:
        """Have the past read at once what is asked of it for each finding: it may be far away, and they may be many."""
        heads: dict[Cause, list[VersionFacts]] = {}
        events: list[int] = []
        for spot in spots:
            events += islice(self._failed_at(spot).values(), _FAILURES_TOLD)
            for cause, node, _, head in self._beside(spot):
                heads.setdefault(cause, []).append(head)
                if cause is Cause.REFUSED:
                    refused = refusal(node, node.keys.index(spot.key), head, self._state)
                    events += [] if refused is None else [refused.position]
        slots: dict[AssetId, set[PartitionKey]] = {}
        for seen in self._dated_together(spots):
            slots.setdefault(seen[0].asset, set()).update(facts.partition for facts in seen)
        self._past.foresee(heads, slots)
        for seen in self._dated_together(spots):
            since = self._since(seen)
            last = max(seen, key=lambda facts: since.get(facts.partition, facts.position))
            if (position := since.get(last.partition, last.position)) != last.position:
                events.append(position)
        self._past.foresee_events(events)

    def _beside(self, spot: Spot) -> Iterator[tuple[Cause, Node, int, VersionFacts]]:
        """The causes that lie here, each with the first partition that has it, and the head of that."""
        for reason, ordinals in self._reasons(spot).items():
            node, ordinal = self._assessed[spot.key].node, next(iter(ordinals))
            head = self._state.heads.get(self._state.ids[spot.key], {}).get(node.partition_key(ordinal))
            if head is not None:
                yield reason.cause, node, ordinal, head

    def _dated_together(self, spots: Sequence[Spot]) -> Iterator[Sequence[VersionFacts]]:
        """Heads of one asset each of which it is asked since when all of them are there.

        Worked out anew for who asks twice: each may read all heads of an asset, and all of them together are many more.
        """
        if self._explained is not None:
            yield [self._explained]
        for spot in spots:
            for cause, node, ordinal, head in self._beside(spot):
                yield [head]
                if cause is Cause.INPUT:
                    inputs = [of for of in node.task.inputs if of.in_key and of.asset in self._catalog.assets]
                    for of in inputs:
                        yield from (list(seen.values()) for _, seen in self._read(node, of, ordinal) if seen)

    def _since(self, heads: Sequence[VersionFacts]) -> Mapping[PartitionKey, int]:
        return self._past.head_since(heads[0].asset, [facts.partition for facts in heads])

    def findings(self, spot: Spot) -> Iterator[Finding]:
        """Each cause once, for all partitions that have it; failed attempts last: why it was not mended."""
        if not spot.ordinals:
            # Nothing of it exists: another location dropped it, or its first partition is yet to come.
            dropped = "" if spot.key in self._catalog.assets else self._state.environment
            yield Finding(cause=Cause.MISSING, asset=spot.key, through=spot.through, undefined_in=dropped)
            return
        for reason, ordinals in self._reasons(spot).items():
            finding = replace(self._finding(spot, reason.cause, ordinals), subject=reason.check)
            first = next(iter(ordinals))
            for detail in self._details(finding, first):
                yield self._dated(detail, spot, first)
        yield from self._failures(spot)

    def _reasons(self, spot: Spot) -> dict[Reason, Ordinals]:
        """Those that lie here, each with all partitions that have it."""
        found: dict[Reason, Ordinals] = {}
        for reasons, affected in self._assessed[spot.key].by_reasons.items() if spot.ordinals else ():
            if here := affected & spot.ordinals:
                for reason in reasons:
                    if reason.cause is not Cause.UPSTREAM:
                        found[reason] = found.get(reason, Ordinals()) | here
        return found

    def became_head(self, head: VersionFacts) -> tuple[int, Moved | None]:
        """From which position on this is head, and by what if not by being made."""
        since = self._since([head]).get(head.partition, head.position)
        return since, None if since == head.position else self._past.moved(head.asset, since)

    def replaced(self, head: VersionFacts, moved: Moved | None) -> Moved | None:
        """How the head that a run put this one in place of had been set by hand, if it had."""
        if moved is not None and moved.by is not By.REUSE:
            return None
        since, _ = self.became_head(head)
        before = self._past.before(head.asset, head.partition, since)
        return before if before is not None and before.by in BY_HAND else None

    def _dated(self, finding: Finding, spot: Spot, ordinal: int) -> Finding:
        """The finding with when it came to bear on the head of this partition: not before that became head."""
        partition = self._assessed[spot.key].node.partition_key(ordinal)
        head = self._state.heads.get(self._state.ids[spot.key], {}).get(partition)
        if head is None:
            return replace(finding, since=finding.event)
        since, moved = self.became_head(head)
        if moved is not None and self._explained is not None and moved.position < self._explained.position:
            moved = moved if spot.reader is None else None  # what is explained was made from what it moved to
        of_head = finding.asset == spot.key and finding.cause is not Cause.INPUT
        return replace(
            finding,
            since=None if finding.event is None else max(finding.event, since),
            moved=moved if of_head else finding.moved,
        )

    def _finding(self, spot: Spot, cause: Cause, ordinals: Ordinals, event: int | None = None) -> Finding:
        scheme = self._catalog[spot.key].partitions
        partitions = "" if scheme is None else describe(scheme, ordinals)
        return Finding(cause=cause, asset=spot.key, partitions=partitions, event=event, through=spot.through)

    def _failures(self, spot: Spot) -> Iterator[Finding]:
        """What attempts and verdicts that failed say, the newest first, each of the partitions where it is that.

        The newest few are looked up; of those before them it is said only that they failed.
        """
        found = self._failed_at(spot)
        alike: dict[tuple[str, str], list[int]] = {}
        for ordinal, event in islice(found.items(), _FAILURES_TOLD):
            alike.setdefault(_kind(self._past.failure(event)), []).append(ordinal)
        for ordinals in alike.values():
            event = found[ordinals[0]]
            finding = self._finding(spot, Cause.FAILED, Ordinals.of(ordinals), event)
            yield replace(finding, failure=self._past.failure(event))
        if before := list(found)[_FAILURES_TOLD:]:
            yield self._finding(spot, Cause.FAILED, Ordinals.of(before), found[before[0]])

    def _failed_at(self, spot: Spot) -> dict[int, int]:
        """Of the partitions of which an attempt or a verdict failed, where that stands; the newest first."""
        if not self._failed or not spot.ordinals:
            return {}
        node, id_ = self._assessed[spot.key].node, self._state.ids[spot.key]
        events = ((ordinal, self._failed.get((id_, node.partition_key(ordinal)))) for ordinal in spot.ordinals)
        found = {ordinal: event for ordinal, event in events if event is not None}
        return dict(sorted(found.items(), key=lambda entry: entry[1], reverse=True))

    def _details(self, finding: Finding, ordinal: int) -> Iterator[Finding]:
        """The finding with what changed, by the first of its partitions; one for each parameter or input."""
        key = finding.asset
        node = self._assessed[key].node
        head = self._state.heads.get(self._state.ids[key], {}).get(node.partition_key(ordinal))
        details: list[Finding] = []
        if head is not None and finding.cause is Cause.CODE:
            details = [self._changed_code(finding, head)]
        elif head is not None and finding.cause is Cause.PARAMETERS:
            details = list(self._changed_parameters(finding, head))
        elif head is not None and finding.cause is Cause.CONFIGURATION:
            details = list(self._changed_configuration(finding, head))
        elif head is not None and finding.cause is Cause.INPUT:
            details = list(self._changed_inputs(finding, head, ordinal))
        elif head is not None and finding.cause is Cause.REFUSED:
            refused = refusal(node, node.keys.index(key), head, self._state)
            assert refused is not None, "so it was assessed"
            event = refused.position
            details = [replace(finding, event=event, failure=self._past.failure(event))]
        elif head is not None and finding.cause is Cause.RETRACTED:
            found = retraction(node, node.keys.index(key), head, self._state)
            assert found is not None, "so it was assessed"
            details = [replace(finding, event=found.position, retraction=found)]
        elif head is not None and finding.cause in (Cause.OVERWRITTEN, Cause.CHANGED_OUTSIDE):
            there, address = self._state.displacing(head.artifact), Address.of(head.artifact)
            assert there is not None, "so it was assessed"
            assert address is not None, "the same"
            changed = replace(finding, path=address.place, before=address.fingerprint, after=there.fingerprint)
            details = [replace(changed, lying=there, event=there.position or None)]
        yield from details or [finding]

    def _changed_code(self, finding: Finding, head: VersionFacts) -> Finding:
        old = self._past.definition_of(head)
        code = changed_task(old.task, self._catalog[finding.asset].task) if old is not None else ()
        return replace(finding, event=self._past.deployed(finding.asset), code=code)

    def _changed_parameters(self, finding: Finding, head: VersionFacts) -> Iterator[Finding]:
        """Values that differ, and what lies behind paths that do not; or it is another task altogether."""
        node = self._assessed[finding.asset].node
        started = self._past.started(head)
        event = self._past.deployed(finding.asset)
        if started is not None and started.task != node.task.name:
            change = CodeChange(subject="version", name=node.task.name, before=started.task, after=node.task.name)
            yield replace(finding, cause=Cause.CODE, event=event, code=(change,))
            return
        if started is None:
            return
        for name, path, before, after in changed_parameters(
            node, started.parameters, head, finding.asset, self._state, self._past
        ):
            found = replace(finding, subject=name, path=path, before=before, after=after)
            if path:
                yield found
                continue
            pin = self._past.pinned(finding.asset, name)
            if pin is not None and not pin.pinned and pin.position < head.position:
                pin = None
            # A head that was made after the deployment with another value is a variant that somebody promoted.
            since = pin.position if pin is not None else event if (event or 0) > head.position else None
            if since is None and (promoted := self.became_head(head)[1]) is not None:
                since = promoted.position
            yield replace(found, event=since, pin=pin)

    def _changed_configuration(self, finding: Finding, head: VersionFacts) -> Iterator[Finding]:
        """The fields of resources that are configured otherwise than when the head was made, and decide results."""
        started = self._past.started(head)
        digests = {} if started is None else started.configurations
        for use in self._assessed[finding.asset].node.task.uses:
            then = self._past.configuration(digests.get(use.resource, ""))
            event = self._past.configured(finding.asset, use.resource)
            if (event or 0) <= head.position:
                # A head that was made after it with another configuration was made elsewhere, and promoted.
                promoted = self.became_head(head)[1]
                event = None if promoted is None else promoted.position
            found = replace(finding, event=event)
            if then is None or use.keyed is None:
                before, after = ("" if values is None else "configured" for values in (then, use.keyed))
                yield replace(found, subject=use.resource, before=before, after=after)
                continue
            was = {name: value for name, value in then.items() if name not in use.unkeyed}
            for name in sorted({*was, *use.keyed}):
                if was.get(name) != use.keyed.get(name):
                    before, after = as_text(was.get(name)), as_text(use.keyed.get(name))
                    yield replace(found, subject=f"{use.resource}.{name}", before=before, after=after)

    def _changed_inputs(self, finding: Finding, head: VersionFacts, ordinal: int) -> Iterator[Finding]:
        """The data version read through each input then and now, and the event by which that came to be read."""
        started = self._past.started(head)
        node = self._assessed[finding.asset].node
        for input_ in node.task.inputs:
            if not input_.in_key or input_.asset not in self._catalog.assets:
                continue
            if self._catalog[input_.asset].origin is Origin.VIRTUAL:
                yield from self._changed_view(finding, head, input_, ordinal)
                continue
            ((_, seen),) = self._read(node, input_, ordinal)
            read = list(seen.items())
            before = started.inputs.get(input_.name) if started is not None else None
            known = set(expand(before.versions)) if before is not None else set()
            after = read_version(input_, [(key, facts.data_version) for key, facts in read])
            was = {} if before is None else self._past.contents_read(before)
            newer = [
                facts
                for key, facts in read
                if (facts.position > head.position if before is None else facts.data_version != was.get(key))
            ]
            since, moved = self._last_to_change(newer)
            for found in self._state.retracted.of_asset(self._state.ids[input_.asset]):
                if found.version in known:
                    through = (finding.asset, *finding.through)
                    cause = replace(finding, cause=Cause.RETRACTED, asset=input_.asset, partitions=found.partition)
                    yield replace(cause, event=found.position, retraction=found, through=through)
            if after != before.data_version if before is not None else newer:
                yield replace(
                    finding,
                    subject=input_.asset,
                    before=before.data_version if before is not None else "",
                    after=after,
                    event=since,
                    moved=moved,
                    observed=self._catalog[input_.asset].origin is Origin.EXTERNAL,
                )

    def _changed_view(self, finding: Finding, head: VersionFacts, input_: Input, ordinal: int) -> Iterator[Finding]:
        """What a view that is read is a view of, then and now; without any such change it is the view itself."""
        started, told = self._past.started(head), False
        for key, read in self._read(self._assessed[finding.asset].node, input_, ordinal):
            seen = list(read.values())
            before = started.inputs.get(through_name(input_.name, key)) if started is not None else None
            after = contents_version((facts.partition, facts.data_version) for facts in seen)
            if before is not None and before.data_version != after:
                told = True
                was = self._past.contents_read(before)
                since, moved = self._last_to_change([f for f in seen if f.data_version != was.get(f.partition)])
                change = replace(finding, subject=key, before=before.data_version, after=after, event=since)
                yield replace(change, moved=moved, observed=self._catalog[key].origin is Origin.EXTERNAL)
        if not told:
            yield replace(finding, subject=input_.asset, event=self._past.deployed(input_.asset))

    def _read(
        self, node: Node, input_: Input, ordinal: int
    ) -> Iterator[tuple[AssetKey, dict[PartitionKey, VersionFacts]]]:
        """The heads that a partition reads through an input: of that asset, or of all behind a view."""
        up, now = self._catalog[input_.asset].partitions, self._state.now
        read = upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, now)
        for key, ordinals in behind(self._catalog, input_.asset, read, now).items():
            heads = self._state.heads.get(self._state.ids[key], {})
            yield key, {of: heads[of] for of in keys_of(self._catalog[key].partitions, ordinals) if of in heads}

    def _last_to_change(self, heads: Sequence[VersionFacts]) -> tuple[int | None, Moved | None]:
        """Since when, and by what, these heads of one asset are all that they are."""
        if not heads:
            return None, None
        since = self._since(heads)
        return self.became_head(max(heads, key=lambda facts: since.get(facts.partition, facts.position)))


def _kind(failure: StepFailed | CheckEvaluated | ObservationFailed) -> tuple[str, str]:
    """What is equal of failures that are told together: messages often name the partition."""
    if isinstance(failure, CheckEvaluated):
        return "check", failure.check
    return "error", failure.failure.error
