"""Places of users' own choosing, where values of assets live instead of the artifact store, and what stores them there.

A version that lies at a place says so by its address, `io:CLASS:PLACE#FINGERPRINT`. A place holds one version at a
time: which one is told by the fingerprint of what is there. What a job has left in another system is at a place, too:
`io:@CONNECTOR:ADDRESS#FINGERPRINT`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from posixpath import normpath
from string import Formatter
from typing import Any, ClassVar, Final, NamedTuple, Self

from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, StoredBy
from latewood.model.grids import parts_of
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.schemes import GridScheme, Scheme

FILES: Final = frozenset({"Csv", "Json", "Parquet"})
"""Latewood's own IO, by the names that addresses have. Their places are paths of files."""

_PREFIX: Final = "io:"
_OF_CONNECTOR: Final = "@"  # no class is called so
_TEMPLATE_MAX: Final = 1_000
_FINGERPRINT: Final = re.compile(r"[!-\"$-~]{1,200}")  # printable, no space, no #: it ends the address


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the value of one asset partition lies.

    name        the IO's template, filled in
    partition   the key of the partition; empty for an unpartitioned asset
    root        the project's folder, where relative paths start
    annotation  the type under which the value is stored, or is to be read
    """

    name: str
    partition: PartitionKey = UNPARTITIONED
    root: Path = field(default_factory=Path)
    annotation: Any = Any

    @property
    def path(self) -> Path:
        """The place as a file's path, for who stores files."""
        return self.root / self.name


class IO(ABC):
    """Keeps an asset's values at places of your choosing: subclass it, and say `@asset(io=YourIO("PLACE"))`.

    `place` is a template: `{partition}`, `{environment}`, `{asset}`, and in a grid the names of its dimensions, are
    filled in. Keys are written so that they are one segment of a path, whatever they contain. What else an instance is
    made with becomes part of the reuse key, as the class's code does, and must be JSON. A field annotated with a class
    of resources is given the configured instance before a method is called; secrets belong there.

    `holds_partitions = True` says that a place has all partitions, a table with a column for the key, say. Then `store`
    replaces those of `place.partition`, and the other methods speak of them alone.

    One that only looks at what others store, for `external_asset(…, io=…)`, needs no `store`.
    """

    holds_partitions: ClassVar[bool] = False

    def __init__(self, place: str) -> None:
        self.place = place

    @abstractmethod
    def load(self, place: Place) -> Any:
        """The value that lies there, as `place.annotation` promises it."""

    def store(self, place: Place, value: Any) -> None:
        """Put the value there in place of what there was: all of it, or nothing if this fails."""
        raise NotImplementedError(f"{type(self).__name__} stores nothing at {place.name}")

    @abstractmethod
    def exists(self, place: Place) -> bool:
        """Whether anything lies there."""

    @abstractmethod
    def fingerprint(self, place: Place) -> str:
        """What tells one content of the place from another: a hash, or a version that the system there counts.

        At most 200 printable characters without spaces and `#`. It is asked often, so it should be cheap.
        """


class Address(NamedTuple):
    """Where a version lies, as it is recorded in place of an artifact's address; `place` is one partition's."""

    io: str
    place: str
    fingerprint: str

    @property
    def where(self) -> str:
        """The place, whatever lies there."""
        return f"{self.io}:{self.place}"

    @property
    def connector(self) -> str:
        """Which connector's system it lies in; empty for a place of an IO."""
        return self.io.removeprefix(_OF_CONNECTOR) if self.io.startswith(_OF_CONNECTOR) else ""

    @classmethod
    def in_system(cls, connector: str, place: str, fingerprint: str) -> Self:
        """The address of what a job of the connector has left in its system."""
        return cls(f"{_OF_CONNECTOR}{connector}", place, fingerprint)

    @property
    def written(self) -> str:
        """The address as text."""
        return f"{_PREFIX}{self.io}:{self.place}#{self.fingerprint}"

    @classmethod
    def of(cls, artifact: str) -> Self | None:
        """The address that this text is; None for an artifact of the store."""
        if not artifact.startswith(_PREFIX):
            return None
        where, _, fingerprint = artifact.removeprefix(_PREFIX).rpartition("#")
        io, _, place = where.partition(":")
        return cls(io, place, fingerprint)


def is_fingerprint(text: object) -> bool:
    """Whether an IO may answer so."""
    return isinstance(text, str) and _FINGERPRINT.fullmatch(text) is not None


def is_placed(artifact: str) -> bool:
    """Whether the version lies at a place of its own and not in the artifact store."""
    return artifact.startswith(_PREFIX)


