"""A year of flights out of New York: from CSV files to monthly reports and a small model of delays.

latewood materialize '*' -f examples/flights/assets.py
"""

import pyarrow as pa
import pyarrow.compute as pc
from cleaning import clean_delay, on_day
from regression import fit, predict
from source import read_csv, with_date

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
    asset,
    check,
)

days = Daily("2013-01-01", "2014-01-01", timezone="America/New_York")
months = Monthly("2013-01-01", "2014-01-01", timezone="America/New_York")

Flights = Table["date: date32, carrier: string, origin: string, dest: string, dep_delay: double?, arr_delay: double?"]
Delays = Table["date: date32, carrier: string, flights: int64, cancelled: int64, mean_delay: double?"]

ingest = AssetGroup("ingest", owners=["team:data"], tags={"tier": "raw"}, kinds=["csv"])
daily = AssetGroup("daily", owners=["team:data"], kinds=["parquet"], partitions=days)
reports = AssetGroup("reports", owners=["team:analytics"], tags={"tier": "gold"})


# ── ingest: the package's files change only with its version, which is part of the code version, so reuse stays on ──


@ingest.asset(key="flights/raw")
def flights_raw() -> pa.Table:
    """Every flight that left New York in 2013: 336,776 rows."""
    return with_date(read_csv("flights.csv.zip")).sort_by("date")


@ingest.asset(key="weather/raw")
def weather_raw() -> pa.Table:
    """Hourly weather at the three airports."""
    return with_date(read_csv("weather.csv")).sort_by("date")


@ingest.asset
def airlines() -> Table["carrier: string, name: string"]:
    """Carrier codes and names."""
    return read_csv("airlines.csv")


@ingest.asset
def airports() -> pa.Table:
    """Airports by FAA code."""
    return read_csv("airports.csv")


@ingest.asset
def planes() -> pa.Table:
    """Planes by tail number."""
    return read_csv("planes.csv")


# ── a partition a day ────────────────────────────────────────────────────────────────────────────────────────────────


@daily.asset(key="flights/daily")
def flights_daily(flights_raw: pa.Table, window: TimeWindow) -> Flights:
    """The flights of one day, with clean delays."""
    table = on_day(flights_raw, window.start.date())
    for column in ("dep_delay", "arr_delay"):
        table = table.set_column(table.schema.get_field_index(column), column, clean_delay(table[column]))
    return table.combine_chunks()


@daily.asset(key="weather/daily")
def weather_daily(weather_raw: pa.Table, window: TimeWindow) -> pa.Table:
    """The weather of one day."""
    return on_day(weather_raw, window.start.date()).combine_chunks()


@daily.asset(key="delays/by_carrier")
def delays_by_carrier(flights_daily: Flights, window: TimeWindow) -> Delays:
    """Flights, cancellations and mean departure delay by carrier, for one day."""
    grouped = flights_daily.group_by("carrier", use_threads=False).aggregate(
        [("carrier", "count"), ("dep_delay", "count"), ("dep_delay", "mean")]
    )
    date = pa.array([window.start.date()] * grouped.num_rows, pa.date32())
    flights = grouped["carrier_count"]
    return pa.table(
        {
            "date": date,
            "carrier": grouped["carrier"],
            "flights": flights,
            "cancelled": pc.subtract(flights, grouped["dep_delay_count"]),
            "mean_delay": grouped["dep_delay_mean"],
        }
    ).sort_by("carrier")


@check(flights_daily, blocking=True)
def has_flights(flights: pa.Table, day: PartitionKey) -> CheckResult:
    """A day without flights is a day whose data is missing."""
    return CheckResult(flights.num_rows > 0, {"rows": flights.num_rows}, "" if flights.num_rows else f"none on {day}")


@check(delays_by_carrier, blocking=True)
def cancelled_at_most_all(delays: pa.Table) -> CheckResult:
    """No carrier cancels more flights than it has."""
    worst = pc.max(pc.subtract(delays["cancelled"], delays["flights"])).as_py()
    return CheckResult(worst <= 0, {"worst": worst})


@check(weather_daily, severity="warning")
def all_hours_reported(weather: pa.Table) -> CheckResult:
    """Three airports report 24 times a day; some hours are known to be missing."""
    return CheckResult(weather.num_rows >= 3 * 20, {"rows": weather.num_rows})


