"""Which versions were made from which: everything that goes back to given versions, in one pass over the past. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from latewood.decide.versions import ranges
from latewood.model.keys import AssetId, PartitionKey, RunId, VersionId, version_id


class Derivation(NamedTuple):
    """A step: `assets` are what it makes, `reads` the versions it makes them of, by asset, compact."""

    run: RunId
    step: int
    assets: tuple[AssetId, ...]
    partition: PartitionKey
    reads: tuple[tuple[AssetId, str], ...]

    @property
    def version(self) -> VersionId:
        """The version that its assets get."""
        return version_id(self.run, self.step)


class Lineages:
    """Versions by asset and run, as ranges of steps: a backfill of a hundred thousand is one range."""

    def __init__(self, versions: Iterable[tuple[AssetId, VersionId]] = ()) -> None:
        self._starts: dict[tuple[AssetId, str], list[int]] = {}
        self._stops: dict[tuple[AssetId, str], list[int]] = {}
        for asset, version in versions:
            for run, step, _ in ranges(version):
                self.add(asset, run, step)

    def add(self, asset: AssetId, run: str, step: int) -> bool:
        """Whether it was not among them yet. Cost: O(log ranges) for what comes in order."""
        starts = self._starts.setdefault((asset, run), [])
        stops = self._stops.setdefault((asset, run), [])
        at = bisect_right(starts, step)
        if at and step < stops[at - 1]:
            return False
        before, after = at > 0 and stops[at - 1] == step, at < len(starts) and starts[at] == step + 1
        if before and after:
            stops[at - 1] = stops.pop(at)
            del starts[at]
        elif before:
            stops[at - 1] = step + 1
        elif after:
            starts[at] = step
        else:
            starts.insert(at, step)
            stops.insert(at, step + 1)
        return True

    def overlaps(self, asset: AssetId, versions: str) -> bool:
        """Whether any of these compact versions of the asset is among them. Cost: O(log ranges) per range."""
        for run, first, last in ranges(versions):
            starts = self._starts.get((asset, run))
            if starts and (at := bisect_right(starts, last)) and self._stops[asset, run][at - 1] > first:
                return True
        return False


def downstream(roots: Iterable[tuple[AssetId, VersionId]], past: Iterable[Derivation]) -> Iterator[Derivation]:
    """Those steps of the past that read any of these versions, or what goes back to them; each step once.

    `past` is in the order of the log, in which nothing is read before it is made: one pass finds all.
    Memory: O(ranges of versions found).
    """
    reached = Lineages(roots)
    for made in past:
        if any(reached.overlaps(asset, versions) for asset, versions in made.reads):
            new = [reached.add(asset, made.run, made.step) for asset in made.assets]
            if any(new):
                yield made
