"""Queries in place of functions: assets in SQL, which know nothing of Latewood.

    late = sql_asset("reports/late", "SELECT carrier, count(*) AS flights FROM flights WHERE dep_delay > :minutes …",
                     parameters={"minutes": 15})
    reports = sql_files("reports")

The tables that a query names are the assets that it reads. Versions, reuse, partitions, retries and checks are those of
any asset. DuckDB answers it, in the worker; what is in the dialect of a warehouse is a job there.
"""

import linecache
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import wraps
from os.path import normpath
from pathlib import Path
from typing import Any, Final, Unpack, cast, get_args, get_origin

import pyarrow as pa

from latewood.authoring import Asset, AssetGroup, AssetOptions, Upstream
from latewood.engine.code.queries import ANSWERED_HERE, DIMENSION, LiveQuery, marked
from latewood.engine.code.query_functions import query_function, tables_by_parameter
from latewood.engine.queries.calling import call_query
from latewood.errors import DefinitionError
from latewood.model.schemes import Scheme
from latewood.plugin import runs_on
from latewood.promises import here

try:
    from latewood.decide.sql.pieces import pieces
    from latewood.decide.sql.query import Mention, Query, QueryFault, read_query
except ImportError as error:  # the extra's
    raise ImportError("assets in SQL need sqlglot and duckdb: pip install 'latewood[sql]'") from error

__all__ = ["sql_asset", "sql_files"]

_HEADER: Final = re.compile(r"\s*/\*\s*latewood\b(.*?)\*/", re.DOTALL)
_COMMENTS: Final = re.compile(r"\s*((?:--[^\n]*\n\s*)+)")
_IN_HEADERS: Final = """
    code_version connector deps description dialect group image inputs key kinds metadata owners parameters partitions
    pool priority retries reuse settings tags unkeyed
"""
_KINDS: Final[Mapping[str, type]] = {
    "key": str,
    "dialect": str,
    "connector": str,
    "parameters": dict,
    "inputs": dict,
    "settings": dict,
}
_JOB_TYPES: Final[Mapping[type, str]] = {kind: kind.__name__ for kind in (bool, int, float, str, date, datetime)}
_ELSEWHERE: Final = 3  # parts, of a table that is a warehouse's own


def sql_asset(
    key: str,
    query: str,
    /,
    *,
    parameters: Mapping[str, Any] | None = None,
    dialect: str = "duckdb",
    connector: str = "",
    settings: Mapping[str, Any] | None = None,
    returns: Any = pa.Table,
    within: AssetGroup | None = None,
    **options: Unpack[AssetOptions],
) -> Asset[..., Any]:
    """An asset that is the result of a query.

    A table `a.b` in it is the asset `a/b`; one without dots is what a parameter of that name would be in an `@asset`;
    `inputs={"table": …}` says it otherwise. `parameters` are those that it asks for by `:name`: a value is the default,
    a type says that one has to be given. `:partition_start`, `:partition_end` and `:partition_key` are those of its
    partition, `:partition_NAME` the key along a dimension. `returns` may declare columns: `Table["carrier: string"]`.
    `within` is the AssetGroup that it is of, if it is of one. All else is as `@asset` has it.

    In the dialect of a warehouse (`bigquery`) it is a job of the `connector` of that name, or of another one that is
    said, run as `settings` say. A table of three parts is then the warehouse's own; what reads such is not reused
    unless `reuse` says so.
    """
    place = here()
    source = "".join(linecache.getlines(place.file))
    start = sum(map(len, linecache.getlines(place.file)[: place.line - 1]))
    found = source.find(query, start)
    first = place.line if found < 0 else source.count("\n", 0, found) + 1
    return _asset(
        key,
        query,
        file=Path(place.file),
        first=first,
        indent=max(0, found - (source.rfind("\n", 0, found) + 1)) if found >= 0 else 0,
        parameters=parameters,
        dialect=dialect,
        connector=connector,
        settings=settings or {},
        returns=returns,
        within=within,
        options=options,
    )


def sql_files(
    path: str,
    /,
    *,
    schemes: Mapping[str, Scheme] | None = None,
    within: AssetGroup | None = None,
    **options: Unpack[AssetOptions],
) -> dict[str, Asset[..., Any]]:
    """The assets of a `.sql` file, or of all those in a folder, by key; the path starts from the file that says it.

    A file's name, from the folder on, is its asset's key. It may begin with a header, which is TOML in a comment:

        /* latewood
        parameters = {minutes = 15}
        partitions = "days"
        owners = ["team:data"]
        */

    It says what `sql_asset` is told, and `partitions` by a name in `schemes`. What is said here is for all files, where
    their headers do not say it. Comments behind the header describe the asset.
    """
    said = here()
    home = Path(normpath(Path(said.file).parent / path))
    files = sorted(home.rglob("*.sql")) if home.is_dir() else [home] if home.is_file() else []
    if not files:
        raise DefinitionError(
            f'sql_files: there is no .sql file at "{path}", from here', file=said.file, line=said.line
        )
    base = home if home.is_dir() else home.parent
    found = {}
    for file in files:
        key = file.relative_to(base).with_suffix("").as_posix()
        asset = _of_file(file, key, schemes or {}, within, options)
        if asset.options["key"] in found:
            message = f'asset "{asset.options["key"]}": another file beside it has this key, too'
            raise DefinitionError(message, file=str(file), line=1)
        found[asset.options["key"]] = asset
    return found


