"""What there is to tell by a Notify, and how it is written and signed. Pure."""

import base64
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from latewood.decide.keys import digest
from latewood.events import Notification
from latewood.model.automations import Occasion
from latewood.model.keys import AssetId, AssetKey, RunId

_ASSETS_MAX: Final = 20
"""Assets that a notification names; it counts the others."""

_LINES_MAX: Final = 5
_LINE_BYTES_MAX: Final = 300

_KEPT_MAX: Final = 800
"""Assets of which it is kept in mind that they were told of, all reasons together: one event holds them."""


class Trouble(NamedTuple):
    """An asset that something is wrong with, and what."""

    asset: AssetId
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A run has ended, or assets were looked at: what failed by it, and all of the environment that is failing now.

    `checks` are those that did not pass.
    """

    position: int
    at: datetime
    run: RunId
    failures: Sequence[Trouble] = ()
    checks: Sequence[Trouble] = ()
    failing: Collection[AssetId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueNow:
    """These assets are overdue by a policy, and no others any more."""

    position: int
    at: datetime
    policy: str
    overdue: Collection[AssetId]


Occurrence = Over | OverdueNow
"""What may have to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told and has not recovered since: assets that failed, and those that are overdue by policy."""

    failing: tuple[AssetId, ...] = ()
    overdue: Mapping[str, tuple[AssetId, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which Notify it is (project, environment, location, name), of which occasions, and of which assets."""

    names: tuple[str, ...]
    on: Collection[Occasion]
    keys: Mapping[AssetId, AssetKey]


def told_by(about: About, told: Told, occurrence: Occurrence) -> tuple[list[Notification], Told]:
    """The notifications that an occurrence is reason for, and what was told by then."""
    match occurrence:
        case Over():
            return _over(about, told, occurrence)
        case OverdueNow():
            return _overdue(about, told, occurrence)


def _over(about: About, told: Told, over: Over) -> tuple[list[Notification], Told]:
    found: list[Notification] = []
    failures = [each for each in over.failures if each.asset in about.keys]
    checks = [each for each in over.checks if each.asset in about.keys]
    for occasion, troubles in ((Occasion.FAILED, failures), (Occasion.CHECK_FAILED, checks)):
        if troubles:
            found += _notification(about, occasion, over, [each.asset for each in troubles], troubles)
    known = dict.fromkeys((*told.failing, *(each.asset for each in (*failures, *checks) if each.asset in over.failing)))
    failing = tuple(asset for asset in known if asset in over.failing)
    recovered = [asset for asset in told.failing if asset not in over.failing and asset in about.keys]
    if recovered:
        found += _notification(about, Occasion.RECOVERED, over, recovered, ())
    room = max(0, _KEPT_MAX - sum(map(len, told.overdue.values())))
    return found, replace(told, failing=failing[:room])


def _overdue(about: About, told: Told, now: OverdueNow) -> tuple[list[Notification], Told]:
    found: list[Notification] = []
    overdue = tuple(asset for asset in now.overdue if asset in about.keys)
    before = told.overdue.get(now.policy, ())
    if new := [asset for asset in overdue if asset not in before]:
        line = Trouble(new[0], f"by {now.policy.rpartition(':')[2]}")
        found += _notification(about, Occasion.OVERDUE, now, new, [line])
    if current := [asset for asset in before if asset not in overdue and asset in about.keys]:
        found += _notification(about, Occasion.RECOVERED, now, current, [Trouble(current[0], "in time again")])
    rest = {policy: assets for policy, assets in told.overdue.items() if policy != now.policy}
    room = max(0, _KEPT_MAX - len(told.failing) - sum(map(len, rest.values())))
    return found, replace(told, overdue={**rest, **({now.policy: overdue[:room]} if overdue else {})})


def _notification(
    about: About, occasion: Occasion, occurrence: Occurrence, assets: Sequence[AssetId], troubles: Sequence[Trouble]
) -> list[Notification]:
    """One, if it is to be told of such."""
    if occasion not in about.on:
        return []
    keys = list(dict.fromkeys(about.keys[asset] for asset in assets))
    lines = list(dict.fromkeys(_cut(each.line) for each in troubles))
    return [
        Notification(
            id=f"msg_{digest(*about.names, occasion, str(occurrence.position))[:24]}",
            occasion=occasion,
            at=occurrence.at,
            run=occurrence.run if isinstance(occurrence, Over) else RunId(""),
            assets=tuple(keys[:_ASSETS_MAX]),
            count=len(keys),
            lines=tuple(lines[:_LINES_MAX]),
        )
    ]


def _cut(line: str) -> str:
    first = line.strip().split("\n", 1)[0]
    encoded = first.encode()
    if len(encoded) <= _LINE_BYTES_MAX:
        return first
    return encoded[: _LINE_BYTES_MAX - 3].decode("utf-8", "ignore") + "…"


def in_words(environment: str, told: Notification) -> str:
    """The notification in one or two lines, for people."""
    if told.occasion is Occasion.TEST:
        return f"a test from {environment}: it is told here what becomes of assets"
    named = ", ".join(told.assets[:3])
    more = f" and {told.count - 3:,} more" if told.count > 3 else ""  # noqa: PLR2004 - as many are named
    by = f", run {told.run}" if told.run else ""
    return "\n".join((f"{told.occasion} in {environment}: {named}{more}{by}", *told.lines[:1]))


def body_of(project: str, environment: str, name: str, told: Notification) -> bytes:
    """What is sent: the same bytes each time."""
    body = {
        "text": in_words(environment, told),
        "type": told.occasion,
        "timestamp": told.at,
        "id": told.id,
        "data": {
            "project": project,
            "environment": environment,
            "notify": name,
            "assets": told.assets,
            "count": told.count,
            "run": told.run,
            "lines": told.lines,
        },
    }
    return msgspec.json.encode(body)


def signature_of(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. Raises ValueError for a `whsec_` secret that is no base64.

    Source: the specification of Standard Webhooks, symmetric signatures.
    """
    key = base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"
