"""The data of embedded servers: whose they are, and which no home has any more.

Where root starts a server its data lie outside of the home (`latewood_eventlog.binaries`), and stay when that is gone.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from latewood_eventlog.binaries import shared_directory
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.server import data_of, home_of, process_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerData:
    """Data of an embedded server. `home` is whose they are, None where nothing tells; `pid` its process, if it runs.

    `is_left`: that home is gone, or has other data by now. `used_at` is when a server last wrote down where it is.
    """

    path: Path
    home: Path | None
    pid: int | None
    is_left: bool
    used_at: datetime


def server_data(home: Path) -> list[ServerData]:
    """The home's own, and as root those of all homes; what was used last comes first.

    Raises DatabaseUnreachable for a home that cannot be read.
    """
    found = dict.fromkeys(filter(Path.is_dir, shared_directory().glob("data-*"))) if os.geteuid() == 0 else {}
    own = data_of(home)
    data = [_data(path, home.absolute() if path == own else home_of(path)) for path in found]
    if own is not None and own not in found and own.is_dir():
        data.append(_data(own, home.absolute()))
    return sorted(data, key=lambda each: each.used_at, reverse=True)


def size_of(data: ServerData) -> int:
    """Bytes on disk. Cost: a look at each file."""
    return sum(file.st_blocks * 512 for file in _files(data.path))


def _data(path: Path, home: Path | None) -> ServerData:
    control = path / "global" / "pg_control"
    return ServerData(
        path=path,
        home=home,
        pid=process_of(path),
        is_left=home is not None and _has_other(home, path),
        used_at=datetime.fromtimestamp((control if control.is_file() else path).stat().st_mtime, UTC),
    )


def _has_other(home: Path, path: Path) -> bool:
    """Whether the home is gone, or has other data; one that cannot be read may have these."""
    with suppress(DatabaseUnreachable):
        return data_of(home) != path
    return False


def _files(folder: Path) -> Iterator[os.stat_result]:
    """All below a folder that a server may be at work in, which makes and removes files meanwhile."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
