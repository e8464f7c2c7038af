"""How current assets are against how current they have to be. Pure.

What an asset is *up to* is the end of the last window of time that is there. What has no windows of time is up to when
it was made; or, while it is fresh, to what it reads is up to: made again it would be the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from latewood.decide.conditions import Facts
from latewood.decide.staleness import Status
from latewood.model.automations import FreshnessDefinition
from latewood.model.axes import last_tick, next_tick, zone
from latewood.model.definitions import Origin
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, last_window, window_at
from latewood.model.schemes import time_of

_LONGEST: Final = timedelta(days=4_000)
"""Between two ticks of a deadline: in eight years there is a leap day, and in most four."""

_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)
"""Up to when something is that would be the same, were it made again: it reads nothing, and is fresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a policy says of an asset: what it is `up_to`, and whether that is overdue, since when and why.

    Of what was never made nobody knows since when. In time it says `why` where that is not by when it was made.
    `again_at`: when that can change by time alone.
    """

    policy: str
    asset: AssetKey
    up_to: datetime | None
    is_overdue: bool = False
    since: datetime | None = None
    why: str = ""
    again_at: datetime | None = None


def judged_by(policy: FreshnessDefinition, keys: Sequence[AssetKey], facts: Facts) -> dict[AssetKey, Judged]:
    """What the policy says of each of the assets. Cost: O(assets + heads)."""
    current = _current(facts) if keys else {}
    return {key: _judged(policy, key, _up_to(key, facts, current), facts) for key in keys}


def _judged(policy: FreshnessDefinition, key: AssetKey, up_to: datetime | None, facts: Facts) -> Judged:
    now, has_windows = facts.state.now, time_of(facts.catalog[key].partitions) is not None
    if up_to is None and not has_windows:
        return Judged(policy=policy.name, asset=key, up_to=None, is_overdue=True, why="it was never made")
    in_time = "made again it would be the same" if up_to == _ALWAYS else ""
    up_to = now if in_time else up_to
    since: list[tuple[datetime, str]] = []
    again: list[datetime] = []
    if policy.max_lag_s is not None and up_to is not None:
        end = up_to + timedelta(seconds=policy.max_lag_s)
        if end < now:
            what = "its last window ended" if has_windows else "it was last brought up to date"
            since.append((end, f"{what} more than {_lag_text(policy.max_lag_s)} ago"))
        else:
            again.append(end + timedelta(microseconds=1))
    if policy.deadline:
        tz = zone(policy.timezone)
        tick = _last(policy, now)
        if tick is not None and (why := _too_late(policy, key, up_to, facts, tick)):
            since.append((tick, why))
        following = next_tick(policy.deadline, tz, int(now.timestamp()))
        again += [] if following is None else [datetime.fromtimestamp(following, UTC)]
    first = min(since, default=None)
    return Judged(
        policy=policy.name,
        asset=key,
        up_to=up_to,
        is_overdue=first is not None,
        since=None if first is None else first[0],
        why=in_time if first is None else first[1],
        again_at=min(again, default=None),
    )


def _lag_text(seconds: float) -> str:
    return str(timedelta(seconds=seconds)).removesuffix(", 0:00:00")


def _too_late(policy: FreshnessDefinition, key: AssetKey, up_to: datetime | None, facts: Facts, tick: datetime) -> str:
    """What was to be there at the tick and is not by now."""
    scheme = facts.catalog[key].partitions
    if scheme is not None and time_of(scheme) is not None:
        missing = facts.assessed[key].by_status.get(Status.MISSING, Ordinals())
        late = last_window(scheme, tick) & missing
        return f"{describe(scheme, late)} was to be there" if late else ""
    before = _last(policy, tick - timedelta(seconds=1))
    return "" if before is None or (up_to is not None and up_to >= before) else "it was to be brought up to date"


def _last(policy: FreshnessDefinition, now: datetime) -> datetime | None:
    upto, earliest = int(now.timestamp() // 1), int((now - _LONGEST).timestamp())
    found = last_tick(policy.deadline, zone(policy.timezone), earliest, upto)
    return None if found is None else datetime.fromtimestamp(found, UTC)


def _up_to(key: AssetKey, facts: Facts, current: Mapping[AssetKey, datetime | None]) -> datetime | None:
    scheme = facts.catalog[key].partitions
    if scheme is None or time_of(scheme) is None:
        return current[key]
    there = facts.existing(key) - facts.assessed[key].by_status.get(Status.MISSING, Ordinals())
    ends = [window_at(scheme, stop - 1).end.astimezone(UTC) for _, stop in there.ranges]
    return max(ends, default=None)


def _current(facts: Facts) -> dict[AssetKey, datetime | None]:
    """When each asset was last brought up to date; None of one of which something was never made."""
    found: dict[AssetKey, datetime | None] = {}
    for key in facts.catalog.graph.topological:
        if key not in facts.assessed:
            continue
        assessed, asset = facts.assessed[key], facts.catalog[key]
        made = [head.made_at for head in facts.state.heads.get(facts.state.ids[key], {}).values()]
        read = [found.get(input_.asset) for input_ in asset.task.inputs if input_.loads and input_.asset != key]
        known = [at for at in read if at is not None]
        own = (max if time_of(asset.partitions) is not None else min)(made, default=None)
        if asset.origin is Origin.VIRTUAL:
            found[key] = min(known, default=None) if len(known) == len(read) else None
            continue
        if assessed.by_status.get(Status.MISSING) and time_of(asset.partitions) is None:
            own = None
        if own is not None and assessed.status is Status.FRESH and asset.origin is Origin.MADE:
            if read and len(known) == len(read):
                own = max(own, min(known))
            elif not asset.task.inputs and not asset.task.reuse.is_off and asset.task.reuse.window is None:
                own = _ALWAYS
        found[key] = own
    return found
