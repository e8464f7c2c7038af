"""Many version ids in few characters: runs of consecutive steps as ranges.

A backfill's steps are numbered in order, so the 365 versions behind a year's report usually are one range:
`7k2m9q4t8w1x.12-376`.
"""

from collections.abc import Iterable, Iterator

from latewood.model.keys import RunId, VersionId, version_id


def compact(versions: Iterable[VersionId]) -> str:
    """The ids in order as `RUN.FIRST-LAST` and `RUN.STEP`, joined by commas. Cost: O(versions)."""
    ranges: list[tuple[str, int, int]] = []
    for version in versions:
        run, _, number = version.rpartition(".")
        step = int(number)
        if ranges and ranges[-1][0] == run and ranges[-1][2] + 1 == step:
            ranges[-1] = (run, ranges[-1][1], step)
        else:
            ranges.append((run, step, step))
    return ",".join(f"{run}.{a}" if a == b else f"{run}.{a}-{b}" for run, a, b in ranges)


def expand(text: str) -> Iterator[VersionId]:
    """The ids written as `text`, in order: the inverse of `compact`."""
    for run, first, last in ranges(text):
        for step in range(first, last + 1):
            yield version_id(RunId(run), step)


def ranges(text: str) -> Iterator[tuple[str, int, int]]:
    """The ids written as `text` by run, from the first step to the last."""
    for part in filter(None, text.split(",")):
        run, _, steps = part.rpartition(".")
        first, _, last = steps.partition("-")
        yield run, int(first), int(last or first)
