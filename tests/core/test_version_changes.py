"""What one version of an asset has otherwise than another."""

from dataclasses import replace
from datetime import UTC, datetime

from msgspec import structs

from builders import catalog
from latewood.decide.state import VersionFacts
from latewood.decide.version_changes import Changed, Side, version_changes
from latewood.events import InputRead, StepStarted
from latewood.model.code import CodeChange, CodePart, CodeVersion

FACTS = VersionFacts("total", "", "r1.0", 1, datetime(2026, 1, 1, tzinfo=UTC), 1.0, "d", "", "c1", "l", "i", "k", True)
READ = InputRead(asset="orders", data_version="d1", versions="r0.0")
STARTED = StepStarted(
    run="r1",
    step=0,
    attempt=1,
    assets=("total",),
    task="shop:total",
    code="c1",
    logic="l",
    inputs_digest="i",
    parameters={"unit": "euro", "rate": 1},
    inputs={"orders": READ},
    configurations={"bank": "b1"},
)
SIDE = Side(facts=FACTS, definition=None, started=STARTED, metadata={"rows": 3, "kept": True})


def told(**other):
    return replace(SIDE, started=structs.replace(STARTED, **other))


def test_of_two_that_were_made_alike_nothing_is_said():
    found = version_changes(SIDE, SIDE)
    assert not any((found.code, found.parts, found.parameters, found.configurations, found.inputs, found.metadata))


def test_only_what_differs_is_said_each_by_its_name():
    found = version_changes(SIDE, told(parameters={"unit": "dollar", "rate": 1}, configurations={"bank": "b2"}))
    assert found.parameters == (Changed("unit", "euro", "dollar"),)
    assert found.configurations == (Changed("bank", "b1", "b2"),)
    assert not any((found.code, found.inputs, found.metadata))


def test_one_and_true_and_a_float_are_not_the_same():
    found = version_changes(
        SIDE, replace(told(parameters={"unit": "euro", "rate": 1.0}), metadata={"rows": 3, "kept": 1})
    )
    assert (found.parameters, found.metadata) == ((Changed("rate", 1, 1.0),), (Changed("kept", True, 1),))


def test_other_versions_that_are_equal_were_read_otherwise():
    read = structs.replace(READ, versions="r9.0")
    assert version_changes(SIDE, told(inputs={"orders": read})).inputs == (Changed("orders", READ, read),)


def test_what_came_and_went_has_no_other_side():
    found = version_changes(told(inputs={}), replace(SIDE, metadata={}))
    assert found.inputs == (Changed("orders", None, READ),)
    assert found.metadata == (Changed("kept", True, None), Changed("rows", 3, None))


def test_the_code_is_compared_part_by_part_where_the_definitions_are_known():
    before, after = (catalog("total")["total"] for _ in range(2))
    old = replace(SIDE, definition=edit(before, {"shop.py:rate": "1", "shop.py:total": "1"}))
    new = replace(
        SIDE, facts=FACTS._replace(code="c2"), definition=edit(after, {"shop.py:rate": "2", "shop.py:total": "1"})
    )
    (change,) = version_changes(old, new).code
    assert (change.subject, change.name) == ("part", "shop.py:rate")
    unknown = version_changes(replace(old, definition=None), new).code
    assert unknown == (CodeChange(subject="version", name="", before="c1", after="c2"),)


def edit(asset, parts):
    code = CodeVersion(
        version=str(sorted(parts.items())),
        given=False,
        scheme="1",
        file="shop.py",
        qualname="total",
        parts=tuple(CodePart(name=name, digest=digest) for name, digest in parts.items()),
    )
    return structs.replace(asset, task=structs.replace(asset.task, code=code))
