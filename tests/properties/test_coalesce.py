"""Row changes: one per row has the effect of all of them in order, however they are split into batches."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table

from latewood_eventlog.projector import Change, Put, Remove, Set, coalesce

metadata = MetaData()
TABLES = [
    Table(
        name,
        metadata,
        Column("project", Integer, primary_key=True),
        Column("id", Integer, primary_key=True),
        Column("a", Integer),
        Column("b", Integer),
    )
    for name in ("first", "second")
]

tables = st.sampled_from(TABLES)
keys = st.fixed_dictionaries({"project": st.integers(0, 1), "id": st.integers(0, 1)})
value = st.none() | st.integers(0, 9)
values = st.fixed_dictionaries({}, optional={"a": value, "b": value})
changes = st.one_of(
    st.builds(lambda table, key, value: Put(table, {**key, **value}), tables, keys, values),
    st.builds(Set, tables, keys, values),
    st.builds(Remove, tables, keys),
)
Rows = dict[tuple, dict]


def slot(table: Table, columns) -> tuple:
    return table.name, columns["project"], columns["id"]


def applied(rows: Rows, batch) -> Rows:
    """What a database would hold: the meaning of the changes, one after the other."""
    rows = dict(rows)
    for change in batch:
        match change:
            case Put(table, row):
                rows[slot(table, row)] = {"a": None, "b": None, **row}
            case Set(table, key, columns):
                if slot(table, key) in rows:
                    rows[slot(table, key)] = {**rows[slot(table, key)], **columns}
            case Remove(table, key):
                rows.pop(slot(table, key), None)
    return rows


@settings(max_examples=300)
@given(st.lists(changes, max_size=30), st.lists(changes, max_size=30))
def test_coalesced_changes_have_the_effect_of_all(before: list[Change], batch: list[Change]):
    rows = applied({}, before)
    assert applied(rows, coalesce(batch)) == applied(rows, batch)


@given(st.lists(changes, max_size=30))
def test_there_is_one_change_per_row_and_their_order_is_free(batch: list[Change]):
    rows = applied({}, batch)
    few = coalesce(batch)
    slots = [slot(change.table, change.row if isinstance(change, Put) else change.key) for change in few]
    assert len(slots) == len(set(slots))
    assert applied(rows, few) == applied(rows, reversed(few))
    assert coalesce(few) == few


@settings(max_examples=200)
@given(st.lists(changes, max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_any_split_into_batches_leaves_the_same_rows(batch: list[Change], cuts: list[int]):
    bounds = [0, *sorted(cuts), len(batch)]
    rows: Rows = {}
    for start, end in pairwise(bounds):
        rows = applied(rows, coalesce(batch[start:end]))
    assert rows == applied({}, coalesce(batch))
