"""A year of flights out of New York: from CSV files to monthly reports and a small model of delays.

latewood materialize '*' -f examples/flights/assets.py
"""

import pyarrow as pa
import pyarrow.compute as pc
from cleaning import clean_delay, on_day, summed_up
from regression import fit, mean_error, predict
from source import RELEASE, read_csv, with_date

from latewood import (
    AssetGroup,
    CheckResult,
    Context,
    Daily,
    Monthly,
    Output,
    PartitionKey,
    Table,
    TimeWindow,
    check,
)

days = Daily("2013-01-01", "2014-01-01", timezone="America/New_York")
months = Monthly("2013-01-01", "2014-01-01", timezone="America/New_York")

Flights = Table[
    """date: date32, carrier: string, flight: int64, tailnum: string?, origin: string, dest: string, distance: int64,
    dep_delay: double?, arr_delay: double?"""
]
Delays = Table["date: date32, carrier: string, flights: int64, departed: int64, minutes: double?"]
Features = Table["date: date32, delay: double, wind_speed: double, precip: double, visib: double"]
Scores = Table["date: date32, delay: double, expected: double"]

ingest = AssetGroup("ingest", owners=["team:data"], tags={"tier": "raw"}, kinds=["csv"])
daily = AssetGroup("daily", owners=["team:data"], tags={"tier": "clean"}, partitions=days)
reports = AssetGroup("reports", prefix="reports", owners=["team:analytics"], tags={"tier": "gold"})
model = AssetGroup("model", prefix="model", owners=["team:science"], kinds=["model"])


# ── Ingest. What these read is fixed by the release of the package that brings the files, and the release is a
#    parameter: so the results can be reused, and another release makes them stale. Without such a parameter a
#    function that looks at files or services should say reuse=False.


@ingest.asset(key="flights/raw")
def flights_raw(*, release: str = RELEASE) -> Table["date: date32, carrier: string, dep_delay: int64?"]:
    """Every flight that left New York in 2013."""
    return with_date(read_csv("flights.csv.zip", release))


@ingest.asset(key="weather/raw")
def weather_raw(*, release: str = RELEASE) -> pa.Table:
    """Hourly weather at the three airports."""
    return with_date(read_csv("weather.csv", release))


@ingest.asset
def airlines(*, release: str = RELEASE) -> Table["carrier: string, name: string"]:
    """Carrier codes and names."""
    return read_csv("airlines.csv", release)


@ingest.asset
def airports(*, release: str = RELEASE) -> pa.Table:
    """Airports by FAA code."""
    return read_csv("airports.csv", release)


@ingest.asset
def planes(*, release: str = RELEASE) -> pa.Table:
    """Planes by tail number."""
    return read_csv("planes.csv", release)


# ── One partition a day


@daily.asset(key="flights/daily")
def flights_daily(flights_raw: pa.Table, window: TimeWindow) -> Flights:
    """The flights of one day, with clean delays."""
    flights = on_day(flights_raw, window.start.date())
    chosen = flights.select(["date", "carrier", "flight", "tailnum", "origin", "dest", "distance"])
    for column in ("dep_delay", "arr_delay"):
        chosen = chosen.append_column(column, clean_delay(flights[column]))
    return chosen


@daily.asset(key="weather/daily")
def weather_daily(weather_raw: pa.Table, window: TimeWindow) -> pa.Table:
    """The weather of one day."""
    return on_day(weather_raw, window.start.date()).select(["date", "origin", "hour", "wind_speed", "precip", "visib"])


@daily.asset(key="delays/by_carrier")
def delays_by_carrier(flights_daily: Flights) -> Delays:
    """Flights, departures and minutes of departure delay by carrier, for one day."""
    delays = summed_up(
        flights_daily, ["date", "carrier"], [("carrier", "count"), ("dep_delay", "count"), ("dep_delay", "sum")]
    )
    return delays.rename_columns(["date", "carrier", "flights", "departed", "minutes"])


@check(flights_daily, blocking=True)
def has_flights(flights: Flights, day: PartitionKey) -> CheckResult:
    """A day without flights is a day whose data is missing."""
    return CheckResult(flights.num_rows > 0, message="" if flights.num_rows else f"no flights on {day}")


