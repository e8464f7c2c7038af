"""Today's code reads what every release has recorded, and folds it to the same rows."""

from dataclasses import replace

import msgspec
import pytest

from histories.history import HISTORIES, folded, read_history, read_rows
from latewood.events import SCHEMA_VERSIONS, TYPES, AssetDefined, from_json, to_json
from latewood.model.definitions import AssetDefinition, definition_digest
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.codec import GENESIS, chain
from latewood_eventlog.database import connect

each_history = pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)


@each_history
def test_every_event_is_read_with_nothing_lost(history):
    for event in read_history(history):
        today = UPCASTERS.upcast(event)
        fact = from_json(today.type, today.data)
        assert isinstance(fact, TYPES[event.type])
        # A field that was renamed or dropped would be missing here: events change by a new schema version only.
        assert to_json(fact) == today.data


@each_history
def test_every_definition_is_read_with_nothing_lost(history):
    facts = [from_json(event.type, event.data) for event in map(UPCASTERS.upcast, read_history(history))]
    defined = [fact for fact in facts if isinstance(fact, AssetDefined)]
    assert defined
    for fact in defined:
        definition = msgspec.json.decode(fact.definition, type=AssetDefinition)
        assert (definition.key, definition_digest(definition)) == (fact.key, fact.digest)


@each_history
def test_the_chain_holds(history):
    previous, position = GENESIS, 0
    for event in read_history(history):
        assert event.position == position + 1
        assert chain(previous, replace(event, hash=b"")) == event.hash
        previous, position = event.hash, event.position


@each_history
def test_it_folds_to_the_rows_that_were_stored_with_it(history, platform_url):
    engine = connect(platform_url, role="engine")
    assert folded(engine, PROJECTIONS, map(UPCASTERS.upcast, read_history(history))) == read_rows(history)
    engine.dispose()


def test_every_table_of_today_has_rows_of_some_history():
    filled = {table for file in HISTORIES for table, rows in read_rows(file).items() if rows}
    assert filled == {table.name for projection in PROJECTIONS for table in projection.tables}


def test_every_type_of_today_has_an_example_in_some_history():
    examples = {(event.type, event.schema_version) for file in HISTORIES for event in read_history(file)}
    assert set(SCHEMA_VERSIONS.items()) - examples == set()