def name_at(asset: AssetDefinition, partition: PartitionKey, environment: str) -> str:
    """The place of an asset partition by its IO's template. The asset has an IO."""
    assert asset.stored is not None, "who asks has looked"
    values = {"asset": asset.key, "environment": environment, "partition": segment(partition)}
    if isinstance(asset.partitions, GridScheme):
        values |= {dimension: segment(key) for dimension, key in parts_of(partition).items()}
    return asset.stored.place.format_map(values)


def kept_at(name: str, partition: PartitionKey, *, holds_partitions: bool) -> str:
    """How the log calls the place of one partition."""
    return f"{name}[{partition}]" if holds_partitions and partition else name


def name_of(kept: str, partition: PartitionKey, *, holds_partitions: bool) -> str:
    """The place's own name, which the IO knows; the inverse of `kept_at`."""
    return kept.removesuffix(f"[{partition}]") if holds_partitions and partition else kept


def own_place(asset: AssetDefinition, partition: PartitionKey, environment: str) -> str | None:
    """Where a step of this environment stores the asset partition, as in `Address.where`; None in the store."""
    stored = asset.stored
    if stored is None:
        return None
    name = name_at(asset, partition, environment)
    return f"{stored.io}:{kept_at(name, partition, holds_partitions=stored.holds_partitions)}"


def identity(where: str, root: Path | None = None) -> str:
    """What tells this place from others, however it is written: of a file its path, whichever IO stores there.

    Relative paths stay so unless it is known which `root` they start from. Links are not followed.
    """
    io, _, name = where.partition(":")
    if io not in FILES:
        return where
    path = normpath(name if root is None else root / name)
    return f":{path[1:] if path.startswith('//') else path}"


def template_identity(stored: StoredBy, asset: AssetKey, root: Path) -> str:
    """The same of all places of an asset: where it is that of another asset's, all their places are the same."""
    return identity(f"{stored.io}:{stored.place.replace('{asset}', asset)}", root)


def may_meet(assets: Iterable[AssetDefinition], environment: str, root: Path) -> set[AssetKey]:
    """Those of these assets that might be stored at a place of another one: their places begin and end alike.

    Cost: O(assets log assets) where each has a folder, or a file, of its own.
    """
    ends = sorted((*_ends(a.stored, a.key, environment, root), a.key) for a in assets if a.stored is not None)
    found: set[AssetKey] = set()
    for number, (start, end, key) in enumerate(ends):
        for other_start, other_end, other in islice(ends, number + 1, None):
            if not other_start.startswith(start):
                break
            if end.endswith(other_end) or other_end.endswith(end):
                found |= {key, other}
    return found


def _ends(stored: StoredBy, asset: AssetKey, environment: str, root: Path) -> tuple[str, str]:
    """What all places of an asset begin and end with."""
    place = template_identity(stored, asset, root).replace("{environment}", environment)
    return place.partition("{")[0], place.rpartition("}")[2]


def is_shared(stored: StoredBy) -> bool:
    """Whether all environments would store at the same place."""
    return "environment" not in _fields(stored.place)


def faults_of(stored: StoredBy, scheme: Scheme | None) -> Iterator[str]:
    """What is wrong with the template of places for an asset with these partitions."""
    try:
        fields = _fields(stored.place)
    except DefinitionError as error:
        yield error.message
        return
    dimensions = tuple(d.name for d in scheme.dimensions) if isinstance(scheme, GridScheme) else ()
    known = ("partition", "environment", "asset", *dimensions)
    for name in fields:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            said = f"did you mean {{{near[0]}}}?" if near else f"there are {', '.join(f'{{{k}}}' for k in known)}"
            yield f'io: place "{stored.place}" has no {{{name}}} to fill in; {said}'
    apart = "partition" in fields or (dimensions and set(dimensions) <= set(fields))
    if scheme is None and "partition" in fields:
        yield f'io: place "{stored.place}" names a {{partition}}, but the asset has none; give it partitions=…'
    if scheme is not None and not apart and not stored.holds_partitions:
        yield f'io: place "{stored.place}" is the same for all partitions; put {{partition}} into it'


def _fields(template: str) -> tuple[str, ...]:
    """The names in braces. Raises DefinitionError for what is no template of one line."""
    if not template or len(template) > _TEMPLATE_MAX or not template.isprintable():
        raise DefinitionError(
            f"io: expected a place of one line, 1 to {_TEMPLATE_MAX:,} characters, found {template!r}"
        )
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise DefinitionError(f'io: place "{template}": {error}; a brace itself is written twice') from None
    if any(spec or conversion for _, _, spec, conversion in parsed):
        raise DefinitionError(f'io: place "{template}": expected plain names in braces, such as {{partition}}')
    return tuple(name for _, name, _, _ in parsed if name is not None)


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_\-.=,+@: ]")


def segment(key: str) -> str:
    """The key as one segment of a path: never a way out of its folder, and no two keys alike."""
    quoted = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), key)
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
