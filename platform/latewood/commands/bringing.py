"""What a run would have brought here from other systems, with its size."""

from collections.abc import Iterable
from dataclasses import dataclass

from latewood.commands.workspace import Workspace
from latewood.decide.bringing import brought
from latewood.decide.plan import Plan
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import version_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """What lies of an asset in a connector's system, and would be brought here for its `readers`.

    It is so many `versions` with so many `bytes` in all; of `unsized` ones the system has not said how many, and of
    `remade` ones others may be made before.
    """

    asset: AssetKey
    connector: str
    readers: tuple[AssetKey, ...]
    versions: int
    bytes: int
    unsized: int
    remade: int


def bringing(workspace: Workspace, catalog: Catalog, made: Plan) -> tuple[Bringing, ...]:
    """What the plan would have brought here if all of it runs. Cost: as `brought`, and a look for each version."""
    found = brought(made, catalog)
    if not found:
        return ()
    with snapshot(workspace.log) as connection:
        sizes = version_sizes(connection, workspace.project, [f for one in found for f in one.versions.values()])
    told = []
    for one in found:
        of_each = [sizes.get((facts.asset, facts.version), 0) for facts in one.versions.values()]
        told.append(
            Bringing(
                asset=one.asset,
                connector=one.connector,
                readers=tuple(one.readers),
                versions=len(of_each),
                bytes=sum(of_each),
                unsized=of_each.count(0),
                remade=one.remade,
            )
        )
    return tuple(told)


def bringing_lines(found: Iterable[Bringing]) -> list[str]:
    """The same, a line for each asset."""
    lines = []
    for one in found:
        versions = "" if one.versions == 1 else f" in {one.versions:,} versions"
        size = "of unknown size" if one.unsized == one.versions else f"{one.bytes:,} bytes{versions}"
        more = f", and {one.unsized:,} of unknown size" if 0 < one.unsized < one.versions else ""
        now = ", as it is now" if one.remade else ""
        lines.append(f"brought here from {one.connector}: {one.asset}, {size}{more}{now}, for {', '.join(one.readers)}")
    return lines