# ── over months, and over everything ─────────────────────────────────────────────────────────────────────────────────


@reports.asset(key="reports/monthly", partitions=months)
def monthly_report(delays_by_carrier: Delays, airlines: pa.Table, context: Context) -> pa.Table:
    """Flights and mean delay by carrier for one month, from the daily figures."""
    weighted = pc.multiply(delays_by_carrier["mean_delay"], pc.cast(delays_by_carrier["flights"], pa.float64()))
    grouped = (
        delays_by_carrier.append_column("weighted", weighted)
        .group_by("carrier", use_threads=False)
        .aggregate([("flights", "sum"), ("cancelled", "sum"), ("weighted", "sum")])
    )
    flights = pc.sum(grouped["flights_sum"]).as_py()
    context.add_metadata(flights=flights, cancelled=pc.sum(grouped["cancelled_sum"]).as_py())
    return (
        pa.table(
            {
                "carrier": grouped["carrier"],
                "flights": grouped["flights_sum"],
                "cancelled": grouped["cancelled_sum"],
                "mean_delay": pc.divide(grouped["weighted_sum"], pc.cast(grouped["flights_sum"], pa.float64())),
            }
        )
        .join(airlines, "carrier", use_threads=False)
        .sort_by("carrier")
    )


@reports.asset(key="reports/worst_routes")
def worst_routes(flights_daily: Flights, airports: pa.Table, *, routes: int = 20) -> pa.Table:
    """The routes with the longest mean arrival delay over the whole year, among those flown 100 times or more."""
    grouped = flights_daily.group_by(["origin", "dest"], use_threads=False).aggregate(
        [("arr_delay", "mean"), ("arr_delay", "count")]
    )
    often = grouped.filter(pc.greater_equal(grouped["arr_delay_count"], 100))
    worst = often.sort_by([("arr_delay_mean", "descending"), ("dest", "ascending")]).slice(0, routes)
    names = airports.select(["faa", "name"])
    return worst.join(names, "dest", "faa", use_threads=False).sort_by([("arr_delay_mean", "descending")])


# ── a model ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@asset(key="model/features", group="model")
def model_features(delays_by_carrier: Delays, weather_daily: pa.Table) -> Table["date: date32, delay: double"]:
    """One row a day: mean delay, and the weather that may explain it."""
    delays = delays_by_carrier.group_by("date", use_threads=False).aggregate([("mean_delay", "mean")])
    weather = weather_daily.group_by("date", use_threads=False).aggregate(
        [("wind_speed", "mean"), ("precip", "sum"), ("visib", "mean")]
    )
    joined = delays.rename_columns(["date", "delay"]).join(weather, "date", join_type="inner", use_threads=False)
    return joined.drop_null().sort_by("date")


FEATURES = ("wind_speed_mean", "precip_sum", "visib_mean")


@asset(key="model/delay", group="model", kinds=["model"])
def delay_model(
    model_features: pa.Table, *, ridge: float = 1.0, test_share: float = 0.25
) -> Output[dict[str, list[float]]]:
    """Weights of a ridge regression of the mean delay on the weather, fitted on the first days of the year."""
    rows = [[row[name] for name in FEATURES] for row in model_features.to_pylist()]
    targets = model_features["delay"].to_pylist()
    cut = round(len(rows) * (1 - test_share))
    weights = fit(rows[:cut], targets[:cut], ridge)
    errors = [abs(predict(weights, row) - target) for row, target in zip(rows[cut:], targets[cut:], strict=True)]
    return Output({"weights": weights}, metadata={"ridge": ridge, "mean_error": sum(errors) / len(errors)})


@asset(key="model/scores", group="model")
def delay_scores(model_features: pa.Table, delay_model: dict[str, list[float]]) -> pa.Table:
    """Each day's mean delay beside the model's."""
    rows = model_features.to_pylist()
    predicted = [predict(delay_model["weights"], [row[name] for name in FEATURES]) for row in rows]
    return model_features.select(["date", "delay"]).append_column("predicted", pa.array(predicted, pa.float64()))


@check(delay_scores, severity="warning")
def predictions_are_plausible(scores: pa.Table) -> CheckResult:
    """A mean delay beyond three hours is a fault of the model."""
    worst = pc.max(pc.abs(scores["predicted"])).as_py()
    return CheckResult(worst < 180, {"largest": worst})
