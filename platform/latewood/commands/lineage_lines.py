"""Lineage in few words: what read what, the versions of an asset together."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from latewood.commands.lineage import Lineage, Link, Taken
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood.model.keys import AssetKey, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, parse_partitions
from latewood.model.schemes import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """So many versions, of these partitions in words; a single one by its id, which tells the run and its step."""

    partitions: str
    count: int
    version: VersionId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What versions of an asset read of another one: none, of one that is virtual. `equal_to` is as of a link."""

    depth: int
    reader: AssetKey
    made: Several
    asset: AssetKey
    read: Several
    equal_to: AssetKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenLine:
    """Versions of an asset that were taken from those of another one."""

    asset: AssetKey
    made: Several
    from_asset: AssetKey
    source: Several


def lines(found: Lineage) -> Iterator[Line]:
    """Of all that was read, then of all that read it, nearest level first."""
    said, alike = _Said(found), dict[tuple[int, AssetKey, AssetKey, AssetKey | None], list[Link]]()
    for link in (*found.upstream, *found.downstream):
        alike.setdefault((link.depth, link.reader, link.asset, link.equal_to), []).append(link)
    for (depth, reader, asset, equal_to), same in alike.items():
        yield Line(
            depth=depth,
            reader=reader,
            made=said.several(reader, (link.reader_partition for link in same), (link.reader_version for link in same)),
            asset=asset,
            read=said.several(
                asset, (each.partitions for each in same), (v for each in same for v in expand(each.versions))
            ),
            equal_to=equal_to,
        )


def taken_lines(found: Lineage) -> Iterator[TakenLine]:
    """Of all that was taken."""
    said, alike = _Said(found), dict[tuple[AssetKey, AssetKey], list[Taken]]()
    for one in found.taken:
        alike.setdefault((one.asset, one.from_asset), []).append(one)
    for (asset, from_asset), same in alike.items():
        partitions = [one.partition for one in same]
        yield TakenLine(
            asset=asset,
            made=said.several(asset, partitions, (one.version for one in same)),
            from_asset=from_asset,
            source=said.several(from_asset, partitions, (one.from_version for one in same)),
        )


class _Said:
    """How versions are told in few words, by how their assets are partitioned."""

    def __init__(self, found: Lineage) -> None:
        self._schemes: Mapping[AssetKey, Scheme | None]
        self._schemes = {key: asset.partitions for key, asset in found.view.catalog.assets.items()}
        self._now = found.view.now

    def several(self, asset: AssetKey, partitions: Iterable[str], versions: Iterable[VersionId]) -> Several:
        """`2013-01-01..2013-12-31`, and how many versions these are."""
        texts, ids = dict.fromkeys(filter(None, partitions)), list(dict.fromkeys(versions))
        where, scheme = ", ".join(texts), self._schemes.get(asset)
        if scheme is not None and texts:
            with suppress(UsageError):  # partitions that the scheme no longer has are told as they were recorded
                ordinals = (o for text in texts for o in parse_partitions(scheme, text, self._now))
                where = describe(scheme, Ordinals.of(ordinals))
        return Several(partitions=where, count=len(ids), version=ids[0] if len(ids) == 1 else None)
