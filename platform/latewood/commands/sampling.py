"""A little of what versions hold, for whoever looks from afar: never more than some rows and some kilobytes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite, prod
from typing import Any, Final

import msgspec

from latewood.commands.showing import as_recorded, at_its_place
from latewood.commands.views import View, lying_in
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.storage.store import ArtifactAddress, ArtifactMissing
from latewood.engine.values.encoded import Stored
from latewood.engine.values.preview import Array, Document, Files, Rows, array_shape, preview
from latewood.errors import StoreError, UsageError
from latewood.model.keys import AssetKey
from latewood.model.tables import Column
from latewood.places import is_placed

BYTES_MAX: Final = 200_000
"""Of a sample as JSON."""

ROWS_MAX: Final = 500

_TEXT_MAX: Final = 1_000
_ENTRIES_MAX: Final = 100
_VALUES_MAX: Final = 20_000  # of an array
_WHOLE_MAX: Final = 20_000_000  # bytes of a file that is read as a whole


class Absence(StrEnum):
    """Why there is no sample."""

    OUTSIDE = "outside"
    GONE = "gone"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSample:
    """There is none, and why."""

    absence: Absence
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSample:
    """The first rows of a table that has `total`, as JSON; `is_cut`: some or some texts are left out for their size."""

    columns: tuple[Column, ...]
    rows: str
    total: int
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSample:
    """A value as its JSON."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySample:
    """The first entries of an array along its first axis, as JSON."""

    dtype: str
    shape: tuple[int, ...]
    entries: str


Sample = RowsSample | DocumentSample | ArraySample | NoSample


def sample(
    workspace: Workspace, view: View, key: AssetKey, facts: VersionFacts, columns: Sequence[str], rows: int
) -> Sample:
    """At most so many rows of a version, of which these `columns` are recorded; no code of users is run.

    No transaction should be open meanwhile. Cost: O(rows), or of formats that are read as a whole of 20 MB.
    """
    if not facts.artifact:
        return NoSample(absence=Absence.OUTSIDE, message="it is external: its content is elsewhere")
    stored: Stored = workspace.store.open(ArtifactAddress(facts.artifact))
    try:
        if is_placed(facts.artifact):
            here = replace(view, here=frozenset(lying_in(view.root, view.deployments)))
            stored = at_its_place(workspace, here, key, facts)
        return _sample(stored, columns, rows)
    except UsageError as error:
        return NoSample(absence=Absence.OUTSIDE, message=str(error))
    except (ArtifactMissing, FileNotFoundError):
        return NoSample(absence=Absence.GONE, message="its artifact is gone: it was collected, or somebody deleted it")
    except (StoreError, OSError, ValueError):
        return NoSample(absence=Absence.UNREADABLE, message="its artifact cannot be read: it may be damaged")


def _sample(stored: Stored, columns: Sequence[str], rows: int) -> Sample:
    path = stored.path()
    codec = stored.extension.partition(".")[0]
    size, most = path.stat().st_size, {"json": BYTES_MAX, "csv": _WHOLE_MAX}.get(codec)
    if most is not None and size > most:
        return _too_large(size, "bytes")
    if codec == "npy":
        shape = array_shape(path)
        rows = min(rows, _VALUES_MAX // max(1, prod(shape[1:])))
        if not rows:
            return _too_large(prod(shape[1:]), "values in an entry")
    match as_recorded(preview(stored, rows), columns):
        case Rows() as found:
            return _rows(found)
        case Document(value=value):
            return DocumentSample(value=_encoded(value))
        case Array(dtype=dtype, shape=shape, entries=entries):
            return ArraySample(dtype=dtype, shape=shape, entries=_encoded(_finite(entries)))
        case Files():
            return NoSample(
                absence=Absence.UNREADABLE,
                message="only the code that wrote it can read it, or whoever opens its files",
            )


def _too_large(count: int, what: str) -> NoSample:
    return NoSample(absence=Absence.TOO_LARGE, message=f"it is too large to be shown here: {count:,} {what}")


def _rows(found: Rows) -> RowsSample:
    """As many of them as there is room for."""
    kept, size, cut = [], 2, _Cut()
    for row in found.rows:
        text = _encoded([cut.short(value) for value in row])
        size += len(text.encode()) + 1
        if size > BYTES_MAX:
            cut.happened = True
            break
        kept.append(text)
    return RowsSample(columns=found.columns, rows=f"[{','.join(kept)}]", total=found.total, is_cut=cut.happened)


class _Cut:
    """Shortens cells, and knows whether it did."""

    def __init__(self) -> None:
        self.happened = False

    def short(self, value: Any) -> Any:
        """The value as JSON can have it, with long texts and lists cut."""
        match value:
            case str() if len(value) > _TEXT_MAX:
                self.happened = True
                return value[:_TEXT_MAX] + "…"
            case bytes() if len(value) > _TEXT_MAX:
                self.happened = True
                return value[:_TEXT_MAX]
            case float() if not isfinite(value):
                return str(value)
            case dict():
                return {str(name): self.short(each) for name, each in self._first(value.items())}
            case list() | tuple():
                return [self.short(each) for each in self._first(value)]
            case _:
                return value

    def _first(self, of: Iterable[Any]) -> list[Any]:
        found = list(of)
        self.happened |= len(found) > _ENTRIES_MAX
        return found[:_ENTRIES_MAX]


def _finite(value: Any) -> Any:
    """NaN and infinities as texts, as documents have them."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