@check(flights_daily)
def delays_in_range(flights: Flights) -> CheckResult:
    """Nobody leaves two hours early or more than a day late."""
    found = pc.min_max(flights["dep_delay"]).as_py()
    earliest, latest = found["min"] or 0, found["max"] or 0
    return CheckResult(earliest > -120 and latest < 24 * 60, {"earliest": earliest, "latest": latest})


@check(weather_daily, severity="warning")
def all_hours_reported(weather: pa.Table) -> CheckResult:
    """Three airports report 24 times a day; a few hours are known to be missing."""
    return CheckResult(weather.num_rows >= 3 * 20, {"hours": weather.num_rows})


# ── Over months, and over the year


@reports.asset(partitions=months)
def monthly(delays_by_carrier: Delays, airlines: pa.Table, context: Context) -> pa.Table:
    """Flights, cancellations and mean departure delay by airline, for one month of days."""
    sums = summed_up(delays_by_carrier, ["carrier"], [("flights", "sum"), ("departed", "sum"), ("minutes", "sum")])
    flights, departed, minutes = (sums[f"{name}_sum"] for name in ("flights", "departed", "minutes"))
    context.add_metadata(flights=pc.sum(flights).as_py(), cancelled=pc.sum(pc.subtract(flights, departed)).as_py())
    named = sums.select(["carrier"]).join(airlines, "carrier", use_threads=False).sort_by("carrier")
    return (
        named.append_column("flights", flights)
        .append_column("cancelled", pc.subtract(flights, departed))
        .append_column("mean_delay", pc.divide(minutes, pc.cast(departed, pa.float64())))
    )


@reports.asset
def worst_routes(flights_daily: Flights, airports: pa.Table, *, routes: int = 20, flown: int = 100) -> pa.Table:
    """The routes with the longest mean arrival delay over the year, among those flown often enough."""
    delays = summed_up(flights_daily, ["origin", "dest"], [("arr_delay", "mean"), ("arr_delay", "count")])
    often = delays.filter(pc.greater_equal(delays["arr_delay_count"], flown))
    order = [("arr_delay_mean", "descending"), ("origin", "ascending"), ("dest", "ascending")]
    names = airports.select(["faa", "name"])
    return often.sort_by(order).slice(0, routes).join(names, "dest", "faa", use_threads=False).sort_by(order)


# ── A model: the mean delay of a day from its weather


@model.asset(kinds=["table"])
def features(delays_by_carrier: Delays, weather_daily: pa.Table) -> Features:
    """A row per day: mean departure delay, and the weather that may explain it."""
    delays = summed_up(delays_by_carrier, ["date"], [("minutes", "sum"), ("departed", "sum")])
    delay = pc.divide(delays["minutes_sum"], pc.cast(delays["departed_sum"], pa.float64()))
    weather = summed_up(weather_daily, ["date"], [("wind_speed", "mean"), ("precip", "sum"), ("visib", "mean")])
    joined = delays.select(["date"]).append_column("delay", delay).join(weather, "date", use_threads=False)
    return joined.rename_columns(["date", "delay", "wind_speed", "precip", "visib"]).drop_null().sort_by("date")


@model.asset
def delay(
    features: Features, *, columns: tuple[str, ...] = ("wind_speed", "precip", "visib"), ridge: float = 1.0
) -> Output[dict[str, float]]:
    """Weights by feature, fitted on the first nine months; the last three tell how good they are."""
    first, last = features.slice(0, 273), features.slice(273)
    weights = fit([first[column] for column in columns], first["delay"], ridge)
    expected = predict(weights, [last[column] for column in columns])
    return Output(
        dict(zip(("intercept", *columns), weights, strict=True)),
        metadata={"mean_error": mean_error(expected, last["delay"])},
    )


@model.asset(kinds=["table"])
def scores(features: Features, delay: dict[str, float]) -> Scores:
    """Each day's mean delay beside what the model expects."""
    columns = [name for name in delay if name != "intercept"]
    weights = [delay[name] for name in ("intercept", *columns)]
    expected = predict(weights, [features[name] for name in columns])
    return features.select(["date", "delay"]).append_column("expected", expected)


@check(scores, severity="warning")
def expectations_are_plausible(scores: Scores) -> CheckResult:
    """A mean delay of more than three hours is a fault of the model."""
    largest = pc.max(pc.abs(scores["expected"])).as_py()
    return CheckResult(largest < 180, {"largest": largest})