def _of_file(
    file: Path, key: str, schemes: Mapping[str, Scheme], within: AssetGroup | None, options: AssetOptions
) -> Asset[..., Any]:
    content = file.read_bytes()
    text = content.decode("utf-8-sig", "replace")
    header = _HEADER.match(text)
    said: dict[str, Any] = {}
    fault = ""
    if header is not None:
        try:
            said = tomllib.loads(header[1])
        except tomllib.TOMLDecodeError as error:
            fault = f"header: expected TOML, found otherwise: {error}"
    unknown = [name for name in said if name not in _IN_HEADERS.split()]
    wrong = [name for name, kind in _KINDS.items() if not isinstance(said.get(name, kind()), kind)]
    if unknown:
        fault = f'header: no option "{unknown[0]}"; there are {", ".join(_IN_HEADERS.split())}'
    elif wrong:
        expected = "text" if _KINDS[wrong[0]] is str else "a table of values by name"
        fault = f"header: {wrong[0]}: expected {expected}, found {said.pop(wrong[0])!r}"
    elif isinstance(scheme := said.get("partitions"), str) and scheme in schemes:
        said["partitions"] = schemes[scheme]
    elif "partitions" in said:
        known = ", ".join(schemes) or "none"
        fault = f"header: partitions: expected the name of one of schemes={{…}} ({known}), found {scheme!r}"
    end = header.end() if header is not None else 0
    comments = _COMMENTS.match(text, end)
    if comments is not None:
        lines = (line.strip().removeprefix("--").strip() for line in comments[1].splitlines())
        said.setdefault("description", "\n".join(filter(None, lines)))
    body = text[end:].lstrip()
    at = len(text) - len(body)
    return _asset(
        said.pop("key", key) if not wrong else key,
        body,
        file=file,
        first=text.count("\n", 0, at) + 1,
        indent=at - (text.rfind("\n", 0, at) + 1),
        content=content,
        fault=fault,
        parameters=said.pop("parameters", None) if not wrong else None,
        dialect=said.pop("dialect", "duckdb") if not wrong else "duckdb",
        connector=said.pop("connector", "") if not wrong else "",
        settings=said.pop("settings", {}) if not wrong else {},
        returns=pa.Table,
        within=within,
        options=cast("AssetOptions", {**options, **({} if fault else said)}),
    )


def _asset(
    key: str,
    text: str,
    *,
    file: Path,
    first: int,
    indent: int,
    parameters: Mapping[str, Any] | None,
    dialect: str,
    connector: str,
    settings: Mapping[str, Any],
    returns: Any,
    within: AssetGroup | None,
    options: AssetOptions,
    content: bytes | None = None,
    fault: str = "",
) -> Asset[..., Any]:
    known = {name: value for name, value in (parameters or {}).items() if name.isidentifier()}
    query: Query | None = None
    line = first
    faults = [fault] if fault else [f'parameters: "{name}" can be no name' for name in {*(parameters or {})} - {*known}]
    try:
        query = read_query(text, dialect)
    except QueryFault as error:
        line = first + error.at[0] - 1
        faults.append(f"column {error.at[1] + (indent if error.at[0] == 1 else 0)}: {error.message}")
    asked = [each.name for each in query.parameters] if query is not None else []
    partition = tuple(name for name in asked if name not in known and name.startswith(DIMENSION))
    is_job = dialect != ANSWERED_HERE
    tables = tables_by_parameter(_assets(query, is_job=is_job), known)
    types = {name: _job_type(value) for name, value in known.items()}
    if is_job:
        faults += [f"parameters: {dialect} is given no {name} of that type" for name, said in types.items() if not said]
    elif connector or settings:
        faults.append(f'connector and settings are for jobs; "{dialect}" is answered in the worker')
    function = query_function(
        key,
        file,
        line,
        tables=tables,
        partition=partition,
        parameters=known,
        table=pa.Table,
        returns=returns,
    )
    function.__doc__ = options.get("description", "")
    live = LiveQuery(
        function=function,
        query=query,
        file=file,
        first=first,
        indent=indent,
        content=content,
        faults=tuple(faults),
        tables=tables,
        partition=partition,
    )

    @wraps(function)
    def ask(*args: Any, **kwargs: Any) -> Any:
        return call_query(ask, live, args, kwargs)

    marked(ask, live)
    if is_job and query is not None:
        job = {"query": pieces(query, tables), "parameters": types, "partition": list(partition)}
        runs_on(connector or dialect, options=job, settings=settings)(ask)
    told = cast("AssetOptions", {"kinds": ("sql",), **options, "key": key, "inputs": _inputs(live, options)})
    return Asset(ask, told if within is None else within.options_of(ask, told))


def _assets(query: Query | None, *, is_job: bool) -> tuple[Mention, ...]:
    """The tables that are assets; of a job's not those that its system has itself."""
    found = query.tables if query is not None else ()
    return tuple(table for table in found if not is_job or len(table.parts) < _ELSEWHERE)


def _job_type(value: Any) -> str:
    """What a job is told of a parameter's type, by its default or its type; empty for what no job is given."""
    if isinstance(value, list) and value:
        return f"list[{kind}]" if (kind := _job_type(value[0])) in _JOB_TYPES.values() else ""
    if get_origin(value) is list:
        return f"list[{kind}]" if (kind := _job_type(get_args(value)[0])) in _JOB_TYPES.values() else ""
    return _JOB_TYPES.get(value if isinstance(value, type) else type(value), "")


def _inputs(live: LiveQuery, options: AssetOptions) -> dict[str, Upstream]:
    """What each table is, by parameter: as it was said, or by the parts of its name; else it is what its name means."""
    said = dict(options.get("inputs", {}))
    found: dict[str, Upstream] = {}
    for parameter, table in live.tables.items():
        if table.name in said:
            found[parameter] = said.pop(table.name)
        elif len(table.parts) > 1 or table.name != parameter:
            found[parameter] = "/".join(table.parts)
    return {**found, **said}
