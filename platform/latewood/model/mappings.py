"""Mappings: which partitions of an upstream asset a partition of a downstream asset reads.

A mapping denotes only partitions that exist: the first day has no day before it (the empty set), and a month
that begins before the days do reads the days there are.
"""

from bisect import bisect_right
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

import msgspec

from latewood.errors import DefinitionError, UsageError
from latewood.model.grids import Box, boxes, fill
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import coordinates, existing, extent, ordinal_of, parse_description
from latewood.model.relations import (
    All,
    FixedKeys,
    Identity,
    Last,
    Offset,
    Overlap,
    Parallel,
    PlainMapping,
    Shared,
    WindowOverlap,
    both_sides,
    cuts,
    just,
    meets,
    ordinals_of,
    overlapping,
    pairing,
    parallel_pieces,
    pieces_of,
    relation_of,
    shared_pieces,
)
from latewood.model.schemes import (
    GridScheme,
    PlainScheme,
    Scheme,
    TimeWindows,
    dimensions_of,
    dynamic_names,
    layout_of,
    size_of,
    title,
)


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What is read along one dimension of what is upstream: by the own dimension `down` (None: the same for all).

    A scheme that is no grid is one dimension, whose name is empty.
    """

    up: str
    down: str | None
    mapping: PlainMapping


class Along(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="along"):
    """Grids: each dimension of what is upstream by itself, and all combinations of what that gives."""

    dimensions: tuple[Followed, ...]


class Listed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="listed", cache_hash=True):
    """What a function of the user's said of each partition when definitions were loaded.

    `reads` are partitions (ordinals, as Ordinals writes them) and what each of them reads, as `describe` writes it;
    those that read nothing are left out. `function` and its `code` version say where that comes from.
    """

    function: str
    code: str
    reads: tuple[tuple[str, str], ...]


Mapping = PlainMapping | Along | Listed


_KEYS_SAID: Final = 20


def in_words(mapping: Mapping) -> str:
    """Which upstream partitions are read, as people say it."""
    match mapping:
        case Identity():
            return "the same partition"
        case WindowOverlap():
            return "those that share time with it"
        case Last():
            return "the last one"
        case All():
            return "all"
        case Offset(by=by):
            return f"{abs(by):,} {'before' if by < 0 else 'after'} it"
        case FixedKeys(keys=keys):
            more = len(keys) - _KEYS_SAID
            return ", ".join(keys[:_KEYS_SAID]) + (f" and {more:,} more" if more > 0 else "")
        case Along(dimensions=dimensions):
            return "; ".join(f"{each.up or each.down}: {in_words(each.mapping)}" for each in dimensions)
        case Listed(function=function):
            return f"what {function} says"


def default_mapping(up: Scheme | None, down: Scheme | None) -> Mapping:
    """What an input reads when nothing is said. Raises DefinitionError where only the user can know."""
    if up == down:
        return Identity()
    if up is None or down is None:
        return All()
    if isinstance(up, GridScheme) or isinstance(down, GridScheme):
        return along(up, down, {})
    if isinstance(up, TimeWindows) and isinstance(down, TimeWindows):
        return WindowOverlap()
    raise _no_default(up, down)


def _no_default(up: Scheme, down: Scheme) -> DefinitionError:
    return DefinitionError(
        f"no default leads from partitions {title(up)} to partitions {title(down)}; "
        'say which ones are read: From(…, "all"), From(…, "last"), From(…, keys=[…]) or From(…, by=function)'
    )


def along(up: Scheme, down: Scheme, said: Dict[str, PlainMapping]) -> Along:
    """How a grid is read, or a grid reads: dimensions of one name by their own default, or as is `said` of them.

    A dimension that only the upstream has is read in full; one that only the reader has does not count. A scheme
    that is no grid goes with the one dimension that is the same, or the only one of time.
    Raises DefinitionError for a dimension that is unknown, or cannot be read so.
    """
    ups, downs = dimensions_of(up), dimensions_of(down)
    for name in said.keys() - ups.keys():
        near = get_close_matches(name, ups, n=1)
        hint = f"did you mean {near[0]}?" if near else f"upstream is {title(up)}"
        raise DefinitionError(f'no dimension "{name}" upstream; {hint}')
    partners = _partners(ups, downs)
    if not partners and said.keys() != ups.keys():
        raise _no_default(up, down)
    found = []
    for name, scheme in ups.items():
        partner = partners.get(name)
        other = None if partner is None else downs[partner]
        try:
            mapping = said.get(name) or (All() if other is None else _default_along(scheme, other))
            if isinstance(mapping, Identity | Offset | WindowOverlap) and other is None:
                raise DefinitionError(
                    f"{type(mapping).__name__} needs this dimension on both sides; {both_sides(up, down)}"
                )
        except DefinitionError as error:
            raise DefinitionError(f'dimension "{name}": {error.message}') from None
        found.append(Followed(up=name, down=partner, mapping=mapping))
    return Along(dimensions=tuple(found))


def _partners(ups: Dict[str, PlainScheme], downs: Dict[str, PlainScheme]) -> dict[str, str]:
    """The reader's dimension by that of what is upstream, where they go together."""
    if "" not in ups and "" not in downs:
        return {name: name for name in ups if name in downs}
    for fits in (lambda a, b: a == b, lambda a, b: isinstance(a, TimeWindows) and isinstance(b, TimeWindows)):
        pairs = [(a, b) for a, one in ups.items() for b, other in downs.items() if fits(one, other)]
        if len(pairs) == 1:
            return dict(pairs)
    return {}


