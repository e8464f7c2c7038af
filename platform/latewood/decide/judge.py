"""The one comparison that planning and staleness share: a head against what would be computed now."""

from collections.abc import Sequence
from functools import lru_cache

from latewood.decide.keys import check_key
from latewood.decide.nodes import Node
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import Refusal, Retracted, Retraction, State, VersionFacts
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.policies import Reuse
from latewood.places import Address, identity, own_place


def displaced(key: AssetKey, facts: VersionFacts, state: State) -> Reason | None:
    """Why the version is at its place no more, if it lies at one: a later one is there, or something from outside."""
    there = state.displacing(facts.artifact)
    return None if there is None else Reason(Cause.OVERWRITTEN if there.version else Cause.CHANGED_OUTSIDE, key)


def takeable(node: Node, index: int, partition: PartitionKey, facts: VersionFacts, state: State) -> bool:
    """Whether the version may be taken from where it lies: from the store, or a place that the asset's IO can load."""
    asset = node.assets[index]
    address = Address.of(facts.artifact)
    if address is None or facts.asset == node.ids[index]:
        return address is None or asset.stored is None or address.io == asset.stored.io
    return address.where == own_place(asset, partition, state.environment) and not node.is_variant


def is_elsewhere(node: Node, index: int, partition: PartitionKey, facts: VersionFacts, state: State) -> bool:
    """Whether the version, to be head, has to be copied to the environment's own place: people look there.

    A head that it has from what it branched from is left where it lies: a branch copies nothing.
    """
    asset = node.assets[index]
    if asset.stored is None or node.is_variant:  # variants are kept in the store
        return False
    address, own = Address.of(facts.artifact), own_place(asset, partition, state.environment)
    if address is None or own is None:
        return True
    if address.where == own or identity(address.where) == identity(own):
        return False
    head = state.heads.get(node.ids[index], {}).get(partition)
    there = state.places.get(address.where)
    is_head = head is not None and head.version == facts.version
    return not (is_head and there is not None and there.environment in state.bases)


def retraction(node: Node, index: int, facts: VersionFacts, state: State) -> Retraction | None:
    """The retraction that a version falls under as one of this asset: of equal data, or of the same computation."""
    if not state.retracted:
        return None
    for asset in dict.fromkeys((facts.asset, node.ids[index])):
        if found := state.retracted.content(asset, facts.partition, facts.data_version, facts.artifact):
            return found
    return retracted_computation(node.assets[index], facts.reuse_key, state.retracted)


def retracted_computation(asset: AssetDefinition, key: str, retracted: Retracted) -> Retraction | None:
    """The retraction of what a step of this reuse key makes. Of a task that looks outside only content is refused."""
    if asset.task.reuse.window is not None or not key:
        return None
    return retracted.by_key.get((key, asset.output))


def refusal(node: Node, index: int, facts: VersionFacts, state: State) -> Refusal | None:
    """By what verdict a blocking check of the asset, as it is now, refuses the version's data; None without one."""
    asset = node.assets[index]
    blocking = {check.name: check for check in asset.blocking_checks}
    for refused in state.refusals.get((node.ids[index], facts.partition), ()):
        check = blocking.get(refused.check)
        if check is not None and refused.check_key == check_key(
            check, facts.data_version, facts.partition, state.contents_of(asset.key), asset.partitions
        ):
            return refused
    return None


def absent_outputs(
    node: Node, heads: Sequence[VersionFacts | None], inputs: str | None, state: State
) -> frozenset[int]:
    """Indexes of the optional outputs that the task does not make by its present logic and these inputs (None = any).

    The head of another output shows it: the step that made that one made none of these.
    """
    if not state.absent or not node.optional:
        return frozenset()

    def is_current(head: VersionFacts) -> bool:
        return head.logic == node.logic and inputs in (None, head.inputs)

    made = [head for head in heads if head is not None and is_current(head)]
    return frozenset(
        index
        for index, (asset, id_, head) in enumerate(zip(node.assets, node.ids, heads, strict=True))
        if asset.output in node.optional and (head is None or not is_current(head))
        if any((id_, sibling.partition, sibling.version) in state.absent for sibling in made)
    )


def differences(head: VersionFacts, node: Node, inputs: str | None, state: State) -> tuple[Reason, ...]:
    """Why this head is not what would be there after a run, as far as it lies in the head; empty = it may stay.

    `inputs` is the digest of what would be read, None while nobody knows it.
    """
    reasons: tuple[Reason, ...] = ()
    if head.logic != node.logic:
        reasons = _changed_logic(head.code, head.logic, node.task.code.version, node.logic)
    if inputs is not None and inputs != head.inputs:
        reasons += _INPUT
    if node.task.reuse.window is not None and has_expired(head, node.task.reuse, state):
        reasons += _EXPIRED
    if state.lost and head.artifact in state.lost:
        reasons += _LOST
    return reasons


_INPUT, _EXPIRED, _LOST = ((Reason(cause),) for cause in (Cause.INPUT, Cause.EXPIRED, Cause.LOST))


@lru_cache(maxsize=1024)
def _changed_logic(had_code: str, had_logic: str, code: str, logic: str) -> tuple[Reason, ...]:
    """The same for all partitions of an asset, and of these there may be a hundred thousand."""
    return tuple(map(Reason, changed_logic(had_code, had_logic, code=code, logic=logic)))


def changed_logic(had_code: str, had_logic: str, *, code: str, logic: str) -> tuple[Cause, ...]:
    """In what this logic differs from the one a version was made by; empty for the same.

    Resources that are new or gone are no cause beside the code, since that asks for them.
    """
    (was, _, had), (now, _, has) = had_logic.partition("+"), logic.partition("+")
    causes: tuple[Cause, ...] = ()
    if had_code != code:
        causes = (Cause.CODE,)
    elif was != now:
        causes = (Cause.PARAMETERS,)
    if had != has and ((had and has) or not causes):
        causes += (Cause.CONFIGURATION,)
    return causes


def has_expired(facts: VersionFacts, reuse: Reuse, state: State) -> bool:
    """True for a version older than the task's reuse window. Where reuse is off, age says nothing."""
    return reuse.window is not None and not reuse.is_off and state.now - facts.made_at > reuse.window
