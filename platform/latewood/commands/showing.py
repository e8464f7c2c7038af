"""The value of a version, looked at without the user's code."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from latewood.commands.places import displaced_text
from latewood.commands.versions import makings, versions_meant
from latewood.commands.views import PRESENT, AsOf, View, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.storage.store import ArtifactAddress
from latewood.engine.values.encoded import Stored
from latewood.engine.values.file_io import file_at
from latewood.engine.values.preview import Array, Document, Files, Rows, preview
from latewood.errors import StoreError, UsageError
from latewood.model.keys import AssetKey
from latewood.places import Address, is_placed
from latewood.projections.snapshots import snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A version's value, where it lies, and of how many partitions with a value it is the last."""

    asset: AssetKey
    facts: VersionFacts
    partitions: int
    path: Path
    size: int
    value: Rows | Document | Array | Files


def show(
    workspace: Workspace, key: str, *, partition: str = "", version: str = "", as_of: AsOf = PRESENT, limit: int = 10
) -> Shown:
    """The value of a version, else of the head of a partition; without either of the last one. Size in bytes.

    Raises UsageError where there is none or a partition is not one, ArtifactMissing.
    """
    with snapshot(workspace.log) as connection:
        view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
        asset = known_key(view, key)
        meant = versions_meant(connection, workspace, view, asset, partition=partition, version=version)
        named = (meant[-1].asset, meant[-1].version)
        recorded = makings(connection, workspace, [named])[named].output(view.catalog[asset].output)
    if partition and len(meant) > 1:
        raise UsageError(f'"{asset}" {partition}: expected one partition, found {len(meant):,}')
    if not meant[-1].artifact:
        raise UsageError(
            f'"{asset}" is external: its content is elsewhere; `latewood asset {asset}` says what was seen'
        )
    artifact: Stored = workspace.store.open(ArtifactAddress(meant[-1].artifact))
    if is_placed(meant[-1].artifact):
        artifact = at_its_place(workspace, view, asset, meant[-1])
    path = artifact.path()
    return Shown(
        asset=asset,
        facts=meant[-1],
        partitions=len(meant),
        path=path,
        size=sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if path.is_dir()
        else path.stat().st_size,
        value=as_recorded(_previewed(artifact, limit), () if recorded is None else recorded.columns),
    )


def as_recorded(value: Rows | Document | Array | Files, columns: Collection[str]) -> Rows | Document | Array | Files:
    """A table's columns without nulls where that was recorded: its file does not know what was declared."""
    if not isinstance(value, Rows):
        return value
    nullable = [column.nullable and f"{column.name}: {column.type}" not in columns for column in value.columns]
    named = zip(value.columns, nullable, strict=True)
    return replace(value, columns=tuple(msgspec.structs.replace(column, nullable=may) for column, may in named))


def at_its_place(workspace: Workspace, view: View, asset: AssetKey, facts: VersionFacts) -> Stored:
    """The file where the version lies. Raises UsageError where it does not any more, or only its IO can read it."""
    root = view.root if view.is_here(asset) else None
    if said := displaced_text(workspace, root, [(asset, facts)]):
        raise UsageError(f'"{asset}": {facts.version} cannot be loaded any more: {said[facts.artifact]}')
    address = Address.of(facts.artifact)
    assert address is not None, "so it was asked"
    stored = file_at(address, view.root)
    if address.connector:
        raise UsageError(f'"{asset}": {facts.version} lies at {address.place} in {address.connector}; look there')
    if stored is None:
        raise UsageError(f'"{asset}": {facts.version} lies at {address.place}, where {address.io} keeps it; look there')
    if root is None and not Path(address.place).is_absolute():
        raise UsageError(f'"{asset}": {facts.version} lies at {address.place} in another project; ask from its folder')
    return stored


def _previewed(artifact: Stored, limit: int) -> Rows | Document | Array | Files:
    try:
        return preview(artifact, limit)
    except (OSError, ValueError) as error:
        raise StoreError("read", str(artifact.path()), str(error), "Is it damaged? Materialize it again.") from error