def _default_along(up: PlainScheme, down: PlainScheme) -> PlainMapping:
    mapping = default_mapping(up, down)
    assert not isinstance(mapping, Along | Listed), "neither is a grid"
    return mapping


def may_read_nothing(mapping: Mapping) -> bool:
    """True for what may denote no partition, as the first one's predecessor: then that is what is read."""
    return isinstance(mapping, Offset | Listed) or (
        isinstance(mapping, Along) and any(isinstance(d.mapping, Offset) for d in mapping.dimensions)
    )


def reads_earlier(mapping: Mapping, scheme: Scheme | None) -> bool:
    """True if what a partition reads of its own scheme always comes before it, in the order of ordinals."""
    if isinstance(mapping, Offset):
        return mapping.by < 0
    if isinstance(mapping, Listed):
        return all(read.ranges[-1][1] <= start for start, _, read in _listed(mapping, scheme))
    if not isinstance(mapping, Along) or not isinstance(scheme, GridScheme):
        return False
    by_name = {d.up: d.mapping for d in mapping.dimensions}
    ordered = [by_name[name] for name in layout_of(scheme).names]
    first = next((m for m in ordered if not isinstance(m, Identity)), None)
    return isinstance(first, Offset) and first.by < 0


def check_mapping(mapping: Mapping, up: Scheme | None, down: Scheme | None) -> str | None:
    """Why the mapping cannot work between these schemes; None if it can."""
    match mapping:
        case Last() | Offset() if isinstance(up, GridScheme):
            parts = dimensions_of(up)
            name = min(parts, key=lambda name: not isinstance(parts[name], TimeWindows))
            example = '"last"' if isinstance(mapping, Last) else mapping.by
            return f'{type(mapping).__name__} goes along one dimension: say dimensions={{"{name}": {example}}}'
        case Last() | All() | Listed():
            return None
        case FixedKeys(keys=()):
            return "keys: expected at least one key, found none"
        case FixedKeys(keys=keys):
            try:
                for key in () if dynamic_names(up) else keys:
                    ordinal_of(up, key)
            except UsageError as error:
                return f"keys: {error}"
            return None
        case Along():
            ups, downs = dimensions_of(up), dimensions_of(down)
            reasons = ((d.up, check_mapping(d.mapping, ups[d.up], downs.get(d.down or ""))) for d in mapping.dimensions)
            return next((f'dimension "{name}": {reason}' for name, reason in reasons if reason), None)
        case Identity() | Offset() | WindowOverlap():
            try:
                relation = pairing(mapping, up, down)
            except DefinitionError as error:
                return error.message
            name = type(mapping).__name__
            return None if meets(relation, up, down) else f"{name} would never read anything; {both_sides(up, down)}"


