"""What the steps of a plan read that lies in other systems, and would have brought here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from latewood.decide.plan import Plan, PlannedTask
from latewood.decide.state import VersionFacts
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.mappings import upstream_ranges
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import existing, key_at, keys_of
from latewood.model.relations import ordinals_read
from latewood.model.schemes import Scheme
from latewood.places import Address


@dataclass(slots=True, kw_only=True)
class Brought:
    """What lies of an asset in a connector's system now, and is brought here for its `readers`.

    Of so many of the versions, `remade`, the plan may make other ones first: then those are brought.
    """

    asset: AssetKey
    connector: str
    readers: list[AssetKey] = field(default_factory=list)
    versions: dict[PartitionKey, VersionFacts] = field(default_factory=dict)
    remade: int = 0


def lies_in(facts: VersionFacts) -> str:
    """The connector in whose system the version lies; empty for one that lies here."""
    address = Address.of(facts.artifact)
    return "" if address is None else address.connector


def brought(made: Plan, catalog: Catalog) -> tuple[Brought, ...]:
    """What the plan's steps would have brought here, if all of them run; each once, in the order of the plan.

    A job reads what lies in its own system there. What is not there yet is not told, since only its job says where it
    leaves that. Cost: O(heads of what is read), and of what lies elsewhere as `upstream_ranges`.
    """
    found: dict[tuple[AssetKey, str], Brought] = {}
    taken: dict[tuple[AssetKey, str], Ordinals] = {}
    running = {key: _running(task) for task in made.tasks for key in task.node.keys}
    elsewhere: dict[AssetKey, Mapping[str, Ordinals]] = {}
    for task in made.tasks:
        ordinals, own = _running(task), task.node.task.runs_on
        for input_ in task.node.task.inputs if ordinals else ():
            asset = input_.asset
            if not input_.loads or asset not in catalog.assets:
                continue
            up, down = catalog[asset].partitions, task.node.assets[0].partitions
            heads = made.state.heads.get(made.state.ids[asset], {})
            if asset not in elsewhere:
                elsewhere[asset] = _elsewhere(heads, up, made.state.now)
            asked = {there: lie for there, lie in elsewhere[asset].items() if own is None or own.connector != there}
            if not asked:
                continue
            pieces = upstream_ranges(input_.mapping, up, down, ordinals, made.state.now)
            read = Ordinals.of_ranges({range_ for piece in pieces for range_ in ordinals_read(piece).ranges})
            for there, lie in asked.items():
                if not (here := read & lie):
                    continue
                one = found.setdefault((asset, there), Brought(asset=asset, connector=there))
                if task.node.keys[0] not in one.readers:
                    one.readers.append(task.node.keys[0])
                before = taken.get((asset, there), Ordinals())
                for of in (key_at(up, ordinal) for ordinal in here - before):
                    one.versions[of] = heads[of]
                one.remade += len((here - before) & running.get(asset, Ordinals()))
                taken[asset, there] = before | here
    return tuple(found.values())


def _elsewhere(heads: Mapping[PartitionKey, VersionFacts], scheme: Scheme | None, now: datetime) -> dict[str, Ordinals]:
    """By connector which of the partitions lie in its system. Cost: O(heads), and O(partitions) where any does."""
    by_key = {of: there for of, facts in heads.items() if (there := lies_in(facts))}
    known = existing(scheme, now) if by_key else Ordinals()
    lie: dict[str, list[int]] = {}
    for ordinal, of in zip(known, keys_of(scheme, known), strict=True):
        if of in by_key:
            lie.setdefault(by_key[of], []).append(ordinal)
    return {there: Ordinals.from_sorted(ordinals) for there, ordinals in lie.items()}


def _running(task: PlannedTask) -> Ordinals:
    return task.ordinals(Action.RUN) | task.ordinals(Action.DEPENDS)
