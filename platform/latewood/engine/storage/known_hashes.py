"""Hashes of files that were looked at before: one that nobody has touched since is not read again.

They lie in one file below the home, which is made again where it is lost or damaged. Of two processes that save at the
same time the later one's counts.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec

from latewood.engine.storage.file_hash import sha256_of

_FILE: Final = "hashes.msgpack"
_SETTLED_NS: Final = 3_000_000_000
"""A file that was changed less long ago may be changed again without another time: some systems count in 2 seconds."""
_REMEMBERED_MAX: Final = 100_000

_State = tuple[int, int, int, int, int]
_Entry = tuple[_State, str]


class KnownHashes:
    """Data versions of files, by their path, size, times and inode."""

    def __init__(self, home: Path, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._file = home / _FILE
        self._clock_ns = clock_ns
        self._known: dict[str, _Entry] | None = None
        self._changed = False

    def version(self, path: Path) -> str:
        """As `path_version` of a file. Cost: O(bytes) of one that was touched since. Raises OSError."""
        known = self._read() if self._known is None else self._known
        name, state = os.path.abspath(path), _state(path)  # noqa: PTH100 - links stay
        found = known.pop(name, None)
        if found is not None and found[0] == state:
            known[name] = found  # used last
            return found[1]
        version = f"file1:{sha256_of(path)}"
        self._changed |= found is not None
        if _state(path) == state and self._clock_ns() - max(state[3:]) >= _SETTLED_NS:
            known[name] = (state, version)
            self._changed = True
        return version

    def save(self) -> None:
        """Keep what is new, if it can be kept."""
        if not self._changed or self._known is None:
            return
        kept = dict(list(self._known.items())[-_REMEMBERED_MAX:])
        temporary = self._file.with_name(f"{_FILE}.{token_hex(4)}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(msgspec.msgpack.encode(kept))
                temporary.replace(self._file)
            finally:
                temporary.unlink(missing_ok=True)
        self._changed = False

    def _read(self) -> dict[str, _Entry]:
        self._known = {}
        with suppress(OSError, msgspec.DecodeError):
            self._known = msgspec.msgpack.decode(self._file.read_bytes(), type=dict[str, _Entry])
        return self._known


def _state(path: Path) -> _State:
    """What changes whenever the file does: also where somebody sets its time back, or puts another in its place."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
