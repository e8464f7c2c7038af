"""What the steps of a plan read that lies in other systems, and would have brought here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latewood.decide.plan import Plan, PlannedTask
from latewood.decide.state import VersionFacts
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import key_at
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
    leaves that. Cost: O(heads of what is read), and O(reads) of what lies elsewhere.
    """
    found: dict[tuple[AssetKey, str], Brought] = {}
    running = {key: _running(task) for task in made.tasks for key in task.node.keys}
    elsewhere: dict[AssetKey, Mapping[PartitionKey, str]] = {}
    for task in made.tasks:
        ordinals, own = _running(task), task.node.task.runs_on
        for input_ in task.node.task.inputs if ordinals else ():
            asset = input_.asset
            if not input_.loads or asset not in catalog.assets:
                continue
            heads = made.state.heads.get(made.state.ids[asset], {})
            if asset not in elsewhere:
                elsewhere[asset] = {of: there for of, facts in heads.items() if (there := lies_in(facts))}
            if not elsewhere[asset]:
                continue
            up, down = catalog[asset].partitions, task.node.assets[0].partitions
            for ordinal in ordinals:
                for upstream in upstream_ordinals(input_.mapping, up, down, ordinal, made.state.now):
                    of = key_at(up, upstream)
                    there = elsewhere[asset].get(of, "")
                    if not there or (own is not None and own.connector == there):
                        continue
                    one = found.setdefault((asset, there), Brought(asset=asset, connector=there))
                    if task.node.keys[0] not in one.readers:
                        one.readers.append(task.node.keys[0])
                    if of not in one.versions:
                        one.versions[of] = heads[of]
                        one.remade += upstream in running.get(asset, ())
    return tuple(found.values())


def _running(task: PlannedTask) -> Ordinals:
    return task.ordinals(Action.RUN) | task.ordinals(Action.DEPENDS)
