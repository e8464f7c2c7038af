"""`latewood show`."""

import json
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, plural, print_json, short, table
from latewood.commands.showing import Shown, show
from latewood.commands.views import moment_meant
from latewood.engine.values.preview import Array, Document, Files, Rows

_CELL_MAX = 60
_LINE_MAX = 100
_NUMBERS = ("int", "uint", "double", "float", "decimal")


def show_command(
    *,
    key: str,
    partition: str,
    version: str,
    environment: str | None,
    as_of: int | datetime | None,
    limit: int,
    json_: bool,
) -> int:
    """Show a value."""
    workspace = open_workspace(environment=environment)
    at = moment_meant(workspace, as_of)
    found = show(workspace, key, partition=partition, version=version, as_of=at, limit=limit)
    if json_:
        print_json(shown_json(found))
    else:
        show_shown(found)
    return exits.OK


def show_shown(found: Shown) -> None:
    """Print what was found."""
    out = console()
    of = f", the last of {found.partitions:,} partitions" if found.partitions > 1 else ""
    name = f"{found.asset} {found.facts.partition}".rstrip()
    out.print(f"{name}{of}: version {found.facts.version}, made {moment(found.facts.made_at)}", style="dim")
    _print_value(out, found)


def _print_value(out: Console, found: Shown) -> None:
    match found.value:
        case Rows() as rows:
            _print_rows(out, rows)
        case Document(value=value):
            out.print(_json_text(value))
        case Array(dtype=dtype, shape=shape, entries=entries):
            out.print("\n".join(map(_json_text, entries)) if shape else _json_text(entries))
            first = f"; the first {len(entries):,}" if shape and len(entries) < shape[0] else ""
            out.print(f"array of {dtype}, shape {shape}{first}", style="dim")
        case Files(count=count):
            files = f" in {plural(count, 'file')}" if found.path.is_dir() else ""
            out.print(str(found.path))
            out.print(f"{plural(found.size, 'byte')}{files}", style="dim")


def _print_rows(out: Console, rows: Rows) -> None:
    """A column's head is its name and type; columns for which the terminal has no room are named below."""
    heads = [f"{_cell(c.name)}\n{c.type}{'?' if c.nullable else ''}" for c in rows.columns]
    right = tuple(head for head, c in zip(heads, rows.columns, strict=True) if c.type.startswith(_NUMBERS))
    shown = table(*heads, right=right, spare=tuple(heads[1:]))
    for row in rows.rows:
        shown.add_row(*map(_cell, row))
    out.print(shown)
    count = f"{plural(rows.total, 'row')}, {plural(len(heads), 'column')}"
    out.print(count if len(rows.rows) == rows.total else f"the first {len(rows.rows):,} of {count}", style="dim")
    if unseen := [c.name for c in rows.columns[len(shown.columns) :]]:
        names = _cell(", ".join(unseen))
        out.print(f"{plural(len(unseen), 'column')} not shown for want of width: {names}", style="dim")


def _cell(value: Any) -> str:
    """The value in one line of printable characters."""
    text = "null" if value is None else str(value)
    return short("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text), _CELL_MAX)


def _json_text(value: Any) -> str:
    """In one line where it is short."""
    line = json.dumps(value, ensure_ascii=False)
    text = line if len(line) <= _LINE_MAX else json.dumps(value, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "backslashreplace").decode()


def _raw_json(value: Any) -> msgspec.Raw:
    """As it is stored, in its order; half a surrogate pair, which no JSON reader takes, as a question mark."""
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def shown_json(found: Shown) -> dict[str, Any]:
    """The same for machines."""
    shared = {
        "asset": found.asset,
        "partition": found.facts.partition,
        "version": found.facts.version,
        "event": found.facts.position,
        "made_at": found.facts.made_at,
        "data_version": found.facts.data_version,
        "path": str(found.path),
        "bytes": found.size,
    }
    match found.value:
        case Rows(columns=columns, rows=rows, total=total):
            names = [column.name for column in columns]
            types = [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in columns]
            value: Any = [dict(zip(names, row, strict=True)) for row in rows]
            return {**shared, "kind": "table", "columns": types, "rows": total, "value": value}
        case Document(value=value):
            return {**shared, "kind": "json", "value": _raw_json(value)}
        case Array(dtype=dtype, shape=shape, entries=entries):
            return {**shared, "kind": "array", "dtype": dtype, "shape": shape, "value": entries}
        case Files(count=count):
            return {**shared, "kind": "file", "files": count, "value": None}
