"""Partition-wise tasks: however a range is cut into calls, each partition gets the same table, byte for byte."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latewood import Cron, Daily, Hourly, Monthly, Static
from latewood.engine.values.codecs import encode
from latewood.engine.values.splitting import split
from latewood.errors import ValueRefused
from latewood.model.partitions import key_at, ordinal_of, window_at
from latewood.model.schemes import size_of

DAYS = Daily("2013-03-28", "2013-04-04", timezone="Europe/Berlin")  # the clocks change in it
HOURS = Hourly("2013-03-31", "2013-04-01", timezone="Europe/Berlin")
MONTHS = Monthly("2013-01", "2013-08")
SHOPS = Static([f"shop {number}" for number in range(7)])

SCHEMES = {
    "days by date": (DAYS, lambda o: window_at(DAYS, o).start.date(), pa.date32()),
    "days by date64": (DAYS, lambda o: window_at(DAYS, o).start.date(), pa.date64()),
    "days by local time": (DAYS, lambda o: window_at(DAYS, o).start.replace(tzinfo=None, hour=3), pa.timestamp("us")),
    "days by instant": (DAYS, lambda o: window_at(DAYS, o).end - timedelta(seconds=1), pa.timestamp("s", "UTC")),
    "days by key": (DAYS, lambda o: key_at(DAYS, o), pa.string()),
    "hours by instant": (HOURS, lambda o: window_at(HOURS, o).start.astimezone(UTC), pa.timestamp("ms", "UTC")),
    "months by date": (MONTHS, lambda o: window_at(MONTHS, o).end.date() - timedelta(days=1), pa.date32()),
    "shops by key": (SHOPS, lambda o: key_at(SHOPS, o), pa.large_string()),
}


ROWS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", None])), max_size=20)
CUTS = st.lists(st.integers(1, 6), unique=True).map(sorted)


@given(st.sampled_from(sorted(SCHEMES)), ROWS, CUTS, st.booleans(), st.integers(0, 20))
def test_any_cut_of_a_range_into_calls_gives_each_partition_the_same(name, rows, cuts, encoded, chunk):
    """Rows of the first seven partitions in any order; a function may return them with dictionaries and in chunks."""
    scheme, value_of, dtype = SCHEMES[name]
    numbers = [number for number, _ in rows]
    schema = pa.schema([pa.field("at", dtype, nullable=False), ("word", pa.string())], metadata={"made": "by hand"})
    table = pa.table([[value_of(number) for number in numbers], [word for _, word in rows]], schema=schema)

    def called(start, stop):
        """What the user's function gives for these partitions, split."""
        made = table.filter(pa.array([start <= number < stop for number in numbers], pa.bool_()))
        made = made.set_column(1, "word", made["word"].dictionary_encode()) if encoded else made
        made = pa.concat_tables([made.slice(0, chunk), made.slice(chunk)])
        return split(made, "at", scheme, range(start, stop), subject="it")

    edges = [0, *cuts, 7]
    parts = [part for start, stop in pairwise(edges) for part in called(start, stop)]
    alone = [called(number, number + 1)[0] for number in range(7)]
    for one, other in zip(parts, alone, strict=True):
        assert one.schema.equals(other.schema, check_metadata=True)
        first, second = encode(one, pa.Table), encode(other, pa.Table)
        assert first.version == second.version
        assert bytes(first.content) == bytes(second.content)
    assert [part.num_rows for part in parts] == [numbers.count(number) for number in range(7)]
    assert sum(part.num_rows for part in parts) == table.num_rows


ZONES = ["Europe/Berlin", "America/Havana", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
"""Clocks are set back by an hour at night, at midnight, to the day before, by half an hour, twice a year, never."""


def shown_in(instant, zone):
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def changes(zone):
    """The days of two years on which clocks are set, and one more."""
    days = [date(2017, 1, 1) + timedelta(days=n) for n in range(2 * 365)]
    noons = [datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)) for day in days]
    return [day.date() for day, after in pairwise(noons) if day.utcoffset() != after.utcoffset()] + days[:1]


CHANGES = {zone: changes(zone) for zone in ZONES}


