"""Splitting what a partition-wise task returns for a range into what it would give for each partition alone."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from latewood.errors import ValueRefused
from latewood.model.partitions import key_at, window_at
from latewood.model.schemes import Scheme, TimeWindows


def split(table: Any, column: str, scheme: Scheme, ordinals: Sequence[int], *, subject: str) -> list[Any]:
    """The rows of each partition, in their order, by what the column says: its window of time, or its key.

    One without rows is an empty table of the same schema. How the table lies in memory makes no difference.
    Raises ValueRefused where the column is missing or tells no partition, and for rows of none of these partitions.
    Cost: O(rows log partitions).
    """
    import pyarrow as pa  # noqa: PLC0415 - start-up: loaded by now, there is a table
    import pyarrow.compute as pc  # noqa: PLC0415 - the same

    if column not in table.column_names:
        found = ", ".join(table.column_names) or "none"
        raise ValueRefused(f'{subject}: expected the partition column "{column}", found columns {found}')
    plain = pa.table([_plain(values) for values in table.columns], names=table.column_names)
    plain = plain.cast(_plain_schema(table.schema, plain.schema))
    values = plain[column].combine_chunks()
    numbers = _numbers(values, column, scheme, ordinals, subject)
    outside = pc.index(numbers, -1).as_py()
    if outside >= 0:
        first, last = key_at(scheme, ordinals[0]), key_at(scheme, ordinals[-1])
        asked = first if first == last else f"{first}..{last}"
        raise ValueRefused(
            f"{subject}: expected rows of {asked} alone, found {column} = {values[outside].as_py()} in row {outside}"
        )
    return [plain.filter(pc.equal(numbers, number)).combine_chunks() for number in range(len(ordinals))]


def _plain(values: Any) -> Any:
    """The column without a dictionary: which entries that has depends on the other partitions."""
    import pyarrow as pa  # noqa: PLC0415 - start-up

    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _plain_schema(before: Any, plain: Any) -> Any:
    """The schema that the table had, as far as it was not changed: what it says of nulls, and metadata."""
    import pyarrow as pa  # noqa: PLC0415 - start-up

    return pa.schema(
        [field.with_type(plain.field(index).type) for index, field in enumerate(before)], metadata=before.metadata
    )


def _numbers(values: Any, column: str, scheme: Scheme, ordinals: Sequence[int], subject: str) -> Any:
    """For each row which of the partitions it belongs to, from 0; -1 for none of them. Each value is looked at once."""
    import pyarrow as pa  # noqa: PLC0415 - start-up: loaded by now, there is a table
    import pyarrow.compute as pc  # noqa: PLC0415 - the same

    dtype = values.type
    encoded = values.dictionary_encode()
    if isinstance(scheme, TimeWindows) and (pa.types.is_date(dtype) or pa.types.is_timestamp(dtype)):
        moments = [*(window_at(scheme, ordinal).start for ordinal in ordinals), window_at(scheme, ordinals[-1]).end]
        edges = [_edge(moment, dtype) for moment in moments]
        if None in edges:
            raise ValueRefused(f"{subject}: {column} has dates, but partitions begin within days; give it times")
        numbers = pa.int32() if pa.types.is_date32(dtype) else pa.int64()
        known = sorted(pa.array(edges, dtype).cast(numbers).to_pylist())  # where clocks go back, so do local times
        given = encoded.dictionary.cast(numbers).to_pylist()
        if pa.types.is_timestamp(dtype) and dtype.tz is None:
            for span in _repeated(moments):
                start, end = pa.array(span, dtype).cast(numbers).to_pylist()
                _refuse_within(encoded, [start <= value < end for value in given], f"{subject}: {column}")
        found = [bisect_right(known, value) - 1 for value in given]
    elif pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        by_key = {str(key_at(scheme, ordinal)): number for number, ordinal in enumerate(ordinals)}
        found = [by_key.get(key, -1) for key in encoded.dictionary.to_pylist()]
    else:
        expected = "dates, times or keys" if isinstance(scheme, TimeWindows) else "keys as text"
        raise ValueRefused(f'{subject}: expected {expected} in the partition column "{column}", found {dtype}')
    within = [number if number < len(ordinals) else -1 for number in found]
    return pc.fill_null(pa.array(within, pa.int64()).take(encoded.indices), -1)


def _repeated(moments: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """What clocks show twice around these edges of windows, and thereby in two of them: local start and end."""
    for moment in moments:
        shown = moment.replace(fold=0)
        before, after = shown.utcoffset(), moment.replace(fold=1).utcoffset()
        if before is None or after is None or before <= after:
            continue
        instant, back = shown.astimezone(UTC), before - after
        seconds = range(round(back.total_seconds()) + 1)
        turn = instant + timedelta(seconds=bisect_left(seconds, True, key=_is_set_back(instant, moment.tzinfo, before)))
        if moment.astimezone(UTC) > turn - back:  # else the first showing begins here, and both are in one window
            yield (turn + after).replace(tzinfo=None), (turn + before).replace(tzinfo=None)


def _is_set_back(instant: datetime, zone: tzinfo | None, before: timedelta) -> Callable[[int], bool]:
    return lambda seconds: (instant + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != before


def _refuse_within(encoded: Any, within: list[bool], subject: str) -> None:
    """Refuse the first value that clocks show twice, which does not say which of two windows is meant."""
    import pyarrow.compute as pc  # noqa: PLC0415 - start-up: loaded by now, there is a table

    if True in within:
        number = within.index(True)
        raise ValueRefused(
            f"{subject} = {encoded.dictionary[number].as_py()} in row {pc.index(encoded.indices, number).as_py()} "
            "is shown twice by clocks that are set back; give it a time zone"
        )


def _edge(moment: datetime, dtype: Any) -> date | datetime | None:
    """A window's edge as the column would say it; None for one that it cannot."""
    import pyarrow as pa  # noqa: PLC0415 - start-up

    if pa.types.is_date(dtype):
        # Where clocks skip midnight the day begins later.
        just_before = (moment.astimezone(UTC) - timedelta(microseconds=1)).astimezone(moment.tzinfo)
        return moment.date() if just_before.date() < moment.date() else None
    return moment if dtype.tz is not None else moment.replace(tzinfo=None)
