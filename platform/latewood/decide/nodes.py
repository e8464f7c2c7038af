"""What is planned and judged: tasks with the assets they make together, each for every trial that reaches it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from latewood.decide.canonical import are_equal
from latewood.decide.keys import logic_digest, parameters_of
from latewood.decide.state import State
from latewood.decide.sweep import NO_SWEEP, Sweep, Trial
from latewood.model.definitions import AssetDefinition, Catalog, Origin, TaskDefinition
from latewood.model.elements import element_asset, elements_of
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import existing, extent, key_at, keys_of
from latewood.model.schemes import Scheme

Slot = tuple[AssetKey, Trial]
"""Where what a run makes of an asset is found: a sweep makes several versions of one partition."""


class Node(NamedTuple):
    """One task with the assets it makes together, in the order of its outputs, and what all its partitions share.

    In a run with other than the environment's parameters a task has a node for each different `trial` that reaches
    it; `upstream` says which trial it reads of those assets that have any. A tuple: a project has ten thousand.
    With `of_element` it is no asset's node, but what a mapped task does with one element.
    """

    assets: tuple[AssetDefinition, ...]
    keys: tuple[AssetKey, ...]
    ids: tuple[AssetId, ...]
    task: TaskDefinition
    parameters: Mapping[str, Any]
    logic: str
    trial: Trial = ()
    upstream: Mapping[AssetKey, Trial] = MappingProxyType({})
    of_element: bool = False

    @property
    def origin(self) -> Origin:
        """Where versions come from; only a task that makes assets is ever planned."""
        return self.assets[0].origin

    @property
    def is_variant(self) -> bool:
        """True for what is no head by itself: made with other than the environment's parameters, or of an element."""
        return bool(self.trial) or self.of_element

    def slot(self, asset: AssetKey) -> Slot:
        """Where this asset is found that the task reads or makes."""
        if not self.trial:
            return asset, ()  # what is read of trials is a trial
        return asset, self.trial if asset in self.keys else self.upstream.get(asset, ())

    @property
    def is_conditional(self) -> bool:
        """True for a step in a branch of a choice, and for the choice itself."""
        return any(map(_WHERE, self.task.inputs))

    @property
    def optional(self) -> frozenset[str]:
        """Outputs whose absence beside others says that the task made none; a subset is no such evidence."""
        outputs = self.task.outputs
        if self.task.subsettable or not any(map(_OPTIONAL, outputs)):
            return _NO_OUTPUTS
        return frozenset([output.name for output in outputs if output.optional])

    def only(self, keys: Collection[AssetKey]) -> "Node":
        """The node for these of its assets, where the task can make some of its outputs without the others."""
        if not self.task.subsettable or all(key in keys for key in self.keys):
            return self
        chosen = [index for index, key in enumerate(self.keys) if key in keys]
        return self._replace(
            assets=tuple(self.assets[index] for index in chosen),
            keys=tuple(self.keys[index] for index in chosen),
            ids=tuple(self.ids[index] for index in chosen),
        )

    def existing(self, state: State) -> Ordinals:
        """The partitions at the state's instant; one for unpartitioned assets."""
        scheme = self.assets[0].partitions
        return _ONLY if scheme is None else existing(scheme, state.now)

    def partition_key(self, ordinal: int) -> PartitionKey:
        """Name of the partition with that ordinal."""
        return key_at(self.assets[0].partitions, ordinal)

    def partitions(self, state: State) -> Sequence[PartitionKey]:
        """Names of partitions at the state's instant by ordinal, removed ones too. Cost: O(1) once named."""
        scheme = self.assets[0].partitions
        return _UNPARTITIONED if scheme is None else _named(scheme, extent(scheme, state.now))


_WHERE: Final = attrgetter("where")
_OPTIONAL: Final = attrgetter("optional")
_NO_OUTPUTS: Final[frozenset[str]] = frozenset()
_UNPARTITIONED: Final = (UNPARTITIONED,)
_ONLY: Final = Ordinals.between(0, 1)


def keys_at(scheme: Scheme | None, size: int) -> Sequence[PartitionKey]:
    """Names of the first partitions by ordinal, removed ones too. Cost: O(1) once named."""
    return _UNPARTITIONED if scheme is None else _named(scheme, size)


