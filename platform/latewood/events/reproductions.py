"""Reproductions: whether what was made can be made again."""

from enum import StrEnum

import msgspec

from latewood.events.base import Event
from latewood.model.keys import AssetId, VersionId


class ReproductionStarted(Event, frozen=True):
    """Steps are about to be run again as they were: by the code of this deployment, with what they read then.

    Nothing that comes of it is a version. `versions` are those that the steps made, compact; where there are too many
    for an event, it is `@` and the artifact that lists them. `forced`: also steps whose task gives up reuse.
    """

    reproduction: str
    location: str
    deployment: str
    versions: str
    forced: bool = False


class Verdict(StrEnum):
    """What running a step again says of one of its outputs: `same shape` is a table's schema and number of rows."""

    IDENTICAL = "identical"
    SAME_SHAPE = "same shape"
    DIFFERENT = "different"
    FAILED = "failed"
    NOT_RUN = "not run"


class OutputReproduced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An output that is not identical: where it parts first from what was recorded, or why there is none."""

    asset: AssetId
    version: VersionId
    verdict: Verdict
    data_version: str = ""
    message: str = ""


class ReproductionEnded(Event, frozen=True):
    """How the steps came out by this Python: `identical` are the versions of which all outputs were, as listed before.

    Many others take several events, `part` of `parts`.
    """

    reproduction: str
    python: str
    identical: str
    others: tuple[OutputReproduced, ...] = ()
    part: int = 1
    parts: int = 1
