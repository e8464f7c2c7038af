"""Carrying partitions over: versions of a partition that was count as those of one that is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from latewood.commands.deploying import CORRECTIONS
from latewood.commands.holding import ATTEMPTS
from latewood.commands.reading import heads_read
from latewood.commands.retracting import append_corrections
from latewood.commands.views import PRESENT, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.state import Carried
from latewood.errors import UsageError
from latewood.events import PartitionCarried
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.partitions import is_partition, key_at, ordinal_of
from latewood.model.schemes import title
from latewood.projections.carried import carried_over, partitions_made
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood_eventlog.errors import WrongExpectedVersion
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOver:
    """What was carried over, or taken back, at `position` (None = it was so before)."""

    asset: AssetKey
    old: PartitionKey
    new: PartitionKey
    undone: bool
    position: Position | None


def carry(workspace: Workspace, key: str, old: str, new: str, *, undone: bool = False) -> CarriedOver:
    """Let versions of partition `old` count as those of `new`, in every environment; or no longer.

    Raises UsageError for an `old` of which nothing was made or that still is a partition, and for a `new` that is none
    or has a head of its own.
    """
    for _ in range(ATTEMPTS):
        stream = workspace.log.version(workspace.project, CORRECTIONS)
        with snapshot(workspace.log) as connection:
            fact, asset, was_so = _decided(connection, workspace, key, old, new, undone=undone)
        position: Position | None = None
        if not was_so:
            try:
                position = append_corrections(workspace, [fact], stream)
            except WrongExpectedVersion:
                continue
        return CarriedOver(asset=asset, old=fact.old, new=fact.new, undone=undone, position=position)
    raise UsageError(f"others corrected something in each of {ATTEMPTS} attempts; nothing was recorded, try again")


def _decided(
    connection: Snapshot, workspace: Workspace, key: str, old: str, new: str, *, undone: bool
) -> tuple[PartitionCarried, AssetKey, bool]:
    """The fact, and whether that is so already."""
    view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={})
    asset = known_key(view, key)
    id_, scheme = view.ids[asset], view.catalog[asset].partitions
    if scheme is None:
        raise UsageError(f'"{asset}" has no partitions')
    said = {entry.new: entry for entry in carried_over(connection, workspace.project, [id_], NOW)}
    if undone:
        entry = said.get(PartitionKey(new))
        if entry is None or entry.old not in (old, _origin(old, said, ())):
            known = ", ".join(f"{entry.old} to {entry.new}" for entry in said.values()) or "nothing"
            raise UsageError(f'"{old}" of "{asset}" does not count as "{new}"; carried over is {known}')
        return PartitionCarried(asset=id_, old=entry.old, new=entry.new, undone=True), asset, False
    to = key_at(scheme, ordinal_of(scheme, new))  # in the one spelling that keys have
    made = partitions_made(connection, workspace.project, id_)
    old = _origin(old, said, made)
    if old not in made:
        near = get_close_matches(old, made, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "nothing was ever made of it"
        raise UsageError(f'"{asset}" has no version of a partition "{old}"; {hint}')
    if is_partition(scheme, old):
        raise UsageError(
            f'"{old}" still is a partition of "{asset}", which is {title(scheme)}; carried over is what was'
        )
    fact = PartitionCarried(asset=id_, old=PartitionKey(old), new=to)
    if to in said and said[to].old == old:
        return fact, asset, True
    head = heads_read(connection, workspace, [id_], NOW)[id_].get(to)
    if head is not None and head.partition == to:
        raise UsageError(f'"{asset}" {to} has a head of its own, {head.version}; nothing has to be carried over')
    return fact, asset, False


def _origin(old: str, said: Mapping[PartitionKey, Carried], made: Collection[PartitionKey]) -> str:
    """The partition whose versions count as those of one of which nothing was made."""
    seen = {old}
    while old not in made and (entry := said.get(PartitionKey(old))) is not None and entry.old not in seen:
        old = entry.old
        seen.add(old)
    return old
