"""What holds of every scheme, choice and mapping, daylight saving or not."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import prod
from pathlib import Path

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.mapping_functions import listed
from latewood.errors import DefinitionError, UsageError
from latewood.model.mappings import (
    along,
    check_mapping,
    downstream_ordinals,
    reads_several,
    upstream_ordinals,
    upstream_ranges,
)
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import count, describe, existing, key_at, ordinal_of, parse_partitions, window_at
from latewood.model.relations import All, FixedKeys, Identity, Last, Offset, Parallel, WindowOverlap
from latewood.model.scheme_kinds import Cron, Daily, Grid, Hourly, Monthly, Static, Weekly
from latewood.model.schemes import DynamicKeys, GridScheme, dimensions_of, size_of

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "America/St_Johns",  # ... a minute after midnight, until 2011
    "America/Sao_Paulo",  # ... at midnight
    "Asia/Kathmandu",  # 5:45 east
    "Africa/Casablanca",  # ... around Ramadan
    "Pacific/Apia",  # no 2011-12-30
]
CRONS = ["30 2 * * *", "0 */3 * * *", "15 1,2 * * *", "0 6 * * MON-FRI", "*/30 0-3 * * SUN"]
DATES = st.one_of(
    st.dates(date(2008, 1, 1), date(2016, 12, 1)),
    st.sampled_from([date(2010, 11, 5), date(2011, 12, 28), date(2013, 3, 9), date(2013, 11, 2), date(2013, 10, 18)]),
)


@st.composite
def time_schemes(draw):
    zone, start = draw(st.sampled_from(ZONES)), draw(DATES)
    many = draw(st.integers(1, 40))
    ends = st.sampled_from([True, False])
    make, start, span = draw(
        st.sampled_from(
            [
                (Hourly, start, timedelta(days=1)),
                (Daily, start, timedelta(days=1)),
                (Weekly, start, timedelta(days=7)),
                (Monthly, start.replace(day=1), timedelta(days=32)),
                *((lambda *a, cron=cron, **k: Cron(cron, *a, **k), start, timedelta(days=7)) for cron in CRONS),
            ]
        )
    )
    end = start + span * many
    end = end.replace(day=1) if make is Monthly else end
    assume(not (make is Daily and zone == "Pacific/Apia" and start == date(2011, 12, 30)))
    return make(start, end if draw(ends) else None, timezone=zone)


STATIC = st.lists(st.text("abc. é-", min_size=1, max_size=3), min_size=1, max_size=6, unique=True).map(
    lambda keys: Static(list(dict.fromkeys(f"k{key.strip(' .')}".replace("..", "") for key in keys)))
)
DYNAMIC = st.builds(
    lambda name, keys, gone: DynamicKeys(name=name, keys=keys, removed=Ordinals.of(o for o in gone if o < len(keys))),
    st.sampled_from(["customers", "shops"]),
    st.integers(0, 7).map(lambda many: tuple(f"k{n}" for n in range(many))),
    st.sets(st.integers(0, 6)),
)


@st.composite
def grids(draw):
    """Two or three dimensions, one of which may grow."""
    names = draw(st.permutations(["day", "region", "shop"]))[: draw(st.integers(2, 3))]
    parts = {name: draw(st.one_of(STATIC, time_schemes(), DYNAMIC)) for name in names}
    sizes = [size_of(part) for part in parts.values()]
    assume(sizes.count(None) <= 1 and prod(size or 1 for size in sizes) <= 2_000)
    return Grid(**parts)


SCHEMES = st.one_of(st.none(), STATIC, time_schemes(), DYNAMIC, grids())
SUBSETS = st.sets(st.integers(0, 60)).map(Ordinals.of)
NOW = datetime(2013, 6, 15, 12, 34, 56, tzinfo=UTC)


@given(SCHEMES, st.integers(0, 3000))
@settings(max_examples=200, deadline=None)
def test_keys_name_ordinals(scheme, ordinal):
    there = existing(scheme, NOW)
    assume(there)
    ordinal = [*there][ordinal % len(there)]
    assert ordinal_of(scheme, key_at(scheme, ordinal)) == ordinal


@given(time_schemes(), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_windows_tile_the_time_and_have_keys_of_their_own(scheme, first):
    size = count(scheme, NOW)
    first %= max(size - 60, 1)
    ordinals = range(first, min(first + 60, size))
    windows = [window_at(scheme, ordinal) for ordinal in ordinals]
    assert all(window.duration > timedelta(0) for window in windows)
    assert all(a.end.timestamp() == b.start.timestamp() for a, b in pairwise(windows))
    assert len({key_at(scheme, ordinal) for ordinal in ordinals}) == len(windows)


@given(time_schemes(), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_an_open_scheme_counts_what_is_over(scheme, ordinal):
    assume(scheme.end is None)
    end = window_at(scheme, ordinal).end.astimezone(UTC)
    assert count(scheme, end) == ordinal + 1
    assert count(scheme, end - timedelta(microseconds=1)) == ordinal


@given(SCHEMES, st.sets(st.integers(0, 60), min_size=1))
@settings(max_examples=150, deadline=None)
def test_a_description_denotes_what_it_describes(scheme, subset):
    there = [*existing(scheme, NOW)]
    assume(there)
    chosen = Ordinals.of(there[ordinal % len(there)] for ordinal in subset)
    assert parse_partitions(scheme, describe(scheme, chosen), NOW) == chosen


TIMES = st.builds(
    lambda year, month, day, hour, length: f"{year:04}-{month:02}-{day:02}T{hour:02}"[:length],
    st.sampled_from([1, 1799, 2008, 2011, 2012, 2013, 2199, 9999]),
    st.sampled_from([1, 2, 2, 3, 10, 12, 13]),
    st.sampled_from([1, 28, 29, 30, 31]),
    st.sampled_from([0, 2, 23, 24]),
    st.sampled_from([4, 7, 10, 13]),
)
ENDS = st.one_of(TIMES, st.sampled_from(["2012-02-29", "2012-02-29T05", "latest", "*", "", "k1", "2013-11-03T01b"]))
CHOICES = st.lists(
    st.builds("{}{}".format, st.sampled_from(["", "", "-"]), st.one_of(ENDS, st.builds("{}..{}".format, ENDS, ENDS))),
    min_size=1,
    max_size=3,
).map(",".join)


OVER_LEAP_DAYS = [
    Daily("2011-12-25", "2012-04-01", timezone="Pacific/Apia"),
    Weekly("2012-01-02"),
    Monthly("2012-01-01", "2013-01-01"),
    Hourly("2012-02-01", "2012-04-01", timezone="Europe/Berlin"),
    Cron("0 6 * * 1", "2012-01-01", "2012-04-01"),
    Static(["k1", "2012-02"]),
    Grid(day=Daily("2012-02-01", "2012-03-05"), region=Static(["eu", "us"])),
    None,
]


@given(st.sampled_from(OVER_LEAP_DAYS), CHOICES)
@example(Daily("2012-01-01", "2013-01-01"), "2012-02-29..2012-03-01")
@example(Monthly("2012-01-01", "2013-01-01"), "2012-01-01..2012-02-29")
@example(Hourly("2012-02-01", "2012-04-01"), "2012-02-29T05..2012-02-29")
@example(Weekly("2012-01-02", "2012-12-31"), "2012-02-29")
@settings(max_examples=300, deadline=None)
def test_whatever_is_chosen_denotes_partitions_that_exist_or_is_refused(scheme, chosen):
    with suppress(UsageError):
        found = parse_partitions(scheme, chosen, NOW)
        assert found == found & existing(scheme, NOW)


def test_a_leap_day_is_a_day_like_others():
    days, months = Daily("2012-01-01", "2013-01-01"), Monthly("2012-01-01", "2013-01-01")
    hours = Hourly("2012-02-01", "2012-04-01")
    assert [*parse_partitions(days, "2012-02-29..2012-03-01", NOW)] == [59, 60]
    assert [*parse_partitions(months, "2012-01-01..2012-02-29", NOW)] == [0, 1]
    assert len(parse_partitions(hours, "2012-02-29", NOW)) == 24


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.integers(-20, 20))
@settings(max_examples=200)
def test_ordinals_are_sets(left, right, by):
    a, b = Ordinals.of(left), Ordinals.from_sorted(sorted(right))
    assert set(a | b) == left | right
    assert set(a & b) == left & right
    assert set(a - b) == left - right
    assert set(a.shift(by)) == {o + by for o in left if o + by >= 0}
    assert list(a) == sorted(left)
    assert len(a) == len(left)
    assert bool(a) == bool(left)
    assert [o in a for o in range(42)] == [o in left for o in range(42)]
    assert Ordinals.parse(str(a)) == a
    for one in (a | b, a & b, a - b, a.shift(by)):
        assert Ordinals.of(one) == one  # one set, one form


@st.composite
def mappings(draw):
    """A mapping that works, with the schemes of both sides; of equal schemes more often than chance has it."""
    up = draw(SCHEMES)
    down = draw(st.one_of(st.just(up), SCHEMES))
    kinds = plain = [Identity(), WindowOverlap(), Last(), All(), Offset(by=draw(st.integers(-5, 5)))]
    if there := existing(up, NOW):
        kinds = [*plain, FixedKeys(keys=(key_at(up, next(iter(there))),))]
    if up is not None and down is not None:
        said = draw(st.dictionaries(st.sampled_from([*dimensions_of(up)]), st.sampled_from(plain)))
        with suppress(DefinitionError):
            kinds = [along(up, down, said)]
    working = [mapping for mapping in kinds if check_mapping(mapping, up, down) is None]
    assume(working)
    return draw(st.sampled_from(working)), up, down


@given(mappings(), SUBSETS)
@settings(max_examples=150, deadline=None)
def test_downstream_is_the_inverse_of_upstream(case, subset):
    mapping, up, down = case
    expected = Ordinals.of(
        o
        for o in existing(down, NOW) & Ordinals.between(0, 150)
        if upstream_ordinals(mapping, up, down, o, NOW) & subset
    )
    found = downstream_ordinals(mapping, up, down, subset, NOW)
    assert found & Ordinals.between(0, 150) == expected


@given(mappings(), SUBSETS)
@settings(max_examples=150, deadline=None)
def test_ranges_say_the_same_as_one_by_one(case, subset):
    mapping, up, down = case
    subset &= existing(down, NOW)
    found = {}
    for piece in upstream_ranges(mapping, up, down, subset, NOW):
        for o in range(piece.start, piece.stop):
            assert o not in found
            found[o] = Ordinals.of([o + piece.by]) if isinstance(piece, Parallel) else piece.upstream
    assert found == {o: upstream_ordinals(mapping, up, down, o, NOW) for o in subset}
    assert list(found) == list(subset)


@given(mappings())
@settings(max_examples=150, deadline=None)
def test_who_may_read_several_does_in_time_and_who_may_not_never_does(case):
    mapping, up, down = case
    finite = all(size_of(scheme) is not None for scheme in (up, down))
    later = NOW + timedelta(days=3650 if finite else 90)
    every = range(min(count(down, later), 3000))
    found = any(len(upstream_ordinals(mapping, up, down, o, later)) > 1 for o in every)
    if finite:
        assert found == reads_several(mapping, up, down)
    else:
        assert found <= reads_several(mapping, up, down)


@given(mappings(), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_only_what_exists_is_read(case, ordinal):
    mapping, up, down = case
    there = existing(down, NOW)
    assume(ordinal in there)
    read = upstream_ordinals(mapping, up, down, ordinal, NOW)
    assert read - existing(up, NOW) == Ordinals()


@given(grids(), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_a_partition_of_a_grid_stays_where_it_is_while_the_grid_grows(grid, ordinal):
    there = existing(grid, NOW)
    assume(ordinal in there)
    key = key_at(grid, ordinal)
    grown = GridScheme(dimensions=tuple(map(_grown, grid.dimensions)))
    later = NOW + timedelta(days=400)
    assert ordinal_of(grown, key) == ordinal
    assert existing(grown, later) & there == there


def _grown(dimension):
    match dimension.scheme:
        case DynamicKeys() as scheme:
            return replace(dimension, scheme=replace(scheme, keys=(*scheme.keys, "new")))
        case _:
            return dimension


@given(time_schemes(), time_schemes(), st.integers(0, 50))
@settings(max_examples=150, deadline=None)
def test_overlap_is_sharing_time(up, down, ordinal):
    ordinal %= max(count(down, NOW), 1)
    mine = window_at(down, ordinal)
    read = upstream_ordinals(WindowOverlap(), up, down, ordinal, NOW)
    for o in range(min(count(up, NOW), 80)):
        other = window_at(up, o)
        shares = other.start.timestamp() < mine.end.timestamp() and mine.start.timestamp() < other.end.timestamp()
        assert (o in read) == shares


SQUARES = st.builds(lambda kind, region: Grid(kind=kind, region=region), STATIC, STATIC)


@given(st.one_of(STATIC, SQUARES, time_schemes()), st.one_of(STATIC, SQUARES), st.data())
@settings(max_examples=80, deadline=None)
def test_what_a_function_lists_is_read_as_it_says(up, down, data):
    ups, size = existing(up, NOW), count(down, NOW)
    assume(ups)
    some = st.sets(st.sampled_from([*(ups & Ordinals.between(0, 60))]), max_size=3)
    said = {key_at(down, o): data.draw(some) for o in range(size)}
    assume(any(said.values()))
    mapping = listed(lambda key: [key_at(up, o) for o in said[key]], up, down, Inspector(Path()))
    assert check_mapping(mapping, up, down) is None
    read = {o: set(upstream_ordinals(mapping, up, down, o, NOW)) for o in range(size)}
    assert read == {o: said[key_at(down, o)] for o in range(size)}
    subset = data.draw(SUBSETS)
    expected = {o for o in range(size) if read[o] & set(subset)}
    assert set(downstream_ordinals(mapping, up, down, subset, NOW)) == expected
