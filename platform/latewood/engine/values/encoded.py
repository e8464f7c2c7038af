"""What codecs give to the artifact store, and what they get from it."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from latewood.model.tables import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A value as the store takes it, and what is worth recording of it.

    content    bytes-like, or the Path of a file or directory to copy
    extension  of the artifact; begins with the name of the codec that reads it
    version    the data version
    metadata   what every value of this kind can tell: rows, columns, shape, dtype, files
    schema     the columns of a table
    table      the pyarrow table, where the content is one that is compressed
    scratch    what the content lies in; to be left as soon as it is copied
    """

    content: Any
    extension: str
    version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    schema: tuple[Column, ...] = ()
    table: Any = None
    scratch: AbstractContextManager[Any] = field(default_factory=nullcontext)


class Stored(Protocol):
    """An artifact to decode, as the store gives it."""

    @property
    def extension(self) -> str:
        """What follows the digest in the address."""

    def read(self) -> bytes:
        """The whole content."""

    def path(self) -> Path:
        """Where it lies."""


def suffix_of(path: Path) -> str:
    """The suffix that an artifact takes over from a file, empty for one that an address cannot hold."""
    return path.suffix if _SUFFIX.fullmatch(path.suffix) and path.is_file() else ""


_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")
