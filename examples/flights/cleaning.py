"""What counts as a delay. Change something here and ask `latewood plan '*'` what that means."""

import pyarrow as pa
import pyarrow.compute as pc


def clean_delay(delay: pa.ChunkedArray) -> pa.ChunkedArray:
    """Minutes of delay as a floating point number; early arrivals stay negative, cancelled flights null."""
    return pc.cast(delay, pa.float64())


def on_day(table: pa.Table, day: object) -> pa.Table:
    """The rows of one local date."""
    return table.filter(pc.equal(table["date"], pa.scalar(day, pa.date32())))