@given(st.sampled_from(ZONES), st.sampled_from(["daily", "hourly", "half-hourly"]), st.data())
def test_local_times_are_of_the_window_they_are_shown_in_or_refused_whatever_is_asked_for(zone, kind, data):
    """Around all changes of two years: the one window that clocks show it in, else the time is refused everywhere."""
    day = data.draw(st.sampled_from(CHANGES[zone]))
    scheme = {
        "daily": Daily(day - timedelta(days=1), day + timedelta(days=3), timezone=zone),
        "hourly": Hourly(f"{day - timedelta(days=1)}T12", f"{day + timedelta(days=2)}T12", timezone=zone),
        "half-hourly": Cron("*/30 * * * *", f"{day - timedelta(days=1)}", f"{day + timedelta(days=2)}", timezone=zone),
    }[kind]
    size = size_of(scheme)
    windows = [window_at(scheme, ordinal) for ordinal in range(size)]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    instant = noon + timedelta(minutes=data.draw(st.integers(-24 * 60, 24 * 60)))
    value = shown_in(instant, zone)
    showing = {
        number
        for number, window in enumerate(windows)
        for shift in (-60, -30, 0, 30, 60)
        if window.start.astimezone(UTC) <= (at := instant + timedelta(minutes=shift)) < window.end.astimezone(UTC)
        and shown_in(at, zone) == value
    }
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    table = pa.table({"at": pa.array([value], pa.timestamp("us"))})
    try:
        parts = split(table, "at", scheme, range(start, stop), subject="it")
    except ValueRefused:
        assert len(showing) > 1 or not showing <= set(range(start, stop))
    else:
        assert {start + number for number, part in enumerate(parts) if part.num_rows} == showing
        assert len(showing) == 1


@pytest.mark.parametrize("asked", [[26], [27], [26, 27], range(20, 30)])
def test_an_hour_that_is_shown_twice_needs_a_time_zone(asked):
    scheme = Hourly("2026-10-24T00", "2026-10-27T00", timezone="Europe/Berlin")
    table = pa.table({"at": pa.array([datetime(2026, 10, 25, 2, 30)], pa.timestamp("us"))})  # noqa: DTZ001
    with pytest.raises(ValueRefused, match=r"at = 2026-10-25 02:30:00 in row 0 is shown twice .*; give it a time zone"):
        split(table, "at", scheme, asked, subject="it")
    instants = table.set_column(0, "at", [pa.array([datetime(2026, 10, 25, 1, 30)], pa.timestamp("us", "UTC"))])  # noqa: DTZ001
    assert split(instants, "at", scheme, [27], subject="it")[0].num_rows == 1


def test_a_day_whose_midnight_clocks_skip_has_its_date():
    scheme = Daily("2018-11-03", "2018-11-06", timezone="America/Sao_Paulo")
    table = pa.table({"at": pa.array([date(2018, 11, 4)], pa.date32())})
    assert [part.num_rows for part in split(table, "at", scheme, range(3), subject="it")] == [0, 1, 0]


@pytest.mark.parametrize(
    ("scheme", "values", "said"),
    [
        (DAYS, pa.array([datetime(2013, 4, 1).date()], pa.date32()), "found at = 2013-04-01 in row 0"),  # noqa: DTZ001
        (DAYS, pa.array([None], pa.date32()), "expected rows of 2013-03-28..2013-03-29 alone, found at = None"),
        (DAYS, pa.array([5]), 'expected dates, times or keys in the partition column "at", found int64'),
        (HOURS, pa.array([datetime(2013, 3, 31).date()], pa.date32()), "at has dates, but partitions begin within"),  # noqa: DTZ001
        (SHOPS, pa.array(["shop 5"]), "expected rows of shop 0..shop 1 alone, found at = shop 5 in row 0"),
        (SHOPS, pa.array([datetime(2013, 4, 1).date()]), "expected keys as text in the partition column"),  # noqa: DTZ001
    ],
)
def test_rows_of_no_partition_and_columns_that_tell_none_are_refused(scheme, values, said):
    with pytest.raises(ValueRefused) as refused:
        split(pa.table({"at": values}), "at", scheme, range(2), subject='output of "it"')
    assert str(refused.value).startswith('output of "it": ')
    assert said in str(refused.value)


def test_a_missing_column_is_refused_with_those_there_are():
    with pytest.raises(ValueRefused, match='expected the partition column "at", found columns day, n'):
        split(pa.table({"day": [1], "n": [2]}), "at", DAYS, range(2), subject="it")


def test_a_range_is_ordered_as_its_partitions_are_and_rows_as_they_came():
    table = pa.table({"at": ["shop 1", "shop 0", "shop 1"], "n": [1, 2, 3]})
    parts = split(table, "at", SHOPS, [ordinal_of(SHOPS, "shop 0"), ordinal_of(SHOPS, "shop 1")], subject="it")
    assert [part["n"].to_pylist() for part in parts] == [[2], [1, 3]]
    assert pc.sum(parts[1]["n"]).as_py() == 4
