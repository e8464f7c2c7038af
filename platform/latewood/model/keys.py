"""The names of things: asset keys, partition keys, version ids.

They are strings with a checked form, so that they cost nothing in ten thousand places and need no
translation in JSON, SQL or a terminal. Parse at the edge with the functions here; trust inside.
"""

import re
from typing import NewType

from latewood.errors import DefinitionError

AssetKey = NewType("AssetKey", str)
"""Path of segments joined by `/`, such as `flights/daily`."""

AssetId = NewType("AssetId", str)
"""What stays when an asset is renamed: 12 hexadecimal digits."""

PartitionKey = NewType("PartitionKey", str)
"""The name of one partition, such as `2013-03-31`; `UNPARTITIONED` for an asset without partitions."""

RunId = NewType("RunId", str)
"""Name of a run: 12 characters of lower-case base 32."""

VersionId = NewType("VersionId", str)
"""A version of an asset partition: `RUN.STEP`, the run that made it and the step's ordinal in that run.

Known before it is recorded, so that a step may name the versions it read while they are still on their
way to the log; unique together with the asset (one step may produce several assets).
"""

AssetVersion = tuple[AssetId, VersionId]
"""A version of an asset; its partition is that of its step."""

UNPARTITIONED = PartitionKey("")

_LENGTH_MAX = 200
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.\-]*"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")


def asset_key(text: str) -> AssetKey:
    """The key written as `text`. Raises DefinitionError unless it is segments of `A-Z a-z 0-9 _ . -`."""
    if len(text) > _LENGTH_MAX or not _KEY.fullmatch(text):
        raise DefinitionError(
            f'asset key "{text}": expected 1 to {_LENGTH_MAX} characters, segments of letters, digits, '
            '"_", "." and "-" joined by "/", as in "flights/daily"'
        )
    return AssetKey(text)


def version_id(run: RunId, step: int) -> VersionId:
    """The id of what step `step` of `run` makes."""
    return VersionId(f"{run}.{step}")
