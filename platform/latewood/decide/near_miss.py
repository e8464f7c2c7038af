"""The earlier version that was nearly what is wanted, and the parts in which it is not."""

from collections.abc import Sequence
from typing import NamedTuple

from latewood.decide.judge import changed_logic
from latewood.decide.reasons import Cause
from latewood.decide.state import VersionFacts


class Nearest(NamedTuple):
    """The earlier version whose key is nearest to the one wanted, and the parts in which they differ."""

    version: VersionFacts
    differs: tuple[Cause, ...]


def nearest(
    past: Sequence[VersionFacts], *, head: VersionFacts | None = None, code: str, logic: str, inputs: str
) -> Nearest | None:
    """The near miss: fewest differing parts first, then the newest.

    The head is none, since what differs in it is told anyway; nor is what differs in all that the head does.
    """

    def differing(facts: VersionFacts) -> tuple[Cause, ...]:
        causes = changed_logic(facts.code, facts.logic, code=code, logic=logic)
        return causes if facts.inputs == inputs else (*causes, Cause.INPUT)

    told = None if head is None else set(differing(head))
    others = [facts for facts in past if head is None or facts.version != head.version]
    near = [facts for facts in others if told is None or not told.issubset(differing(facts))]
    if not near:
        return None
    best = min(near, key=lambda facts: (len(differing(facts)), -facts.position))
    return Nearest(best, differing(best))