def reads_several(mapping: Mapping, up: Scheme | None, down: Scheme | None) -> bool:
    """Whether any partition reads more than one upstream partition, ever.

    Of windows that go on for very long the first 10,000 boundaries are looked at: those that are aligned for so long
    stay so. Cost: O(windows of the upstream scheme) for overlap, else O(1).
    """
    match mapping:
        case Last() | Identity() | Offset():
            return False
        case All():
            return size_of(up) != 1
        case FixedKeys(keys=keys):
            return len(set(keys) if dynamic_names(up) else ordinals_of(up, keys)) > 1
        case WindowOverlap():
            relation = pairing(mapping, up, down)
            return isinstance(relation, Overlap) and cuts(relation.up, relation.down)
        case Listed():
            return any(len(read) > 1 for _, _, read in _listed(mapping, up))
        case Along(dimensions=dimensions):
            sides = _sides_along(mapping, up, down)
            return any(reads_several(d.mapping, *side) for d, side in zip(dimensions, sides, strict=True))


def upstream_ordinals(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinal: int, now: datetime
) -> Ordinals:
    """What the downstream partition `ordinal` reads, of what exists upstream at `now`. Cost: O(1)."""
    if isinstance(mapping, Along):
        return _read_along(mapping, up, down, ordinal, now)
    if isinstance(mapping, Listed):
        return _read_of_list(mapping, up, ordinal) & existing(up, now)
    there = existing(up, now)
    match relation_of(mapping, up, down, there):
        case Ordinals() as fixed:
            return fixed
        case int(by):
            return just(ordinal + by, there)
        case tuple() as found:
            return just(found[ordinal], there)
        case Overlap(up=ups, down=downs):
            return Ordinals.between(*overlapping(ups, downs, (ordinal, ordinal + 1), extent(up, now)))


def upstream_ranges(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinals: Ordinals, now: datetime
) -> tuple[Parallel | Shared, ...]:
    """What each of the downstream partitions `ordinals` reads, in few pieces. Order: ascending.

    Cost: O(ranges) for identity, offset, all, last and fixed keys; of overlapping windows O(windows of the
    coarser scheme); O(partitions) between schemes of different keys, and along dimensions.
    """
    if isinstance(mapping, Along | Listed):
        return tuple(pieces_of(ordinals, lambda ordinal: upstream_ordinals(mapping, up, down, ordinal, now)))
    size, there = extent(up, now), existing(up, now)
    pieces: list[Parallel | Shared] = []
    relation = relation_of(mapping, up, down, there)
    for start, stop in ordinals.ranges:
        match relation:
            case Ordinals() as fixed:
                pieces.append(Shared(start=start, stop=stop, upstream=fixed))
            case int(by) if len(there) == size:
                pieces.extend(parallel_pieces(start, stop, by, size))
            case int(by):
                pieces.extend(pieces_of(Ordinals.between(start, stop), lambda o, by=by: just(o + by, there)))  # type: ignore[misc]
            case tuple() as found:
                pieces.extend(Shared(start=o, stop=o + 1, upstream=just(found[o], there)) for o in range(start, stop))
            case Overlap(up=ups, down=downs):
                pieces.extend(shared_pieces(ups, downs, (start, stop), size))
    return tuple(pieces)


def downstream_ordinals(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinals: Ordinals, now: datetime
) -> Ordinals:
    """The downstream partitions, of those at `now`, that read any of the upstream `ordinals`.

    Exactly the inverse of `upstream_ordinals`. Cost: O(ranges), O(partitions) between different static keys.
    """
    there, every = existing(up, now), existing(down, now)
    read = ordinals & there
    if isinstance(mapping, Along):
        return _read_by_along(mapping, up, down, read, now)
    if isinstance(mapping, Listed):
        readers = ((start, stop) for start, stop, listed in _listed(mapping, up) if listed & read)
        return Ordinals.of_ranges(readers) & every
    match relation_of(mapping, up, down, there):
        case Ordinals() as fixed:
            return every if read & fixed else Ordinals()
        case int(by):
            return read.shift(-by) & every
        case tuple() as found:
            return Ordinals.from_sorted(o for o, at in enumerate(found) if at is not None and at in read) & every
        case Overlap(up=ups, down=downs):
            return Ordinals.of_ranges(overlapping(downs, ups, r, extent(down, now)) for r in read.ranges)


