"""A list costs as many statements as a single item does."""

from collections import Counter

import pytest
from sqlalchemy import event

FIELDS = """
    key status flags location
    partitions { status partitions { count ranges { start stop } } }
    causes { cause partitions { count } }
    upstream { key status } downstream { key status }
    head { id size metadata parameters }
    versions(first: 3) { nodes { id metadata parameters reasons } pageInfo { hasNextPage } }
    runs(first: 2) { nodes { id } }
"""


@pytest.fixture
def statements(api):
    """What was sent to the database since the last look."""
    sent = []
    event.listen(api.service.reader.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))

    def look():
        found = Counter(sent)
        sent.clear()
        return found

    return look


def many(count):
    return "\n".join(
        f"@asset\ndef a{n}() -> int:\n    return {n}\n@asset\ndef b{n}(a{n}: int) -> int:\n    return a{n}\n"
        for n in range(count)
    )


def test_a_catalog_with_all_its_versions_is_as_many_statements_as_one_asset(api, made, statements):
    made(many(10))
    ask = f'assets(selection: "%s") {{ nodes {{ {FIELDS} }} }}'
    api.environment(ask % "a1")  # what is remembered from then on
    statements()
    assert len(api.environment(ask % "a1")["assets"]["nodes"]) == 1
    one = statements()
    assert len(api.environment(ask % "*")["assets"]["nodes"]) == 20
    assert statements() == one
    assert one.total() < 15, one


def test_a_page_of_runs_is_as_many_statements_whatever_it_has(api, made, statements):
    for _ in range(6):
        made(many(2), force=True)
    ask = "{ project { runs(first: %d) { nodes { id status counts } pageInfo { hasNextPage } } } }"
    api(ask % 1)
    statements()
    api(ask % 1)
    one = statements()
    assert len(api(ask % 6)["project"]["runs"]["nodes"]) == 6
    assert statements() == one


def test_what_changed_is_as_many_statements_whatever_it_is(api, made, statements):
    made(many(10))
    then = api("{ server { position } }")["server"]["position"]
    made(many(10), selection="a1 or b1", force=True)
    there = api("{ server { position } }")["server"]["position"]
    made(many(10), force=True)
    sides = "before { id metadata } after { id metadata size }"
    heads = f"heads {{ nodes {{ key partitions {{ text }} moves {{ nodes {{ {sides} }} }} }} }}"
    ask = f"{{ project(asOf: %d) {{ changes(since: {then}) {{ environment {{ {heads} }} }} }} }}"
    end = api("{ server { position } }")["server"]["position"]
    for position in (there, end):
        api(ask % position)  # what is remembered from then on
    statements()
    few, one = api(ask % there), statements()
    all_, every = api(ask % end), statements()
    assert [len(found["project"]["changes"]["environment"]["heads"]["nodes"]) for found in (few, all_)] == [2, 20]
    assert every.total() <= one.total() + 1, every - one