@lru_cache(maxsize=16)
def _named(scheme: Scheme, size: int) -> Sequence[PartitionKey]:
    """A plan reads the keys of one scheme once per asset that has it, and every command plans several times."""
    return keys_of(scheme, Ordinals.between(0, size))


def nodes_of(
    catalog: Catalog, state: State, sweep: Sweep = NO_SWEEP, selected: frozenset[AssetKey] = frozenset()
) -> list[Node]:
    """All tasks in topological order of their assets; a task of several assets stands once, at its first.

    A selected task stands there once for each trial: what of the sweep is other than the environment's parameters, for
    the task itself or for what it reads of the selected ones. So does a view, selected or not: nobody makes it, and
    what it is of a trial it shows.
    Cost: O(assets), and the combinations for each asset that a trial reaches.
    """
    nodes: list[Node] = []
    seen: set[AssetKey] = set()
    given = sweep.given
    combinations = tuple(sweep.combinations()) if given else ()
    trials: dict[AssetKey, tuple[Trial, ...]] = {}
    known = catalog.assets
    for key in catalog.graph.topological:
        if key in seen or key not in known:
            continue
        task = known[key].task
        assets = tuple([known[o.asset] for o in task.outputs if o.asset in known])
        keys = tuple([asset.key for asset in assets])
        seen.update(keys)
        own, contents = parameters_of(task, {}), state.contents_of(keys[0])
        node = Node(
            assets=assets,
            keys=keys,
            ids=tuple([state.ids[key] for key in keys]),
            task=task,
            parameters=own,
            logic=logic_digest(task, own, contents, assets[0].partitions),
        )
        is_asked = node.origin is Origin.VIRTUAL or not selected.isdisjoint(keys)
        if given and is_asked and _is_swept(node, given, trials):
            made: dict[Trial, Node] = {}
            reached = []
            for number, combination in enumerate(combinations):
                upstream = {i.asset: trials[i.asset][number] for i in task.inputs if i.asset in trials}
                values = parameters_of(task, {n: v for key in keys for n, v in combination.get(key, {}).items()})
                trial = _trial(node, values, upstream)
                reached.append(trial)
                if trial not in made:
                    logic = logic_digest(task, values, contents, assets[0].partitions)
                    made[trial] = node._replace(parameters=values, logic=logic, trial=trial, upstream=upstream)
            nodes += made.values()
            trials |= dict.fromkeys(node.only(selected).keys, tuple(reached))
        else:
            nodes.append(node)
    return nodes


def by_trial(nodes: Iterable[Node]) -> dict[tuple[AssetKey, int], Node]:
    """The nodes by what they make: the n-th of a task's trials is the n-th of its nodes."""
    found: dict[tuple[AssetKey, int], Node] = {}
    counts: dict[AssetKey, int] = {}
    for node in nodes:
        for key in node.keys:
            found[key, counts.get(key, 0)] = node
            counts[key] = counts.get(key, 0) + 1
    return found


def element_node(node: Node, state: State) -> Node:
    """What a mapped task does with each element: as the plain task, so that either reuses the other's results."""
    asset = element_asset(node.assets[0])
    logic = logic_digest(asset.task, node.parameters, state.contents_of(node.keys[0]), None)
    ids = (elements_of(node.ids[0]),)
    return node._replace(assets=(asset,), keys=(asset.key,), ids=ids, task=asset.task, logic=logic, of_element=True)


def _is_swept(node: Node, given: Collection[AssetKey], trials: Collection[AssetKey]) -> bool:
    return any(key in given for key in node.keys) or any(i.asset in trials for i in node.task.inputs)


def _trial(node: Node, values: Mapping[str, Any], upstream: Mapping[AssetKey, Trial]) -> Trial:
    """What is other than in the node with the environment's parameters, here and above, and decides the result."""
    keyed = [parameter.name for parameter in node.task.parameters if parameter.in_key]
    own = {(node.keys[0], n, _json(values[n])) for n in keyed if not are_equal(values[n], node.parameters[n])}
    return tuple(sorted(own.union(*upstream.values())))


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
