"""Conditions on asset partitions, as a deployment records them: facts, combined, also over what a partition reads."""

from typing import Literal

import msgspec

Fact = Literal[
    "missing",
    "stale",
    "failed",
    "running",
    "updated",
    "code changed",
    "in last window",
    "checks passed",
    "requested",
]


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="is"):
    """What is true of a partition of an asset, or is not; `a & b`, `a | b` and `~a` are conditions too."""

    def __and__(self, other: "Condition") -> "Every":
        return Every(parts=(*_parts(self, Every), *_parts(other, Every)))

    def __or__(self, other: "Condition") -> "Some":
        return Some(parts=(*_parts(self, Some), *_parts(other, Some)))

    def __invert__(self) -> "Opposite":
        return Opposite(part=self)  # type: ignore[arg-type]


class Is(Condition, frozen=True, kw_only=True, tag="fact"):
    """One fact."""

    fact: Fact


class TickedSince(Condition, frozen=True, kw_only=True, tag="cron"):
    """The cron expression has ticked since it was made, and since it was asked for."""

    cron: str
    timezone: str = "UTC"


class Every(Condition, frozen=True, kw_only=True, tag="every"):
    """All parts are true."""

    parts: tuple["AnyCondition", ...]


class Some(Condition, frozen=True, kw_only=True, tag="some"):
    """Some part is true."""

    parts: tuple["AnyCondition", ...]


class Opposite(Condition, frozen=True, kw_only=True, tag="not"):
    """The part is not true."""

    part: "AnyCondition"


class OfDeps(Condition, frozen=True, kw_only=True, tag="deps"):
    """The part is true of any, or of `every`, partition that this one reads; of nothing read none is, and all are."""

    part: "AnyCondition"
    every: bool = False


AnyCondition = Is | TickedSince | Every | Some | Opposite | OfDeps


def _parts(condition: Condition, kind: type[Every] | type[Some]) -> tuple[AnyCondition, ...]:
    if not isinstance(condition, Condition):
        raise TypeError(f"expected a condition, found {condition!r}")
    return condition.parts if isinstance(condition, kind) else (condition,)  # type: ignore[return-value]


def parts_of(condition: AnyCondition) -> tuple[AnyCondition, ...]:
    """What it is combined from."""
    match condition:
        case Every(parts=parts) | Some(parts=parts):
            return parts
        case Opposite(part=part) | OfDeps(part=part):
            return (part,)
        case _:
            return ()


def ticking(condition: AnyCondition) -> tuple[TickedSince, ...]:
    """The cron expressions in it."""
    own = (condition,) if isinstance(condition, TickedSince) else ()
    return (*own, *(found for part in parts_of(condition) for found in ticking(part)))


def uses(condition: AnyCondition, fact: Fact) -> bool:
    """Whether it asks for that fact."""
    return (isinstance(condition, Is) and condition.fact == fact) or any(uses(p, fact) for p in parts_of(condition))


def text_of(condition: AnyCondition) -> str:
    """The condition as it is written in code."""
    match condition:
        case Is(fact=fact):
            return f"{fact.replace(' ', '_')}()"
        case TickedSince(cron=cron, timezone=timezone):
            return f'cron_since("{cron}", "{timezone}")'
        case Every(parts=parts):
            return " & ".join(_bracketed(part) for part in parts)
        case Some(parts=parts):
            return " | ".join(_bracketed(part) for part in parts)
        case Opposite(part=part):
            return f"~{_bracketed(part)}"
        case OfDeps(part=part, every=every):
            return f"{'all' if every else 'any'}_deps({text_of(part)})"


def _bracketed(condition: AnyCondition) -> str:
    text = text_of(condition)
    return f"({text})" if isinstance(condition, Every | Some) else text


def once_made(condition: AnyCondition, *, of_dep: bool = False) -> bool | None:
    """Whether it is true of a partition that was made just now, of what is as it is; None where that depends.

    One that may be would ask again and again.
    """
    match condition:
        case Is(fact="missing" | "stale" | "failed" | "running" | "code changed") if not of_dep:
            return False
        case Is(fact="updated" | "requested") if of_dep:
            return False
        case TickedSince() if not of_dep:
            return False
        case Every(parts=parts):
            found = [once_made(part, of_dep=of_dep) for part in parts]
            return False if False in found else None if None in found else True
        case Some(parts=parts):
            found = [once_made(part, of_dep=of_dep) for part in parts]
            return True if True in found else None if None in found else False
        case Opposite(part=part):
            opposite = once_made(part, of_dep=of_dep)
            return None if opposite is None else not opposite
        case OfDeps(part=part):
            return once_made(part, of_dep=True)
        case _:
            return None
