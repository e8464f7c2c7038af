"""What is submitted: a job's configuration as BigQuery's API has it, and the names of the tables that it makes.

An asset is a table of the connector's dataset, which a job replaces as a whole. A partition of an asset is one of a
table that BigQuery partitions by `_PARTITIONTIME`, so that its rows need no column that says so; a job replaces that.
Either may be done twice.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from latewood.plugin import Job, JobInput, PermanentError

_TYPES: Final = {
    "bool": "BOOL",
    "int": "INT64",
    "float": "FLOAT64",
    "str": "STRING",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}

_IDS: Final = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
"""How a partition is written behind a `$`, by what it is one of."""

_SOME: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - to see how long each is

_LABEL_MAX: Final = 63
_SETTINGS: Final = ("maximum_bytes_billed", "priority")


_NOT_PLAIN: Final = re.compile(r"/|\.|_(?=[^A-Za-z0-9])")
_WRITTEN: Final = {"/": "__", ".": "_-p", "_": "_-u"}


def table_name(key: str) -> str:
    """The table of an asset: `a/b` is `a__b`, and no other asset's table is.

    For that a dot, which no table's name may have, is written `_-p`, and a `_` before what is neither a letter nor a
    digit `_-u`. So what follows a `_` says what it stands for.
    """
    return _NOT_PLAIN.sub(lambda found: _WRITTEN[found[0]], key)


def configuration(
    job: Job, project: str, dataset: str, defaults: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, Any]:
    """The configuration of the query job that makes the asset's table, or its partition, in the project's dataset.

    Raises PermanentError for what cannot be one.
    """
    settings = {**defaults, **job.settings}
    if unknown := sorted({*settings} - {*_SETTINGS}):
        raise PermanentError(f'settings: BigQuery has no "{unknown[0]}"; there is {", ".join(_SETTINGS)}')
    table = table_name(job.labels["asset"])
    query: dict[str, Any] = {
        "query": "".join(_text(piece, job.inputs) for piece in job.options["query"]),
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": _parameters(job),
        "priority": str(settings.get("priority", "interactive")).upper(),
    }
    if (most := settings.get("maximum_bytes_billed")) is not None:
        query["maximumBytesBilled"] = str(most)
    if not job.partition:
        # On one line, so that lines in BigQuery's messages are the query's.
        query["query"] = f"CREATE OR REPLACE TABLE `{project}.{dataset}.{table}` AS {query['query']}"
    else:
        unit = _unit(job.window)
        assert job.window is not None, "else it is none of time"
        decorated = f"{table}${job.window[0].strftime(_IDS[unit])}"
        query["destinationTable"] = {"projectId": project, "datasetId": dataset, "tableId": decorated}
        query["timePartitioning"] = {"type": unit}
        query["writeDisposition"] = "WRITE_TRUNCATE"
    return {"query": query, "labels": {name: label(said) for name, said in {**job.labels, **labels}.items()}}


def label(text: str) -> str:
    """The text as the value of a label: small letters, digits, `_` and `-`, and 63 of them at most."""
    return re.sub(r"[^\w-]", "_", text.lower())[:_LABEL_MAX]


def _text(piece: str | Mapping[str, str], inputs: Mapping[str, Sequence[JobInput]]) -> str:
    if isinstance(piece, str):
        return piece
    found = _table(piece["table"], inputs.get(piece["table"], ()))
    return f"{found} AS `{piece['as']}`" if piece["as"] else found


def _table(name: str, versions: Sequence[JobInput]) -> str:
    """What is read of them: a table, or those partitions of it."""
    if elsewhere := [each for each in versions if not each.connector]:
        where = elsewhere[0].path or elsewhere[0].address
        raise PermanentError(f'"{name}" is not in BigQuery, and nothing is loaded into it yet; it is {where}')
    tables: dict[str, list[str]] = {}
    for each in versions:
        table, _, partition = each.address.partition("$")
        tables.setdefault(table, []).append(partition)
    read = [_of_partitions(table, filter(None, partitions)) for table, partitions in tables.items()]
    if len(read) != 1:
        raise PermanentError(f'"{name}": expected one table to read, found {len(read)}')
    return read[0]


def _of_partitions(table: str, partitions: Iterable[str]) -> str:
    times = ", ".join(f'TIMESTAMP "{_time(each):%Y-%m-%d %H:00:00}"' for each in partitions)
    only = f"(SELECT * FROM `{table}` WHERE _PARTITIONTIME IN ({times}))"  # noqa: S608 - names that BigQuery has told
    return only if times else f"`{table}`"


def _time(partition: str) -> datetime:
    """When it begins: BigQuery knows no zones there."""
    written = next(format_ for format_ in _IDS.values() if len(f"{_SOME:{format_}}") == len(partition))
    return datetime.strptime(partition, written)  # noqa: DTZ007 - as above


def _unit(window: tuple[datetime, datetime] | None) -> str:
    """Of what a partition is one, by when it begins and ends on the clocks there. Raises PermanentError."""
    if window is not None:
        start, end = (moment.replace(tzinfo=None) for moment in window)
        is_utc = not window[0].utcoffset()
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        if is_utc and end - start == timedelta(hours=1) and start.minute == 0:
            return "HOUR"
        if start == midnight and end - start == timedelta(days=1):
            return "DAY"
        if start == midnight.replace(day=1) and end == (start + timedelta(days=31)).replace(day=1):
            return "MONTH"
        if start == midnight.replace(month=1, day=1) and end == start.replace(year=start.year + 1):
            return "YEAR"
    raise PermanentError(
        "BigQuery has partitions of a day, a month or a year, and of an hour in UTC; found another one"
    )


def _parameters(job: Job) -> list[dict[str, Any]]:
    """What the query asks for by name: of the run, and of its partition."""
    types, values = dict(job.options["parameters"]), dict(job.parameters)
    if job.window is not None:
        bounds = {"partition_start": job.window[0], "partition_end": job.window[1]}
        values |= {name: moment.isoformat() for name, moment in bounds.items()}
    values["partition_key"] = job.partition
    types |= {name: "str" if name == "partition_key" else "datetime" for name in job.options["partition"]}
    return [_parameter(name, type_, values[name]) for name, type_ in types.items()]


def _parameter(name: str, type_: str, value: Any) -> dict[str, Any]:
    if type_.startswith("list["):
        kind = {"type": "ARRAY", "arrayType": {"type": _TYPES[type_.removeprefix("list[").removesuffix("]")]}}
        return {
            "name": name,
            "parameterType": kind,
            "parameterValue": {"arrayValues": [{"value": _value(item)} for item in value]},
        }
    return {"name": name, "parameterType": {"type": _TYPES[type_]}, "parameterValue": {"value": _value(value)}}


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
