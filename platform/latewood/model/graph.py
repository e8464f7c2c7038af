"""The asset graph: which asset reads which.

Nodes are the keys themselves. Keys are strings, whose hash is computed once, so sets of them are as fast as
sets of integers, and no translation stands between the graph and the people who read it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Self

from latewood.errors import DefinitionError
from latewood.model.keys import AssetKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Assets and the edges between them; made by `Graph.of`.

    An asset that reads an earlier partition of itself is no cycle: such edges are in `self_dependent` alone.
    """

    upstreams: Mapping[AssetKey, tuple[AssetKey, ...]]
    """What each asset reads directly, in the order given."""

    downstreams: Mapping[AssetKey, tuple[AssetKey, ...]]
    """By which assets each is read directly, in order of key."""

    self_dependent: frozenset[AssetKey]
    """The assets that read themselves (an earlier partition)."""

    unknown: tuple[tuple[AssetKey, AssetKey], ...]
    """`(reader, upstream)` for each upstream that is no node of this graph, in order of reader."""

    sortable: tuple[AssetKey, ...]
    """The keys that are neither on nor behind a cycle, sorted as in `topological`."""

    @classmethod
    def of(cls, upstreams: Mapping[AssetKey, Iterable[AssetKey]]) -> Self:
        """The graph of these assets, each with what it reads. Cost: O(V log V + E)."""
        up: dict[AssetKey, tuple[AssetKey, ...]] = {}
        down: dict[AssetKey, list[AssetKey]] = {key: [] for key in sorted(upstreams)}
        unknown = []
        self_dependent = set()
        for reader in down:
            known = []
            for key in dict.fromkeys(upstreams[reader]):
                if key == reader:
                    self_dependent.add(key)
                elif key in down:
                    known.append(key)
                    down[key].append(reader)
                else:
                    unknown.append((reader, key))
            up[reader] = tuple(known)
        downstreams = {key: tuple(readers) for key, readers in down.items()}
        return cls(
            upstreams=up,
            downstreams=downstreams,
            self_dependent=frozenset(self_dependent),
            unknown=tuple(unknown),
            sortable=_sorted_by_layer(up, downstreams),
        )

    def __contains__(self, key: object) -> bool:
        return key in self.upstreams

    def __len__(self) -> int:
        return len(self.upstreams)

    @property
    def topological(self) -> tuple[AssetKey, ...]:
        """All keys, each after everything it reads. Cost: O(1).

        Order: by layer (the longest way down from an asset that reads nothing), then by key; so it depends on
        nothing but keys and edges. Raises DefinitionError if assets depend on each other in a cycle.
        """
        if len(self.sortable) < len(self.upstreams):
            raise DefinitionError(
                f"expected assets without cycles, found {'; '.join(map(show_path, self.cycles()))}. "
                "Remove one input of each cycle."
            )
        return self.sortable

    def ordered(self, keys: Iterable[AssetKey]) -> tuple[AssetKey, ...]:
        """Those of `keys` that are in the graph, once each, in the order of `topological`. Cost: O(V)."""
        wanted = frozenset(keys)
        return tuple(key for key in self.topological if key in wanted)

    def upstream_of(self, keys: Iterable[AssetKey], depth: int | None = None) -> frozenset[AssetKey]:
        """`keys` and all they read, directly or not, at most `depth` edges away. Cost: O(V + E).

        Raises KeyError for a key that is not in the graph.
        """
        return _reachable(self.upstreams, keys, depth)

    def downstream_of(self, keys: Iterable[AssetKey], depth: int | None = None) -> frozenset[AssetKey]:
        """`keys` and all that read them, directly or not, at most `depth` edges away. Cost: O(V + E).

        Raises KeyError for a key that is not in the graph.
        """
        return _reachable(self.downstreams, keys, depth)

    def cycles(self) -> tuple[tuple[AssetKey, ...], ...]:
        """Cycles that share no asset, at least one of every knot; `(a, b, a)` if b reads a and a reads b.

        Order: each starts at its smallest key, and they are sorted by it. Cutting those shown may leave
        others that share an asset with them. Cost: O(V + E), O(1) without cycles.
        """
        if len(self.sortable) == len(self.upstreams):
            return ()
        rings = []
        for ring in _rings(self.downstreams, frozenset(self.sortable)):
            first = ring.index(min(ring))
            rings.append((*ring[first:], *ring[: first + 1]))
        return tuple(sorted(rings))


def show_path(keys: Iterable[AssetKey]) -> str:
    """A path as text: `a -> b -> a`."""
    return " -> ".join(keys)


def _sorted_by_layer(
    upstreams: Mapping[AssetKey, tuple[AssetKey, ...]], downstreams: Mapping[AssetKey, tuple[AssetKey, ...]]
) -> tuple[AssetKey, ...]:
    """Kahn's algorithm, a layer at a time; leaves out what is on or behind a cycle."""
    waiting = {key: len(read) for key, read in upstreams.items()}
    layer = [key for key, missing in waiting.items() if not missing]
    order: list[AssetKey] = []
    while layer:
        order += layer
        ready = []
        for key in layer:
            for reader in downstreams[key]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
        layer = sorted(ready)
    return tuple(order)


def _reachable(
    edges: Mapping[AssetKey, tuple[AssetKey, ...]], keys: Iterable[AssetKey], depth: int | None
) -> frozenset[AssetKey]:
    seen = set(keys)
    frontier = seen.copy()
    for _ in count() if depth is None else range(depth):
        frontier = {reached for key in frontier for reached in edges[key]} - seen
        if not frontier:
            break
        seen |= frontier
    return frozenset(seen)


def _rings(edges: Mapping[AssetKey, tuple[AssetKey, ...]], ignored: frozenset[AssetKey]) -> Iterator[list[AssetKey]]:
    """Depth-first search that takes every cycle it closes out of the graph, so no key is in two of them."""
    done = set(ignored)
    for start in edges:
        path: dict[AssetKey, Iterator[AssetKey]] = {} if start in done else {start: iter(edges[start])}
        while path:
            following = next((key for key in path[next(reversed(path))] if key not in done), None)
            if following is None:
                done.add(path.popitem()[0])
            elif following in path:
                ring = [path.popitem()[0]]
                while ring[-1] != following:
                    ring.append(path.popitem()[0])
                done.update(ring)
                yield ring[::-1]
            else:
                path[following] = iter(edges[following])