@lru_cache(maxsize=256)
def _listed(mapping: Listed, up: Scheme | None) -> tuple[tuple[int, int, Ordinals], ...]:
    """Ranges of readers and what they read, ascending. Raises DefinitionError where that is there no more."""
    assert up is not None, "refused when definitions load"
    try:
        found = [(Ordinals.parse(readers), parse_description(up, text)) for readers, text in mapping.reads]
    except UsageError as error:
        raise DefinitionError(f"{mapping.function}() said of what is upstream: {error}") from None
    return tuple(sorted((start, stop, read) for readers, read in found for start, stop in readers.ranges))


def _read_of_list(mapping: Listed, up: Scheme | None, ordinal: int) -> Ordinals:
    listed = _listed(mapping, up)
    at = bisect_right(listed, ordinal, key=lambda entry: entry[0]) - 1
    return listed[at][2] if at >= 0 and ordinal < listed[at][1] else Ordinals()


def _sides_along(
    mapping: Along, up: Scheme | None, down: Scheme | None
) -> list[tuple[PlainScheme, PlainScheme | None]]:
    """The schemes at both ends of each dimension. Raises DefinitionError where one of them has changed since."""
    ups, downs = dimensions_of(up), dimensions_of(down)
    found = [(ups.get(d.up), None if d.down is None else downs.get(d.down)) for d in mapping.dimensions]
    sides = [(one, other) for one, other in found if one is not None]
    if len(sides) < len(ups) or any(
        d.down is not None and other is None for d, (_, other) in zip(mapping.dimensions, found, strict=True)
    ):
        raise DefinitionError(f"dimensions are not what they were when this was deployed; {both_sides(up, down)}")
    return sides


def _read_along(mapping: Along, up: Scheme | None, down: Scheme | None, ordinal: int, now: datetime) -> Ordinals:
    own = coordinates(down, ordinal)
    sides = _sides_along(mapping, up, down)
    digits = {
        d.up: _read_of_dimension(d.mapping, *side, 0 if d.down is None else own[d.down], now)
        for d, side in zip(mapping.dimensions, sides, strict=True)
    }
    return _filled(up, digits)


@lru_cache(maxsize=1 << 16)
def _read_of_dimension(
    mapping: PlainMapping, up: PlainScheme, down: PlainScheme | None, digit: int, now: datetime
) -> Ordinals:
    """A grid asks the same of a dimension for each combination with others."""
    return upstream_ordinals(mapping, up, down, digit, now)


def _read_by_along(mapping: Along, up: Scheme | None, down: Scheme | None, read: Ordinals, now: datetime) -> Ordinals:
    sides = _sides_along(mapping, up, down)
    every = {name: existing(scheme, now) for name, scheme in dimensions_of(down).items()}
    found = Ordinals()
    for box in _boxes_of(up, read):
        readers = dict(every)
        for d, (one, other) in zip(mapping.dimensions, sides, strict=True):
            by = downstream_ordinals(d.mapping, one, other, box[d.up], now)
            if d.down is not None:
                readers[d.down] &= by
            elif not by:
                readers = dict.fromkeys(readers, Ordinals())
        found |= _filled(down, readers)
    return found


def _boxes_of(scheme: Scheme | None, ordinals: Ordinals) -> Iterator[dict[str, Ordinals]]:
    if not isinstance(scheme, GridScheme):
        yield {"": ordinals}
        return
    layout = layout_of(scheme)
    for box in boxes(ordinals, layout.sizes):
        yield dict(zip(layout.names, box, strict=True))


def _filled(scheme: Scheme | None, digits: Dict[str, Ordinals]) -> Ordinals:
    if not isinstance(scheme, GridScheme):
        return digits[""]
    layout = layout_of(scheme)
    box: Box = tuple(digits[name] for name in layout.names)
    return fill(box, layout.sizes) if all(box) else Ordinals()
