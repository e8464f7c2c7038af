"""Which partitions a rule asks for: those of which its condition is true, once for each cause. Pure.

What was asked for is not asked for again while its run is going on, nor after that for as long as nothing new is to
be said of it: its run made it, or what it reads was made anew, its code is another one, or a cron has ticked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from latewood.decide.actions import verdict_of
from latewood.decide.automation import LATE, Standing
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Assessed, Status
from latewood.decide.state import State, VersionFacts
from latewood.events import AskedFor
from latewood.model.automations import RuleDefinition
from latewood.model.axes import last_tick, next_tick, zone
from latewood.model.conditions import (
    AnyCondition,
    Every,
    Fact,
    Is,
    OfDeps,
    Opposite,
    Some,
    TickedSince,
    parts_of,
    ticking,
    uses,
)
from latewood.model.definitions import Catalog, Input
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import existing, is_partition, last_window, ordinal_of, window_end
from latewood.model.relations import Identity
from latewood.model.schemes import time_of

RANGES_MAX: Final = 200
"""Ranges of partitions that are waited for at a time: what one event has room for. The others are asked for later."""

_NONE: Final = Ordinals()

Places = Mapping[tuple[AssetId, PartitionKey], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What conditions are judged by: everything as of one position, at one instant.

    `failed` and `running` are asset partitions with the positions since when, `going_on` the runs that have not ended.
    The state's `checked` has the verdicts on all heads, where a rule asks for them.
    """

    catalog: Catalog
    state: State
    assessed: Mapping[AssetKey, Assessed]
    failed: Places = field(default_factory=dict)
    running: Places = field(default_factory=dict)
    going_on: frozenset[RunId] = frozenset()

    def head(self, key: AssetKey, ordinal: int) -> VersionFacts | None:
        """The head of a partition, if it has one."""
        assessed = self.assessed[key]
        of_asset = self.state.heads.get(self.state.ids[key], {})
        return of_asset.get(assessed.node.partition_key(ordinal))

    def existing(self, key: AssetKey) -> Ordinals:
        """The partitions there are."""
        return existing(self.catalog[key].partitions, self.state.now)

    def read_by(self, key: AssetKey, ordinal: int) -> Iterator[tuple[AssetKey, Ordinals]]:
        """What a partition reads, by asset; assets that are not there have no partitions."""
        down = self.catalog[key].partitions
        for input_ in self.catalog[key].task.inputs:
            if input_.asset in self.assessed:
                up = self.catalog[input_.asset].partitions
                yield input_.asset, upstream_ordinals(input_.mapping, up, down, ordinal, self.state.now)
            else:
                yield input_.asset, Ordinals()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDue:
    """What looking at a rule comes to: what to ask for, by asset in topological order, and what else is waited for.

    `began`: it is from now on that ticks count. `again_at`: when it can come true next by time alone.
    """

    partitions: Mapping[AssetKey, Ordinals]
    waiting: Mapping[AssetId, tuple[AskedFor, ...]]
    began: bool = False
    again_at: datetime | None = None

    @property
    def is_news(self) -> bool:
        """Whether there is anything to record."""
        return self.began or bool(self.partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is true of a condition, and of its parts: of these partitions."""

    condition: AnyCondition
    true: Ordinals
    parts: tuple["Told", ...] = ()


def due_by(rule: RuleDefinition, selected: Sequence[AssetKey], facts: Facts, standing: Standing) -> RuleDue:
    """What the rule asks for of the selected assets, which are in topological order.

    Cost: O(partitions of these, and what those read where the condition asks for it).
    """
    now = facts.state.now
    again_at = _again_at(rule, selected, facts)
    ahead = any(entry.at > now + LATE for entries in standing.asked.values() for entry in entries)
    if standing.until is None or standing.until > now + LATE or ahead:
        return RuleDue(partitions={}, waiting=_set_back(standing.asked, now), began=True, again_at=now)
    look = _Look(facts, standing)
    found: dict[AssetKey, Ordinals] = {}
    waiting: dict[AssetId, tuple[AskedFor, ...]] = {}
    for key in selected:
        true = look.holds(rule.condition, key, facts.existing(key))
        held = look.held(rule.condition, key, true)
        id_ = facts.state.ids[key]
        if still := tuple(look.unmade(key)):
            waiting[id_] = still
        if due := true - held:
            found[key] = look.requested[key] = due
    return RuleDue(partitions=dict(_bounded(found, waiting)), waiting=waiting, again_at=again_at)


def with_asked(
    found: RuleDue, facts: Facts, run: RunId, *, position: int, at: datetime
) -> dict[AssetId, tuple[AskedFor, ...]]:
    """All that is waited for once this run was asked for what is due."""
    asked: dict[AssetId, tuple[AskedFor, ...]] = dict(found.waiting)
    for key, due in found.partitions.items():
        id_ = facts.state.ids[key]
        logic = facts.assessed[key].node.logic
        others = (_without(entry, due) for entry in asked.get(id_, ()))
        entry = AskedFor(run=run, partitions=str(due), position=position, at=at, logic=logic)
        asked[id_] = (*(other for other in others if other is not None), entry)
    return asked


def explained(rule: RuleDefinition, key: AssetKey, facts: Facts, standing: Standing) -> tuple[Told, Ordinals]:
    """What is true of each part of the condition for an asset; and which partitions were asked for already."""
    look = _Look(facts, standing)
    domain = facts.existing(key)

    def told(condition: AnyCondition) -> Told:
        parts = () if isinstance(condition, OfDeps) else parts_of(condition)
        return Told(
            condition=condition, true=look.holds(condition, key, domain), parts=tuple(told(part) for part in parts)
        )

    found = told(rule.condition)
    return found, look.held(rule.condition, key, found.true)


class _Look:
    """One look at the facts. What is true of a whole asset is found once."""

    def __init__(self, facts: Facts, standing: Standing) -> None:
        self.requested: dict[AssetKey, Ordinals] = {}
        self._facts = facts
        self._began = standing.until
        self._asked = standing.asked
        self._known: dict[tuple[AnyCondition, AssetKey], Ordinals] = {}

    def holds(self, condition: AnyCondition, key: AssetKey, domain: Ordinals, since: int | None = None) -> Ordinals:
        """The partitions of the domain of which it is true. `since` is the position that `updated` counts from."""
        match condition:
            case Every(parts=parts):
                for part in parts:  # what costs most is asked of what is left
                    domain = self.holds(part, key, domain, since) if domain else domain
                return domain
            case Some(parts=parts):
                found = Ordinals()
                for part in parts:
                    found |= self.holds(part, key, domain - found, since)
                return found
            case Opposite(part=part):
                return domain - self.holds(part, key, domain, since)
            case OfDeps():
                return self._of_deps(condition, key, domain)
            case TickedSince():
                return self._not_since(self._tick(condition), key, domain, own=since is None)
            case Is(fact="checks passed"):
                return Ordinals.from_sorted([o for o in domain if self._has_passed(key, o)])
            case Is(fact="updated"):
                return Ordinals.from_sorted([o for o in domain if self._is_updated(key, o, since)])
            case Is(fact=fact):
                return self._facts_of(fact, key) & domain

    def held(self, condition: AnyCondition, key: AssetKey, true: Ordinals) -> Ordinals:
        """Those that were asked for, and of which nothing new is to be said."""
        ticks = [tick for each in ticking(condition) if (tick := self._tick(each)) is not None]
        found = Ordinals()
        for entry, ordinals in self._entries(key):
            if entry.run in self._facts.going_on:
                found |= ordinals
            elif entry.logic == self._facts.assessed[key].node.logic and all(tick <= entry.at for tick in ticks):
                found |= Ordinals.from_sorted([o for o in ordinals & true if not self._has_news(key, o, entry)])
        return found & true

    def unmade(self, key: AssetKey) -> Iterator[AskedFor]:
        """What was asked for of an asset and was not made since."""
        for entry, ordinals in self._entries(key):
            made = [o for o in ordinals if self._position(key, o) > entry.position]
            if entry.run in self._facts.going_on:
                yield entry
            elif (left := _without(entry, Ordinals.from_sorted(made))) is not None:
                yield left

    def _entries(self, key: AssetKey) -> Iterator[tuple[AskedFor, Ordinals]]:
        for entry in self._asked.get(self._facts.state.ids[key], ()):
            yield entry, Ordinals.parse(entry.partitions)

    def _has_news(self, key: AssetKey, ordinal: int, entry: AskedFor) -> bool:
        if self._position(key, ordinal) > entry.position:
            return True  # it was made, and is asked for anew
        for up, ordinals in self._facts.read_by(key, ordinal):
            if ordinals & self.requested.get(up, _NONE):
                return True
            if up in self._facts.assessed and any(self._position(up, o) > entry.position for o in ordinals):
                return True
        return False

    def _position(self, key: AssetKey, ordinal: int) -> int:
        head = self._facts.head(key, ordinal)
        return 0 if head is None else head.position

    def _is_updated(self, key: AssetKey, ordinal: int, since: int | None) -> bool:
        return self._position(key, ordinal) > (self._since(key, ordinal) if since is None else since)

    def _since(self, key: AssetKey, ordinal: int) -> int:
        asked = [entry.position for entry, ordinals in self._entries(key) if ordinal in ordinals]
        return max(asked, default=0)

    def _of_deps(self, condition: OfDeps, key: AssetKey, domain: Ordinals) -> Ordinals:
        """What is read of partition by partition is compared as sets: a condition may be about a hundred thousand."""
        found = domain if condition.every else _NONE
        for input_ in self._facts.catalog[key].task.inputs:
            of_input = self._of_input(condition, input_, key, domain)
            found = found & of_input if condition.every else found | of_input
        return found

    def _of_input(self, condition: OfDeps, input_: Input, key: AssetKey, domain: Ordinals) -> Ordinals:
        part, up = condition.part, input_.asset
        if up not in self._facts.assessed:
            return _NONE
        schemes = self._facts.catalog[up].partitions, self._facts.catalog[key].partitions
        since_it_was_made = uses(part, "updated")
        if not since_it_was_made and (part, up) not in self._known:
            self._known[part, up] = self.holds(part, up, self._facts.existing(up), 0)
        if not since_it_was_made and schemes[0] == schemes[1] and isinstance(input_.mapping, Identity):
            return domain & self._known[part, up]

        def is_so(ordinal: int) -> bool:
            read = upstream_ordinals(input_.mapping, *schemes, ordinal, self._facts.state.now)
            if since_it_was_made:
                since = max(self._since(key, ordinal), self._position(key, ordinal))
                true = self.holds(part, up, read, since)
            else:
                true = self._known[part, up] & read
            return not read - true if condition.every else bool(true)

        return Ordinals.from_sorted([ordinal for ordinal in domain if is_so(ordinal)])

    def _tick(self, condition: TickedSince) -> datetime | None:
        """When it ticked last since the rule began."""
        if self._began is None:
            return None
        after, upto = int(self._began.timestamp()), int(self._facts.state.now.timestamp())
        found = last_tick(condition.cron, zone(condition.timezone), after, upto)
        return None if found is None else datetime.fromtimestamp(found, UTC)

    def _not_since(self, tick: datetime | None, key: AssetKey, domain: Ordinals, *, own: bool) -> Ordinals:
        """What was not made since the tick, and not asked for either."""
        if tick is None:
            return Ordinals()
        for entry, ordinals in self._entries(key) if own else ():
            if entry.at >= tick:
                domain = domain - ordinals
        heads = ((o, self._facts.head(key, o)) for o in domain)
        return Ordinals.from_sorted([o for o, head in heads if head is None or head.made_at < tick])

    def _facts_of(self, fact: Fact, key: AssetKey) -> Ordinals:
        """The partitions of an asset of which the fact is true."""
        assessed, state = self._facts.assessed[key], self._facts.state
        match fact:
            case "missing":
                return assessed.by_status.get(Status.MISSING, Ordinals())
            case "stale":
                return _because(assessed, lambda causes: bool(causes - {Cause.UPSTREAM}))
            case "code changed":
                return _because(assessed, lambda causes: Cause.CODE in causes)
            case "failed":
                return self._at(self._facts.failed, key)
            case "running":
                return self._at(self._facts.running, key)
            case "in last window":
                scheme = self._facts.catalog[key].partitions
                return self._facts.existing(key) if time_of(scheme) is None else last_window(scheme, state.now)
            case "requested":
                return self.requested.get(key, Ordinals())
            case "updated" | "checks passed":
                raise AssertionError("that is asked partition by partition")

    def _at(self, places: Places, key: AssetKey) -> Ordinals:
        scheme, id_ = self._facts.catalog[key].partitions, self._facts.state.ids[key]
        named = (partition for asset, partition in places if asset == id_)
        return Ordinals.of(ordinal_of(scheme, name) for name in named if is_partition(scheme, name))

    def _has_passed(self, key: AssetKey, ordinal: int) -> bool:
        """Whether there is a head that each of the asset's checks, as they are now, has found right."""
        head, asset, state = self._facts.head(key, ordinal), self._facts.catalog[key], self._facts.state
        if head is None:
            return False
        assert state.checked is not None, "it is read where a rule asks for it"
        id_ = state.ids[key]
        refused = {(id_, head.partition, each.check_key) for each in state.refusals.get((id_, head.partition), ())}
        judged = {verdict_of(check, asset, id_, head, state) for check in asset.checks}
        return judged <= state.checked and refused.isdisjoint(judged)


def _because(assessed: Assessed, is_so: Callable[[frozenset[Cause]], bool]) -> Ordinals:
    found = Ordinals()
    for reasons, ordinals in assessed.by_reasons.items():
        if is_so(frozenset(reason.cause for reason in reasons)):
            found |= ordinals
    return found & assessed.by_status.get(Status.STALE, Ordinals())


def _without(entry: AskedFor, made: Ordinals) -> AskedFor | None:
    left = Ordinals.parse(entry.partitions) - made
    if not left:
        return None
    return AskedFor(run=entry.run, partitions=str(left), position=entry.position, at=entry.at, logic=entry.logic)


def _set_back(asked: Mapping[AssetId, Sequence[AskedFor]], now: datetime) -> dict[AssetId, tuple[AskedFor, ...]]:
    """The same as if it had been asked for now: the clock was set back since."""
    return {
        id_: tuple(
            AskedFor(run=e.run, partitions=e.partitions, position=e.position, at=min(e.at, now), logic=e.logic)
            for e in entries
        )
        for id_, entries in asked.items()
    }


def _bounded(
    found: Mapping[AssetKey, Ordinals], waiting: Mapping[AssetId, Sequence[AskedFor]]
) -> Iterator[tuple[AssetKey, Ordinals]]:
    """As much as there is room for; what a later asset reads comes first."""
    room = RANGES_MAX - sum(entry.partitions.count(",") + 1 for entries in waiting.values() for entry in entries)
    for key, due in found.items():
        if room > 0:
            yield key, Ordinals.of_ranges(due.ranges[:room])
            room -= len(due.ranges)


def _again_at(rule: RuleDefinition, selected: Iterable[AssetKey], facts: Facts) -> datetime | None:
    """When time alone can make it true: at a tick, at the end of a window, or as what may be reused grows too old."""
    now, found = facts.state.now, []
    for each in ticking(rule.condition):
        tick = next_tick(each.cron, zone(each.timezone), int(now.timestamp()))
        found += [] if tick is None else [datetime.fromtimestamp(tick, UTC)]
    for key in selected:
        if (end := window_end(facts.catalog[key].partitions, now)) is not None:
            found.append(end)
        window = facts.catalog[key].task.reuse.window
        if window and (uses(rule.condition, "stale")):
            heads = facts.state.heads.get(facts.state.ids[key], {}).values()
            found += [at for head in heads if (at := head.made_at + window) > now]
    return min(found, default=None)
