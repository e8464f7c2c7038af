"""What counts as a delay, and how tables are cut and summed up.

Change something in clean_delay, then ask `latewood plan '*'` what that means.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc


def clean_delay(delay: pa.ChunkedArray) -> pa.ChunkedArray:
    """Minutes of delay as a floating point number: negative when early, null when cancelled."""
    return pc.cast(delay, pa.float64())


def on_day(table: pa.Table, day: date) -> pa.Table:
    """The rows of one local date."""
    return table.filter(pc.equal(table["date"], pa.scalar(day, pa.date32())))


def summed_up(table: pa.Table, by: Sequence[str], aggregates: Sequence[tuple[str, str]]) -> pa.Table:
    """The aggregates of each group, ordered by group.

    On one thread: sums of floating point numbers then come out the same each time, and what reads an equal
    result need not run again.
    """
    groups = table.group_by(list(by), use_threads=False).aggregate(list(aggregates))
    return groups.sort_by([(name, "ascending") for name in by])
