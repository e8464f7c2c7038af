"""What is planned for one partition: to leave it, to take an earlier version, to run, or to wait for content. Pure."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Self

from latewood.decide.columns import PENDING, Read
from latewood.decide.judge import (
    absent_outputs,
    differences,
    displaced,
    has_expired,
    is_elsewhere,
    refusal,
    retracted_computation,
    retraction,
    takeable,
)
from latewood.decide.keys import check_key, reuse_key
from latewood.decide.nodes import Node
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import Retraction, State, VersionFacts
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey


class Asked(NamedTuple):
    """A task to decide about: whether each of its outputs is wanted, and whether it is to run whatever there is.

    `failed`: its last attempt has, so that a head as it should be is no reason to leave it unless it is refused.
    `plain`: it has neither checks nor optional outputs. Most have none, and this is asked a hundred thousand times, as
    is whether anything is `retracted`, or lies at a place of its own (`placed`), at all. `stored`: what it makes does.
    """

    node: Node
    wanted: tuple[bool, ...]
    force: bool
    failed: bool
    plain: bool
    retracted: bool
    placed: bool
    stored: bool
    reuse_off: bool

    @classmethod
    def of(cls, node: Node, selected: Collection[AssetKey], state: State, *, force: bool, failed: bool = False) -> Self:
        """What is asked of this task where these assets are selected."""
        keys, plain, stored = node.keys, not node.optional, False
        for asset in node.assets:
            plain = plain and not asset.checks
            stored = stored or asset.stored is not None
        wanted = (True,) if len(keys) == 1 else tuple([key in selected for key in keys])
        retracted, placed = bool(state.retracted), bool(state.places)
        return cls(node, wanted, force, failed, plain, retracted, placed, stored, node.task.reuse.is_off)


Kind = tuple[Action, tuple[Reason, ...]]
"""What is planned, and for what reasons."""

Withheld = tuple[Reason, ...]
"""Why there will be none to read: the root causes, however far above."""

Contents = tuple[str | Withheld | None, ...] | None
"""By output: the data version that will be there, PENDING while nobody knows it, or why there will be none; None where
it was never made. None instead of a tuple: all stays as it is."""

_FRESH: Final[Kind] = (Action.FRESH, ())
_NONE: Final[frozenset[int]] = frozenset()
_MISSING: Final = (Reason(Cause.MISSING),)
_ELSEWHERE: Final = Reason(Cause.ELSEWHERE)
_REUSE_OFF: Final = Reason(Cause.REUSE_OFF)
_FAILED: Final = (Reason(Cause.FAILED),)
_UNCHECKED: Final[Kind] = (Action.REUSE, (Reason(Cause.UNCHECKED),))


def decide(
    asked: Asked, partition: PartitionKey, read: Read, heads: Sequence[VersionFacts | None], state: State
) -> tuple[Kind, Contents]:
    """What is planned for one partition whose inputs are there or coming, and what will be there afterwards."""
    node = asked.node
    unknown = (PENDING,) * len(heads)
    if asked.force:
        return (Action.RUN, (Reason(Cause.FORCED),)), unknown
    absent = _NONE if asked.plain else absent_outputs(node, heads, read.digest, state)
    reasons = _reasons(asked, read, heads, absent, state)
    if asked.failed and not reasons and not any(_refusals(node, heads, state)):
        return (Action.RUN, _FAILED), unknown
    if not reasons and not read.pending:
        kind, contents = (_FRESH, None) if asked.plain else _as_it_is(node, heads, absent, state)
        if asked.stored and _lies_elsewhere(asked, partition, heads, absent, state):
            kind = (Action.REUSE, (*kind[1], _ELSEWHERE))
        return kind, contents
    if asked.reuse_off or _REUSE_OFF in reasons:
        return (Action.RUN, reasons), unknown
    if read.digest is None:
        if node.logic in state.logics or node.is_conditional:
            # By this logic there may be an equal result, or a branch that is not taken: only the content can tell.
            return (Action.DEPENDS, reasons + _upstream(read.pending)), unknown
    elif asked.retracted and (found := barred(node, partition, read.digest, state)) is not None:
        return (Action.BLOCKED, (_retracted(node, found),)), _left(node, heads, read.digest, state)
    elif (taken := reusable(node, partition, read.digest, state)) is not None:
        contents = tuple([_content(node, index, facts, state) for index, facts in enumerate(taken)])
        refusals = tuple([r for c in contents if isinstance(c, tuple) for r in c if r.cause is Cause.REFUSED])
        return (Action.REUSE, reasons + refusals), contents
    return (Action.RUN, reasons), unknown


def _as_it_is(
    node: Node, heads: Sequence[VersionFacts | None], absent: frozenset[int], state: State
) -> tuple[Kind, Contents]:
    """What is planned where the heads are what a run would make: nothing, unless their checks have more to say."""
    refusals = _refusals(node, heads, state)
    contents = tuple(
        _absent(node, index) if index in absent else refused or (head.data_version if head else None)
        for index, (head, refused) in enumerate(zip(heads, refusals, strict=True))
    )
    if any(refusals):
        # Taken again, so that the run says that it is refused still; nothing would come of computing it.
        return (Action.REUSE, tuple(reason for refused in refusals for reason in refused or ())), contents
    return (_UNCHECKED if _lacks_verdict(node, heads, state) else _FRESH), contents if absent else None


def _lies_elsewhere(
    asked: Asked, partition: PartitionKey, heads: Sequence[VersionFacts | None], absent: frozenset[int], state: State
) -> bool:
    """Whether a head that is wanted is to be copied to its place."""
    return any(
        asked.wanted[index] and index not in absent and is_elsewhere(asked.node, index, partition, head, state)
        for index, head in enumerate(heads)
        if head is not None
    )


def _retracted(node: Node, found: Retraction) -> Reason:
    key = next(asset.key for asset in node.assets if asset.output == found.output)
    return Reason(Cause.RETRACTED, key)


def _left(node: Node, heads: Sequence[VersionFacts | None], inputs: str, state: State) -> Contents:
    """What there is to read where running is barred: those heads alone that the same computation made."""

    def stays(index: int, head: VersionFacts) -> bool:
        made_so = head.logic == node.logic and head.inputs == inputs
        return made_so and retraction(node, index, head, state) is None and not state.is_gone(head.artifact)

    return tuple(
        head.data_version if head is not None and stays(index, head) else (Reason(Cause.RETRACTED, node.keys[index]),)
        for index, head in enumerate(heads)
    )


def _absent(node: Node, index: int) -> Withheld:
    return (Reason(Cause.ABSENT, node.keys[index]),)


def _content(node: Node, index: int, facts: VersionFacts | None, state: State) -> str | Withheld:
    """What will be there to read of a version that is taken; None is an optional output that was absent."""
    if facts is None:
        return _absent(node, index)
    asset, id_ = node.assets[index], node.ids[index]
    if (refused := _refused(node, index, facts, state)) is not None:
        return refused
    if state.checked is None:
        return facts.data_version if facts.accepted else PENDING
    keys = (verdict_of(check, asset, id_, facts, state) for check in asset.blocking_checks)
    return facts.data_version if all(key in state.checked for key in keys) else PENDING


def _refusals(node: Node, heads: Sequence[VersionFacts | None], state: State) -> list[Withheld | None]:
    return [head and _refused(node, index, head, state) for index, head in enumerate(heads)]


def _refused(node: Node, index: int, facts: VersionFacts, state: State) -> Withheld | None:
    found = refusal(node, index, facts, state)
    return None if found is None else (Reason(Cause.REFUSED, node.keys[index], found.check),)


def _lacks_verdict(node: Node, heads: Sequence[VersionFacts | None], state: State) -> bool:
    """True where a check was added or changed since, or came to no verdict that stands."""
    if state.checked is None:
        return False
    return any(
        verdict_of(check, asset, id_, head, state) not in state.checked
        for asset, id_, head in zip(node.assets, node.ids, heads, strict=True)
        if head is not None
        for check in asset.checks
    )


def verdict_of(
    check: CheckDefinition, asset: AssetDefinition, id_: AssetId, facts: VersionFacts, state: State
) -> tuple[AssetId, PartitionKey, str]:
    """What stands in the state's `checked` if the check has judged the version's content as one of this asset."""
    key = check_key(check, facts.data_version, facts.partition, state.contents_of(asset.key), asset.partitions)
    return id_, facts.partition, key


def _upstream(keys: Sequence[AssetKey]) -> tuple[Reason, ...]:
    return tuple([Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(keys)])


def _reasons(
    asked: Asked, read: Read, heads: Sequence[VersionFacts | None], absent: frozenset[int], state: State
) -> tuple[Reason, ...]:
    """Why the heads that are wanted are not to be left as they are; what is pending aside."""
    node = asked.node
    reasons: tuple[Reason, ...] = ()
    found = lacking = False
    for index, head in enumerate(heads):
        if not asked.wanted[index]:
            continue
        if index in absent:
            found = True
        elif head is not None:
            found = True
            reasons += differences(head, node, read.digest, state)
            if asked.retracted and retraction(node, index, head, state) is not None:
                reasons += (Reason(Cause.RETRACTED, node.keys[index]),)
            if asked.placed and (reason := displaced(node.keys[index], head, state)) is not None:
                reasons += (reason,)
            if asked.reuse_off or (not head.reuse_key and head.logic == node.logic):
                reasons += (_REUSE_OFF,)
        elif node.assets[index].output in node.optional:
            lacking = True
        else:
            return _MISSING
    if not found or (lacking and not reasons and not read.pending):
        return _MISSING  # an optional output too, if it was made but is no head: a check refused it
    return tuple(dict.fromkeys(reasons)) if len(heads) > 1 else reasons


def reusable(node: Node, partition: PartitionKey, inputs: str, state: State) -> tuple[VersionFacts | None, ...] | None:
    """What a step of this very key made before, by output, or None. An optional output may have been absent."""
    if not state.reusable:
        return None
    key = reuse_key(node.logic, inputs, partition)
    found = [state.reusable.get((key, asset.output)) for asset in node.assets]
    for index, (asset, facts) in enumerate(zip(node.assets, found, strict=True)):
        if facts is None:
            usable = asset.output in node.optional
        else:
            usable = not state.is_gone(facts.artifact) and not has_expired(facts, node.task.reuse, state)
            usable = usable and takeable(node, index, partition, facts, state)
            usable = usable and retraction(node, index, facts, state) is None
        if not usable:
            return None
    return tuple(found) if any(found) else None


def barred(node: Node, partition: PartitionKey, inputs: str, state: State) -> Retraction | None:
    """The retraction by which what a step of this very key would make is refused; None where running may help."""
    if node.task.reuse.window is not None:
        return None
    key = reuse_key(node.logic, inputs, partition)
    for index, asset in enumerate(node.assets):
        found = retracted_computation(asset, key, state.retracted)
        if found is None and (made := state.reusable.get((key, asset.output))) is not None:
            found = retraction(node, index, made, state)
        if found is not None and not found.rerun:
            return found
    return None
